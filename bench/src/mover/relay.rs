//! As much HTTP/1.1 as the sink needs: requests are read whole, answers are written whole, and what the sink does not
//! answer itself goes on to a pocket cluster as it came.

use std::{
    io::{self, BufRead, BufReader, Read as _, Write as _},
    net::TcpStream,
};

/// What a connection reads ahead.
const READ_AHEAD_BYTES: usize = 256 * 1024;
/// The largest head that is taken.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// One request as it came.
#[derive(Debug, Default)]
pub(super) struct Request {
    /// Its head, up to and with the empty line.
    pub(super) head: Vec<u8>,
    /// Its body.
    pub(super) body: Vec<u8>,
}

impl Request {
    /// `METHOD PATH` of its first line.
    pub(super) fn title(&self) -> &str {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = std::str::from_utf8(line).unwrap_or_default();
        line.rsplit_once(' ').map_or(line, |(title, _)| title)
    }

    /// Reads the next request over this one; `false` when the other side has closed.
    pub(super) fn read(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        read_message(input, &mut self.head, &mut self.body)
    }
}

/// A connection that reads ahead.
pub(super) fn buffered(stream: TcpStream) -> BufReader<TcpStream> {
    BufReader::with_capacity(READ_AHEAD_BYTES, stream)
}

/// Writes an answer made of pieces.
pub(super) fn answer(output: &mut TcpStream, pieces: [&[u8]; 3]) -> io::Result<()> {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    let [first, second, third] = pieces;
    let mut head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=UTF-8\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    head.extend_from_slice(first);
    output.write_all(&head)?;
    output.write_all(second)?;
    output.write_all(third)
}

/// A connection to the pocket cluster behind the sink.
#[derive(Debug)]
pub(super) struct Behind {
    input: BufReader<TcpStream>,
    output: TcpStream,
}

impl Behind {
    /// Opens one.
    pub(super) fn open(authority: &str) -> io::Result<Self> {
        let output = TcpStream::connect(authority)?;
        output.set_nodelay(true)?;
        Ok(Self { input: buffered(output.try_clone()?), output })
    }

    /// Hands a request on, and its answer back.
    pub(super) fn exchange(&mut self, request: &Request, output: &mut TcpStream) -> io::Result<()> {
        self.output.write_all(&request.head)?;
        self.output.write_all(&request.body)?;
        let (mut head, mut body) = (Vec::new(), Vec::new());
        if !read_message(&mut self.input, &mut head, &mut body)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        output.write_all(&head)?;
        output.write_all(&body)
    }
}

/// Reads one message whose length its head tells; `false` when there is none.
fn read_message(
    input: &mut impl BufRead,
    head: &mut Vec<u8>,
    body: &mut Vec<u8>,
) -> io::Result<bool> {
    head.clear();
    body.clear();
    loop {
        let line = input.read_until(b'\n', head)?;
        if line == 0 {
            return Ok(false);
        }
        if head.len() > HEAD_BYTES_MAX {
            return Err(io::Error::other("the head is too long"));
        }
        if line == 2 && head.ends_with(b"\r\n") {
            break;
        }
    }
    let length = content_length(head)?;
    body.reserve(length);
    let wanted = u64::try_from(length).map_err(io::Error::other)?;
    let came = input.take(wanted).read_to_end(body)?;
    if came < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(true) }
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let text = std::str::from_utf8(head).map_err(io::Error::other)?;
    for line in text.lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(io::Error::other("bodies in chunks are not understood here"));
        }
        if name.eq_ignore_ascii_case("content-length") {
            return value.trim().parse().map_err(io::Error::other);
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_one_after_the_other() {
        let text = "POST /_bulk?x=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc\r\nGET / HTTP/1.1\r\n\r\n";
        let mut input = BufReader::new(text.as_bytes());
        let mut request = Request::default();
        assert!(request.read(&mut input).unwrap());
        assert_eq!(
            (request.title(), request.body.as_slice()),
            ("POST /_bulk?x=1", b"abc\r\n".as_slice())
        );
        assert!(request.read(&mut input).unwrap());
        assert_eq!((request.title(), request.body.len()), ("GET /", 0));
        assert!(!request.read(&mut input).unwrap());
        let cut = "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\nabc";
        assert!(request.read(&mut BufReader::new(cut.as_bytes())).is_err());
    }
}

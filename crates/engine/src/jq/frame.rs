//! What a host and its driver say to each other: a letter, a length of four bytes, and so many bytes.

use std::io::{self, Read, Write};

use lockstep_core::{
    jq::{Failure, VALUE_BYTES_MAX},
    transform::RejectionCode,
};

/// Bytes before those of a frame.
pub(super) const HEAD_BYTES: usize = 5;

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Compile this text; it is the next program. It is answered.
    Compile(Vec<u8>),
    /// Values are for this program from here on, counted from 0. It is not answered.
    Take(u32),
    /// A value, as JSON text. It is answered.
    Value(Vec<u8>),
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The program is compiled.
    Ready,
    /// The program does not compile.
    Unfit(String),
    /// What the program made of the value.
    Made(Vec<u8>),
    /// It made nothing of it.
    Failed(Failure),
}

/// Letters of frames.
mod letter {
    pub(super) const COMPILE: u8 = b'c';
    pub(super) const TAKE: u8 = b't';
    pub(super) const VALUE: u8 = b'v';
    pub(super) const READY: u8 = b'r';
    pub(super) const UNFIT: u8 = b'u';
    pub(super) const MADE: u8 = b'm';
    pub(super) const FAILED: u8 = b'f';
}

/// Bytes of a code, such as `T0301`, which stands before the message of a failure.
const CODE_BYTES: usize = 5;

impl Order {
    /// Puts it behind others.
    pub(super) fn append(&self, frames: &mut Vec<u8>) {
        match self {
            Self::Compile(text) => append(frames, letter::COMPILE, &[text]),
            Self::Take(program) => append(frames, letter::TAKE, &[&program.to_le_bytes()]),
            Self::Value(value) => Self::append_value(value, frames),
        }
    }

    /// Puts a value behind others that belongs to somebody else.
    pub(super) fn append_value(value: &[u8], frames: &mut Vec<u8>) {
        append(frames, letter::VALUE, &[value]);
    }

    /// The next one; `None` at the end.
    ///
    /// # Errors
    /// When the input breaks off or is no order.
    pub(super) fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD_BYTES];
        match input.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let (letter, length) = head_of(head)?;
        let mut content = vec![0; length];
        input.read_exact(&mut content)?;
        match letter {
            letter::COMPILE => Ok(Some(Self::Compile(content))),
            letter::TAKE => {
                let number = content.try_into().map_err(|_| not_a_frame())?;
                Ok(Some(Self::Take(u32::from_le_bytes(number))))
            }
            letter::VALUE => Ok(Some(Self::Value(content))),
            _ => Err(not_a_frame()),
        }
    }
}

impl Answer {
    /// Writes it.
    ///
    /// # Errors
    /// When nobody reads any more.
    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let mut frame = Vec::new();
        match self {
            Self::Ready => append(&mut frame, letter::READY, &[]),
            Self::Unfit(reason) => append(&mut frame, letter::UNFIT, &[reason.as_bytes()]),
            Self::Made(value) => append(&mut frame, letter::MADE, &[value]),
            Self::Failed(Failure { code, message }) => {
                let parts = [code.as_str().as_bytes(), message.as_bytes()];
                append(&mut frame, letter::FAILED, &parts);
            }
        }
        output.write_all(&frame)
    }

    /// From its letter and its content.
    ///
    /// # Errors
    /// When it is no answer.
    pub(super) fn of(letter: u8, content: Vec<u8>) -> io::Result<Self> {
        match letter {
            letter::READY => Ok(Self::Ready),
            letter::UNFIT => Ok(Self::Unfit(String::from_utf8_lossy(&content).into_owned())),
            letter::MADE => Ok(Self::Made(content)),
            letter::FAILED => {
                let text = String::from_utf8_lossy(&content);
                let (code, message) = text.split_at_checked(CODE_BYTES).ok_or_else(not_a_frame)?;
                let code: RejectionCode = serde_json::from_value(code.into())?;
                Ok(Self::Failed(Failure::new(code, message)))
            }
            _ => Err(not_a_frame()),
        }
    }
}

/// The letter and the length of what follows.
///
/// # Errors
/// When it would be longer than anything that is ever sent.
pub(super) fn head_of(head: [u8; HEAD_BYTES]) -> io::Result<(u8, usize)> {
    let [letter, length @ ..] = head;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| not_a_frame())?;
    if length > VALUE_BYTES_MAX { Err(not_a_frame()) } else { Ok((letter, length)) }
}

fn append(frames: &mut Vec<u8>, letter: u8, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).expect("a value is below 100 MB");
    frames.push(letter);
    frames.extend_from_slice(&length.to_le_bytes());
    for part in parts {
        frames.extend_from_slice(part);
    }
}

fn not_a_frame() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "this is no frame of a host for jq")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_says_the_other_side_hears() {
        let orders = [Order::Compile(b".a".to_vec()), Order::Take(7), Order::Value(b"{}".to_vec())];
        let mut frames = Vec::new();
        for order in &orders {
            order.append(&mut frames);
        }
        let mut input = frames.as_slice();
        for order in orders {
            assert_eq!(Order::read(&mut input).expect("an order"), Some(order));
        }
        assert_eq!(Order::read(&mut input).expect("the end"), None);
        // What breaks off, means nothing or would be too long.
        for wrong in [&b"v\x02\0\0\0a"[..], b"x\0\0\0\0", b"v\xff\xff\xff\xff", b"t\x01\0\0\0a"] {
            let mut input = wrong;
            assert!(Order::read(&mut input).is_err(), "{wrong:?}");
        }
        let failure = Failure::new(RejectionCode::JqCount, "none");
        for answer in [
            Answer::Ready,
            Answer::Unfit("why".to_owned()),
            Answer::Made(b"1".to_vec()),
            Answer::Failed(failure),
        ] {
            let mut frame = Vec::new();
            answer.write(&mut frame).expect("written");
            let (head, content) = frame.split_at(HEAD_BYTES);
            let (letter, length) = head_of(head.try_into().expect("a head")).expect("a frame");
            assert_eq!(length, content.len());
            assert_eq!(Answer::of(letter, content.to_vec()).expect("an answer"), answer);
        }
        assert!(Answer::of(b'f', b"T9".to_vec()).is_err());
        assert!(Answer::of(b'f', b"T9999x".to_vec()).is_err());
    }
}

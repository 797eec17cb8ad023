//! A raw HTTP/1.1 server on a loopback port: it records what comes and answers what the test says, byte by byte.

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lockstep_elastic::{Cluster, Connection, RetryBounds, Timeouts};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method and path.
    pub(crate) title: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Answers: status, further headers, body.
    Answer(u16, Vec<(String, String)>, Vec<u8>),
    /// Takes the request and closes the connection without a word.
    Hang,
    /// Answers a part of what it announced, then closes: with this status.
    Cut(u16),
    /// Says nothing for so long, then closes.
    Silence(Duration),
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let kind = ("content-type".to_owned(), "application/json".to_owned());
        Self::Answer(status, vec![kind], body.as_bytes().to_vec())
    }
}

type Handler = dyn FnMut(&Seen) -> Reply + Send;

/// A server that lives as long as the test process.
pub(crate) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) fn start(handler: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::start_on(handler, Some)
    }

    /// Starts with something between the bytes and the server, such as encryption; `None` drops the connection.
    pub(crate) fn start_on<Stream: Read + Write>(
        handler: impl FnMut(&Seen) -> Reply + Send + 'static,
        wrap: impl Fn(TcpStream) -> Option<Stream> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let handler: Arc<Mutex<Box<Handler>>> = Arc::new(Mutex::new(Box::new(handler)));
        let wrap = Arc::new(wrap);
        let record = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (record, handler) = (Arc::clone(&record), Arc::clone(&handler));
                let wrap = Arc::clone(&wrap);
                thread::spawn(move || {
                    if let Some(stream) = wrap(stream) {
                        serve(stream, &record, &handler);
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// A client of this server that does not wait long for anything.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(hasty(&self.address())).unwrap()
    }
}

/// A connection that does not wait long for anything.
pub(crate) fn hasty(address: &str) -> Connection {
    let timeouts = Timeouts {
        connect: Duration::from_secs(2),
        request: Duration::from_millis(500),
        transfer: Duration::from_secs(1),
    };
    let retry = RetryBounds {
        attempts_max: 4,
        wait_total: Duration::from_secs(2),
        wait_first: Duration::from_millis(1),
        wait_max: Duration::from_millis(2),
    };
    Connection::parse(address).unwrap().with_timeouts(timeouts).with_retry(retry)
}

/// Serves one connection until it closes.
fn serve<Stream: Read + Write>(
    stream: Stream,
    record: &Mutex<Vec<Seen>>,
    handler: &Mutex<Box<Handler>>,
) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read_request(&mut stream) {
        record.lock().unwrap().push(seen.clone());
        let reply = (handler.lock().unwrap())(&seen);
        match reply {
            Reply::Answer(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} Whatever\r\n");
                for (name, value) in headers {
                    head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
                }
                head.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n"]);
                let mut bytes = head.into_bytes();
                bytes.extend_from_slice(&body);
                if stream
                    .get_mut()
                    .write_all(&bytes)
                    .and_then(|()| stream.get_mut().flush())
                    .is_err()
                {
                    return;
                }
            }
            Reply::Hang => return,
            Reply::Cut(status) => {
                let head = format!("HTTP/1.1 {status} Whatever\r\ncontent-length: 100\r\n\r\n");
                let cut = head + "{\"acknowledged\":true";
                drop(stream.get_mut().write_all(cut.as_bytes()));
                return;
            }
            Reply::Silence(time) => {
                thread::sleep(time);
                return;
            }
        }
    }
}

fn read_request<Stream: Read>(stream: &mut BufReader<Stream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let title = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let mut seen = Seen { title, headers, body: Vec::new() };
    let bytes = seen.header("content-length").map_or(0, |text| text.parse().unwrap());
    seen.body.resize(bytes, 0);
    stream.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

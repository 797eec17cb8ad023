//! A bucket that speaks S3, for tests. It listens on loopback; `s3s` reads requests and checks their signatures, `s3s-fs` keeps
//! objects as files in a folder, so that a test can look at them and damage them.
//!
//! Its wire can be told to be in trouble, see [`Trouble`]. What is not here: anything that a test wants to know of archives.

mod rights;

mod wire;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

pub use crate::wire::{Direction, Trouble};
use crate::{
    rights::Rights,
    wire::{Line, Wire},
};

/// Who may ask. Keys of this form are known by their look to whatever searches for leaked ones.
pub const KEY_ID: &str = "AKIALOCKSTEPTESTS001";
/// Who may read and not write, with the same secret.
pub const READER_KEY_ID: &str = "AKIALOCKSTEPTESTS002";
/// What requests are signed with.
pub const SECRET: &str = "a/secret+of/tests/that+never/leaves+them";

/// A server with one bucket. It ends with all its connections when it is dropped.
pub struct Bucket {
    endpoint: String,
    folder: TempDir,
    line: Arc<Line>,
    /// The one task that accepts, and owns the tasks of the connections.
    _accepting: JoinSet<()>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bucket").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Bucket {
    /// The bucket's name.
    pub const NAME: &str = "archive";

    /// Starts it on a free port.
    ///
    /// # Errors
    /// What the system says about its folder or its port.
    pub async fn start() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join(Self::NAME))?;
        let files = FileSystem::new(folder.path())
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        let mut keys = SimpleAuth::from_single(KEY_ID, SECRET);
        keys.register(READER_KEY_ID.to_owned(), SECRET.into());
        service.set_auth(keys);
        service.set_access(Rights);
        let service = service.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let line = Arc::new(Line::default());
        let mut accepting = JoinSet::new();
        let of_connections = Arc::clone(&line);
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            // A listener that takes nothing any more is seen by the test as a server that is gone.
            while let Ok((stream, _)) = listener.accept().await {
                let wire = TokioIo::new(Wire::new(stream, Arc::clone(&of_connections)));
                let connection = http1::Builder::new().serve_connection(wire, service.clone());
                connections.spawn(async move {
                    // Connections that break are what the troubles are for.
                    drop(connection.await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { endpoint, folder, line, _accepting: accepting })
    }

    /// Where it listens, as `AWS_ENDPOINT_URL` wants it.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The variables with which its owner reaches it.
    #[must_use]
    pub fn variables(&self) -> Vec<(String, String)> {
        let rows = [
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true"),
        ];
        rows.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// The folder that has the objects of the bucket as files, by their keys.
    #[must_use]
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join(Self::NAME)
    }

    /// Chunks of objects that were begun and neither completed nor given up.
    ///
    /// # Errors
    /// What the system says about its folder.
    pub fn unfinished(&self) -> io::Result<usize> {
        let is_chunk = |path: &Path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".upload"))
        };
        let mut count = 0;
        for entry in std::fs::read_dir(self.folder.path())? {
            count += usize::from(is_chunk(&entry?.path()));
        }
        Ok(count)
    }

    /// From here on the wire is in trouble, once so many more bytes have passed in a direction.
    pub fn trouble(&self, trouble: Trouble, direction: Direction, after_bytes: u64) {
        self.line.begin(trouble, direction, after_bytes);
    }

    /// Whether the trouble has come, and isn't over.
    #[must_use]
    pub fn is_in_trouble(&self) -> bool {
        self.line.has_come()
    }

    /// The trouble is over. Says whether it came at all.
    pub fn recover(&self) -> bool {
        self.line.end()
    }
}

//! A wire to a database that loses answers: every few commits it lets the database do what it is asked to, and then breaks
//! the connection instead of handing the answer on.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::stand::Trouble;

/// One commit in so many loses its answer.
const COMMITS_BETWEEN: u64 = 7;

/// The wire. It is cut when it is dropped.
pub(crate) struct Lossy {
    port: u16,
    lost: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

impl Lossy {
    /// A wire to the database at this address.
    pub(crate) async fn before(url: &str) -> Result<Self, Trouble> {
        let database = host(url)?.to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let lost = Arc::new(AtomicU64::new(0));
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let (database, commits, lost) =
                    (database.clone(), Arc::clone(&commits), Arc::clone(&counted));
                wires.spawn(async move { wire(client, &database, &commits, &lost).await });
            }
        });
        Ok(Self { port, lost, _listening: listening })
    }

    /// The same address, by this wire.
    pub(crate) fn url(&self, url: &str) -> String {
        let host = host(url).unwrap_or_default();
        url.replace(host, &format!("127.0.0.1:{}", self.port))
    }

    /// How many answers were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

fn host(url: &str) -> Result<&str, Trouble> {
    let behind = url.split('@').nth(1).ok_or("no user")?;
    Ok(behind.split('/').next().ok_or("no host")?)
}

async fn wire(mut client: TcpStream, database: &str, commits: &AtomicU64, lost: &AtomicU64) {
    let Ok(mut server) = TcpStream::connect(database).await else { return };
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut is_losing = false;
    loop {
        let passed = tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let Some(bytes) = asked.get(..length) else { return };
                let is_commit = bytes.len() < 64 && bytes.windows(6).any(|part| part == b"COMMIT");
                if is_commit {
                    is_losing = commits.fetch_add(1, Ordering::Relaxed) % COMMITS_BETWEEN == COMMITS_BETWEEN - 1;
                }
                server.write_all(bytes).await
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if is_losing {
                    lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                let Some(bytes) = answered.get(..length) else { return };
                client.write_all(bytes).await
            }
        };
        if passed.is_err() {
            return;
        }
    }
}

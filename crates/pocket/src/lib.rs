//! The pocket cluster: the part of the REST API that Lockstep uses, in memory, on a loopback port.
//!
//! It is behind `lockstep demo`, fast tests and fault tests. One contract suite runs on it and on
//! real engines, so that it stays honest. It keeps the semantics that the engine builds on: dense
//! sequence numbers for each shard, search that sees only what was refreshed, external versions
//! with tombstones, mappings that refuse what a real engine refuses, aliases that change all at
//! once.
//!
//! What is deliberately absent: replicas and a second node, relevance and analysis, ingest
//! pipelines and scripts, data streams, security, anything on disk.
//!
//! The way of a request: [`wire`] → [`server`] (faults) → [`routes`] → a handler such as [`bulk`],
//! [`search`] or [`aliases`] → [`node`] (state) → [`shard`] (documents).

mod aliases;
mod bulk;
mod cluster;
mod document;
mod error;
mod fault;
mod lifecycle;
mod mapping;
mod names;
mod node;
mod request;
mod routes;
mod routing;
mod search;
mod server;
mod settings;
mod shard;
mod stats;
mod templates;
mod wait;
mod wire;
mod write;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use self::fault::{Fault, Kind as FaultKind, Moment as FaultMoment};
pub use self::node::Flavour;
use self::node::Node;
use self::server::Service;
use self::wire::Wires;

/// How a pocket cluster is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The engine it poses as.
    pub engine: Flavour,
    /// The default of `cluster.max_shards_per_node`.
    pub shards_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, engine: Flavour::default(), shards_max: 1000 }
    }
}

/// Why a pocket cluster did not start or end well.
#[derive(Debug, thiserror::Error)]
pub enum PocketError {
    /// The port can't be had.
    #[error("the pocket cluster can't listen on 127.0.0.1:{port}; free the port or use port 0")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// How long [`Pocket::stop`] waits for open requests.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// A running pocket cluster. It stops when dropped; [`Pocket::stop`] also waits for the end.
#[derive(Debug)]
pub struct Pocket {
    url: String,
    service: Arc<Service>,
    server: TaskTracker,
    _stop_on_drop: DropGuard,
}

impl Pocket {
    /// Starts a pocket cluster on the current tokio runtime; it answers when this returns.
    pub async fn start(options: Options) -> Result<Self, PocketError> {
        let Options { port, engine, shards_max } = options;
        let failed = |source| PocketError::Listen { port, source };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let url = format!("http://{}", listener.local_addr().map_err(failed)?);
        let stop = CancellationToken::new();
        let service = Arc::new(Service {
            node: Node::new(engine, shards_max),
            faults: fault::Faults::default(),
            tasks: TaskTracker::new(),
            stop: stop.clone(),
        });
        let server = TaskTracker::new();
        server.spawn(server::run(Wires { listener }, Arc::clone(&service)));
        server.close();
        Ok(Self { url, service, server, _stop_on_drop: stop.drop_guard() })
    }

    /// Where it listens, such as `http://127.0.0.1:40123`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Plans a fault; see [`Fault`]. The same can be done by `POST /_pocket/faults`.
    pub fn plan_fault(&self, fault: Fault) {
        self.service.faults.plan(fault);
    }

    /// Takes back every planned fault.
    pub fn clear_faults(&self) {
        self.service.faults.clear();
    }

    /// The planned faults that have not fired as often as planned.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.service.faults.pending()
    }

    /// Stops listening, answers the requests under way and returns when that is done, or after
    /// five seconds: a client may hold a half-sent request open for ever.
    pub async fn stop(self) {
        self.service.stop.cancel();
        drop(tokio::time::timeout(STOP_WAIT, self.server.wait()).await);
    }
}

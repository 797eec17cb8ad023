//! The event store as a program, the one that its container image runs. Everything comes from the environment, as images and
//! compose files give it:
//!
//! | variable | what |
//! | --- | --- |
//! | `EVENT_STORE_VERSION` | its version: set by the image |
//! | `EVENT_STORE_CLUSTER` | address of the cluster; `http://127.0.0.1:9200` unless told |
//! | `EVENT_STORE_LISTEN` | where it listens; `0.0.0.0:8080` unless told |
//! | `UNHEALTHY` | `1` plans a fault: its health is bad |
//!
//! `event-store` serves until SIGTERM or Ctrl-C; `event-store health` asks a running one, for an image without a shell;
//! `event-store seed [TENANTS [DOCUMENTS]]` creates the data of release 1.0 on an empty cluster.

use std::{
    env,
    error::Error,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use lockstep_demo::{SeedOptions, Service, ServiceOptions, health_of, seed};

const USAGE: &str = "usage: event-store [health | seed [TENANTS [DOCUMENTS]]]";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be told to a reader who has gone.
            drop(writeln!(io::stderr(), "event-store: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let cluster = variable("EVENT_STORE_CLUSTER").unwrap_or("http://127.0.0.1:9200".to_owned());
    let listen = variable("EVENT_STORE_LISTEN").unwrap_or("0.0.0.0:8080".to_owned());
    let listen: SocketAddr =
        listen.parse().map_err(|error| format!("EVENT_STORE_LISTEN is `{listen}`: {error}"))?;
    match arguments {
        [] => serve(cluster, listen).await,
        ["health"] => {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, listen.port()));
            Ok(write!(io::stdout(), "{}", health_of(at).await?)?)
        }
        ["seed", numbers @ ..] if numbers.len() <= 2 => {
            let mut options = SeedOptions::default();
            if let Some(tenants) = numbers.first() {
                options.tenants = tenants.parse()?;
            }
            if let Some(documents) = numbers.get(1) {
                options.documents = documents.parse()?;
            }
            let report = seed(&cluster, &options).await?;
            Ok(writeln!(io::stdout(), "{report:?}")?)
        }
        _ => Err(USAGE.into()),
    }
}

async fn serve(cluster: String, listen: SocketAddr) -> Result<(), Box<dyn Error>> {
    let version = variable("EVENT_STORE_VERSION")
        .ok_or("EVENT_STORE_VERSION is not set; the image sets it")?;
    let is_unhealthy = variable("UNHEALTHY").is_some_and(|text| text == "1");
    let options = ServiceOptions { cluster, version: version.clone(), listen, is_unhealthy };
    let ended = ended()?;
    let service = Service::start(options).await?;
    writeln!(io::stdout(), "event store {version} listens on {}", service.address()?)?;
    service.run(ended).await?;
    Ok(writeln!(io::stdout(), "event store {version} has ended")?)
}

/// SIGTERM, as Docker sends it, or Ctrl-C. Heard from now on, not from when it is first waited for: a container's first
/// process that does not listen is deaf to both.
#[cfg(unix)]
fn ended() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn ended() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    // An error means that nobody can ask; it runs until it is killed.
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

/// A variable that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

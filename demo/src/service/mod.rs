//! The application as a program: an HTTP service of one release, which a container runs.
//!
//! | request | answer |
//! | --- | --- |
//! | `POST /tenants/TENANT/events` with an [`Event`] | 201 when the cluster has acknowledged it; 503 when it did not, and the client has to send it again; 400 for what is no event; 422 for what the cluster refuses for good |
//! | `GET /tenants/TENANT/events/ID` | 200 with the event; 404 when no search finds it (yet) |
//! | `GET /health` | 200, or 503 when the cluster does not answer or a fault is planned |
//!
//! It writes through aliases, in the form of its release, and knows nothing of upgrades: a write that meets the fence of
//! one is refused like any other that the cluster does not take now.

mod answer;
mod event;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};

pub use self::event::Event;
use self::{
    answer::{answer, refusal},
    event::is_id,
};
use crate::{
    application::{Release, alias_name},
    cluster::{Body, Cluster},
    error::DemoError,
    json::Json,
};

/// Longest wait for the cluster's answer to one request; afterwards the client is told to send it again.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Longest wait for requests under way when the service is to end; below the ten seconds that Docker gives a container.
const END_WAIT: Duration = Duration::from_secs(5);

/// What a service is told when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`.
    pub cluster: String,
    /// Its own version, such as `1.1.1`: the first two numbers say which documents it writes.
    pub version: String,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A planned fault: `/health` answers 503.
    pub is_unhealthy: bool,
}

/// Why a service can't start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The version is none of this application's.
    #[error("`{0}` is no version of the event store; 1.0 is one")]
    Version(String),
    /// The cluster's address can't be used, or the service that was asked is not well.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The port can't be had.
    #[error("nothing can listen on {address}; is it taken by another program?")]
    Listen {
        /// Where it should have listened.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The port was lost.
    #[error("the service can't go on")]
    Serve(#[source] io::Error),
}

/// A service that listens. Requests are answered once [`Service::run`] is called.
#[derive(Debug)]
pub struct Service {
    listener: TcpListener,
    application: Arc<Application>,
}

#[derive(Debug)]
struct Application {
    cluster: Cluster,
    version: String,
    release: Release,
    is_unhealthy: bool,
}

impl Service {
    /// Takes the port; nothing is sent to the cluster.
    ///
    /// # Errors
    /// When the version is none of this application's, the cluster's address can't be used or the port is taken.
    pub async fn start(options: ServiceOptions) -> Result<Self, ServiceError> {
        let ServiceOptions { cluster, version, listen, is_unhealthy } = options;
        let release = release_of(&version).ok_or_else(|| ServiceError::Version(version.clone()))?;
        let cluster = Cluster::new(&cluster)?;
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|source| ServiceError::Listen { address: listen, source })?;
        let application = Arc::new(Application { cluster, version, release, is_unhealthy });
        Ok(Self { listener, application })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system can't tell.
    pub fn address(&self) -> Result<SocketAddr, ServiceError> {
        self.listener.local_addr().map_err(ServiceError::Serve)
    }

    /// Answers requests until `end` is there, then finishes those under way, for at most five seconds.
    ///
    /// # Errors
    /// When the port is lost.
    pub async fn run(
        self,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServiceError> {
        let routes = Router::new()
            .route("/tenants/{tenant}/events", post(write))
            .route("/tenants/{tenant}/events/{id}", get(read))
            .route("/health", get(health))
            .with_state(self.application);
        let ending = Arc::new(Notify::new());
        let told = Arc::clone(&ending);
        let serving = axum::serve(self.listener, routes).with_graceful_shutdown(async move {
            end.await;
            told.notify_one();
        });
        tokio::select! {
            served = serving => served.map_err(ServiceError::Serve),
            // A client that keeps its connection must not keep the service.
            () = async { ending.notified().await; sleep(END_WAIT).await } => Ok(()),
        }
    }
}

/// Asks the service at an address for its health; gives what it says.
///
/// # Errors
/// When nothing answers there, or the health is bad.
pub async fn health_of(service: SocketAddr) -> Result<String, ServiceError> {
    let service = Cluster::new(&format!("http://{service}"))?;
    Ok(service.text(Method::GET, "health", Body::Empty).await?)
}

/// The release whose documents a version writes: `1.1.1` those of 1.1.
fn release_of(version: &str) -> Option<Release> {
    let mut numbers = version.splitn(3, '.');
    let data = format!("{}.{}", numbers.next()?, numbers.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !numbers.all(|rest| rest.split('.').all(is_number)) {
        return None;
    }
    Release::ALL.into_iter().find(|release| release.version() == data)
}

async fn write(
    State(application): State<Arc<Application>>,
    Path(tenant): Path<String>,
    body: String,
) -> Response {
    let event: Event = match serde_json::from_str(&body) {
        Ok(event) => event,
        Err(error) => return refusal(StatusCode::BAD_REQUEST, &format!("no event: {error}")),
    };
    if let Err(reason) = event.check() {
        return refusal(StatusCode::BAD_REQUEST, &reason);
    }
    if !is_tenant(&tenant) {
        return refusal(StatusCode::NOT_FOUND, "no such tenant");
    }
    // Without the alias there is no tenant; the cluster must not make an index of that name.
    let path = format!("{}/_doc/{}?require_alias=true", alias_name(&tenant, "event"), event.id);
    let document = Body::Json(event.document(application.release).to_string());
    match application.ask(Method::PUT, &path, document).await {
        Ok((StatusCode::OK | StatusCode::CREATED, _)) => {
            answer(StatusCode::CREATED, &json!({"id": event.id, "version": application.version}))
        }
        // What a cluster refuses for good: sending it again would not help.
        Ok((StatusCode::BAD_REQUEST, text)) => refusal(StatusCode::UNPROCESSABLE_ENTITY, &text),
        // Blocked, too busy, or anything else that passes.
        Ok((status, text)) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("the cluster said {status}: {text}"))
        }
        Err(reason) => refusal(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

#[derive(Deserialize)]
struct Found<'text> {
    #[serde(borrow)]
    hits: Hits<'text>,
}

#[derive(Deserialize)]
struct Hits<'text> {
    #[serde(borrow)]
    hits: Vec<Hit<'text>>,
}

#[derive(Deserialize)]
struct Hit<'text> {
    #[serde(rename = "_source", borrow)]
    source: &'text RawValue,
}

async fn read(
    State(application): State<Arc<Application>>,
    Path((tenant, id)): Path<(String, String)>,
) -> Response {
    if !is_tenant(&tenant) || !is_id(&id) {
        return refusal(StatusCode::NOT_FOUND, "no such event");
    }
    let path = format!("{}/_search", alias_name(&tenant, "event"));
    let query = json!({"size": 1, "query": {"ids": {"values": [id]}}}).to_string();
    let text = match application.ask(Method::POST, &path, Body::Json(query)).await {
        Ok((StatusCode::OK, text)) => text,
        Ok((StatusCode::NOT_FOUND, _)) => return refusal(StatusCode::NOT_FOUND, "no such tenant"),
        Ok((status, text)) => {
            let text = format!("the cluster said {status}: {text}");
            return refusal(StatusCode::SERVICE_UNAVAILABLE, &text);
        }
        Err(reason) => return refusal(StatusCode::SERVICE_UNAVAILABLE, &reason),
    };
    let Ok(Found { hits: Hits { hits } }) = serde_json::from_str(&text) else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the cluster's answer can't be read");
    };
    let Some(hit) = hits.first() else {
        return refusal(StatusCode::NOT_FOUND, "no such event");
    };
    let document = Json::parse(hit.source.get()).ok();
    match document.and_then(|document| Event::read(&id, application.release, &document)) {
        Some(event) => answer(StatusCode::OK, &json!(event)),
        None => refusal(StatusCode::INTERNAL_SERVER_ERROR, "the event is of another release"),
    }
}

async fn health(State(application): State<Arc<Application>>) -> Response {
    if application.is_unhealthy {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "a fault is planned");
    }
    match application.ask(Method::GET, "", Body::Empty).await {
        Ok((StatusCode::OK, _)) => {
            answer(StatusCode::OK, &json!({"health": "good", "version": application.version}))
        }
        Ok((status, _)) => {
            refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("the cluster said {status}"))
        }
        Err(reason) => refusal(StatusCode::SERVICE_UNAVAILABLE, &reason),
    }
}

impl Application {
    /// Asks the cluster; an error is a text for the client.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, String), String> {
        match timeout(ANSWER_WAIT, self.cluster.send(method, path, body)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the cluster was silent for {} s", ANSWER_WAIT.as_secs())),
        }
    }
}

/// Whether a text can be a tenant's name.
fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;

//! From HTTP to handlers and back, with the planned faults on both sides of the effect.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::{Router, serve};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Refusal;
use crate::fault::{Fault, Faults, Kind, PartialBulk, planned_refusal, wait};
use crate::node::Node;
use crate::request::{Answer, Request};
use crate::routes;
use crate::wire::{Cut, Wires};

/// The engines' default for `http.max_content_length`.
const BODY_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Bodies above this size are handled off the connection's task.
const BODY_BYTES_INLINE: usize = 16 * 1024;

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) node: Node,
    pub(crate) faults: Faults,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

/// Serves until `service.stop` is cancelled and the open requests are answered.
pub(crate) async fn run(wires: Wires, service: Arc<Service>) -> std::io::Result<()> {
    let stop = service.stop.clone().cancelled_owned();
    let router = Router::new().fallback(handle).with_state(service);
    serve(wires, router.into_make_service_with_connect_info::<Cut>())
        .with_graceful_shutdown(stop)
        .await
}

async fn handle(
    State(service): State<Arc<Service>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: HttpRequest,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return respond(too_large());
    };
    if let Some(answer) =
        wrong_content_type(head.headers.get(header::CONTENT_TYPE), body.is_empty())
    {
        return respond(answer);
    }
    let query = head.uri.query().unwrap_or_default();
    let request = Request::new(head.method, head.uri.path(), query, body);
    if request.segments.first().is_some_and(|first| first == "_pocket") {
        return respond(control(&service, &request));
    }
    let fate = service.faults.fate(&request);
    let mut partial = None;
    match fate.before {
        None => {}
        Some(Kind::PartialBulk { items, status, error_type }) => {
            partial = Some(PartialBulk::new(items, status, &error_type));
        }
        Some(kind) => {
            if let Some(answer) = suffer(&service, &cut, kind).await {
                return respond(answer);
            }
        }
    }
    let mut answer = answer(&service, request, partial).await;
    if let Some(kind) = fate.after
        && let Some(spoilt) = suffer(&service, &cut, kind).await
    {
        answer = spoilt;
    }
    respond(answer)
}

/// Lets a fault happen; an answer means that the request ends with it.
async fn suffer(service: &Service, cut: &Cut, kind: Kind) -> Option<Answer> {
    let pause = |ms: u64| async move {
        tokio::select! {
            () = tokio::time::sleep(wait(ms)) => {}
            () = service.stop.cancelled() => {}
        }
    };
    match kind {
        Kind::Disconnect => {
            cut.cut();
            Some(Answer::text(500, String::new()))
        }
        Kind::Timeout { ms } => {
            pause(ms).await;
            cut.cut();
            Some(Answer::text(500, String::new()))
        }
        Kind::Slow { ms } => {
            pause(ms).await;
            None
        }
        Kind::Status { status, error_type } => Some(planned_refusal(status, &error_type).into()),
        // Means something before the effect only.
        Kind::PartialBulk { .. } => None,
    }
}

async fn answer(service: &Arc<Service>, request: Request, partial: Option<PartialBulk>) -> Answer {
    let heavy = request.body.len() > BODY_BYTES_INLINE
        || request
            .segments
            .iter()
            .any(|segment| matches!(segment.as_str(), "_search" | "_msearch" | "_count"))
        || service.node.has_waits();
    if !heavy {
        return routes::answer(&service.node, &request, partial.as_ref());
    }
    let shared = Arc::clone(service);
    let work = move || routes::answer(&shared.node, &request, partial.as_ref());
    match service.tasks.spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => {
            Refusal::new(500, "pocket_exception", format!("the handler broke: {error}")).into()
        }
    }
}

fn too_large() -> Answer {
    Refusal::new(
        413,
        "content_too_long_exception",
        format!("the body is longer than {BODY_BYTES_MAX} bytes (http.max_content_length)"),
    )
    .into()
}

fn wrong_content_type(header: Option<&HeaderValue>, empty: bool) -> Option<Answer> {
    if empty {
        return None;
    }
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = ["application/json", "application/x-ndjson"].contains(&kind.as_str())
        || kind.starts_with("application/vnd.elasticsearch+");
    if known {
        return None;
    }
    let reason = if kind.is_empty() {
        "Content-Type header is missing".to_owned()
    } else {
        format!("Content-Type header [{text}] is not supported")
    };
    Some(Answer::json(406, &json!({"error": reason, "status": 406})))
}

/// `/_pocket/faults`: faults planned, listed and cleared over HTTP.
fn control(service: &Service, request: &Request) -> Answer {
    let path: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["_pocket", "faults"]) => Answer::ok(&json!({"faults": service.faults.pending()})),
        ("DELETE", ["_pocket", "faults"]) => {
            service.faults.clear();
            Answer::acknowledged()
        }
        ("POST", ["_pocket", "faults"]) => match parse_faults(request) {
            Ok(faults) => {
                for fault in faults {
                    service.faults.plan(fault);
                }
                Answer::acknowledged()
            }
            Err(refusal) => refusal.into(),
        },
        _ => Refusal::illegal_argument(format!(
            "the pocket cluster knows GET, POST and DELETE /_pocket/faults, not {} {}",
            request.method, request.path
        ))
        .into(),
    }
}

fn parse_faults(request: &Request) -> Result<Vec<Fault>, Refusal> {
    let parse = |value: Value| -> Result<Fault, Refusal> {
        serde_json::from_value(value).map_err(|error| {
            Refusal::illegal_argument(format!("this is no planned fault: {error}"))
        })
    };
    match request.json_required()? {
        Value::Array(list) => list.into_iter().map(parse).collect(),
        one => Ok(vec![parse(one)?]),
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

//! A hook on loopback that answers as it is told.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{
    super::stand::{change, listener},
    *,
};

/// What a hook was asked, and what it answers next.
#[derive(Default)]
struct Desk {
    asked: Mutex<Vec<String>>,
    answers: Mutex<Vec<u16>>,
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> (StatusCode, &'static str) {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 10_000).await.unwrap();
    let header = |name: &str| {
        head.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let line = format!(
        "{} {} [{}] {}",
        head.method,
        head.uri,
        header("authorization"),
        String::from_utf8_lossy(&body)
    );
    desk.asked.lock().unwrap().push(line);
    let next = desk.answers.lock().unwrap().pop().unwrap_or(200);
    if next == 0 {
        std::future::pending::<()>().await;
    }
    (StatusCode::from_u16(next).unwrap(), "as you wish")
}

/// Calls a hook that answers in this way, one after the other; 0 is no answer. Gives the outcome and what it was asked.
async fn call(answers: &[u16], hook: Hook) -> (Result<(), EngineError>, Vec<String>) {
    let desk = Arc::new(Desk::default());
    desk.answers.lock().unwrap().extend(answers.iter().rev());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?a=1", socket.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&desk));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(socket, router).await.unwrap() });
    let outcome = Hook { url, ..hook }.change(&change("1.0", "2.0"), &listener().0).await;
    serving.shutdown().await;
    let asked = desk.asked.lock().unwrap().clone();
    (outcome, asked)
}

fn hook() -> Hook {
    Hook {
        method: Method::POST,
        url: String::new(),
        headers: vec![("authorization".to_owned(), "Bearer hush".to_owned())],
        body: r#"{"tag":"{tag}","from":"{from}","of":"{application}"}"#.to_owned(),
        statuses: Vec::new(),
        time_limit: Duration::from_secs(5),
        attempts: 1,
        ca: None,
    }
}

/// What is answered, which statuses are success, how often it may be called, and how many calls or which code come of it.
type Case<'a> = (&'a [u16], &'a [u32], u32, Result<usize, &'a str>);

#[tokio::test]
async fn a_hook_gets_the_version_and_its_status_decides() {
    let (outcome, asked) = call(&[204], hook()).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(asked, [r#"POST /hook?a=1 [Bearer hush] {"tag":"2.0","from":"1.0","of":"shop"}"#]);
    let cases: [Case<'_>; 7] = [
        (&[500], &[], 1, Err("K0302")),
        (&[200], &[202], 1, Err("K0302")),
        (&[202], &[202, 204], 1, Ok(1)),
        // A redirect is no success.
        (&[302], &[], 1, Err("K0302")),
        (&[503, 200], &[], 1, Err("K0302")),
        (&[503, 200], &[], 3, Ok(2)),
        (&[503, 500, 500, 200], &[], 3, Err("K0302")),
    ];
    for (answers, statuses, attempts, expected) in cases {
        let own = Hook { statuses: statuses.to_vec(), attempts, ..hook() };
        let (outcome, asked) = call(answers, own).await;
        match (outcome, expected) {
            (Ok(()), Ok(calls)) => assert_eq!(asked.len(), calls, "{answers:?}"),
            (Err(error), Err(code)) => {
                assert_eq!(error.code(), code, "{answers:?}: {error}");
                assert!(!error.to_string().contains("hush"), "{error}");
            }
            (seen, expected) => panic!("{answers:?}: {seen:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_hook_that_is_silent_is_given_up() {
    let patient = Hook { time_limit: Duration::from_millis(200), ..hook() };
    let (outcome, asked) = call(&[0], patient.clone()).await;
    let error = outcome.unwrap_err();
    assert_eq!((error.code().as_str(), asked.len()), ("K0301", 1), "{error}");
    let wrong = Hook { ca: Some(b"no certificate".to_vec()), ..patient.clone() };
    assert_eq!(wrong.check().map_err(|error| error.code()), Err("K0301".to_owned()));
    let nobody = Hook { url: "http://127.0.0.1:1/".to_owned(), ..patient };
    let error = nobody.change(&change("1.0", "2.0"), &listener().0).await.unwrap_err();
    assert_eq!(error.code(), "K0301", "{error}");
    assert!(!format!("{nobody:?}").contains("hush"));
}

#[tokio::test]
async fn waiting_for_a_hook_can_be_stopped() {
    let (listener, _) = listener();
    listener.stop.cancel();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let outcome = Hook { url, ..hook() }.change(&change("1.0", "2.0"), &listener).await;
    assert!(matches!(outcome, Err(EngineError::Interrupted)), "{outcome:?}");
}

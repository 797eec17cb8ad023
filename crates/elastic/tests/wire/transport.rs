//! Headers, compression, credentials, bounds on time and bytes, lost answers.

use std::time::{Duration, Instant};

use lockstep_elastic::{Class, Cluster, Connection, Credentials, FailureKind, HealthStatus};

use crate::server::{Reply, Server, hasty};

const HEALTH: &str = r#"{"status":"green","timed_out":false,"active_shards":1,"unassigned_shards":0,"number_of_data_nodes":1}"#;

#[tokio::test]
async fn thousands_of_response_headers_are_taken() {
    // As long as the warnings of a real engine.
    let warning = format!(
        "299 OpenSearch-3.8.0-e5a3c5691be87af6c12dbe3e158c59c04ee72973 \"{}\"",
        "x".repeat(90)
    );
    let headers: Vec<(String, String)> =
        (0..5_000).map(|number| ("warning".to_owned(), format!("{warning}{number}"))).collect();
    let server = Server::start(move |_| Reply::Answer(200, headers.clone(), HEALTH.into()));
    server.cluster().health().await.unwrap();
}

#[tokio::test]
async fn answers_are_compressed_where_it_pays() {
    for is_compressed in [true, false] {
        let server = Server::start(move |seen| {
            let accepts = seen.header("accept-encoding").is_some_and(|list| list.contains("gzip"));
            assert_eq!(accepts, is_compressed);
            if !accepts {
                return Reply::json(200, HEALTH);
            }
            let header = ("content-encoding".to_owned(), "gzip".to_owned());
            Reply::Answer(200, vec![header], gzip(HEALTH.as_bytes()))
        });
        let mut connection = hasty(&server.address());
        connection.compressed_answers = is_compressed;
        let health = Cluster::new(connection).unwrap().health().await.unwrap();
        assert_eq!(health.active_shards, 1);
    }
}

#[tokio::test]
async fn credentials_travel_in_their_header_and_nowhere_else() {
    let secret = "hush-hush";
    let cases = [
        (Credentials::None, None),
        (
            Credentials::Basic { user: "eve".into(), password: secret.into() },
            Some("Basic ZXZlOmh1c2gtaHVzaA=="),
        ),
        (Credentials::ApiKey(format!("id:{secret}")), Some("ApiKey aWQ6aHVzaC1odXNo")),
        (Credentials::ApiKey(secret.into()), Some("ApiKey hush-hush")),
        (Credentials::Bearer(secret.into()), Some("Bearer hush-hush")),
    ];
    for (credentials, expected) in cases {
        let server = Server::start(|_| Reply::Answer(401, Vec::new(), b"Unauthorized".to_vec()));
        let connection = hasty(&server.address()).with_credentials(credentials);
        let cluster = Cluster::new(connection).unwrap();
        let failure = cluster.identity().await.unwrap_err();
        let seen = server.seen();
        assert_eq!(seen.len(), 1, "wrong credentials are not tried again");
        assert_eq!(seen[0].header("authorization"), expected);
        assert_eq!((failure.class(), failure.status()), (Class::Operator, Some(401)));
        let shown = format!("{failure} {failure:?} {cluster:?} {:?}", cluster.connection());
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains("aHVzaC1odXNo") && !shown.contains("h1c2gtaHVzaA"), "{shown}");
        assert!(failure.to_string().contains("check the user and password"), "{failure}");
    }
    let unsendable = Connection::parse("http://localhost").unwrap();
    let unsendable = unsendable.with_credentials(Credentials::Bearer(format!("{secret}\n")));
    let error = Cluster::new(unsendable).unwrap_err().to_string();
    assert!(error.contains("bearer token") && !error.contains(secret), "{error}");
}

#[tokio::test]
async fn an_unreachable_cluster_is_given_up_within_the_bounds() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let started = Instant::now();
    let failure = Cluster::new(hasty(&address)).unwrap().identity().await.unwrap_err();
    assert_eq!((failure.kind(), failure.class()), (FailureKind::Unreachable, Class::Retry));
    assert_eq!(failure.attempt_count(), 3);
    assert!(failure.to_string().contains(&address), "{failure}");
    assert!(!failure.outcome_unknown());
    assert!(failure.to_string().contains("refused"), "{failure}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_read_is_repeated_after_every_passing_trouble() {
    let troubles: [fn() -> Reply; 9] = [
        || Reply::Hang,
        || Reply::Cut(200),
        // What it is about was in the part that is missing.
        || Reply::Cut(404),
        || Reply::Cut(503),
        || Reply::Silence(Duration::from_millis(700)),
        || Reply::json(502, "<html>"),
        || Reply::json(503, r#"{"error":{"type":"master_not_discovered_exception"},"status":503}"#),
        || Reply::json(429, r#"{"error":{"type":"circuit_breaking_exception"},"status":429}"#),
        || Reply::json(504, ""),
    ];
    for trouble in troubles {
        let mut count = 0;
        let server = Server::start(move |_| {
            count += 1;
            if count < 3 { trouble() } else { Reply::json(200, HEALTH) }
        });
        server.cluster().health().await.unwrap();
        assert_eq!(server.seen().len(), 3);
    }
}

#[tokio::test]
async fn attempts_are_bounded_on_the_wire() {
    let server = Server::start(|_| Reply::json(503, "busy"));
    let failure = server.cluster().health().await.unwrap_err();
    assert_eq!((server.seen().len(), failure.attempt_count()), (4, 4));
    assert!(failure.to_string().contains("(after 4 attempts)"), "{failure}");
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_bounds_too() {
    let server = Server::start(|_| {
        Reply::Answer(429, vec![("retry-after".to_owned(), "3600".to_owned())], Vec::new())
    });
    let failure = server.cluster().health().await.unwrap_err();
    assert_eq!(server.seen().len(), 1, "an hour is longer than the bound");
    assert_eq!(failure.retry_after(), Some(Duration::from_hours(1)));
    assert_eq!(failure.class(), Class::BackOff);
}

#[tokio::test]
async fn an_answer_above_the_bound_is_refused_announced_or_not() {
    for is_compressed in [false, true] {
        let server = Server::start(move |_| {
            let body = vec![b' '; 50_000];
            if is_compressed {
                let header = ("content-encoding".to_owned(), "gzip".to_owned());
                return Reply::Answer(200, vec![header], gzip(&body));
            }
            Reply::Answer(200, Vec::new(), body)
        });
        let mut connection = hasty(&server.address());
        connection.answer_bytes_max = 49_999;
        connection.compressed_answers = is_compressed;
        let failure = Cluster::new(connection).unwrap().health().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::AnswerTooLarge);
        assert_eq!(server.seen().len(), 1, "the same would come again");
    }
}

#[tokio::test]
async fn a_wait_for_health_ends_with_its_own_time_and_not_with_that_of_repeating() {
    // As the engines answer when the wait ran out, but at once.
    let body =
        HEALTH.replace("green", "yellow").replace("\"timed_out\":false", "\"timed_out\":true");
    let server = Server::start(move |_| Reply::json(408, &body));
    let started = Instant::now();
    let wait = Duration::from_millis(300);
    let waiting = server.cluster();
    let failure = waiting.wait_for_health(&["i"], HealthStatus::Green, wait).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::NotAcknowledged);
    assert!(started.elapsed() >= wait && started.elapsed() < Duration::from_secs(2));
    let seen = server.seen();
    assert!((2..=6).contains(&seen.len()), "{} requests", seen.len());
    assert!(seen[0].title.starts_with("GET /_cluster/health/i?wait_for_status=green&timeout="));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let server = Server::start(|_| {
        Reply::Answer(
            302,
            vec![("location".to_owned(), "http://127.0.0.1:1/".to_owned())],
            Vec::new(),
        )
    });
    let failure = server.cluster().health().await.unwrap_err();
    assert_eq!((failure.status(), failure.class()), (Some(302), Class::Operator));
}

#[tokio::test]
async fn what_is_not_json_is_not_understood() {
    for body in ["", "[]", "{\"status\":\"blue\"}", "<html>"] {
        let server = Server::start(move |_| Reply::json(200, body));
        let failure = server.cluster().health().await.unwrap_err();
        assert_eq!((failure.kind(), failure.class()), (FailureKind::Unreadable, Class::Bug));
        assert_eq!(server.seen().len(), 1);
    }
}

/// A gzip file with the bytes as they are, in stored blocks of RFC 1951 within RFC 1952.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut pieces = bytes.chunks(60_000).peekable();
    while let Some(piece) = pieces.next() {
        file.push(u8::from(pieces.peek().is_none()));
        let length = u16::try_from(piece.len()).unwrap();
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(piece);
    }
    let mut remainder = u32::MAX;
    for byte in bytes {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let polynomial = if remainder & 1 == 1 { 0xedb8_8320 } else { 0 };
            remainder = (remainder >> 1) ^ polynomial;
        }
    }
    file.extend_from_slice(&(!remainder).to_le_bytes());
    file.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    file
}

//! Counters of a real listener, and every way in which it can fail to tell them.

use std::sync::Arc;

use lockstep_core::configuration;
use lockstep_elastic::Connection;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::*;

/// Answers one after the other, whole as they go over the wire; the last one again and again. An empty one never comes.
async fn listener(answers: Vec<String>) -> (String, JoinSet<()>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", socket.local_addr().unwrap());
    let mut serving = JoinSet::new();
    let answers = Arc::new(answers);
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        for at in 0.. {
            let Ok((mut connection, _)) = socket.accept().await else { return };
            let answers = Arc::clone(&answers);
            connections.spawn(async move {
                let mut head = [0; 2048];
                let length = connection.read(&mut head).await.unwrap();
                let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
                assert!(head.contains("accept: text/plain; version=0.0.4"), "{head}");
                let answer = answers.get(at).or(answers.last()).unwrap();
                if answer.is_empty() {
                    std::future::pending::<()>().await;
                }
                drop(connection.write_all(answer.as_bytes()).await);
            });
        }
    });
    (url, serving)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}

/// A page that counts so many errors of so many requests.
fn page(errors: u32, total: u32) -> String {
    let good = total - errors;
    let body = format!(
        "# TYPE requests_total counter\nrequests_total{{status=\"200\"}} {good}\nrequests_total{{status=\"500\"}} {errors}\n"
    );
    answer("200 OK", &body)
}

/// A cluster that nobody asks.
fn nobody() -> Cluster {
    Cluster::new(Connection::parse("http://127.0.0.1:1").unwrap()).unwrap()
}

fn prober(url: &str, before: Option<Counted>) -> Prober {
    prober_of(&[(url, 20)], before)
}

/// Who follows the counters of several pages, each of which needs so many requests.
fn prober_of(pages: &[(&str, u32)], before: Option<Counted>) -> Prober {
    let probe = |(url, least): &(&str, u32)| {
        format!(
            "{{counters: {{url: \"{url}\", errors: 'requests_total{{status=~\"5..\"}}', total: requests_total, requests_min: {least}, time_limit: 300ms}}}}"
        )
    };
    let probes: Vec<String> = pages.iter().map(probe).collect();
    let file = format!("health: {{probes: [{}]}}\n", probes.join(", "));
    let health = configuration::read("lockstep.yaml", file.as_bytes()).unwrap().health.unwrap();
    let cluster = nobody();
    let name = |url: &str| format!("requests_total{{status=~\"5..\"}} of requests_total at {url}");
    let counted = before.map(|counted| pages.iter().map(|(url, _)| (name(url), counted)).collect());
    Prober::new(&cluster, (&health, None), &[], counted.as_ref()).unwrap()
}

/// What rounds come to: a letter each, and the last reason without the name of the probe.
async fn sampled(prober: &mut Prober, rounds: usize) -> (String, String) {
    let (mut letters, mut last) = (String::new(), String::new());
    for _ in 0..rounds {
        let (letter, reason) = match prober.sample(&[]).await {
            Sample::Good => ('+', String::new()),
            Sample::Bad(reason) => ('-', reason),
            Sample::Unknown(reason) => ('?', reason),
        };
        letters.push(letter);
        last = reason.split_once("/metrics: ").map_or(reason.clone(), |(_, rest)| rest.to_owned());
    }
    (letters, last)
}

#[tokio::test]
async fn what_is_counted_before_is_what_later_counts_are_held_against() {
    let answers = vec![page(0, 100), page(1, 200), page(2, 300)];
    let (url, _serving) = listener(answers).await;
    let mut looking = prober(&url, None);
    assert_eq!(sampled(&mut looking, 3).await.0, "?++");
    let counted: Vec<Counted> = looking.counted().into_values().collect();
    assert_eq!(counted, [Counted { errors: 2, total: 200 }]);
    let before = counted.into_iter().next();

    // The new container begins at 0: well at first, and then it isn't.
    let answers = vec![page(0, 10), page(1, 110), page(31, 210), page(61, 310)];
    let (url, _serving) = listener(answers).await;
    let mut watching = prober(&url, before);
    let (letters, reason) = sampled(&mut watching, 4).await;
    assert_eq!(letters, "?+--");
    assert_eq!(
        reason,
        "30 of 100 requests failed, 30.0 %; it was 1.0 % before, and 2 times that would be borne, or 1 %"
    );
}

#[tokio::test]
async fn of_several_pages_each_has_to_count_enough_and_not_at_once() {
    let rising = || (0..9).map(|look| page(0, look * 10)).collect();
    let (slow, _serving_slow) = listener(rising()).await;
    let (slower, _serving_slower) = listener(rising()).await;
    let mut watching = prober_of(&[(&slow, 20), (&slower, 30)], Some(Counted::default()));
    // One has its requests with every second look, the other with every third.
    assert_eq!(sampled(&mut watching, 7).await.0, "???+??+");
}

#[tokio::test]
async fn what_cant_be_counted_tells_nothing() {
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-length: 900\r\nconnection: close\r\n\r\nrequests_total 1\n";
    let large = format!("{}requests_total 1\n", "# nothing\n".repeat(500_000));
    let cases = [
        (String::new(), "no answer within 300ms"),
        (answer("503 Service Unavailable", "warming up"), "503 Service Unavailable: warming up"),
        (answer("302 Found", ""), "302 Found: "),
        (answer("200 OK", "<html>shop</html>\n"), "line 1 is none of a page of counters"),
        (answer("200 OK", "requests_total 12"), "its last line has no end"),
        (answer("200 OK", "others_total 1\n"), "there is no series `requests_total`"),
        (answer("200 OK", "requests_total{status=\"200\"} NaN\n"), "stands at NaN"),
        (answer("200 OK", "requests_total 7\n"), "no series `requests_total` has a label `status`"),
        (answer("200 OK", &large), "the answer has more than"),
        (cut.to_owned(), ""),
    ];
    for (wrong, part) in cases {
        // It was counted once; that it can't be any more is not held against it.
        let (url, _serving) = listener(vec![page(0, 100), wrong]).await;
        let mut watching = prober(&url, Some(Counted { errors: 0, total: 100 }));
        let (letters, reason) = sampled(&mut watching, 2).await;
        assert_eq!(letters, "??", "{part}");
        assert!(reason.contains(part), "{reason}");
    }
    let mut silent = prober("http://127.0.0.1:1/metrics", Some(Counted::default()));
    assert_eq!(sampled(&mut silent, 3).await.0, "???");
}

#[tokio::test]
async fn a_page_that_leads_elsewhere_is_bad_and_says_where() {
    let away = "HTTP/1.1 301 Moved Permanently\r\nlocation: https://shop/health\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let (mut connection, _) = socket.accept().await.unwrap();
        let mut head = [0; 2048];
        assert!(connection.read(&mut head).await.unwrap() > 0);
        connection.write_all(away.as_bytes()).await.unwrap();
    });
    let health = HealthConfiguration::of_url(&url);
    let cluster = nobody();
    let mut prober = Prober::new(&cluster, (&health, None), &[], None).unwrap();
    let Sample::Bad(reason) = prober.sample(&[]).await else { panic!("it followed") };
    let told = "301 Moved Permanently leads to https://shop/health, instead of 200: ";
    assert!(reason.ends_with(told), "{reason}");
}

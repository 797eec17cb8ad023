//! Who answers: both engines, and everything that is neither.

use lockstep_elastic::{Class, Engine, FailureKind};

use crate::server::{Reply, Server};

#[tokio::test]
async fn both_engines_are_known_by_what_they_say() {
    let cases = [
        (
            r#"{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2","lucene_version":"8.7.0"},"tagline":"You Know, for Search"}"#,
            Engine::Elasticsearch,
            "7.10.2",
        ),
        (
            r#"{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"9.1.0","build_flavor":"serverless"},"tagline":"You Know, for Search"}"#,
            Engine::Elasticsearch,
            "9.1.0",
        ),
        (
            r#"{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"distribution":"opensearch","number":"3.8.0","lucene_version":"10"},"tagline":"x"}"#,
            Engine::OpenSearch,
            "3.8.0",
        ),
        (
            // OpenSearch told to pretend to be an older Elasticsearch.
            r#"{"name":"n","cluster_name":"c","cluster_uuid":"u","version":{"number":"7.10.2","lucene_version":"9"},"tagline":"The OpenSearch Project: https://opensearch.org/"}"#,
            Engine::OpenSearch,
            "7.10.2",
        ),
    ];
    for (greeting, engine, version) in cases {
        let server = Server::start(move |_| Reply::json(200, greeting));
        let identity = server.cluster().identity().await.unwrap();
        assert_eq!((identity.engine, identity.version.as_str()), (engine, version), "{greeting}");
    }
}

#[tokio::test]
async fn everything_else_is_not_an_engine() {
    let cases = [
        (200, "<html>hello</html>"),
        (200, "{}"),
        (200, "[]"),
        (200, r#"{"version":"1.0"}"#),
        (200, r#"{"cluster_name":"c","version":{"number":"1.0"}}"#),
        (
            200,
            r#"{"cluster_name":"c","version":{"number":"1.0","distribution":"other","lucene_version":"9"}}"#,
        ),
        (404, "not found"),
        (301, ""),
        (405, ""),
    ];
    for (status, body) in cases {
        let server = Server::start(move |_| Reply::json(status, body));
        let failure = server.cluster().identity().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::NotAnEngine, "{status} {body}: {failure}");
        assert_eq!(failure.class(), Class::Operator);
        assert_eq!(server.seen().len(), 1);
    }
    // Not who answers, but whether we may ask.
    let server = Server::start(|_| Reply::json(403, "forbidden"));
    let failure = server.cluster().identity().await.unwrap_err();
    assert_eq!((failure.kind(), failure.status()), (FailureKind::Refused, Some(403)));
}

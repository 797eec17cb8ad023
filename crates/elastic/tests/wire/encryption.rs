//! TLS: whom we trust, and what is said when we don't.

use std::sync::Arc;
use std::time::Duration;

use lockstep_elastic::{Cluster, ConnectionError, FailureKind, RetryBounds};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::server::{Reply, Server, hasty};

const HEALTH: &str = r#"{"status":"green","timed_out":false,"active_shards":1,"unassigned_shards":0,"number_of_data_nodes":1}"#;

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `localhost` from this authority.
fn server(authority: &CertifiedIssuer<'static, KeyPair>) -> Server {
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    Server::start_on(
        |_| Reply::json(200, HEALTH),
        move |stream| {
            let session = ServerConnection::new(Arc::clone(&config)).ok()?;
            Some(StreamOwned::new(session, stream))
        },
    )
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_no_other() {
    let ours = authority();
    let server = server(&ours);
    let address = format!("https://localhost:{}", server.port());
    let trusting = hasty(&address).with_certificate_authority(ours.pem().into_bytes());
    Cluster::new(trusting).unwrap().health().await.unwrap();
    // The same authority, but a name that the certificate is not for.
    let other_name = hasty(&format!("https://127.0.0.1:{}", server.port()));
    let other_name = other_name.with_certificate_authority(ours.pem().into_bytes());
    let stranger = hasty(&address).with_certificate_authority(authority().pem().into_bytes());
    for connection in [other_name, stranger] {
        let failure = Cluster::new(connection).unwrap().health().await.unwrap_err();
        assert_eq!(failure.kind(), FailureKind::Unreachable);
        assert!(failure.to_string().contains("certificate"), "{failure}");
    }
    assert_eq!(server.seen().len(), 1, "nothing was said to a server we don't trust");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_connection() {
    let server = Server::start_on(
        |_| Reply::Hang,
        |stream| -> Option<std::net::TcpStream> {
            std::thread::sleep(Duration::from_secs(1));
            drop(stream);
            None
        },
    );
    let mut connection = hasty(&format!("https://localhost:{}", server.port()))
        .with_certificate_authority(authority().pem().into_bytes())
        .with_retry(RetryBounds::once());
    connection.timeouts.connect = Duration::from_millis(100);
    let failure = Cluster::new(connection).unwrap().health().await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Unreachable, "{failure}");
    assert!(failure.reason().contains("no connection within 100 ms"), "{failure}");
}

#[tokio::test]
async fn several_authorities_may_stand_in_one_file() {
    let ours = authority();
    let server = server(&ours);
    let both = format!("{}\n{}", authority().pem(), ours.pem());
    let connection = hasty(&format!("https://localhost:{}", server.port()))
        .with_certificate_authority(both.into_bytes());
    Cluster::new(connection).unwrap().health().await.unwrap();
}

#[test]
fn an_authority_that_is_none_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", broken] {
        let connection = hasty("https://localhost").with_certificate_authority(pem.into());
        let error = Cluster::new(connection).unwrap_err();
        assert!(
            matches!(
                error,
                ConnectionError::CertificateAuthority { .. } | ConnectionError::Client { .. }
            ),
            "{pem:?}: {error}"
        );
    }
}

//! From flags to a cluster that has introduced itself.

use std::fs;

use lockstep_elastic::{Cluster, Connection, Credentials, Identity, RetryBounds};
use lockstep_engine::EngineError;
use lockstep_pocket::{Options, Pocket};

use crate::{
    cli::{ClusterFlags, Secret},
    commands::Context,
    error::CommandError,
};

/// A cluster that has introduced itself.
#[derive(Debug, Clone)]
pub(crate) struct Greeted {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Who it says it is.
    pub(crate) identity: Identity,
}

/// Connects to the cluster that the flags name, and asks who answers.
pub(crate) async fn connect(flags: &ClusterFlags) -> Result<Greeted, CommandError> {
    greet(connection(flags)?).await
}

/// Connects to the cluster that the command names, or to an embedded one in memory where it names none. The embedded one is given
/// back as well, to be stopped.
pub(crate) async fn connect_or_embed(
    context: &Context,
) -> Result<(Greeted, Option<Pocket>), CommandError> {
    if context.is_cluster_given {
        return Ok((connect(&context.global.cluster).await?, None));
    }
    let pocket = Pocket::start(Options::default()).await?;
    let connection = Connection::parse(pocket.url()).map_err(EngineError::from)?;
    Ok((greet(connection).await?, Some(pocket)))
}

async fn greet(connection: Connection) -> Result<Greeted, CommandError> {
    let address = connection.address().to_owned();
    // Whoever types a wrong address wants to know now, not after the retries that a running upgrade needs.
    let impatient = connection.clone().with_retry(RetryBounds::once());
    let greeting = Cluster::new(impatient).map_err(EngineError::from)?;
    let identity = greeting
        .identity()
        .await
        .map_err(|failure| CommandError::Greeting { address, source: Box::new(failure.into()) })?;
    let cluster = Cluster::new(connection).map_err(EngineError::from)?;
    tracing::info!(
        engine = identity.engine.as_str(),
        version = identity.version,
        cluster = identity.cluster_name,
        "connected"
    );
    Ok(Greeted { cluster, identity })
}

/// How to reach the cluster that the flags name. Nothing is sent.
pub(crate) fn connection(flags: &ClusterFlags) -> Result<Connection, CommandError> {
    let mut connection = Connection::parse(&flags.cluster).map_err(EngineError::from)?;
    if let Some(credentials) = credentials(flags)? {
        if connection.credentials != Credentials::None {
            return Err(CommandError::Usage {
                message: "the address holds a user already, and flags or variables name another"
                    .to_owned(),
                hint: "say who asks in one way only",
            });
        }
        connection = connection.with_credentials(credentials);
    }
    if let Some(path) = &flags.ca {
        let pem = fs::read(path)
            .map_err(|source| CommandError::CertificateFile { path: path.clone(), source })?;
        connection = connection.with_certificate_authority(pem);
    }
    Ok(connection)
}

/// Who asks; empty texts count as not given, because a variable is easily left empty.
fn credentials(flags: &ClusterFlags) -> Result<Option<Credentials>, CommandError> {
    let secret = |secret: &Option<Secret>| {
        secret.as_ref().map(|secret| secret.reveal().to_owned()).filter(|text| !text.is_empty())
    };
    let user = flags.user.clone().filter(|user| !user.is_empty());
    let kinds =
        (user, secret(&flags.password), secret(&flags.api_key), secret(&flags.bearer_token));
    match kinds {
        (None, None, None, None) => Ok(None),
        (Some(user), Some(password), None, None) => Ok(Some(Credentials::Basic { user, password })),
        (None, None, Some(key), None) => Ok(Some(Credentials::ApiKey(key))),
        (None, None, None, Some(token)) => Ok(Some(Credentials::Bearer(token))),
        (Some(_), None, None, None) | (None, Some(_), None, None) => Err(CommandError::Usage {
            message: "a user needs a password, and a password a user".to_owned(),
            hint: "give --user and --password, or LOCKSTEP_USER and LOCKSTEP_PASSWORD",
        }),
        _ => Err(CommandError::Usage {
            message: "several ways to say who asks were given".to_owned(),
            hint: "give --user and --password, or --api-key, or --bearer-token; look at the LOCKSTEP_ variables too",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(user: &str, password: &str, api_key: &str, token: &str) -> ClusterFlags {
        let secret = |text: &str| Some(Secret::from(text.to_owned()));
        ClusterFlags {
            cluster: "http://localhost:9200".to_owned(),
            user: Some(user.to_owned()),
            password: secret(password),
            api_key: secret(api_key),
            bearer_token: secret(token),
            ca: None,
        }
    }

    #[test]
    fn one_way_to_say_who_asks_is_taken_and_two_are_refused() {
        let basic = Credentials::Basic { user: "u".to_owned(), password: "p".to_owned() };
        let cases = [
            (("", "", "", ""), Ok(None)),
            (("u", "p", "", ""), Ok(Some(basic))),
            (("", "", "k", ""), Ok(Some(Credentials::ApiKey("k".to_owned())))),
            (("", "", "", "t"), Ok(Some(Credentials::Bearer("t".to_owned())))),
            (("u", "", "", ""), Err("a user needs a password")),
            (("", "p", "", ""), Err("a user needs a password")),
            (("u", "p", "k", ""), Err("several ways")),
            (("u", "", "", "t"), Err("several ways")),
        ];
        for ((user, password, api_key, token), expected) in cases {
            let seen = credentials(&flags(user, password, api_key, token));
            match (seen, expected) {
                (Ok(seen), Ok(expected)) => assert_eq!(seen, expected),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (seen, expected) => panic!("{seen:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = format!("{:?}", flags("eve", "hush", "hush", "hush"));
        assert!(!text.contains("hush"), "{text}");
    }
}

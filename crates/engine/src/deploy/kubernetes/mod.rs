//! The tag is that of a container in a Deployment. It is patched through the API, and the rollout is watched in its status.

use std::{
    fmt, fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use lockstep_core::deploy::tag::TagForm;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time;

use super::{
    Change, DeployProblem, Listener, Trouble,
    client::{body, client, excerpt, reason},
};
use crate::error::EngineError;

/// How long one answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// How often the rollout is looked at.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// How often a look may come to nothing in a row while a rollout is watched.
const LOOKS_LOST_MAX: u32 = 20;

/// A Deployment whose image is changed.
#[derive(Clone)]
pub struct Kubernetes {
    /// The address of the API.
    pub server: String,
    /// A file that holds the token; read for every call, since tokens are renewed.
    pub token_file: Option<PathBuf>,
    /// PEM certificates to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// The namespace.
    pub namespace: String,
    /// The Deployment.
    pub deployment: String,
    /// The container; the only one when nothing is said.
    pub container: Option<String>,
    /// How long the rollout may take.
    pub time_limit: Duration,
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, namespace, deployment, .. } = self;
        write!(formatter, "Kubernetes({server}, {namespace}/{deployment})")
    }
}

/// What is read of a Deployment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    metadata: Metadata,
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    #[serde(default)]
    generation: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Spec {
    replicas: Option<i64>,
    #[serde(default)]
    paused: bool,
    #[serde(default)]
    strategy: DeploymentStrategy,
    template: Template,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct DeploymentStrategy {
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Template {
    spec: PodSpec,
}

#[derive(Debug, Clone, Deserialize)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Debug, Clone, Deserialize)]
struct Container {
    name: String,
    #[serde(default)]
    image: String,
}

/// The API leaves out what is 0.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    /// Pods of the old template are gone; the new ones may still wait.
    Replaced,
    /// The new ones are available as well.
    Available,
}

impl Kubernetes {
    /// The tag that the container has now.
    pub(super) async fn check(
        &self,
        form: &TagForm,
        is_major: bool,
    ) -> Result<String, EngineError> {
        let found = self.get(&self.client()?).await?;
        let container = self.container(&found)?;
        let name = format!("{}/{}", self.namespace, self.deployment);
        let deployment = |message: String, hint: &str| -> EngineError {
            DeployProblem::new(Trouble::Deployment, message, hint).into()
        };
        if found.spec.paused {
            let message = format!("the Deployment {name} is paused");
            return Err(deployment(message, "resume it: `kubectl rollout resume`"));
        }
        let strategy = found.spec.strategy.kind.as_deref().unwrap_or("RollingUpdate");
        if is_major && strategy != "Recreate" {
            let message = format!(
                "the Deployment {name} has the strategy {strategy}: pods of both releases would write at once"
            );
            return Err(deployment(
                message,
                "set `strategy: {type: Recreate}` for upgrades that change data",
            ));
        }
        let (_, tag) = split(&container.image).ok_or_else(|| {
            deployment(
                format!("the image `{}` of {name} has no tag", container.image),
                "name it by the tag that runs now",
            )
        })?;
        if form.version(tag).is_none() {
            let message = format!("the tag `{tag}` of {name} is no version");
            let hint =
                "set the version that runs now, or say in `deploy: {tag: …}` what tags look like";
            return Err(deployment(message, hint));
        }
        Ok(tag.to_owned())
    }

    /// Patches the image and waits until no pod of the old one is left.
    pub(super) async fn change(
        &self,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let client = self.client()?;
        let found = self.get(&client).await?;
        let container = self.container(&found)?;
        let Some((repository, tag)) = split(&container.image) else {
            let message = format!("the image `{}` has no tag", container.image);
            let hint = "somebody changed the Deployment; name its image by a tag";
            return Err(DeployProblem::new(Trouble::Deployment, message, hint).into());
        };
        if tag != change.tag {
            let image = format!("{repository}:{}", change.tag);
            listener.tell(format!("{}/{}: {image}", self.namespace, self.deployment));
            let patch = patch(&container.name, &image);
            self.send(&client, Method::PATCH, Some(&patch)).await?;
        }
        let awaited = if change.waits_for_data { Awaited::Replaced } else { Awaited::Available };
        self.watch(&client, awaited, listener).await
    }

    /// Waits until the pods are available.
    pub(super) async fn settle(&self, listener: &Listener) -> Result<(), EngineError> {
        self.watch(&self.client()?, Awaited::Available, listener).await
    }

    async fn watch(
        &self,
        client: &Client,
        awaited: Awaited,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let deadline = Instant::now() + self.time_limit;
        let (mut told, mut lost) = (String::new(), 0);
        loop {
            let standing = match self.get(client).await {
                Ok(found) => {
                    lost = 0;
                    standing(&found, awaited)
                }
                // The API may be away for a moment; the rollout isn't.
                Err(EngineError::Deploy(problem))
                    if problem.trouble == Trouble::ApiSilent && lost < LOOKS_LOST_MAX =>
                {
                    lost += 1;
                    Standing::Waits(problem.to_string())
                }
                Err(error) => return Err(error),
            };
            let why = match standing {
                Standing::Done => return Ok(()),
                Standing::Stuck(why) => return Err(self.stuck(&why)),
                Standing::Waits(why) => why,
            };
            if Instant::now() >= deadline {
                return Err(self.stuck(&format!("not within {:?}: {why}", self.time_limit)));
            }
            if told != why {
                listener.tell(format!("  {why}"));
                told = why;
            }
            tokio::select! {
                () = time::sleep(LOOK_TIME) => {}
                () = listener.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    fn stuck(&self, why: &str) -> EngineError {
        let message =
            format!("the rollout of {}/{} doesn't end: {why}", self.namespace, self.deployment);
        let hint = "look at its pods: `kubectl describe deployment`, `kubectl logs`";
        DeployProblem::new(Trouble::Rollout, message, hint).into()
    }

    fn container<'a>(&self, found: &'a Deployment) -> Result<&'a Container, EngineError> {
        let containers = &found.spec.template.spec.containers;
        let container = match (&self.container, containers.as_slice()) {
            (Some(name), _) => containers.iter().find(|container| container.name == *name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        container.ok_or_else(|| {
            let names: Vec<&str> = containers.iter().map(|one| one.name.as_str()).collect();
            let wanted = match &self.container {
                Some(name) => format!("no container `{name}`"),
                None => "more than one container, and nobody says which is meant".to_owned(),
            };
            let message = format!(
                "the Deployment {} has {wanted}; there are {}",
                self.deployment,
                names.join(", ")
            );
            let hint = "name it with `container`";
            DeployProblem::new(Trouble::Deployment, message, hint).into()
        })
    }

    fn client(&self) -> Result<Client, EngineError> {
        client(self.ca.as_deref()).map_err(|error| self.silent(&reason(error)).into())
    }

    async fn get(&self, client: &Client) -> Result<Deployment, EngineError> {
        let text = self.send(client, Method::GET, None).await?;
        serde_json::from_str(&text).map_err(|error| {
            let message =
                format!("{} answers something else than a Deployment: {error}", self.server);
            DeployProblem::new(Trouble::ApiRefused, message, "look at the address of the API")
                .into()
        })
    }

    async fn send(
        &self,
        client: &Client,
        method: Method,
        patch: Option<&Value>,
    ) -> Result<String, EngineError> {
        let (server, namespace) = (self.server.trim_end_matches('/'), &self.namespace);
        let deployment = &self.deployment;
        let url = format!("{server}/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}");
        let mut request = client
            .request(method.clone(), &url)
            .timeout(ANSWER_TIME_MAX)
            .header("accept", "application/json");
        if let Some(file) = &self.token_file {
            let token = fs::read_to_string(file).map_err(|error| DeployProblem {
                trouble: Trouble::File,
                place: Some((file.clone(), None)),
                message: format!("it can't be read: {error}"),
                hint: "name the file that holds the token with `token_file`".to_owned(),
            })?;
            request = request.bearer_auth(token.trim());
        }
        if let Some(patch) = patch {
            request = request
                .query(&[("fieldManager", "lockstep")])
                .header("content-type", "application/strategic-merge-patch+json")
                .body(patch.to_string());
        }
        let answer = request.send().await.map_err(|error| self.silent(&reason(error)))?;
        let status = answer.status();
        let text = body(answer).await.map_err(|error| self.silent(&reason(error)))?;
        if status.is_success() {
            return Ok(text);
        }
        // The API tells why in a `Status`.
        let said = serde_json::from_str::<Value>(&text).ok();
        let said = said.and_then(|said| said.get("message")?.as_str().map(str::to_owned));
        let message = format!(
            "{method} of the Deployment {namespace}/{deployment} answers {status}: {}",
            said.unwrap_or_else(|| excerpt(&text))
        );
        let (trouble, hint) = match status.as_u16() {
            401 | 403 => (
                Trouble::ApiRefused,
                "the token needs `get` and `patch` of deployments in the namespace",
            ),
            404 => (Trouble::ApiRefused, "look at `namespace` and `deployment`"),
            429 | 500..=599 => {
                (Trouble::ApiSilent, "look at the API; then give the same command again")
            }
            _ => (Trouble::ApiRefused, "look at what it says"),
        };
        Err(DeployProblem::new(trouble, message, hint).into())
    }

    fn silent(&self, reason: &str) -> DeployProblem {
        let message = format!("the API at {} can't be worked with: {reason}", self.server);
        let hint = "look at `server` and `ca`; then give the same command again";
        DeployProblem::new(Trouble::ApiSilent, message, hint)
    }
}

/// A strategic merge patch: containers are merged by their names, so only this one's image changes.
fn patch(container: &str, image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}})
}

/// How a rollout stands.
enum Standing {
    Done,
    Waits(String),
    Stuck(String),
}

/// As `kubectl rollout status` tells it.
fn standing(found: &Deployment, awaited: Awaited) -> Standing {
    let Deployment { metadata, spec, status } = found;
    let wanted = spec.replicas.unwrap_or(1);
    if status.observed_generation < metadata.generation {
        return Standing::Waits(
            "the Deployment's controller has not seen the change yet".to_owned(),
        );
    }
    if let Some(condition) = status.conditions.iter().find(|condition| {
        condition.kind == "Progressing" && condition.reason == "ProgressDeadlineExceeded"
    }) && awaited == Awaited::Available
    {
        return Standing::Stuck(condition.message.clone());
    }
    let Status { replicas, updated_replicas, available_replicas, .. } = *status;
    if updated_replicas < wanted {
        return Standing::Waits(format!("{updated_replicas} of {wanted} pods are new"));
    }
    if replicas > updated_replicas {
        return Standing::Waits(format!("{} old pods are left", replicas - updated_replicas));
    }
    if awaited == Awaited::Available && available_replicas < wanted {
        return Standing::Waits(format!("{available_replicas} of {wanted} pods are available"));
    }
    Standing::Done
}

/// An image without its tag, and the tag; `None` for one without a tag, or with a digest.
fn split(image: &str) -> Option<(&str, &str)> {
    if image.contains('@') {
        return None;
    }
    let (repository, tag) = image.rsplit_once(':')?;
    (!tag.contains('/') && !tag.is_empty()).then_some((repository, tag))
}

#[cfg(test)]
mod tests;

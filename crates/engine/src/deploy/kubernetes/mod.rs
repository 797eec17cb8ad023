//! The tag is that of one container or several in a Deployment, init containers included. They are patched through the API with one
//! call, read back, and the rollout is watched in its status.

mod rollout;

use std::{fmt, fs, path::PathBuf, time::Duration};

use lockstep_core::deploy::tag::TagForm;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use self::rollout::Awaited;
use super::{
    Change, DeployProblem, Listener, Trouble,
    client::{body, client, excerpt, reason},
};
use crate::error::EngineError;

/// How long one answer may take.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

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
    /// The containers whose images are meant, init containers included; the only container when nothing is said.
    pub containers: Vec<String>,
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
#[serde(rename_all = "camelCase")]
struct PodSpec {
    containers: Vec<Container>,
    #[serde(default)]
    init_containers: Vec<Container>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
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

/// A container that is meant.
#[derive(Debug, Clone, Copy)]
struct Own<'a> {
    container: &'a Container,
    is_init: bool,
}

impl<'a> Own<'a> {
    /// Its image without the tag, and the tag.
    fn split(self) -> Result<(&'a str, &'a str), EngineError> {
        let Container { name, image } = self.container;
        split(image).ok_or_else(|| {
            let message = format!("the image `{image}` of the container `{name}` has no tag");
            let hint = "name it by the tag that runs now";
            DeployProblem::new(Trouble::Deployment, message, hint).into()
        })
    }
}

impl Kubernetes {
    /// The tag that the containers have now.
    pub(super) async fn check(
        &self,
        form: &TagForm,
        is_major: bool,
    ) -> Result<String, EngineError> {
        let found = self.get(&self.client()?).await?;
        let own = self.own(&found)?;
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
        let mut tags = Vec::new();
        for own in own {
            tags.push((own.container.name.as_str(), own.split()?.1));
        }
        let (_, tag) = tags.first().copied().unwrap_or_default();
        if tags.iter().any(|(_, other)| *other != tag) {
            let tags: Vec<String> =
                tags.iter().map(|(name, tag)| format!("{name} has {tag}")).collect();
            let message =
                format!("the containers of {name} have several tags: {}", tags.join(", "));
            return Err(deployment(message, "set all of them to the version that runs now"));
        }
        if form.version(tag).is_none() {
            let message = format!("the tag `{tag}` of {name} is no version");
            let hint =
                "set the version that runs now, or say in `deploy: {tag: …}` what tags look like";
            return Err(deployment(message, hint));
        }
        Ok(tag.to_owned())
    }

    /// Patches the images with one call, reads them back, and waits until no pod of the old ones is left.
    pub(super) async fn change(
        &self,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let client = self.client()?;
        let found = self.get(&client).await?;
        let mut images = Vec::new();
        for own in self.own(&found)? {
            let (repository, tag) = own.split()?;
            if tag != change.tag {
                images.push((own, format!("{repository}:{}", change.tag)));
            }
        }
        if !images.is_empty() {
            let (namespace, deployment) = (&self.namespace, &self.deployment);
            let mut told: Vec<&str> = images.iter().map(|(_, image)| image.as_str()).collect();
            told.dedup();
            listener.tell(format!("{namespace}/{deployment}: {}", told.join(", ")));
            self.send(&client, Method::PATCH, Some(&patch(&images))).await?;
        }
        let awaited = if change.waits_for_data { Awaited::Replaced } else { Awaited::Available };
        self.watch(&client, (awaited, Some(&change.tag)), listener).await
    }

    /// The containers that have another tag than this one, which was set: somebody else has changed them.
    fn strangers(&self, found: &Deployment, tag: &str) -> Result<(), EngineError> {
        for own in self.own(found)? {
            let Container { name, image } = own.container;
            if split(image).is_none_or(|(_, found)| found != tag) {
                let message = format!(
                    "the container `{name}` of {}/{} has the image `{image}` although the tag {tag} was set",
                    self.namespace, self.deployment
                );
                let hint = "somebody else changes the Deployment (a controller, another person); end that first";
                return Err(DeployProblem::new(Trouble::Deployment, message, hint).into());
            }
        }
        Ok(())
    }

    /// Waits until the pods are available.
    pub(super) async fn settle(&self, listener: &Listener) -> Result<(), EngineError> {
        self.watch(&self.client()?, (Awaited::Available, None), listener).await
    }

    /// The containers that are meant.
    fn own<'a>(&self, found: &'a Deployment) -> Result<Vec<Own<'a>>, EngineError> {
        let spec = &found.spec.template.spec;
        let plain = spec.containers.iter().map(|container| Own { container, is_init: false });
        let init = spec.init_containers.iter().map(|container| Own { container, is_init: true });
        let all: Vec<Own<'_>> = plain.chain(init).collect();
        let wrong = |wrong: String| -> EngineError {
            let names: Vec<&str> = all.iter().map(|own| own.container.name.as_str()).collect();
            let deployment = &self.deployment;
            let there = names.join(", ");
            let message = format!("the Deployment {deployment} has {wrong}; there are {there}");
            let hint = "name it with `container`, or several as a list";
            DeployProblem::new(Trouble::Deployment, message, hint).into()
        };
        if let [only] = spec.containers.as_slice()
            && self.containers.is_empty()
        {
            let beside = all.iter().find(|own| own.is_init && own.container.image == only.image);
            return match beside {
                None => Ok(vec![Own { container: only, is_init: false }]),
                Some(beside) => Err(wrong(format!(
                    "the image of `{}` in the init container `{}` as well, and nobody says whether both are meant",
                    only.name, beside.container.name
                ))),
            };
        }
        if self.containers.is_empty() {
            return Err(wrong(
                "more than one container, and nobody says which is meant".to_owned(),
            ));
        }
        // A name is unique among all containers of a pod.
        let named = |name: &String| {
            let own = all.iter().find(|own| own.container.name == *name);
            own.copied().ok_or_else(|| wrong(format!("no container `{name}`")))
        };
        self.containers.iter().map(named).collect()
    }

    fn client(&self) -> Result<Client, EngineError> {
        client(self.ca.as_deref()).map_err(|reason| self.silent(&reason).into())
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

/// A strategic merge patch: both lists of containers are merged by the containers' names, so only these images change.
fn patch(images: &[(Own<'_>, String)]) -> Value {
    let mut spec = json!({});
    for (own, image) in images {
        let list = if own.is_init { "initContainers" } else { "containers" };
        let containers = spec.as_object_mut().map(|spec| spec.entry(list).or_insert(json!([])));
        if let Some(Value::Array(containers)) = containers {
            containers.push(json!({"name": own.container.name, "image": image}));
        }
    }
    json!({"spec": {"template": {"spec": spec}}})
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

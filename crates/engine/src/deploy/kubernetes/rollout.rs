//! A rollout of a Deployment, followed in its status as `kubectl rollout status` does.

use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::time;

use super::{Deployment, Kubernetes, Status};
use crate::{
    deploy::{DeployProblem, Listener, Trouble},
    error::EngineError,
};

/// How often the rollout is looked at.
const LOOK_TIME: Duration = Duration::from_millis(500);
/// How often a look may come to nothing in a row while a rollout is watched.
const LOOKS_LOST_MAX: u32 = 20;
/// How often pods that waited for the data may be seen without progress: a minute.
const LOOKS_EXCEEDED_MAX: u32 = 120;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Pods of the old template are gone; the new ones may still wait.
    Replaced,
    /// The new ones are available as well.
    Available,
}

impl Kubernetes {
    /// Waits until the rollout is where it is to be. `tag`: what the containers have to have all the time; `None` where nobody knows.
    ///
    /// # Errors
    /// [`EngineError::Deploy`] when it doesn't get there in time, or somebody else changes the containers meanwhile.
    pub(super) async fn watch(
        &self,
        client: &Client,
        (awaited, tag): (Awaited, Option<&str>),
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let deadline = Instant::now() + self.time_limit;
        let (mut told, mut lost, mut exceeded) = (String::new(), 0, 0);
        loop {
            let standing = match self.get(client).await {
                Ok(found) => {
                    lost = 0;
                    if let Some(tag) = tag {
                        self.strangers(&found, tag)?;
                    }
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
                // Pods that waited for the data may have let it pass, and go on now.
                Standing::Exceeded(why) if tag.is_none() && exceeded < LOOKS_EXCEEDED_MAX => {
                    exceeded += 1;
                    why
                }
                Standing::Exceeded(why) => return Err(self.stuck(&why)),
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
}

/// How a rollout stands.
enum Standing {
    Done,
    Waits(String),
    /// Its own deadline for progress is over.
    Exceeded(String),
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
        return Standing::Exceeded(condition.message.clone());
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

//! Changes the tag of an application: a file a way, and [`drive`], which goes through a change beside the run of data.
//!
//! A change may be repeated at any time: compose and Kubernetes look at what is there, a command and a hook have to bear it. What
//! is not here: where a tag stands in a text, and what follows from what (both are in `lockstep_core::deploy`).

mod problem;

mod command;

pub(crate) mod client;

mod compose;

mod exec;

mod http;

mod kubernetes;

pub mod drive;

#[cfg(test)]
mod stand;

use std::sync::Arc;

use lockstep_core::deploy::tag::TagForm;
use tokio_util::sync::CancellationToken;

pub use self::{
    command::Command,
    compose::Compose,
    exec::Exec,
    http::Hook,
    kubernetes::Kubernetes,
    problem::{DeployProblem, Trouble},
};
use crate::{
    error::EngineError,
    report::{Event, Reporter},
};

/// A way to change the tag, with what tags look like.
#[derive(Debug, Clone)]
pub struct Deployer {
    /// What a tag looks like.
    pub form: TagForm,
    /// The way.
    pub way: Way,
}

/// The ways to change a tag.
#[derive(Debug, Clone)]
pub enum Way {
    /// By a compose file.
    Compose(Compose),
    /// By a command.
    Exec(Exec),
    /// By a call over HTTP.
    Http(Hook),
    /// By a Deployment.
    Kubernetes(Kubernetes),
}

/// What the tag is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The application.
    pub(crate) application: String,
    /// The tag.
    pub(crate) tag: String,
    /// The version that is to run.
    pub(crate) version: String,
    /// The version that ran before.
    pub(crate) from: String,
    /// Whether the new containers wait until the data is switched: nobody waits for them to be ready then.
    pub(crate) waits_for_data: bool,
}

/// Somebody who listens, and a way to stop.
#[derive(Clone)]
pub(crate) struct Listener {
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) stop: CancellationToken,
}

impl Listener {
    pub(crate) fn tell(&self, message: String) {
        self.reporter.report(Event::Notice { message });
    }
}

impl Deployer {
    /// The word for its way.
    pub fn kind(&self) -> &'static str {
        match &self.way {
            Way::Compose(_) => "compose",
            Way::Exec(_) => "exec",
            Way::Http(_) => "http",
            Way::Kubernetes(_) => "kubernetes",
        }
    }

    /// Looks whether the tag can be changed, before anything is. Gives the tag that is set, where it can be told.
    ///
    /// # Errors
    /// What stands in the way.
    pub(crate) async fn check(&self, is_major: bool) -> Result<Option<String>, EngineError> {
        match &self.way {
            Way::Compose(compose) => Ok(Some(compose.check(&self.form)?)),
            Way::Exec(exec) => exec.check().map(|()| None),
            Way::Http(hook) => hook.check().map(|()| None),
            Way::Kubernetes(kubernetes) => Ok(Some(kubernetes.check(&self.form, is_major).await?)),
        }
    }

    /// Makes it so.
    ///
    /// # Errors
    /// [`EngineError::Deploy`] when it can't be made so, [`EngineError::Interrupted`] when it was stopped meanwhile.
    pub(crate) async fn change(
        &self,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        match &self.way {
            Way::Compose(compose) => compose.change(&self.form, change, listener).await,
            Way::Exec(exec) => exec.change(change, listener).await,
            Way::Http(hook) => hook.change(change, listener).await,
            Way::Kubernetes(kubernetes) => kubernetes.change(change, listener).await,
        }
    }

    /// Waits until what was changed runs, where that can be seen.
    ///
    /// # Errors
    /// [`EngineError::Deploy`] when it doesn't in time.
    pub(crate) async fn settle(&self, listener: &Listener) -> Result<(), EngineError> {
        match &self.way {
            Way::Kubernetes(kubernetes) => kubernetes.settle(listener).await,
            Way::Compose(_) | Way::Exec(_) | Way::Http(_) => Ok(()),
        }
    }
}

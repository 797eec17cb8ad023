//! Doctor: what drivers that died may have left, and how it is mended.
//!
//! The same command that was killed mends nearly everything by going on; this is for when nobody wants to go on, or to know
//! first. Nothing is touched that isn't provably Lockstep's own: an index by its mark or its unique id, a block by the state
//! that the journal has.

mod examine;
mod mend;

use lockstep_core::plan::model::Plan;
use serde::Serialize;

pub use self::examine::{Holder, Seen, leftovers};
use crate::{error::EngineError, session::Session};

/// Something that isn't as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Stable code, see `docs/design/error-codes.md`.
    pub code: &'static str,
    /// What it is about: an index, a run, the application.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// What to do about it by hand, or what mending does.
    pub hint: String,
    /// How it is mended; nothing where it can't be proven to be ours, or isn't to be decided here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// How something is mended. Each may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "remedy", rename_all = "snake_case")]
pub enum Remedy {
    /// Give a dead holder's lease back.
    FreeLease,
    /// Lift the write block of a fence that nobody is in any more.
    LiftFence,
    /// Note that the run which is named as under way is over.
    CloseRun,
    /// Remove what a rehearsal left that did not come to its end.
    EndRehearsal,
    /// Drop an index that a run made and never served from.
    DropIndex {
        /// Its name.
        index: String,
        /// Its unique id: another one of that name is left alone.
        uuid: String,
    },
}

impl Session {
    /// Looks for leftovers of an application's runs. Changes nothing. Takes as long as it takes to know whether a lease's
    /// holder lives: up to 12 seconds where it is on another machine.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster or the journal can't be read.
    pub async fn examine(&self, application: &str) -> Result<Vec<Leftover>, EngineError> {
        let holder = examine::holder(self, application).await?;
        Ok(leftovers(&examine::look(self, application, holder).await?))
    }

    /// Looks once more and mends what can be mended. Gives what that was.
    ///
    /// # Errors
    /// [`EngineError::Driven`] when somebody drives a run, or what the cluster says; what was mended before stays so.
    pub async fn mend(&self, application: &str) -> Result<Vec<Leftover>, EngineError> {
        mend::mend(self, application).await
    }
}

/// The indices of a plan's old set, and of its new one.
fn sets(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
    (
        plan.sources().map(|source| source.index.as_str()).collect(),
        plan.targets().map(|target| target.index.as_str()).collect(),
    )
}

//! Retirement: sets that no way leads back to any more are archived, if so asked, and deleted for good.
//!
//! `look` holds the journal against the cluster, `lockstep_core::run::retire` decides, `note` remembers how old indices were
//! used, `archive` writes their documents elsewhere and reads them back, `remove` deletes them one by one. Nothing is found
//! by a pattern: only indices that the journal has by name and unique id are looked at.

mod archive;

mod look;

mod note;

mod remove;

use std::{collections::BTreeSet, time::Duration};

use lockstep_archive::Location;
use lockstep_core::run::retire::{Reason, Rules};
use serde::Serialize;

pub(crate) use self::note::note_sources;
use crate::{
    error::EngineError,
    journal::{ApplicationRecord, ArchiveReference, Journal},
    lease::Lease,
    session::{Session, finish},
};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Retirement {
    /// How long a set has to rest.
    pub rules: Rules,
    /// Where its documents go first; nothing where they needn't be kept.
    pub archive: Option<Location>,
    /// Time between two indices that are deleted: a cluster has other things to do.
    pub pause: Duration,
}

impl Retirement {
    /// The usual time between two indices: the cluster's state is changed by each.
    pub const PAUSE: Duration = Duration::from_millis(200);
}

/// An old set: what a run left behind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OldSet {
    /// The run.
    pub run: String,
    /// The release that it is of.
    pub release: String,
    /// Since when no way leads back to it, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up_at: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Why it stays as a whole, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Told>,
    /// The archive that has its documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub archive: Option<ArchiveReference>,
    /// Its indices that are still there, or were until now.
    pub indices: Vec<OldIndex>,
}

/// What becomes of an old set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It may go.
    Due,
    /// In time it may go, by itself.
    Waits,
    /// It stays until somebody does something.
    Stays,
    /// It is gone.
    Retired,
}

/// An index of an old set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OldIndex {
    /// Its name.
    pub index: String,
    /// Its unique id.
    pub uuid: String,
    /// Live documents, nested objects included.
    pub documents: u64,
    /// Bytes on disk, of all copies.
    pub bytes: u64,
    /// Whether it is gone.
    pub is_gone: bool,
    /// Why it stays, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Told>,
}

/// A reason as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Stable code.
    pub code: &'static str,
    /// What holds it up.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// The same as data.
    #[serde(flatten)]
    pub reason: Reason,
}

impl From<Reason> for Told {
    fn from(reason: Reason) -> Self {
        let (code, message, hint) = (reason.code(), reason.to_string(), reason.hint());
        Self { code, message, hint, reason }
    }
}

impl OldSet {
    /// Bytes of its indices that are still there.
    pub fn bytes_left(&self) -> u64 {
        self.indices.iter().filter(|index| !index.is_gone).map(|index| index.bytes).sum()
    }
}

impl Session {
    /// Looks which old sets an application has, and which may go. Changes nothing.
    ///
    /// # Errors
    /// [`EngineError::NoRun`], or what the cluster says.
    pub async fn old_sets(
        &self,
        application: &str,
        rules: &Rules,
    ) -> Result<Vec<OldSet>, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        let looked = look::look(&self.cluster, &journal, rules).await?;
        if looked.is_empty() && journal.read::<ApplicationRecord>(application).await?.is_none() {
            return Err(no_run(application));
        }
        Ok(looked.into_iter().map(|looked| looked.set).collect())
    }

    /// Retires what may go of the sets that these runs left behind, and notes how the others are used. Gives all sets as they
    /// are afterwards.
    ///
    /// # Errors
    /// [`EngineError::Archive`] when a set can't be archived, or its archive isn't whole: then nothing of it is deleted.
    /// [`EngineError::Driven`] when somebody works on a run. What the cluster says; the same command goes on.
    pub async fn retire(
        &self,
        application: &str,
        wish: &Retirement,
        runs: &BTreeSet<String>,
    ) -> Result<Vec<OldSet>, EngineError> {
        let journal = Journal::new(&self.cluster, application);
        if journal.read::<ApplicationRecord>(application).await?.is_none() {
            return Err(no_run(application));
        }
        let lease = Lease::take(&journal, application, self.reporter.as_ref(), &self.stop).await?;
        let outcome = async {
            let mut looked = look::look(&self.cluster, &journal, &wish.rules).await?;
            note::note(&journal, &looked).await?;
            for old in &mut looked {
                if old.set.fate == Fate::Due && runs.contains(&old.set.run) {
                    let (session, journal, lease) = (self, &journal, &lease);
                    let work = remove::Work { session, application, journal, lease, wish };
                    work.retire(old).await?;
                }
            }
            Ok(looked.into_iter().map(|looked| looked.set).collect())
        };
        let outcome = Box::pin(outcome).await;
        finish(lease, outcome).await
    }
}

fn no_run(application: &str) -> EngineError {
    EngineError::NoRun { application: application.to_owned(), what: "run" }
}

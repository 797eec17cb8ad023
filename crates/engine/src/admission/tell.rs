//! What is told while an application waits: when something changes, and every few seconds.

use std::time::{Duration, Instant};

use lockstep_core::{
    run::{admission::Awaited, state::RunState},
    version::Version,
};
use serde::Serialize;

use super::{Applicant, help::Own};
use crate::{error::EngineError, status::status};

/// How often the same is told again.
const TELL_TIME: Duration = Duration::from_secs(10);

/// What is told while an application waits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum News {
    /// The cluster can't be asked now.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// The run isn't where it has to be.
    Waiting(Box<Waiting>),
    /// Nobody drives, so this process does.
    Driving {
        /// Where the run stands.
        state: &'static str,
        /// From which version.
        from: Version,
        /// To which version.
        to: Version,
    },
    /// The upgrade begins here.
    Beginning {
        /// To which version.
        to: Version,
    },
    /// What this process did was stopped by something; it looks again.
    Setback {
        /// What.
        reason: String,
    },
    /// Nothing of the application was there, and this version is noted as the one that is live.
    FirstStart {
        /// Which.
        version: Version,
    },
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Waiting {
    /// What has to happen.
    #[serde(flatten)]
    pub awaited: Awaited,
    /// From which version the run goes.
    pub from: Version,
    /// To which version.
    pub to: Version,
    /// Where it stands.
    pub state: &'static str,
    /// Documents that were copied.
    pub copied: u64,
    /// Documents that there are, as far as the plan knows.
    pub documents: u64,
    /// Who drives it, if somebody does.
    pub driver: Option<String>,
    /// Why this process doesn't, if nobody does.
    pub hindrance: Option<&'static str>,
}

impl Applicant<'_> {
    pub(super) fn tell(&mut self, news: &News) {
        self.told = None;
        (self.tell)(news);
    }

    /// Tells what is waited for. The numbers are read only then.
    pub(super) async fn tell_waiting(
        &mut self,
        awaited: &Awaited,
        state: &RunState,
        own: Own,
    ) -> Result<(), EngineError> {
        if !self.is_due(state.name(), format!("the run is {state}")) {
            return Ok(());
        }
        let status = status(self.looking, &self.wish.application).await?;
        let Some((run, (_, seen))) = status.run.zip(self.run.as_ref()) else { return Ok(()) };
        let hindrance = match (&run.driver, own) {
            (None, Own::Hindered(reason)) => Some(reason),
            (None | Some(_), _) => None,
        };
        (self.tell)(&News::Waiting(Box::new(Waiting {
            awaited: awaited.clone(),
            from: seen.from.clone(),
            to: seen.to.clone(),
            state: state.name(),
            copied: run.copied.read,
            documents: run.document_count,
            driver: run.driver,
            hindrance,
        })));
        Ok(())
    }

    pub(super) fn tell_unreachable(&mut self, error: &EngineError) {
        if self.is_due("unreachable", "the cluster can't be asked".to_owned()) {
            (self.tell)(&News::Unreachable { reason: error.to_string() });
        }
    }

    pub(super) fn tell_setback(&mut self, error: &EngineError) {
        let reason = error.to_string();
        if self.is_due(&reason, reason.clone()) {
            (self.tell)(&News::Setback { reason });
        }
    }

    /// What it was that is waited for.
    pub(super) fn last_words(&self) -> String {
        match &self.told {
            Some(Told { words, .. }) => words.clone(),
            None => "nothing was seen yet".to_owned(),
        }
    }

    /// Whether something is told now: it is new, or was told a while ago.
    fn is_due(&mut self, key: &str, words: String) -> bool {
        let is_known = |told: &&Told| told.key == key && told.at.elapsed() < TELL_TIME;
        if self.told.as_ref().is_some_and(|told| is_known(&told)) {
            return false;
        }
        self.told = Some(Told { key: key.to_owned(), words, at: Instant::now() });
        true
    }
}

/// What was told last.
pub(super) struct Told {
    key: String,
    words: String,
    at: Instant,
}

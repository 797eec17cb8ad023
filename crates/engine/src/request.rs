//! Asking for the lease that a worker holds: a record that the asker renews, and that workers look at. An asker that died
//! asks no more once its record was silent for [`SILENCE_MAX`].

use std::time::{Duration, Instant};

use lockstep_core::run::crew::SILENCE_MAX;
use tokio::time;
use uuid::Uuid;

use crate::{
    error::EngineError,
    journal::{Journal, LeaseRequestRecord, Write},
    process,
};

/// How often an asker renews its record.
const REPEAT_TIME: Duration = Duration::from_secs(1);
/// How often who holds the lease looks whether somebody asks for it.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// Somebody who asks.
#[derive(Debug)]
pub(crate) struct Request {
    journal: Journal,
    application: String,
    begun: Option<Instant>,
    repeated: Option<Instant>,
    record: LeaseRequestRecord,
}

impl Request {
    /// Somebody who may ask.
    pub(crate) fn new(journal: &Journal, application: &str) -> Self {
        let record = LeaseRequestRecord {
            by: process::own_name(),
            request: Uuid::now_v7().simple().to_string(),
            beat: 0,
            is_over: false,
        };
        Self {
            journal: journal.clone(),
            application: application.to_owned(),
            begun: None,
            repeated: None,
            record,
        }
    }

    /// How long it was asked already.
    pub(crate) fn age(&self) -> Duration {
        self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    /// Asks, or asks on.
    pub(crate) async fn repeat(&mut self) -> Result<(), EngineError> {
        self.begun.get_or_insert_with(Instant::now);
        if self.repeated.is_some_and(|repeated| repeated.elapsed() < REPEAT_TIME) {
            return Ok(());
        }
        self.repeated = Some(Instant::now());
        self.record.beat = self.record.beat.saturating_add(1);
        self.write().await
    }

    /// Asks no more. What can't be written ends by itself.
    pub(crate) async fn end(mut self) {
        if self.begun.is_none() {
            return;
        }
        self.record.is_over = true;
        if let Err(error) = self.write().await {
            tracing::warn!(%error, "the request for the lease could not be taken back; it ends by itself");
        }
    }

    /// When two ask at the same time, one record says so as well as two.
    async fn write(&self) -> Result<(), EngineError> {
        let key = &self.application;
        let written = match self.journal.read::<LeaseRequestRecord>(key).await? {
            Some(kept) => self.journal.replace(key, &kept, self.record.clone()).await?,
            None => self.journal.create(key, self.record.clone()).await?,
        };
        if let Write::Conflict = written {
            tracing::debug!("somebody else asks for the lease as well");
        }
        Ok(())
    }
}

/// A worker's view of who asks.
#[derive(Debug, Default)]
pub(crate) struct RequestWatch {
    seen: Option<(LeaseRequestRecord, Instant)>,
}

impl RequestWatch {
    /// Who asks for the lease now.
    pub(crate) async fn asker(
        &mut self,
        journal: &Journal,
        application: &str,
    ) -> Result<Option<String>, EngineError> {
        let Some(kept) = journal.read::<LeaseRequestRecord>(application).await? else {
            return Ok(None);
        };
        let record = kept.record;
        if record.is_over {
            return Ok(None);
        }
        match &self.seen {
            Some((before, since)) if *before == record => {
                Ok((since.elapsed() < SILENCE_MAX).then_some(record.by))
            }
            Some(_) | None => {
                self.seen = Some((record.clone(), Instant::now()));
                Ok(Some(record.by))
            }
        }
    }

    /// Returns once somebody asks.
    pub(crate) async fn asked(&mut self, journal: &Journal, application: &str) -> String {
        loop {
            match self.asker(journal, application).await {
                Ok(Some(asker)) => return asker,
                Ok(None) => {}
                // Whoever can't reach the journal loses the lease by itself.
                Err(error) => tracing::debug!(%error, "who asks for the lease can't be read now"),
            }
            time::sleep(LOOK_TIME).await;
        }
    }
}

//! The crew: every process that works on an application's runs holds a place, which it renews like a
//! [lease](crate::lease). Whoever looks takes places from holders that are silent, by compare-and-swap: one that lives after
//! all keeps its place by its next beat, and one that slept finds its place lost and drops what it held.

use std::{collections::BTreeMap, time::Instant};

use lockstep_core::run::crew::{self, Holder, Watch};
use tokio_util::sync::CancellationToken;

use crate::{
    error::EngineError,
    journal::{Journal, Kept, LeaseRecord},
    lease::{Lease, Manner},
    process,
};

/// Places that there are: more workers than that would wait for each other, not for the cluster.
pub(crate) const PLACES_MAX: u32 = 128;
/// How often a place is reached for before somebody is told that there is none.
const ATTEMPTS_MAX: u32 = 16;

/// A place that this process holds.
#[derive(Debug)]
pub struct Place {
    lease: Lease,
    holder: Holder,
}

impl Place {
    /// What tasks say of who holds them.
    pub(crate) fn holder(&self) -> Holder {
        self.holder
    }

    /// Cancelled when this process was taken for dead.
    pub(crate) fn lost(&self) -> &CancellationToken {
        self.lease.lost()
    }

    /// Gives the place back; a place that can't be given back is taken away after a while.
    pub(crate) async fn release(self) {
        if let Err(error) = self.lease.release().await {
            tracing::warn!(%error, "a worker's place could not be given back; it ends by itself");
        }
    }
}

/// What this process knows of all places.
#[derive(Debug)]
pub(crate) struct Crew {
    journal: Journal,
    application: String,
    begun: Instant,
    watch: Watch,
    places: BTreeMap<u32, Kept<LeaseRecord>>,
}

impl Crew {
    pub(crate) fn new(journal: &Journal, application: &str) -> Self {
        Self {
            journal: journal.clone(),
            application: application.to_owned(),
            begun: Instant::now(),
            watch: Watch::default(),
            places: BTreeMap::new(),
        }
    }

    /// Looks at all places, and frees those whose holders are dead.
    pub(crate) async fn look(&mut self) -> Result<(), EngineError> {
        self.places = read_places(&self.journal, &self.application).await?;
        let now = self.begun.elapsed();
        let mut dead = Vec::new();
        for (number, kept) in &self.places {
            let is_silent = self.watch.is_silent(*number, place(&kept.record), now);
            let is_dead = is_silent || process::is_gone(kept.record.process.as_deref());
            if !kept.record.is_free && is_dead {
                let free = LeaseRecord { is_free: true, ..kept.record.clone() };
                dead.push((place_key(&self.application, *number), free, Some(kept.clone())));
            }
        }
        if dead.is_empty() {
            return Ok(());
        }
        // Whoever beat meanwhile keeps its place.
        self.journal.write_each(&dead).await?;
        self.places = read_places(&self.journal, &self.application).await?;
        Ok(())
    }

    /// The places as they were at the last look.
    pub(crate) fn places(&self) -> crew::Crew {
        self.places.iter().map(|(number, kept)| (*number, place(&kept.record))).collect()
    }

    /// How many hold a place.
    pub(crate) fn living(&self) -> usize {
        self.places.values().filter(|kept| !kept.record.is_free).count()
    }

    /// The name of a holder.
    pub(crate) fn name(&self, holder: Holder) -> String {
        let found = self.places.get(&holder.place).map(|kept| kept.record.owner.clone());
        found.unwrap_or_else(|| format!("worker {}", holder.place))
    }

    /// Takes the first place that nobody holds.
    ///
    /// # Errors
    /// [`EngineError::Crowded`] when there is none.
    pub(crate) async fn take_place(&mut self) -> Result<Place, EngineError> {
        for _ in 0..ATTEMPTS_MAX {
            self.look().await?;
            let is_free =
                |number: &u32| self.places.get(number).is_none_or(|kept| kept.record.is_free);
            let Some(number) = (0..PLACES_MAX).find(is_free) else { break };
            let key = place_key(&self.application, number);
            let found = self.places.get(&number);
            if let Some(lease) = Lease::seize(&self.journal, &key, found, Manner::Keep).await? {
                let holder = Holder { place: number, number: lease.number() };
                self.look().await?;
                return Ok(Place { lease, holder });
            }
        }
        Err(EngineError::Crowded)
    }
}

/// All places that were ever taken.
pub(crate) async fn read_places(
    journal: &Journal,
    application: &str,
) -> Result<BTreeMap<u32, Kept<LeaseRecord>>, EngineError> {
    let keys: Vec<String> = (0..PLACES_MAX).map(|number| place_key(application, number)).collect();
    let found = journal.read_many_keyed::<LeaseRecord>(&keys).await?;
    let numbers: BTreeMap<&str, u32> = keys.iter().map(String::as_str).zip(0..).collect();
    Ok(found
        .into_iter()
        .filter_map(|(key, kept)| Some((*numbers.get(key.as_str())?, kept)))
        .collect())
}

fn place(record: &LeaseRecord) -> crew::Place {
    crew::Place { number: record.number, beat: record.beat, is_free: record.is_free }
}

fn place_key(application: &str, number: u32) -> String {
    format!("{application}:worker-{number:03}")
}

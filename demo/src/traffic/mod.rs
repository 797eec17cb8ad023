//! Traffic: the application at work while it is upgraded, and the proof that none of it was lost.
//!
//! [`Traffic`] runs a few writers and an observer of the aliases. What the cluster acknowledges goes into the [`Ledger`];
//! [`check_traffic`] compares the ledger with what the live set holds in the end. The ledger keeps numbers, not documents:
//! every document follows from the seed, its place and its version.
//!
//! What is not here: anything that knows how an upgrade is done. The writers see only what an application sees: refusals,
//! and aliases.

mod answer;
mod book;
mod counts;
mod history;
mod ledger;
mod operation;
mod oracle;
mod pace;
mod place;
mod report;
mod standing;
mod writer;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use self::{
    book::Book, counts::Counters, pace::Pace, place::Slots, standing::Standing, standing::observe,
    writer::Writer,
};
pub use self::{
    counts::TrafficCounts,
    ledger::Ledger,
    oracle::check_traffic,
    report::{TrafficExample, TrafficReport, TrafficVerdict},
};
use crate::{
    application::{Release, tenant_names},
    cluster::Cluster,
    documents::Random,
    error::DemoError,
    seed::SeedOptions,
};

/// The most writers: each has a connection and a request under way.
const WRITERS_MAX: usize = 64;
/// The most operations per second that can be asked for.
const OPERATIONS_PER_SECOND_MAX: u32 = 100_000;
/// The longest wait for the writers when they are to stop: a little more than they allow themselves.
const STOP_WAIT: Duration = Duration::from_secs(45);

/// How the application is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficOptions {
    /// The number of tenants that are written to, the first of those that were seeded.
    pub tenants: u32,
    /// What was seeded: its documents are updated and deleted like any other.
    pub seed: SeedOptions,
    /// Writers at the same time, 1 to 64.
    pub writers: usize,
    /// Operations per second that all writers together aim at.
    pub operations_per_second: u32,
}

impl TrafficOptions {
    /// Four writers on all tenants that were seeded, 1,500 operations per second.
    pub fn new(seed: SeedOptions) -> Self {
        Self { tenants: seed.tenants, seed, writers: 4, operations_per_second: 1500 }
    }

    fn check(&self) -> Result<(), DemoError> {
        let refuse = |text: String| Err(DemoError::Options(text));
        let Self { tenants, seed, writers, operations_per_second } = self;
        if *tenants == 0 || *tenants > seed.tenants {
            return refuse(format!(
                "traffic takes 1 to {} tenants, as many as were seeded, not {tenants}",
                seed.tenants
            ));
        }
        if *writers == 0 || *writers > WRITERS_MAX {
            return refuse(format!("traffic takes 1 to {WRITERS_MAX} writers, not {writers}"));
        }
        if *operations_per_second == 0 || *operations_per_second > OPERATIONS_PER_SECOND_MAX {
            return refuse(format!(
                "traffic takes 1 to {OPERATIONS_PER_SECOND_MAX} operations per second, not \
                 {operations_per_second}"
            ));
        }
        Ok(())
    }
}

impl Default for TrafficOptions {
    fn default() -> Self {
        Self::new(SeedOptions::default())
    }
}

/// Writers at work. Dropping it ends them at once, and nobody knows then what they did; [`Traffic::stop`] tells.
#[derive(Debug)]
pub struct Traffic {
    options: TrafficOptions,
    slots: Arc<Slots>,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    writers: JoinSet<Result<Book, DemoError>>,
    observer: JoinSet<()>,
}

impl Traffic {
    /// Starts to write to the release that each tenant is on. Nobody else may write to these tenants, and nobody may
    /// have since they were seeded.
    ///
    /// # Errors
    /// When the options make no sense, or a tenant is not on one release.
    pub async fn start(url: &str, options: TrafficOptions) -> Result<Self, DemoError> {
        options.check()?;
        let slots = Slots::new(&options.seed, options.tenants);
        let writers = u64::try_from(options.writers).unwrap_or(1);
        let books = (0..writers).map(|writer| Book::new(options.seed.seed, writer, writers));
        let ledger = Ledger {
            slots: Arc::new(slots),
            books: Arc::new(books.collect()),
            counts: TrafficCounts::default(),
            splits: Vec::new(),
            options,
        };
        Self::resume(url, ledger).await
    }

    /// Goes on where earlier traffic was stopped, with its ledger.
    ///
    /// # Errors
    /// As [`Traffic::start`].
    pub async fn resume(url: &str, ledger: Ledger) -> Result<Self, DemoError> {
        let Ledger { options, slots, books, counts, splits } = ledger;
        let cluster = Cluster::new(url)?;
        let tenants = tenant_names(options.tenants);
        let standing = Standing::ask(&cluster, &tenants).await?;
        let releases = releases(&standing, &tenants)?;
        let counters = Arc::new(Counters::new(&counts, splits));
        let (stop, stopped) = watch::channel(false);
        let mut writers = JoinSet::new();
        for (book, number) in Arc::unwrap_or_clone(books).into_iter().zip(0_u64..) {
            let rate = u64::from(options.operations_per_second);
            let writer = Writer {
                cluster: cluster.clone(),
                slots: Arc::clone(&slots),
                tenants: tenants.clone(),
                releases: releases.clone(),
                book,
                pace: Pace::new(rate, u64::try_from(options.writers).unwrap_or(1)),
                random: Random::new(&[options.seed.seed, number]),
                counters: Arc::clone(&counters),
                stop: stopped.clone(),
            };
            writers.spawn(writer.run());
        }
        let mut observer = JoinSet::new();
        let observed = tenant_names(options.seed.tenants);
        observer.spawn(observe(cluster, observed, Arc::clone(&counters)));
        Ok(Self { options, slots, counters, stop, writers, observer })
    }

    /// What was done until now.
    pub fn counts(&self) -> TrafficCounts {
        self.counters.counts()
    }

    /// Lets the writers finish what is under way, and gives the ledger. Takes a moment when the cluster answers, and at
    /// most 45 seconds when it doesn't.
    ///
    /// # Errors
    /// When a writer failed, perhaps long before: the cluster refused a document for good, or everything for two minutes.
    pub async fn stop(mut self) -> Result<Ledger, DemoError> {
        let Self { options, slots, counters, .. } = &self;
        let (options, slots, counters) = (options.clone(), Arc::clone(slots), Arc::clone(counters));
        self.stop.send_replace(true);
        let deadline = Instant::now() + STOP_WAIT;
        let mut books = Vec::new();
        let mut failure = None;
        loop {
            let joined = if let Ok(joined) = timeout_at(deadline, self.writers.join_next()).await {
                joined
            } else {
                // Those left are ended, and joined as tasks that did not finish.
                self.writers.abort_all();
                self.writers.join_next().await
            };
            match joined {
                Some(Ok(Ok(book))) => books.push(book),
                Some(Ok(Err(error))) => failure = failure.or(Some(error)),
                Some(Err(error)) => failure = failure.or(Some(error.into())),
                None => break,
            }
        }
        self.observer.shutdown().await;
        if let Some(error) = failure {
            return Err(error);
        }
        books.sort_by_key(Book::writer);
        let (counts, splits) = (counters.counts(), counters.splits());
        Ok(Ledger { options, slots, books: Arc::new(books), counts, splits })
    }
}

/// The release that each tenant is on.
fn releases(
    standing: &Standing,
    tenants: &[String],
) -> Result<BTreeMap<String, Release>, DemoError> {
    let one = |tenant: &String| {
        let release = standing.release(tenant).ok_or_else(|| {
            DemoError::Options(format!(
                "tenant {tenant} has to be on one release before there can be traffic: {}",
                standing.split().unwrap_or_default()
            ))
        })?;
        Ok((tenant.clone(), release))
    };
    tenants.iter().map(one).collect()
}

#[cfg(test)]
mod tests;

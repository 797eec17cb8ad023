//! The application is sampled: before its tag is changed, and afterwards until there is a verdict.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lockstep_core::{
    configuration::health::HealthConfiguration,
    deploy::state::{DeployEvent, DeployState},
    health::{Baseline, Judge, Rules, Verdict, counters::Counted},
};
use lockstep_elastic::Cluster;
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{DeployWish, Deploying};
use crate::{
    deploy::{DeployProblem, Trouble, client},
    error::EngineError,
    health::Prober,
    journal::{ApplicationRecord, DeployRecord, Write},
    session::application_record,
};

/// Rounds of probes before the tag is changed that may come to nothing.
const ROUNDS_BEFORE_MAX: u32 = 10;

/// Looks whether pages can be asked for, before anything is changed.
///
/// # Errors
/// [`EngineError::Deploy`] when they can't.
pub(super) fn check(deploy: &DeployWish) -> Result<(), EngineError> {
    let Some(_) = &deploy.health else { return Ok(()) };
    let client = client::client(deploy.health_ca.as_deref());
    client.map(drop).map_err(|reason| no_certificates(&reason))
}

fn no_certificates(reason: &str) -> EngineError {
    let message = format!("the certificates that pages are trusted by can't be used: {reason}");
    DeployProblem::new(
        Trouble::File,
        message,
        "name a file of PEM certificates in `health: {ca: …}`",
    )
    .into()
}

impl Deploying<'_> {
    /// Somebody who samples; `None` when nobody asked to watch.
    pub(super) fn health(&self) -> Result<Option<Health>, EngineError> {
        let configuration = self.deploy.health.as_ref();
        configuration
            .map(|own| {
                let ca = self.deploy.health_ca.as_deref();
                Health::open(&self.session.cluster, (own, ca), &self.kept.record)
            })
            .transpose()
    }

    /// Samples until something is known of the application, or it is clear that nothing will be.
    pub(super) async fn look_before(
        &self,
        health: Option<&mut Health>,
        over: &CancellationToken,
    ) -> Result<(), EngineError> {
        let Some(health) = health else { return Ok(()) };
        let rounds = ROUNDS_BEFORE_MAX.max(health.rules.samples_min.saturating_mul(2));
        for _ in 0..rounds {
            match self.sampled(health, &self.sources()).await? {
                Some(Verdict::Healthy) => return Ok(()),
                Some(Verdict::Unhealthy { reason }) => {
                    return Err(EngineError::UnhealthyBefore { reason });
                }
                Some(Verdict::CantTell { .. }) | None => {}
            }
            tokio::select! {
                () = time::sleep(health.interval) => {}
                () = over.cancelled() => return Ok(()),
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
        let why = health.judge.last_reason().unwrap_or("there were too few samples");
        self.tell(format!(
            "before the tag is changed it can't be told whether the application is well: {why}"
        ));
        Ok(())
    }

    /// Watches the application until there is a verdict.
    pub(super) async fn watch(&mut self) -> Result<(), EngineError> {
        let event = match self.judged().await? {
            None => DeployEvent::Unwatched,
            Some(Judged { verdict, samples, counted }) => {
                let mut record = self.kept.record.clone();
                record.after = samples;
                record.counted_after = counted;
                let is_back = matches!(verdict, Verdict::Unhealthy { .. }) && self.goes_back;
                if !is_back {
                    self.remember_live().await?;
                }
                let goes_back = self.goes_back;
                return self.write(record, DeployEvent::Judged { verdict, goes_back }).await;
            }
        };
        self.remember_live().await?;
        self.happened(event).await
    }

    /// One round of probes, which may take long; whoever asks to stop doesn't wait for it.
    async fn sampled(
        &self,
        health: &mut Health,
        tenants: &[String],
    ) -> Result<Option<Verdict>, EngineError> {
        tokio::select! {
            verdict = health.sample(tenants) => Ok(verdict),
            () = self.session.stop.cancelled() => Err(EngineError::Interrupted),
        }
    }

    async fn judged(&self) -> Result<Option<Judged>, EngineError> {
        match self.deploy.deployer.settle(&self.listener()).await {
            Ok(()) => {}
            Err(EngineError::Deploy(problem)) if problem.trouble == Trouble::Rollout => {
                let reason = format!("{problem} ({})", problem.code());
                let (verdict, counted) = (Verdict::Unhealthy { reason }, BTreeMap::new());
                return Ok(Some(Judged { verdict, samples: None, counted }));
            }
            Err(error) => return Err(error),
        }
        let Some(mut health) = self.health()? else { return Ok(None) };
        let tenants: Vec<String> =
            self.plan.tenants.iter().map(|tenant| tenant.target.clone()).collect();
        self.tell("watching whether the application is well".to_owned());
        loop {
            if let Some(verdict) = self.sampled(&mut health, &tenants).await? {
                let (samples, counted) = (Some(health.seen()), health.counted());
                return Ok(Some(Judged { verdict, samples, counted }));
            }
            tokio::select! {
                () = time::sleep(health.interval) => {}
                () = self.session.stop.cancelled() => return Err(EngineError::Interrupted),
            }
        }
    }

    /// Notes which version is live when no run does.
    async fn remember_live(&self) -> Result<(), EngineError> {
        if self.kept.record.is_major {
            return Ok(());
        }
        let kept = application_record(&self.journal, &self.pack.name).await?;
        let live = Some(self.kept.record.to.clone());
        let record = ApplicationRecord { live, ..kept.record.clone() };
        match self.journal.replace(&self.pack.name, &kept, record).await? {
            Write::Kept(_) => Ok(()),
            Write::Conflict => Err(EngineError::LeaseLost),
        }
    }
}

/// What a watch came to.
struct Judged {
    verdict: Verdict,
    /// How many samples there were; `None` where nothing was sampled.
    samples: Option<Baseline>,
    counted: BTreeMap<String, Counted>,
}

/// Samples and what they come to.
pub(super) struct Health {
    prober: Prober,
    judge: Judge,
    rules: Rules,
    interval: Duration,
    begun: Instant,
    sampled: Option<Instant>,
}

impl Health {
    /// Nothing was sampled yet. Before the tag is changed what runs isn't starting, and is compared with nothing.
    fn open(
        cluster: &Cluster,
        (configuration, ca): (&HealthConfiguration, Option<&[u8]>),
        record: &DeployRecord,
    ) -> Result<Self, EngineError> {
        let is_before = record.state == DeployState::Waiting;
        let mut rules = configuration.rules;
        if is_before {
            rules.start_time = Duration::ZERO;
            rules.failure_rise_percent_max = 100;
        }
        let before = record.before.filter(|_| !is_before);
        let counted_before = (!is_before).then_some(&record.counted_before);
        let asked = (configuration, ca);
        let prober = Prober::new(cluster, asked, &record.heard, counted_before)
            .map_err(|reason| no_certificates(&reason))?;
        Ok(Self {
            prober,
            judge: Judge::new(rules, before),
            rules,
            interval: configuration.interval,
            begun: Instant::now(),
            sampled: None,
        })
    }

    /// What was seen until now.
    pub(super) fn seen(&self) -> Baseline {
        self.judge.seen()
    }

    /// What the application counted until now, by the names of the probes.
    pub(super) fn counted(&self) -> BTreeMap<String, Counted> {
        self.prober.counted()
    }

    /// Which probes answered well until now.
    pub(super) fn heard(&self) -> Vec<String> {
        self.prober.heard()
    }

    async fn sample(&mut self, tenants: &[String]) -> Option<Verdict> {
        self.sampled = Some(Instant::now());
        let sample = self.prober.sample(tenants).await;
        self.judge.take(sample, self.begun.elapsed())
    }

    pub(super) async fn sample_if_due(&mut self, tenants: &[String]) {
        if self.sampled.is_none_or(|at| at.elapsed() >= self.interval) {
            // What follows is asked once the new set is in step.
            drop(self.sample(tenants).await);
        }
    }
}

//! The stages of a run, in the order of the main path. Each does what one state of the run asks for, may be repeated
//! at any time, and answers with the event that happened.

pub mod prepare;

pub(crate) mod clone;

pub mod copy;

pub mod settle;

pub mod verify;

pub mod hold;

pub mod fence;

pub mod dry_fence;

pub mod switch;

pub mod back;

pub mod flow_back;

pub mod abort;

mod batch;

pub(crate) mod loss;

mod carry;

mod catch_up;

mod checkpoint;

pub mod compare;

mod deletes;

mod delivery;

mod delta;

mod follow;

mod gate;

mod guard;

pub mod measure;

mod mend;

pub(crate) mod meter;

mod position;

mod rejected;

pub mod quarantine;

mod review;

pub(crate) mod share;

mod side;

pub(crate) mod steps;

mod passage;

pub(crate) mod table;

mod terms;

pub(crate) mod window;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use lockstep_core::{
    names::ReleaseNames,
    plan::model::{Plan, Schema, SourcePlan, Strategy, TargetPlan},
    run::state::{BadDocument, Problem},
    transform::{Transform, operation::Operation},
};
use lockstep_elastic::Cluster;
use tokio_util::sync::CancellationToken;

pub use self::steps::Course;
pub(crate) use self::{checkpoint::task_key, delivery::remove_envelopes, fence::blocked_before};
use crate::{
    crew::Place,
    databases::Databases,
    error::EngineError,
    journal::Journal,
    jq::JqHosts,
    pace::Pace,
    report::{self, Reporter, Waiting},
};

/// What every stage works with.
#[derive(Clone)]
pub struct StageContext {
    /// The cluster.
    pub cluster: Cluster,
    /// The journal of the application.
    pub journal: Journal,
    /// The run's id.
    pub run: String,
    /// The plan; it leaves no choice.
    pub plan: Arc<Plan>,
    /// The fused operations of the plan, compiled, by key.
    pub courses: Arc<BTreeMap<String, Arc<Course>>>,
    /// The names of the release that the application writes, where the pack is at hand: by them an index is noticed that
    /// the plan doesn't know.
    pub live_names: Option<Arc<ReleaseNames>>,
    /// Where programs in jq run.
    pub jq: JqHosts,
    /// Documents that were rejected.
    pub quarantine: quarantine::Quarantine,
    /// The databases that tables are in.
    pub databases: Databases,
    /// Until when requests of a dead driver may still arrive, if there was one: until then no gate is passed. A late copy of a
    /// document that was deleted meanwhile would come behind it.
    pub quiet_at: Option<Instant>,
    /// The place among the workers that this process holds already; without one, copying takes one.
    pub place: Option<Arc<Place>>,
    /// What is measured on the way.
    pub measures: measure::Measures,
    /// What operators ask of the run while it is under way.
    pub pace: Pace,
    /// Who listens.
    pub reporter: Arc<dyn Reporter>,
    /// Cancelled when the run has to stop here.
    pub stop: CancellationToken,
    /// Cancelled when somebody else drives the run now.
    pub lost: CancellationToken,
}

impl std::fmt::Debug for StageContext {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StageContext").field("run", &self.run).finish_non_exhaustive()
    }
}

/// An index that is copied: where from, where to, by which program.
#[derive(Debug, Clone)]
pub(crate) struct CopyPair {
    /// Position in the plan's list.
    pub(crate) position: usize,
    /// Read from here.
    pub(crate) source: SourcePlan,
    /// Written to the index of this name.
    pub(crate) target: String,
    /// Which way documents flow.
    pub(crate) direction: Direction,
    /// What happens on the way.
    pub(crate) course: Arc<Course>,
    /// Added to a sequence number of the source, it gives the version under which a document is written: at least 1, as
    /// numbers start at 0 and versions at 1.
    pub(crate) version_base: u64,
}

impl CopyPair {
    /// The version under which a document is written whose last write had this number.
    pub(crate) fn version_of(&self, seq_no: i64) -> u64 {
        u64::try_from(seq_no).unwrap_or_default().saturating_add(self.version_base)
    }
}

/// Which way documents flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the live set to the new one, before the switch.
    Forward,
    /// From the new set to the old one, after it.
    Back,
}

impl Direction {
    /// The set that documents are carried into, in words.
    pub(crate) fn target_set(self) -> &'static str {
        match self {
            Self::Forward => "the new set",
            Self::Back => "the old set",
        }
    }
}

impl StageContext {
    /// How long requests of a dead driver may still arrive.
    pub(crate) fn quiet_in(&self) -> Duration {
        let left = self.quiet_at.map(|at| at.saturating_duration_since(Instant::now()));
        left.unwrap_or_default()
    }

    /// Whether requests of a dead driver may have arrived since this one began.
    pub(crate) fn follows_dead(&self) -> bool {
        self.quiet_at.is_some()
    }

    /// Tells that requests of a dead driver may still arrive, and for how long.
    pub(crate) fn tell_silence(&self) {
        let seconds = self.quiet_in().as_millis().div_ceil(1_000);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        self.reporter.report(report::Event::Waiting(Waiting::Silence { seconds }));
    }

    /// Waits until no request of a dead driver can arrive any more.
    pub(crate) async fn wait_until_quiet(&self) -> Result<(), EngineError> {
        if !self.quiet_in().is_zero() {
            self.tell_silence();
        }
        tokio::select! {
            () = tokio::time::sleep(self.quiet_in()) => Ok(()),
            () = self.stop.cancelled() => Err(EngineError::Interrupted),
        }
    }

    /// Does something that requests of a dead driver could undo; while such may still arrive, once more when none can any more.
    pub(crate) async fn do_for_good<F>(&self, act: impl Fn() -> F) -> Result<(), EngineError>
    where
        F: Future<Output = Result<(), EngineError>>,
    {
        act().await?;
        if self.quiet_in().is_zero() {
            return Ok(());
        }
        self.wait_until_quiet().await?;
        act().await
    }

    /// Stops when somebody asked for it.
    pub(crate) fn check_stop(&self) -> Result<(), EngineError> {
        if self.stop.is_cancelled() { Err(EngineError::Interrupted) } else { Ok(()) }
    }

    /// All indices that are copied, in the plan's order.
    pub(crate) fn pairs(&self) -> Result<Vec<CopyPair>, EngineError> {
        let mut pairs = Vec::new();
        for (position, index) in self.plan.indices.iter().enumerate() {
            let Strategy::Copy { source, target, program, clone: _, delivery: _ } = &index.strategy
            else {
                continue;
            };
            let course = self.courses.get(program).ok_or_else(|| {
                EngineError::Bug(format!(
                    "the plan names a program `{program}` that it doesn't have"
                ))
            })?;
            pairs.push(CopyPair {
                position,
                source: source.clone(),
                target: target.index.clone(),
                direction: Direction::Forward,
                course: Arc::clone(course),
                version_base: 1,
            });
        }
        Ok(pairs)
    }

    /// Operations, with what it takes to do them.
    pub(crate) fn course(&self, operations: &[Operation]) -> Arc<Course> {
        Arc::new(Course::new(Transform::new(operations.to_vec()), &self.jq))
    }

    /// The schema of a target.
    pub(crate) fn schema(&self, target: &TargetPlan) -> Result<&Schema, EngineError> {
        self.plan.schemas.get(&target.schema).ok_or_else(|| {
            EngineError::Bug(format!(
                "the plan names a schema `{}` that it doesn't have",
                target.schema
            ))
        })
    }
}

/// A problem without documents.
pub(crate) fn problem(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Problem {
    Problem {
        code: code.to_owned(),
        message: message.into(),
        hint: hint.into(),
        documents: Vec::<BadDocument>::new(),
        document_count: 0,
    }
}

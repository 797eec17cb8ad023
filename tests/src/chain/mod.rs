//! Chains of steps with operations and scripts, and documents for them, drawn from a seed.
//!
//! Few names, so that operations, scripts and documents meet. A chain is held against itself: all steps at once must make of
//! a document what one step after the other makes of it. `host` plays the engine where there is none.

#![expect(clippy::panic, reason = "a chain that can't be drawn is a test that fails")]

mod document;
mod host;
mod operation;
mod statement;

use lockstep_core::{
    compare::document_hash,
    transform::{Document, Rejection, operation::Operation},
};
use lockstep_engine::{
    EngineError,
    jq::JqHosts,
    trial::{ScriptHost, take},
};

use crate::dice::Dice;
pub use host::StandIn;

/// Documents of a chain.
const DOCUMENT_COUNT: usize = 12;
/// The name that stands for their index.
const INDEX: &str = "chain";

/// What is in every text that stands for a number.
const NUMBER_NAME: &str = "lockstep-number";

/// Set to a seed, it is the only one that a test draws.
const SEED: &str = "LOCKSTEP_TEST_SEED";

/// The seed that the environment asks for.
pub fn seed_asked_for() -> Option<u64> {
    let seed = std::env::var(SEED).ok()?;
    Some(seed.parse().unwrap_or_else(|error| panic!("{SEED}={seed}: {error}")))
}

/// Steps and documents.
#[derive(Debug, Clone)]
pub struct Chain {
    /// What both are drawn from.
    pub seed: u64,
    /// 2 to 5 steps of 1 to 3 operations each.
    pub steps: Vec<Vec<Operation>>,
    /// Documents, as JSON.
    pub documents: Vec<String>,
}

/// What became of a document: its source, or why it was rejected.
pub type Outcome = Result<Vec<u8>, Rejection>;

impl Chain {
    /// The chain of a seed.
    pub fn drawn(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let step_count = 2 + dice.count(4);
        let mut step = || {
            let operation_count = 1 + dice.count(3);
            (0..operation_count).map(|_| operation::drawn(&mut dice)).collect()
        };
        let steps = (0..step_count).map(|_| step()).collect();
        let documents = (0..DOCUMENT_COUNT).map(|_| document::drawn(&mut dice)).collect();
        Self { seed, steps, documents }
    }

    /// The first document that came out otherwise on one way than on another, told with how to draw it again. Documents are
    /// compared by content, rejections by code and place.
    pub fn difference(
        &self,
        (one_way, one): (&str, &[Outcome]),
        (other_way, other): (&str, &[Outcome]),
    ) -> Option<String> {
        let all = self.documents.iter().zip(one.iter().zip(other));
        let mut differing = all.filter(|(_, (one, other))| told(one) != told(other));
        let (document, (one, other)) = differing.next()?;
        let shown = |outcome: &Outcome| match outcome {
            Ok(source) => String::from_utf8_lossy(source).into_owned(),
            Err(rejection) => rejection.to_string(),
        };
        let steps: Vec<String> =
            self.steps.iter().filter_map(|step| serde_json::to_string(step).ok()).collect();
        Some(format!(
            "{SEED}={} draws it again\n{document}\n{one_way}: {}\n{other_way}: {}\n{}",
            self.seed,
            shown(one),
            shown(other),
            steps.join("\n")
        ))
    }

    /// A document that has a text in the place of a number which scripts can't hold, and no longer the number.
    pub fn stand_in_left(&self, outcomes: &[Outcome]) -> Option<String> {
        let all = self.documents.iter().zip(outcomes);
        let mut left = all.filter_map(|(document, outcome)| {
            let source = String::from_utf8_lossy(outcome.as_deref().ok()?);
            let is_left = source.contains(NUMBER_NAME) && !document.contains(NUMBER_NAME);
            is_left.then(|| format!("{SEED}={}: {document} became {source}", self.seed))
        });
        left.next()
    }

    /// How many of its operations are scripts.
    pub fn script_count(&self) -> usize {
        let is_script = |one: &&Operation| matches!(one, Operation::Painless(_));
        self.steps.iter().flatten().filter(is_script).count()
    }

    /// What all steps at once make of each document.
    ///
    /// # Errors
    /// [`EngineError`] when scripts can't be run.
    pub async fn at_once(&self, host: &impl ScriptHost) -> Result<Vec<Outcome>, EngineError> {
        let operations = self.steps.concat();
        let documents: Vec<&[u8]> = self.documents.iter().map(String::as_bytes).collect();
        taken(host, operations, &documents).await
    }

    /// What one step after the other makes of each document. A rejection counts operations from the first step on.
    ///
    /// # Errors
    /// [`EngineError`] when scripts can't be run.
    pub async fn step_by_step(&self, host: &impl ScriptHost) -> Result<Vec<Outcome>, EngineError> {
        let mut outcomes: Vec<Outcome> =
            self.documents.iter().map(|document| Ok(document.clone().into_bytes())).collect();
        let mut operation_count = 0;
        for step in &self.steps {
            let going_on: Vec<&[u8]> =
                outcomes.iter().filter_map(|one| one.as_deref().ok()).collect();
            let mut made = taken(host, step.clone(), &going_on).await?.into_iter();
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.is_ok()) {
                let Some(next) = made.next() else {
                    return Err(EngineError::Bug("a document is gone".to_owned()));
                };
                *outcome = next.map_err(|rejection| Rejection {
                    operation_index: rejection.operation_index.map(|index| index + operation_count),
                    ..rejection
                });
            }
            operation_count += step.len();
        }
        Ok(outcomes)
    }
}

/// What is compared of an outcome.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Ok(source) => format!("{:?}", document_hash(source)),
        Err(rejection) => format!("{} {:?}", rejection.code, rejection.operation_index),
    }
}

async fn taken(
    host: &impl ScriptHost,
    operations: Vec<Operation>,
    sources: &[&[u8]],
) -> Result<Vec<Outcome>, EngineError> {
    let ids: Vec<String> = (0..sources.len()).map(|id| id.to_string()).collect();
    let documents: Vec<Document<'_>> = ids
        .iter()
        .zip(sources)
        .map(|(id, source)| Document { id, routing: None, source })
        .collect();
    take((host, &JqHosts::none()), operations, (INDEX, &documents)).await
}

#[cfg(test)]
mod tests;

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
    transform::{Document, Made, Rejection, operation::Operation},
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

/// What became of a document: all that was made of it, or why it was rejected.
pub type Outcome = Result<Vec<Made>, Rejection>;

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
            Ok(made) => made.iter().map(shown_made).collect::<Vec<_>>().join(" | "),
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
            let made = outcome.as_deref().ok()?;
            let made = made.iter().map(shown_made).collect::<Vec<_>>().join(" | ");
            let is_left = made.contains(NUMBER_NAME) && !document.contains(NUMBER_NAME);
            is_left.then(|| format!("{SEED}={}: {document} became {made}", self.seed))
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
        taken(host, operations, &self.begun()).await
    }

    /// The documents before any step.
    fn begun(&self) -> Vec<Made> {
        let begun = |(id, document): (usize, &String)| Made {
            index: None,
            id: id.to_string(),
            routing: None,
            source: document.clone().into_bytes(),
        };
        self.documents.iter().enumerate().map(begun).collect()
    }

    /// What one step after the other makes of each document. A rejection counts operations from the first step on.
    ///
    /// # Errors
    /// [`EngineError`] when scripts can't be run.
    pub async fn step_by_step(&self, host: &impl ScriptHost) -> Result<Vec<Outcome>, EngineError> {
        let mut outcomes: Vec<Outcome> =
            self.begun().into_iter().map(|document| Ok(vec![document])).collect();
        let mut operation_count = 0;
        for step in &self.steps {
            let going_on: Vec<Made> =
                outcomes.iter().filter_map(|one| one.as_deref().ok()).flatten().cloned().collect();
            let mut made = taken(host, step.clone(), &going_on).await?.into_iter();
            for outcome in &mut outcomes {
                let Ok(before) = outcome else { continue };
                let next: Vec<Outcome> = made.by_ref().take(before.len()).collect();
                if next.len() < before.len() {
                    return Err(EngineError::Bug("a document is gone".to_owned()));
                }
                *outcome = as_a_whole(next, operation_count);
            }
            operation_count += step.len();
        }
        Ok(outcomes)
    }
}

/// What became of a document of which several were made: all of it, or the rejection of the earliest operation.
fn as_a_whole(parts: Vec<Outcome>, operation_count: usize) -> Outcome {
    let mut all = Vec::new();
    let mut rejections = Vec::new();
    for part in parts {
        match part {
            Ok(made) => all.extend(made),
            Err(rejection) => rejections.push(rejection),
        }
    }
    match rejections.into_iter().min_by_key(|rejection| rejection.operation_index) {
        None => Ok(all),
        Some(rejection) => Err(Rejection {
            operation_index: rejection.operation_index.map(|index| index + operation_count),
            ..rejection
        }),
    }
}

fn shown_made(made: &Made) -> String {
    let Made { index, id, routing, source } = made;
    format!("{index:?} {id} {routing:?} {}", String::from_utf8_lossy(source))
}

/// What is compared of an outcome.
fn told(outcome: &Outcome) -> String {
    match outcome {
        Ok(made) => {
            let told = made.iter().map(|one| {
                format!(
                    "{:?} {} {:?} {:?}",
                    one.index,
                    one.id,
                    one.routing,
                    document_hash(&one.source)
                )
            });
            told.collect::<Vec<_>>().join(" | ")
        }
        Err(rejection) => format!("{} {:?}", rejection.code, rejection.operation_index),
    }
}

async fn taken(
    host: &impl ScriptHost,
    operations: Vec<Operation>,
    documents: &[Made],
) -> Result<Vec<Outcome>, EngineError> {
    let documents: Vec<Document<'_>> = documents.iter().map(Made::document).collect();
    take((host, &JqHosts::none()), operations, (INDEX, &documents)).await
}

#[cfg(test)]
mod tests;

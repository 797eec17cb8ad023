//! Takes the document of a pack's test case through its step and back, with the scripts that only an engine can run, and
//! with programs in jq.
//!
//! The same as `lockstep_core::trial::run`, which is for cases of operations alone and needs neither. Nothing is written.

use lockstep_core::{
    compare::document_hash,
    pack::{cases::Case, model::Pack},
    plan::model::WayBack,
    transform::{Document, Rejection, RejectionCode, Transform, operation::Operation},
    trial::{Back, Outcome, Passage, up_operations, way_back},
};
use lockstep_elastic::Cluster;

use crate::{
    error::EngineError,
    jq::JqHosts,
    stage::{Course, steps::take_one},
};

/// Takes a case's document up and back.
///
/// # Errors
/// [`EngineError::Cluster`] when scripts can't be run at all; with status 400 when one doesn't compile.
/// [`EngineError::Halted`] when programs in jq can't.
pub async fn run(
    (cluster, jq): (&Cluster, &JqHosts),
    pack: &Pack,
    case: &Case,
) -> Result<Outcome, EngineError> {
    let up =
        passage((cluster, jq), case, up_operations(pack, case), case.before.as_bytes()).await?;
    let Passage::Document(after) = &up else {
        return Ok(Outcome { up, back: Back::NotTried });
    };
    let back = match way_back(pack, case) {
        WayBack::None { step: _, reason } => Back::None { reason },
        WayBack::Program { operations } => {
            Back::of(case, passage((cluster, jq), case, operations, after).await?)
        }
    };
    Ok(Outcome { up, back })
}

async fn passage(
    (cluster, jq): (&Cluster, &JqHosts),
    case: &Case,
    operations: Vec<Operation>,
    source: &[u8],
) -> Result<Passage, EngineError> {
    let document = Document { id: &case.name, routing: None, source };
    let course = Course::new(Transform::new(operations), jq);
    let taken = take_one(cluster, &course, (&case.from, document)).await?;
    Ok(match taken {
        // What an engine gives back may be nested deeper than anything that is compared.
        Ok(source) => match document_hash(&source) {
            Ok(_) => Passage::Document(source),
            Err(error) => {
                let message = format!("what it leaves can't be read: {error}");
                let code = RejectionCode::ScriptResult;
                Passage::Rejected(Rejection::of_script(code, None, message))
            }
        },
        Err(rejection) => Passage::Rejected(rejection),
    })
}

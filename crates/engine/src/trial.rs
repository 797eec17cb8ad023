//! Takes documents through steps without writing anything: those of a pack's test cases, up and back, and any others.
//!
//! Operations run here, programs in jq in processes of their own, scripts where a [`ScriptHost`] runs them. What a case is,
//! and how what came of it is held against what it says, is in `lockstep_core::trial`.

use lockstep_core::{
    pack::{cases::Case, model::Pack},
    plan::model::WayBack,
    transform::{Document, Made, Rejection, Transform, operation::Operation},
    trial::{Back, Outcome, Passage, up_operations, way_back},
};

pub use crate::stage::steps::ScriptHost;
use crate::{
    error::EngineError,
    jq::JqHosts,
    stage::{Course, steps::take_all},
};

/// Takes a case's document up and back.
///
/// # Errors
/// [`EngineError::Cluster`] when scripts can't be run at all; with status 400 when one doesn't compile.
/// [`EngineError::Halted`] when programs in jq can't.
pub async fn run(
    hosts: (&impl ScriptHost, &JqHosts),
    pack: &Pack,
    case: &Case,
) -> Result<Outcome, EngineError> {
    let up = passage(hosts, case, up_operations(pack, case), case.before.as_bytes()).await?;
    let back = match (&up, way_back(pack, case)) {
        // What may come to be several has no way back.
        (Passage::Rejected(_), _) | (Passage::Documents(_), WayBack::Program { operations: _ }) => {
            Back::NotTried
        }
        (Passage::Document(_) | Passage::Documents(_), WayBack::None { step: _, reason }) => {
            Back::None { reason }
        }
        (Passage::Document(after), WayBack::Program { operations }) => {
            Back::of(case, passage(hosts, case, operations, after).await?)
        }
    };
    Ok(Outcome { up, back })
}

/// Takes documents of an index through operations, and gives what was made of each or its rejection, in order.
///
/// # Errors
/// As [`run`].
pub async fn take(
    (host, jq): (&impl ScriptHost, &JqHosts),
    operations: Vec<Operation>,
    (index, documents): (&str, &[Document<'_>]),
) -> Result<Vec<Result<Vec<Made>, Rejection>>, EngineError> {
    let course = Course::new(Transform::new(operations), jq);
    take_all(host, &course, (index, documents)).await
}

async fn passage(
    hosts: (&impl ScriptHost, &JqHosts),
    case: &Case,
    operations: Vec<Operation>,
    source: &[u8],
) -> Result<Passage, EngineError> {
    let document = Document { index: None, id: &case.name, routing: None, source };
    let mut taken = take(hosts, operations, (&case.from, &[document])).await?;
    match taken.pop() {
        Some(Ok(made)) => Ok(Passage::of((&case.index, document), made)),
        Some(Err(rejection)) => Ok(Passage::Rejected(rejection)),
        None => Err(EngineError::Bug(format!("the document of `{}` is gone", case.folder))),
    }
}

//! Steps: what the steps of an index make of the documents of a page.
//!
//! Operations run here, each document when its bytes are needed. As soon as scripts or programs in jq take part, the whole page
//! goes through all steps first: operations here, scripts in the engine, programs in jq in processes of their own, in turn. A
//! script finds the document that the one before left, as text, so that steps at once are steps one by one. Either way a document
//! that a step rejects is told apart, and the others go on.

use std::sync::Arc;

use lockstep_core::{
    json::{DEPTH_MAX, Scanner, text_of},
    transform::{
        Document, JqPart, Part, Program, Rejection, RejectionCode, ScriptPart, StandIns, Transform,
        Workspace,
    },
};
use lockstep_elastic::{Cluster, Failure, Hit, Made, Page, ScriptDocument, ScriptText, Scripted};

use crate::{error::EngineError, jq::JqHosts, scripts::script_text};

/// A transform with what it takes to do it besides a cluster.
#[derive(Debug)]
pub struct Course {
    transform: Transform,
    jq: JqHosts,
}

impl Course {
    /// Programs in jq run in these hosts.
    pub(crate) fn new(transform: Transform, jq: &JqHosts) -> Self {
        Self { transform, jq: jq.clone() }
    }
}

/// Where scripts run: in a cluster, or in what a test puts in its place.
pub trait ScriptHost: Sync {
    /// Runs a script over each of some documents, and gives what became of each, in order. Changes nothing.
    ///
    /// # Errors
    /// [`Failure`] when it can't be done at all.
    fn run(
        &self,
        script: ScriptText<'_>,
        documents: &[ScriptDocument<'_>],
    ) -> impl Future<Output = Result<Vec<Scripted>, Failure>> + Send;
}

impl ScriptHost for Cluster {
    async fn run(
        &self,
        script: ScriptText<'_>,
        documents: &[ScriptDocument<'_>],
    ) -> Result<Vec<Scripted>, Failure> {
        self.run_scripts(&[script], documents).await
    }
}

/// How the documents of one page get through the steps.
#[derive(Debug)]
pub(super) enum Steps {
    /// They don't: they are taken as they are.
    Skipped,
    /// By operations, when they are taken.
    Native(Arc<Course>),
    /// Already, in the order of the page.
    Done(Vec<Outcome>),
}

/// What the steps made of a document: its source.
pub(crate) type Outcome = Result<Vec<u8>, Rejection>;

impl Steps {
    /// Does what has to be done for a page as a whole.
    ///
    /// # Errors
    /// [`EngineError`] when scripts can't be run at all.
    pub(super) async fn of(
        cluster: &Cluster,
        course: &Arc<Course>,
        (index, page): (&str, &Page),
    ) -> Result<Self, EngineError> {
        if course.transform.as_program().is_some() {
            return Ok(Self::Native(Arc::clone(course)));
        }
        let passing: Vec<Passing> = page.hits().map(|hit| Passing::of(&hit)).collect();
        let passing = through_all(cluster, course, (index, passing)).await?;
        Ok(Self::Done(passing.into_iter().map(|one| one.outcome).collect()))
    }

    /// Hands on what becomes of a document; `position` is its place in the page.
    pub(super) fn take(
        &self,
        (position, hit): (usize, &Hit<'_>),
        workspace: &mut Workspace,
        emit: &mut dyn FnMut(Document<'_>),
    ) -> Result<(), Rejection> {
        let document =
            Document { id: &hit.id, routing: hit.routing.as_deref(), source: hit.source };
        match self {
            Self::Skipped => {
                emit(document);
                Ok(())
            }
            Self::Native(course) => match course.transform.as_program() {
                Some(program) => program.apply(workspace, document, emit),
                None => Err(not_run()),
            },
            Self::Done(outcomes) => match outcomes.get(position) {
                Some(Ok(source)) => {
                    emit(Document { source, ..document });
                    Ok(())
                }
                Some(Err(rejection)) => Err(rejection.clone()),
                None => Err(not_run()),
            },
        }
    }
}

/// For a document that no script was run for. [`Steps::of`] leaves none, so nobody should ever see it; a document is set aside
/// rather than written unchanged.
fn not_run() -> Rejection {
    Rejection::of_script(RejectionCode::ScriptElsewhere, None, "no script was run for it")
}

/// A document on its way.
#[derive(Debug)]
struct Passing {
    id: String,
    routing: Option<String>,
    outcome: Outcome,
}

impl Passing {
    fn of(hit: &Hit<'_>) -> Self {
        Self {
            id: hit.id.clone().into_owned(),
            routing: hit.routing.as_deref().map(str::to_owned),
            outcome: Ok(hit.source.to_vec()),
        }
    }
}

/// Takes documents through all steps, wherever each of them runs, and gives what became of each, in order. Nothing is written.
///
/// # Errors
/// [`EngineError`] when scripts can't be run at all.
pub(crate) async fn take_all(
    host: &impl ScriptHost,
    course: &Course,
    (index, documents): (&str, &[Document<'_>]),
) -> Result<Vec<Outcome>, EngineError> {
    let passing = documents.iter().map(|document| Passing {
        id: document.id.to_owned(),
        routing: document.routing.map(str::to_owned),
        outcome: Ok(document.source.to_vec()),
    });
    let passed = through_all(host, course, (index, passing.collect())).await?;
    Ok(passed.into_iter().map(|one| one.outcome).collect())
}

async fn through_all(
    host: &impl ScriptHost,
    course: &Course,
    (index, mut passing): (&str, Vec<Passing>),
) -> Result<Vec<Passing>, EngineError> {
    for part in course.transform.parts() {
        match part {
            Part::Program(program) => passing = through_program(program, passing).await?,
            Part::Jq(jq) => passing = through_jq(&course.jq, jq, passing).await?,
            Part::Script(script) => through_script(host, script, (index, &mut passing)).await?,
        }
    }
    Ok(passing)
}

async fn through_program(
    program: &Program,
    mut passing: Vec<Passing>,
) -> Result<Vec<Passing>, EngineError> {
    let program = program.clone();
    apart(move || {
        let mut workspace = Workspace::default();
        for one in &mut passing {
            let Ok(source) = &one.outcome else { continue };
            let document = Document { id: &one.id, routing: one.routing.as_deref(), source };
            let mut made = Vec::new();
            let applied = program.apply(&mut workspace, document, &mut |document| {
                made = document.source.to_vec();
            });
            one.outcome = applied.map(|()| made);
        }
        passing
    })
    .await
}

/// Off the threads that wait for the network.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| EngineError::Bug(error.to_string()))
}

async fn through_jq(
    hosts: &JqHosts,
    jq: &JqPart,
    mut passing: Vec<Passing>,
) -> Result<Vec<Passing>, EngineError> {
    let taking = jq.clone();
    let (mut passing, counts, values) = apart(move || {
        let mut workspace = Workspace::default();
        let (mut counts, mut values) = (Vec::with_capacity(passing.len()), Vec::new());
        for one in &mut passing {
            let Ok(source) = &one.outcome else {
                counts.push(0);
                continue;
            };
            match taking.take(&mut workspace, source) {
                Ok(taken) => {
                    counts.push(taken.len());
                    values.extend(taken);
                }
                Err(rejection) => {
                    counts.push(0);
                    one.outcome = Err(rejection);
                }
            }
        }
        (passing, counts, values)
    })
    .await?;
    let made = hosts.run(&jq.step.program, &values).await?;
    let putting = jq.clone();
    apart(move || {
        let mut workspace = Workspace::default();
        let mut made = made.into_iter();
        for (one, count) in passing.iter_mut().zip(counts) {
            // All of a document's values are taken out, also when the first one failed.
            let own: Vec<_> = made.by_ref().take(count).collect();
            let Ok(source) = &one.outcome else { continue };
            let own: Result<Vec<_>, _> = own.into_iter().collect();
            one.outcome = own
                .map_err(|failure| putting.failed(failure))
                .and_then(|own| putting.put(&mut workspace, source, own));
        }
        passing
    })
    .await
}

async fn through_script(
    host: &impl ScriptHost,
    script: &ScriptPart,
    (index, passing): (&str, &mut [Passing]),
) -> Result<(), EngineError> {
    let mut stand_ins = Vec::with_capacity(passing.len());
    for one in passing.iter_mut() {
        stand_ins.push(put_stand_ins(one));
    }
    let documents: Vec<ScriptDocument<'_>> = passing
        .iter()
        .filter_map(|one| {
            let source = one.outcome.as_deref().ok()?;
            let routing = one.routing.as_deref();
            Some(ScriptDocument { index, id: &one.id, routing, source })
        })
        .collect();
    let mut scripted = host.run(script_text(&script.script), &documents).await?.into_iter();
    for (one, stand_ins) in passing.iter_mut().zip(stand_ins) {
        if one.outcome.is_err() {
            continue;
        }
        let scripted = scripted.next().ok_or_else(|| {
            EngineError::Bug(format!("no script was run for `{}` of `{index}`", one.id))
        })?;
        one.outcome = outcome(script.index, scripted)
            .and_then(|source| restore(script.index, source, stand_ins.as_ref()));
    }
    Ok(())
}

/// Puts texts in the place of numbers that scripts can't hold.
fn put_stand_ins(one: &mut Passing) -> Option<StandIns> {
    let source = one.outcome.as_deref().ok()?;
    match StandIns::put(source) {
        Ok(None) => None,
        Ok(Some((source, stand_ins))) => {
            one.outcome = Ok(source);
            Some(stand_ins)
        }
        Err(error) => {
            let message = format!("the document can't be read: {error}");
            one.outcome = Err(Rejection::of_script(RejectionCode::NotAnObject, None, message));
            None
        }
    }
}

fn restore(index: usize, source: Vec<u8>, stand_ins: Option<&StandIns>) -> Outcome {
    let Some(stand_ins) = stand_ins else { return Ok(source) };
    stand_ins.restore(&source).map_err(|error| {
        Rejection::of_script(RejectionCode::ScriptNumber, Some(index), error.to_string())
    })
}

/// One document out for one document in, at the same place: nothing else can be caught up with, compared and taken back.
/// `index` is the script's place among the operations.
fn outcome(index: usize, scripted: Scripted) -> Outcome {
    let rejected = |code, message: String| Err(Rejection::of_script(code, Some(index), message));
    let made = match scripted {
        Scripted::Failed { script_index: _, reason } => {
            return rejected(RejectionCode::ScriptFailed, reason);
        }
        Scripted::Made(made) => made,
    };
    let Made { is_to_be_indexed, is_in_place, strays, source } = made;
    if !is_to_be_indexed {
        let message =
            "it sets `ctx.op`: a script that leaves documents out can't be caught up with";
        return rejected(RejectionCode::ScriptDropped, message.to_owned());
    }
    if !is_in_place {
        let message = "it changes `ctx._id`, `ctx._routing` or `ctx._index`";
        return rejected(RejectionCode::ScriptMoved, message.to_owned());
    }
    if !strays.is_empty() {
        let message = format!("it puts `{}` beside `ctx._source`", strays.join("`, `"));
        return rejected(RejectionCode::ScriptResult, message);
    }
    let Some(source) = source.filter(|source| source.starts_with(b"{")) else {
        let message = "it leaves no object in `ctx._source`";
        return rejected(RejectionCode::ScriptResult, message.to_owned());
    };
    // An engine takes more levels than any document may have that is compared.
    match text_of(&source).and_then(|text| Scanner::new(text).value(DEPTH_MAX)) {
        Ok(_levels) => Ok(source),
        Err(fault) => {
            let message = format!("what it leaves can't be read: {fault}");
            rejected(RejectionCode::ScriptResult, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(scripted: Scripted) -> String {
        match outcome(1, scripted) {
            Ok(source) => String::from_utf8(source).expect("text"),
            Err(rejection) => rejection.to_string(),
        }
    }

    /// A document of this many levels.
    fn levels(count: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(count), "}".repeat(count))
    }

    #[test]
    fn only_what_stays_one_document_at_its_place_goes_on() {
        let made = |is_to_be_indexed, is_in_place, strays: &[&str], source: Option<&str>| {
            told(Scripted::Made(Made {
                is_to_be_indexed,
                is_in_place,
                strays: strays.iter().map(ToString::to_string).collect(),
                source: source.map(|source| source.as_bytes().to_vec()),
            }))
        };
        let rows = [
            (made(true, true, &[], Some(r#"{"a":1}"#)), r#"{"a":1}"#),
            (
                made(false, true, &[], Some("{}")),
                "T0202: operation 2 (`painless`): it sets `ctx.op`: a script that leaves documents out can't be caught up with",
            ),
            (
                made(true, false, &[], Some("{}")),
                "T0203: operation 2 (`painless`): it changes `ctx._id`, `ctx._routing` or `ctx._index`",
            ),
            (
                made(true, true, &["x", "y"], Some("{}")),
                "T0204: operation 2 (`painless`): it puts `x`, `y` beside `ctx._source`",
            ),
            (
                made(true, true, &[], Some("[1]")),
                "T0204: operation 2 (`painless`): it leaves no object in `ctx._source`",
            ),
            (
                made(true, true, &[], None),
                "T0204: operation 2 (`painless`): it leaves no object in `ctx._source`",
            ),
            (
                told(Scripted::Failed { script_index: None, reason: "null".to_owned() }),
                "T0201: operation 2 (`painless`): null",
            ),
            (made(true, true, &[], Some(&levels(128))), &levels(128)),
            (
                made(true, true, &[], Some(&levels(129))),
                "T0204: operation 2 (`painless`): what it leaves can't be read: not JSON at byte 640: nested deeper than 128 levels",
            ),
        ];
        for (shown, expected) in rows {
            assert_eq!(shown, expected);
        }
    }
}

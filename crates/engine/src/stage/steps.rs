//! Steps: what the steps of an index make of the documents of a page.
//!
//! Of each document comes one: the document that the steps made at its place, or, where they don't keep documents one to one,
//! an envelope with all that they made.
//!
//! Operations run here, each document when its bytes are needed. As soon as scripts or programs in jq take part, the whole page
//! goes through all steps first: operations here, scripts in the engine, programs in jq in processes of their own, in turn. A
//! script finds the document that the one before left, as text, so that steps at once are steps one by one. Either way a document
//! that a step rejects is told apart, and the others go on.

use std::sync::Arc;

use lockstep_core::transform::{
    Document, Made, Part, Program, Rejection, RejectionCode, Transform, Workspace,
    envelope::Envelope,
};
use lockstep_elastic::{Cluster, Failure, Hit, Page, ScriptDocument, ScriptText, Scripted};

use super::passage::{Passing, through_jq, through_program, through_script};
use crate::{error::EngineError, jq::JqHosts};

/// A transform with what it takes to do it besides a cluster.
#[derive(Debug)]
pub struct Course {
    transform: Transform,
    form: Form,
    jq: JqHosts,
}

/// In what form the documents are kept that are made of one.
#[derive(Debug)]
enum Form {
    /// One, at the place of the source; anything else is a rejection.
    InPlace,
    /// In an envelope at the place of the source, whatever was made.
    Enveloped {
        /// Key of the logical index that the transform leads to.
        key: String,
    },
}

impl Course {
    /// For steps that keep documents one to one. Programs in jq run in these hosts.
    pub(crate) fn new(transform: Transform, jq: &JqHosts) -> Self {
        Self { transform, form: Form::InPlace, jq: jq.clone() }
    }

    /// For steps that may not: of every document comes an envelope. `key` is that of the logical index of the new release that
    /// the steps lead to.
    pub(crate) fn enveloped(transform: Transform, key: impl Into<String>, jq: &JqHosts) -> Self {
        Self { transform, form: Form::Enveloped { key: key.into() }, jq: jq.clone() }
    }

    /// Its one program, if documents can go through it one by one and as they come out.
    fn as_plain_program(&self) -> Option<&Program> {
        let is_plain = matches!(self.form, Form::InPlace) && !self.transform.is_spreading();
        self.transform.as_program().filter(|_| is_plain)
    }

    /// Takes a document through operations alone.
    fn take(
        &self,
        workspace: &mut Workspace,
        document: Document<'_>,
        emit: &mut dyn FnMut(Document<'_>),
    ) -> Result<(), Rejection> {
        if let Some(program) = self.as_plain_program() {
            return program.apply(workspace, document, emit);
        }
        let program = self.transform.as_program().ok_or_else(not_run)?;
        let mut made = Vec::new();
        program.apply(workspace, document, &mut |one| made.push(Made::of(one)))?;
        let source = self.closed(document, &made)?;
        emit(Document { source: &source, ..document });
        Ok(())
    }

    /// The one document that all that was made of one becomes.
    fn closed(&self, source: Document<'_>, made: &[Made]) -> Outcome {
        match (&self.form, made) {
            (Form::Enveloped { key }, _) => {
                let made: Vec<Document<'_>> = made.iter().map(Made::document).collect();
                Envelope::write(key, &made)
            }
            (Form::InPlace, [only]) if is_in_place(source, only) => Ok(only.source.clone()),
            (Form::InPlace, _) => Err(not_in_place(made.len())),
        }
    }
}

fn is_in_place(source: Document<'_>, made: &Made) -> bool {
    made.index.is_none() && made.id == source.id && made.routing.as_deref() == source.routing
}

/// No plan leads steps that spread to where documents are kept as they come out. A document is set aside rather than lost.
fn not_in_place(count: usize) -> Rejection {
    let message = match count {
        0 => "the steps leave it out, where every document has to stay one at its place".to_owned(),
        1 => "the steps move it, where every document has to stay one at its place".to_owned(),
        _ => format!(
            "the steps make {count} documents of it, where every document has to stay one at its place"
        ),
    };
    Rejection::of_made(RejectionCode::NotInPlace, message)
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
        let passing: Vec<Passing> = page.hits().map(|hit| Passing::of(document_of(&hit))).collect();
        let passing = through_all(cluster, course, (index, passing)).await?;
        let closing = Arc::clone(course);
        let close = move || {
            let closed = |one: Passing| match &one.outcome {
                Ok(made) => closing.closed(one.document(), made),
                Err(rejection) => Err(rejection.clone()),
            };
            passing.into_iter().map(closed).collect()
        };
        super::passage::apart(close).await.map(Self::Done)
    }

    /// Hands on what becomes of a document; `position` is its place in the page.
    pub(super) fn take(
        &self,
        (position, hit): (usize, &Hit<'_>),
        workspace: &mut Workspace,
        emit: &mut dyn FnMut(Document<'_>),
    ) -> Result<(), Rejection> {
        let document = document_of(hit);
        match self {
            Self::Skipped => {
                emit(document);
                Ok(())
            }
            Self::Native(course) => course.take(workspace, document, emit),
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

fn document_of<'a>(hit: &'a Hit<'_>) -> Document<'a> {
    Document { index: None, id: &hit.id, routing: hit.routing.as_deref(), source: hit.source }
}

/// For a document that no script was run for. [`Steps::of`] leaves none, so nobody should ever see it; a document is set aside
/// rather than written unchanged.
fn not_run() -> Rejection {
    Rejection::of_script(RejectionCode::ScriptElsewhere, None, "no script was run for it")
}

/// Takes documents through all steps, wherever each of them runs, and gives all that became of each, in order. Nothing is
/// written.
///
/// # Errors
/// [`EngineError`] when scripts can't be run at all.
pub(crate) async fn take_all(
    host: &impl ScriptHost,
    course: &Course,
    (index, documents): (&str, &[Document<'_>]),
) -> Result<Vec<Result<Vec<Made>, Rejection>>, EngineError> {
    let passing = documents.iter().map(|document| Passing::of(*document)).collect();
    let passed = through_all(host, course, (index, passing)).await?;
    Ok(passed.into_iter().map(|one| one.outcome).collect())
}

async fn through_all(
    host: &impl ScriptHost,
    course: &Course,
    (index, mut passing): (&str, Vec<Passing>),
) -> Result<Vec<Passing>, EngineError> {
    for part in course.transform.parts() {
        passing = match part {
            Part::Program(program) => through_program(program, passing).await?,
            Part::Jq(jq) => through_jq(&course.jq, jq, passing).await?,
            Part::Script(script) => through_script(host, script, (index, passing)).await?,
        }
    }
    Ok(passing)
}

#[cfg(test)]
mod tests {
    use lockstep_core::transform::operation::Operation;

    use super::*;

    /// What a course makes of a document `1` with the routing `r`.
    fn told(operations: &str, key: Option<&str>, source: &str) -> String {
        let operations: Vec<Operation> = serde_json::from_str(operations).expect("operations");
        let (transform, jq) = (Transform::new(operations), JqHosts::none());
        let course = match key {
            Some(key) => Course::enveloped(transform, key, &jq),
            None => Course::new(transform, &jq),
        };
        let source = source.as_bytes();
        let document = Document { index: None, id: "1", routing: Some("r"), source };
        let mut made = Vec::new();
        let outcome = course.take(&mut Workspace::new(), document, &mut |one| {
            assert_eq!((one.index, one.id, one.routing), (None, "1", Some("r")));
            made.push(String::from_utf8(one.source.to_vec()).expect("text"));
        });
        outcome.map_or_else(|rejection| rejection.to_string(), |()| made.join(" | "))
    }

    #[test]
    fn of_every_document_comes_one_at_its_place() {
        let rekey = r#"[{"rekey":{"id":"{a}"}}]"#;
        let each = r#"[{"each":{"field":"l","id":"{l}"}}]"#;
        let drop = r#"[{"drop":{}}]"#;
        for (operations, key, source, expected) in [
            ("[]", None, r#"{ "a": 1 }"#, r#"{ "a": 1 }"#),
            // What stays one at its place is taken, whatever it might have done.
            (r#"[{"rekey":{"id":"{_id}"}}]"#, None, r#"{ "a": 1 }"#, r#"{ "a": 1 }"#),
            (
                rekey,
                None,
                r#"{"a":2}"#,
                "T0401: the steps move it, where every document has to stay one at its place",
            ),
            (
                drop,
                None,
                "{}",
                "T0401: the steps leave it out, where every document has to stay one at its place",
            ),
            (
                each,
                None,
                r#"{"l":[1,2]}"#,
                "T0401: the steps make 2 documents of it, where every document has to stay one at its place",
            ),
            (drop, Some("k"), "{}", r#"{"counts":{},"keys":[],"documents":[]}"#),
            (
                "[]",
                Some("k"),
                r#"{"a":1}"#,
                r#"{"counts":{"k":1},"keys":["k/1"],"documents":[{"index":"k","id":"1","routing":"r","source":{"a":1}}]}"#,
            ),
            (
                each,
                Some("k"),
                r#"{"l":[1,1]}"#,
                "T0402: two of the documents that are made of it have the id `1` in `k`; one would be lost",
            ),
            (
                each,
                Some("k"),
                r#"{"l":1}"#,
                "T0405: operation 1 (`each` of `l`): it is no list; `wrap` makes a list of a single value",
            ),
        ] {
            assert_eq!(told(operations, key, source), expected, "{operations} {source}");
        }
    }
}

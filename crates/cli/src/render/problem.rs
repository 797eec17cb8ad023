//! Errors, and problems with their documents, as people read them.

use lockstep_core::run::state::{BadDocument, Problem};
use lockstep_engine::EngineError;
use lockstep_import::Mistake;
use serde_json::{Value, json};

use super::{
    BOLD, DIM, RED, Text,
    plan::{SUBJECTS_NAMED, findings},
    quantity::counted,
    styled,
};
use crate::error::CommandError;

/// Documents that an error shows.
pub(crate) const DOCUMENTS_IN_ERROR: usize = 20;

/// An error as text: what, by which documents it shows, why, what next.
pub(crate) fn render(error: &CommandError) -> Text {
    let mut text = Text::default();
    if let CommandError::Import(mistakes) = error {
        for Mistake { code, place, message, fix } in mistakes {
            text.line(format_args!("{}: {message}", styled(RED, format_args!("error[{code}]"))));
            text.line(format_args!("  {} {place}", styled(DIM, "-->")));
            text.advice("hint", fix);
            text.line("");
        }
    }
    if let CommandError::Configuration { rendered, .. } = error {
        text.line(rendered.trim_end());
        text.line("");
    }
    match error.engine_error() {
        Some(EngineError::Pack { diagnostics: _, rendered }) => {
            text.line(rendered.trim_end());
            text.line("");
        }
        Some(EngineError::Refused { plan }) => text.add(&findings(&plan.findings, SUBJECTS_NAMED)),
        _ => {}
    }
    let label = styled(RED, format_args!("error[{}]", error.code()));
    text.line(format_args!("{label}: {}", error.message()));
    if let Some(EngineError::Halted(problem)) = error.engine_error() {
        text.add(&documents(problem, DOCUMENTS_IN_ERROR));
    }
    for cause in error.causes() {
        text.line(format_args!("  {}: {cause}", styled(DIM, "because")));
    }
    let hint = error.hint();
    if !hint.is_empty() {
        text.advice("hint", hint);
    }
    text
}

/// An error as JSON, in a shape that never changes.
pub(crate) fn to_json(error: &CommandError) -> Value {
    let mut body = json!({
        "code": error.code(),
        "message": error.message(),
        "causes": error.causes(),
        "hint": error.hint(),
    });
    let detail = match error {
        CommandError::Import(mistakes) => Some(("mistakes", json!(listed_mistakes(mistakes)))),
        CommandError::Configuration { diagnostics, .. } => {
            Some(("diagnostics", diagnostics.to_json()))
        }
        _ => engine_detail(error),
    };
    if let (Some((key, value)), Some(body)) = (detail, body.as_object_mut()) {
        body.insert(key.to_owned(), value);
    }
    json!({ "error": body })
}

fn listed_mistakes(mistakes: &[Mistake]) -> Vec<Value> {
    let listed = |Mistake { code, place, message, fix }: &Mistake| json!({"code": code, "file": place.file, "line": place.line, "message": message, "fix": fix});
    mistakes.iter().map(listed).collect()
}

fn engine_detail(error: &CommandError) -> Option<(&'static str, Value)> {
    match error.engine_error() {
        Some(EngineError::Halted(problem)) => Some(("problem", json!(problem))),
        Some(EngineError::Pack { diagnostics, rendered: _ }) => {
            Some(("diagnostics", diagnostics.to_json()))
        }
        Some(EngineError::Refused { plan }) => Some(("findings", json!(plan.findings))),
        _ => None,
    }
}

/// The documents of a problem, at most `limit`, and how many there are.
pub(crate) fn documents(problem: &Problem, limit: usize) -> Text {
    listed(&problem.documents, problem.document_count, limit)
}

/// Documents with reasons, at most `limit` of `total`.
pub(crate) fn listed(documents: &[BadDocument], total: u64, limit: usize) -> Text {
    let mut text = Text::default();
    for document in documents.iter().take(limit) {
        let BadDocument { index, id, reason } = document;
        text.line(format_args!("  {}: {reason}", styled(BOLD, format_args!("{index} {id}"))));
    }
    let shown = documents.len().min(limit) as u64;
    if total > shown {
        let more = counted(total - shown, "more document", "more documents");
        text.line(format_args!("  {}", styled(DIM, format_args!("and {more}"))));
    }
    text
}

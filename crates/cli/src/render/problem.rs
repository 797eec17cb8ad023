//! Errors, and problems with their documents, as people read them.

use lockstep_core::run::state::{BadDocument, Problem};
use lockstep_engine::EngineError;
use serde_json::{Value, json};

use super::{BOLD, CYAN, DIM, RED, quantity::counted, styled};
use crate::error::CommandError;

/// Documents that an error shows.
pub(crate) const DOCUMENTS_IN_ERROR: usize = 20;

/// An error as text: what, by which documents it shows, why, what next.
pub(crate) fn render(error: &CommandError) -> String {
    let mut text = headline(&error.code(), &error.message());
    match error.engine_error() {
        Some(EngineError::Halted(problem)) => {
            text.push_str(&documents(problem, DOCUMENTS_IN_ERROR))
        }
        Some(EngineError::Pack { diagnostics: _, rendered }) => {
            text = format!("{}\n\n{text}", rendered.trim_end());
        }
        Some(EngineError::Refused { plan }) => {
            text = format!("{}\n{text}", super::plan::findings(&plan.findings));
        }
        _ => {}
    }
    for cause in error.causes() {
        text.push_str(&format!("  {}: {cause}\n", styled(DIM, "because")));
    }
    let hint = error.hint();
    if !hint.is_empty() {
        text.push_str(&format!("{}: {hint}\n", styled(CYAN, "hint")));
    }
    text
}

/// The first line of an error.
pub(crate) fn headline(code: &str, message: &str) -> String {
    format!("{}: {message}\n", styled(RED, format_args!("error[{code}]")))
}

/// An error as JSON, in a shape that never changes.
pub(crate) fn to_json(error: &CommandError) -> Value {
    let mut body = json!({
        "code": error.code(),
        "message": error.message(),
        "causes": error.causes(),
        "hint": error.hint(),
    });
    let detail = match error.engine_error() {
        Some(EngineError::Halted(problem)) => Some(("problem", json!(problem))),
        Some(EngineError::Pack { diagnostics, rendered: _ }) => {
            Some(("diagnostics", diagnostics.to_json()))
        }
        Some(EngineError::Refused { plan }) => Some(("findings", json!(plan.findings))),
        _ => None,
    };
    if let (Some((key, value)), Some(body)) = (detail, body.as_object_mut()) {
        body.insert(key.to_owned(), value);
    }
    json!({ "error": body })
}

/// The documents of a problem, at most `limit`, and how many there are.
pub(crate) fn documents(problem: &Problem, limit: usize) -> String {
    listed(&problem.documents, problem.document_count, limit)
}

/// Documents with reasons, at most `limit` of `total`.
pub(crate) fn listed(documents: &[BadDocument], total: u64, limit: usize) -> String {
    let mut text = String::new();
    for document in documents.iter().take(limit) {
        let BadDocument { index, id, reason } = document;
        text.push_str(&format!("  {}: {reason}\n", styled(BOLD, format_args!("{index} {id}"))));
    }
    let shown = documents.len().min(limit) as u64;
    if total > shown {
        let more = counted(total - shown, "more document", "more documents");
        text.push_str(&format!("  {}\n", styled(DIM, format_args!("and {more}"))));
    }
    text
}

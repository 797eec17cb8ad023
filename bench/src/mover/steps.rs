//! The steps and the bulk body alone, on one thread: what a document costs between the page that was read and the body
//! that is sent.

use lockstep_core::{
    plan::model::Limits,
    transform::{Document, Program, Workspace, operation::Operation},
};
use lockstep_elastic::{BulkBody, IndexName, Key, Version};
use serde_json::json;

use crate::{
    application::TARGET,
    document::{Documents, Form},
    error::BenchError,
    process, report,
};

/// Documents of one page.
const DOCUMENT_COUNT: u64 = 8_000;
/// Pages of a measurement.
const PAGE_COUNT: u64 = 50;

/// Documents by processor second.
pub(super) fn measure(document_bytes: u64) -> Result<f64, BenchError> {
    let bug = |error: &dyn std::error::Error| BenchError::Bug(error.to_string());
    let documents = Documents::new(document_bytes);
    let made: Vec<(String, Vec<u8>)> = (0..DOCUMENT_COUNT)
        .map(|number| {
            let (mut id, mut source) = (String::new(), Vec::new());
            Documents::write_id(number, &mut id);
            documents.write_source(number, Form::Old, &mut source);
            (id, source)
        })
        .collect();
    let operations: Vec<Operation> =
        serde_json::from_value(json!([{"rename": {"from": "type", "to": "action"}}]))
            .map_err(|error| bug(&error))?;
    let program = Program::new(operations);
    let target = IndexName::parse(TARGET).map_err(|error| bug(&error))?;
    let room = usize::try_from(Limits::default().window_bytes).map_err(|error| bug(&error))?;
    let mut workspace = Workspace::default();
    let before = process::thread_cpu()?;
    for _ in 0..PAGE_COUNT {
        let mut body = BulkBody::with_capacity(room);
        for ((id, source), number) in made.iter().zip(1..) {
            let document = Document { index: None, id, routing: None, source };
            let mut unwritable = None;
            program
                .apply(&mut workspace, document, &mut |made| {
                    unwritable = body
                        .index(&target, Key::of(made.id), Version::AtLeast(number), made.source)
                        .err();
                })
                .map_err(|error| bug(&error))?;
            if let Some(error) = unwritable {
                return Err(bug(&error));
            }
        }
        std::hint::black_box(body);
    }
    let spent = process::thread_cpu()?.saturating_sub(before);
    Ok(report::rate(DOCUMENT_COUNT * PAGE_COUNT, spent.as_secs_f64()))
}

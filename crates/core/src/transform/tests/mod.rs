//! Tests of what operations do to documents: a table of every rule, properties against a slow reference, and the way
//! back; of what stands for numbers while scripts run, and of programs in jq between operations.

mod table;

mod values;

mod dates;

mod codings;

mod shapes;

mod conditions;

mod spreading;

mod reference;

mod properties;

mod inverse;

mod jq;

mod stand_in;

use super::{Document, Program, Rejection, Workspace, operation::Operation};

/// A program from operations as a pack's wire form has them.
fn program(operations: &str) -> Program {
    let operations: Vec<Operation> = serde_json::from_str(operations).expect("operations");
    Program::new(operations)
}

/// The one door: what becomes of a source.
fn apply(program: &Program, source: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut outputs = Vec::new();
    let document = Document { index: None, id: "1", routing: Some("r"), source };
    program.apply(&mut Workspace::new(), document, &mut |output| {
        assert_eq!((output.id, output.routing), ("1", Some("r")));
        outputs.push(output.source.to_vec());
    })?;
    assert_eq!(outputs.len(), 1);
    Ok(outputs.remove(0))
}

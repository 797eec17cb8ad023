//! Steps with operations and programs in jq: fused is step by step. Programs run within the test here, as these all end.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};

use super::{
    properties::{document, operation},
    reference,
};
use crate::{
    jq::{Compiled, compile},
    transform::{Document, Made, Part, Rejection, Transform, Workspace, operation::Operation},
};

/// What a program is and what it is for.
const PROGRAMS: [(&str, Option<&str>); 9] = [
    (".", None),
    (".c = .a", None),
    ("del(.b)", None),
    ("with_entries(.key |= . + \"x\")", None),
    ("if has(\"a\") then error(\"a\") end", None),
    ("if .b == null then empty end", None),
    ("[.]", Some("a.b")),
    ("tostring", Some("a")),
    ("., 1 | select(. != null)", Some("b")),
];

fn step() -> impl Strategy<Value = Operation> {
    let program = select(&PROGRAMS[..]).prop_map(|(program, field)| {
        let json = serde_json::json!({"jq": {"program": program}});
        let mut operation: Operation = serde_json::from_value(json).expect("an operation");
        if let Operation::Jq(step) = &mut operation {
            step.field = field.map(|field| field.to_owned().try_into().expect("a path"));
        }
        operation
    });
    prop_oneof![1 => program, 1 => operation()]
}

/// Takes a document through all parts.
fn through(
    transform: &Transform,
    compiled: &BTreeMap<&str, Compiled>,
    source: Vec<u8>,
) -> Result<Vec<u8>, Rejection> {
    let mut workspace = Workspace::new();
    transform.parts().iter().try_fold(source, |source, part| match part {
        Part::Program(program) => super::apply(program, &source),
        Part::Jq(part) => {
            let program = &compiled[part.step.program.as_str()];
            let values = part.take(&mut workspace, &source)?;
            let made: Result<Vec<_>, _> = values.iter().map(|value| program.run(value)).collect();
            {
                let document = Document { index: None, id: "1", routing: None, source: &source };
                let made = made.map_err(|failure| part.failed(failure))?;
                let mut all = part.put(&mut workspace, Made::of(document), made)?;
                Ok(all.pop().expect("one document out").source)
            }
        }
        Part::Script(_) => panic!("no script is among the steps"),
    })
}

#[test]
fn fused_is_step_by_step_with_programs_in_jq() {
    let compiled: BTreeMap<&str, Compiled> = PROGRAMS
        .iter()
        .map(|(program, _)| (*program, compile(program).expect("it compiles")))
        .collect();
    let steps = vec(vec(step(), 0..4), 1..4);
    let outcome = TestRunner::default().run(&(document(), steps), |(document, steps)| {
        let source = reference::render(&document).into_bytes();
        let fused = through(&Transform::new(steps.concat()), &compiled, source.clone());
        let mut before = 0;
        let by_step = steps.iter().try_fold(source, |source, operations| {
            let made = through(&Transform::new(operations.clone()), &compiled, source);
            let made = made.map_err(|rejection| Rejection {
                operation_index: rejection.operation_index.map(|index| index + before),
                ..rejection
            });
            before += operations.len();
            made
        });
        prop_assert_eq!(fused, by_step);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

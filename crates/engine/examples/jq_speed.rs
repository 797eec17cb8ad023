//! What a program in jq costs a document of about 1 KB, on the way to its host and back included, beside operations.
//!
//! `cargo run --release -p lockstep-engine --example jq_speed`; this program is its own host.

#![expect(clippy::print_stdout, reason = "a measuring program prints what it measured")]

use std::{env, hint::black_box, io, time::Instant};

use lockstep_core::{
    jq::compile,
    json::compact,
    transform::{Document, JqPart, Made, Program, Workspace},
};
use lockstep_engine::{
    JqHosts,
    jq::{HOST_VERB, serve},
};
use tokio::runtime::Runtime;

/// Documents of a page, 2 MB of them as when copying.
const DOCUMENT_COUNT: u32 = 2_000;

/// Pages that are measured; the best one counts, as others may share the machine.
const ROUND_COUNT: usize = 60;

/// The same done as an operation, as a program for the document, and as a program for one field.
const OPERATION: &str = r#"[{"rename": {"from": "type", "to": "event_type"}}]"#;
const WHOLE: &str = r#"{"program": ".event_type = .type | del(.type)"}"#;
const FIELD: &str = r#"{"program": "ascii_downcase", "field": "type"}"#;

fn main() -> io::Result<()> {
    if env::args_os().nth(1).is_some_and(|verb| verb == HOST_VERB) {
        return serve(io::stdin().lock(), io::stdout().lock());
    }
    let mut source = Vec::new();
    let event = include_bytes!("../../core/examples/event.json");
    compact(event, &mut source).expect("the example is JSON");
    println!("document: {} bytes", source.len());
    let operation = native(&source);
    tell("rename, as an operation", operation, operation);
    let compiled = compile(".event_type = .type | del(.type)").expect("it compiles");
    let alone = best(|| {
        for _ in 0..DOCUMENT_COUNT {
            black_box(compiled.run(&source).expect("it is taken"));
        }
    });
    tell("rename in jq, within a process", alone, operation);
    let runtime = Runtime::new()?;
    let hosts = JqHosts::of(env::current_exe()?);
    for (name, step) in [("rename in jq, in a host", WHOLE), ("one field in jq, in a host", FIELD)]
    {
        let part = JqPart { index: 0, step: serde_json::from_str(step).expect("a step") };
        let taken = best(|| page(&runtime, &hosts, &part, &source));
        tell(name, taken, operation);
    }
    Ok(())
}

/// A page of documents through one program in one host, as when copying.
fn page(runtime: &Runtime, hosts: &JqHosts, part: &JqPart, source: &[u8]) {
    let mut workspace = Workspace::new();
    let mut values = Vec::new();
    for _ in 0..DOCUMENT_COUNT {
        values.extend(part.take(&mut workspace, source).expect("it is taken"));
    }
    let made = runtime.block_on(hosts.run(&part.step.program, &values)).expect("a host");
    for made in made {
        let made = vec![made.expect("it is taken")];
        let document = Made::of(Document { index: None, id: "1", routing: None, source });
        black_box(part.put(&mut workspace, document, made).expect("it is taken"));
    }
}

fn native(source: &[u8]) -> f64 {
    let program = Program::new(serde_json::from_str(OPERATION).expect("operations"));
    let mut workspace = Workspace::new();
    best(|| {
        for _ in 0..DOCUMENT_COUNT {
            let document = Document { index: None, id: "1", routing: None, source };
            let emit = &mut |made: Document<'_>| {
                black_box(made.source);
            };
            program.apply(&mut workspace, document, emit).expect("it is taken");
        }
    })
}

/// Microseconds for a document.
fn best(mut round: impl FnMut()) -> f64 {
    let rounds = (0..ROUND_COUNT).map(|_| {
        let begun = Instant::now();
        round();
        begun.elapsed().as_secs_f64() * 1e6 / f64::from(DOCUMENT_COUNT)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn tell(name: &str, microseconds: f64, operation: f64) {
    println!("{name:32} {microseconds:6.1} µs a document, {:5.1} times", microseconds / operation);
}

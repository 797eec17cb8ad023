//! How fast one core takes documents of about 1 KB through a program.
//!
//! `cargo run --release -p lockstep-core --example transform_speed`

#![expect(clippy::print_stdout, reason = "a measuring program prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a measuring program looks at the clock")]

use std::{hint::black_box, time::Instant};

use lockstep_core::{
    json::compact,
    transform::{Document, Program, Workspace, operation::Operation},
};

/// Documents of one measurement.
const DOCUMENT_COUNT: u32 = 2_000;

/// Measurements; the best one counts, as others may share the machine. Many short ones, to find a quiet moment.
const ROUND_COUNT: usize = 300;

const NINE_OPERATIONS: &str = r#"[
    {"move": {"from": "session.id", "to": "context.session_id"}},
    {"set": {"field": "metadata.schema", "value": {"version": 2}}},
    {"remove": {"fields": ["debug", "request.headers.cookie"]}},
    {"cast": {"field": "properties.price", "to": "string"}},
    {"split": {"field": "profile.name", "separator": " ", "into": ["profile.first", "profile.last"]}},
    {"default": {"field": "consent.granted", "value": false}},
    {"rename": {"from": "type", "to": "event_type"}},
    {"copy": {"from": "metadata.time.insert", "to": "metadata.time.create"}},
    {"cast": {"field": "items.quantity", "to": "long"}}
]"#;

const TEN_VALUES: &str = r#"[
    {"lower": {"fields": ["profile.email"]}},
    {"upper": {"fields": ["type"]}},
    {"trim": {"fields": ["profile.name"]}},
    {"map": {"field": "items.quantity", "values": [{"from": 1, "to": "one"}, {"from": 2, "to": "two"}], "otherwise": "keep"}},
    {"wrap": {"fields": ["session.id"]}},
    {"unwrap": {"fields": ["session.id"]}},
    {"nest": {"fields": ["type", "name"], "into": "kind"}},
    {"flatten": {"field": "source", "prefix": "source_"}},
    {"when": {
        "condition": {"all": [
            {"field": {"field": "session.id", "test": {"matches": "[a-z0-9-]+"}}},
            {"field": {"field": "debug", "test": "exists"}}
        ]},
        "then": [{"remove": {"fields": ["debug"]}}],
        "else": [{"set": {"field": "debug", "value": false}}]
    }},
    {"cast": {"field": "properties.price", "to": "string"}}
]"#;

fn main() {
    let mut source = Vec::new();
    compact(include_bytes!("event.json"), &mut source).expect("the example is JSON");
    println!("document: {} bytes", source.len());
    let rename = r#"[{"rename": {"from": "type", "to": "event_type"}}]"#;
    for (name, operations) in [
        ("no operation", "[]"),
        ("rename", rename),
        ("nine", NINE_OPERATIONS),
        ("ten values", TEN_VALUES),
    ] {
        let operations: Vec<Operation> =
            serde_json::from_str(operations).expect("the operations are valid");
        measure(name, &Program::new(operations), &source);
    }
}

fn measure(name: &str, program: &Program, source: &[u8]) {
    let mut workspace = Workspace::new();
    let document = Document { index: None, id: "1", routing: None, source };
    let mut best_seconds = f64::INFINITY;
    let mut byte_count = 0_usize;
    for _ in 0..ROUND_COUNT {
        byte_count = 0;
        let start = Instant::now();
        for _ in 0..DOCUMENT_COUNT {
            program
                .apply(&mut workspace, black_box(document), &mut |output| {
                    byte_count += black_box(output).source.len();
                })
                .expect("the document is not rejected");
        }
        best_seconds = best_seconds.min(start.elapsed().as_secs_f64());
    }
    let count = f64::from(DOCUMENT_COUNT);
    println!(
        "{name:>12}: {:>7.3} µs a document, {:>10.0} documents/s, {} bytes out",
        best_seconds / count * 1e6,
        count / best_seconds,
        byte_count / usize::try_from(DOCUMENT_COUNT).unwrap_or(1)
    );
}

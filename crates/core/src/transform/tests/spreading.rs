//! Operations that don't leave one document at its place: a table of every rule, and properties against the reference.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    program,
    properties::{branching, condition, document, noisy, operation, path},
    reference::{self, Whole},
};
use crate::transform::{
    Document, MADE_BYTES_MAX, Made, Program, Rejection, Workspace,
    operation::{
        Dividing, Dropping, Elementless, Operation, Rekeying, Rerouting, Sending, Template,
    },
};

/// All that becomes of a document.
fn spread(program: &Program, document: Document<'_>) -> Result<Vec<Made>, Rejection> {
    let mut made = Vec::new();
    program.apply(&mut Workspace::new(), document, &mut |one| made.push(Made::of(one)))?;
    Ok(made)
}

/// `INDEX/ID@ROUTING SOURCE` of each, or the rejection.
fn told(operations: &str, source: &str) -> String {
    let document = Document { index: None, id: "1", routing: Some("r"), source: source.as_bytes() };
    let told = |made: Vec<Made>| {
        let lines = made.into_iter().map(|one| {
            let index = one.index.map(|index| format!("{index}/")).unwrap_or_default();
            let routing = one.routing.map(|routing| format!("@{routing}")).unwrap_or_default();
            format!("{index}{}{routing} {}", one.id, String::from_utf8(one.source).expect("text"))
        });
        lines.collect::<Vec<_>>().join(" | ")
    };
    spread(&program(operations), document).map_or_else(|by| by.to_string(), told)
}

const DROP: &str = r#"{"drop":{}}"#;
const SEND: &str = r#"{"send":{"to":"other"}}"#;
const EACH: &str = r#"{"each":{"field":"l","id":"{_id}-{_position}"}}"#;

fn rekey(template: &str) -> String {
    format!(r#"{{"rekey":{{"id":"{template}"}}}}"#)
}

fn each(rest: &str) -> String {
    format!(r#"{{"each":{{"field":"l",{rest}}}}}"#)
}

/// What `then` does where `a` is 1, and nothing else.
fn when(then: &str) -> String {
    let condition = r#"{"field":{"field":"a","test":{"in":[1]}}}"#;
    format!(r#"{{"when":{{"condition":{condition},"then":[{then}]}}}}"#)
}

/// The one door: what operations make of a source.
fn check(rows: &[(&str, &str, &str)]) {
    for (operations, source, expected) in rows {
        assert_eq!(told(&format!("[{operations}]"), source), *expected, "{operations} {source}");
    }
}

const SET: &str = r#"{"set":{"field":"x","value":0}}"#;
const CAST: &str = r#"{"cast":{"field":"l","to":"long"}}"#;

#[test]
fn documents_end_and_move() {
    check(&[
        (DROP, r#"{ "a": 1 }"#, ""),
        (&format!("{DROP},{CAST}"), r#"{"l":"x"}"#, ""),
        (&when(DROP), r#"{ "a": 1 }"#, ""),
        // What is not changed keeps its bytes.
        (&when(DROP), r#"{ "a": 2 }"#, r#"1@r { "a": 2 }"#),
        (
            &rekey("{a.b}-{_id}/{_routing}{{"),
            r#"{"a":{"b":"é\u0041"}}"#,
            r#"éA-1/r{@r {"a":{"b":"é\u0041"}}"#,
        ),
        (&rekey("{a}{b}"), r#"{"a":1.50,"b":true}"#, r#"1.50true@r {"a":1.50,"b":true}"#),
        (&format!("{},{}", rekey("{_id}{_id}"), rekey("x{_id}")), "{}", "x11@r {}"),
        (
            &rekey("{a}"),
            "{}",
            "T0403: operation 1 (`rekey` of `a`): it is missing, and an id or a routing is made of it",
        ),
        (
            &rekey("{a}"),
            r#"{"a":null}"#,
            "T0403: operation 1 (`rekey` of `a`): it is `null`, and an id or a routing is made of it",
        ),
        (
            &rekey("{a}"),
            r#"{"a":[1]}"#,
            "T0403: operation 1 (`rekey` of `a`): it is no single value; an id or a routing is made of texts, numbers and booleans",
        ),
        (
            &rekey("{a.b}"),
            r#"{"a":[{"b":1}]}"#,
            "T0403: operation 1 (`rekey` of `a.b`): it is no single value; an id or a routing is made of texts, numbers and booleans",
        ),
        (
            &rekey("{a.b}"),
            r#"{"a":{"b":1},"a.b":1}"#,
            "T0103: operation 1 (`rekey` of `a.b`): `a.b` stands twice in the document, nested and dotted, or under the same key; remove one of them first",
        ),
        (
            &rekey("{a}"),
            r#"{"a":"\ud800"}"#,
            "T0403: operation 1 (`rekey` of `a`): it holds half a character",
        ),
        (
            &rekey("{a}"),
            r#"{"a":""}"#,
            "T0404: operation 1 (`rekey` of `_id`): its id would be empty",
        ),
        (
            &rekey("{a}"),
            &format!(r#"{{"a":"{}"}}"#, "é".repeat(257)),
            "T0404: operation 1 (`rekey` of `_id`): its id would have 514 bytes, and an engine takes 512",
        ),
        (r#"{"reroute":{"routing":"{a}"}}"#, r#"{"a":7}"#, r#"1@7 {"a":7}"#),
        (r#"{"reroute":{"routing":null}}"#, "{}", "1 {}"),
        (
            r#"{"reroute":{"routing":null}},{"reroute":{"routing":"{_routing}"}}"#,
            "{}",
            "T0403: operation 2 (`reroute` of `_routing`): the document has no routing",
        ),
        (
            r#"{"reroute":{"routing":"{a}"}}"#,
            r#"{"a":""}"#,
            "T0404: operation 1 (`reroute` of `_routing`): its routing would be empty",
        ),
        // What comes after is done to it as well.
        (&format!("{SEND},{SET}"), "{}", r#"other/1@r {"x":0}"#),
    ]);
}

#[test]
fn documents_divide_and_each_goes_on() {
    let into = each(r#""into":"e.v","id":"{e.v}","empty":"keep""#);
    check(&[
        (
            EACH,
            r#"{"k":[1],"l":[{"m":1}, 2.0 ,"x",[3]],"z":1}"#,
            r#"1-0@r {"k":[1],"l":{"m":1},"z":1} | 1-1@r {"k":[1],"l":2.0,"z":1} | 1-2@r {"k":[1],"l":"x","z":1} | 1-3@r {"k":[1],"l":[3],"z":1}"#,
        ),
        (&into, r#"{"l":[7,8],"z":1}"#, r#"7@r {"z":1,"e":{"v":7}} | 8@r {"z":1,"e":{"v":8}}"#),
        (&into, r#"{ "l": [] }"#, r#"1@r { "l": [] }"#),
        (
            &into,
            r#"{"l":[7],"e":{"v":1}}"#,
            "T0104: operation 1 (`each` of `e.v`): `e.v` exists already; say `existing: overwrite` or `existing: keep` where the operation has it, or remove the field first",
        ),
        (&each(r#""id":"{l}","empty":"drop""#), r#"{"l":null}"#, ""),
        (
            EACH,
            "{}",
            "T0405: operation 1 (`each` of `l`): there is no element to make a document of; say `empty: keep` or `drop` if that may be",
        ),
        (
            EACH,
            r#"{"l":1}"#,
            "T0405: operation 1 (`each` of `l`): it is no list; `wrap` makes a list of a single value",
        ),
        (
            r#"{"each":{"field":"a.l","id":"{_position}"}}"#,
            r#"{"a":[{"l":[1]}]}"#,
            "T0405: operation 1 (`each` of `a.l`): it stands in the elements of another list; divide that one first",
        ),
        // Each goes on; lists in lists are divided again.
        (
            &format!("{EACH},{EACH},{SET}"),
            r#"{"l":[[1,2],[3]]}"#,
            r#"1-0-0@r {"l":1,"x":0} | 1-0-1@r {"l":2,"x":0} | 1-1-0@r {"l":3,"x":0}"#,
        ),
        // What is left behind a branch is done to each that was made in it.
        (
            &format!("{},{SET}", when(&format!("{SEND},{EACH}"))),
            r#"{"a":1,"l":[1,2]}"#,
            r#"other/1-0@r {"a":1,"l":1,"x":0} | other/1-1@r {"a":1,"l":2,"x":0}"#,
        ),
        (
            &format!("{EACH},{CAST}"),
            r#"{"l":["1","x"]}"#,
            "T0107: operation 2 (`cast` of `l`): `\"x\"` can't become a long; say `otherwise: keep`, `remove` or `null` if such values may occur",
        ),
        // Of several rejections that of the earliest operation counts: the second element has no name.
        (
            &format!("{},{CAST}", each(r#""id":"{l.n}""#)),
            r#"{"l":[{"n":"1"},{}]}"#,
            "T0403: operation 1 (`each` of `l.n`): it is missing, and an id or a routing is made of it",
        ),
        (
            &when(&when(&rekey("{b}"))),
            r#"{"a":1}"#,
            "T0403: operation 1 (`when` of `b`): in `then`, operation 1 (`when`): in `then`, operation 1 (`rekey`): it is missing, and an id or a routing is made of it",
        ),
        (DROP, "[]", "T0101: the document is not an object"),
    ]);
}

#[test]
fn what_is_made_of_one_document_is_bounded() {
    let long = "x".repeat(MADE_BYTES_MAX / 4);
    let of = |count: usize| format!(r#"{{"k":"{long}","l":{:?}}}"#, vec![0; count]);
    let document = |source: &str| {
        let document = Document { index: None, id: "1", routing: None, source: source.as_bytes() };
        spread(&program(&format!("[{EACH}]")), document).map(|made| made.len())
    };
    assert_eq!(document(&of(3)), Ok(3));
    let told = document(&of(4)).expect_err("it is too much").to_string();
    assert_eq!(
        told,
        "T0109: the documents that are made of it have more than 33554432 bytes together"
    );
}

fn template(parts: &'static [&'static str]) -> impl Strategy<Value = Template> {
    vec(select(parts), 1..3)
        .prop_map(|parts| Template::try_from(parts.concat()).expect("a template"))
}

const PLACES: &[&str] = &["{_id}", "{a}", "{b}", "{a.b}", "{_routing}", "x", "{_id}"];
const POSITIONS: &[&str] = &["{_id}", "{_position}", "{a}", "{b}"];

fn spreading_operation() -> impl Strategy<Value = Operation> {
    let empty = select(&[Elementless::Reject, Elementless::Keep, Elementless::Drop][..]);
    let dividing = (path(), prop::option::of(path()), template(POSITIONS), empty);
    prop_oneof![
        1 => Just(Operation::Drop(Dropping {})),
        3 => template(PLACES).prop_map(|id| Operation::Rekey(Rekeying { id })),
        2 => prop::option::of(template(PLACES))
            .prop_map(|routing| Operation::Reroute(Rerouting { routing })),
        2 => select(&["one", "other"][..])
            .prop_map(|to| Operation::Send(Sending { to: to.to_owned() })),
        6 => dividing.prop_map(|(field, into, id, empty)| {
            Operation::Each(Dividing { field, into, id, empty })
        }),
    ]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let one = prop_oneof![2 => spreading_operation(), 1 => operation()];
    one.prop_recursive(2, 6, 3, |inner| branching(inner).prop_map(Operation::When))
}

/// Each step on all that the one before made. Of several rejections of a step that of the earliest operation counts.
fn step_by_step(steps: &[Program], first: Document<'_>) -> Result<Vec<Made>, Rejection> {
    let (mut documents, mut operation_count) = (vec![Made::of(first)], 0);
    for step in steps {
        let outcomes = documents.iter().map(|one| spread(step, one.document()));
        let (made, rejected): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
        let rejections = rejected.into_iter().filter_map(Result::err);
        if let Some(rejection) = rejections.min_by_key(|rejection| rejection.operation_index) {
            let index = rejection.operation_index.map(|index| index + operation_count);
            return Err(Rejection { operation_index: index, ..rejection });
        }
        documents = made.into_iter().flatten().flatten().collect();
        operation_count += step.operations().len();
    }
    Ok(documents)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn a_spreading_program_does_what_the_reference_does(
        members in document(), operations in vec(any_operation(), 1..5),
        routing in prop::option::of(Just("r")),
    ) {
        let source = reference::render(&members);
        let document = Document { index: None, id: "1", routing, source: source.as_bytes() };
        let found = spread(&Program::new(operations.clone()), document);
        let (id, routing) = ("1".to_owned(), routing.map(str::to_owned));
        let whole = Whole { index: None, id, routing, members };
        if let Ok(expected) = reference::spread(&operations, whole) {
                let made = expected.into_iter().map(|one| Made {
                    index: one.index,
                    id: one.id,
                    routing: one.routing,
                    source: reference::render(&one.members).into_bytes(),
                });
                prop_assert_eq!(found, Ok(made.collect::<Vec<_>>()));
        } else {
            let rejection = found.unwrap_err();
            let index = rejection.operation_index.expect("the source is a document");
            prop_assert_eq!(rejection.operation.as_deref(), Some(operations[index].name()));
        }
    }

    #[test]
    fn fused_is_step_by_step_where_documents_spread(
        documents in vec(document(), 1..4),
        steps in vec(vec(any_operation(), 0..3), 0..4),
        noise in any::<u64>(),
    ) {
        let steps: Vec<Program> = steps.into_iter().map(Program::new).collect();
        let fused = Program::fuse(&steps);
        let mut workspace = Workspace::new();
        for members in documents {
            let source = noisy(&reference::render(&members), noise);
            let document = Document { index: None, id: "1", routing: Some("r"), source: source.as_bytes() };
            let mut made = Vec::new();
            let outcome = fused.apply(&mut workspace, document, &mut |one| made.push(Made::of(one)));
            prop_assert_eq!(outcome.map(|()| made), step_by_step(&steps, document));
        }
    }

    #[test]
    fn what_spreads_says_so(operations in vec(any_operation(), 1..4), members in document()) {
        let program = Program::new(operations);
        let source = reference::render(&members);
        let document = Document { index: None, id: "1", routing: Some("r"), source: source.as_bytes() };
        if let (Ok(made), false) = (spread(&program, document), program.is_spreading()) {
            prop_assert_eq!(made.len(), 1);
            let places: Vec<_> = made.iter().map(|one| (one.index.as_deref(), one.id.as_str(), one.routing.as_deref())).collect();
            prop_assert_eq!(places, [(None, "1", Some("r"))]);
        }
    }

    #[test]
    fn conditions_decide_once(condition in condition(), members in document()) {
        // A branch that drops and one that doesn't: exactly one of two opposite steps keeps the document.
        let drop_if = |then: bool| {
            let (kept, dropped) = (Vec::new(), vec![Operation::Drop(Dropping {})]);
            let (then, otherwise) = if then { (dropped, kept) } else { (kept, dropped) };
            let branching = crate::transform::operation::Branching { condition: condition.clone(), then, otherwise };
            Program::new(vec![Operation::When(branching)])
        };
        let source = reference::render(&members);
        let document = Document { index: None, id: "1", routing: None, source: source.as_bytes() };
        if let (Ok(one), Ok(other)) = (spread(&drop_if(true), document), spread(&drop_if(false), document)) {
            prop_assert_eq!(one.len() + other.len(), 1);
        }
    }
}

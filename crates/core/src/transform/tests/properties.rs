//! Properties of programs on random documents: against the reference, fused against step by step, and on any bytes.

use std::fmt::Write as _;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    apply,
    reference::{self, Json, Members},
};
use crate::{
    compare::document_hash,
    transform::{
        Document, Program, Rejection, Workspace,
        operation::{
            Algorithm, Assignment, Branching, CastType, Casting, Coding, Condition, DateForm,
            Dating, Decoding, Empty, Encoding, Existing, FieldPath, Flattening, Hashing, Joining,
            Lists, Nesting, Operation, Otherwise, Pair, Pattern, Question, Relocation, Removal,
            Respelling, Scalar, Several, Splitting, Test, Translation, Unwrapping, Wrapping, Zone,
        },
    },
};

/// Few names, so that paths and documents meet; some keys are dotted, one must be escaped.
const KEYS: [&str; 9] = ["a", "b", "c", "a.b", "b.c", "a.b.c", "a\"", "a.", ".b"];

const TEXTS: [&str; 20] = [
    "",
    "x",
    "x y",
    " x y z",
    "7",
    "+7",
    "-0.50",
    "true",
    "é\"\\",
    "\u{1f}\n",
    "😀 😀",
    "ΣΑΣ ß",
    "\u{a0}İx ",
    "2020-02-29T23:04:05.678Z",
    "1969-12-31T23:59:59.000000001Z",
    "29.02.2020 23:04:05.5",
    "1577934245.678",
    "eyJiIjpbMS4xMF19",
    "eHk=",
    "bnVsbA",
];

const NUMBERS: [&str; 12] = [
    "1577934245678",
    "-1.5",
    "0",
    "-0",
    "7",
    "1.10",
    "2.0",
    "1e3",
    "1e400",
    "-5e-1",
    "9007199254740993",
    "123456789012345678901",
];

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Boolean),
        select(&NUMBERS[..]).prop_map(Json::Number),
        select(&TEXTS[..]).prop_map(|text| Json::Text(text.into())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            2 => members(inner.clone()).prop_map(Json::Object),
            1 => vec(inner, 0..4).prop_map(Json::Array),
        ]
    })
}

fn members(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Members> {
    vec((select(&KEYS[..]).prop_map(str::to_owned), value), 0..5)
}

pub(super) fn document() -> impl Strategy<Value = Members> {
    members(json())
}

/// Mostly short, so that often something is there.
pub(super) fn path() -> impl Strategy<Value = FieldPath> {
    let name = || select(&["a", "b", "c", "a\""][..]);
    prop_oneof![3 => vec(name(), 1), 2 => vec(name(), 2), 1 => vec(name(), 3)]
        .prop_map(|names| FieldPath::try_from(names.join(".")).unwrap())
}

fn relocation() -> impl Strategy<Value = Relocation> {
    (path(), path(), existing()).prop_map(|(from, to, existing)| Relocation { from, to, existing })
}

/// A rename as a pack has it: only the last name changes.
fn rename() -> impl Strategy<Value = Relocation> {
    (relocation(), select(&["a", "b", "c"][..])).prop_map(|(relocation, name)| {
        let from = relocation.from.as_str();
        let to =
            from.rsplit_once('.').map_or(name.into(), |(parent, _)| format!("{parent}.{name}"));
        Relocation { to: FieldPath::try_from(to).unwrap(), ..relocation }
    })
}

fn assignment() -> impl Strategy<Value = Assignment> {
    let value = select(&["1", "null", r#"{"b":{"c":[1.5]}}"#, r#"[{"a":"x y"}]"#][..])
        .prop_map(|json| serde_json::from_str(json).unwrap());
    (path(), value).prop_map(|(field, value)| Assignment { field, value })
}

fn otherwise() -> impl Strategy<Value = Otherwise> {
    select(&[Otherwise::Reject, Otherwise::Keep, Otherwise::Remove, Otherwise::Null][..])
}

fn casting() -> impl Strategy<Value = Casting> {
    let to = select(&[CastType::String, CastType::Long, CastType::Double, CastType::Boolean][..]);
    (path(), to, otherwise()).prop_map(|(field, to, otherwise)| Casting { field, to, otherwise })
}

fn respelling() -> impl Strategy<Value = Respelling> {
    (vec(path(), 1..3), otherwise())
        .prop_map(|(fields, otherwise)| Respelling { fields, otherwise })
}

fn scalar() -> impl Strategy<Value = Scalar> {
    const SCALARS: [&str; 10] =
        ["null", "true", "false", "7", "1.1", "2", "1e3", "9007199254740993", r#""x""#, r#""7""#];
    select(&SCALARS[..]).prop_map(|json| serde_json::from_str(json).unwrap())
}

pub(super) fn translation(
    field: impl Strategy<Value = FieldPath>,
) -> impl Strategy<Value = Translation> {
    let pair = (scalar(), scalar()).prop_map(|(from, to)| Pair { from, to });
    (field, vec(pair, 0..6), otherwise()).prop_map(|(field, values, otherwise)| Translation {
        field,
        values,
        otherwise,
    })
}

fn dating() -> impl Strategy<Value = Dating> {
    let form = || {
        select(&["epoch_millis", "epoch_second", "iso", "%d.%m.%Y %H:%M:%S%.f"][..])
            .prop_map(|form| DateForm::try_from(form.to_owned()).unwrap())
    };
    let zone =
        select(&["UTC", "+02:00"][..]).prop_map(|zone| Zone::try_from(zone.to_owned()).unwrap());
    (path(), form(), form(), zone, otherwise())
        .prop_map(|(field, from, to, zone, otherwise)| Dating { field, from, to, zone, otherwise })
}

/// Without compressed ones: how they look is the library's decision. `codings` has them.
fn coding() -> impl Strategy<Value = Coding> {
    select(&[Coding::Base64, Coding::Base64Json][..])
}

fn decoding() -> impl Strategy<Value = Decoding> {
    let from = prop_oneof![4 => coding(), 1 => Just(Coding::Base64GzipJson)];
    (path(), from, otherwise()).prop_map(|(field, from, otherwise)| Decoding {
        field,
        from,
        otherwise,
    })
}

fn encoding() -> impl Strategy<Value = Encoding> {
    (path(), coding(), otherwise()).prop_map(|(field, to, otherwise)| Encoding {
        field,
        to,
        otherwise,
    })
}

/// Whether a value becomes a text of the JSON that it is: then it shows how that was written.
fn shows_how_it_was_written(operations: &[Operation]) -> bool {
    operations.iter().any(|operation| match operation {
        Operation::Encode(encoding) => encoding.to != Coding::Base64,
        Operation::When(branching) => {
            shows_how_it_was_written(&branching.then)
                || shows_how_it_was_written(&branching.otherwise)
        }
        _ => false,
    })
}

fn unwrapping() -> impl Strategy<Value = Unwrapping> {
    let several = select(&[Several::Reject, Several::First, Several::Keep][..]);
    let empty = select(&[Empty::Remove, Empty::Null][..]);
    (vec(path(), 1..3), several, empty).prop_map(|(fields, several, empty)| Unwrapping {
        fields,
        several,
        empty,
    })
}

fn existing() -> impl Strategy<Value = Existing> {
    select(&[Existing::Reject, Existing::Overwrite, Existing::Keep][..])
}

fn nesting() -> impl Strategy<Value = Nesting> {
    (vec(path(), 1..3), path(), existing()).prop_map(|(fields, into, existing)| Nesting {
        fields,
        into,
        existing,
    })
}

fn flattening() -> impl Strategy<Value = Flattening> {
    (path(), select(&["", "a", "b_", "c.", "a\""][..]), existing())
        .prop_map(|(field, prefix, existing)| Flattening { field, prefix: prefix.into(), existing })
}

fn hashing() -> impl Strategy<Value = Hashing> {
    (vec(path(), 1..3), path(), existing()).prop_map(|(fields, into, existing)| Hashing {
        fields,
        into,
        algorithm: Algorithm::Sha256,
        existing,
    })
}

fn splitting() -> impl Strategy<Value = Splitting> {
    (path(), select(&[" ", "\"", "xx"][..]), vec(path(), 1..4))
        .prop_map(|(field, separator, into)| Splitting { field, separator: separator.into(), into })
}

fn joining() -> impl Strategy<Value = Joining> {
    (
        vec(path(), 1..4),
        select(&["", " ", "\""][..]),
        path(),
        select(&[Lists::Reject, Lists::Join][..]),
    )
        .prop_map(|(fields, separator, into, lists)| Joining {
            fields,
            separator: separator.into(),
            into,
            lists,
        })
}

pub(super) fn condition() -> impl Strategy<Value = Condition> {
    let pattern = select(&["x.*", "[0-9]+", "", "(?s).*x.*"][..])
        .prop_map(|pattern| Test::Matches(Pattern::try_from(pattern.to_owned()).unwrap()));
    let test = prop_oneof![
        3 => vec(scalar(), 1..3).prop_map(Test::In),
        2 => Just(Test::Exists),
        1 => Just(Test::Missing),
        2 => pattern,
    ];
    let question =
        (path(), test).prop_map(|(field, test)| Condition::Field(Question { field, test }));
    question.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Condition::Not(Box::new(part))),
            vec(inner.clone(), 1..3).prop_map(Condition::All),
            vec(inner, 1..3).prop_map(Condition::Any),
        ]
    })
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    plain_operation().prop_recursive(2, 6, 3, |inner| branching(inner).prop_map(Operation::When))
}

pub(super) fn branching(
    inner: impl Strategy<Value = Operation> + Clone,
) -> impl Strategy<Value = Branching> {
    (condition(), vec(inner.clone(), 0..3), vec(inner, 0..3))
        .prop_map(|(condition, then, otherwise)| Branching { condition, then, otherwise })
}

fn plain_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        2 => rename().prop_map(Operation::Rename),
        1 => relocation().prop_map(Operation::Rename),
        3 => relocation().prop_map(Operation::Move),
        2 => relocation().prop_map(Operation::Copy),
        1 => vec(path(), 1..3).prop_map(|fields| Operation::Remove(Removal { fields })),
        1 => assignment().prop_map(Operation::Set),
        1 => assignment().prop_map(Operation::Default),
        2 => casting().prop_map(Operation::Cast),
        1 => respelling().prop_map(Operation::Lower),
        1 => respelling().prop_map(Operation::Upper),
        1 => respelling().prop_map(Operation::Trim),
        2 => translation(path()).prop_map(Operation::Map),
        1 => vec(path(), 1..3).prop_map(|fields| Operation::Wrap(Wrapping { fields })),
        3 => dating().prop_map(Operation::Date),
        3 => decoding().prop_map(Operation::Decode),
        2 => encoding().prop_map(Operation::Encode),
        2 => unwrapping().prop_map(Operation::Unwrap),
        2 => nesting().prop_map(Operation::Nest),
        3 => flattening().prop_map(Operation::Flatten),
        2 => hashing().prop_map(Operation::Hash),
        2 => splitting().prop_map(Operation::Split),
        2 => joining().prop_map(Operation::Join),
    ]
}

/// White space and escapes that change nothing, chosen by the bits of `noise`.
pub(super) fn noisy(json: &str, mut noise: u64) -> String {
    let mut next = || {
        noise =
            noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise >> 61
    };
    let mut output = String::new();
    let (mut in_string, mut after_backslash) = (false, false);
    for character in json.chars() {
        if in_string {
            let plain = "abcxy".contains(character) && !after_backslash;
            if plain && next() == 0 {
                write!(output, "\\u{:04x}", u32::from(character)).unwrap();
            } else {
                output.push(character);
            }
            in_string = character != '"' || after_backslash;
            after_backslash = character == '\\' && !after_backslash;
            continue;
        }
        in_string = character == '"';
        let spaced = "{}[]:,\"".contains(character);
        if spaced && !in_string && next() == 0 {
            output += " \n";
        }
        output.push(character);
        if spaced && !in_string && next() == 0 {
            output.push('\t');
        }
    }
    output
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, ..ProptestConfig::default() })]

    #[test]
    fn program_does_what_the_reference_does(
        document in document(), operations in vec(operation(), 1..5), noise in any::<u64>(),
    ) {
        let source = reference::render(&document);
        let program = Program::new(operations.clone());
        let expected = reference::apply(&operations, document);
        let found = apply(&program, source.as_bytes());
        let from_noise = if shows_how_it_was_written(&operations) {
            found.clone()
        } else {
            apply(&program, noisy(&source, noise).as_bytes())
        };
        if let Ok(document) = expected {
            let expected = reference::render(&document);
            let hash = document_hash(expected.as_bytes()).unwrap();
            prop_assert_eq!(String::from_utf8(found.unwrap()).unwrap(), expected);
            prop_assert_eq!(document_hash(&from_noise.unwrap()), Ok(hash));
        } else {
            let rejection = found.unwrap_err();
            prop_assert_eq!(from_noise.unwrap_err().code, rejection.code);
            let index = rejection.operation_index.expect("the source is a document");
            prop_assert_eq!(rejection.operation.as_deref(), Some(operations[index].name()));
        }
    }

    #[test]
    fn fused_is_step_by_step(
        documents in vec(document(), 1..4),
        steps in vec(vec(operation(), 0..3), 0..4),
        noise in any::<u64>(),
    ) {
        let steps: Vec<Program> = steps.into_iter().map(Program::new).collect();
        let fused = Program::fuse(&steps);
        // One workspace for all: nothing of one document may show in the next.
        let mut workspace = Workspace::new();
        for document in documents {
            let source = noisy(&reference::render(&document), noise);
            let mut output = None;
            let place = Document { index: None, id: "1", routing: None, source: source.as_bytes() };
            let outcome = fused.apply(&mut workspace, place, &mut |document| {
                output = Some(document.source.to_vec());
            });
            prop_assert_eq!(outcome.map(|()| output.unwrap()), step_by_step(&steps, source));
        }
    }

    #[test]
    fn untouched_values_keep_their_bytes(
        document in document(), value in json(), operations in vec(operation(), 1..5),
        noise in any::<u64>(),
    ) {
        let value = noisy(&value.render(), noise).trim().to_owned();
        let source = reference::render(&document);
        let separator = if document.is_empty() { "" } else { "," };
        let source = source.replacen('{', &format!("{{\"untouched\":{value}{separator}"), 1);
        if let Ok(output) = apply(&Program::new(operations), source.as_bytes()) {
            let expected = format!("{{\"untouched\":{value}");
            let output = String::from_utf8(output).unwrap();
            prop_assert!(output.starts_with(&expected), "{} in {}", expected, output);
        }
    }

    #[test]
    fn any_bytes_are_a_document_or_a_rejection(
        document in document(), operations in vec(operation(), 1..5),
        at in any::<prop::sample::Index>(), bytes in vec(any::<u8>(), 0..4), cut in 0_usize..4,
    ) {
        let mut source = reference::render(&document).into_bytes();
        let at = at.index(source.len() + 1);
        source.splice(at..source.len().min(at + cut), bytes);
        let program = Program::new(operations);
        let outcome = apply(&program, &source);
        let is_object = str::from_utf8(&source).is_ok_and(|text| {
            text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{')
                && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        });
        match outcome {
            Ok(output) => {
                prop_assert!(is_object);
                prop_assert!(document_hash(&output).is_ok());
            }
            Err(rejection) => {
                let unreadable = rejection.operation_index.is_none();
                prop_assert_eq!(unreadable, !is_object, "{}", rejection);
            }
        }
    }
}

/// Each step on its own; a rejection counts operations from the first step on, as the fused program does.
fn step_by_step(steps: &[Program], source: String) -> Result<Vec<u8>, Rejection> {
    let mut source = source.into_bytes();
    let mut operation_count = 0;
    for step in steps {
        source = apply(step, &source).map_err(|rejection| Rejection {
            operation_index: rejection.operation_index.map(|index| index + operation_count),
            ..rejection
        })?;
        operation_count += step.operations().len();
    }
    Ok(source)
}

//! Operations by themselves: whether each can do anything, and only what it says. Mappings are in `flow` and `fit`.

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        draft::Draft,
        place::Place,
        wire::{Fate, OperationWire},
    },
    transform::operation::{
        Branching, FieldPath, Flattening, Hashing, Joining, Lists, Nesting, Operation, Relocation,
        Script, Splitting, Translation,
    },
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    let files = draft.releases.iter().filter_map(|release| release.file.as_ref());
    let steps = files.filter_map(|file| file.step.as_ref());
    for entry in steps.flat_map(|step| step.indices.values()) {
        if let Some(Fate::Migrate { from: _, partition: _, operations, way_back }) = &entry.fate {
            let down = way_back.down.iter().flat_map(|down| &down.operations.all);
            let all = operations.all.iter().chain(down).flat_map(OperationWire::with_inner);
            all.for_each(|wire| check_operation(wire, findings));
        }
    }
}

fn check_operation(wire: &OperationWire, findings: &mut Findings) {
    match &wire.operation {
        Operation::Rename(relocation) => check_rename(wire, relocation, findings),
        Operation::Move(relocation) => check_relocation(wire, ("move", relocation), findings),
        Operation::Copy(relocation) => check_relocation(wire, ("copy", relocation), findings),
        Operation::Remove(removal) => check_any(wire, &removal.fields, findings),
        Operation::Lower(respelling)
        | Operation::Upper(respelling)
        | Operation::Trim(respelling) => check_any(wire, &respelling.fields, findings),
        Operation::Wrap(wrapping) => check_any(wire, &wrapping.fields, findings),
        Operation::Unwrap(unwrapping) => check_any(wire, &unwrapping.fields, findings),
        Operation::Map(translation) => check_map(wire, translation, findings),
        Operation::Nest(nesting) => check_nest(wire, nesting, findings),
        Operation::Flatten(flattening) => check_flatten(wire, flattening, findings),
        Operation::Split(splitting) => check_split(wire, splitting, findings),
        Operation::Join(joining) => check_join(wire, joining, findings),
        Operation::Hash(hashing) => check_hash(wire, hashing, findings),
        Operation::When(branching) => check_when(wire, branching, findings),
        Operation::Painless(script) => check_script(wire, script, findings),
        // Programs in jq are compiled: `jq` does that.
        Operation::Set(_)
        | Operation::Default(_)
        | Operation::Cast(_)
        | Operation::Date(_)
        | Operation::Decode(_)
        | Operation::Encode(_)
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Each(_)
        | Operation::Send(_)
        | Operation::Jq(_) => {}
    }
}

fn check_any(wire: &OperationWire, fields: &[FieldPath], findings: &mut Findings) {
    if !fields.is_empty() {
        return;
    }
    let name = wire.operation.name();
    let message = match &wire.operation {
        Operation::Remove(_) => "this `remove` removes nothing".to_owned(),
        _ => format!("this `{name}` names no field"),
    };
    let fix = "name at least one field, or leave the operation out";
    findings.error(code::OPERATION_EMPTY, &wire.place, message, fix);
}

fn check_hash(wire: &OperationWire, hashing: &Hashing, findings: &mut Findings) {
    check_any(wire, &hashing.fields, findings);
    if let Some(other) = nested_in(&hashing.into, hashing.fields.iter()) {
        let message = format!("`{}` and `{other}` lie within each other", hashing.into);
        let fix = "put the digest beside the fields that it is made of";
        findings.error(code::PATHS_NESTED, wire.value_place("into"), message, fix);
    }
}

fn check_when(wire: &OperationWire, branching: &Branching, findings: &mut Findings) {
    if branching.then.is_empty() && branching.otherwise.is_empty() {
        let fix = "write operations in `then`, or leave it out";
        let message = "this `when` does nothing, whether its condition holds or not";
        findings.error(code::OPERATION_EMPTY, &wire.place, message, fix);
    }
}

/// Words of Painless that give something else every time. A text search, so it may be wrong: a warning.
const UNREPEATABLE: [&str; 7] = [
    "new Date()",
    "currentTimeMillis",
    "nanoTime",
    ".now()",
    "Math.random",
    "new Random()",
    "randomUUID",
];

fn check_script(wire: &OperationWire, script: &Script, findings: &mut Findings) {
    let place = wire.value_place("script");
    if script.script.trim().is_empty() {
        let message = "this `painless` has no script";
        findings.error(
            code::OPERATION_EMPTY,
            place,
            message,
            "write one, or leave the operation out",
        );
    }
    if let Some(word) = UNREPEATABLE.iter().find(|word| script.script.contains(**word)) {
        let message = format!(
            "`{word}` gives something else every time the script runs: a document would differ from what it is compared with"
        );
        let fix = "take it from the document, or from `params`";
        findings.warning(code::SCRIPT_UNREPEATABLE, place, message, fix);
    }
}

fn check_rename(wire: &OperationWire, relocation: &Relocation, findings: &mut Findings) {
    let Relocation { from, to, existing: _ } = relocation;
    if from.parent() == to.parent() {
        check_relocation(wire, ("rename", relocation), findings);
        return;
    }
    let message = format!("`rename` keeps the parent, but `{to}` is elsewhere than `{from}`");
    let fix = format!("write `move: {{from: {from}, to: {to}}}`");
    findings.error(code::RENAME_PARENT, wire.value_place("to"), message, fix);
}

fn check_relocation(
    wire: &OperationWire,
    (name, relocation): (&str, &Relocation),
    findings: &mut Findings,
) {
    check_ends(wire.value_place("to"), (name, relocation), findings);
}

fn check_ends(place: &Place, (name, relocation): (&str, &Relocation), findings: &mut Findings) {
    let Relocation { from, to, existing: _ } = relocation;
    let written = if name == "nest" { "into" } else { "to" };
    if from == to {
        let message = format!("this `{name}` leads from `{from}` to itself");
        findings.error(
            code::OPERATION_EMPTY,
            place,
            message,
            format!("correct `{written}`, or leave the operation out"),
        );
    } else if from.is_within(to) || to.is_within(from) {
        let message =
            format!("this `{name}` leads from `{from}` to `{to}`: one lies within the other");
        let fix =
            "go through a third field: take it there, remove the outer one, then take it back";
        findings.error(code::PATHS_NESTED, place, message, fix);
    }
}

fn check_map(wire: &OperationWire, translation: &Translation, findings: &mut Findings) {
    let values = &translation.values;
    if values.is_empty() {
        let fix = "write the values and what they become, or leave the operation out";
        findings.error(code::OPERATION_EMPTY, &wire.place, "this `map` has an empty table", fix);
    }
    for (index, pair) in values.iter().enumerate() {
        let earlier = values.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.from.equals(&pair.from)) {
            let message = format!("{} stands twice in the table", pair.from.value());
            let place = wire.value_places("values").nth(index).unwrap_or(&wire.place);
            findings.error(code::TABLE, place, message, "keep one of the two");
        }
    }
}

fn check_nest(wire: &OperationWire, nesting: &Nesting, findings: &mut Findings) {
    check_any(wire, &nesting.fields, findings);
    let mut earlier: Vec<Relocation> = Vec::new();
    for (one, place) in nesting.moves().zip(wire.value_places("fields")) {
        if let Some(other) = earlier.iter().find(|other| other.to == one.to) {
            let message =
                format!("`{}` and `{}` would both become `{}`", other.from, one.from, one.to);
            let fix = "rename one of them first, or nest it into another object";
            findings.error(code::JOINED_NAMES, place, message, fix);
        } else if let Some(other) = nested_in(&one.from, earlier.iter().map(|other| &other.from)) {
            let message = format!("`{}` and `{other}` lie within each other", one.from);
            findings.error(code::PATHS_NESTED, place, message, "nest fields beside each other");
        } else {
            check_ends(place, ("nest", &one), findings);
        }
        earlier.push(one);
    }
}

fn check_flatten(wire: &OperationWire, flattening: &Flattening, findings: &mut Findings) {
    let Flattening { field, prefix, existing: _ } = flattening;
    let place = wire.value_place("prefix");
    // Any name will do to see whether it can stand behind the prefix.
    if FieldPath::try_from(format!("{prefix}name")).is_err() {
        let message =
            format!("`{prefix}` can't stand before a name: an empty name would come to be");
        let fix = "begin it with a name, and join names by single dots";
        findings.error(code::JOINED_NAMES, place, message, fix);
    }
    let itself = format!("{field}.");
    if flattening.front() == itself {
        let message = format!("this `flatten` puts the fields of `{field}` where they are");
        findings.error(
            code::OPERATION_EMPTY,
            place,
            message,
            "correct it, or leave the operation out",
        );
    }
}

fn check_split(wire: &OperationWire, splitting: &Splitting, findings: &mut Findings) {
    let Splitting { field, separator, into } = splitting;
    if separator.is_empty() {
        let fix = "write the text between two parts, such as \" \"";
        let message = "an empty separator splits nothing";
        findings.error(code::SPLIT, wire.value_place("separator"), message, fix);
    }
    if into.len() < 2 {
        let message = "`split` needs at least two fields to split into";
        let fix = "name more fields in `into`, or use `rename`";
        findings.error(code::SPLIT, wire.value_place("into"), message, fix);
    }
    for (index, part) in into.iter().enumerate() {
        let place = wire.value_places("into").nth(index).unwrap_or(&wire.place);
        let earlier = into.get(..index).unwrap_or_default();
        if earlier.contains(part) {
            let message = format!("`{part}` stands twice in `into`");
            findings.error(code::SPLIT, place, message, "give each part its own field");
        } else if let Some(other) = nested_in(part, earlier.iter().chain([field])) {
            let message = format!("`{part}` and `{other}` lie within each other");
            findings.error(
                code::PATHS_NESTED,
                place,
                message,
                "split into fields beside each other",
            );
        }
    }
}

fn check_join(wire: &OperationWire, joining: &Joining, findings: &mut Findings) {
    let Joining { fields, separator: _, into, lists } = joining;
    let (needed, message) = match lists {
        Lists::Reject => (2, "`join` needs at least two fields to join"),
        // One list is enough.
        Lists::Join => (1, "`join` needs at least one field to join"),
    };
    if fields.len() < needed {
        let fix = "name more fields in `fields`, or use `rename` or `move`";
        findings.error(code::JOIN, wire.value_place("fields"), message, fix);
    }
    for (index, part) in fields.iter().enumerate() {
        let place = wire.value_places("fields").nth(index).unwrap_or(&wire.place);
        let earlier = fields.get(..index).unwrap_or_default();
        if earlier.contains(part) {
            let message = format!("`{part}` stands twice in `fields`");
            findings.error(code::JOIN, place, message, "name each part once");
        } else if let Some(other) = nested_in(part, earlier.iter().chain([into])) {
            let message = format!("`{part}` and `{other}` lie within each other");
            let fix = "join fields beside each other into a field outside of them";
            findings.error(code::PATHS_NESTED, place, message, fix);
        }
    }
}

/// The first path that lies within another one, or the other way round.
fn nested_in<'a>(
    path: &FieldPath,
    mut others: impl Iterator<Item = &'a FieldPath>,
) -> Option<&'a FieldPath> {
    others.find(|other| path.is_within(other) || other.is_within(path))
}

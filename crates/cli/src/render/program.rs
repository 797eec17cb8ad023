//! Operations as people read them, one line each.

use lockstep_core::{
    plan::model::WayBack,
    transform::operation::{
        CastType, Condition, Dating, Decoding, Dividing, Documents, Elementless, Empty, Encoding,
        Existing, FieldPath, Joining, JqStep, Lists, Operation, Otherwise, Pair, Question,
        Relocation, Rerouting, Respelling, Several, Test, Translation, Unwrapping,
    },
};

use super::quantity::counted;

/// Lines of a table that are shown; a plan is read, and the pack has them all.
const PAIRS_SHOWN_MAX: usize = 4;

/// Characters up to which a script is shown.
const SCRIPT_CHARACTERS_MAX: usize = 80;

/// One line for each operation, and those within it.
pub(crate) fn operation_lines(operations: &[Operation]) -> Vec<String> {
    operations.iter().flat_map(lines_of).collect()
}

/// A `when` has lines for the operations of its branches as well, further in.
fn lines_of(operation: &Operation) -> Vec<String> {
    let mut lines = vec![operation_line(operation)];
    if let Operation::When(branching) = operation {
        let inner = |operations: &[Operation]| {
            operation_lines(operations).into_iter().map(|line| format!("  {line}"))
        };
        lines.extend(inner(&branching.then));
        if !branching.otherwise.is_empty() {
            lines.push("else".to_owned());
            lines.extend(inner(&branching.otherwise));
        }
    }
    lines
}

/// How many operations a program has, and whether anything leads back from it.
pub(crate) fn title(operations: &[Operation], way_back: Option<&WayBack>) -> String {
    let up = operation_count(operations);
    match way_back {
        None => up,
        Some(WayBack::Program { operations }) => {
            format!("{up}; way back: {}", operation_count(operations))
        }
        Some(WayBack::None { step, reason: _ }) => {
            format!("{up}; no way back over the step into {step}")
        }
    }
}

fn operation_count(operations: &[Operation]) -> String {
    match operations.len() {
        0 => "as it is".to_owned(),
        number => counted(number as u64, "operation", "operations"),
    }
}

fn operation_line(operation: &Operation) -> String {
    let name = operation.name();
    match operation {
        Operation::Rename(relocation)
        | Operation::Move(relocation)
        | Operation::Copy(relocation) => {
            format!("{name} {}", relocated(relocation))
        }
        Operation::Remove(removal) => format!("{name} {}", listed(&removal.fields)),
        Operation::Set(assignment) => format!("{name} {} = {}", assignment.field, assignment.value),
        Operation::Default(assignment) => {
            format!("{name} {} = {}, where it is missing", assignment.field, assignment.value)
        }
        Operation::Cast(casting) => {
            format!(
                "{name} {} to {}{}",
                casting.field,
                cast_type(casting.to),
                otherwise(casting.otherwise)
            )
        }
        Operation::Lower(respelling)
        | Operation::Upper(respelling)
        | Operation::Trim(respelling) => format!("{name} {}", respelt(respelling)),
        Operation::Map(translation) => format!("{name} {}", translated(translation)),
        Operation::Date(dating) => format!("{name} {}", dated(dating)),
        Operation::Decode(decoding) => format!("{name} {}", decoded(decoding)),
        Operation::Encode(encoding) => format!("{name} {}", encoded(encoding)),
        Operation::Wrap(wrapping) => format!("{name} {}", listed(&wrapping.fields)),
        Operation::Unwrap(unwrapping) => format!("{name} {}", unwrapped(unwrapping)),
        Operation::Nest(nesting) => format!(
            "{name} {} below {}{}",
            listed(&nesting.fields),
            nesting.into,
            existing(nesting.existing)
        ),
        Operation::Flatten(flattening) => format!(
            "{name} {} to {}*{}",
            flattening.field,
            flattening.front(),
            existing(flattening.existing)
        ),
        Operation::Split(splitting) => {
            format!(
                "{name} {} at {:?} into {}",
                splitting.field,
                splitting.separator,
                listed(&splitting.into)
            )
        }
        Operation::Join(joining) => format!("{name} {}", joined(joining)),
        Operation::Hash(hashing) => format!(
            "{name} {} into {}{}",
            listed(&hashing.fields),
            hashing.into,
            existing(hashing.existing)
        ),
        Operation::Drop(_) => format!("{name} the document"),
        Operation::Rekey(rekeying) => format!("{name} as {}", rekeying.id),
        Operation::Reroute(rerouting) => format!("{name} {}", rerouted(rerouting)),
        Operation::Each(dividing) => format!("{name} {}", divided(dividing)),
        Operation::Send(sending) => format!("{name} to {}", sending.to),
        Operation::When(branching) => format!("{name} {}", condition(&branching.condition)),
        Operation::Jq(step) => format!("{name} {}", program_line(step)),
        Operation::Painless(script) => {
            let any = documents(script.documents, &script.to);
            format!("{name} {}{any}", code_line(&script.script))
        }
    }
}

/// A script or program of one line as it is, else how long it is: nobody reads a page of code in a list.
fn code_line(text: &str) -> String {
    let text = text.trim();
    let lines = text.lines().count();
    if lines <= 1 && text.chars().count() <= SCRIPT_CHARACTERS_MAX {
        return format!("`{text}`");
    }
    counted(lines as u64, "line", "lines")
}

/// What a program or a script may make of a document, if that is not one at its place.
fn documents(documents: Documents, to: &[String]) -> String {
    match (documents, to) {
        (Documents::One, _) => String::new(),
        (Documents::Any, []) => ", any number of documents".to_owned(),
        (Documents::Any, to) => format!(", any number of documents, also to {}", to.join(", ")),
    }
}

fn program_line(step: &JqStep) -> String {
    let JqStep { program, field, documents: made, to } = step;
    let of = field.as_ref().map(|field| format!("{field} ")).unwrap_or_default();
    format!("{of}{}{}", code_line(program), documents(*made, to))
}

fn rerouted(rerouting: &Rerouting) -> String {
    match &rerouting.routing {
        Some(routing) => format!("by {routing}"),
        None => "without a routing".to_owned(),
    }
}

fn divided(dividing: &Dividing) -> String {
    let Dividing { field, into, id, empty } = dividing;
    let into = into.as_ref().map(|into| format!(" into {into}")).unwrap_or_default();
    let none = match empty {
        Elementless::Reject => "",
        Elementless::Keep => ", or keep one without elements",
        Elementless::Drop => ", or drop one without elements",
    };
    format!("element of {field}{into} as {id}{none}")
}

fn respelt(respelling: &Respelling) -> String {
    format!("{}{}", listed(&respelling.fields), otherwise(respelling.otherwise))
}

fn relocated(relocation: &Relocation) -> String {
    format!("{} → {}{}", relocation.from, relocation.to, existing(relocation.existing))
}

fn existing(existing: Existing) -> &'static str {
    match existing {
        Existing::Reject => "",
        Existing::Overwrite => ", over what is there",
        Existing::Keep => ", unless something is there",
    }
}

fn listed(fields: &[FieldPath]) -> String {
    fields.iter().map(FieldPath::as_str).collect::<Vec<_>>().join(", ")
}

fn translated(translation: &Translation) -> String {
    let Translation { field, values, otherwise: or_else } = translation;
    format!("{field} by {}{}", table(values), otherwise(*or_else))
}

/// The front of a table.
fn table(values: &[Pair]) -> String {
    let line = |pair: &Pair| format!("{} → {}", pair.from.value(), pair.to.value());
    let mut lines: Vec<String> = values.iter().take(PAIRS_SHOWN_MAX).map(line).collect();
    if values.len() > PAIRS_SHOWN_MAX {
        lines.push(format!("… ({} values)", values.len()));
    }
    lines.join(", ")
}

fn cast_type(to: CastType) -> &'static str {
    match to {
        CastType::String => "string",
        CastType::Long => "long",
        CastType::Double => "double",
        CastType::Boolean => "boolean",
    }
}

fn otherwise(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::Reject => "",
        Otherwise::Keep => ", or keep it",
        Otherwise::Remove => ", or remove it",
        Otherwise::Null => ", or make it null",
    }
}

fn dated(dating: &Dating) -> String {
    let Dating { field, from, to, zone: _, otherwise: or_else } = dating;
    format!("{field} from {} to {}{}", from.as_str(), to.as_str(), otherwise(*or_else))
}

fn joined(joining: &Joining) -> String {
    let Joining { fields, separator, into, lists } = joining;
    let lists = match lists {
        Lists::Reject => "",
        Lists::Join => " and what is in lists",
    };
    format!("{}{lists} with {separator:?} into {into}", listed(fields))
}

fn decoded(decoding: &Decoding) -> String {
    let Decoding { field, from, otherwise: or_else } = decoding;
    format!("{field} from {}{}", from.as_str(), otherwise(*or_else))
}

fn encoded(encoding: &Encoding) -> String {
    let Encoding { field, to, otherwise: or_else } = encoding;
    format!("{field} to {}{}", to.as_str(), otherwise(*or_else))
}

fn unwrapped(unwrapping: &Unwrapping) -> String {
    let Unwrapping { fields, several: of_several, empty: of_none } = unwrapping;
    format!("{}{}{}", listed(fields), several(*of_several), empty(*of_none))
}

fn several(several: Several) -> &'static str {
    match several {
        Several::Reject => "",
        Several::First => ", the first of several",
        Several::Keep => ", or keep several",
    }
}

fn empty(empty: Empty) -> &'static str {
    match empty {
        Empty::Remove => "",
        Empty::Null => ", an empty list to null",
    }
}

fn condition(asked: &Condition) -> String {
    let joined =
        |parts: &[Condition], word: &str| parts.iter().map(part).collect::<Vec<_>>().join(word);
    match asked {
        Condition::All(parts) => joined(parts, " and "),
        Condition::Any(parts) => joined(parts, " or "),
        Condition::Not(inner) => format!("not {}", part(inner)),
        Condition::Field(Question { field, test }) => match test {
            Test::Exists => format!("{field} is there"),
            Test::Missing => format!("{field} is missing"),
            Test::Matches(pattern) => format!("{field} matches {pattern}"),
            Test::In(values) => {
                let values: Vec<String> =
                    values.iter().map(|value| value.value().to_string()).collect();
                format!("{field} is {}", values.join(" or "))
            }
        },
    }
}

/// A condition within another one.
fn part(asked: &Condition) -> String {
    match asked {
        Condition::All(_) | Condition::Any(_) => format!("({})", condition(asked)),
        Condition::Field(Question { field: _, test: Test::In(values) }) if values.len() > 1 => {
            format!("({})", condition(asked))
        }
        Condition::Not(_) | Condition::Field(_) => condition(asked),
    }
}

#[cfg(test)]
mod tests {
    use lockstep_core::transform::operation::Script;

    use super::*;

    #[test]
    fn a_script_is_shown_where_it_fits_in_a_line() {
        let shown = |script: &str| {
            let script = Script {
                script: script.to_owned(),
                params: serde_json::Map::new(),
                documents: Documents::One,
                to: Vec::new(),
            };
            operation_line(&Operation::Painless(script))
        };
        assert_eq!(shown(" ctx._source.a = 1\n"), "painless `ctx._source.a = 1`");
        assert_eq!(shown("a();\nb();\n"), "painless 2 lines");
        assert_eq!(shown(&"a();".repeat(30)), "painless 1 line");
        let jq = |program: &str, field: Option<FieldPath>| {
            let (documents, to) = (Documents::One, Vec::new());
            operation_line(&Operation::Jq(JqStep {
                program: program.to_owned(),
                field,
                documents,
                to,
            }))
        };
        assert_eq!(jq(" .a = 1\n", None), "jq `.a = 1`");
        let field = FieldPath::try_from("a.b".to_owned()).expect("a path");
        assert_eq!(jq(".x\n| .y\n", Some(field)), "jq a.b 2 lines");
    }

    #[test]
    fn operations_that_spread_say_where_documents_go() {
        for (operation, line) in [
            (r#"{"drop":{}}"#, "drop the document"),
            (r#"{"rekey":{"id":"{a}-{_id}"}}"#, "rekey as {a}-{_id}"),
            (r#"{"reroute":{"routing":"{a}"}}"#, "reroute by {a}"),
            (r#"{"reroute":{"routing":null}}"#, "reroute without a routing"),
            (
                r#"{"each":{"field":"l","into":"e","id":"{e.id}","empty":"drop"}}"#,
                "each element of l into e as {e.id}, or drop one without elements",
            ),
            (r#"{"send":{"to":"other"}}"#, "send to other"),
            (
                r#"{"jq":{"program":".[]","documents":"any","to":["a","b"]}}"#,
                "jq `.[]`, any number of documents, also to a, b",
            ),
            (
                r#"{"painless":{"script":"x()","documents":"any"}}"#,
                "painless `x()`, any number of documents",
            ),
        ] {
            let operation: Operation = serde_json::from_str(operation).expect("an operation");
            assert_eq!(operation_line(&operation), line);
        }
    }
}

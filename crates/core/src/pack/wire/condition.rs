//! Reads a `when` with its branches, and the condition that it begins with.

use super::{
    BranchesWire, OperationWire,
    operation::{BRANCHES_DEPTH_MAX, field_path, read_operations},
};
use crate::{
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, boolean, list, place_of, scalar, scalars, text},
        place::Place,
        yaml::{Entry, Node},
    },
    transform::operation::{Branching, Condition, Operation, Pattern, Question, Test},
};

/// How deep conditions may lie within each other; what is deeper nobody can read.
const CONDITIONS_DEPTH_MAX: usize = 8;

/// What a condition says when it holds other conditions.
const GROUPS: [&str; 3] = ["all", "any", "not"];

/// What a condition says of a field.
const TESTS: [&str; 5] = ["equals", "in", "exists", "missing", "matches"];

/// Reads a mapping with the keys `when`, `then` and `else`; `place` is that of the key that was found.
pub(super) fn read_when(
    node: &Node,
    (key, place): (&str, &Place),
    depth: usize,
    findings: &mut Findings,
) -> Option<OperationWire> {
    if depth >= BRANCHES_DEPTH_MAX {
        let message = format!("a `when` lies within {BRANCHES_DEPTH_MAX} others");
        let fix = "put the conditions together with `all`, or the operations into another step";
        findings.error(code::CONDITION, place, message, fix);
        return None;
    }
    let found_before = findings.len();
    let mut fields = Fields::open(node, (&format!("the operation with `{key}`"), place), findings)?;
    let when = fields.required(("when", "{field: a, equals: x}"), findings);
    let then = fields.required(("then", "[…]"), findings);
    let otherwise = fields.optional("else");
    fields.finish(findings);
    let mut reader = Reader { values: Vec::new(), findings };
    let condition = when.and_then(|entry| {
        reader.condition(&entry.node, ("the condition", place_of(&entry.node, entry)), 0)
    });
    let Reader { values, findings } = reader;
    let mut read = |entry: &Entry| read_operations(entry, depth + 1, findings);
    let then = then.map(&mut read);
    let otherwise = otherwise.map(&mut read);
    // What could not be read has been told.
    if findings.len() != found_before {
        return None;
    }
    let branches = BranchesWire {
        then: then?.all,
        otherwise: otherwise.map(|read| read.all).unwrap_or_default(),
    };
    let operations = |wires: &[OperationWire]| {
        wires.iter().map(|wire| wire.operation.clone()).collect::<Vec<_>>()
    };
    let branching = Branching {
        condition: condition?,
        then: operations(&branches.then),
        otherwise: operations(&branches.otherwise),
    };
    Some(OperationWire {
        operation: Operation::When(branching),
        place: when?.key.place.clone(),
        values,
        branches,
    })
}

/// Reads conditions; notes where their fields stand, in the order of [`Condition::fields`].
struct Reader<'f> {
    values: Vec<(&'static str, Place)>,
    findings: &'f mut Findings,
}

impl Reader<'_> {
    fn condition(
        &mut self,
        node: &Node,
        (what, place): (&str, &Place),
        depth: usize,
    ) -> Option<Condition> {
        if depth >= CONDITIONS_DEPTH_MAX {
            let message = format!("conditions lie deeper than {CONDITIONS_DEPTH_MAX} levels");
            self.findings.error(code::CONDITION, place, message, "write it with fewer levels");
            return None;
        }
        let mut fields = Fields::open(node, (what, place), self.findings)?;
        let field = fields.optional("field");
        let said: Vec<&Entry> =
            TESTS.into_iter().chain(GROUPS).filter_map(|name| fields.optional(name)).collect();
        let first = said.first().copied();
        let is_group = first.is_some_and(|entry| GROUPS.contains(&entry.key.value.as_str()));
        // What is missing is told by the fields; what is there twice is not theirs to know.
        if !is_group {
            fields.required(("field", "a"), self.findings);
        }
        let found_before = self.findings.len();
        fields.finish(self.findings);
        // A misspelt test is told once.
        if self.findings.len() == found_before
            && let (Some(field), None) = (field, first)
        {
            let message = format!("{what} does not say what `{}` has to be", field_name(field));
            let fix = "add `equals: x`, `in: [x, y]`, `exists: true`, `missing: true` or `matches: \"x.*\"`";
            self.findings.error(code::CONDITION, &field.key.place, message, fix);
        }
        let extra = if is_group { field.or(said.get(1).copied()) } else { said.get(1).copied() };
        if let (Some(first), Some(extra)) = (first, extra) {
            let (one, other) = (&first.key.value, &extra.key.value);
            let message = format!("a condition says one thing, but here are `{one}` and `{other}`");
            let fix = "put two conditions into a list below `all` or `any`";
            self.findings.error(code::CONDITION, &extra.key.place, message, fix);
        }
        if is_group { self.group(first?, depth) } else { self.question(field, first?) }
    }

    fn group(&mut self, entry: &Entry, depth: usize) -> Option<Condition> {
        let name = entry.key.value.as_str();
        let what = format!("a condition of `{name}`");
        if name == "not" {
            let part =
                self.condition(&entry.node, (&what, place_of(&entry.node, entry)), depth + 1);
            return part.map(|part| Condition::Not(Box::new(part)));
        }
        let nodes = list(entry, self.findings)?;
        if nodes.is_empty() {
            let message = format!("`{name}` has no condition");
            self.findings.error(code::CONDITION, &entry.key.place, message, "write one or more");
        }
        let parts: Vec<Option<Condition>> = nodes
            .iter()
            .map(|node| self.condition(node, (&what, place_of(node, entry)), depth + 1))
            .collect();
        let parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
        Some(if name == "all" { Condition::All(parts) } else { Condition::Any(parts) })
    }

    fn question(&mut self, field: Option<&Entry>, test: &Entry) -> Option<Condition> {
        let field = field.and_then(|entry| {
            let written = text(entry, self.findings)?;
            let place = written.place.clone();
            let path = field_path(written, self.findings)?;
            self.values.push(("field", place));
            Some(path)
        });
        let test = self.test(test);
        Some(Condition::Field(Question { field: field?, test: test? }))
    }

    fn test(&mut self, entry: &Entry) -> Option<Test> {
        match entry.key.value.as_str() {
            "equals" => scalar(entry, self.findings).map(|value| Test::In(vec![value.value])),
            "in" => {
                let values = scalars(entry, self.findings)?;
                if values.is_empty() {
                    let message = "`in` has no value, so the condition never holds";
                    let fix = "write one or more";
                    self.findings.error(code::CONDITION, &entry.key.place, message, fix);
                }
                Some(Test::In(values.into_iter().map(|value| value.value).collect()))
            }
            "exists" => self.holds(entry, "missing").map(|()| Test::Exists),
            "missing" => self.holds(entry, "exists").map(|()| Test::Missing),
            _ => {
                let written = text(entry, self.findings)?;
                match Pattern::try_from(written.value) {
                    Ok(pattern) => Some(Test::Matches(pattern)),
                    Err(error) => {
                        let fix = "correct it; it has to fit the whole of a text, so no `^` and `$` are needed";
                        self.findings.error(
                            code::CONDITION,
                            &written.place,
                            error.to_string(),
                            fix,
                        );
                        None
                    }
                }
            }
        }
    }

    /// These two are true or left out; there is a word for the opposite.
    fn holds(&mut self, entry: &Entry, opposite: &str) -> Option<()> {
        if boolean(entry, self.findings)? {
            return Some(());
        }
        let name = &entry.key.value;
        let message = format!("`{name}: false` is written as `{opposite}: true`");
        let place = place_of(&entry.node, entry);
        self.findings.error(code::CONDITION, place, message, format!("write `{opposite}: true`"));
        None
    }
}

fn field_name(field: &Entry) -> String {
    match crate::pack::fields::text_of(&field.node) {
        Some(written) => written.value,
        None => "field".to_owned(),
    }
}

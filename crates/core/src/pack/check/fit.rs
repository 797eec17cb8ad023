//! Whether the documents that leave the operations fit the mapping that they get to: the new one, or on the way back
//! the old one.

use serde_json::Value;

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        draft::Draft,
        nearest::listed,
        place::Place,
        wire::{DownWire, Fate, OperationWire, Operations},
    },
    transform::operation::{FieldPath, Operation},
    version::Version,
};

use super::{
    flow,
    lineage::{Flow, Hop, hops},
    schema::{Field, Fields, Others, Shape},
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for flow in hop.flows() {
            let Some(Fate::Migrate { from: _, partition: _, operations, way_back }) =
                &flow.entry.fate
            else {
                continue;
            };
            Passage::up(hop, &flow, operations).check(findings);
            if let Some(down) = &way_back.down {
                Passage::down(hop, &flow, down).check(findings);
            }
        }
    }
}

/// Documents on their way from one mapping through operations to another: up to a release, or back down.
struct Passage<'a> {
    operations: &'a Operations,
    source: (&'a str, Option<&'a Value>),
    target: (&'a str, Option<&'a Value>),
    target_version: &'a Version,
    /// Whether the target's mapping is called new or old.
    age: &'static str,
    /// What the list of operations is called.
    list: &'static str,
    /// Where the step speaks of it.
    place: &'a Place,
}

impl<'a> Passage<'a> {
    fn up(hop: Hop<'a>, flow: &Flow<'a>, operations: &'a Operations) -> Self {
        Self {
            operations,
            source: (flow.source_key, hop.before.mappings.get(flow.source_key)),
            target: (flow.key, hop.release.mappings.get(flow.key)),
            target_version: &hop.release.version,
            age: "new",
            list: "the step",
            place: &flow.entry.place,
        }
    }

    fn down(hop: Hop<'a>, flow: &Flow<'a>, down: &'a DownWire) -> Self {
        Self {
            operations: &down.operations,
            source: (flow.key, hop.release.mappings.get(flow.key)),
            target: (flow.source_key, hop.before.mappings.get(flow.source_key)),
            target_version: &hop.before.version,
            age: "old",
            list: "`down`",
            place: &down.place,
        }
    }

    fn check(&self, findings: &mut Findings) {
        if !self.operations.is_complete {
            // The operation that could not be read may be the one that makes it fit.
            return;
        }
        let (_, Some(source)) = self.source else { return };
        let source = Fields::of_mapping(source);
        let is_strict = source.others == Others::Rejected;
        let fields = flow::through(source, &self.operations.all, findings);
        let (_, Some(target)) = self.target else { return };
        let mut misfits = Misfits { passage: self, homeless: Vec::new(), findings };
        misfits.check_fields("", &fields, &Fields::of_mapping(target));
        let Misfits { passage: _, homeless, findings } = misfits;
        self.note_homeless((&homeless, is_strict), findings);
    }

    fn note_homeless(&self, (homeless, is_strict): (&[String], bool), findings: &mut Findings) {
        let fields = listed(homeless.iter().map(String::as_str));
        let (subject, verb) = match homeless {
            [] => return,
            [_] => (format!("the field {fields}"), "has"),
            _ => (format!("the fields {fields}"), "have"),
        };
        let ((source_key, _), (target_key, _)) = (self.source, self.target);
        let message = format!(
            "{subject} of `{source_key}` {verb} no place in the strict mapping of `{target_key}` in {}: documents with it would be rejected",
            self.target_version
        );
        let fix = format!(
            "add `remove: {{fields: [{}]}}` or move it in {}, or add it to the mapping",
            homeless.join(", "),
            self.list
        );
        if is_strict {
            findings.error(code::FIELD_HOMELESS, self.place, message, fix);
        } else {
            findings.warning(code::FIELD_HOMELESS, self.place, message, fix);
        }
    }
}

struct Misfits<'a> {
    passage: &'a Passage<'a>,
    /// Fields of the source mapping without a place, as paths.
    homeless: Vec<String>,
    findings: &'a mut Findings,
}

impl Misfits<'_> {
    fn check_fields(&mut self, parent: &str, fields: &Fields, target: &Fields) {
        for (name, field) in &fields.known {
            let path = if parent.is_empty() { name.clone() } else { format!("{parent}.{name}") };
            match target.known.get(name).map(|there| &there.shape) {
                Some(shape) => self.check_shape(&path, field, shape),
                None if target.others == Others::Rejected => self.refused(&path, field),
                None => {}
            }
        }
    }

    fn check_shape(&mut self, path: &str, field: &Field, target: &Shape) {
        match (&field.shape, target) {
            (Shape::FieldAlias, _) | (_, Shape::Anything) => {}
            (_, Shape::FieldAlias) => self.refused(path, field),
            (Shape::Either(all), _) => {
                for one in all {
                    self.check_shape(path, one, target);
                }
            }
            (Shape::Object(fields), Shape::Object(there)) => self.check_fields(path, fields, there),
            (Shape::Object(_), Shape::Value(_)) => {
                self.differs(path, field, ("an object", "a single value"));
            }
            (Shape::Value(_), Shape::Object(_)) => {
                self.differs(path, field, ("a single value", "an object"));
            }
            (Shape::Value(kind), Shape::Value(there)) if !kind.fits(*there) => {
                let age = self.passage.age;
                let message = format!(
                    "the field `{path}` is {} here, but {} in the {age} mapping: documents may be rejected",
                    kind.described(),
                    there.described()
                );
                let fix = format!("cast it to the {age} type, or change the mapping");
                let place = self.place(path, field);
                self.findings.warning(code::TYPE_DIFFERS, &place, message, fix);
            }
            // No mapping has one of several things.
            (Shape::Value(_), Shape::Value(_)) | (Shape::Anything, _) | (_, Shape::Either(_)) => {}
        }
    }

    fn differs(&mut self, path: &str, field: &Field, (here, there): (&str, &str)) {
        let message = format!(
            "the field `{path}` is {here} here, but {there} in the {} mapping: every document with it would be rejected",
            self.passage.age
        );
        let fix = "move or remove it, or change the mapping";
        let place = self.place(path, field);
        self.findings.error(code::TYPE_DIFFERS, &place, message, fix);
    }

    fn refused(&mut self, path: &str, field: &Field) {
        // An object that was put together by several operations is told by its parts.
        if let Shape::Object(fields) = &field.shape
            && fields.known.values().any(|inner| inner.writer != field.writer)
        {
            for (name, inner) in &fields.known {
                self.refused(&format!("{path}.{name}"), inner);
            }
            return;
        }
        match (&field.shape, field.writer) {
            (Shape::FieldAlias, _) => {}
            (Shape::Either(all), _) => all.iter().for_each(|one| self.refused(path, one)),
            (_, None) if self.homeless.iter().any(|known| known == path) => {}
            (_, None) => self.homeless.push(path.to_owned()),
            (_, Some(_)) => {
                let message = format!(
                    "the strict {} mapping has no field `{path}`: every document that gets it would be rejected",
                    self.passage.age
                );
                let fix = "correct the path, or add the field to the mapping";
                let place = self.place(path, field);
                self.findings.error(code::TARGET_REFUSES, &place, message, fix);
            }
        }
    }

    /// Where the field is written, or where the step speaks of the index.
    fn place(&self, path: &str, field: &Field) -> Place {
        let all = &self.passage.operations.all;
        let mut all = all.iter().flat_map(OperationWire::with_inner);
        let Some(wire) = field.writer.and_then(|writer| all.nth(writer)) else {
            return self.passage.place.clone();
        };
        let place = match &wire.operation {
            Operation::Rename(_) | Operation::Move(_) | Operation::Copy(_) => {
                wire.value_place("to")
            }
            Operation::Set(_)
            | Operation::Default(_)
            | Operation::Cast(_)
            | Operation::Map(_)
            | Operation::Date(_)
            | Operation::Decode(_)
            | Operation::Encode(_)
            | Operation::Flatten(_)
            | Operation::Jq(_) => wire.value_place("field"),
            Operation::Lower(respelling)
            | Operation::Upper(respelling)
            | Operation::Trim(respelling) => place_in(wire, ("fields", &respelling.fields), path),
            Operation::Nest(nesting) => {
                let index = nesting.moves().position(|one| one.to.as_str() == path);
                index
                    .and_then(|index| wire.value_places("fields").nth(index))
                    .unwrap_or_else(|| wire.value_place("into"))
            }
            Operation::Split(splitting) => place_in(wire, ("into", &splitting.into), path),
            Operation::Join(_) | Operation::Hash(_) => wire.value_place("into"),
            Operation::Remove(_)
            | Operation::Wrap(_)
            | Operation::Unwrap(_)
            | Operation::Drop(_)
            | Operation::Rekey(_)
            | Operation::Reroute(_)
            | Operation::Send(_)
            | Operation::When(_)
            | Operation::Painless(_) => &wire.place,
            Operation::Each(dividing) => match &dividing.into {
                Some(_) => wire.value_place("into"),
                None => wire.value_place("field"),
            },
        };
        place.clone()
    }
}

/// Where a path stands in a list of fields.
fn place_in<'a>(
    wire: &'a OperationWire,
    (name, fields): (&str, &[FieldPath]),
    path: &str,
) -> &'a Place {
    let index = fields.iter().position(|field| field.as_str() == path);
    index.and_then(|index| wire.value_places(name).nth(index)).unwrap_or(&wire.place)
}

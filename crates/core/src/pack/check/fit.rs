//! Whether the documents that leave the operations fit the new mapping.

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        draft::Draft,
        nearest::listed,
        place::Place,
        wire::{Fate, Operations},
    },
    transform::operation::Operation,
};

use super::{
    flow,
    lineage::{Flow, Hop, hops},
    schema::{Field, Fields, Others, Shape},
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for flow in hop.flows() {
            if let Some(Fate::Migrate { from: _, operations }) = &flow.entry.fate {
                check_migration(hop, &flow, operations, findings);
            }
        }
    }
}

fn check_migration(
    hop: Hop<'_>,
    flow: &Flow<'_>,
    operations: &Operations,
    findings: &mut Findings,
) {
    if !operations.is_complete {
        // The operation that could not be read may be the one that makes it fit.
        return;
    }
    let Some(source) = hop.before.mappings.get(flow.source_key) else { return };
    let source = Fields::of_mapping(source);
    let is_strict = source.others == Others::Rejected;
    let fields = flow::through(source, &operations.all, findings);
    let Some(target) = hop.release.mappings.get(flow.key) else { return };
    let entry = &flow.entry.place;
    let mut misfits = Misfits { operations, entry, homeless: Vec::new(), findings };
    misfits.check_fields("", &fields, &Fields::of_mapping(target));
    let Misfits { operations: _, entry: _, homeless, findings } = misfits;
    note_homeless(hop, flow, (&homeless, is_strict), findings);
}

fn note_homeless(
    hop: Hop<'_>,
    flow: &Flow<'_>,
    (homeless, is_strict): (&[String], bool),
    findings: &mut Findings,
) {
    let fields = listed(homeless.iter().map(String::as_str));
    let (place, version) = (&flow.entry.place, &hop.release.version);
    let (subject, verb) = match homeless {
        [] => return,
        [_] => (format!("the field {fields}"), "has"),
        _ => (format!("the fields {fields}"), "have"),
    };
    let message = format!(
        "{subject} of `{}` {verb} no place in the strict mapping of `{}` in {version}: documents with it would be rejected",
        flow.source_key, flow.key
    );
    let fix = format!(
        "add `remove: {{fields: [{}]}}` or move it in the step, or add it to the mapping",
        homeless.join(", ")
    );
    if is_strict {
        findings.error(code::FIELD_HOMELESS, place, message, fix);
    } else {
        findings.warning(code::FIELD_HOMELESS, place, message, fix);
    }
}

struct Misfits<'a> {
    operations: &'a Operations,
    /// Where the step speaks of the index.
    entry: &'a Place,
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
            (Shape::Object(fields), Shape::Object(there)) => self.check_fields(path, fields, there),
            (Shape::Object(_), Shape::Value(_)) => {
                self.differs(path, field, ("an object", "a single value"));
            }
            (Shape::Value(_), Shape::Object(_)) => {
                self.differs(path, field, ("a single value", "an object"));
            }
            (Shape::Value(kind), Shape::Value(there)) if !kind.fits(*there) => {
                let message = format!(
                    "the field `{path}` is {} here, but {} in the new mapping: documents may be rejected",
                    kind.described(),
                    there.described()
                );
                let fix = "cast it to the new type, or change the mapping";
                let place = self.place(path, field);
                self.findings.warning(code::TYPE_DIFFERS, &place, message, fix);
            }
            (Shape::Value(_), Shape::Value(_)) | (Shape::Anything, _) => {}
        }
    }

    fn differs(&mut self, path: &str, field: &Field, (here, there): (&str, &str)) {
        let message = format!(
            "the field `{path}` is {here} here, but {there} in the new mapping: every document with it would be rejected"
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
            (_, None) => self.homeless.push(path.to_owned()),
            (_, Some(_)) => {
                let message = format!(
                    "the strict new mapping has no field `{path}`: every document that gets it would be rejected"
                );
                let fix = "correct the path, or add the field to the mapping";
                let place = self.place(path, field);
                self.findings.error(code::TARGET_REFUSES, &place, message, fix);
            }
        }
    }

    /// Where the field is written, or where the step speaks of the index.
    fn place(&self, path: &str, field: &Field) -> Place {
        let Some(wire) = field.writer.and_then(|writer| self.operations.all.get(writer)) else {
            return self.entry.clone();
        };
        let place = match &wire.operation {
            Operation::Rename(_) | Operation::Move(_) | Operation::Copy(_) => {
                wire.value_place("to")
            }
            Operation::Set(_) | Operation::Default(_) | Operation::Cast(_) => {
                wire.value_place("field")
            }
            Operation::Split(splitting) => {
                let part = splitting.into.iter().position(|part| part.as_str() == path);
                part.and_then(|part| wire.value_places("into").nth(part)).unwrap_or(&wire.place)
            }
            Operation::Join(_) => wire.value_place("into"),
            Operation::Remove(_) => &wire.place,
        };
        place.clone()
    }
}

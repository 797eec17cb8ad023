//! Takes the fields that documents may have through operations, to the fields that they may have afterwards.

use std::collections::BTreeMap;

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        wire::{BranchesWire, OperationWire},
    },
    transform::operation::{
        CastType, Casting, Coding, Condition, DateForm, Dating, Decoding, Dividing, Elementless,
        Encoding, Existing, FieldPath, Flattening, Hashing, Joining, JqStep, Nesting, Operation,
        Otherwise, Respelling, Translation,
    },
};

use super::schema::{Field, Fields, Found, Kind, Others, Shape};

/// Fields after all operations. Notes operations on fields that documents can't have.
pub(super) fn through(
    mut fields: Fields,
    operations: &[OperationWire],
    findings: &mut Findings,
) -> Fields {
    run(&mut fields, operations, (0, findings));
    fields
}

/// Writers are counted from a number on, those within a `when` behind it.
fn run(fields: &mut Fields, wires: &[OperationWire], (first, findings): (usize, &mut Findings)) {
    let mut writer = first;
    for wire in wires {
        Step { fields, wire, writer, findings }.apply();
        writer += wire.with_inner().len();
    }
}

struct Step<'a> {
    fields: &'a mut Fields,
    wire: &'a OperationWire,
    writer: usize,
    findings: &'a mut Findings,
}

impl Step<'_> {
    fn apply(&mut self) {
        match &self.wire.operation {
            Operation::Rename(relocation) | Operation::Move(relocation) => {
                self.note_nested(&relocation.from, ("to", &relocation.to));
                let moved = self.source(&relocation.from, ("from", 0));
                self.fields.remove(&segments(&relocation.from));
                self.put((&relocation.to, relocation.existing), moved);
            }
            Operation::Copy(relocation) => {
                self.note_nested(&relocation.from, ("to", &relocation.to));
                let copied = self.source(&relocation.from, ("from", 0));
                self.put((&relocation.to, relocation.existing), copied);
            }
            Operation::Remove(removal) => {
                for (index, field) in removal.fields.iter().enumerate() {
                    self.note_absent(field, ("fields", index));
                    self.fields.remove(&segments(field));
                }
            }
            Operation::Set(assignment) => {
                let shape = Shape::of_value(&assignment.value, self.writer);
                self.write(&assignment.field, shape);
            }
            Operation::Default(assignment) => {
                let path = segments(&assignment.field);
                if !matches!(self.fields.find(&path), Found::Field(_)) {
                    let shape = Shape::of_value(&assignment.value, self.writer);
                    self.write(&assignment.field, shape);
                }
            }
            Operation::Cast(casting) => self.cast(casting),
            Operation::Lower(respelling)
            | Operation::Upper(respelling)
            | Operation::Trim(respelling) => self.respell(respelling),
            Operation::Map(translation) => self.map(translation),
            Operation::Date(dating) => self.date(dating),
            Operation::Decode(decoding) => self.decode(decoding),
            Operation::Encode(encoding) => self.encode(encoding),
            // A list is as good as a single value for a mapping.
            Operation::Wrap(wrapping) => self.note_all_absent(&wrapping.fields),
            Operation::Unwrap(unwrapping) => self.note_all_absent(&unwrapping.fields),
            Operation::Nest(nesting) => self.nest(nesting),
            Operation::Flatten(flattening) => self.flatten(flattening),
            Operation::Split(splitting) => {
                self.note_absent(&splitting.field, ("field", 0));
                self.fields.remove(&segments(&splitting.field));
                for part in &splitting.into {
                    self.write(part, Shape::Value(Kind::Text));
                }
            }
            Operation::Join(joining) => self.join(joining),
            Operation::Hash(hashing) => self.hash(hashing),
            // Nothing changes in documents that stay, and those that don't are no business of this mapping.
            Operation::Drop(_)
            | Operation::Send(_)
            | Operation::Rekey(_)
            | Operation::Reroute(_) => {
                self.note_template();
            }
            Operation::Each(dividing) => self.divide(dividing),
            Operation::When(branching) => self.branch(&branching.condition),
            Operation::Jq(JqStep { field: Some(field), .. }) => {
                self.note_absent(field, ("field", 0));
                if matches!(self.fields.find(&segments(field)), Found::Field(_)) {
                    self.write(field, Shape::Anything);
                }
            }
            Operation::Jq(JqStep { field: None, .. }) | Operation::Painless(_) => {
                *self.fields = Fields::unknown();
            }
        }
    }

    fn nest(&mut self, nesting: &Nesting) {
        for (index, one) in nesting.moves().enumerate() {
            self.note_nested(&one.from, ("into", &one.to));
            let moved = self.source(&one.from, ("fields", index));
            self.fields.remove(&segments(&one.from));
            self.put((&one.to, one.existing), moved);
        }
    }

    fn hash(&mut self, hashing: &Hashing) {
        for (index, field) in hashing.fields.iter().enumerate() {
            self.note_nested(field, ("into", &hashing.into));
            self.note_absent(field, ("fields", index));
        }
        self.put((&hashing.into, hashing.existing), Shape::Value(Kind::Text));
    }

    fn branch(&mut self, condition: &Condition) {
        for (index, field) in condition.fields().into_iter().enumerate() {
            self.note_absent(field, ("field", index));
        }
        let BranchesWire { then, otherwise } = &self.wire.branches;
        let first = self.writer + 1;
        let behind: usize = then.iter().map(|wire| wire.with_inner().len()).sum();
        let mut holds = self.fields.clone();
        holds.narrow(condition, true);
        run(&mut holds, then, (first, self.findings));
        let mut fails = std::mem::replace(self.fields, Fields::closed());
        fails.narrow(condition, false);
        run(&mut fails, otherwise, (first + behind, self.findings));
        // Of a branch that no document stays in, nothing comes.
        *self.fields = match (leaves(then), leaves(otherwise)) {
            (true, false) => fails,
            (false, true) => holds,
            (true, true) | (false, false) => fails.or(holds),
        };
    }

    /// The element takes the place of the list; where documents may be kept without elements, that stays as well.
    fn divide(&mut self, dividing: &Dividing) {
        let Dividing { field, into, id: _, empty } = dividing;
        let mut element = self.source(field, ("field", 0));
        if let Shape::Object(fields) = &mut element {
            fields.is_nested = false;
        }
        match into.as_ref().filter(|into| *into != field) {
            None => self.become_shape(field, element),
            Some(into) => {
                if *empty != Elementless::Keep {
                    self.fields.remove(&segments(field));
                }
                self.write(into, element);
            }
        }
        self.note_template();
    }

    fn note_template(&mut self) {
        let Some(template) = self.wire.operation.template() else { return };
        for (index, field) in template.fields().enumerate() {
            self.note_absent(field, ("template", index));
        }
    }

    fn cast(&mut self, casting: &Casting) {
        self.note_absent(&casting.field, ("field", 0));
        let kind = match casting.to {
            CastType::String => Kind::Text,
            CastType::Long => Kind::Whole,
            CastType::Double => Kind::Fractional,
            CastType::Boolean => Kind::Boolean,
        };
        self.become_kind(&casting.field, kind);
    }

    fn date(&mut self, dating: &Dating) {
        self.note_absent(&dating.field, ("field", 0));
        let kind = match dating.to {
            DateForm::EpochMillis | DateForm::EpochSecond => Kind::Whole,
            DateForm::Iso | DateForm::Pattern(_) => Kind::Text,
        };
        if dating.otherwise != Otherwise::Keep {
            self.become_kind(&dating.field, kind);
        }
    }

    /// A text stays one; of any other value nothing is known.
    fn decode(&mut self, decoding: &Decoding) {
        self.note_absent(&decoding.field, ("field", 0));
        match decoding.from {
            Coding::Base64 if decoding.otherwise == Otherwise::Keep => {}
            Coding::Base64 => self.become_kind(&decoding.field, Kind::Text),
            Coding::Base64Json | Coding::Base64GzipJson => {
                self.become_shape(&decoding.field, Shape::Anything);
            }
        }
    }

    fn encode(&mut self, encoding: &Encoding) {
        self.note_absent(&encoding.field, ("field", 0));
        match encoding.to {
            Coding::Base64 if encoding.otherwise == Otherwise::Keep => {}
            Coding::Base64 | Coding::Base64Json | Coding::Base64GzipJson => {
                self.become_kind(&encoding.field, Kind::Text);
            }
        }
    }

    fn respell(&mut self, respelling: &Respelling) {
        for (index, field) in respelling.fields.iter().enumerate() {
            self.note_absent(field, ("fields", index));
            // Where others are kept, what they are is as open as before.
            if respelling.otherwise != Otherwise::Keep {
                self.become_kind(field, Kind::Text);
            }
        }
    }

    fn flatten(&mut self, flattening: &Flattening) {
        let source = self.source(&flattening.field, ("field", 0));
        self.fields.remove(&segments(&flattening.field));
        let (known, others) = match source {
            Shape::Object(Fields { known, others, is_nested }) => {
                if is_nested {
                    self.note_list(&flattening.field);
                }
                (known, others)
            }
            // Whatever is in it.
            Shape::Anything | Shape::Either(_) => (BTreeMap::new(), Others::Taken),
            Shape::Value(_) | Shape::FieldAlias => return,
        };
        let front = flattening.front();
        if others == Others::Taken {
            let parent = flattening.field.parent().unwrap_or_default();
            self.fields
                .open(&parent.split('.').filter(|name| !name.is_empty()).collect::<Vec<_>>());
        }
        for (name, field) in known {
            if let Ok(to) = FieldPath::try_from(format!("{front}{name}")) {
                self.put((&to, flattening.existing), field.shape);
            }
        }
    }

    fn join(&mut self, joining: &Joining) {
        for (index, part) in joining.fields.iter().enumerate() {
            self.note_nested(part, ("into", &joining.into));
            self.note_absent(part, ("fields", index));
        }
        for part in &joining.fields {
            self.fields.remove(&segments(part));
        }
        self.write(&joining.into, Shape::Value(Kind::Text));
    }

    /// The new values are of one kind, or it is not said which.
    fn map(&mut self, translation: &Translation) {
        self.note_absent(&translation.field, ("field", 0));
        let path = segments(&translation.field);
        let Found::Field(field) = self.fields.find(&path) else { return };
        let there = (translation.otherwise == Otherwise::Keep).then(|| field.shape.clone());
        let others = translation.values.iter().filter(|pair| !pair.to.is_null());
        let mut shapes =
            others.map(|pair| Shape::of_value(pair.to.value(), self.writer)).chain(there);
        let first = shapes.next().unwrap_or(Shape::Anything);
        let shape = if shapes.all(|shape| shape == first) { first } else { Shape::Anything };
        self.write(&translation.field, shape);
    }

    /// A field that the mapping knows is of another kind from here on.
    fn become_kind(&mut self, path: &FieldPath, kind: Kind) {
        self.become_shape(path, Shape::Value(kind));
    }

    fn become_shape(&mut self, path: &FieldPath, shape: Shape) {
        if matches!(self.fields.find(&segments(path)), Found::Field(_)) {
            self.write(path, shape);
        }
    }

    /// What the operation takes; anything where the mapping does not say.
    fn source(&mut self, path: &FieldPath, place: (&str, usize)) -> Shape {
        self.note_absent(path, place);
        match self.fields.find(&segments(path)) {
            Found::Field(field) => field.shape.clone(),
            Found::Absent | Found::Unknown => Shape::Anything,
        }
    }

    fn put(&mut self, (to, existing): (&FieldPath, Existing), shape: Shape) {
        let path = segments(to);
        let shape = match (self.fields.find(&path), existing) {
            // Either value may end up there.
            (Found::Field(there), Existing::Keep) if there.shape != shape => Shape::Anything,
            _ => shape,
        };
        self.write(to, shape);
    }

    fn write(&mut self, path: &FieldPath, shape: Shape) {
        let field = Field { shape, writer: None }.written_by(self.writer);
        self.fields.insert(&segments(path), field);
    }

    /// The elements of a list are taken one by one, so a value can't leave its element.
    fn note_nested(&mut self, from: &FieldPath, (value, to): (&str, &FieldPath)) {
        let (from_names, to_names) = (segments(from), segments(to));
        let (from_depth, to_depth) =
            (self.fields.nested_depth(&from_names), self.fields.nested_depth(&to_names));
        if from_names.get(..from_depth) == to_names.get(..to_depth) {
            return;
        }
        let message = format!(
            "`{from}` and `{to}` are not in the same `nested` object: documents with a list there would be rejected"
        );
        let fix = "stay below the same `nested` field";
        self.findings.warning(code::NESTED_LEFT, self.wire.value_place(value), message, fix);
    }

    fn note_list(&mut self, field: &FieldPath) {
        let message = format!(
            "`{field}` is a `nested` object: documents with a list there would be rejected"
        );
        let fix = "unwrap it first, or keep it";
        self.findings.warning(code::NESTED_LEFT, self.wire.value_place("field"), message, fix);
    }

    fn note_all_absent(&mut self, fields: &[FieldPath]) {
        for (index, field) in fields.iter().enumerate() {
            self.note_absent(field, ("fields", index));
        }
    }

    fn note_absent(&mut self, path: &FieldPath, (value, index): (&str, usize)) {
        if !matches!(self.fields.find(&segments(path)), Found::Absent) {
            return;
        }
        let place = self.wire.value_places(value).nth(index).unwrap_or(&self.wire.place);
        let message = format!(
            "no document has the field `{path}` here: the mapping before is strict and lacks it"
        );
        let fix = "correct the path, or the order of the operations";
        self.findings.warning(code::FIELD_ABSENT, place, message, fix);
    }
}

/// Whether no document that goes through these stays in the index: each ends, or is sent elsewhere.
fn leaves(wires: &[OperationWire]) -> bool {
    wires.iter().any(|wire| match &wire.operation {
        Operation::Drop(_) | Operation::Send(_) => true,
        operation => {
            matches!(operation, Operation::When(_))
                && leaves(&wire.branches.then)
                && leaves(&wire.branches.otherwise)
        }
    })
}

fn segments(path: &FieldPath) -> Vec<&str> {
    path.segments().collect()
}

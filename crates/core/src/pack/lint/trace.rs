//! Where the values of fields are while operations go by: those of the old mapping, and those that operations write.
//!
//! Only fields that the old mapping knows are followed. What else a loose mapping lets documents have is not known here,
//! so nothing is told of it.

use std::collections::{BTreeMap, BTreeSet};

use super::effect::{Effect, Way};
use crate::transform::operation::{Existing, FieldPath};

/// Fields and where their values are.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    /// Places by the path that the field had before; none when its value is gone.
    origins: BTreeMap<String, BTreeSet<String>>,
    /// What operations wrote and is still there.
    written: BTreeMap<String, Writing>,
    operation_count: usize,
    is_lost: bool,
}

/// What an operation wrote.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    /// The operation, by position.
    pub(super) operation: usize,
    /// Whether it is refused where the field is there already.
    pub(super) needs_room: bool,
    is_read: bool,
}

/// What is worth a look.
#[derive(Debug)]
pub(super) enum Event {
    /// The value of an old field is nowhere any more: what stood at a path was taken away.
    Lost { origin: String, path: String, by: Loss },
    /// What an operation wrote is taken away before anything reads it.
    InVain { path: String, writer: usize },
    /// One of two values is given up where both are there.
    Kept { from: FieldPath, to: FieldPath },
    /// Documents may have the field already that must not be there.
    Taken { path: FieldPath },
}

/// How a value was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Removed,
    Set,
    Overwritten,
}

impl Trace {
    /// Every field in its own place.
    pub(super) fn new<'a>(fields: impl Iterator<Item = &'a str>) -> Self {
        let own = |path: &str| (path.to_owned(), BTreeSet::from([path.to_owned()]));
        Self {
            origins: fields.map(own).collect(),
            written: BTreeMap::new(),
            operation_count: 0,
            is_lost: false,
        }
    }

    /// The old fields, each with the places where its value is.
    pub(super) fn origins(&self) -> impl Iterator<Item = (&str, &BTreeSet<String>)> {
        self.origins.iter().map(|(path, places)| (path.as_str(), places))
    }

    /// What operations wrote and is still there.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, Writing)> {
        self.written.iter().map(|(path, writing)| (path.as_str(), *writing))
    }

    /// Whether a script was met: what it does to fields is not known, so nothing is followed any further.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    fn lose_sight(&mut self) {
        self.is_lost = true;
        self.origins.clear();
        self.written.clear();
    }

    /// Whether something stands at a path or below it: the value of an old field, or what an operation wrote.
    fn holds(&self, path: &FieldPath) -> bool {
        let places = self.origins.values().flatten().chain(self.written.keys());
        places.into_iter().any(|place| is_at(place, path.as_str()))
    }

    /// Takes the fields through one more operation.
    pub(super) fn apply(&mut self, effect: &Effect<'_>) -> Vec<Event> {
        let operation = self.operation_count;
        self.operation_count += 1;
        let mut events = Vec::new();
        match effect {
            Effect::Carried { ways, existing, stay } => {
                for way in ways {
                    self.carry(way, (*existing, *stay), &mut events);
                }
            }
            Effect::Removed(fields) => {
                for field in *fields {
                    self.take(field.as_str(), Loss::Removed, &mut events);
                }
            }
            Effect::Written { field, value: _ } => {
                self.take(field.as_str(), Loss::Set, &mut events);
                self.write(field, (operation, false));
            }
            Effect::Filled { field, value: _ } => {
                if !self.holds(field) {
                    self.write(field, (operation, false));
                }
            }
            Effect::Changed(fields) => {
                for field in *fields {
                    self.read(field.as_str());
                }
            }
            Effect::Spread { from, into } => self.spread(from, into, &mut events),
            Effect::Opened { field, front, existing } => {
                self.open((field, front), *existing, &mut events);
            }
            Effect::Either { then, otherwise } => self.part(then, otherwise),
            Effect::Anything => self.lose_sight(),
        }
        events
    }

    fn open(
        &mut self,
        (field, front): (&FieldPath, &str),
        existing: Existing,
        events: &mut Vec<Event>,
    ) {
        let places = self.origins.values().flatten().chain(self.written.keys());
        let places: BTreeSet<&String> =
            places.filter(|place| is_at(place, field.as_str())).collect();
        let way = |place: &&String| {
            let name = place.strip_prefix(field.as_str())?.strip_prefix('.')?;
            let to = FieldPath::try_from(format!("{front}{name}")).ok()?;
            Some(Way { from: FieldPath::try_from((*place).clone()).ok()?, to })
        };
        let ways: Option<Vec<Way>> = places.iter().map(way).collect();
        // The members of an object that nothing is known of go to places that nothing is known of.
        let Some(ways) = ways else { return self.lose_sight() };
        for way in &ways {
            self.carry(way, (existing, false), events);
        }
    }

    /// Either may have happened. What a condition lets happen is meant, so none of it is told.
    fn part(&mut self, then: &[Effect<'_>], otherwise: &[Effect<'_>]) {
        let operation = self.operation_count - 1;
        let mut other = self.clone();
        for (trace, effects) in [(&mut *self, then), (&mut other, otherwise)] {
            for effect in effects {
                trace.operation_count = operation;
                trace.apply(effect);
            }
            trace.operation_count = operation + 1;
        }
        for (origin, places) in &mut self.origins {
            places.extend(other.origins.remove(origin).unwrap_or_default());
        }
        self.written.extend(other.written);
        if other.is_lost {
            self.lose_sight();
        }
    }

    fn spread(&mut self, from: &[FieldPath], into: &[FieldPath], events: &mut Vec<Event>) {
        let operation = self.operation_count - 1;
        let room = into.iter().filter(|path| !from.contains(path));
        let taken: Vec<_> = room.filter(|path| self.holds(path)).cloned().collect();
        events.extend(taken.into_iter().map(|path| Event::Taken { path }));
        for places in self.origins.values_mut() {
            let before = places.len();
            places.retain(|place| !from.iter().any(|field| is_at(place, field.as_str())));
            if places.len() < before {
                places.extend(into.iter().map(|path| path.as_str().to_owned()));
            }
        }
        for field in from {
            self.written.retain(|path, _| !is_at(path, field.as_str()));
        }
        for path in into {
            self.write(path, (operation, true));
        }
    }

    fn write(&mut self, field: &FieldPath, (operation, needs_room): (usize, bool)) {
        let writing = Writing { operation, needs_room, is_read: false };
        self.written.insert(field.as_str().to_owned(), writing);
    }

    /// Takes away all that stands at a path.
    fn take(&mut self, path: &str, by: Loss, events: &mut Vec<Event>) {
        for (origin, places) in &mut self.origins {
            let before = places.len();
            places.retain(|place| !is_at(place, path));
            // What was carried before it went is told of the operation that carried it.
            if before > 0 && places.is_empty() && is_at(origin, path) {
                events.push(Event::Lost { origin: origin.clone(), path: path.to_owned(), by });
            }
        }
        self.written.retain(|written, writing| {
            let goes = is_at(written, path);
            if goes && !writing.is_read {
                events.push(Event::InVain { path: written.clone(), writer: writing.operation });
            }
            !goes
        });
    }

    fn read(&mut self, path: &str) {
        for (written, writing) in &mut self.written {
            writing.is_read |= is_at(written, path) || is_at(path, written);
        }
    }

    fn carry(
        &mut self,
        Way { from, to }: &Way,
        (existing, stay): (Existing, bool),
        events: &mut Vec<Event>,
    ) {
        let is_taken = self.holds(from) && self.holds(to);
        match existing {
            Existing::Reject if is_taken => events.push(Event::Taken { path: to.clone() }),
            Existing::Keep if is_taken => {
                events.push(Event::Kept { from: from.clone(), to: to.clone() });
            }
            Existing::Overwrite if is_taken => self.take(to.as_str(), Loss::Overwritten, events),
            Existing::Reject | Existing::Keep | Existing::Overwrite => {}
        }
        self.relocate((from.as_str(), to.as_str()), stay);
        self.write(to, (self.operation_count - 1, existing == Existing::Reject));
    }

    fn relocate(&mut self, (from, to): (&str, &str), stay: bool) {
        let moved = |place: &str| {
            is_at(place, from).then(|| format!("{to}{}", place.get(from.len()..).unwrap_or("")))
        };
        for places in self.origins.values_mut() {
            let there: Vec<String> = places.iter().filter_map(|place| moved(place)).collect();
            if !stay {
                places.retain(|place| !is_at(place, from));
            }
            places.extend(there);
        }
        self.read(from);
        if !stay {
            self.written.retain(|path, _| !is_at(path, from));
        }
    }
}

/// Whether a path is another one or lies below it.
pub(super) fn is_at(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;
    use crate::transform::{
        Document, Program, RejectionCode, Workspace,
        operation::{
            Assignment, Flattening, Joining, Lists, Nesting, Operation, Relocation, Removal,
            Splitting,
        },
    };

    /// Every field that the trace follows, each with a value of its own.
    const DOCUMENT: &str = r#"{"a":"<a>","b":"<b>","c":{"d":"<c.d>","e":"<c.e>"},"f":"<f>"}"#;

    const FIELDS: [&str; 5] = ["a", "b", "c.d", "c.e", "f"];

    const PATHS: [&str; 9] = ["a", "b", "c", "c.d", "c.e", "f", "g", "c.g", "h.i"];

    fn path() -> impl Strategy<Value = FieldPath> + Clone {
        select(&PATHS[..]).prop_map(|path| FieldPath::try_from(path.to_owned()).unwrap())
    }

    /// Fields of which none is in another one, as `check` wants them.
    fn apart(count: usize) -> impl Strategy<Value = Vec<FieldPath>> + Clone {
        vec(path(), count).prop_filter("apart", |paths| {
            paths.iter().enumerate().all(|(position, path)| {
                let others = paths.iter().take(position);
                others
                    .into_iter()
                    .all(|other| path != other && !path.is_within(other) && !other.is_within(path))
            })
        })
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let existing = select(&[Existing::Reject, Existing::Overwrite, Existing::Keep][..]);
        let relocation = (apart(2), existing).prop_map(|(mut paths, existing)| Relocation {
            to: paths.remove(1),
            from: paths.remove(0),
            existing,
        });
        let assignment = path()
            .prop_map(|field| Assignment { field, value: serde_json::Value::from("written") });
        let separator = || "+".to_owned();
        let nesting = apart(3).prop_map(|mut fields| {
            Operation::Nest(Nesting { into: fields.remove(0), fields, existing: Existing::Reject })
        });
        let flattening = select(&["", "b", "x_"][..]).prop_map(|prefix| {
            let field = FieldPath::try_from("c".to_owned()).unwrap();
            let prefix = prefix.to_owned();
            Operation::Flatten(Flattening { field, prefix, existing: Existing::Reject })
        });
        prop_oneof![
            1 => nesting,
            1 => flattening,
            3 => relocation.clone().prop_map(Operation::Move),
            2 => relocation.prop_map(Operation::Copy),
            1 => apart(2).prop_map(|fields| Operation::Remove(Removal { fields })),
            1 => assignment.clone().prop_map(Operation::Set),
            1 => assignment.prop_map(Operation::Default),
            1 => apart(3).prop_map(move |mut into| Operation::Split(Splitting {
                field: into.remove(0), separator: separator(), into,
            })),
            1 => apart(3).prop_map(move |mut fields| Operation::Join(Joining {
                into: fields.remove(0), separator: separator(), fields, lists: Lists::Reject,
            })),
        ]
    }

    /// Where a document has a text within a value.
    fn places(value: &serde_json::Value, path: &str, text: &str, found: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::String(own) if own.contains(text) => {
                found.insert(path.to_owned());
            }
            serde_json::Value::Object(members) => {
                for (name, member) in members {
                    let inner =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    places(member, &inner, text, found);
                }
            }
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn values_are_where_the_trace_says(operations in vec(operation(), 0..5)) {
            // In a loose mapping a field may be there that the trace does not know of; here none is.
            let mut known = Trace::new(FIELDS.into_iter());
            let operations: Vec<Operation> = operations
                .into_iter()
                .filter(|operation| {
                    let effect = Effect::of(operation);
                    let has_source = match &effect {
                        Effect::Carried { ways, existing: _, stay: _ } => ways.iter().all(|way| known.holds(&way.from)),
                        Effect::Spread { from, into: _ } => from.iter().all(|path| known.holds(path)),
                        Effect::Opened { field, front: _, existing: _ } => known.holds(field),
                        _ => true,
                    };
                    if has_source {
                        known.apply(&effect);
                    }
                    has_source
                })
                .collect();
            let program = Program::new(operations.clone());
            let document = Document { index: None, id: "1", routing: None, source: DOCUMENT.as_bytes() };
            let mut output = Vec::new();
            let outcome = program.apply(&mut Workspace::new(), document, &mut |one| {
                output = one.source.to_vec();
            });
            let mut trace = Trace::new(FIELDS.into_iter());
            let events: Vec<Event> =
                operations.iter().flat_map(|one| trace.apply(&Effect::of(one))).collect();
            if let Err(rejection) = outcome {
                let is_foreseen = events.iter().any(|event| matches!(event, Event::Taken { .. }));
                // `remove` leaves an empty object, which holds no value to follow.
                let is_taken = rejection.code == RejectionCode::Exists
                    && !rejection.message.starts_with("`c` exists");
                prop_assert!(is_foreseen || !is_taken, "{:?}", rejection);
                return Ok(());
            }
            if trace.is_lost() {
                return Ok(());
            }
            let document: serde_json::Value = serde_json::from_slice(&output).unwrap();
            // Of two values `keep` gives one up, and of the parts of a text only some are there.
            let is_exact = operations.iter().all(|operation| match operation {
                Operation::Move(relocation) | Operation::Copy(relocation) => {
                    relocation.existing != Existing::Keep
                }
                Operation::Split(_) => false,
                _ => true,
            });
            let overwrites = operations.iter().any(|operation| matches!(
                operation,
                Operation::Move(Relocation { from: _, to: _, existing: Existing::Overwrite })
                    | Operation::Copy(Relocation { from: _, to: _, existing: Existing::Overwrite })
            ));
            if overwrites && !is_exact {
                // What is thought to be there and is not overwrites nothing.
                return Ok(());
            }
            for (origin, expected) in trace.origins() {
                let mut found = BTreeSet::new();
                places(&document, "", &format!("<{origin}>"), &mut found);
                prop_assert!(found.is_subset(expected), "{origin} {found:?} {expected:?} {document}");
                prop_assert!(!is_exact || &found == expected, "{origin} {found:?} {expected:?} {document}");
            }
        }
    }
}

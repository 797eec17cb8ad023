//! What lints look at for an index that gets documents: both mappings, the operations, the way back.

use serde_json::Value;

use super::{
    definitions::{Definition, Schema},
    effect::Effect,
    rule::Rule,
    trace::{Event, Trace},
};
use crate::{
    names::Slot,
    pack::{
        check::lineage::{Flow, Hop, hops},
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        load::PackFiles,
        place::Place,
        wire::{Fate, IndexStepWire, IndexWire, OperationWire, WayBackWire},
    },
};

/// The documents of an index on their way to the next release.
pub(super) struct Passage<'a> {
    pub(super) hop: Hop<'a>,
    pub(super) key: &'a str,
    pub(super) entry: &'a IndexStepWire,
    pub(super) old_index: &'a IndexWire,
    pub(super) new_index: &'a IndexWire,
    pub(super) old_mapping: &'a Value,
    pub(super) old: Schema<'a>,
    pub(super) new: Schema<'a>,
    pub(super) operations: &'a [OperationWire],
    /// `None` for an index that is `unchanged`.
    pub(super) way_back: Option<&'a WayBackWire>,
    /// Whether one alias leads to both, so that readers of the old index read the new one after the switch.
    pub(super) has_same_readers: bool,
    /// Where the values of the old fields are after all operations.
    pub(super) trace: Trace,
    /// What happened on the way, with the operation.
    pub(super) events: Vec<(usize, Event)>,
}

/// A field before and after: by name, or by where its values go.
pub(super) struct Pair<'p, 'a> {
    pub(super) passage: &'p Passage<'a>,
    pub(super) path: &'p str,
    pub(super) old: &'p Definition<'a>,
    pub(super) new: &'p Definition<'a>,
}

impl Pair<'_, '_> {
    /// Tells something of it, at a parameter of the new field if one is named.
    pub(super) fn tell(
        &self,
        (rule, parameter): (&'static Rule, Option<&str>),
        (message, fix): (String, &str),
        findings: &mut Findings,
    ) {
        let place = self.passage.new.place(self.new, parameter);
        self.passage.tell((rule, self.path), &place, (message, fix), findings);
    }
}

/// All of them.
pub(super) fn all<'a>(draft: &'a Draft, files: &'a PackFiles) -> impl Iterator<Item = Passage<'a>> {
    hops(draft).flat_map(move |hop| {
        hop.flows().filter_map(move |flow| Passage::new(draft, files, (hop, &flow)))
    })
}

impl<'a> Passage<'a> {
    fn new(
        draft: &'a Draft,
        files: &'a PackFiles,
        (hop, flow): (Hop<'a>, &Flow<'a>),
    ) -> Option<Self> {
        let Flow { key, source_key, entry } = *flow;
        let old_index = hop.before.index(source_key)?;
        let new_index = hop.release.index(key)?;
        let old_mapping = hop.before.mappings.get(source_key)?;
        let new_mapping = hop.release.mappings.get(key)?;
        let old = schema(files, (hop.before, old_index), old_mapping)?;
        let new = schema(files, (hop.release, new_index), new_mapping)?;
        let (operations, way_back) = match entry.fate.as_ref()? {
            Fate::Migrate { from: _, operations, way_back, partition: _ } => {
                (operations.all.as_slice(), Some(way_back))
            }
            Fate::Unchanged | Fate::New | Fate::NewLike { .. } | Fate::Dropped => {
                (Default::default(), None)
            }
        };
        let alias = alias(draft, (hop.before, source_key));
        let has_same_readers = alias.is_some() && alias == self::alias(draft, (hop.release, key));
        let mut trace = Trace::new(old.values().map(|(path, _)| path));
        let mut events = Vec::new();
        for (position, wire) in operations.iter().enumerate() {
            let happened = trace.apply(&Effect::of(&wire.operation));
            events.extend(happened.into_iter().map(|event| (position, event)));
        }
        Some(Self {
            hop,
            key,
            entry,
            old_index,
            new_index,
            old_mapping,
            old,
            new,
            operations,
            way_back,
            has_same_readers,
            trace,
            events,
        })
    }

    /// Tells something of the index, or of one of its fields.
    pub(super) fn tell(
        &self,
        (rule, field): (&'static Rule, &str),
        place: &Place,
        (message, fix): (String, impl Into<String>),
        findings: &mut Findings,
    ) {
        let at =
            if field.is_empty() { self.key.to_owned() } else { format!("{}.{field}", self.key) };
        findings.lint((rule, at), place, message, fix.into());
    }

    /// The fields whose values fields of the new mapping get, as they were and as they become.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Definition<'a>, (&str, &Definition<'a>))> {
        self.trace.origins().flat_map(move |(origin, places)| {
            places.iter().filter_map(move |place| {
                let (path, new) = self.new.fields.get_key_value(place)?;
                Some((self.old.fields.get(origin)?, (path.as_str(), new)))
            })
        })
    }

    /// An operation by position.
    pub(super) fn operation(&self, position: usize) -> Option<&'a OperationWire> {
        self.operations.get(position)
    }

    /// A setting of both releases.
    pub(super) fn setting(&self, name: &str) -> (Option<&'a Value>, Option<&'a Value>) {
        let of = |index: &'a IndexWire| index.settings.get(name).map(|setting| &setting.value);
        (of(self.old_index), of(self.new_index))
    }

    /// Where a setting of the new release is written; where the step speaks of the index if it is not.
    pub(super) fn setting_place(&self, name: &str) -> &'a Place {
        self.new_index.settings.get(name).map_or(&self.entry.place, |setting| &setting.place)
    }
}

/// The mapping of an index with its file.
pub(super) fn schema<'a>(
    files: &'a PackFiles,
    (release, index): (&'a DraftRelease, &'a IndexWire),
    mapping: &'a Value,
) -> Option<Schema<'a>> {
    let path = format!("{}mappings/{}", release.folder(), index.mapping.as_ref()?.value);
    Schema::new(mapping, Place::file(&path), files.text(&path)?)
}

/// The alias by which an index is read whatever the release; `None` when there is none.
fn alias(draft: &Draft, (release, key): (&DraftRelease, &str)) -> Option<String> {
    let index = release.index(key)?;
    let text = &draft.naming(release).get(index.naming())?.alias.as_ref()?.value;
    let is_lasting = !text.contains(Slot::Version.braced());
    is_lasting.then(|| text.replace(Slot::Name.braced(), index.name(key)))
}

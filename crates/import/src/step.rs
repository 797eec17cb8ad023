//! What becomes of every index from one release to the next: decided by the migration's entries where there are some, and
//! by the two index lists where there are none.

use std::collections::BTreeSet;

use lockstep_core::pack::model::{Partition, Partitions};

use crate::{
    Fields, fields,
    index_list::{Index, Partitioning},
    installation::INDEX_LIST,
    mend,
    migration::{Entry, Migration, Worker},
    mistake::{ENTRY_TWICE, INDEX, Mistake},
    release::{Contexts, Release},
};

/// A set of indices within a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Set {
    /// The only set of 0.7, the test context of 0.8.
    Test,
    /// Shared by test and production.
    Static,
    /// The production context.
    Production,
}

/// An index of a release in one of its sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) set: Set,
    pub(crate) index: &'a Index,
}

impl Slot<'_> {
    /// Its key in the pack.
    pub(crate) fn key(&self) -> String {
        match self.set {
            Set::Test | Set::Static => self.index.key.clone(),
            Set::Production => format!("production-{}", self.index.key),
        }
    }
}

impl Release {
    /// All indices in all sets: the test context first, production last.
    pub(crate) fn slots(&self) -> Vec<Slot<'_>> {
        let with = |set: Set| {
            let fits = move |index: &&Index| index.is_static == (set == Set::Static);
            self.indices.iter().filter(fits).map(move |index| Slot { set, index })
        };
        let production = match self.contexts {
            Contexts::One => None,
            Contexts::TestAndProduction => Some(with(Set::Production)),
        };
        with(Set::Test).chain(with(Set::Static)).chain(production.into_iter().flatten()).collect()
    }
}

/// A step between two releases.
#[derive(Debug, Clone)]
pub(crate) struct Step<'a> {
    pub(crate) before: &'a Release,
    pub(crate) release: &'a Release,
    pub(crate) migration: Migration,
    /// One for each index of the release, in the order of its slots.
    pub(crate) fates: Vec<(Slot<'a>, Fate<'a>)>,
    /// Indices of the release before that end here.
    pub(crate) dropped: Vec<(Slot<'a>, Ending)>,
    /// Entries that name an index that the release before hasn't got.
    pub(crate) idle: Vec<Entry>,
}

/// Where an index gets its documents.
#[derive(Debug, Clone)]
pub(crate) enum Fate<'a> {
    Carried(Carried<'a>),
    /// It starts empty.
    New,
    /// It starts empty, with the partitions of another index, by key.
    NewLike(String),
}

/// Documents that are carried over.
#[derive(Debug, Clone)]
pub(crate) struct Carried<'a> {
    pub(crate) source: Slot<'a>,
    /// The entry that says so; `None` where Tracardi's own migration forgets the index.
    pub(crate) entry: Option<Entry>,
    /// The partition that one piece becomes.
    pub(crate) partition: Option<&'static str>,
    /// Fields that the new mapping refuses.
    pub(crate) removed: Vec<String>,
    /// Fields that the script loses, kept across it: from where to where.
    pub(crate) kept: Vec<(&'static str, &'static str)>,
    /// Fields that have another name in the new mapping.
    pub(crate) renamed: Vec<(&'static str, &'static str)>,
}

/// Why an index ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The new release has no such index.
    Gone,
    /// An entry leads to an index that the new release hasn't got.
    Orphan {
        /// Its name.
        to: String,
    },
    /// The work was done by Python that a pack can't say.
    Python(Worker),
}

/// Decides about every index.
pub(crate) fn step<'a>(
    (before, release): (&'a Release, &'a Release),
    migration: Migration,
    fields: Fields,
) -> Result<Step<'a>, Vec<Mistake>> {
    let decider = Decider { before, release, migration: &migration, fields };
    let (mut fates, mut mistakes) = (Vec::new(), Vec::new());
    for slot in release.slots() {
        match decider.fate(slot) {
            Ok(fate) => fates.push((slot, fate)),
            // Both contexts may have the same one.
            Err(mistake) if mistakes.contains(&mistake) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    give_partitions(&mut fates);
    let dropped = decider.dropped(&fates);
    let idle = migration.entries.iter().filter(|entry| before.by_name(&entry.from).is_none());
    let idle = idle.cloned().collect();
    Ok(Step { before, release, migration, fates, dropped, idle })
}

struct Decider<'a, 'm> {
    before: &'a Release,
    release: &'a Release,
    migration: &'m Migration,
    fields: Fields,
}

impl<'a> Decider<'a, '_> {
    fn fate(&self, slot: Slot<'a>) -> Result<Fate<'a>, Mistake> {
        let entry = self.entry_for(slot)?;
        if entry.is_some_and(|entry| entry.worker == Worker::ValidationSchemaReindex) {
            return Ok(Fate::New);
        }
        let name = entry.map_or(&slot.index.name, |entry| &entry.from);
        let Some(source) = self.source(slot.set, name) else { return Ok(Fate::New) };
        let is_piece = |index: &Index| index.partitioning == Partitioning::No;
        let partition = match (is_piece(source.index), slot.index.partitioning) {
            (true, Partitioning::Fixed(kind) | Partitioning::Configured(kind)) => {
                Some(before_all(kind))
            }
            (true, Partitioning::No)
            | (false, Partitioning::Fixed(_) | Partitioning::Configured(_)) => None,
            (false, Partitioning::No) => {
                let message = format!(
                    "`{}` has partitions in {} and is one piece in {}, which Lockstep can't make of it",
                    slot.index.key, self.before.version, self.release.version
                );
                let fix = "leave this installation out; report it if it was published like this";
                let place = self.release.installation.place(INDEX_LIST);
                return Err(Mistake::new(INDEX, place, message, fix));
            }
        };
        let mut carried = Carried {
            source,
            entry: entry.cloned(),
            partition,
            removed: Vec::new(),
            kept: Vec::new(),
            renamed: Vec::new(),
        };
        if self.fields == Fields::Mended {
            self.mend(slot, &mut carried);
        }
        Ok(Fate::Carried(carried))
    }

    /// What is done with fields beside the script.
    fn mend(&self, slot: Slot<'_>, carried: &mut Carried<'_>) {
        let script = carried.entry.as_ref().and_then(|entry| entry.script.as_deref());
        let script = script.unwrap_or_default();
        let (of, new) = ((&*self.migration.file, &*slot.index.name), &slot.index.mapping);
        let mut homeless = fields::homeless(&carried.source.index.mapping, new);
        homeless.retain(|path| !takes_away(script, path));
        carried.kept = mend::kept(of, script, new);
        carried.renamed = mend::renamed(of, &homeless, new);
        homeless.retain(|path| !carried.renamed.iter().any(|(from, _)| from == path));
        carried.removed = homeless;
    }

    /// The entry that leads to an index.
    fn entry_for(&self, slot: Slot<'_>) -> Result<Option<&Entry>, Mistake> {
        let applies = |entry: &&Entry| {
            let is_for_set = match slot.set {
                Set::Test | Set::Static => !entry.is_production,
                Set::Production => !self.migration.names_production || entry.is_production,
            };
            is_for_set && entry.to == slot.index.name && self.before.by_name(&entry.from).is_some()
        };
        let entries: Vec<&Entry> = self.migration.entries.iter().filter(applies).collect();
        match entries.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only)),
            [first, second, ..] => {
                let message = format!(
                    "the entries {} and {} both lead to `{}`: documents of one would overwrite those of the other",
                    first.position, second.position, slot.index.name
                );
                let fix = "give an installation as it was published";
                Err(Mistake::new(ENTRY_TWICE, self.migration.place.clone(), message, fix))
            }
        }
    }

    /// The index of the release before with a name, for one of the new sets.
    fn source(&self, set: Set, name: &str) -> Option<Slot<'a>> {
        let index = self.before.by_name(name)?;
        let set = match (set, self.before.contexts) {
            // What both contexts shared goes to one place, and of one context there is no production.
            (Set::Production, Contexts::One) => return None,
            (Set::Production, Contexts::TestAndProduction) if index.is_static => return None,
            (Set::Production, Contexts::TestAndProduction) => Set::Production,
            (Set::Test | Set::Static, _) if index.is_static => Set::Static,
            (Set::Test | Set::Static, _) => Set::Test,
        };
        Some(Slot { set, index })
    }

    fn dropped(&self, fates: &[(Slot<'a>, Fate<'a>)]) -> Vec<(Slot<'a>, Ending)> {
        let carried: BTreeSet<String> = fates
            .iter()
            .filter_map(|(_, fate)| match fate {
                Fate::Carried(carried) => Some(carried.source.key()),
                Fate::New | Fate::NewLike(_) => None,
            })
            .collect();
        let ended = self.before.slots().into_iter().filter(|slot| !carried.contains(&slot.key()));
        ended.map(|slot| (slot, self.ending(slot))).collect()
    }

    fn ending(&self, slot: Slot<'_>) -> Ending {
        let entry = self.migration.entries.iter().find(|entry| entry.from == slot.index.name);
        match entry {
            Some(entry) if entry.worker == Worker::ValidationSchemaReindex => {
                Ending::Python(entry.worker)
            }
            Some(entry) => Ending::Orphan { to: entry.to.clone() },
            None => Ending::Gone,
        }
    }
}

/// Whether a script takes a field away itself. If it only looks so, a document with the field is rejected by the strict
/// mapping and set aside: nothing is lost in silence either way.
pub(crate) fn takes_away(script: &str, path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    script.contains(&format!("remove(\"{name}\")")) || script.contains(&format!("remove('{name}')"))
}

/// A partition before all that the application makes, so that it never writes to it.
fn before_all(kind: Partition) -> &'static str {
    match kind {
        Partition::Day => "2000-1-1",
        Partition::Week => "2000-w1",
        Partition::Month => "2000-1",
        Partition::Quarter => "2000-q1",
        Partition::Year => "2000-year",
    }
}

/// The kinds of partitions that an index may have: its own, and those that its application can be told to make.
pub(crate) fn partitions(index: &Index) -> Partitions {
    match index.partitioning {
        Partitioning::No => Partitions::NONE,
        Partitioning::Fixed(kind) => Partitions::of([kind]),
        Partitioning::Configured(kind) => {
            Partitions::of([kind, Partition::Month, Partition::Quarter, Partition::Year])
        }
    }
}

/// An alias exists only where an index has it, and Tracardi counts as installed only if every alias is there. So an
/// index with partitions that starts empty gets those of another one.
fn give_partitions(fates: &mut [(Slot<'_>, Fate<'_>)]) {
    let givers: Vec<(Set, String, Partitions)> = fates
        .iter()
        .filter(|(slot, fate)| {
            matches!(fate, Fate::Carried(_)) && slot.index.partitioning != Partitioning::No
        })
        .map(|(slot, _)| (slot.set, slot.key(), partitions(slot.index)))
        .collect();
    for (slot, fate) in fates {
        let is_empty = matches!(fate, Fate::New) && slot.index.partitioning != Partitioning::No;
        if !is_empty {
            continue;
        }
        let own = partitions(slot.index);
        let alike = || givers.iter().filter(|(_, _, partitions)| *partitions == own);
        // The same index of the test context, then one beside it, then any.
        let giver = alike()
            .find(|(_, key, _)| *key == slot.index.key)
            .or_else(|| alike().find(|(set, _, _)| *set == slot.set))
            .or_else(|| alike().next());
        if let Some((_, key, _)) = giver {
            *fate = Fate::NewLike(key.clone());
        }
    }
}

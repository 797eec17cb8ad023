//! What the import did, for people: the text that the command prints and that lies beside the pack.

use std::collections::BTreeMap;

use crate::{
    Fields, fields,
    index_list::{Origin, Partitioning},
    migration::{Entry, Worker},
    release::{Contexts, Release},
    step::{Carried, Ending, Fate, Set, Slot, Step},
    table_report,
};

/// The rules that hold for every step.
const RULES: &str = "\
## Rules

- **A partition keeps its own suffix.** `2023-10` stays `2023-10`, also where the new release makes quarters or years: its
  template and its alias take them. Nothing is merged, so no document overwrites another one.
- **Scripts are Tracardi's own, unchanged.** They run in the engine, one document after the other. What one of them rejects,
  or the new mapping refuses, is set aside with its reason, and nothing is switched while such a document is undecided
  (`lockstep quarantine`). Tracardi itself calls such a migration completed.
- **All tenants and both contexts** go in one run, the same steps for each.
- **Names.** A tenant without a name of its own is called by each release otherwise, and the pack follows. One with a name keeps
  it; before 0.9 the aliases of two releases are then the same, and the switch moves them. A name that begins with `prod-` or
  `static-` isn't recognised: its indices are left alone.
- **Users** are carried as they are. No installer runs, so no second administrator comes in; one that an earlier upgrade
  of Tracardi added beside the old one is carried too. `GET ALIAS/_search?size=0` on the alias of `tracardi-user`, with a
  `terms` aggregation over `email` and `min_doc_count` 2, lists them.
- **Shards and replicas** are those of the live index. A new index gets one shard; say `shards` in `release.yaml` for more.
- **Not in a pack:** what is in Redis, and plugins, which the new release's own page installs again over the carried ones.
";

const FIELDS_MENDED: &str = "\
- **Fields without a place.** Where the new mapping is strict and lacks a field that the old one declares, the step moves it to
  where the new one has it, or removes it; each is named below. Fields that the old mapping doesn't declare can't be known here:
  a document with one is set aside, and says which.
";

const FIELDS_AS_SHIPPED: &str = "\
- **Fields and mappings are as shipped** (`--as-shipped`). What a script loses is lost. A document with a field that a strict
  mapping lacks is set aside, which may be every document of an index.
";

/// The report.
pub(crate) fn report(releases: &[Release], steps: &[Step<'_>], fields: Fields) -> String {
    let versions: Vec<String> =
        releases.iter().map(|release| release.version.to_string()).collect();
    let mut lines = vec![
        format!("# Tracardi {}", versions.join(", ")),
        String::new(),
        "Written by `lockstep pack import tracardi`.".to_owned(),
        String::new(),
        "| release | label | default tenant | logical indices | with partitions | in all contexts |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(releases.iter().map(release_row));
    lines.push(String::new());
    lines.extend(releases.iter().flat_map(notes_of_release));
    let rule = match fields {
        Fields::Mended => FIELDS_MENDED,
        Fields::AsShipped => FIELDS_AS_SHIPPED,
    };
    lines.push(format!("{RULES}{}", rule.trim_end()));
    for step in steps {
        lines.push(String::new());
        step_section(step, &mut lines);
    }
    lines.push(String::new());
    lines.join("\n")
}

fn release_row(release: &Release) -> String {
    let Release { version, label, default_tenant, indices, .. } = release;
    let has_partitions = |partitioning| partitioning != Partitioning::No;
    let partitioned = indices.iter().filter(|index| has_partitions(index.partitioning)).count();
    let (logical, all) = (indices.len(), release.slots().len());
    format!("| {version} | `{label}` | `{default_tenant}` | {logical} | {partitioned} | {all} |")
}

fn notes_of_release(release: &Release) -> Vec<String> {
    let mut lines = Vec::new();
    for index in &release.left_alone {
        lines.push(format!(
            "- {}: `{}` (`{}`) belongs to no version or no tenant. The pack doesn't name it, and no upgrade touches it.",
            release.version, index.key, index.name
        ));
    }
    for index in release.indices.iter().filter(|index| !index.has_alias) {
        lines.push(format!(
            "- {}: its installer gives `{}` no alias; the pack gives it one like the others.",
            release.version, index.key
        ));
    }
    let configured: Vec<String> = release
        .indices
        .iter()
        .filter_map(|index| match index.partitioning {
            Partitioning::Configured(kind) => Some(format!("{} by {}", index.key, kind.word())),
            Partitioning::No | Partitioning::Fixed(_) => None,
        })
        .collect();
    if !configured.is_empty() {
        lines.push(format!(
            "- {}: how an index is partitioned can be set when Tracardi starts. Unless it is: {}. Partitions by month, quarter and year are all known to the pack.",
            release.version,
            configured.join(", ")
        ));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

fn step_section(step: &Step<'_>, lines: &mut Vec<String>) {
    let (before, release) = (step.before, step.release);
    lines.push(format!("## {} → {}", before.version, release.version));
    lines.push(String::new());
    lines.push(format!(
        "Entries are those of `{}`, numbered as they stand there.",
        step.migration.file
    ));
    lines.push(String::new());
    table(step, lines);
    let notes = notes(step);
    if !notes.is_empty() {
        lines.push(String::new());
        lines.extend(notes.into_iter().map(|note| format!("- {note}")));
    }
    table_report::section(step, lines);
}

/// A row for each index, a column for each context.
fn table(step: &Step<'_>, lines: &mut Vec<String>) {
    let mut cells: BTreeMap<&str, BTreeMap<Set, String>> = BTreeMap::new();
    for (slot, fate) in &step.fates {
        cells.entry(&slot.index.key).or_default().insert(slot.set, cell(*slot, fate));
    }
    let (heads, sets): (&[&str], &[Set]) = match step.release.contexts {
        Contexts::One => (&["index", "gets its documents"], &[Set::Test]),
        Contexts::TestAndProduction => (
            &["index", "test context", "production context", "shared by both"],
            &[Set::Test, Set::Production, Set::Static],
        ),
    };
    lines.push(format!("| {} |", heads.join(" | ")));
    lines.push(format!("| {} |", vec!["---"; heads.len()].join(" | ")));
    for (key, row) in cells {
        let cells: Vec<&str> =
            sets.iter().map(|set| row.get(set).map_or("", String::as_str)).collect();
        lines.push(format!("| {key} | {} |", cells.join(" | ")));
    }
}

fn cell(slot: Slot<'_>, fate: &Fate<'_>) -> String {
    let carried = match fate {
        Fate::New => return "empty".to_owned(),
        Fate::NewLike(like) => return format!("empty, with the partitions of {like}"),
        Fate::Carried(carried) => carried,
    };
    let mut words = Vec::new();
    if let Some(rows) = slot.index.rows(slot.set) {
        words.push(format!("rows of `{}`", rows.table.name));
    }
    match &carried.entry {
        _ if matches!(slot.index.origin, Origin::Kept) => words.push("kept as it is".to_owned()),
        Some(entry) => words.push(format!("entry {}", entry.position)),
        None => words.push("no entry, carried as it is".to_owned()),
    }
    if carried.source.index.key != slot.index.key {
        words.push(format!("from {}", carried.source.index.key));
    }
    if carried.entry.as_ref().is_some_and(|entry| entry.script.is_some()) {
        words.push("script".to_owned());
    }
    if let Some(partition) = carried.partition {
        words.push(format!("becomes {partition}"));
    }
    if !carried.kept.is_empty() || !carried.renamed.is_empty() {
        words.push("fields kept".to_owned());
    }
    if !carried.removed.is_empty() {
        words.push("fields removed".to_owned());
    }
    words.join(", ")
}

/// What an operator should know of a step.
fn notes(step: &Step<'_>) -> Vec<String> {
    let carried: Vec<(Slot<'_>, &Carried<'_>)> = step
        .fates
        .iter()
        .filter_map(|(slot, fate)| match fate {
            Fate::Carried(carried) => Some((*slot, carried)),
            Fate::New | Fate::NewLike(_) => None,
        })
        .collect();
    let mut notes = Vec::new();
    forgotten(&carried, &mut notes);
    astray(step, &carried, &mut notes);
    workers(step, &carried, &mut notes);
    kept_fields(&carried, &mut notes);
    other_scripts(&carried, &mut notes);
    removed_fields(&carried, &mut notes);
    endings(step, &mut notes);
    let idle: Vec<String> = step
        .idle
        .iter()
        .map(|entry| format!("entry {} (`{}`)", entry.position, entry.from))
        .collect();
    if !idle.is_empty() {
        notes.push(format!(
            "**Without effect**, since {} has no such index: {}.",
            step.before.version,
            idle.join(", ")
        ));
    }
    kept_loose(step, &mut notes);
    loose(step, &carried, &mut notes);
    let unalike = step.fates.iter().filter(|(slot, fate)| {
        matches!(fate, Fate::New) && slot.index.partitioning != Partitioning::No
    });
    let unalike = keys(unalike.map(|(slot, _)| slot.key()));
    if !unalike.is_empty() {
        notes.push(format!(
            "**Without a partition until the first write:** {unalike}. Until then Tracardi's start page takes the release as not installed."
        ));
    }
    notes
}

fn keys(keys: impl Iterator<Item = String>) -> String {
    keys.collect::<Vec<_>>().join(", ")
}

fn forgotten(carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    let forgotten = carried.iter().filter(|(slot, carried)| {
        carried.entry.is_none() && matches!(slot.index.origin, Origin::Listed)
    });
    let forgotten = keys(forgotten.map(|(slot, _)| slot.key()));
    if !forgotten.is_empty() {
        notes.push(format!("**Carried although no entry names them:** {forgotten}."));
    }
}

/// Entries whose documents Tracardi puts where nothing reads them, or doesn't find.
fn astray(step: &Step<'_>, carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    let from = |wanted: fn(Slot<'_>, &Carried<'_>, &Entry) -> bool| {
        keys(carried.iter().filter_map(|(slot, carried)| {
            let entry = carried.entry.as_ref()?;
            wanted(*slot, carried, entry).then(|| slot.key())
        }))
    };
    let shared =
        from(|slot, carried, _| slot.set == Set::Static && carried.source.set != Set::Static);
    if !shared.is_empty() {
        notes.push(format!(
            "**Entries that lead to an index that nothing reads:** {shared}. Tracardi {} shares it between both contexts; here it goes there.",
            step.release.version
        ));
    }
    let pieces = from(|_, carried, _| carried.partition.is_some());
    if !pieces.is_empty() {
        notes.push(format!(
            "**One piece that gets partitions:** {pieces}. Tracardi copies it to an index without a partition, which nothing reads. Here it becomes a partition from before all that {} makes itself.",
            step.release.version
        ));
    }
    let unlike = from(|_, carried, entry| {
        entry.is_multi != (carried.source.index.partitioning != Partitioning::No)
    });
    if !unlike.is_empty() {
        notes.push(format!(
            "**Entries that are wrong about partitions**, so that Tracardi doesn't find the index: {unlike}. Here it is carried as {} has it.",
            step.before.version
        ));
    }
    if step.release.label == "0820" {
        let lost = from(|_, _, entry| entry.is_multi);
        notes.push(format!(
            "**Partitioned indices that Tracardi {} finds none of**, because its search pattern fits no name: {lost}. Here all of them are carried.",
            step.release.version
        ));
    }
}

fn workers(step: &Step<'_>, carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    let by = |worker: Worker| {
        keys(carried.iter().filter_map(|(slot, carried)| {
            let entry = carried.entry.as_ref()?;
            (entry.worker == worker).then(|| slot.key())
        }))
    };
    let merged = by(Worker::ReindexToOneIndex);
    if !merged.is_empty() {
        notes.push(format!(
            "**Worker `{}`:** {merged}. Tracardi merges all partitions into the one of the day on which it runs, and of two documents with one id the last one stays. Here every partition keeps its suffix.",
            Worker::ReindexToOneIndex.name()
        ));
    }
    let users = by(Worker::UserReindex);
    if !users.is_empty() {
        notes.push(format!(
            "**Worker `{}`**, which is Python: {users}. It keeps `token`, or makes it null, and runs the script; the step says the same.",
            Worker::UserReindex.name()
        ));
    }
    for entry in &step.migration.entries {
        if entry.worker == Worker::ValidationSchemaReindex {
            notes.push(format!(
                "**Can't be carried:** entry {} (`{}` to `{}`) has the worker `{}`, which is Python: it takes an encoded value apart. `{}` starts empty; the documents of `{}` stay in the old set.",
                entry.position, entry.from, entry.to, entry.worker.name(), entry.to, entry.from
            ));
        }
    }
}

fn kept_fields(carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    for (slot, carried) in carried {
        let pairs: Vec<String> = carried
            .kept
            .iter()
            .chain(&carried.renamed)
            .map(|(from, to)| format!("`{from}` as `{to}`"))
            .collect();
        if !pairs.is_empty() {
            notes.push(format!(
                "**Kept in {}:** {}. Tracardi's own migration loses it. A document whose value doesn't fit there is set aside; take the lines out of the step if you would rather lose the field.",
                slot.key(),
                pairs.join(", ")
            ));
        }
    }
}

/// Indices whose script in production isn't that of the test context.
fn other_scripts(carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    let script = |carried: &Carried<'_>| {
        carried.entry.as_ref().and_then(|entry| entry.script.clone()).unwrap_or_default()
    };
    let others = carried.iter().filter(|(slot, production)| {
        let is_test = |(other, _): &&(Slot<'_>, &Carried<'_>)| {
            other.set == Set::Test && other.index.key == slot.index.key
        };
        let test = carried.iter().find(is_test);
        slot.set == Set::Production
            && test.is_some_and(|(_, test)| script(test) != script(production))
    });
    let others = keys(others.map(|(slot, _)| slot.key()));
    if !others.is_empty() {
        notes.push(format!(
            "**Another script in production than in the test context**, as Tracardi has it: {others}."
        ));
    }
}

fn removed_fields(carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    for (slot, carried) in carried.iter().filter(|(_, carried)| !carried.removed.is_empty()) {
        let fields = keys(carried.removed.iter().map(|field| format!("`{field}`")));
        notes.push(format!(
            "**Removed from {}:** {fields}. The strict new mapping has no place for it, and Tracardi's own migration leaves it in.",
            slot.key()
        ));
    }
}

/// Objects that go on ignoring unknown fields.
fn kept_loose(step: &Step<'_>, notes: &mut Vec<String>) {
    let kept = step.release.indices.iter().filter(|index| !index.kept_loose.is_empty());
    let kept: Vec<String> = kept
        .map(|index| {
            let paths = keys(index.kept_loose.iter().map(|path| format!("`{path}`")));
            format!("{paths} of {}", index.key)
        })
        .collect();
    if !kept.is_empty() {
        notes.push(format!(
            "**Mappings that aren't as shipped:** {}. {} ignores unknown fields there, and {} would refuse every document that has one. Here they go on being ignored.",
            kept.join("; "),
            step.before.version,
            step.release.version
        ));
    }
}

fn endings(step: &Step<'_>, notes: &mut Vec<String>) {
    let gone = step.dropped.iter().filter(|(_, ending)| *ending == Ending::Gone);
    let gone = keys(gone.map(|(slot, _)| slot.key()));
    if !gone.is_empty() {
        notes.push(format!(
            "**End here:** {gone}. {} has no such index; their documents stay in the old set.",
            step.release.version
        ));
    }
    for (slot, ending) in &step.dropped {
        if let Ending::Orphan { to } = ending {
            notes.push(format!(
                "**Ends here:** {}. Its entry leads to `{to}`, which {} doesn't have: Tracardi makes an index that nothing reads. Here the documents stay in the old set.",
                slot.key(),
                step.release.version
            ));
        }
    }
}

/// Indices that took any field, and refuse unknown ones from now on.
fn loose(step: &Step<'_>, carried: &[(Slot<'_>, &Carried<'_>)], notes: &mut Vec<String>) {
    let became_strict = carried.iter().filter(|(slot, carried)| {
        !fields::is_strict(&carried.source.index.mapping, false)
            && fields::is_strict(&slot.index.mapping, false)
    });
    let became_strict = keys(became_strict.map(|(slot, _)| slot.key()));
    if !became_strict.is_empty() {
        notes.push(format!(
            "**Strict from {} on:** {became_strict}. Until then unknown fields were taken; a document that has one is set aside, and you add a `remove` or a `move` to this step.",
            step.release.version
        ));
    }
}

//! Fields that Tracardi's own scripts lose although the new mapping has a place for them: known by name, for the published
//! scripts say nothing of it. The scripts stay as they are; a copy of the fields is kept beside them.

use serde_json::Value;

use crate::step::takes_away;

/// What is kept in one index on one migration.
struct Known {
    /// The migration file, without its ending.
    migration: &'static str,
    /// The index.
    index: &'static str,
    /// The field that the script must take away; without a script that does, nothing is lost.
    taken: &'static str,
    /// From where to where.
    fields: &'static [(&'static str, &'static str)],
}

const KNOWN: [Known; 1] = [Known {
    migration: "080_to_08x.json",
    index: "tracardi-profile",
    taken: "pii",
    fields: &[
        ("pii.telephone", "data.contact.phone"),
        ("pii.birth_date", "data.pii.birthday"),
        ("pii.marital_status", "data.pii.civil.status"),
    ],
}];

/// Fields without a place that are called otherwise in the new release.
const RENAMED: [(&str, &str, &str, &str); 1] =
    [("08x_to_082x.json", "tracardi-event", "data.pii.name", "data.pii.display_name")];

/// Where the fields stand while the script runs.
pub(crate) const KEPT: &str = "kept_by_lockstep";

/// What is kept of an index across its script: from where to where.
pub(crate) fn kept(
    (migration, index): (&str, &str),
    script: &str,
    new: &Value,
) -> Vec<(&'static str, &'static str)> {
    let known = KNOWN.iter().filter(|known| {
        known.migration == migration && known.index == index && takes_away(script, known.taken)
    });
    let fields = known.flat_map(|known| known.fields.iter().copied());
    fields.filter(|(_, to)| declares(new, to)).collect()
}

/// Which of the fields without a place have one under another name.
pub(crate) fn renamed(
    (migration, index): (&str, &str),
    homeless: &[String],
    new: &Value,
) -> Vec<(&'static str, &'static str)> {
    let known = RENAMED.iter().filter(|(file, name, from, to)| {
        *file == migration
            && *name == index
            && homeless.iter().any(|field| field == from)
            && declares(new, to)
    });
    known.map(|(_, _, from, to)| (*from, *to)).collect()
}

fn declares(mapping: &Value, path: &str) -> bool {
    path.split('.').try_fold(mapping, |object, name| object.get("properties")?.get(name)).is_some()
}

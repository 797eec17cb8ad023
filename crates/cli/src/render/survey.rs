//! What a cluster holds, as people and as programs read it.

use lockstep_core::inventory::ClusterFacts;
use lockstep_import::sighting::{SeenSet, Sighting};
use serde_json::{Value, json};

use super::{
    BOLD, Text,
    quantity::{bytes, count, counted},
    styled,
    table::{Column, table},
};
use crate::commands::survey::Others;

/// More names than this are counted, not listed.
const NAMES_MAX: usize = 12;

/// The newest version that an upgrade can lead to.
const NEWEST: &str = "0.9.0";

/// How it is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    /// List every name.
    pub(crate) all: bool,
    /// Columns of the terminal.
    pub(crate) width: Option<u16>,
}

/// What was seen, as text.
pub(crate) fn render(
    (cluster, index_count): (&ClusterFacts, u64),
    (sighting, others): (&Sighting, &Others),
    view: View,
) -> Text {
    let mut text = Text::default();
    let engine = format_args!("{} {}", cluster.engine.as_str(), cluster.version).to_string();
    text.line(styled(BOLD, format_args!("{} ({engine})", cluster.name)));
    text.fact("health", &cluster.health);
    text.fact("indices", count(index_count));
    let journal =
        if others.has_journal { "there is one; `lockstep status` reads it" } else { "none" };
    text.fact("journal", journal);
    let Sighting { sets, astray } = sighting;
    if !sets.is_empty() {
        text.line("");
        text.line(styled(BOLD, "Tracardi"));
        text.add(&table(&COLUMNS, sets.iter().map(row).collect(), view.width));
        add_notes(&mut text, sets);
    }
    add_names(&mut text, ("Tracardi's by name, and in no set", astray), view);
    add_names(&mut text, ("not recognised", &others.unknown), view);
    text.line("");
    text.advice("next", next(sets));
    text
}

const COLUMNS: [Column; 8] = [
    Column::Words("DATA"),
    Column::Words("VERSION"),
    Column::Words("TENANT"),
    Column::Words("CONTEXT"),
    Column::Numbers("INDICES"),
    Column::Numbers("DOCUMENTS"),
    Column::Numbers("SIZE"),
    Column::Words("CUT BY"),
];

fn row(set: &SeenSet) -> Vec<String> {
    let mut tenant = set.tenant.clone();
    if set.is_default_tenant {
        tenant.push_str(" (default)");
    }
    vec![
        set.label.clone(),
        set.version.unwrap_or("not known").to_owned(),
        tenant,
        set.context.as_str().to_owned(),
        count(set.index_count),
        count(set.document_count),
        bytes(set.bytes),
        cuts(set),
    ]
}

/// `month: event (3), log (1); quarter: profile (2)`
fn cuts(set: &SeenSet) -> String {
    let mut kinds: Vec<&str> =
        set.partitioned.values().flat_map(|cut| cut.kinds.iter().copied()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let of_kind = |kind: &str| {
        let names = set.partitioned.iter().filter(|(_, cut)| cut.kinds.contains(kind));
        let names = names.map(|(name, cut)| {
            let name = name.strip_prefix("tracardi-").unwrap_or(name);
            format!("{name} ({})", cut.partition_count)
        });
        format!("{kind}: {}", names.collect::<Vec<_>>().join(", "))
    };
    kinds.into_iter().map(of_kind).collect::<Vec<_>>().join("; ")
}

fn add_notes(text: &mut Text, sets: &[SeenSet]) {
    let named =
        |set: &SeenSet| format!("{} of {} ({})", set.label, set.tenant, set.context.as_str());
    let mut note = |sets: Vec<String>, what: &str| {
        if !sets.is_empty() {
            text.line(format_args!("  {what}: {}", sets.join(", ")));
        }
    };
    let those = |is_meant: &dyn Fn(&SeenSet) -> bool| -> Vec<String> {
        sets.iter().filter(|set| is_meant(set)).map(named).collect()
    };
    note(
        those(&|set| set.unaliased_count > 0),
        "not all indices have an alias, through which Tracardi reads",
    );
    note(
        those(&|set| set.closed_count > 0),
        "some indices are closed, so that their documents aren't counted",
    );
    note(
        those(&|set| set.partitioned.values().any(|cut| cut.kinds.contains("finer"))),
        "cut finer than by month, which a pack can't say",
    );
    note(those(&|set| set.version.is_none()), "a data version that isn't known here");
}

fn add_names(text: &mut Text, (title, names): (&str, &[String]), view: View) {
    if names.is_empty() {
        return;
    }
    text.line("");
    text.line(format_args!("{title}: {}", counted(names.len() as u64, "index", "indices")));
    let shown = if view.all { names.len() } else { NAMES_MAX };
    for name in names.iter().take(shown) {
        text.line(format_args!("  {name}"));
    }
    if names.len() > shown {
        text.line(format_args!(
            "  and {} more, which --all names",
            count((names.len() - shown) as u64)
        ));
    }
}

/// What to type next.
fn next(sets: &[SeenSet]) -> String {
    // Sets stand in the order of their versions.
    match sets.iter().filter_map(|set| set.version).next_back() {
        None if sets.is_empty() => {
            "lockstep pack new NAME; or, where there is a pack already, lockstep plan --to VERSION --pack DIR".to_owned()
        }
        None => "a Lockstep that knows this version".to_owned(),
        Some(NEWEST) => format!("nothing: {NEWEST} is the newest version that Lockstep knows"),
        Some(version) => format!(
            "lockstep pack import tracardi INSTALLATION... --out DIR, with an installation of {version} and one of each version up to the one that you want"
        ),
    }
}

/// What was seen, for programs.
pub(crate) fn json(cluster: &ClusterFacts, sighting: &Sighting, others: &Others) -> Value {
    let Sighting { sets, astray } = sighting;
    let Others { has_journal, system_count, unknown } = others;
    json!({
        "cluster": {
            "name": cluster.name,
            "uuid": cluster.uuid,
            "engine": cluster.engine.as_str(),
            "version": cluster.version,
            "health": cluster.health,
        },
        "has_journal": has_journal,
        "tracardi": {
            "sets": sets.iter().map(set_json).collect::<Vec<_>>(),
            "astray": astray,
        },
        "system_indices": system_count,
        "unknown": unknown,
        "next": next(sets),
    })
}

fn set_json(set: &SeenSet) -> Value {
    let SeenSet {
        label,
        version,
        tenant,
        is_default_tenant,
        context,
        index_count,
        unaliased_count,
        closed_count,
        document_count,
        bytes,
        partitioned,
    } = set;
    let partitioned = partitioned.iter().map(|(name, cut)| {
        (name.clone(), json!({"partitions": cut.partition_count, "kinds": cut.kinds}))
    });
    json!({
        "data_version": label,
        "version": version,
        "tenant": tenant,
        "is_default_tenant": is_default_tenant,
        "context": context.as_str(),
        "indices": index_count,
        "indices_without_alias": unaliased_count,
        "indices_closed": closed_count,
        "documents": document_count,
        "bytes": bytes,
        "partitioned": Value::Object(partitioned.collect()),
    })
}

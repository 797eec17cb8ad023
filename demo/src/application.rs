//! What the application is, written down by hand: releases, logical indices, names, aliases. The pack says the same in
//! its own words; the two are kept apart on purpose, so that a misread pack shows up as a difference.

use serde_json::{Map, Value, json};

/// The months that have events, oldest first.
pub const MONTHS: [&str; 4] = ["2025-11", "2025-12", "2026-01", "2026-02"];

/// Routing of every note: the application writes them through an alias that sets it.
pub(crate) const NOTE_ROUTING: &str = "notes";

/// A release of the demo application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// 1.0, what [`seed`](crate::seed) creates.
    V1_0,
    /// 1.1, one step further.
    V1_1,
    /// 2.0, two steps further.
    V2_0,
}

impl Release {
    /// All releases, oldest first.
    pub(crate) const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V2_0];

    /// The version as it stands in index names.
    pub fn version(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V2_0 => "2.0",
        }
    }

    /// The release's logical indices.
    pub(crate) fn indices(self) -> &'static [LogicalIndex] {
        match self {
            Self::V1_0 => &[EVENT, PROFILE, ORDER, NOTE, VISIT, AUDIT],
            Self::V1_1 => &[EVENT, PROFILE, ORDER, NOTE, CONSENT, AUDIT],
            Self::V2_0 => &[EVENT, PROFILE, ORDER, NOTE, CONSENT, REJECTION, AUDIT],
        }
    }
}

/// One index of the application, the same for every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogicalIndex {
    /// Its name.
    pub(crate) name: &'static str,
    /// One index a month, or one.
    pub(crate) monthly: bool,
    /// Primary shards when release 1.0 is created.
    pub(crate) shards: u32,
}

const fn single(name: &'static str) -> LogicalIndex {
    LogicalIndex { name, monthly: false, shards: 1 }
}

const EVENT: LogicalIndex = LogicalIndex { monthly: true, shards: 2, ..single("event") };
const PROFILE: LogicalIndex = single("profile");
const ORDER: LogicalIndex = LogicalIndex { shards: 2, ..single("order") };
const NOTE: LogicalIndex = single("note");
const VISIT: LogicalIndex = single("visit");
const CONSENT: LogicalIndex = single("consent");
const REJECTION: LogicalIndex = LogicalIndex { monthly: true, ..single("rejection") };
const AUDIT: LogicalIndex = single("audit");

impl LogicalIndex {
    /// The partitions it has from the start: one nameless, or one a month.
    pub(crate) fn partitions(&self) -> Vec<Option<&'static str>> {
        if self.monthly { MONTHS.iter().map(|month| Some(*month)).collect() } else { vec![None] }
    }

    /// Index settings that the application sets, without the prefix `index.`.
    pub(crate) fn settings(&self) -> Map<String, Value> {
        let mut settings = Map::new();
        settings.insert("number_of_shards".to_owned(), json!(self.shards));
        settings.insert("number_of_replicas".to_owned(), json!(0));
        if self.name == EVENT.name {
            settings.insert("refresh_interval".to_owned(), json!("5s"));
            settings.insert("mapping.total_fields.limit".to_owned(), json!(2000));
        }
        settings
    }

    /// What its alias says beside the index it points at: which month is written, who sees what, where it is routed.
    pub(crate) fn alias_properties(&self, partition: Option<&str>) -> Value {
        if self.name == AUDIT.name {
            return json!({"filter": {"term": {"visible": true}}});
        }
        if self.name == NOTE.name {
            return json!({"index_routing": NOTE_ROUTING, "search_routing": NOTE_ROUTING});
        }
        if self.name == EVENT.name && partition == MONTHS.last().copied() {
            return json!({"is_write_index": true});
        }
        json!({})
    }
}

/// The name of an index.
pub(crate) fn index_name(
    tenant: &str,
    name: &str,
    release: Release,
    partition: Option<&str>,
) -> String {
    let version = release.version();
    match partition {
        Some(partition) => format!("{tenant}-{name}-v{version}-{partition}"),
        None => format!("{tenant}-{name}-v{version}"),
    }
}

/// An index name of the demo, taken apart.
pub(crate) struct IndexParts<'name> {
    pub(crate) tenant: &'name str,
    pub(crate) name: &'name str,
    pub(crate) version: &'name str,
    pub(crate) partition: Option<&'name str>,
}

/// Takes `acme-event-v1.0-2026-01` apart; `None` for names of another form.
pub(crate) fn index_parts(index: &str) -> Option<IndexParts<'_>> {
    let (tenant, rest) = index.split_once('-')?;
    let (name, rest) = rest.split_once("-v")?;
    let (version, partition) = match rest.split_once('-') {
        Some((version, partition)) => (version, Some(partition)),
        None => (rest, None),
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (!tenant.is_empty() && tenant.bytes().all(plain)).then_some(IndexParts {
        tenant,
        name,
        version,
        partition,
    })
}

/// The name of an alias, the same in every release.
pub(crate) fn alias_name(tenant: &str, name: &str) -> String {
    format!("{tenant}-{name}")
}

/// The name of the template of a monthly index.
pub(crate) fn template_name(tenant: &str, name: &str, release: Release) -> String {
    index_name(tenant, name, release, None)
}

/// The tenants of a demo with `count` tenants.
pub fn tenant_names(count: u32) -> Vec<String> {
    let known = ["acme", "borealis", "cobalt", "delta9", "elm", "fjord", "gale", "harbor"];
    let more = (1..).map(|number: u32| format!("tenant{number}"));
    let names = known.into_iter().map(str::to_owned).chain(more);
    names.take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

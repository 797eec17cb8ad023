//! What of a Tracardi a cluster holds, told by the names of indices alone, without an installation or a pack.
//!
//! A set is what an upgrade moves at once: one version's indices of one tenant in one context.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::inventory::{IndexFacts, Inventory};

use crate::release::default_tenant;

/// What was recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// By version, tenant and context, the oldest version first.
    pub sets: Vec<SeenSet>,
    /// Names that are Tracardi's and belong to no set: indices without a version, or under a name that should be an alias.
    pub astray: Vec<String>,
}

/// One version's indices of one tenant in one context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSet {
    /// What stands for the version in names, such as `08x`.
    pub label: String,
    /// The version that uses it; `None` for one that isn't known.
    pub version: Option<&'static str>,
    /// The tenant.
    pub tenant: String,
    /// Whether the version calls itself so unless it is told otherwise.
    pub is_default_tenant: bool,
    /// The context.
    pub context: Context,
    /// How many indices.
    pub index_count: u64,
    /// How many of them have no alias and should: Tracardi reads through these, from 0.9 on what is cut by time alone.
    pub unaliased_count: u64,
    /// How many of them are closed, so that nothing else is known of them.
    pub closed_count: u64,
    /// Live documents.
    pub document_count: u64,
    /// Bytes on disk, copies not counted.
    pub bytes: u64,
    /// Indices that are cut by time, by name such as `tracardi-event`.
    pub partitioned: BTreeMap<String, Cut>,
}

/// How an index is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// How many partitions there are.
    pub partition_count: u64,
    /// By what: `month`, `quarter`, `year`, or `finer` for what a pack can't say.
    pub kinds: BTreeSet<&'static str>,
}

/// Which of Tracardi's contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// The only one of 0.7; the one for tests from 0.8.0 on.
    Test,
    /// Production.
    Production,
    /// Shared by both.
    Static,
}

impl Context {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Production => "production",
            Self::Static => "static",
        }
    }
}

/// What stands for each version in names, the version, and from what its own name for itself is made, oldest first.
const VERSIONS: [(&str, &str, &str); 10] = [
    ("070", "0.7.0", "0.7.0"),
    ("071", "0.7.1", "0.7.1"),
    ("072", "0.7.2", "0.7.2"),
    ("073", "0.7.3", "0.7.3"),
    ("074", "0.7.4", "0.7.4"),
    ("080", "0.8.0", "0.8.0"),
    ("08x", "0.8.1", "08x"),
    // While 0.8.2 was made.
    ("082x", "0.8.2", "082x"),
    ("0820", "0.8.2", "0820"),
    ("09x", "0.9.0", "09x"),
];

/// What every index of a Tracardi is called.
const STEM: &str = "tracardi-";

/// Looks for Tracardis.
pub fn sight(inventory: &Inventory) -> Sighting {
    let mut sets: BTreeMap<(usize, String, String, Context), SeenSet> = BTreeMap::new();
    let mut astray = Vec::new();
    for (name, facts) in &inventory.indices {
        match parse(name) {
            Some(parsed) => {
                let rank = VERSIONS.iter().position(|(label, _, _)| *label == parsed.label);
                let rank = rank.unwrap_or(VERSIONS.len());
                let (label, tenant) = (parsed.label.to_owned(), parsed.tenant.to_owned());
                let key = (rank, label, tenant, parsed.context);
                sets.entry(key).or_insert_with(|| SeenSet::new(&parsed)).add(&parsed, facts);
            }
            None if is_named_so(name) => astray.push(name.clone()),
            None => {}
        }
    }
    Sighting { sets: sets.into_values().collect(), astray }
}

/// Whether an index is Tracardi's by its name, in a set or not.
pub fn is_named_so(name: &str) -> bool {
    parse(name).is_some() || name.split('.').any(|part| part.starts_with(STEM))
}

impl SeenSet {
    fn new(parsed: &Parsed<'_>) -> Self {
        let known = VERSIONS.iter().find(|(label, _, _)| *label == parsed.label);
        Self {
            label: parsed.label.to_owned(),
            version: known.map(|(_, version, _)| *version),
            tenant: parsed.tenant.to_owned(),
            is_default_tenant: known
                .is_some_and(|(_, _, named)| default_tenant(named) == parsed.tenant),
            context: parsed.context,
            index_count: 0,
            unaliased_count: 0,
            closed_count: 0,
            document_count: 0,
            bytes: 0,
            partitioned: BTreeMap::new(),
        }
    }

    fn add(&mut self, parsed: &Parsed<'_>, facts: &IndexFacts) {
        self.index_count += 1;
        let needs_alias = parsed.kind.is_some() || self.version != Some("0.9.0");
        self.unaliased_count += u64::from(needs_alias && facts.aliases.is_empty());
        self.closed_count += u64::from(!facts.is_open);
        self.document_count += facts.document_count;
        self.bytes += facts.bytes;
        if let Some(kind) = parsed.kind {
            let cut = self.partitioned.entry(parsed.base.to_owned()).or_default();
            cut.partition_count += 1;
            cut.kinds.insert(kind);
        }
    }
}

/// A name, taken apart.
struct Parsed<'a> {
    context: Context,
    label: &'a str,
    tenant: &'a str,
    base: &'a str,
    kind: Option<&'static str>,
}

/// `[prod-|static-]VERSION.TENANT.tracardi-NAME[-YEAR-PART]`
fn parse(name: &str) -> Option<Parsed<'_>> {
    let (context, rest) = match (name.strip_prefix("prod-"), name.strip_prefix("static-")) {
        (Some(rest), _) => (Context::Production, rest),
        (None, Some(rest)) => (Context::Static, rest),
        (None, None) => (Context::Test, name),
    };
    let (label, rest) = rest.split_once('.')?;
    let (tenant, base) = rest.split_once('.')?;
    let is_label = label.starts_with('0')
        && (3..=4).contains(&label.len())
        && label.chars().all(|character| character.is_ascii_digit() || character == 'x');
    if !is_label || tenant.is_empty() || !base.starts_with(STEM) || base.contains('.') {
        return None;
    }
    let (base, kind) = match cut(base) {
        Some((base, kind)) => (base, Some(kind)),
        None => (base, None),
    };
    Some(Parsed { context, label, tenant, base, kind })
}

/// The name without its partition, and of which kind that is.
fn cut(base: &str) -> Option<(&str, &'static str)> {
    let (front, part) = base.rsplit_once('-')?;
    let (front, year) = front.rsplit_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if year.len() != 4 || !is_number(year) || front.len() <= STEM.len() {
        return None;
    }
    let kind = match part {
        "year" => "year",
        "q1" | "q2" | "q3" | "q4" => "quarter",
        month if is_number(month) && month.len() <= 2 => "month",
        // 0.9 can be told to cut by day or hour, whose numbers it writes one behind the other.
        finer if is_number(finer) => "finer",
        _ => return None,
    };
    Some((front, kind))
}

#[cfg(test)]
mod tests {
    use super::{is_named_so, parse};

    #[test]
    fn names_are_taken_apart() {
        let cases = [
            ("074.75120.tracardi-event-2022-10", "074 75120 test tracardi-event month"),
            ("074.75120.tracardi-event", "074 75120 test tracardi-event"),
            (
                "prod-08x.acme.tracardi-event-management",
                "08x acme production tracardi-event-management",
            ),
            ("static-0820.my-shop.tracardi-bridge", "0820 my-shop static tracardi-bridge"),
            ("0820.ffe49.tracardi-event-2024-q1", "0820 ffe49 test tracardi-event quarter"),
            ("0820.ffe49.tracardi-item-2024-year", "0820 ffe49 test tracardi-item year"),
            ("09x.8504a.tracardi-event-2024-1231", "09x 8504a test tracardi-event finer"),
            ("0820.a.tracardi-event-2024-q5", "0820 a test tracardi-event-2024-q5"),
            ("099.a.tracardi-event", "099 a test tracardi-event"),
            ("75120.tracardi-event", "astray"),
            ("tracardi-version", "astray"),
            ("0820..tracardi-event", "astray"),
            ("1.a.tracardi-event", "astray"),
            ("shop-event-2024-1", "another's"),
            ("0820.a.events", "another's"),
        ];
        for (name, expected) in cases {
            let told = match parse(name) {
                Some(parsed) => {
                    let kind = parsed.kind.map(|kind| format!(" {kind}")).unwrap_or_default();
                    let context = parsed.context.as_str();
                    format!("{} {} {context} {}{kind}", parsed.label, parsed.tenant, parsed.base)
                }
                None if is_named_so(name) => "astray".to_owned(),
                None => "another's".to_owned(),
            };
            assert_eq!(told, expected, "{name}");
        }
    }
}

//! All names of one release: whose index is this?

use std::collections::BTreeMap;

use regex::Regex;

use super::{
    NamesError,
    glob::Glob,
    grammar::{IndexGrammar, ParsedName, SOLE_TENANT, TENANT_GROUP, tenant_group},
    partition::partition_pattern,
    text::{NameText, Slot},
};
use crate::pack::model::{Pack, Partition, Partitions, Release};

/// The names of one release of an application.
#[derive(Debug, Clone)]
pub struct ReleaseNames {
    grammars: BTreeMap<String, IndexGrammar>,
    unknown: Vec<Regex>,
    indices_ignored: Vec<Glob>,
    tenants_ignored: Vec<String>,
}

/// What a release makes of an index name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// A name of one of its logical indices.
    Known {
        /// Key of the logical index.
        key: String,
        /// The tenant.
        tenant: String,
        /// The suffix, for an index with partitions.
        partition: Option<String>,
    },
    /// It fits the naming, with a `{name}` that the release does not know.
    Unknown {
        /// The tenant, as far as the naming tells.
        tenant: String,
        /// The text in the place of `{name}`.
        name: String,
    },
    /// It fits the naming, and the pack says that it is left alone.
    Ignored,
    /// It fits several logical indices, by key. A pack that was loaded without errors never gives it.
    Ambiguous(Vec<String>),
    /// It does not fit the naming.
    Foreign,
}

impl ReleaseNames {
    /// The names of a release.
    pub fn new(pack: &Pack, release: &Release) -> Result<Self, NamesError> {
        let mut grammars = BTreeMap::new();
        for (key, index) in &release.indices {
            grammars.insert(key.clone(), IndexGrammar::new(pack, release, (key, index))?);
        }
        Ok(Self {
            grammars,
            unknown: unknown_matchers(pack, release)?,
            indices_ignored: pack.indices_ignored.iter().map(Glob::new).collect(),
            tenants_ignored: pack.tenants_ignored.clone(),
        })
    }

    /// The same names, of which those of some tenants are left alone.
    #[must_use]
    pub fn without(mut self, tenants: impl IntoIterator<Item = String>) -> Self {
        self.tenants_ignored.extend(tenants);
        self
    }

    /// The grammar of one logical index.
    pub fn grammar(&self, key: &str) -> Option<&IndexGrammar> {
        self.grammars.get(key)
    }

    /// All grammars by key.
    pub fn grammars(&self) -> impl Iterator<Item = (&str, &IndexGrammar)> {
        self.grammars.iter().map(|(key, grammar)| (key.as_str(), grammar))
    }

    /// Tells whose index a name belongs to.
    pub fn recognise(&self, index_name: &str) -> Recognised {
        let parse = |(key, grammar): (&String, &IndexGrammar)| {
            grammar.parse(index_name).map(|parsed| (key.clone(), parsed))
        };
        let mut known: Vec<(String, ParsedName)> = self.grammars.iter().filter_map(parse).collect();
        let recognised = match (known.pop(), known.is_empty()) {
            (None, _) => self.unknown(index_name),
            (Some((key, ParsedName { tenant, partition })), true) => {
                Recognised::Known { key, tenant, partition }
            }
            (Some(last), false) => {
                Recognised::Ambiguous(known.into_iter().chain([last]).map(|(key, _)| key).collect())
            }
        };
        if self.ignores(index_name, &recognised) { Recognised::Ignored } else { recognised }
    }

    fn unknown(&self, index_name: &str) -> Recognised {
        let Some(captures) = self.unknown.iter().find_map(|matcher| matcher.captures(index_name))
        else {
            return Recognised::Foreign;
        };
        let group = |name| captures.name(name).map(|found| found.as_str().to_owned());
        Recognised::Unknown {
            tenant: group(TENANT_GROUP).unwrap_or_else(|| SOLE_TENANT.to_owned()),
            name: group(NAME_GROUP).unwrap_or_default(),
        }
    }

    fn ignores(&self, index_name: &str, recognised: &Recognised) -> bool {
        let tenant = match recognised {
            Recognised::Foreign => return false,
            Recognised::Known { tenant, key: _, partition: _ }
            | Recognised::Unknown { tenant, name: _ } => Some(tenant),
            Recognised::Ambiguous(_) | Recognised::Ignored => None,
        };
        self.indices_ignored.iter().any(|glob| glob.matches(index_name))
            || tenant.is_some_and(|tenant| self.tenants_ignored.contains(tenant))
    }
}

const NAME_GROUP: &str = "lockstep_name";

/// Any text that can stand in an index name.
const NAME_PATTERN: &str = r#"[^A-Z\s\\/*?"<>|,#:]+"#;

/// One matcher for each naming text that tells indices apart by `{name}`, partitions first: they say more.
fn unknown_matchers(pack: &Pack, release: &Release) -> Result<Vec<Regex>, NamesError> {
    let partitioned = release.naming.values().filter_map(|naming| naming.partitioned.as_ref());
    let plain = release.naming.values().map(|naming| &naming.index);
    let suffix = partition_pattern(Partitions::of(Partition::ALL));
    let mut matchers = Vec::new();
    for text in partitioned.chain(plain) {
        let wrong = |source| NamesError::Text { key: "*".to_owned(), text: text.clone(), source };
        let parsed: NameText = text.parse().map_err(wrong)?;
        if !parsed.has(Slot::Name) {
            continue;
        }
        let pattern = parsed.pattern(|slot| match slot {
            Slot::Version => regex::escape(&release.label),
            Slot::Tenant => tenant_group(&pack.tenant_pattern),
            Slot::Name => format!("(?P<{NAME_GROUP}>{NAME_PATTERN})"),
            Slot::Partition => suffix.clone(),
        });
        let matcher =
            Regex::new(&format!("^{pattern}$")).map_err(|source| NamesError::Pattern {
                key: "*".to_owned(),
                tenant_pattern: pack.tenant_pattern.clone(),
                source: Box::new(source),
            })?;
        matchers.push(matcher);
    }
    Ok(matchers)
}

//! The names of one logical index in one release, in both directions.

use regex::Regex;
use serde_json::Value;

use super::{
    NamesError,
    partition::partition_pattern,
    text::{NameText, Slot},
};
use crate::pack::model::{LogicalIndex, Naming, Pack, Partitions, Release};

/// The tenant of an application whose names hold no `{tenant}`.
pub const SOLE_TENANT: &str = "default";

/// Renders and takes apart the names of one logical index of one release.
#[derive(Debug, Clone)]
pub struct IndexGrammar {
    label: String,
    name: String,
    partitions: Partitions,
    index: NameText,
    partitioned: Option<NameText>,
    alias: Option<NameText>,
    template: Option<NameText>,
    template_pattern: Option<NameText>,
    matcher: Regex,
}

/// What an index name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ParsedName {
    /// The tenant; [`SOLE_TENANT`] where names hold none.
    pub tenant: String,
    /// The suffix as it is written, for an index with partitions.
    pub partition: Option<String>,
}

/// The index template of a partitioned index, for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateNames {
    /// The template's own name.
    pub name: String,
    /// The pattern of the indices that it is for, with `*`.
    pub pattern: String,
}

impl IndexGrammar {
    /// The grammar of the index `key` of a release.
    pub fn new(
        pack: &Pack,
        release: &Release,
        (key, index): (&str, &LogicalIndex),
    ) -> Result<Self, NamesError> {
        let Some(naming) = release.naming.get(&index.naming) else {
            return Err(NamesError::Variant { key: key.to_owned(), variant: index.naming.clone() });
        };
        let text = |text: &String| {
            let wrong =
                |source| NamesError::Text { key: key.to_owned(), text: text.clone(), source };
            text.parse::<NameText>().map_err(wrong)
        };
        let Naming { index: plain, partitioned, alias, template, template_pattern } = naming;
        let (plain, partitioned) = (text(plain)?, partitioned.as_ref().map(text).transpose()?);
        let own = match (index.partitions.is_none(), &partitioned) {
            (true, _) => &plain,
            (false, Some(partitioned)) => partitioned,
            (false, None) => {
                let variant = index.naming.clone();
                return Err(NamesError::Partitioned { key: key.to_owned(), variant });
            }
        };
        let known =
            KnownName { label: &release.label, name: &index.name, partitions: index.partitions };
        let pattern = known.pattern(own, &pack.tenant_pattern);
        let matcher = Regex::new(&pattern).map_err(|source| NamesError::Pattern {
            key: key.to_owned(),
            tenant_pattern: pack.tenant_pattern.clone(),
            source: Box::new(source),
        })?;
        Ok(Self {
            label: release.label.clone(),
            name: index.name.clone(),
            partitions: index.partitions,
            alias: alias.as_ref().map(text).transpose()?,
            template: template.as_ref().map(text).transpose()?,
            template_pattern: template_pattern.as_ref().map(text).transpose()?,
            index: plain,
            partitioned,
            matcher,
        })
    }

    /// The name of the index, or of one of its partitions. An index with partitions takes the suffix that
    /// [`Self::parse`] gave; any other takes none.
    pub fn render(&self, tenant: &str, partition: Option<&str>) -> String {
        match (partition, &self.partitioned) {
            (Some(suffix), Some(partitioned)) => self.fill(partitioned, tenant, suffix),
            _ => self.fill(&self.index, tenant, ""),
        }
    }

    /// Takes a name apart; `None` when it is not a name of this index.
    pub fn parse(&self, index_name: &str) -> Option<ParsedName> {
        let captures = self.matcher.captures(index_name)?;
        let group = |name| captures.name(name).map(|found| found.as_str().to_owned());
        Some(ParsedName {
            tenant: group(TENANT_GROUP).unwrap_or_else(|| SOLE_TENANT.to_owned()),
            partition: group(PARTITION_GROUP),
        })
    }

    /// The alias of the index, or of all its partitions.
    pub fn alias(&self, tenant: &str) -> Option<String> {
        self.alias.as_ref().map(|text| self.fill(text, tenant, ""))
    }

    /// The index template; only an index with partitions has one.
    pub fn template(&self, tenant: &str) -> Option<TemplateNames> {
        if self.partitions.is_none() {
            return None;
        }
        let (name, pattern) = (self.template.as_ref()?, self.template_pattern.as_ref()?);
        Some(TemplateNames {
            name: self.fill(name, tenant, ""),
            pattern: self.fill(pattern, tenant, ""),
        })
    }

    /// The mapping for one tenant: placeholders in the strings of `_meta` are filled.
    pub fn mapping(&self, mapping: &Value, tenant: &str) -> Value {
        let mut filled = mapping.clone();
        if let Some(meta) = filled.get_mut("_meta") {
            self.fill_strings(meta, tenant);
        }
        filled
    }

    fn fill_strings(&self, value: &mut Value, tenant: &str) {
        match value {
            // Only whole placeholders are filled: `_meta` is free text and may hold other braces.
            Value::String(text) => {
                for (slot, replacement) in [
                    (Slot::Version, &*self.label),
                    (Slot::Tenant, tenant),
                    (Slot::Name, &*self.name),
                ] {
                    *text = text.replace(slot.braced(), replacement);
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.fill_strings(value, tenant);
                }
            }
            Value::Object(fields) => {
                for value in fields.values_mut() {
                    self.fill_strings(value, tenant);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn fill(&self, text: &NameText, tenant: &str, partition: &str) -> String {
        text.render(|slot| match slot {
            Slot::Version => self.label.clone(),
            Slot::Tenant => tenant.to_owned(),
            Slot::Name => self.name.clone(),
            Slot::Partition => partition.to_owned(),
        })
    }
}

pub(super) const TENANT_GROUP: &str = "lockstep_tenant";

pub(super) const PARTITION_GROUP: &str = "lockstep_partition";

/// What is fixed in the names of one logical index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownName<'a> {
    /// For `{version}`.
    pub(crate) label: &'a str,
    /// For `{name}`.
    pub(crate) name: &'a str,
    /// Which suffixes `{partition}` stands for.
    pub(crate) partitions: Partitions,
}

impl KnownName<'_> {
    /// The anchored regular expression of its names by one naming text.
    pub(crate) fn pattern(&self, text: &NameText, tenant_pattern: &str) -> String {
        let inner = text.pattern(|slot| match slot {
            Slot::Version => regex::escape(self.label),
            Slot::Tenant => tenant_group(tenant_pattern),
            Slot::Name => regex::escape(self.name),
            Slot::Partition => {
                let suffix = partition_pattern(self.partitions);
                format!("(?P<{PARTITION_GROUP}>{suffix})")
            }
        });
        format!("^{inner}$")
    }
}

/// The tenant pattern as a group; the inner group keeps its alternatives together.
pub(crate) fn tenant_group(tenant_pattern: &str) -> String {
    format!("(?P<{TENANT_GROUP}>(?:{tenant_pattern}))")
}

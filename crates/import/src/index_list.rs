//! The list of a release's indices: a Python dictionary whose values are calls of `Index` with data as arguments.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::pack::model::Partition;
use serde_json::Value as Json;

use crate::{
    installation::{CONFIG, INDEX_LIST, Installation, SETUP},
    mapping_file::{self, Body, Names},
    mistake::{INDEX, INDEX_TWICE, MAPPING_MISSING, Mistake, PARTITIONING, Place},
    python::{Kind, PythonText, Value},
    release::{Contexts, default_of},
    rows::Rows,
};

/// One index of a release.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    /// What the application calls it, such as `event-source`.
    pub(crate) key: String,
    /// What its name ends with, such as `tracardi-source`.
    pub(crate) name: String,
    /// Whether tests and production share it.
    pub(crate) is_static: bool,
    /// How it is cut by time.
    pub(crate) partitioning: Partitioning,
    /// Its mapping, with the placeholders of a pack.
    pub(crate) mapping: Json,
    /// Its settings without the prefix `index.`, number of shards and replicas aside.
    pub(crate) settings: BTreeMap<String, Json>,
    /// The number of shards, where the file fixes it.
    pub(crate) shards: Option<u64>,
    /// Objects of the mapping that are loose here, and strict as Tracardi has it.
    pub(crate) kept_loose: Vec<String>,
    /// Whether its installer gives it an alias.
    pub(crate) has_alias: bool,
    /// Whether the release has it, or the pack alone.
    pub(crate) origin: Origin,
}

/// Why an index is in a release.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// Its index list has it.
    Listed,
    /// The release before has it and this one has no place for its documents: they are kept as they are.
    Kept,
    /// The release before has it and this one has a table for its documents.
    Table(Box<Rows>),
}

/// How an index is cut by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Partitioning {
    /// One piece.
    No,
    /// By month, always.
    Fixed(Partition),
    /// As a variable says when the application runs; this unless it is set.
    Configured(Partition),
}

/// An index that belongs to no version or no tenant, so that no upgrade moves it.
#[derive(Debug, Clone)]
pub(crate) struct LeftAlone {
    pub(crate) key: String,
    pub(crate) name: String,
}

/// What a list says.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexList {
    pub(crate) indices: Vec<Index>,
    pub(crate) left_alone: Vec<LeftAlone>,
}

/// Reads the list, and the mapping file of every index in it.
pub(crate) fn read(
    installation: &Installation,
    contexts: Contexts,
) -> Result<IndexList, Vec<Mistake>> {
    let one = |mistake| vec![mistake];
    let place = installation.place(INDEX_LIST);
    let text = installation.text(INDEX_LIST).map_err(one)?;
    let text = PythonText::read(&place, text).map_err(one)?;
    let config = installation.text(CONFIG).map_err(one)?;
    let config = PythonText::read(&installation.place(CONFIG), config).map_err(one)?;
    let Some(Value { kind: Kind::Dictionary(entries), line: _ }) =
        text.assigned("self.resources").map_err(one)?
    else {
        let message = "there is no index list: no dictionary is assigned to `self.resources`";
        return Err(one(unknown_entry(place, message.to_owned())));
    };
    let reader = Reader { installation, contexts, text: &text, config: &config };
    let (mut list, mut mistakes) = (IndexList::default(), Vec::new());
    let mut names = BTreeSet::new();
    for (key, value) in entries {
        match reader.entry(&key, &value) {
            Ok((entry, _)) if !names.insert(entry.name.clone()) => {
                let message = format!("a second index is called `{}`", entry.name);
                let fix = "give an installation as it was published";
                mistakes.push(Mistake::new(INDEX_TWICE, text.place(key.line), message, fix));
            }
            Ok((Entry { key, name, .. }, None)) => list.left_alone.push(LeftAlone { key, name }),
            Ok((entry, Some(body))) => list.indices.push(index(entry, body)),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(list) } else { Err(mistakes) }
}

fn index(entry: Entry, body: Body) -> Index {
    let Entry { key, name, is_static, is_shared: _, partitioning, mapping: _ } = entry;
    let Body { mapping, settings, shards, has_alias } = body;
    let kept_loose = Vec::new();
    Index {
        key,
        name,
        is_static,
        partitioning,
        mapping,
        settings,
        shards,
        kept_loose,
        has_alias,
        origin: Origin::Listed,
    }
}

fn unknown_entry(place: Place, message: String) -> Mistake {
    let fix = "give an installation as it was published; report it if this is one";
    Mistake::new(INDEX, place, message, fix)
}

struct Entry {
    key: String,
    name: String,
    is_static: bool,
    /// Whether it belongs to no version or no tenant.
    is_shared: bool,
    partitioning: Partitioning,
    mapping: String,
}

struct Reader<'a> {
    installation: &'a Installation,
    contexts: Contexts,
    text: &'a PythonText,
    config: &'a PythonText,
}

impl Reader<'_> {
    fn entry(&self, key: &Value, value: &Value) -> Result<(Entry, Option<Body>), Mistake> {
        let unknown =
            |line, message: &str| unknown_entry(self.text.place(line), message.to_owned());
        let Kind::Text(key_text) = &key.kind else {
            return Err(unknown(key.line, "the key of an index must be a text"));
        };
        let Kind::Call(function, arguments) = &value.kind else {
            return Err(unknown(value.line, "an index must be a call of `Index`"));
        };
        if function != "Index" {
            return Err(unknown(value.line, &format!("`{function}` is not `Index`")));
        }
        let entry = self.arguments((key_text, value.line), arguments)?;
        if entry.is_shared {
            return Ok((entry, None));
        }
        let body = self.body(&entry, value.line)?;
        Ok((entry, Some(body)))
    }

    fn arguments(
        &self,
        (key, line): (&str, usize),
        arguments: &[(Option<String>, Value)],
    ) -> Result<Entry, Mistake> {
        let unknown = |line, message: String| unknown_entry(self.text.place(line), message);
        let (mut is_multi, mut name, mut mapping, mut partitioning) = (None, None, None, None);
        let (mut is_static, mut is_shared) = (false, false);
        for (argument, value) in arguments {
            let Some(argument) = argument.as_deref() else {
                return Err(unknown(value.line, "an argument of `Index` has no name".to_owned()));
            };
            match (argument, &value.kind, self.contexts) {
                ("multi_index", Kind::Boolean(flag), _) => is_multi = Some(*flag),
                ("index", Kind::Text(text), _) => name = Some(text.clone()),
                ("mapping", Kind::Text(text), _) => mapping = Some(text.clone()),
                ("aliased", Kind::Boolean(flag), Contexts::One) => is_shared = !flag,
                ("static", Kind::Boolean(flag), Contexts::TestAndProduction) => is_static = *flag,
                ("single", Kind::Boolean(flag), Contexts::TestAndProduction) => is_shared = *flag,
                // It says that an object can be deployed from test to production.
                ("staging", Kind::Boolean(_), Contexts::TestAndProduction) => {}
                ("partitioning", _, Contexts::TestAndProduction) => {
                    partitioning = Some(self.partitioning(value)?);
                }
                (
                    "multi_index" | "index" | "mapping" | "aliased" | "static" | "single"
                    | "staging",
                    _,
                    _,
                ) => {
                    let message = format!("the argument `{argument}` of `{key}` isn't understood");
                    return Err(unknown(value.line, message));
                }
                _ => {
                    let message = format!(
                        "`Index` of `{key}` has an argument `{argument}`, which isn't known"
                    );
                    return Err(unknown(value.line, message));
                }
            }
        }
        let (Some(is_multi), Some(name), Some(mapping)) = (is_multi, name, mapping) else {
            let message = format!("`{key}` lacks one of `multi_index`, `index` and `mapping`");
            return Err(unknown(line, message));
        };
        if is_multi && is_static {
            return Err(unknown(line, format!("`{key}` is static and has partitions")));
        }
        let partitioning = match (is_multi, partitioning) {
            (false, _) => Partitioning::No,
            (true, None) => Partitioning::Fixed(Partition::Month),
            (true, Some(partitioning)) => partitioning,
        };
        Ok(Entry { key: key.to_owned(), name, is_static, is_shared, partitioning, mapping })
    }

    /// A text, or a field of the configuration that has a default.
    fn partitioning(&self, value: &Value) -> Result<Partitioning, Mistake> {
        let fix = "give an installation as it was published";
        let (written, place, is_configured) = match &value.kind {
            Kind::Text(text) => (text.clone(), self.text.place(value.line), false),
            Kind::Name(name) => {
                let field = name.strip_prefix("tracardi.").unwrap_or(name);
                let assigned = self.config.assigned(&format!("self.{field}"))?;
                let default = assigned.as_ref().and_then(|assigned| {
                    default_of(&assigned.kind).map(|default| (default.to_owned(), assigned.line))
                });
                let Some((default, line)) = default else {
                    let message = format!(
                        "`{name}` says how an index is partitioned, and {CONFIG} has no default for it"
                    );
                    return Err(Mistake::new(
                        PARTITIONING,
                        self.text.place(value.line),
                        message,
                        fix,
                    ));
                };
                (default, self.config.place(line), true)
            }
            Kind::Number(_)
            | Kind::Boolean(_)
            | Kind::Nothing
            | Kind::Tuple(_)
            | Kind::Dictionary(_)
            | Kind::Call(..) => {
                let message = "`partitioning` must be a text or a field of the configuration";
                return Err(Mistake::new(PARTITIONING, self.text.place(value.line), message, fix));
            }
        };
        let kind = match written.as_str() {
            "month" => Partition::Month,
            "quarter" => Partition::Quarter,
            "year" => Partition::Year,
            _ => {
                let message =
                    format!("partitions by `{written}` have names that can't be told apart");
                let fix = "an index can be partitioned by month, quarter or year";
                return Err(Mistake::new(PARTITIONING, place, message, fix));
            }
        };
        Ok(if is_configured { Partitioning::Configured(kind) } else { Partitioning::Fixed(kind) })
    }

    fn body(&self, entry: &Entry, line: usize) -> Result<Body, Mistake> {
        let named = entry.mapping.as_str();
        let file = format!("{SETUP}/{named}");
        let is_below = named.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let Some(text) = self.installation.files.get(&file).filter(|_| is_below) else {
            let message = format!("the mapping file of `{}`, `{file}`, is not there", entry.key);
            let fix =
                "give a whole installation; wheels and site-packages have these files as well";
            return Err(Mistake::new(MAPPING_MISSING, self.text.place(line), message, fix));
        };
        let names = Names {
            name: &entry.name,
            is_static: entry.is_static,
            is_partitioned: entry.partitioning != Partitioning::No,
            // 0.7 knew one index without.
            needs_alias: self.contexts == Contexts::TestAndProduction,
        };
        mapping_file::read(&self.installation.place(&file), text, names)
    }
}

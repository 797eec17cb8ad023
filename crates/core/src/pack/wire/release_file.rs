//! Reads `release.yaml`: the schema of a release and the step into it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    AllowWire, DownWire, Fate, IndexStepWire, IndexWire, NamingWire, Operations, ReleaseFile,
    StepWire, TableWire, WayBackWire, pack_file::flag,
};
use crate::{
    names::spellings,
    pack::{
        code,
        diagnostic::Findings,
        fields::{
            Fields, expected, json, map, map_of, number, place_of, text, text_of, texts, word,
        },
        model::{Partition, Partitions},
        nearest::suggestion,
        place::{At, Place},
        yaml::{Entry, Kind, Node},
    },
    version::Version,
};

/// The words for how an index is partitioned.
const PARTITIONS: [(&str, Option<Partition>); 6] = [
    ("none", None),
    ("day", Some(Partition::Day)),
    ("week", Some(Partition::Week)),
    ("month", Some(Partition::Month)),
    ("quarter", Some(Partition::Quarter)),
    ("year", Some(Partition::Year)),
];

impl ReleaseFile {
    /// Reads the file; `None` when it is not even a mapping.
    pub(crate) fn read(node: &Node, file: &Place, findings: &mut Findings) -> Option<Self> {
        let mut fields = Fields::open(node, ("a release", file), findings)?;
        let label = fields.optional("label");
        let default_tenant = fields.optional("default_tenant");
        let naming = fields.optional("naming");
        let indices = fields.required(("indices", "{order: {mapping: order.json}}"), findings);
        let step = fields.optional("step");
        let allow = fields.optional("allow");
        fields.finish(findings);
        Some(Self {
            label: label.and_then(|entry| text(entry, findings)),
            default_tenant: default_tenant.and_then(|entry| text(entry, findings)),
            naming: naming.map(|entry| NamingWire::read_all(entry, findings)).unwrap_or_default(),
            indices: indices
                .map(|entry| {
                    map_of(entry, "`indices`", findings, |entry, findings| {
                        Some(IndexWire::read(entry, findings))
                    })
                })
                .unwrap_or_default(),
            step: step.map(|entry| StepWire::read(entry, findings)),
            allow: allow.map(|entry| AllowWire::read_all(entry, findings)).unwrap_or_default(),
        })
    }
}

impl IndexWire {
    fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let place = &entry.key.place;
        let empty = Self {
            place: place.clone(),
            name: None,
            naming: None,
            mapping: None,
            settings: BTreeMap::new(),
            shards: None,
            replicas: None,
            partitions: None,
            table: None,
        };
        // An index whose description is wrong is still there: steps may name it.
        let Some(mut fields) = Fields::open(&entry.node, ("an index", place), findings) else {
            return empty;
        };
        let mapping = fields.required(("mapping", "order.json"), findings);
        let name = fields.optional("name");
        let naming = fields.optional("naming");
        let settings = fields.optional("settings");
        let shards = fields.optional("shards");
        let replicas = fields.optional("replicas");
        let partition = fields.optional("partition");
        let table = fields.optional("table");
        fields.finish(findings);
        let number_of = |entry: Option<&Entry>, least: u32, findings: &mut Findings| {
            entry.and_then(|entry| count(entry, least, findings))
        };
        Self {
            mapping: mapping.and_then(|entry| text(entry, findings)),
            name: name.and_then(|entry| text(entry, findings)),
            naming: naming.and_then(|entry| text(entry, findings)),
            settings: settings.map(|entry| read_settings(entry, findings)).unwrap_or_default(),
            shards: number_of(shards, 1, findings),
            replicas: number_of(replicas, 0, findings),
            partitions: match partition {
                Some(entry) => read_partitions(entry, findings),
                None => Some(Partitions::NONE),
            },
            table: table.and_then(|entry| TableWire::read(entry, findings)),
            ..empty
        }
    }
}

/// One word, how its suffixes are written (`{month: 2022-01}`), or a list of these.
fn read_partitions(entry: &Entry, findings: &mut Findings) -> Option<Partitions> {
    let nodes = match &entry.node.kind {
        Kind::List(nodes) => nodes.as_slice(),
        Kind::Mapping(_) => std::slice::from_ref(&entry.node),
        Kind::Null | Kind::Plain(_) | Kind::Text(_) => {
            let kind = word(entry, &PARTITIONS, findings)?.value;
            return Some(Partitions::of(kind));
        }
    };
    let mut partitions = Partitions::NONE;
    for node in nodes {
        partitions = if let Kind::Mapping(spelt) = &node.kind {
            read_spellings(spelt, partitions, findings)?
        } else {
            let Some(written) = text_of(node) else {
                let message = format!(
                    "`partition` takes kinds of partitions, but this is {}",
                    node.kind.described()
                );
                let fix = "write a kind for each element, or `{month: 2022-01}`";
                findings.error(code::KIND, place_of(node, entry), message, fix);
                return None;
            };
            partitions.and(kind_within(&written, findings)?)
        };
    }
    if partitions.is_none() {
        let fix = "write `partition: none`, or the kinds of partitions that the index has";
        findings.error(code::KIND, &entry.node.place, "`partition` holds no kind", fix);
        return None;
    }
    Some(partitions)
}

fn kind_within(written: &At<String>, findings: &mut Findings) -> Option<Partition> {
    let found = Partition::ALL.into_iter().find(|kind| kind.word() == written.value);
    if found.is_none() {
        let message = format!("`partition` can't hold `{}`", written.value);
        let fix = suggestion(&written.value, Partition::ALL.map(Partition::word));
        findings.error(code::WORD_UNKNOWN, &written.place, message, fix);
    }
    found
}

/// Kinds, each with the suffix of the first one of 2022 as the application writes it.
fn read_spellings(
    spelt: &[Entry],
    mut partitions: Partitions,
    findings: &mut Findings,
) -> Option<Partitions> {
    for entry in spelt {
        let kind = kind_within(&entry.key, findings)?;
        let written = text(entry, findings)?;
        let known: Vec<_> = spellings(kind).collect();
        let Some((spelling, _)) = known.iter().find(|(_, example)| *example == written.value)
        else {
            let message =
                format!("`{}` is not how partitions by {} are written", written.value, kind.word());
            // Capital letters can't be in the name of an index.
            let meant = written.value.to_lowercase();
            let fix = format!(
                "write the first one of 2022 as the application does: {}",
                suggestion(&meant, known.iter().map(|(_, example)| *example))
            );
            findings.error(code::WORD_UNKNOWN, &written.place, message, fix);
            return None;
        };
        partitions = partitions.with(kind, *spelling);
    }
    Some(partitions)
}

/// The most shards or replicas that engines take.
const COUNT_MAX: u32 = 1024;

fn count(entry: &Entry, least: u32, findings: &mut Findings) -> Option<At<u32>> {
    let number = number(entry, findings)?;
    if !(least..=COUNT_MAX).contains(&number.value) {
        let message = format!("`{}` can't be {}", entry.key.value, number.value);
        findings.error(
            code::KIND,
            &number.place,
            message,
            format!("write a number from {least} to {COUNT_MAX}"),
        );
        return None;
    }
    Some(number)
}

/// Settings, nested ones made flat.
fn read_settings(entry: &Entry, findings: &mut Findings) -> BTreeMap<String, At<Value>> {
    let mut settings = BTreeMap::new();
    for item in map(entry, "`settings`", findings) {
        add_setting(item, "", &mut settings, findings);
    }
    settings
}

fn add_setting(
    entry: &Entry,
    parent: &str,
    settings: &mut BTreeMap<String, At<Value>>,
    findings: &mut Findings,
) {
    let name = format!("{parent}{}", entry.key.value);
    if matches!(entry.node.kind, Kind::Mapping(_)) && name != "index" {
        for item in map(entry, "a setting", findings) {
            add_setting(item, &format!("{name}."), settings, findings);
        }
        return;
    }
    let place = &entry.key.place;
    let elsewhere = match name.as_str() {
        "number_of_shards" => Some("shards"),
        "number_of_replicas" => Some("replicas"),
        _ => None,
    };
    if let Some(field) = elsewhere {
        let message = format!("`{name}` is not written among the settings");
        findings.error(
            code::SETTING,
            place,
            message,
            format!("write `{field}: …` beside `settings`"),
        );
    } else if name == "index" || name.starts_with("index.") {
        let message = format!("the setting `{name}` is written with the prefix `index.`");
        findings.error(code::SETTING, place, message, "leave the prefix out");
    } else if let Some(value) = json(&entry.node, findings)
        && settings.insert(name.clone(), At { value, place: place.clone() }).is_some()
    {
        let message = format!("the setting `{name}` stands twice, nested and dotted");
        findings.error(code::KEY_TWICE, place, message, "keep one of the two");
    }
}

impl StepWire {
    fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let place = entry.key.place.clone();
        let Some(mut fields) = Fields::open(&entry.node, ("a step", &place), findings) else {
            let required_stop = At { value: false, place: place.clone() };
            return Self { place, from: None, required_stop, indices: BTreeMap::new() };
        };
        let from = fields.required(("from", "\"1.0\""), findings);
        let required_stop = fields.optional("required_stop");
        let indices = fields.required(("indices", "{order: unchanged}"), findings);
        fields.finish(findings);
        let read =
            |entry: &Entry, findings: &mut Findings| Some(IndexStepWire::read(entry, findings));
        Self {
            from: from.and_then(|entry| version(entry, findings)),
            required_stop: At {
                value: flag(required_stop, findings),
                place: required_stop.map_or(&place, |entry| &entry.key.place).clone(),
            },
            indices: indices
                .map(|entry| map_of(entry, "`indices` of a step", findings, read))
                .unwrap_or_default(),
            place,
        }
    }
}

fn version(entry: &Entry, findings: &mut Findings) -> Option<At<Version>> {
    let written = text(entry, findings)?;
    match written.value.parse() {
        Ok(version) => Some(written.map(|_| version)),
        Err(error) => {
            let fix = "write the version of the release before, as its folder is called";
            findings.error(code::KIND, &written.place, error.to_string(), fix);
            None
        }
    }
}

const FATES: [&str; 5] = ["unchanged", "migrate", "new", "new_like", "dropped"];

impl IndexStepWire {
    fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let fate = match &entry.node.kind {
            Kind::Text(word) => simple_fate(word, entry, findings),
            Kind::Mapping(entries) => match entries.as_slice() {
                [only] => composed_fate(only, findings),
                _ => wrong_fate(entry, findings),
            },
            Kind::Null | Kind::Plain(_) | Kind::List(_) => wrong_fate(entry, findings),
        };
        Self { place: entry.key.place.clone(), fate }
    }
}

fn simple_fate(word: &str, entry: &Entry, findings: &mut Findings) -> Option<Fate> {
    match word {
        "unchanged" => Some(Fate::Unchanged),
        "new" => Some(Fate::New),
        "dropped" => Some(Fate::Dropped),
        "migrate" | "new_like" => {
            let fix = match word {
                "migrate" => "write `{migrate: {from: …, operations: […]}}`",
                _ => "write `{new_like: …}` with the key of the index whose partitions it gets",
            };
            expected(entry, &format!("more than the word `{word}`"), fix, findings);
            None
        }
        _ => {
            unknown_fate(word, &entry.node.place, findings);
            None
        }
    }
}

fn composed_fate(entry: &Entry, findings: &mut Findings) -> Option<Fate> {
    match entry.key.value.as_str() {
        "migrate" => migration(entry, findings),
        "new_like" => text(entry, findings).map(|like| Fate::NewLike { like }),
        word @ ("unchanged" | "new" | "dropped") => {
            let fix = format!(
                "write the word `{word}` alone: `{{…}}` around it and what follows are too much"
            );
            expected(entry, "a word without a value", &fix, findings);
            None
        }
        word => {
            unknown_fate(word, &entry.key.place, findings);
            None
        }
    }
}

fn migration(entry: &Entry, findings: &mut Findings) -> Option<Fate> {
    let mut fields = Fields::open(&entry.node, ("`migrate`", &entry.key.place), findings)?;
    let from = fields.optional("from");
    let partition = fields.optional("partition");
    let operations = fields.optional("operations");
    let down = fields.optional("down");
    let irreversible = fields.optional("irreversible");
    fields.finish(findings);
    let way_back = WayBackWire {
        down: down.map(|entry| DownWire {
            place: entry.key.place.clone(),
            operations: Operations::read(entry, findings),
        }),
        irreversible: irreversible.and_then(|entry| reason(entry, findings)),
    };
    // A source that could not be read must not be taken for the default one.
    let from = match from {
        Some(entry) if matches!(entry.node.kind, Kind::List(_)) => sources(entry, findings)?,
        Some(entry) => vec![text(entry, findings)?],
        None => Vec::new(),
    };
    let partition = match partition {
        Some(entry) => Some(Box::new(text(entry, findings)?)),
        None => None,
    };
    let operations = match operations {
        Some(entry) => Operations::read(entry, findings),
        None => Operations { all: Vec::new(), is_complete: true },
    };
    Some(Fate::Migrate { from, partition, operations, way_back })
}

/// Several indices whose documents come together, each named once.
fn sources(entry: &Entry, findings: &mut Findings) -> Option<Vec<At<String>>> {
    let keys = texts(entry, findings)?;
    for (position, key) in keys.iter().enumerate() {
        if keys.iter().take(position).any(|other| other.value == key.value) {
            let message = format!("`{}` stands twice in `from`", key.value);
            findings.error(code::KIND, &key.place, message, "keep one of the two");
        }
    }
    if keys.is_empty() {
        let fix = "name the indices that the documents come from, or leave it out";
        findings.error(code::KIND, &entry.key.place, "this `from` names no index", fix);
        return None;
    }
    Some(keys)
}

/// Why there is no way back: an operator reads it before the switch, so it must say something.
fn reason(entry: &Entry, findings: &mut Findings) -> Option<At<String>> {
    let written = text(entry, findings)?;
    if written.value.trim().is_empty() {
        let message = "`irreversible` gives no reason";
        let fix = "say in a few words why documents can't get back";
        findings.error(code::KIND, &written.place, message, fix);
        return None;
    }
    Some(At { value: written.value, place: entry.key.place.clone() })
}

fn wrong_fate(entry: &Entry, findings: &mut Findings) -> Option<Fate> {
    let fix = "write one of `unchanged`, `new`, `dropped`, `{migrate: {…}}`, `{new_like: …}`";
    expected(entry, "what becomes of the index", fix, findings);
    None
}

fn unknown_fate(word: &str, place: &Place, findings: &mut Findings) {
    let message = format!("an index can't become `{word}`");
    findings.error(code::WORD_UNKNOWN, place, message, suggestion(word, FATES));
}

//! The one way in which a document changes: find the index, check the mapping, write to the shard.
//!
//! A write that needs the cluster state changed first (an index made, a field added) says so with
//! a [`Need`]; the caller drops its read lock, has the need [`supply`]'d and tries again. Bulks and
//! single documents both come through here.

use std::collections::HashMap;

use crate::error::Refusal;
use crate::lifecycle;
use crate::mapping::model::Field;
use crate::mapping::validate::{Addition, validate};
use crate::mapping::{merge, model};
use crate::names::{check_index_name, matches};
use crate::node::{Alias, Deed, Flavour, Index, Node, State, write_shard};
use crate::search::render::filtered;
use crate::shard::{Condition, Write, Written};
use crate::wait::Wait;

/// Longer ids are refused by the engines.
const ID_BYTES_MAX: usize = 512;

/// How often a write may need the cluster state changed before it is given up: once for the index
/// and once for its fields, more only when somebody deletes them in between.
pub(crate) const ATTEMPTS_MAX: usize = 8;

/// One write as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<'a> {
    /// An index or an alias.
    pub(crate) index: &'a str,
    pub(crate) id: &'a str,
    pub(crate) routing: Option<&'a str>,
    /// `None` deletes.
    pub(crate) source: Option<&'a str>,
    pub(crate) condition: Condition,
    pub(crate) require_alias: bool,
    pub(crate) copies: Wait,
}

/// A write that happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done<'s> {
    pub(crate) index: &'s Index,
    pub(crate) shard: u32,
    pub(crate) written: Written,
}

/// What a write got to.
#[derive(Debug)]
pub(crate) enum Step<'s> {
    Done(Done<'s>),
    Needs(Need),
}

/// A change of the cluster state that a write waits for.
#[derive(Debug)]
pub(crate) enum Need {
    Index,
    Fields {
        index: String,
        additions: Vec<Addition>,
    },
    /// More copies of its shards than there are.
    Copies {
        index: String,
        wait: Wait,
    },
}

/// Where the writes to one name go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'s> {
    index: &'s Index,
    alias: Option<(&'s str, &'s Alias)>,
}

/// The places found under one read lock, so that a bulk looks each name up once.
#[derive(Debug)]
pub(crate) struct Writer<'s> {
    state: &'s State,
    places: HashMap<String, Option<Place<'s>>>,
    /// The place of the item before, which most often is the next one's too.
    last: Option<(String, Place<'s>)>,
}

impl<'s> Writer<'s> {
    pub(crate) fn new(state: &'s State) -> Self {
        Self { state, places: HashMap::new(), last: None }
    }

    pub(crate) fn attempt(&mut self, operation: &Operation<'_>) -> Result<Step<'s>, Refusal> {
        let Some(place) = self.place(operation.index)? else {
            return self.missing(operation);
        };
        if operation.require_alias && place.alias.is_none() {
            return Err(not_an_alias(operation.index));
        }
        write(place, operation)
    }

    fn place(&mut self, name: &str) -> Result<Option<Place<'s>>, Refusal> {
        if let Some((last, place)) = &self.last
            && last == name
        {
            return Ok(Some(*place));
        }
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => locate(self.state, name)?,
        };
        self.places.insert(name.to_owned(), place);
        self.last = place.map(|place| (name.to_owned(), place));
        Ok(place)
    }

    fn missing(&self, operation: &Operation<'_>) -> Result<Step<'s>, Refusal> {
        let name = operation.index;
        if operation.require_alias {
            return Err(not_an_alias(name));
        }
        let external =
            matches!(operation.condition, Condition::External(_) | Condition::ExternalOrEqual(_));
        if operation.source.is_none() && !external {
            return Err(Refusal::index_not_found(name));
        }
        check_index_name(name)?;
        let rule = self.state.cluster_setting("action.auto_create_index").unwrap_or("true");
        if !creates_automatically(rule, name) {
            let mut refusal = Refusal::index_not_found(name);
            refusal.reason =
                format!("no such index [{name}] and [action.auto_create_index] is [{rule}]");
            return Err(refusal);
        }
        Ok(Step::Needs(Need::Index))
    }
}

/// Whether `action.auto_create_index` lets a write make this index: `true`, `false`, or patterns
/// of which the first that matches decides, `-` in front forbidding.
fn creates_automatically(rule: &str, name: &str) -> bool {
    match rule {
        "true" => true,
        "false" => false,
        patterns => patterns
            .split(',')
            .map(|pattern| match pattern.strip_prefix('-') {
                Some(pattern) => (pattern, false),
                None => (pattern.strip_prefix('+').unwrap_or(pattern), true),
            })
            .find(|(pattern, _)| matches(pattern, name))
            .is_some_and(|(_, allowed)| allowed),
    }
}

/// Makes the change that a write waits for.
pub(crate) fn supply(node: &Node, name: &str, need: Need) -> Result<(), Refusal> {
    match need {
        Need::Copies { index, wait } => wait.until_there(node, &index),
        Need::Index => lifecycle::create_automatically(node, name),
        Need::Fields { index, additions } => {
            let mut state = node.change();
            let Some(index) = state.indices.get_mut(&index) else { return Ok(()) };
            let mapping = merge::add(&index.mapping, &additions, node.flavour)?;
            lifecycle::check_field_count(&mapping, &index.settings)?;
            index.mapping = mapping;
            Ok(())
        }
    }
}

/// The index that writes to `name` go to.
pub(crate) fn locate<'s>(state: &'s State, name: &str) -> Result<Option<Place<'s>>, Refusal> {
    if let Some(index) = state.indices.get(name) {
        return Ok(Some(Place { index, alias: None }));
    }
    let holders: Vec<Place<'s>> = state
        .indices
        .values()
        .filter_map(|index| {
            let (alias_name, alias) = index.aliases.get_key_value(name)?;
            Some(Place { index, alias: Some((alias_name.as_str(), alias)) })
        })
        .collect();
    let marked =
        |place: &&Place<'_>| place.alias.is_some_and(|(_, a)| a.is_write_index == Some(true));
    match holders.as_slice() {
        [] => Ok(None),
        [only] if only.alias.is_some_and(|(_, alias)| alias.is_write_index != Some(false)) => {
            Ok(Some(*only))
        }
        several => several.iter().find(marked).copied().map(Some).ok_or_else(|| {
            Refusal::illegal_argument(format!(
                "no write index is defined for alias [{name}]. The write index may be explicitly disabled using is_write_index=false or the alias points to multiple indices without one being designated as a write index"
            ))
        }),
    }
}

fn write<'s>(place: Place<'s>, operation: &Operation<'_>) -> Result<Step<'s>, Refusal> {
    let index = place.index;
    if !index.open {
        return Err(Refusal::new(400, "index_closed_exception", "closed")
            .about_index(&index.name, &index.uuid));
    }
    let routing = routing_of(place, operation)?;
    if operation.id.is_empty() {
        return Err(Refusal::illegal_argument("if _id is specified it must not be empty"));
    }
    index.check_block(Deed::Write)?;
    if operation.copies.refusal(index).is_some() {
        let (index, wait) = (index.name.clone(), operation.copies);
        return Ok(Step::Needs(Need::Copies { index, wait }));
    }
    let id = operation.id;
    if index.mapping.routing_required && routing.is_none() {
        let reason = format!("routing is required for [{}]/[_doc]/[{id}]", index.name);
        return Err(
            Refusal::new(400, "routing_missing_exception", reason).about_index(&index.name, "_na_")
        );
    }
    if let Some(source) = operation.source {
        let malformed_ok = index.settings.flag("index.mapping.ignore_malformed");
        let additions = validate(source, id, &index.mapping, malformed_ok)?;
        if !additions.is_empty() {
            return Ok(Step::Needs(Need::Fields { index: index.name.clone(), additions }));
        }
    }
    let number = index.shard_number(id, routing);
    let Some(shard) = index.shard(number) else {
        return Err(Refusal::new(500, "illegal_state_exception", format!("no shard [{number}]")));
    };
    let kept = match (&index.mapping.source_filter, operation.source) {
        (Some(filter), Some(source)) => Some(filtered(source, filter)),
        _ => None,
    };
    let source = kept.as_deref().or(operation.source);
    let write = Write { id, routing, source, condition: operation.condition };
    let written =
        write_shard(shard).write(&write, index.settings.gc_deletes()).map_err(|refusal| {
            refusal
                .with("index_uuid", index.uuid.as_str().into())
                .with("shard", number.to_string().into())
                .with("index", index.name.as_str().into())
        })?;
    Ok(Step::Done(Done { index, shard: number, written }))
}

fn routing_of<'a>(place: Place<'a>, operation: &Operation<'a>) -> Result<Option<&'a str>, Refusal> {
    let by_alias =
        place.alias.and_then(|(name, alias)| Some((name, alias.index_routing.as_deref()?)));
    match (operation.routing, by_alias) {
        (given, None) => Ok(given),
        (None, Some((_, routing))) => Ok(Some(routing)),
        (Some(given), Some((_, routing))) if given == routing => Ok(Some(given)),
        (Some(given), Some((name, routing))) => Err(Refusal::illegal_argument(format!(
            "Alias [{name}] has index routing associated with it [{routing}], and was provided with routing value [{given}], rejecting operation"
        ))),
    }
}

fn not_an_alias(name: &str) -> Refusal {
    let mut refusal = Refusal::index_not_found(name);
    refusal.reason = format!(
        "no such index [{name}] and [require_alias] request flag is [true] and [{name}] is not an alias"
    );
    refusal
}

/// What is wrong with an id, in the engines' words.
pub(crate) fn id_complaint(id: &str) -> Option<String> {
    (id.len() > ID_BYTES_MAX).then(|| {
        format!(
            "id [{id}] is too long, must be no longer than {ID_BYTES_MAX} bytes but was: {}",
            id.len()
        )
    })
}

/// The version and sequence parameters of a write, as they were given.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Given<'a> {
    pub(crate) version: Option<i64>,
    pub(crate) version_type: Option<&'a str>,
    pub(crate) if_seq_no: Option<i64>,
    pub(crate) if_primary_term: Option<i64>,
    /// `op_type=create`.
    pub(crate) create: bool,
}

impl Given<'_> {
    /// Refuses a word that is no version type, before anything else is looked at.
    pub(crate) fn check_version_type(&self) -> Result<(), Refusal> {
        match self.version_type {
            None | Some("internal" | "external" | "external_gt" | "external_gte") => Ok(()),
            Some(other) => {
                Err(Refusal::illegal_argument(format!("No version type match [{other}]")))
            }
        }
    }

    /// The condition that the parameters mean together, or the complaint about them.
    pub(crate) fn condition(&self) -> Result<Condition, String> {
        let external = match self.version_type {
            None | Some("internal") => None,
            Some("external" | "external_gt") => Some(false),
            Some("external_gte") => Some(true),
            // Callers have looked with `check_version_type`.
            Some(other) => return Err(format!("No version type match [{other}]")),
        };
        if self.create {
            return match (external, self.version, self.if_seq_no) {
                (None, None, None) => Ok(Condition::Absent),
                (_, _, Some(_)) => {
                    Err("create operations do not support compare and set. use index instead"
                        .to_owned())
                }
                _ => Err("create operations only support internal versioning. use index instead"
                    .to_owned()),
            };
        }
        match (self.if_seq_no, self.if_primary_term) {
            (Some(seq_no), Some(primary_term)) if external.is_none() && self.version.is_none() => {
                Ok(Condition::At { seq_no, primary_term })
            }
            (Some(_), Some(_)) => {
                Err("compare and write operations can not use versioning".to_owned())
            }
            (Some(_), None) => Err("ifSeqNo is set, but primary term is [0]".to_owned()),
            (None, Some(term)) => {
                Err(format!("ifSeqNo is unassigned, but primary term is [{term}]"))
            }
            (None, None) => self.versioned(external),
        }
    }

    fn versioned(&self, external: Option<bool>) -> Result<Condition, String> {
        match (external, self.version) {
            (None, None) => Ok(Condition::Any),
            (None, Some(_)) => Err("internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead".to_owned()),
            (Some(_), None) => Err("illegal version value [-3] for version type [EXTERNAL]".to_owned()),
            (Some(_), Some(version)) if version < 0 => {
                Err(format!("illegal version value [{version}] for version type [EXTERNAL]"))
            }
            (Some(false), Some(version)) => Ok(Condition::External(version)),
            (Some(true), Some(version)) => Ok(Condition::ExternalOrEqual(version)),
        }
    }
}

/// How the answer to a write is rendered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rendering {
    pub(crate) flavour: Flavour,
    pub(crate) forced_refresh: bool,
}

/// Appends the members of an answer to a write, braces left to the caller.
pub(crate) fn push_written(buffer: &mut Vec<u8>, done: &Done<'_>, id: &str, rendering: Rendering) {
    use std::io::Write as _;
    let Done { index, shard: _, written } = done;
    buffer.extend_from_slice(b"\"_index\":");
    push_text(buffer, &index.name);
    if rendering.flavour == Flavour::Elasticsearch {
        buffer.extend_from_slice(b",\"_type\":\"_doc\"");
    }
    buffer.extend_from_slice(b",\"_id\":");
    push_text(buffer, id);
    let copies = index.settings.replicas().saturating_add(1);
    let forced = if rendering.forced_refresh { ",\"forced_refresh\":true" } else { "" };
    write!(
        buffer,
        ",\"_version\":{},\"result\":\"{}\"{forced},\"_shards\":{{\"total\":{copies},\"successful\":1,\"failed\":0}},\"_seq_no\":{},\"_primary_term\":{}",
        written.version,
        written.effect.word(),
        written.seq_no,
        written.term,
    )
    .expect("writing to a Vec does not fail");
}

/// Appends a JSON text, quotes and escapes included.
pub(crate) fn push_text(buffer: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(buffer, text).expect("writing a text to a Vec does not fail");
}

/// How many fields a mapping has, objects counted as the engines count them.
pub(crate) fn field_count(object: &model::ObjectField) -> usize {
    object
        .fields
        .values()
        .map(|field| match field {
            Field::Object(inner) => 1 + field_count(inner),
            Field::Leaf(leaf) => 1 + leaf.variants.len(),
        })
        .sum()
}

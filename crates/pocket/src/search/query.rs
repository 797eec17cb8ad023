//! The queries that pocket knows, compiled for one index, and whether a document fits.
//!
//! There is no inverted index: sequence numbers and ids are looked up, every other test reads the
//! field from the document's source.

use std::collections::BTreeSet;
use std::ops::Bound;

use serde_json::{Map, Value};

use super::key::{Key, keys_at};
use crate::error::Refusal;
use crate::mapping::model::{Kind, Leaf};
use crate::mapping::scalar::Scalar;
use crate::names::matches;
use crate::node::Index;
use crate::shard::Document;

/// A compiled query.
#[derive(Debug, Clone)]
pub(crate) enum Query {
    All,
    Nothing,
    Every(Vec<Self>),
    Some {
        of: Vec<Self>,
        least: usize,
    },
    Not(Box<Self>),
    Sequence {
        first: i64,
        last: i64,
    },
    Ids(BTreeSet<String>),
    Routing(BTreeSet<String>),
    /// Has a routing value at all.
    Routed,
    Exists {
        path: String,
        kind: Kind,
    },
    Field {
        path: String,
        kind: Kind,
        test: Test,
    },
}

/// What must hold for one of a field's values.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    OneOf(Vec<Key>),
    Range {
        low: Bound<Key>,
        high: Bound<Key>,
    },
    Prefix(String),
    Wildcard(String),
    /// Of a text: each word in lower case, all or any.
    Words {
        words: Vec<String>,
        all: bool,
    },
}

impl Query {
    pub(crate) fn parse(json: &Value, index: &Index) -> Result<Self, Refusal> {
        Self::parse_in(json, Scope { index, nested: false })
    }

    fn parse_in(json: &Value, scope: Scope<'_>) -> Result<Self, Refusal> {
        let map = match json {
            Value::Null => return Ok(Self::All),
            Value::Object(map) => map,
            _ => {
                return Err(Refusal::parsing(
                    "[_na] query malformed, must start with start_object",
                ));
            }
        };
        let mut members = map.iter();
        let Some((name, body)) = members.next() else {
            return Err(Refusal::illegal_argument("query malformed, empty clause found"));
        };
        if let Some((second, _)) = members.next() {
            return Err(Refusal::parsing(format!(
                "[{name}] malformed query, expected [END_OBJECT] but found [FIELD_NAME] ({second})"
            )));
        }
        let Value::Object(body) = body else {
            return Err(Refusal::parsing(format!(
                "[{name}] query malformed, no start_object after query name"
            )));
        };
        parse_clause(name, body, scope)
    }

    /// The sequence numbers that can fit at all.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        match self {
            Self::Sequence { first, last } => (*first, *last),
            Self::Every(parts) => parts
                .iter()
                .map(Self::bounds)
                .fold((0, i64::MAX), |(first, last), (low, high)| (first.max(low), last.min(high))),
            _ => (0, i64::MAX),
        }
    }

    /// Whether [`Self::bounds`] says all there is to say.
    pub(crate) fn is_bounds(&self) -> bool {
        match self {
            Self::All | Self::Sequence { .. } => true,
            Self::Every(parts) => parts.iter().all(Self::is_bounds),
            _ => false,
        }
    }

    /// The only ids that can fit, where the query says so.
    pub(crate) fn ids(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Ids(ids) => Some(ids),
            Self::Every(parts) => parts.iter().find_map(Self::ids),
            _ => None,
        }
    }

    pub(crate) fn fits(&self, document: &Document) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::Every(parts) => parts.iter().all(|part| part.fits(document)),
            Self::Some { of, least } => {
                of.iter().filter(|part| part.fits(document)).take(*least).count() >= *least
            }
            Self::Not(part) => !part.fits(document),
            Self::Sequence { first, last } => i64::try_from(document.seq_no)
                .is_ok_and(|seq_no| (*first..=*last).contains(&seq_no)),
            Self::Ids(ids) => ids.contains(document.id.as_ref()),
            Self::Routing(routings) => {
                document.routing.as_deref().is_some_and(|routing| routings.contains(routing))
            }
            Self::Routed => document.routing.is_some(),
            Self::Exists { path, kind } => !keys_at(document, path, kind).is_empty(),
            Self::Field { path, kind, test } => {
                keys_at(document, path, kind).iter().any(|key| test.holds(key))
            }
        }
    }
}

/// The index that a query is compiled for, and whether it stands inside a `nested` query. The
/// objects of a nested field are documents of their own: from outside, they are not there.
#[derive(Debug, Clone, Copy)]
struct Scope<'s> {
    index: &'s Index,
    nested: bool,
}

impl<'s> Scope<'s> {
    fn resolve<'a>(self, path: &'a str) -> Option<(String, &'a Leaf)>
    where
        's: 'a,
    {
        if !self.nested && self.index.mapping.is_nested(path) {
            return None;
        }
        self.index.mapping.resolve(path)
    }

    fn leaves_below(self, path: &str) -> Vec<(String, &'s Leaf)> {
        if !self.nested && self.index.mapping.is_nested(path) {
            return Vec::new();
        }
        self.index.mapping.leaves_below(path)
    }
}

impl Test {
    fn holds(&self, key: &Key) -> bool {
        match (self, key) {
            (Self::OneOf(wanted), key) => wanted.iter().any(|want| want.order(key).is_eq()),
            (Self::Range { low, high }, key) => {
                let above = match low {
                    Bound::Unbounded => true,
                    Bound::Included(low) => low.order(key).is_le(),
                    Bound::Excluded(low) => low.order(key).is_lt(),
                };
                above
                    && match high {
                        Bound::Unbounded => true,
                        Bound::Included(high) => key.order(high).is_le(),
                        Bound::Excluded(high) => key.order(high).is_lt(),
                    }
            }
            (Self::Prefix(prefix), Key::Text(text)) => text.starts_with(prefix.as_str()),
            (Self::Wildcard(pattern), Key::Text(text)) => {
                let pattern: Vec<char> = pattern.chars().collect();
                wildcard(&pattern, &text.chars().collect::<Vec<char>>())
            }
            (Self::Words { words: wanted, all }, Key::Text(text)) => {
                let present = words(text);
                let has = |word: &String| present.contains(word);
                if *all { wanted.iter().all(has) } else { wanted.iter().any(has) }
            }
            _ => false,
        }
    }
}

/// Whether the pattern, with `*` for any text and `?` for one character, matches.
fn wildcard(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        (['*', rest @ ..], _) => {
            wildcard(rest, text) || text.split_first().is_some_and(|(_, t)| wildcard(pattern, t))
        }
        (['?', rest @ ..], [_, text @ ..]) => wildcard(rest, text),
        ([one, rest @ ..], [other, text @ ..]) => one == other && wildcard(rest, text),
        _ => false,
    }
}

/// The words of a text as the standard analyser would cut it, near enough.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn parse_clause(name: &str, body: &Map<String, Value>, scope: Scope<'_>) -> Result<Query, Refusal> {
    match name {
        "match_all" => Ok(Query::All),
        "match_none" => Ok(Query::Nothing),
        "constant_score" | "nested" | "function_score" => {
            let key = if name == "constant_score" { "filter" } else { "query" };
            let scope = Scope { nested: scope.nested || name == "nested", ..scope };
            match body.get(key) {
                Some(inner) => Query::parse_in(inner, scope),
                None => Err(Refusal::parsing(format!("[{name}] requires a '{key}' element"))),
            }
        }
        "bool" => parse_bool(body, scope),
        "ids" => match body.get("values") {
            Some(Value::Array(list)) => Ok(Query::Ids(list.iter().map(plain).collect())),
            Some(Value::String(id)) => Ok(Query::Ids(BTreeSet::from([id.clone()]))),
            _ => Ok(Query::Nothing),
        },
        "exists" => match body.get("field").and_then(Value::as_str) {
            Some(field) => Ok(exists(field, scope)),
            None => Err(Refusal::parsing("[exists] must be provided with a [field]")),
        },
        "terms" => parse_terms(body, scope),
        "term" | "range" | "prefix" | "wildcard" | "match" => {
            let mut fields = body.iter().filter(|(key, _)| *key != "boost" && *key != "_name");
            let Some((field, value)) = fields.next() else {
                return Err(Refusal::illegal_argument("field name is null or empty"));
            };
            if fields.next().is_some() {
                return Err(Refusal::parsing(format!(
                    "[{name}] query doesn't support multiple fields"
                )));
            }
            match name {
                "range" => parse_range(field, value, scope),
                _ => parse_value(name, field, value, scope),
            }
        }
        unknown => Err(Refusal::parsing(format!("unknown query [{unknown}]"))),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parse_bool(body: &Map<String, Value>, scope: Scope<'_>) -> Result<Query, Refusal> {
    let clauses = |value: &Value| -> Result<Vec<Query>, Refusal> {
        match value {
            Value::Array(list) => {
                list.iter().map(|clause| Query::parse_in(clause, scope)).collect()
            }
            one => Ok(vec![Query::parse_in(one, scope)?]),
        }
    };
    let mut every = Vec::new();
    let mut should = Vec::new();
    let mut least = None;
    for (key, value) in body {
        match key.as_str() {
            "must" | "filter" => every.extend(clauses(value)?),
            "must_not" => {
                every.extend(clauses(value)?.into_iter().map(|part| Query::Not(Box::new(part))));
            }
            "should" => should.extend(clauses(value)?),
            "minimum_should_match" => least = plain(value).parse::<usize>().ok(),
            "boost" | "_name" | "adjust_pure_negative" => {}
            unknown => {
                let reason = format!("[bool] unknown field [{unknown}]");
                return Err(Refusal::new(400, "x_content_parse_exception", reason));
            }
        }
    }
    let positive = body.contains_key("must") || body.contains_key("filter");
    let least = least.unwrap_or(usize::from(!positive));
    if !should.is_empty() && least > 0 {
        every.push(Query::Some { of: should, least });
    }
    Ok(Query::Every(every))
}

fn exists(field: &str, scope: Scope<'_>) -> Query {
    match field {
        "_seq_no" | "_id" | "_version" | "_source" => Query::All,
        "_routing" => Query::Routed,
        _ => {
            // An object exists where one of its fields does; what is not mapped never exists.
            let leaves =
                scope.resolve(field).map_or_else(|| scope.leaves_below(field), |leaf| vec![leaf]);
            let of = leaves
                .into_iter()
                .map(|(path, leaf)| Query::Exists { path, kind: leaf.kind.clone() })
                .collect();
            Query::Some { of, least: 1 }
        }
    }
}

fn parse_terms(body: &Map<String, Value>, scope: Scope<'_>) -> Result<Query, Refusal> {
    let mut fields = body.iter().filter(|(key, _)| *key != "boost" && *key != "_name");
    match (fields.next(), fields.next()) {
        (Some((field, Value::Array(values))), None) => equals(field, values, scope),
        _ => Err(Refusal::parsing("[terms] query requires one field and an array of terms")),
    }
}

fn parse_value(name: &str, field: &str, value: &Value, scope: Scope<'_>) -> Result<Query, Refusal> {
    let inner = value.get("value").or_else(|| value.get("query")).unwrap_or(value);
    if inner.is_object() || inner.is_array() {
        return Err(Refusal::parsing(format!(
            "[{name}] query does not support an object or array"
        )));
    }
    if name == "term" || (name == "match" && field.starts_with('_')) {
        return equals(field, std::slice::from_ref(inner), scope);
    }
    let Some((path, leaf)) = scope.resolve(field) else { return Ok(Query::Nothing) };
    let text = plain(inner);
    let test = match (name, &leaf.kind) {
        ("prefix", _) => Test::Prefix(text),
        ("wildcard", _) => Test::Wildcard(text),
        (_, Kind::Text) => Test::Words {
            words: words(&text),
            all: value.get("operator").and_then(Value::as_str) == Some("and"),
        },
        _ => return equals(field, std::slice::from_ref(inner), scope),
    };
    Ok(Query::Field { path, kind: leaf.kind.clone(), test })
}

fn equals(field: &str, values: &[Value], scope: Scope<'_>) -> Result<Query, Refusal> {
    match field {
        "_id" => return Ok(Query::Ids(values.iter().map(plain).collect())),
        "_routing" => return Ok(Query::Routing(values.iter().map(plain).collect())),
        "_index" => {
            let named = |value: &Value| {
                let name = plain(value);
                matches(&name, &scope.index.name) || scope.index.aliases.contains_key(&name)
            };
            return Ok(if values.iter().any(named) { Query::All } else { Query::Nothing });
        }
        "_seq_no" => {
            let numbers = values.iter().filter_map(|value| plain(value).parse().ok());
            let of = numbers.map(|number| Query::Sequence { first: number, last: number });
            return Ok(Query::Some { of: of.collect(), least: 1 });
        }
        _ => {}
    }
    let Some((path, leaf)) = scope.resolve(field) else { return Ok(Query::Nothing) };
    if matches!(leaf.kind, Kind::Text) {
        let words = values.iter().map(plain).collect();
        let test = Test::Words { words, all: false };
        return Ok(Query::Field { path, kind: Kind::Text, test });
    }
    let network = |value: &Value| matches!(leaf.kind, Kind::Ip) && plain(value).contains('/');
    if values.iter().any(network) {
        return Err(Refusal::parsing("the pocket cluster has no search by network"));
    }
    let keys: Result<Vec<Key>, Refusal> =
        values.iter().map(|value| key(field, value, &leaf.kind, scope)).collect();
    Ok(Query::Field { path, kind: leaf.kind.clone(), test: Test::OneOf(keys?) })
}

/// The key of a value in a query; a value that no document could have is refused as the engines do.
fn key(field: &str, value: &Value, kind: &Kind, scope: Scope<'_>) -> Result<Key, Refusal> {
    if value.is_null() {
        return Err(Refusal::illegal_argument("value cannot be null"));
    }
    let text = value.to_string();
    let scalar = Scalar::read(&text);
    let plain = scalar.as_text();
    if let (Kind::Integer { .. }, Ok(number)) = (kind, plain.parse::<f64>())
        && number.fract() != 0.0
    {
        // No whole number is equal to it, but some are above and some below.
        return Ok(Key::Float(number));
    }
    if let Some(key) = Key::of(&scalar, kind) {
        return Ok(key);
    }
    let reason = format!("failed to create query: the value {text} does not fit field [{field}]");
    let cause = match kind {
        Kind::Date(_) if plain.starts_with("now") || plain.contains("||") => {
            return Err(Refusal::parsing("the pocket cluster has no date mathematics"));
        }
        Kind::Date(_) => Refusal::new(400, "parse_exception", reason),
        _ => Refusal::new(400, "query_shard_exception", reason)
            .about_index(&scope.index.name, &scope.index.uuid)
            .caused_by(Refusal::illegal_argument(format!("For input string: {text}"))),
    };
    Err(super::phase_failure(cause))
}

fn parse_range(field: &str, value: &Value, scope: Scope<'_>) -> Result<Query, Refusal> {
    let Value::Object(bounds) = value else {
        return Err(Refusal::parsing("[range] query malformed, no start_object after field name"));
    };
    if field == "_seq_no" {
        return sequence_range(bounds);
    }
    let resolved = scope.resolve(field);
    let (mut low, mut high) = (Bound::Unbounded, Bound::Unbounded);
    for (name, bound) in bounds {
        let bound = |make: fn(Key) -> Bound<Key>| match (&resolved, bound) {
            (_, Value::Null) | (None, _) => Ok(Bound::Unbounded),
            (Some((_, leaf)), bound) => key(field, bound, &leaf.kind, scope).map(make),
        };
        match name.as_str() {
            "gt" => low = bound(Bound::Excluded)?,
            "gte" | "from" => low = bound(Bound::Included)?,
            "lt" => high = bound(Bound::Excluded)?,
            "lte" | "to" => high = bound(Bound::Included)?,
            "boost" | "format" | "time_zone" | "relation" | "_name" => {}
            unknown => {
                return Err(Refusal::parsing(format!(
                    "[range] query does not support [{unknown}]"
                )));
            }
        }
    }
    Ok(match resolved {
        None => Query::Nothing,
        Some((path, leaf)) => {
            Query::Field { path, kind: leaf.kind.clone(), test: Test::Range { low, high } }
        }
    })
}

fn sequence_range(bounds: &Map<String, Value>) -> Result<Query, Refusal> {
    let (mut first, mut last) = (0_i64, i64::MAX);
    for (name, bound) in bounds {
        let number = || {
            plain(bound).parse::<i64>().map_err(|_| {
                super::phase_failure(Refusal::new(
                    400,
                    "query_shard_exception",
                    format!("failed to create query: For input string: {bound}"),
                ))
            })
        };
        match name.as_str() {
            _ if bound.is_null() => {}
            "gt" => first = number()?.saturating_add(1),
            "gte" | "from" => first = number()?,
            "lt" => last = number()?.saturating_sub(1),
            "lte" | "to" => last = number()?,
            "boost" | "_name" => {}
            unknown => {
                return Err(Refusal::parsing(format!(
                    "[range] query does not support [{unknown}]"
                )));
            }
        }
    }
    Ok(Query::Sequence { first, last })
}

//! The body of a search taken apart, with everything refused that pocket does not honour.

use serde_json::{Map, Value};

use super::aggregate::Aggregation;
use crate::error::Refusal;
use crate::mapping::model::as_flag;
use crate::node::Flavour;
use crate::request::Request;

/// A search as it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) query: Value,
    pub(crate) sort: Vec<SortOrder>,
    pub(crate) size: usize,
    pub(crate) from: usize,
    pub(crate) search_after: Option<Vec<Value>>,
    pub(crate) total: TotalWanted,
    pub(crate) show: Show,
    pub(crate) aggregations: Vec<(String, Aggregation)>,
    /// Groups in the statistics under which the search is counted.
    pub(crate) groups: Vec<String>,
}

/// What each hit shows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of its own")]
pub(crate) struct Show {
    pub(crate) seq_no: bool,
    pub(crate) version: bool,
    pub(crate) source: SourceFilter,
    /// A sort was asked for: hits have no score but their keys.
    pub(crate) sorted: bool,
    /// `stored_fields: "_none_"`: hits don't even have an id.
    pub(crate) bare: bool,
}

/// Which part of `_source` is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceFilter {
    All,
    None,
    /// Patterns of paths; no `include` means all.
    Fields {
        include: Vec<String>,
        exclude: Vec<String>,
    },
}

impl SourceFilter {
    /// The filter in the `_source` of a mapping, if there is one.
    pub(crate) fn of_mapping(json: &Value) -> Option<Self> {
        match parse_source(json).ok()? {
            Self::Fields { include, exclude } if !include.is_empty() || !exclude.is_empty() => {
                Some(Self::Fields { include, exclude })
            }
            _ => None,
        }
    }
}

/// How far hits are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TotalWanted {
    No,
    Exact,
    UpTo(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// One entry of `sort`.
#[derive(Debug, Clone)]
pub(crate) struct SortOrder {
    pub(crate) field: String,
    pub(crate) order: Order,
    pub(crate) missing_first: bool,
    pub(crate) unmapped_type: Option<String>,
}

/// Keys that are taken and change nothing here.
const IGNORED: [&str; 8] = [
    "timeout",
    "terminate_after",
    "batched_reduce_size",
    "profile",
    "explain",
    "track_scores",
    "min_score",
    "indices_boost",
];

impl Body {
    pub(crate) fn parse(request: &Request, flavour: Flavour) -> Result<Self, Refusal> {
        let map = match request.json()? {
            Value::Null => Map::new(),
            Value::Object(map) => map,
            _ => return Err(Refusal::parsing("Expected [START_OBJECT] but found another token")),
        };
        let mut body = Self {
            query: Value::Null,
            sort: Vec::new(),
            size: 10,
            from: 0,
            search_after: None,
            total: TotalWanted::UpTo(10_000),
            show: Show {
                seq_no: false,
                version: false,
                source: SourceFilter::All,
                sorted: false,
                bare: false,
            },
            aggregations: Vec::new(),
            groups: Vec::new(),
        };
        let stored_only = map.contains_key("stored_fields") && !map.contains_key("_source");
        for (key, value) in map {
            // Elasticsearch takes -1 for the default, OpenSearch refuses it.
            if key == "size" && flavour == Flavour::Elasticsearch && value.as_i64() == Some(-1) {
                continue;
            }
            body.take(&key, value)?;
        }
        if stored_only {
            body.show.source = SourceFilter::None;
        }
        body.parameters(request)?;
        if matches!(body.sort.as_slice(), [only] if only.field == "_score") {
            // The order that hits have anyway.
            body.sort.clear();
        }
        body.show.sorted = !body.sort.is_empty();
        body.check(request)?;
        Ok(body)
    }

    /// The body of a `_count`: a query and nothing else.
    pub(crate) fn parse_count(request: &Request, flavour: Flavour) -> Result<Self, Refusal> {
        let body = request.json()?;
        if let Some(map) = body.as_object()
            && let Some(key) = map.keys().find(|key| *key != "query")
        {
            return Err(Refusal::parsing(format!("request does not support [{key}]")));
        }
        let mut parsed = Self::parse(request, flavour)?;
        parsed.total = TotalWanted::Exact;
        parsed.size = 0;
        Ok(parsed)
    }

    fn take(&mut self, key: &str, value: Value) -> Result<(), Refusal> {
        match key {
            "query" | "post_filter" => self.query = value,
            "sort" => self.sort = parse_sort(&value)?,
            "size" => self.size = count(key, &value)?,
            "from" => self.from = count(key, &value)?,
            "search_after" => match value {
                Value::Array(list) => self.search_after = Some(list),
                _ => return Err(Refusal::parsing("[search_after] must be an array")),
            },
            "track_total_hits" => self.total = parse_total(&value)?,
            "seq_no_primary_term" => self.show.seq_no = flag(key, &value)?,
            "version" => self.show.version = flag(key, &value)?,
            "_source" => self.show.source = parse_source(&value)?,
            "stats" => self.groups = parse_groups(&value)?,
            "stored_fields" => self.show.bare = value.as_str() == Some("_none_"),
            "aggs" | "aggregations" => self.aggregations = Aggregation::parse_all(&value)?,
            ignored if IGNORED.contains(&ignored) => {}
            unknown => {
                return Err(Refusal::parsing(format!(
                    "Unknown key for a {} in [{unknown}].",
                    token(&value)
                )));
            }
        }
        Ok(())
    }

    fn parameters(&mut self, request: &Request) -> Result<(), Refusal> {
        if let Some(size) = request.number("size")? {
            self.size = usize::try_from(size).map_err(|_| negative("size", &size.to_string()))?;
        }
        if let Some(from) = request.number("from")? {
            self.from = usize::try_from(from).map_err(|_| negative("from", &from.to_string()))?;
        }
        if let Some(text) = request.parameter("track_total_hits") {
            self.total = parse_total(&serde_json::from_str(text).unwrap_or(Value::Null))?;
        }
        if let Some(wanted) = request.flag("seq_no_primary_term")? {
            self.show.seq_no = wanted;
        }
        if let Some(wanted) = request.flag("version")? {
            self.show.version = wanted;
        }
        match request.parameter("_source") {
            None => {}
            Some("true") => self.show.source = SourceFilter::All,
            Some("false") => self.show.source = SourceFilter::None,
            Some(list) => {
                let include = list.split(',').map(str::to_owned).collect();
                self.show.source = SourceFilter::Fields { include, exclude: Vec::new() };
            }
        }
        if let Some(list) = request.parameter("sort") {
            self.sort.clear();
            for entry in list.split(',') {
                let (field, order) = entry.split_once(':').unwrap_or((entry, ""));
                self.sort.push(SortOrder::new(field, &Value::from(order))?);
            }
        }
        if let Some(text) = request.parameter("q") {
            let query = if text == "*" || text == "*:*" {
                serde_json::json!({"match_all": {}})
            } else if let Some((field, value)) = text.split_once(':') {
                serde_json::json!({"match": {field: value}})
            } else {
                return Err(Refusal::parsing("the pocket cluster takes ?q=field:value only"));
            };
            self.query = query;
        }
        Ok(())
    }

    fn check(&self, request: &Request) -> Result<(), Refusal> {
        let scroll = request.parameter("scroll").is_some();
        let mut complaints = Vec::new();
        if scroll && self.from > 0 {
            complaints.push("using [from] is not allowed in a scroll context".to_owned());
        }
        if scroll && self.size == 0 {
            complaints.push("[size] cannot be [0] in a scroll context".to_owned());
        }
        if scroll && self.total == TotalWanted::No {
            complaints
                .push("disabling [track_total_hits] is not allowed in a scroll context".to_owned());
        }
        if complaints.is_empty() { Ok(()) } else { Err(Refusal::validation(&complaints)) }
    }
}

/// Names of groups in the statistics.
fn parse_groups(value: &Value) -> Result<Vec<String>, Refusal> {
    let names = value.as_array().into_iter().flatten().map(|name| name.as_str().map(str::to_owned));
    names
        .collect::<Option<Vec<String>>>()
        .filter(|_| value.is_array())
        .ok_or_else(|| Refusal::parsing(format!("Unknown key for a {} in [stats].", token(value))))
}

/// The engines' name of a JSON token.
pub(crate) fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "VALUE_NULL",
        Value::Bool(_) => "VALUE_BOOLEAN",
        Value::Number(_) => "VALUE_NUMBER",
        Value::String(_) => "VALUE_STRING",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}

fn negative(key: &str, text: &str) -> Refusal {
    Refusal::illegal_argument(format!("[{key}] parameter cannot be negative, found [{text}]"))
}

fn count(key: &str, value: &Value) -> Result<usize, Refusal> {
    let number = match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    number
        .and_then(|number| usize::try_from(number).ok())
        .ok_or_else(|| negative(key, &value.to_string()))
}

fn flag(key: &str, value: &Value) -> Result<bool, Refusal> {
    as_flag(value).ok_or_else(|| {
        Refusal::parsing(format!(
            "[{key}]: Failed to parse value [{value}] as only [true] or [false] are allowed."
        ))
    })
}

fn parse_total(value: &Value) -> Result<TotalWanted, Refusal> {
    match (as_flag(value), value.as_i64()) {
        (Some(true), _) => Ok(TotalWanted::Exact),
        (Some(false), _) | (None, Some(-1)) => Ok(TotalWanted::No),
        (None, Some(most)) if most >= 0 => {
            Ok(TotalWanted::UpTo(usize::try_from(most).unwrap_or(usize::MAX)))
        }
        _ => Err(Refusal::illegal_argument(format!(
            "[track_total_hits] parameter must be positive or equals to -1, got {value}"
        ))),
    }
}

fn parse_source(value: &Value) -> Result<SourceFilter, Refusal> {
    let texts = |value: &Value| -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(list) => {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    };
    match value {
        Value::Bool(true) => Ok(SourceFilter::All),
        Value::Bool(false) => Ok(SourceFilter::None),
        Value::String(_) | Value::Array(_) => {
            Ok(SourceFilter::Fields { include: texts(value), exclude: Vec::new() })
        }
        Value::Object(map) => {
            let part = |names: [&str; 2]| {
                names.iter().find_map(|name| map.get(*name)).map(texts).unwrap_or_default()
            };
            Ok(SourceFilter::Fields {
                include: part(["includes", "include"]),
                exclude: part(["excludes", "exclude"]),
            })
        }
        other => Err(Refusal::parsing(format!(
            "Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [{}]",
            token(other)
        ))),
    }
}

fn parse_sort(value: &Value) -> Result<Vec<SortOrder>, Refusal> {
    let entries: Vec<&Value> = match value {
        Value::Array(list) => list.iter().collect(),
        other => vec![other],
    };
    let mut orders = Vec::new();
    for entry in entries {
        match entry {
            Value::String(field) => orders.push(SortOrder::new(field, &Value::Null)?),
            Value::Object(map) => {
                for (field, options) in map {
                    orders.push(SortOrder::new(field, options)?);
                }
            }
            _ => {
                return Err(Refusal::illegal_argument(
                    "malformed sort format, within the sort array, an object, or an actual string are allowed",
                ));
            }
        }
    }
    Ok(orders)
}

impl SortOrder {
    fn new(field: &str, options: &Value) -> Result<Self, Refusal> {
        let word = match options {
            Value::Object(map) => map.get("order").and_then(Value::as_str).unwrap_or_default(),
            Value::String(word) => word.as_str(),
            _ => "",
        };
        let order = match word {
            "" if field == "_score" => Order::Descending,
            "" | "asc" => Order::Ascending,
            "desc" => Order::Descending,
            other => {
                return Err(Refusal::illegal_argument(format!("Unknown SortOrder [{other}]")));
            }
        };
        Ok(Self {
            field: field.to_owned(),
            order,
            missing_first: options.get("missing").and_then(Value::as_str) == Some("_first"),
            unmapped_type: options.get("unmapped_type").and_then(Value::as_str).map(str::to_owned),
        })
    }
}

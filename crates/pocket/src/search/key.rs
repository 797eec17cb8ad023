//! Values made comparable: for sorting, ranges and terms.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::body::{Order, SortOrder};
use super::phase_failure;
use crate::error::Refusal;
use crate::mapping::model::Kind;
use crate::mapping::scalar::{Scalar, values_at, whole_part};
use crate::node::Index;
use crate::shard::Document;

/// A value as its field's type compares it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Whole(i128),
    Float(f64),
    Text(String),
}

impl Key {
    /// What a field of this kind makes of a value; `None` where it does not fit.
    pub(crate) fn of(value: &Scalar<'_>, kind: &Kind) -> Option<Self> {
        if *value == Scalar::Null {
            return None;
        }
        let text = value.as_text();
        match kind {
            Kind::Integer { .. } => whole_part(&text).map(Self::Whole),
            Kind::Float { .. } => {
                text.parse().ok().filter(|n: &f64| n.is_finite()).map(Self::Float)
            }
            Kind::Boolean => match text.as_ref() {
                "true" => Some(Self::Whole(1)),
                "false" | "" => Some(Self::Whole(0)),
                _ => None,
            },
            Kind::Date(formats) => formats.millis(&text).map(|millis| Self::Whole(millis.into())),
            Kind::Keyword { ignore_above: Some(most) } if text.chars().count() > *most => None,
            _ => Some(Self::Text(text.into_owned())),
        }
    }

    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Float(one), Self::Float(other)) => one.total_cmp(other),
            // Different kinds meet only where two indices map one field differently.
            (one, other) => one.number().total_cmp(&other.number()),
        }
    }

    pub(crate) fn number(&self) -> f64 {
        match self {
            Self::Whole(number) => number.to_string().parse().unwrap_or(f64::NAN),
            Self::Float(number) => *number,
            Self::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Whole(number) => i64::try_from(*number).map_or(Value::Null, Value::from),
            Self::Float(number) => json!(number),
            Self::Text(text) => json!(text),
        }
    }

    /// A key as it came back in `search_after`.
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::Number(number) => Some(match number.as_i64() {
                Some(whole) => Self::Whole(whole.into()),
                None => Self::Float(number.as_f64()?),
            }),
            Value::Bool(flag) => Some(Self::Whole(i128::from(*flag))),
            Value::String(text) => Some(Self::Text(text.clone())),
            other => Some(Self::Text(other.to_string())),
        }
    }
}

/// A sort field as one index has it.
#[derive(Debug)]
pub(crate) enum SortField<'s> {
    /// `_doc`, `_shard_doc` and `_seq_no`: the place in the log.
    Sequence,
    Score,
    Id,
    Field {
        path: String,
        kind: &'s Kind,
        order: Order,
        /// The key of a document without the field.
        missing: Option<Key>,
    },
    /// Not in this index; all its documents have this key.
    Unmapped(Option<Key>),
}

impl<'s> SortField<'s> {
    pub(crate) fn resolve(order: &'s SortOrder, index: &'s Index) -> Result<Self, Refusal> {
        match order.field.as_str() {
            "_doc" | "_shard_doc" | "_seq_no" => return Ok(Self::Sequence),
            "_score" => return Ok(Self::Score),
            "_id" => return Ok(Self::Id),
            _ => {}
        }
        let field = &order.field;
        let Some((path, leaf)) = index.mapping.resolve(field) else {
            if let Some(kind) = &order.unmapped_type {
                let numeric = !matches!(kind.as_str(), "keyword" | "text" | "ip");
                return Ok(Self::Unmapped(numeric.then(|| extreme(order))));
            }
            let reason = format!("No mapping found for [{field}] in order to sort on");
            return Err(phase_failure(
                Refusal::new(400, "query_shard_exception", reason)
                    .about_index(&index.name, &index.uuid),
            ));
        };
        if matches!(leaf.kind, Kind::Text) {
            return Err(text_field(field));
        }
        // Numbers are never missing on the engines: they count as the largest or smallest of all.
        let missing = match leaf.kind {
            Kind::Integer { .. } | Kind::Date(_) | Kind::Boolean => Some(extreme(order)),
            _ => None,
        };
        Ok(Self::Field { path, kind: &leaf.kind, order: order.order, missing })
    }

    /// The key of a document; of several values the smallest upwards, the largest downwards.
    pub(crate) fn key(&self, document: &Document) -> Option<Key> {
        match self {
            Self::Sequence => i128::try_from(document.seq_no).ok().map(Key::Whole),
            Self::Score => Some(Key::Float(1.0)),
            Self::Id => Some(Key::Text(document.id.to_string())),
            Self::Unmapped(key) => key.clone(),
            Self::Field { path, kind, order, missing } => {
                let keys = keys_at(document, path, kind);
                let by = |one: &Key, other: &Key| one.order(other);
                let key = match order {
                    Order::Ascending => keys.into_iter().min_by(by),
                    Order::Descending => keys.into_iter().max_by(by),
                };
                key.or_else(|| missing.clone())
            }
        }
    }

    /// Whether `search_after` can hold this key.
    pub(crate) fn accepts(&self, key: Option<&Key>) -> bool {
        let numeric = match self {
            Self::Sequence | Self::Score => true,
            Self::Field { kind, .. } => matches!(kind, Kind::Integer { .. } | Kind::Float { .. }),
            Self::Id | Self::Unmapped(_) => false,
        };
        !numeric || !matches!(key, Some(Key::Text(text)) if text.parse::<f64>().is_err())
    }
}

/// A text field where one value per document is needed.
pub(crate) fn text_field(field: &str) -> Refusal {
    phase_failure(Refusal::illegal_argument(format!(
        "Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [{field}] in order to load field data by uninverting the inverted index. Note that this can use significant memory."
    )))
}

/// What stands for a missing number, so that it comes last, or first where that was asked for.
fn extreme(order: &SortOrder) -> Key {
    let largest = (order.order == Order::Ascending) != order.missing_first;
    Key::Whole(if largest { i64::MAX.into() } else { i64::MIN.into() })
}

/// Every value of a field in a document, as keys.
pub(crate) fn keys_at(document: &Document, path: &str, kind: &Kind) -> Vec<Key> {
    let mut values = Vec::new();
    values_at(&document.source, path, &mut values);
    values.iter().filter_map(|value| Key::of(value, kind)).collect()
}

/// The order of two hits by their keys; missing keys come last unless the sort says otherwise.
pub(crate) fn compare(one: &[Option<Key>], other: &[Option<Key>], sort: &[SortOrder]) -> Ordering {
    for ((one, other), by) in one.iter().zip(other).zip(sort) {
        let missing = if by.missing_first { Ordering::Less } else { Ordering::Greater };
        let order = match (one, other) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => missing,
            (Some(_), None) => missing.reverse(),
            (Some(one), Some(other)) => match by.order {
                Order::Ascending => one.order(other),
                Order::Descending => other.order(one),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

/// The keys of `search_after`.
pub(crate) fn after_keys(after: &[Value], sort: &[SortOrder]) -> Result<Vec<Option<Key>>, Refusal> {
    if sort.is_empty() {
        return Err(phase_failure(Refusal::illegal_argument(
            "Sort must contain at least one field.",
        )));
    }
    if after.len() != sort.len() {
        return Err(phase_failure(Refusal::illegal_argument(format!(
            "search_after has {} value(s) but sort has {}.",
            after.len(),
            sort.len()
        ))));
    }
    Ok(after.iter().map(Key::from_json).collect())
}

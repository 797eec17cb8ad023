//! The few aggregations that pocket knows: over one field, without nesting.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::key::{Key, keys_at};
use crate::error::Refusal;
use crate::mapping::model::Kind;
use crate::node::Index;
use crate::shard::Document;

/// One aggregation and what it has seen so far.
#[derive(Debug, Clone)]
pub(crate) struct Aggregation {
    metric: Metric,
    field: String,
    size: usize,
    count: u32,
    sum: f64,
    low: Option<f64>,
    high: Option<f64>,
    buckets: BTreeMap<String, (Value, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Max,
    Min,
    Sum,
    Average,
    ValueCount,
    Cardinality,
    Terms,
}

impl Aggregation {
    /// Reads `aggs`.
    pub(crate) fn parse_all(json: &Value) -> Result<Vec<(String, Self)>, Refusal> {
        let Value::Object(map) = json else {
            return Err(Refusal::parsing("[aggs] must be an object"));
        };
        map.iter().map(|(name, body)| Ok((name.clone(), Self::parse(name, body)?))).collect()
    }

    fn parse(name: &str, json: &Value) -> Result<Self, Refusal> {
        let mut members = json.as_object().into_iter().flatten();
        let (Some((kind, body)), None) = (members.next(), members.next()) else {
            return Err(Refusal::parsing(format!(
                "Expected one aggregation in [{name}]; the pocket cluster has no sub-aggregations"
            )));
        };
        let metric = match kind.as_str() {
            "max" => Metric::Max,
            "min" => Metric::Min,
            "sum" => Metric::Sum,
            "avg" => Metric::Average,
            "value_count" => Metric::ValueCount,
            "cardinality" => Metric::Cardinality,
            "terms" => Metric::Terms,
            unknown => {
                let reason = format!("Unknown aggregation type [{unknown}]");
                return Err(Refusal::parsing(reason));
            }
        };
        let Some(field) = body.get("field").and_then(Value::as_str) else {
            return Err(Refusal::illegal_argument(format!(
                "Required one of fields [field, script], but none were specified. ([{name}])"
            )));
        };
        let size = body.get("size").and_then(Value::as_u64).unwrap_or(10);
        Ok(Self {
            metric,
            field: field.to_owned(),
            size: usize::try_from(size).unwrap_or(usize::MAX),
            count: 0,
            sum: 0.0,
            low: None,
            high: None,
            buckets: BTreeMap::new(),
        })
    }

    /// Refuses a field whose words no engine counts.
    pub(crate) fn check(&self, index: &Index) -> Result<(), Refusal> {
        match index.mapping.resolve(&self.field) {
            Some((_, leaf)) if matches!(leaf.kind, Kind::Text) => {
                Err(super::key::text_field(&self.field))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn take(&mut self, document: &Document, index: &Index) {
        if self.field == "_seq_no" {
            let key = i128::try_from(document.seq_no).map(Key::Whole);
            if let Ok(key) = key {
                self.add(&key);
            }
            return;
        }
        let Some((path, leaf)) = index.mapping.resolve(&self.field) else { return };
        if matches!(leaf.kind, Kind::Text) {
            return;
        }
        let mut keys = keys_at(document, &path, &leaf.kind);
        // A document counts once in a bucket, however often it has the value.
        keys.sort_by(Key::order);
        if self.metric == Metric::Terms {
            keys.dedup();
        }
        for key in keys {
            self.add(&key);
        }
    }

    fn add(&mut self, key: &Key) {
        self.count = self.count.saturating_add(1);
        if matches!(self.metric, Metric::Terms | Metric::Cardinality) {
            let json = key.json();
            self.buckets.entry(json.to_string()).or_insert((json, 0)).1 += 1;
            return;
        }
        let number = key.number();
        self.sum += number;
        self.low = Some(self.low.map_or(number, |low| low.min(number)));
        self.high = Some(self.high.map_or(number, |high| high.max(number)));
    }

    pub(crate) fn render(self) -> Value {
        match self.metric {
            Metric::Max => json!({ "value": self.high }),
            Metric::Min => json!({ "value": self.low }),
            Metric::Sum => json!({ "value": self.sum }),
            Metric::Average if self.count == 0 => json!({ "value": null }),
            Metric::Average => json!({ "value": self.sum / f64::from(self.count) }),
            Metric::ValueCount => json!({ "value": self.count }),
            Metric::Cardinality => json!({ "value": self.buckets.len() }),
            Metric::Terms => self.render_terms(),
        }
    }

    fn render_terms(self) -> Value {
        let mut buckets: Vec<(Value, u64)> = self.buckets.into_values().collect();
        // Most documents first; the map's order breaks ties by the key.
        buckets.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let rest: u64 = buckets.iter().skip(self.size).map(|(_, count)| count).sum();
        buckets.truncate(self.size);
        let buckets: Vec<Value> = buckets
            .into_iter()
            .map(|(key, count)| json!({"key": key, "doc_count": count}))
            .collect();
        json!({
            "doc_count_error_upper_bound": 0,
            "sum_other_doc_count": rest,
            "buckets": buckets,
        })
    }
}

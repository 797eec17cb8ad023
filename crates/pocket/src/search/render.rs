//! A page of hits written out, sources copied byte for byte.

use std::io::Write as _;

use serde_json::{Map, Value};

use super::Hit;
use super::body::{Show, SourceFilter};
use super::key::Key;
use crate::names::matches;
use crate::node::Flavour;
use crate::write::push_text;

/// What is said about the number of hits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Total {
    Hidden,
    Is(usize),
    AtLeast(usize),
}

/// An answer to a search.
#[derive(Debug)]
pub(crate) struct Page<'p> {
    pub(crate) flavour: Flavour,
    pub(crate) hits: &'p [Hit],
    pub(crate) body: &'p Show,
    pub(crate) took: u128,
    pub(crate) shard_count: usize,
    pub(crate) total: Total,
    pub(crate) scroll_id: Option<String>,
    pub(crate) aggregations: Option<Map<String, Value>>,
}

/// What a hit costs beside its source, about.
const HIT_BYTES: usize = 200;

impl Page<'_> {
    pub(crate) fn render(self) -> Vec<u8> {
        let sources: usize = self.hits.iter().map(|hit| hit.document.source.len()).sum();
        let mut buffer = Vec::with_capacity(sources + self.hits.len() * HIT_BYTES + 512);
        buffer.push(b'{');
        if let Some(id) = &self.scroll_id {
            buffer.extend_from_slice(b"\"_scroll_id\":");
            push_text(&mut buffer, id);
            buffer.push(b',');
        }
        let Self { took, shard_count, .. } = self;
        write!(
            buffer,
            "\"took\":{took},\"timed_out\":false,\"_shards\":{{\"total\":{shard_count},\"successful\":{shard_count},\"skipped\":0,\"failed\":0}},\"hits\":{{"
        )
        .expect("writing to a Vec does not fail");
        let counted = match self.total {
            Total::Hidden => None,
            Total::Is(count) => Some((count, "eq")),
            Total::AtLeast(count) => Some((count, "gte")),
        };
        if let Some((count, relation)) = counted {
            write!(buffer, "\"total\":{{\"value\":{count},\"relation\":\"{relation}\"}},")
                .expect("writing to a Vec does not fail");
        }
        let scored = !self.body.sorted && !self.hits.is_empty();
        buffer.extend_from_slice(if scored {
            b"\"max_score\":1.0,\"hits\":[".as_slice()
        } else {
            b"\"max_score\":null,\"hits\":[".as_slice()
        });
        for (position, hit) in self.hits.iter().enumerate() {
            if position > 0 {
                buffer.push(b',');
            }
            self.push_hit(&mut buffer, hit);
        }
        buffer.extend_from_slice(b"]}");
        if let Some(aggregations) = self.aggregations {
            buffer.extend_from_slice(b",\"aggregations\":");
            buffer.extend_from_slice(Value::Object(aggregations).to_string().as_bytes());
        }
        buffer.push(b'}');
        buffer
    }

    fn push_hit(&self, buffer: &mut Vec<u8>, hit: &Hit) {
        let document = &hit.document;
        buffer.extend_from_slice(b"{\"_index\":");
        push_text(buffer, &hit.index);
        if self.flavour == Flavour::Elasticsearch {
            buffer.extend_from_slice(b",\"_type\":\"_doc\"");
        }
        if !self.body.bare {
            buffer.extend_from_slice(b",\"_id\":");
            push_text(buffer, &document.id);
        }
        if self.body.version {
            write!(buffer, ",\"_version\":{}", document.version)
                .expect("writing to a Vec does not fail");
        }
        if self.body.seq_no {
            let (seq_no, term) = (document.seq_no, document.term);
            write!(buffer, ",\"_seq_no\":{seq_no},\"_primary_term\":{term}")
                .expect("writing to a Vec does not fail");
        }
        buffer.extend_from_slice(if self.body.sorted {
            b",\"_score\":null".as_slice()
        } else {
            b",\"_score\":1.0".as_slice()
        });
        if let Some(routing) = &document.routing
            && !self.body.bare
        {
            buffer.extend_from_slice(b",\"_routing\":");
            push_text(buffer, routing);
        }
        if hit.source_enabled {
            push_source(buffer, &document.source, &self.body.source);
        }
        if self.body.sorted {
            buffer.extend_from_slice(b",\"sort\":[");
            for (position, key) in hit.keys.iter().enumerate() {
                if position > 0 {
                    buffer.push(b',');
                }
                push_key(buffer, key.as_ref());
            }
            buffer.push(b']');
        }
        buffer.push(b'}');
    }
}

fn push_key(buffer: &mut Vec<u8>, key: Option<&Key>) {
    match key {
        Some(Key::Whole(number)) => {
            write!(buffer, "{number}").expect("writing to a Vec does not fail");
        }
        Some(key) => buffer.extend_from_slice(key.json().to_string().as_bytes()),
        None => buffer.extend_from_slice(b"null"),
    }
}

/// A source as a filter leaves it, rendered anew.
pub(crate) fn filtered(source: &str, filter: &SourceFilter) -> String {
    match filter {
        SourceFilter::All => source.to_owned(),
        SourceFilter::None => "{}".to_owned(),
        SourceFilter::Fields { include, exclude } => {
            let value: Value = serde_json::from_str(source).unwrap_or_default();
            let kept = keep(value, "", include, exclude);
            kept.unwrap_or_else(|| Value::Object(Map::new())).to_string()
        }
    }
}

fn push_source(buffer: &mut Vec<u8>, source: &str, filter: &SourceFilter) {
    match filter {
        SourceFilter::None => {}
        SourceFilter::All => {
            buffer.extend_from_slice(b",\"_source\":");
            buffer.extend_from_slice(source.as_bytes());
        }
        SourceFilter::Fields { .. } => {
            buffer.extend_from_slice(b",\"_source\":");
            buffer.extend_from_slice(filtered(source, filter).as_bytes());
        }
    }
}

/// What is left of `value`, which stands at `path`.
fn keep(value: Value, path: &str, include: &[String], exclude: &[String]) -> Option<Value> {
    let covers = |patterns: &[String]| {
        patterns.iter().any(|pattern| matches(pattern, path) || covers_parent(pattern, path))
    };
    if !path.is_empty() && covers(exclude) {
        return None;
    }
    let inside = include.is_empty() || (!path.is_empty() && covers(include));
    match value {
        Value::Object(map) => {
            let was_empty = map.is_empty();
            let kept: Map<String, Value> = map
                .into_iter()
                .filter_map(|(key, inner)| {
                    let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    Some((key, keep(inner, &path, include, exclude)?))
                })
                .collect();
            (!kept.is_empty() || (was_empty && inside)).then_some(Value::Object(kept))
        }
        Value::Array(list) => {
            let kept: Vec<Value> =
                list.into_iter().filter_map(|inner| keep(inner, path, include, exclude)).collect();
            (!kept.is_empty() || inside).then_some(Value::Array(kept))
        }
        leaf => inside.then_some(leaf),
    }
}

/// `a` covers `a.b` and `a.b.c`.
fn covers_parent(pattern: &str, path: &str) -> bool {
    let mut end = path.len();
    while let Some(dot) = path.get(..end).and_then(|head| head.rfind('.')) {
        if path.get(..dot).is_some_and(|parent| matches(pattern, parent)) {
            return true;
        }
        end = dot;
    }
    false
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn source_filters_keep_paths() {
        let source = json!({"a": 1, "b": {"c": 2, "d": [{"e": 3, "f": 4}]}, "g": {}});
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let check = |include: &[&str], exclude: &[&str], expected: Option<Value>| {
            let kept = keep(source.clone(), "", &texts(include), &texts(exclude));
            assert_eq!(kept, expected, "{include:?} {exclude:?}");
        };
        check(&["a"], &[], Some(json!({"a": 1})));
        check(&["b"], &["b.d"], Some(json!({"b": {"c": 2}})));
        check(&["b.d.e"], &[], Some(json!({"b": {"d": [{"e": 3}]}})));
        check(&["b.*"], &["*.f"], Some(json!({"b": {"c": 2, "d": [{"e": 3}]}})));
        check(&["x"], &[], None);
        check(&[], &["b"], Some(json!({"a": 1, "g": {}})));
    }
}

//! A list of documents as a test case's file has it: each an object that says where it is and what it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    json::{compact, pretty},
    transform::Made,
};

/// A document of the list.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    /// Key of the index; that of the case's without it.
    #[serde(rename = "_index", default, skip_serializing_if = "Option::is_none")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_routing", default, skip_serializing_if = "Option::is_none")]
    routing: Option<String>,
    #[serde(rename = "_source", borrow)]
    source: &'a RawValue,
}

/// Reads a list of documents of a case for an index.
///
/// # Errors
/// What is wrong, in serde's words, with line and column.
pub(crate) fn read(text: &str, index: &str) -> Result<Vec<Made>, serde_json::Error> {
    let items: Vec<Item<'_>> = serde_json::from_str(text)?;
    let made = |item: Item<'_>| {
        let source = item.source.get();
        if !source.starts_with('{') {
            let message = format!("the `_source` of `{}` is no object", item.id);
            return Err(serde::de::Error::custom(message));
        }
        let mut compacted = Vec::with_capacity(source.len());
        compact(source.as_bytes(), &mut compacted).map_err(serde::de::Error::custom)?;
        Ok(Made {
            index: item.index.filter(|key| key != index),
            id: item.id,
            routing: item.routing,
            source: compacted,
        })
    };
    items.into_iter().map(made).collect()
}

/// Documents as they stand in a file.
pub(crate) fn written(made: &[Made]) -> String {
    let items: Vec<Item<'_>> = made.iter().filter_map(item).collect();
    let text = serde_json::to_string(&items).unwrap_or_default();
    pretty(text.as_bytes()).unwrap_or(text)
}

/// Documents by their places, as one JSON object: what two lists are compared by.
pub(crate) fn keyed(made: &[Made], index: &str) -> String {
    let key = |one: &Made| format!("{}/{}", one.index.as_deref().unwrap_or(index), one.id);
    let items = made.iter().filter_map(|one| Some((key(one), item(one)?)));
    serde_json::to_string(&items.collect::<BTreeMap<_, _>>()).unwrap_or_default()
}

/// `None` for a source that is no JSON: no steps make one.
fn item(one: &Made) -> Option<Item<'_>> {
    let source = serde_json::from_slice(&one.source).ok()?;
    let (index, id, routing) = (one.index.clone(), one.id.clone(), one.routing.clone());
    Some(Item { index, id, routing, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let made = [
            Made {
                index: Some("line".to_owned()),
                id: "7-0".to_owned(),
                routing: Some("r".to_owned()),
                source: br#"{"a":1.10}"#.to_vec(),
            },
            Made { index: None, id: "7".to_owned(), routing: None, source: b"{}".to_vec() },
        ];
        let text = written(&made);
        assert_eq!(text.matches("1.10").count(), 1, "{text}");
        assert_eq!(read(&text, "order").expect("a list"), made);
        assert_eq!(read("[]", "order").expect("a list"), []);
        // The case's own index may be written.
        let own = read(r#"[{"_index":"order","_id":"1","_source":{}}]"#, "order").expect("a list");
        assert_eq!(own.first().map(|one| one.index.clone()), Some(None));
        for text in [
            "[1]",
            r#"[{"_id":"1"}]"#,
            r#"[{"_source":{}}]"#,
            r#"[{"_id":"1","_source":[]}]"#,
            r#"[{"_id":"1","_source":{},"a":1}]"#,
        ] {
            assert!(read(text, "order").is_err(), "{text}");
        }
        assert_eq!(
            keyed(&made, "order"),
            r#"{"line/7-0":{"_index":"line","_id":"7-0","_routing":"r","_source":{"a":1.10}},"order/7":{"_id":"7","_source":{}}}"#
        );
    }
}

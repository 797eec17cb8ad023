//! Reads the table of a `map`: a mapping of texts, or a list of pairs of any single values.

use crate::{
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, expected, is_ambiguous, list, map, place_of, scalar},
        place::Place,
        yaml::{Entry, Kind, Node},
    },
    transform::operation::{Pair, Scalar},
};

/// The pairs, each with the place of its left side.
pub(super) fn read(entry: &Entry, findings: &mut Findings) -> Option<Vec<(Pair, Place)>> {
    let pairs: Vec<Option<(Pair, Place)>> = match &entry.node.kind {
        Kind::Mapping(_) => map(entry, "`values`", findings)
            .into_iter()
            .map(|line| short_pair(line, findings))
            .collect(),
        Kind::List(_) => {
            list(entry, findings)?.iter().map(|node| pair(node, entry, findings)).collect()
        }
        Kind::Null | Kind::Plain(_) | Kind::Text(_) => {
            let fix = "write `{old: new, …}` for texts, or `[{from: 1, to: one}, …]` for any single values";
            expected(entry, "a table", fix, findings);
            return None;
        }
    };
    pairs.into_iter().collect()
}

/// `old: new`. The key is a text, with quotes or without.
fn short_pair(line: &Entry, findings: &mut Findings) -> Option<(Pair, Place)> {
    let key = &line.key;
    let to = scalar(line, findings);
    if is_ambiguous(&key.value) {
        let text = &key.value;
        let message = format!("the key `{text}` may be meant as a text or as something else");
        let fix = format!(
            "write the table as a list: `- {{from: {text}, to: …}}`, or `- {{from: \"{text}\", to: …}}` for a text"
        );
        findings.error(code::TABLE, &key.place, message, fix);
        return None;
    }
    let from = Scalar::try_from(serde_json::Value::String(key.value.clone())).ok()?;
    Some((Pair { from, to: to?.value }, key.place.clone()))
}

fn pair(node: &Node, table: &Entry, findings: &mut Findings) -> Option<(Pair, Place)> {
    let place = place_of(node, table);
    let mut fields = Fields::open(node, ("a pair of `values`", place), findings)?;
    let from = fields.required(("from", "old"), findings);
    let from = from.and_then(|entry| scalar(entry, findings));
    let to = fields.required(("to", "new"), findings).and_then(|entry| scalar(entry, findings));
    fields.finish(findings);
    let from = from?;
    Some((Pair { from: from.value, to: to?.value }, from.place))
}

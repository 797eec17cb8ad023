//! `map`: a value is looked up in a table.

use std::collections::BTreeMap;

use super::{
    document::Shape,
    operation::{Pair, ScalarKey},
    rejection::RejectionCode,
    rewrite::{Rewrite, Rewritten},
};

/// What stands for what; each side as JSON text.
#[derive(Debug, Clone)]
pub(super) struct Table(BTreeMap<ScalarKey, String>);

impl Table {
    /// Of two pairs with the same `from`, which a checked pack does not have, the first one holds.
    pub(super) fn new(pairs: &[Pair]) -> Self {
        let mut table = BTreeMap::new();
        for Pair { from, to } in pairs {
            table.entry(from.key()).or_insert_with(|| to.value().to_string());
        }
        Self(table)
    }
}

impl Rewrite for Table {
    const CODE: RejectionCode = RejectionCode::NotInTable;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        match self.0.get(&ScalarKey::of(json)) {
            Some(to) if to == json => Rewritten::Same,
            Some(to) => Rewritten::Json(to.clone()),
            // Says that nothing is there, and goes on saying so.
            None if shape == Shape::Null => Rewritten::Same,
            None => Rewritten::Impossible,
        }
    }

    fn problem(&self) -> String {
        "is not in the table".to_owned()
    }
}

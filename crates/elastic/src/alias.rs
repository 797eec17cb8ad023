//! Aliases: reading all of them with their properties, and changing many in one atomic call.

use std::collections::BTreeMap;

use http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::transport::{Effect, Request};

/// All aliases: index → alias → its properties as the engine states them.
///
/// The properties (`filter`, `index_routing`, `search_routing`, `is_write_index`, `is_hidden`) are what an
/// [`AliasAction::Add`] takes, so that an alias moves with everything it has.
pub type AliasTable = BTreeMap<String, BTreeMap<String, Map<String, Value>>>;

/// One part of an atomic change of aliases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AliasAction {
    /// Lets an alias point to an index too.
    Add {
        /// The concrete index.
        index: String,
        /// The alias.
        alias: String,
        /// Filter, routing, write index: as [`Cluster::aliases`] gives them.
        properties: Map<String, Value>,
    },
    /// Lets an alias no longer point to an index.
    Remove {
        /// The concrete index.
        index: String,
        /// The alias.
        alias: String,
        /// Sent when given; only where [`crate::Abilities::alias_must_exist`] says so.
        must_exist: Option<bool>,
    },
    /// Deletes an index as a part of the change.
    RemoveIndex {
        /// The concrete index.
        index: String,
    },
}

impl AliasAction {
    /// The concrete index that it is about.
    pub fn index(&self) -> &str {
        match self {
            Self::Add { index, .. } | Self::Remove { index, .. } | Self::RemoveIndex { index } => {
                index
            }
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Add { index, alias, properties } => {
                let mut body = properties.clone();
                body.insert("index".to_owned(), json!(index));
                body.insert("alias".to_owned(), json!(alias));
                json!({"add": body})
            }
            Self::Remove { index, alias, must_exist } => {
                let mut body = json!({"index": index, "alias": alias});
                if let (Some(must_exist), Some(fields)) = (must_exist, body.as_object_mut()) {
                    fields.insert("must_exist".to_owned(), json!(must_exist));
                }
                json!({"remove": body})
            }
            Self::RemoveIndex { index } => json!({"remove_index": {"index": index}}),
        }
    }
}

#[derive(Deserialize)]
struct IndexAliases {
    #[serde(default)]
    aliases: BTreeMap<String, Map<String, Value>>,
}

impl Cluster {
    /// All aliases of all indices, hidden ones too. Indices without aliases are listed empty.
    pub async fn aliases(&self) -> Result<AliasTable, Failure> {
        let path = Path::fixed("/_alias").parameter("expand_wildcards", "all");
        let answer = self.send(&Request::get(path)).await?;
        let table: BTreeMap<String, IndexAliases> = answer.read()?;
        Ok(table.into_iter().map(|(index, entry)| (index, entry.aliases)).collect())
    }

    /// Changes aliases in one cluster state update: all actions or none.
    ///
    /// Never repeated once it may have arrived: when [`Failure::outcome_unknown`] says so, read [`Cluster::aliases`]
    /// and see. An empty list of actions is refused, as the engines do.
    pub async fn change_aliases(&self, actions: &[AliasAction]) -> Result<(), Failure> {
        let path = Path::fixed("/_aliases");
        if actions.is_empty() {
            let reason = "no alias action was given";
            return Err(Failure::new(FailureKind::InvalidRequest, "POST /_aliases", reason));
        }
        for action in actions {
            IndexName::parse(action.index())?;
        }
        let actions: Vec<Value> = actions.iter().map(AliasAction::to_json).collect();
        let request =
            Request::new(Method::POST, path, Effect::Once).json(&json!({"actions": actions}));
        self.send_acknowledged(&request).await.map(drop)
    }
}

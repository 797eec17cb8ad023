//! Searches beside the copy path: counts, documents by id, and small queries.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::name::IndexName;
use crate::path::Path;
use crate::stats::ShardTally;
use crate::transport::{Effect, Request};
use crate::window::{Content, Page};

/// Most ids that one search may ask for: the default of `index.max_result_window`.
const IDS_MAX: usize = 10_000;

/// The group in the engine's statistics under which searches of this crate are counted, so that they can be told from those
/// of others: see [`Cluster::searches_of_others`].
pub(crate) const OWN_SEARCHES: &str = "lockstep";

impl Cluster {
    /// Counts the documents that searches see. Nested objects are not counted.
    pub async fn count(&self, name: &str) -> Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Counted {
            count: u64,
            #[serde(rename = "_shards")]
            shards: ShardTally,
        }
        let path = Path::index(&IndexName::parse(name)?).segment("_count");
        let request = Request::new(Method::POST, path, Effect::Read)
            .json(&json!({"query": {"match_all": {}}}));
        let answer = self.send(&request).await?;
        let counted: Counted = answer.read()?;
        counted.shards.check_answered(None, &answer.request)?;
        Ok(counted.count)
    }

    /// The documents with these ids, as searches see them, with their versions. Ids that are not there are left out.
    ///
    /// At most 10,000 ids at a time. With routing, several documents can share an id: all of them come.
    pub async fn documents(&self, name: &str, ids: &[impl AsRef<str>]) -> Result<Page, Failure> {
        let body = ids_body(ids, &json!({}))?;
        self.search(name, &body).await
    }

    /// A search with a body of one's own. Sequence numbers and versions are always asked for.
    ///
    /// Fails rather than give a part. The hits must keep their `_source`, so the body must not filter it away.
    pub async fn search(&self, name: &str, body: &Value) -> Result<Page, Failure> {
        let path = Path::index(&IndexName::parse(name)?)
            .segment("_search")
            .parameter("allow_partial_search_results", false);
        let mut body = body.clone();
        if let Some(keys) = body.as_object_mut() {
            keys.insert("seq_no_primary_term".to_owned(), json!(true));
            keys.insert("version".to_owned(), json!(true));
            keys.entry("track_total_hits").or_insert(json!(false));
        }
        let request = Request::new(Method::POST, path, Effect::Read).json(&body).transfer();
        Page::read(self.send(&request).await?, Content::Sources, None)
    }
}

/// The body of a search for documents by id, with these keys beside.
pub(crate) fn ids_body(ids: &[impl AsRef<str>], beside: &Value) -> Result<Value, Failure> {
    if ids.len() > IDS_MAX {
        let reason = format!("{} ids are too many for one search", ids.len());
        return Err(Failure::new(FailureKind::InvalidRequest, "POST _search", reason));
    }
    let values: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    let mut body = json!({
        "size": IDS_MAX,
        "stats": [OWN_SEARCHES],
        "track_total_hits": false,
        "query": {"constant_score": {"filter": {"ids": {"values": values}}}},
        "sort": ["_doc"],
    });
    if let (Some(keys), Some(beside)) = (body.as_object_mut(), beside.as_object()) {
        keys.extend(beside.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Ok(body)
}

//! Reading all documents of an index by scroll.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    cluster::{Body, Cluster},
    error::DemoError,
    json::Json,
};

/// Documents asked for at once.
const PAGE_DOCUMENTS: u64 = 2000;

/// One answer of a scrolling search.
#[derive(Deserialize)]
struct Page<'text> {
    #[serde(rename = "_scroll_id")]
    scroll_id: String,
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
    #[serde(borrow)]
    hits: Hits<'text>,
}

#[derive(Deserialize)]
struct Shards {
    failed: u64,
}

#[derive(Deserialize)]
struct Hits<'text> {
    total: Total,
    #[serde(borrow)]
    hits: Vec<Hit<'text>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

/// One document.
#[derive(Deserialize)]
pub(crate) struct Hit<'text> {
    #[serde(rename = "_id")]
    pub(crate) id: String,
    #[serde(rename = "_routing")]
    pub(crate) routing: Option<String>,
    #[serde(rename = "_source", borrow)]
    source: &'text RawValue,
}

impl Hit<'_> {
    /// The source as a tree. `index` is for the error's text.
    pub(crate) fn content(&self, index: &str) -> Result<Json, DemoError> {
        Json::parse(self.source.get()).map_err(|error| DemoError::Unexpected {
            index: index.to_owned(),
            id: self.id.clone(),
            reason: error.to_string(),
        })
    }
}

/// Refreshes an index and gives every document of it to `visit`, once.
pub(crate) async fn scroll(
    cluster: &Cluster,
    index: &str,
    mut visit: impl FnMut(Hit<'_>) -> Result<(), DemoError>,
) -> Result<(), DemoError> {
    cluster.text(Method::POST, &format!("{index}/_refresh"), Body::Empty).await?;
    let query = json!({"size": PAGE_DOCUMENTS, "sort": ["_doc"], "track_total_hits": true});
    let path = format!("{index}/_search?scroll=2m");
    let mut text = cluster.text(Method::POST, &path, Body::Json(query.to_string())).await?;
    let mut read = 0;
    loop {
        let page: Page<'_> = serde_json::from_str(&text)
            .map_err(|error| DemoError::Answer { path: path.clone(), reason: error.to_string() })?;
        let total = page.hits.total.value;
        let incomplete = |reason: String| {
            Err(DemoError::Incomplete { index: index.to_owned(), read, total, reason })
        };
        if page.timed_out || page.shards.failed > 0 {
            return incomplete(format!(
                "timed out: {}, shards that failed: {}",
                page.timed_out, page.shards.failed
            ));
        }
        if page.hits.hits.is_empty() {
            let body = json!({"scroll_id": [page.scroll_id]}).to_string();
            cluster.text(Method::DELETE, "_search/scroll", Body::Json(body)).await?;
            return if read == total {
                Ok(())
            } else {
                incomplete("the search ended early".to_owned())
            };
        }
        for hit in page.hits.hits {
            read += 1;
            visit(hit)?;
        }
        let body = json!({"scroll": "2m", "scroll_id": page.scroll_id}).to_string();
        text = cluster.text(Method::POST, "_search/scroll", Body::Json(body)).await?;
    }
}

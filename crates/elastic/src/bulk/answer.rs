//! The answer to a `_bulk` request: one outcome per item, matched by position.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::class::{Class, Scope, classify};
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::path::Path;
use crate::reason::{EngineError, shortened};
use crate::transport::{Answer, Effect, Request};

/// The answer to a `_bulk` request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkAnswer {
    outcomes: Outcomes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcomes {
    /// The cluster said that no item had an error: nothing more was read.
    AllDone(usize),
    Each(Vec<ItemOutcome>),
}

/// What came of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It was done. Deleting what was not there counts as done.
    Done,
    /// 409: a newer version is there, which for a versioned write is the wished result.
    Newer,
    /// It was refused.
    Rejected(Rejection),
}

/// Why an item was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// What to do about it.
    pub class: Class,
    /// The item's own status.
    pub status: u16,
    /// The engine's `error.type`.
    pub error_type: String,
    /// The engine's reason, in at most 1,000 characters.
    pub reason: String,
}

impl BulkAnswer {
    /// Outcomes by position.
    pub fn outcomes(&self) -> impl Iterator<Item = &ItemOutcome> {
        let (done, each): (usize, &[ItemOutcome]) = match &self.outcomes {
            Outcomes::AllDone(count) => (*count, &[]),
            Outcomes::Each(outcomes) => (0, outcomes),
        };
        std::iter::repeat_n(&ItemOutcome::Done, done).chain(each)
    }

    /// Whether no item had an error, not even a conflict.
    pub fn is_all_done(&self) -> bool {
        match &self.outcomes {
            Outcomes::AllDone(_) => true,
            Outcomes::Each(outcomes) => outcomes.iter().all(|one| *one == ItemOutcome::Done),
        }
    }

    /// Reads an answer to a body of that many items.
    fn read(answer: &Answer, item_count: usize) -> Result<Self, Failure> {
        if is_without_errors(&answer.bytes) {
            return Ok(Self { outcomes: Outcomes::AllDone(item_count) });
        }
        let items = BulkItems::read(answer, item_count)?;
        let outcomes = items.iter().map(ItemResult::outcome).collect();
        Ok(Self { outcomes: Outcomes::Each(outcomes) })
    }
}

/// Whether the head of an answer says that no item had an error. Costs nothing: the items stay unread.
fn is_without_errors(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Head {
        errors: bool,
    }
    /// The keys before `items` are a few numbers and the flag.
    const HEAD_BYTES_MAX: usize = 200;
    let head = bytes.get(..bytes.len().min(HEAD_BYTES_MAX)).unwrap_or_default();
    let Some(end) = memchr::memmem::find(head, b",\"items\"") else {
        return false;
    };
    let mut head = head.get(..end).unwrap_or_default().to_vec();
    head.push(b'}');
    serde_json::from_slice::<Head>(&head).is_ok_and(|head| !head.errors)
}

/// The items of an answer, as they are shared by plain and by conditional writes.
pub(crate) struct BulkItems;

/// One item of an answer.
#[derive(Deserialize)]
pub(crate) struct ItemResult<'a> {
    status: u16,
    #[serde(rename = "_seq_no")]
    pub(crate) seq_no: Option<i64>,
    #[serde(rename = "_primary_term")]
    pub(crate) primary_term: Option<u64>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamedResult<'a> {
    #[serde(borrow)]
    Index(ItemResult<'a>),
    #[serde(borrow)]
    Create(ItemResult<'a>),
    #[serde(borrow)]
    Delete(ItemResult<'a>),
    #[serde(borrow)]
    Update(ItemResult<'a>),
}

impl BulkItems {
    /// Reads all items. Their number must be that of the body, or no outcome could be trusted.
    pub(crate) fn read(answer: &Answer, item_count: usize) -> Result<Vec<ItemResult<'_>>, Failure> {
        #[derive(Deserialize)]
        struct All<'a> {
            #[serde(borrow)]
            items: Vec<NamedResult<'a>>,
        }
        let all: All<'_> = serde_json::from_slice(&answer.bytes)
            .map_err(|error| answer.unreadable(&error.to_string()))?;
        if all.items.len() != item_count {
            let reason = format!("{} outcomes for {item_count} items", all.items.len());
            return Err(answer.unreadable(&reason));
        }
        let unnamed = |named| match named {
            NamedResult::Index(item)
            | NamedResult::Create(item)
            | NamedResult::Delete(item)
            | NamedResult::Update(item) => item,
        };
        Ok(all.items.into_iter().map(unnamed).collect())
    }
}

impl ItemResult<'_> {
    pub(crate) fn outcome(&self) -> ItemOutcome {
        let Some(error) = self.error else {
            return ItemOutcome::Done;
        };
        let error = EngineError::of_error(error.get());
        match classify(self.status, error.error_type.as_deref(), Scope::Item) {
            Class::ConflictIsSuccess => ItemOutcome::Newer,
            class => ItemOutcome::Rejected(Rejection {
                class,
                status: self.status,
                error_type: error.error_type.unwrap_or_default(),
                reason: shortened(&error.reason),
            }),
        }
    }
}

impl Cluster {
    /// Sends a body of `item_count` items once and reads the outcomes by position.
    ///
    /// A lost answer is a [`Failure`] with [`Failure::outcome_unknown`]: items with versions may be sent again.
    pub async fn bulk(&self, body: Bytes, item_count: usize) -> Result<BulkAnswer, Failure> {
        let answer = self.send(&bulk_request(body)).await?;
        BulkAnswer::read(&answer, item_count)
    }

    /// Like [`Cluster::bulk`], without repeating anything: the caller has its own loop.
    pub(super) async fn bulk_attempt(
        &self,
        body: Bytes,
        item_count: usize,
    ) -> Result<BulkAnswer, Failure> {
        let answer = self.attempt(&bulk_request(body)).await?;
        BulkAnswer::read(&answer, item_count)
    }
}

/// A bulk request: sent once, because only the caller knows whether its items may be repeated. It says itself how many copies
/// of a shard it waits for, which lets it through where an index is guarded.
pub(crate) fn bulk_request(body: Bytes) -> Request {
    let path = Path::fixed("/_bulk?wait_for_active_shards=1");
    Request::new(http::Method::POST, path, Effect::Once).lines(body).transfer()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, item_count: usize) -> Result<BulkAnswer, Failure> {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        BulkAnswer::read(&Answer { bytes, request: "POST /_bulk".to_owned() }, item_count)
    }

    #[test]
    fn outcomes_stand_at_the_position_of_their_item() {
        let body = r#"{"took":3,"errors":true,"items":[
            {"index":{"_index":"i","_id":"same","_version":1,"status":201,"_seq_no":0,"_primary_term":1}},
            {"index":{"_index":"i","_id":"same","status":409,"error":{"type":"version_conflict_engine_exception","reason":"newer"}}},
            {"delete":{"_index":"i","_id":"same","result":"not_found","status":404}},
            {"index":{"_index":"i","_id":"same","status":400,"error":{"type":"mapper_parsing_exception","reason":"failed","caused_by":{"type":"illegal_argument_exception","reason":"why"}}}},
            {"create":{"_index":"i","_id":"same","status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"index":{"_index":"i","_id":"same","status":429,"error":{"type":"cluster_block_exception","reason":"disk"}}}
        ]}"#;
        let answer = read(body, 6).unwrap();
        let rejected = |class, status, error_type: &str, reason: &str| {
            let (error_type, reason) = (error_type.to_owned(), reason.to_owned());
            ItemOutcome::Rejected(Rejection { class, status, error_type, reason })
        };
        let expected = [
            ItemOutcome::Done,
            ItemOutcome::Newer,
            ItemOutcome::Done,
            rejected(
                Class::Poison,
                400,
                "mapper_parsing_exception",
                "failed [illegal_argument_exception: why]",
            ),
            rejected(Class::BackOff, 429, "es_rejected_execution_exception", "full"),
            rejected(Class::Operator, 429, "cluster_block_exception", "disk"),
        ];
        assert_eq!(answer.outcomes().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
        assert!(!answer.is_all_done());
    }

    #[test]
    fn an_answer_without_errors_is_not_read_further() {
        let heads = [
            r#"{"took":3,"errors":false,"items":[broken"#,
            r#"{"took":3,"ingest_took":7,"errors":false,"items":[broken"#,
        ];
        for body in heads {
            assert_eq!(read(body, 2).unwrap().outcomes().count(), 2, "{body}");
        }
        // Here the flag belongs to something else, or is not the first one.
        let others = [
            r#"{"took":3,"errors":true,"items":[]}"#,
            r#"{"x":{"errors":false,"items":[]},"errors":true,"items":[]}"#,
            r#"{"error":{"type":"x"}}"#,
            "[]",
            "",
        ];
        for body in others {
            assert!(read(body, 2).is_err(), "{body}");
        }
    }

    #[test]
    fn a_wrong_number_of_outcomes_is_a_failure() {
        let body = r#"{"errors":true,"items":[{"index":{"status":201}}]}"#;
        assert!(read(body, 1).is_ok());
        assert!(read(body, 2).unwrap_err().reason().contains("1 outcomes for 2 items"));
    }
}

//! Writing a body until every item has its place: done, newer, or poison with a name. All loops are bounded.

use bytes::Bytes;

use crate::bulk::answer::{ItemOutcome, Rejection};
use crate::bulk::body::{BulkBody, BulkItem, item_range};
use crate::class::Class;
use crate::cluster::Cluster;
use crate::failure::{Failure, FailureKind};
use crate::retry::{Waits, passes};

/// What came of writing a whole body. Every item is counted in exactly one of `done_count`, `newer_count` and `poison`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Items that were written, or deleted, or not there to be deleted.
    pub done_count: usize,
    /// Items for which a newer version was there.
    pub newer_count: usize,
    /// Items that can't be written, however often they are tried.
    pub poison: Vec<Poison>,
    /// Items that were sent again, each time counted.
    pub repeated_count: usize,
    /// How often the cluster asked for less load: a reason to slow down.
    pub back_off_count: u32,
    /// How often a body was cut in two because the cluster found it too large: a reason for smaller ones.
    pub split_count: u32,
}

/// A document that can't be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Which item.
    pub item: BulkItem,
    /// Why.
    pub rejection: Rejection,
}

/// Items still to be written, as shared bytes.
struct Pending {
    bytes: Bytes,
    starts: Vec<usize>,
}

impl Pending {
    fn item_count(&self) -> usize {
        self.starts.len()
    }

    fn item_bytes(&self, position: usize) -> &[u8] {
        item_range(&self.starts, self.bytes.len(), position)
            .and_then(|range| self.bytes.get(range))
            .unwrap_or_default()
    }

    fn item(&self, position: usize) -> Option<BulkItem> {
        BulkItem::read(self.item_bytes(position))
    }

    /// Only the items at these positions, in their order.
    fn picked(&self, positions: &[usize]) -> Self {
        let mut bytes = Vec::new();
        let mut starts = Vec::with_capacity(positions.len());
        for position in positions {
            starts.push(bytes.len());
            bytes.extend_from_slice(self.item_bytes(*position));
        }
        Self { bytes: Bytes::from(bytes), starts }
    }

    /// Two halves that share the bytes.
    fn halves(self) -> [Self; 2] {
        let middle = self.starts.len() / 2;
        let cut = self.starts.get(middle).copied().unwrap_or(self.bytes.len());
        let (left, right) = self.starts.split_at(middle);
        let right = right.iter().map(|start| start - cut).collect();
        [
            Self { bytes: self.bytes.slice(..cut), starts: left.to_vec() },
            Self { bytes: self.bytes.slice(cut..), starts: right },
        ]
    }
}

impl Cluster {
    /// Writes a whole body: repeats the items that may be repeated, cuts a body that is too large, collects poison.
    ///
    /// Items must be repeatable, as those with [`crate::Version::AtLeast`] are: after a lost answer all are sent again.
    /// Fails when the bounds on repeating are reached with items left, and at once when an item needs an operator.
    pub async fn write_all(&self, body: BulkBody) -> Result<WriteReport, Failure> {
        self.write_all_telling(body, &|| {}).await
    }

    /// [`Self::write_all`], which tells at once of each time that the cluster asks for less load, or is not there for a moment
    /// (503): when the report is there, that may be over.
    pub async fn write_all_telling(
        &self,
        body: BulkBody,
        on_push_back: &(dyn Fn() + Send + Sync),
    ) -> Result<WriteReport, Failure> {
        let mut report = WriteReport::default();
        let (bytes, starts) = body.into_parts();
        // Halves wait on a stack: its depth is the logarithm of the number of items.
        let mut stack = vec![Pending { bytes, starts }];
        while let Some(pending) = stack.pop() {
            if pending.item_count() == 0 {
                continue;
            }
            if let Some(too_large) = self.write_part(pending, &mut report, on_push_back).await? {
                let [left, right] = too_large.halves();
                stack.push(right);
                stack.push(left);
            }
        }
        Ok(report)
    }

    /// Writes one part, repeating. Gives it back when it has to be cut in two.
    async fn write_part(
        &self,
        mut pending: Pending,
        report: &mut WriteReport,
        on_push_back: &(dyn Fn() + Send + Sync),
    ) -> Result<Option<Pending>, Failure> {
        let mut waits = Waits::new(self.inner.connection.retry);
        loop {
            let item_count = pending.item_count();
            let last = match self.bulk_attempt(pending.bytes.clone(), item_count).await {
                Ok(answer) => {
                    let again = settle(&pending, answer.outcomes(), report)?;
                    let Some(rejection) = again.rejection else {
                        return Ok(None);
                    };
                    let left_count = again.positions.len();
                    pending = pending.picked(&again.positions);
                    items_refused(&rejection, left_count)
                }
                Err(failure) if failure.status() == Some(413) => {
                    if item_count > 1 {
                        report.split_count += 1;
                        return Ok(Some(pending));
                    }
                    report.poison.extend(too_large(&pending, &failure));
                    return Ok(None);
                }
                Err(failure) if passes(&failure) => failure,
                Err(failure) => return Err(failure),
            };
            if last.class() == Class::BackOff {
                report.back_off_count += 1;
            }
            if last.class() == Class::BackOff || last.status() == Some(503) {
                on_push_back();
            }
            let Some(wait) = waits.next(last.retry_after()) else {
                return Err(last.with_attempts(waits.attempt_count()));
            };
            report.repeated_count += pending.item_count();
            tracing::debug!(
                items = pending.item_count(),
                error_type = last.error_type(),
                wait_ms = wait.as_millis(),
                "writing items again"
            );
            tokio::time::sleep(wait).await;
        }
    }
}

/// Items to send again, and why the first of them was refused.
struct Again {
    positions: Vec<usize>,
    rejection: Option<Rejection>,
}

/// Gives every item its place. Fails when an item needs an operator.
fn settle<'a>(
    pending: &Pending,
    outcomes: impl Iterator<Item = &'a ItemOutcome>,
    report: &mut WriteReport,
) -> Result<Again, Failure> {
    let mut again = Again { positions: Vec::new(), rejection: None };
    for (position, outcome) in outcomes.enumerate() {
        let rejection = match outcome {
            ItemOutcome::Done => {
                report.done_count += 1;
                continue;
            }
            ItemOutcome::Newer => {
                report.newer_count += 1;
                continue;
            }
            ItemOutcome::Rejected(rejection) => rejection,
        };
        match rejection.class {
            Class::Retry | Class::BackOff => {
                again.positions.push(position);
                again.rejection.get_or_insert_with(|| rejection.clone());
            }
            Class::Poison => {
                let item = pending.item(position).ok_or_else(unnamed)?;
                report.poison.push(Poison { item, rejection: rejection.clone() });
            }
            Class::Operator | Class::Bug | Class::ConflictIsSuccess => {
                let item = pending.item(position).ok_or_else(unnamed)?;
                let reason = format!("{}/{}: {}", item.index, item.id, rejection.reason);
                return Err(refused(rejection, &reason));
            }
        }
    }
    Ok(again)
}

fn items_refused(rejection: &Rejection, left_count: usize) -> Failure {
    let reason = format!("{left_count} items; the first one: {}", rejection.reason);
    refused(rejection, &reason)
}

fn refused(rejection: &Rejection, reason: &str) -> Failure {
    Failure::new(FailureKind::ItemsRefused, "POST /_bulk", reason)
        .with_status(rejection.status, Some(rejection.error_type.clone()))
}

fn unnamed() -> Failure {
    let reason = "an item of our own body can't be read back";
    Failure::new(FailureKind::Unreadable, "POST /_bulk", reason)
}

/// One document that alone is larger than the cluster takes.
fn too_large(pending: &Pending, failure: &Failure) -> Option<Poison> {
    let item = pending.item(0)?;
    let bytes = pending.bytes.len();
    let rejection = Rejection {
        class: Class::Poison,
        status: 413,
        error_type: failure.error_type().unwrap_or("request_entity_too_large").to_owned(),
        reason: format!("the document has {bytes} bytes, more than http.max_content_length allows"),
    };
    Some(Poison { item, rejection })
}

//! Delivery: documents that don't come one to one from the live set are taken out of envelopes and put where they belong.
//!
//! An index of envelopes is carried into, caught up and compared like every target: one envelope for one document. From there on
//! it is followed *as a numbered log of its own*, like a table's row index. A document that is delivered gets the version that
//! its envelope's number gives, so that delivering may be repeated. What no envelope holds any more (the document was deleted, or
//! the steps make something else of it now) is found by numbers, and then by ids. Before the switch everything that was
//! delivered is read back and compared, and under the fence every index has to hold exactly what is addressed to it.
//!
//! Only the driver delivers. An index of envelopes has one shard: of two documents that get the same id one after the other, the
//! later one has the higher number.

mod follow;

mod read_back;

mod settle;

mod compare;

mod envelopes;

mod version;

use std::collections::BTreeMap;

use lockstep_core::{
    plan::model::{Delivery, Strategy},
    run::state::{BadDocument, Problem},
    transform::envelope::Envelope,
};
use lockstep_elastic::{IndexName, Page};

pub(crate) use self::envelopes::remove_envelopes;
use self::version::Versions;
pub(super) use self::{
    compare::{compare_deliveries, look_at_deliveries},
    envelopes::envelopes_gone,
    follow::{deliver, wait_for_envelopes},
    settle::{settle_deliveries, settle_deliveries_anew},
};
use super::{
    CopyPair, StageContext, mend::Place, prepare::read_set, problem, quarantine::place,
    side::unreadable,
};
use crate::{
    error::EngineError,
    journal::{DeliveryRecord, Kept, Write},
};

/// Documents that are delivered by a run, and how far that got.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    logs: Vec<EnvelopeLog>,
    boxes: Vec<Inbox>,
    /// Of what is delivered now.
    epoch: u64,
    kept: Option<Kept<DeliveryRecord>>,
}

/// An index of envelopes.
#[derive(Debug, Clone)]
struct EnvelopeLog {
    /// Its position among the logs.
    at: usize,
    /// From where it gets its envelopes.
    pair: CopyPair,
    /// The unique id of the index that the run made.
    uuid: String,
    /// Key of a logical index → the index that documents with it go to.
    to: BTreeMap<String, IndexName>,
    /// Everything up to this number was delivered.
    covered: i64,
    /// Everything up to this number was read back.
    settled: i64,
}

/// An index that documents are delivered to.
#[derive(Debug)]
struct Inbox {
    /// Its name.
    index: String,
    /// The logical index that it is one of.
    logical: String,
    /// Positions of the logs whose envelopes may hold documents for it.
    logs: Vec<usize>,
}

/// A document on its way from an envelope to its index.
#[derive(Debug, Clone)]
struct Letter {
    /// The position of the log that its envelope is in.
    log: usize,
    /// The envelope that it is in.
    envelope: Place,
    /// The number of the envelope's last write.
    seq_no: i64,
    /// The index that it goes to.
    index: IndexName,
    id: String,
    routing: Option<String>,
    source: Vec<u8>,
}

impl Letter {
    fn place(&self) -> Place {
        (self.id.clone(), self.routing.clone())
    }
}

/// Two documents of the live set that become one document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Clash {
    /// The index and the id of the one document.
    made: (String, String),
    /// Indices and ids of two of them.
    from: [(String, String); 2],
}

impl Clash {
    fn told(&self) -> String {
        let Self { made, from: [first, second] } = self;
        format!(
            "`{}` of `{}` and `{}` of `{}` both become `{}` of `{}`",
            first.1, first.0, second.1, second.0, made.1, made.0
        )
    }

    fn documents(&self) -> Vec<BadDocument> {
        let bad = |(index, id): &(String, String)| BadDocument {
            index: index.clone(),
            id: id.clone(),
            reason: format!("becomes `{}` of `{}`, as another one does", self.made.1, self.made.0),
        };
        self.from.iter().map(bad).collect()
    }

    fn problem(&self) -> Problem {
        Problem {
            documents: self.documents(),
            document_count: 2,
            ..problem(
                "R0405",
                format!(
                    "two documents of the live set become one, and one would be lost: {}",
                    self.told()
                ),
                "let the step give them different ids (`rekey`), or drop one of them; give this run up with `lockstep abort`, and start again",
            )
        }
    }
}

impl Deliveries {
    /// Takes up delivering where the journal says that it got.
    ///
    /// # Errors
    /// [`EngineError`] when the journal can't be worked with.
    pub(super) async fn open(context: &StageContext) -> Result<Self, EngineError> {
        if context.plan.envelopes().next().is_none() {
            return Ok(Self::default());
        }
        let kept = match context.journal.read::<DeliveryRecord>(&context.run).await? {
            Some(kept) => kept,
            None => match context.journal.create(&context.run, DeliveryRecord::default()).await? {
                Write::Kept(kept) => kept,
                Write::Conflict => return Err(EngineError::LeaseLost),
            },
        };
        let (logs, boxes) = open_logs(context, &kept.record).await?;
        Ok(Self { logs, boxes, epoch: kept.record.epoch, kept: Some(kept) })
    }

    /// The same for somebody who only looks: nothing is written.
    ///
    /// # Errors
    /// [`EngineError`] when the journal can't be worked with.
    async fn seen(context: &StageContext) -> Result<Self, EngineError> {
        let kept = context.journal.read::<DeliveryRecord>(&context.run).await?;
        let record = kept.map(|kept| kept.record).unwrap_or_default();
        let (logs, boxes) = open_logs(context, &record).await?;
        Ok(Self { logs, boxes, epoch: record.epoch, kept: None })
    }

    fn is_empty(&self) -> bool {
        self.boxes.is_empty()
    }

    /// The indices that documents are delivered to.
    pub(super) fn targets(&self) -> impl Iterator<Item = &str> {
        self.boxes.iter().map(|inbox| inbox.index.as_str())
    }

    /// Writes how far it got to the journal, if that changed.
    async fn write(&mut self, context: &StageContext) -> Result<(), EngineError> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let record = DeliveryRecord {
            epoch: self.epoch,
            logs: self
                .logs
                .iter()
                .map(|log| (log.pair.position, log.covered, log.settled))
                .collect(),
        };
        if record == kept.record {
            return Ok(());
        }
        match context.journal.replace(&context.run, kept, record).await? {
            Write::Kept(kept) => self.kept = Some(kept),
            Write::Conflict => return Err(EngineError::LeaseLost),
        }
        Ok(())
    }

    /// The versions under which documents are delivered now.
    fn versions(&self) -> Versions {
        Versions { epoch: self.epoch, logs: self.logs.len() as u64 }
    }

    /// From now on whatever is delivered comes over all that was delivered before.
    async fn begin_epoch(&mut self, context: &StageContext) -> Result<(), EngineError> {
        self.epoch = self.epoch.saturating_add(1);
        self.write(context).await
    }

    /// Has everything read back anew that an index gets.
    fn forget(&mut self, logs: &[usize]) {
        for log in logs {
            if let Some(log) = self.logs.get_mut(*log) {
                log.settled = -1;
            }
        }
    }

    /// Has everything read back anew.
    fn forget_read_back(&mut self) {
        for log in &mut self.logs {
            log.settled = -1;
        }
    }

    /// Refreshes all indices that documents are delivered to.
    async fn refresh(&self, context: &StageContext) -> Result<(), EngineError> {
        let targets: Vec<&str> = self.targets().collect();
        Ok(context.cluster.refresh(&targets).await?)
    }
}

async fn open_logs(
    context: &StageContext,
    record: &DeliveryRecord,
) -> Result<(Vec<EnvelopeLog>, Vec<Inbox>), EngineError> {
    let set = read_set(context).await?.record;
    let mut logs = Vec::new();
    for pair in context.pairs()? {
        let strategy = context.plan.indices.get(pair.position).map(|index| &index.strategy);
        let Some(Strategy::Copy { delivery: Some(Delivery { to }), .. }) = strategy else {
            continue;
        };
        let (covered, settled) = record.of(pair.position).unwrap_or((-1, -1));
        let to = to
            .iter()
            .map(|(key, index)| Ok((key.clone(), index_name(index)?)))
            .collect::<Result<_, EngineError>>()?;
        let uuid = set.targets.get(&pair.target).cloned().unwrap_or_default();
        logs.push(EnvelopeLog { at: logs.len(), pair, uuid, to, covered, settled });
    }
    let boxes = inboxes(context, &logs);
    Ok((logs, boxes))
}

fn index_name(name: &str) -> Result<IndexName, EngineError> {
    IndexName::parse(name).map_err(|error| EngineError::Bug(error.to_string()))
}

fn inboxes(context: &StageContext, logs: &[EnvelopeLog]) -> Vec<Inbox> {
    let mut boxes = Vec::new();
    for (position, target) in context.plan.delivered() {
        let Some(planned) = context.plan.indices.get(position) else { continue };
        let gives = |log: &EnvelopeLog| {
            log.to.get(&planned.logical).is_some_and(|index| index.as_str() == target.index)
        };
        let from = logs.iter().enumerate().filter(|(_, log)| gives(log));
        boxes.push(Inbox {
            index: target.index.clone(),
            logical: planned.logical.clone(),
            logs: from.map(|(at, _)| at).collect(),
        });
    }
    boxes
}

impl EnvelopeLog {
    /// The documents in the envelopes of a page.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when one is no envelope, or addressed to nowhere: nobody but Lockstep should write there.
    fn open(&self, page: &Page) -> Result<Vec<Letter>, EngineError> {
        let mut letters = Vec::with_capacity(page.len());
        for hit in page.hits() {
            let broken = |reason: &str| unreadable(&self.pair.target, &hit.id, reason);
            let delivered =
                Envelope::read(hit.source).map_err(|error| broken(&error.to_string()))?;
            for one in delivered {
                let Some(index) = self.to.get(&one.index) else {
                    return Err(broken(&format!("a document is addressed to `{}`", one.index)));
                };
                letters.push(Letter {
                    log: self.at,
                    envelope: place(&hit),
                    seq_no: hit.seq_no,
                    index: index.clone(),
                    id: one.id,
                    routing: one.routing,
                    source: one.source,
                });
            }
        }
        Ok(letters)
    }
}

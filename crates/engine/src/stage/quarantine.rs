//! Quarantine: documents that a step or the new mapping rejects are set aside, so that they stop nothing until the switch.
//!
//! A rejected document is written into the quarantine before the cursor moves past it, and an older copy of it in the new
//! set is deleted: whoever is killed in between repeats both. From then on this state of the document, and no other, is
//! left out wherever the old set is read for a comparison or counted. When the application writes it again, it is carried
//! over like any other; when it deletes it, the entry is over.
//!
//! On the way back nothing is set aside: a document that can't go back stops it, as nobody should lose by a return what
//! was written since the switch. What operators decide is in [`crate::quarantine`].
//!
//! A rehearsal keeps its entries in memory: nobody decides about them, and nothing of it may be left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    plan::model::{Plan, Strategy},
    rehearsal::cause::{Cause, Group, grouped},
    run::{
        quarantine::{Entry, EntryEnding, EntryState, RejectedBy, key},
        state::BadDocument,
    },
};
use lockstep_elastic::{Cluster, Hit, Page};

use super::{CopyPair, mend::Place};
use crate::{
    error::EngineError,
    journal::{Journal, Kept, OriginalRecord, Write},
    quarantine::{WITHHELD_STATES, has_original},
};

/// Entries that are written at the same time: each takes a few round trips.
const WRITES_IN_FLIGHT: usize = 8;
/// How often an entry is written again when somebody decides about it at the same moment.
const ATTEMPTS_MAX: u32 = 5;

/// What a driver knows of the quarantine of its run. Shared by all workers.
#[derive(Debug, Clone)]
pub struct Quarantine {
    store: Journal,
    run: String,
    /// Entries that are kept at the most.
    limit: usize,
    /// In a rehearsal, the logical index by each index of the live set; nothing is stored then.
    rehearsed: Option<Arc<BTreeMap<String, String>>>,
    known: Arc<Mutex<Known>>,
    /// Held while rejections are written, so that all workers together stay below the limit.
    writing: Arc<tokio::sync::Mutex<()>>,
}

/// Entries of one index that are withheld, by place.
type Entries = BTreeMap<Place, Kept<Entry>>;

#[derive(Debug, Default)]
struct Known {
    /// By index of the old set.
    entries: BTreeMap<String, Arc<Entries>>,
    /// Whether the index of the quarantine is known to be there.
    is_made: bool,
    /// In a rehearsal: documents for which there was no room, by cause and index.
    beyond: BTreeMap<(Cause, String), u64>,
}

/// A document that was rejected, with what is kept of it.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) place: Place,
    pub(super) seq_no: i64,
    pub(super) source: Vec<u8>,
    pub(super) by: RejectedBy,
    pub(super) reason: String,
}

/// The documents of one index that are withheld, as they were at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Withheld(Option<Arc<Entries>>);

impl Withheld {
    /// Whether this very state of a document is left out of the new set.
    pub(super) fn has(&self, hit: &Hit<'_>) -> bool {
        self.entry(hit).is_some_and(|entry| entry.seq_no == hit.seq_no)
    }

    /// Whether somebody decided to leave this very state of a document out.
    pub(super) fn is_discarded(&self, hit: &Hit<'_>) -> bool {
        self.entry(hit).is_some_and(|entry| entry.seq_no == hit.seq_no && !entry.is_undecided())
    }

    fn entry(&self, hit: &Hit<'_>) -> Option<&Entry> {
        // Nothing is made of hits where nothing is withheld, which is nearly everywhere.
        let entries = self.0.as_ref()?;
        entries.get(&place(hit)).map(|kept| &kept.record)
    }
}

/// Where a document is.
pub(super) fn place(hit: &Hit<'_>) -> Place {
    (hit.id.clone().into_owned(), hit.routing.as_deref().map(str::to_owned))
}

impl Quarantine {
    /// The quarantine of a run of this plan. Nothing is known of it before [`Self::load`].
    pub(crate) fn new(cluster: &Cluster, plan: &Plan, run: &str) -> Self {
        Self {
            store: Journal::quarantine(cluster, &plan.application),
            run: run.to_owned(),
            limit: usize::try_from(plan.limits.quarantine_max).unwrap_or(usize::MAX),
            rehearsed: plan.rehearsal.is_some().then(|| Arc::new(logical_indices(plan))),
            known: Arc::default(),
            writing: Arc::default(),
        }
    }

    /// Takes in what the cluster holds: entries of earlier drivers, and what operators decided.
    ///
    /// # Errors
    /// [`EngineError`] when it can't be read.
    pub(crate) async fn load(&self) -> Result<(), EngineError> {
        if self.rehearsed.is_some() {
            return Ok(());
        }
        let mut entries: BTreeMap<String, Entries> = BTreeMap::new();
        for kept in self.store.find::<Entry>(&self.run, &WITHHELD_STATES).await? {
            let entry = &kept.record;
            let place = (entry.document.clone(), entry.routing.clone());
            entries.entry(entry.index.clone()).or_default().insert(place, kept);
        }
        self.known().entries =
            entries.into_iter().map(|(index, entries)| (index, Arc::new(entries))).collect();
        Ok(())
    }

    /// What is withheld of an index of the old set; nothing of any other.
    pub(super) fn withheld(&self, index: &str) -> Withheld {
        Withheld(self.known().entries.get(index).cloned())
    }

    /// All entries that are withheld.
    pub(super) fn entries(&self) -> Vec<Entry> {
        let known = self.known();
        known
            .entries
            .values()
            .flat_map(|entries| entries.values())
            .map(|kept| kept.record.clone())
            .collect()
    }

    /// Sets documents of the live set aside. Gives those for which there was no room.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be worked with.
    pub(super) async fn take(
        &self,
        pair: &CopyPair,
        rejected: Vec<Rejected>,
    ) -> Result<Vec<BadDocument>, EngineError> {
        let _turn = self.writing.lock().await;
        self.make().await?;
        let known = self.withheld(&pair.source.index);
        let mut room = self.limit.saturating_sub(self.entries().len());
        let (mut kept, mut beyond) = (Vec::new(), Vec::new());
        for one in rejected {
            let is_known = known.0.as_ref().is_some_and(|entries| entries.contains_key(&one.place));
            if is_known || room > 0 {
                room = room.saturating_sub(usize::from(!is_known));
                kept.push(one);
            } else {
                let index = pair.source.index.clone();
                self.note_beyond(&index, &one);
                beyond.push(BadDocument { index, id: one.place.0, reason: one.reason });
            }
        }
        let at = jiff::Timestamp::now().to_string();
        stream::iter(kept.into_iter().map(|one| self.put(pair, one, &at)))
            .buffer_unordered(WRITES_IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        Ok(beyond)
    }

    /// Ends the entries of documents of a page that was carried over, but for those that were rejected.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be worked with.
    pub(super) async fn carried(
        &self,
        pair: &CopyPair,
        page: &Page,
        left_out: &BTreeSet<Place>,
    ) -> Result<(), EngineError> {
        let Some(entries) = self.withheld(&pair.source.index).0 else { return Ok(()) };
        for hit in page.hits() {
            let place = place(&hit);
            match entries.get(&place) {
                Some(kept) if hit.seq_no >= kept.record.seq_no && !left_out.contains(&place) => {
                    self.end(kept.clone(), EntryEnding::Carried).await?;
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }

    /// Reads the quarantine anew, and ends the entries of documents that the live set doesn't have in that state any more.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be worked with.
    pub(super) async fn tidy(
        &self,
        cluster: &Cluster,
        pairs: impl Iterator<Item = &CopyPair>,
    ) -> Result<(), EngineError> {
        self.load().await?;
        for pair in pairs {
            let index = &pair.source.index;
            let Some(entries) = self.withheld(index).0 else { continue };
            cluster.refresh(&[index]).await?;
            let there = numbers(cluster, index, &entries).await?;
            for (place, kept) in entries.iter() {
                if there.get(place) != Some(&kept.record.seq_no) {
                    self.end(kept.clone(), EntryEnding::Superseded).await?;
                }
            }
        }
        Ok(())
    }

    /// By how much the counts of these pairs may differ, as the old set holds documents that the new one must not.
    ///
    /// # Errors
    /// [`EngineError`] when the cluster can't be worked with.
    pub(super) async fn allowance(
        &self,
        cluster: &Cluster,
        pairs: &[CopyPair],
    ) -> Result<Allowance, EngineError> {
        let mut allowance = Allowance::default();
        for pair in pairs {
            // The old index is read from before the switch, and written to on the way back.
            for (old, new) in
                [(&pair.source.index, &pair.target), (&pair.target, &pair.source.index)]
            {
                let Some(entries) = self.withheld(old).0 else { continue };
                let there = numbers(cluster, old, &entries).await?;
                let withheld: BTreeSet<&Place> = entries
                    .iter()
                    .filter(|(place, kept)| there.get(*place) == Some(&kept.record.seq_no))
                    .map(|(place, _)| place)
                    .collect();
                let copies = numbers(cluster, new, &entries).await?;
                if withheld.iter().any(|place| copies.contains_key(*place)) {
                    allowance.wrong.insert(pair.position);
                }
                allowance.withheld.insert(old.clone(), withheld.len() as u64);
            }
        }
        Ok(allowance)
    }

    /// Counts a document of a rehearsal for which there was no room.
    fn note_beyond(&self, index: &str, rejected: &Rejected) {
        let Some(logical) = &self.rehearsed else { return };
        let logical = logical.get(index).map_or("", String::as_str);
        let cause = Cause::of(logical, &rejected.by, &rejected.reason);
        *self.known().beyond.entry((cause, index.to_owned())).or_default() += 1;
    }

    /// What a rehearsal's documents were rejected for, the most frequent cause first.
    pub(crate) fn causes(&self) -> Vec<Group> {
        let entries = self.entries();
        let logical = self.rehearsed.clone().unwrap_or_default();
        let of = |index: &str| logical.get(index).cloned().unwrap_or_default();
        grouped(&entries, &self.known().beyond, of)
    }

    async fn make(&self) -> Result<(), EngineError> {
        if self.rehearsed.is_none() && !self.known().is_made {
            self.store.ensure().await?;
            self.known().is_made = true;
        }
        Ok(())
    }

    /// Writes an entry and its document, unless the same state is there.
    async fn put(&self, pair: &CopyPair, rejected: Rejected, at: &str) -> Result<(), EngineError> {
        let Rejected { place: (document, routing), seq_no, source, by, reason } = rejected;
        let index = pair.source.index.clone();
        let entry = Entry {
            key: key(&self.run, &index, &document, routing.as_deref()),
            run: self.run.clone(),
            index,
            index_uuid: pair.source.uuid.clone(),
            document,
            routing,
            seq_no,
            bytes: source.len() as u64,
            rejected_by: by,
            reason,
            at: at.to_owned(),
            state: EntryState::Open,
        };
        if self.rehearsed.is_some() {
            self.note(Kept::unstored(entry));
            return Ok(());
        }
        let source =
            String::from_utf8(source).map_err(|error| EngineError::Bug(error.to_string()))?;
        for _ in 0..ATTEMPTS_MAX {
            let known = self.store.read::<Entry>(&entry.key).await?;
            if let Some(known) = &known {
                refuse_another(&entry, &known.record)?;
                if !entry.replaces(&known.record) {
                    self.note(known.clone());
                    return Ok(());
                }
            }
            // Before the entry, which is what everybody looks at.
            if has_original(&entry) {
                let original = OriginalRecord { seq_no, source: source.clone() };
                self.store.overwrite(&entry.key, original).await?;
            }
            let write = self.store.put(&entry.key, known.as_ref(), entry.clone()).await?;
            if let Write::Kept(kept) = write {
                self.note(kept);
                return Ok(());
            }
        }
        Err(unsettled(&entry))
    }

    /// Ends an entry, whatever was decided about it, and forgets its document.
    async fn end(&self, kept: Kept<Entry>, ending: EntryEnding) -> Result<(), EngineError> {
        if self.rehearsed.is_some() {
            let at = jiff::Timestamp::now().to_string();
            self.note(Kept::unstored(kept.record.ended(ending, &at)));
            return Ok(());
        }
        let seq_no = kept.record.seq_no;
        let entry = kept.record.clone();
        let mut kept = Some(kept);
        for _ in 0..ATTEMPTS_MAX {
            let Some(known) = kept.filter(|known| known.record.seq_no == seq_no) else {
                // Somebody removed it, or a later state took its place; the next look tells.
                return self.load().await;
            };
            let at = jiff::Timestamp::now().to_string();
            let over = known.record.ended(ending, &at);
            if let Write::Kept(over) = self.store.replace(&entry.key, &known, over).await? {
                self.note(over);
                return self.store.remove::<OriginalRecord>(&entry.key).await;
            }
            kept = self.store.read::<Entry>(&entry.key).await?;
        }
        Err(unsettled(&entry))
    }

    /// Takes in an entry as it is in the cluster now.
    fn note(&self, kept: Kept<Entry>) {
        let mut known = self.known();
        let entry = &kept.record;
        let place = (entry.document.clone(), entry.routing.clone());
        let index = entry.index.clone();
        let entries = known.entries.entry(index.clone()).or_default();
        if entry.is_withheld() {
            Arc::make_mut(entries).insert(place, kept);
        } else {
            Arc::make_mut(entries).remove(&place);
            if entries.is_empty() {
                known.entries.remove(&index);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The logical index that documents are on the way to, by index of the live set.
fn logical_indices(plan: &Plan) -> BTreeMap<String, String> {
    let copied = plan.indices.iter().filter_map(|index| match &index.strategy {
        Strategy::Copy { source, .. } => Some((source.index.clone(), index.logical.clone())),
        Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => None,
    });
    copied.collect()
}

/// By how much counts of both sets may differ.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// Documents that an index of the old set holds and that are withheld, in that very state.
    withheld: BTreeMap<String, u64>,
    /// Positions of pairs whose new index holds a copy of such a document.
    wrong: BTreeSet<usize>,
}

impl Allowance {
    /// What is left of a count without the documents that are withheld.
    pub(super) fn without(&self, index: &str, count: u64) -> u64 {
        count.saturating_sub(self.withheld.get(index).copied().unwrap_or(0))
    }

    /// Whether the new index of a pair holds what must not be there.
    pub(super) fn is_wrong(&self, pair: &CopyPair) -> bool {
        self.wrong.contains(&pair.position)
    }
}

/// The numbers of documents at these places, as searches see them.
async fn numbers(
    cluster: &Cluster,
    index: &str,
    entries: &Entries,
) -> Result<BTreeMap<Place, i64>, EngineError> {
    let ids: BTreeSet<&str> = entries.keys().map(|(id, _)| id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let page = cluster.documents(index, &ids).await?;
    Ok(page.hits().map(|hit| (place(&hit), hit.seq_no)).collect())
}

/// Two documents with one key would hide each other.
fn refuse_another(entry: &Entry, known: &Entry) -> Result<(), EngineError> {
    let same = |a: &Entry, b: &Entry| {
        a.run == b.run && a.index == b.index && a.document == b.document && a.routing == b.routing
    };
    if same(entry, known) {
        return Ok(());
    }
    Err(EngineError::Bug(format!(
        "two documents have the key {} in quarantine: `{}` of `{}` and `{}` of `{}`",
        entry.key, entry.document, entry.index, known.document, known.index
    )))
}

fn unsettled(entry: &Entry) -> EngineError {
    EngineError::Bug(format!(
        "the entry {} of the quarantine was changed by somebody else {ATTEMPTS_MAX} times in a row",
        entry.key
    ))
}

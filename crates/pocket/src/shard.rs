//! One shard: a numbered log of operations, the newest version of each id, and what searches see.
//!
//! The position in `log` *is* the `_seq_no`, so a window of sequence numbers is a slice. A document
//! that was replaced or deleted stays in its slot until the next refresh, because searches still
//! see it. Nothing here knows mappings or JSON.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Refusal;

/// Bytes that a document costs beside its source, for the estimated store size.
const DOCUMENT_OVERHEAD_BYTES: usize = 64;

/// A stored document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) id: Arc<str>,
    pub(crate) routing: Option<Box<str>>,
    pub(crate) seq_no: usize,
    /// The term of the primary that wrote it.
    pub(crate) term: i64,
    pub(crate) version: i64,
    pub(crate) source: Box<str>,
}

/// What must hold for a write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Any,
    /// `op_type=create`: no live document.
    Absent,
    /// The stored version is lower.
    External(i64),
    /// The stored version is lower or equal.
    ExternalOrEqual(i64),
    /// The live document is exactly this write.
    At {
        seq_no: i64,
        primary_term: i64,
    },
}

/// One operation on one document.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) id: &'a str,
    pub(crate) routing: Option<&'a str>,
    /// `None` deletes.
    pub(crate) source: Option<&'a str>,
    pub(crate) condition: Condition,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Created,
    Updated,
    Deleted,
    NotFound,
}

impl Effect {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Created => 201,
            Self::Updated | Self::Deleted => 200,
            Self::NotFound => 404,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::NotFound => "not_found",
        }
    }
}

/// The numbers that a write was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) seq_no: usize,
    pub(crate) term: i64,
    pub(crate) version: i64,
    pub(crate) effect: Effect,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    seq_no: usize,
    term: i64,
    version: i64,
    /// When it was deleted; `None` while it lives.
    deleted: Option<Instant>,
}

/// A shard and everything it holds.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Which primary in a row this one is, from 1.
    term: i64,
    log: Vec<Option<Arc<Document>>>,
    newest: HashMap<Arc<str>, Entry>,
    /// Slots whose document searches must stop seeing at the next refresh.
    superseded: Vec<usize>,
    /// Searches see the slots below this one.
    visible: usize,
    visible_count: usize,
    tombstone_count: usize,
    bytes: usize,
    refreshed: Instant,
}

impl Shard {
    pub(crate) fn new() -> Self {
        Self {
            term: 1,
            log: Vec::new(),
            newest: HashMap::new(),
            superseded: Vec::new(),
            visible: 0,
            visible_count: 0,
            tombstone_count: 0,
            bytes: 0,
            refreshed: Instant::now(),
        }
    }

    /// A shard of the same log and documents, all of it visible, under another primary. Deletes are forgotten, as by an engine
    /// that starts a shard from files.
    pub(crate) fn cloned(&self) -> Self {
        let newest: HashMap<Arc<str>, Entry> = self
            .newest
            .iter()
            .filter(|(_, entry)| entry.deleted.is_none())
            .map(|(id, entry)| (Arc::clone(id), *entry))
            .collect();
        let is_newest = |document: &Arc<Document>| {
            newest.get(&document.id).is_some_and(|entry| entry.seq_no == document.seq_no)
        };
        let log: Vec<_> = self
            .log
            .iter()
            .map(|slot| slot.clone().filter(|document| is_newest(document)))
            .collect();
        Self {
            term: self.term + 1,
            visible: log.len(),
            visible_count: newest.len(),
            log,
            newest,
            superseded: Vec::new(),
            tombstone_count: 0,
            bytes: self.bytes,
            refreshed: Instant::now(),
        }
    }

    /// The highest sequence number given, -1 on an untouched shard. Local and global checkpoint
    /// are the same number: there is one copy.
    pub(crate) fn max_seq_no(&self) -> i64 {
        i64::try_from(self.log.len()).map_or(i64::MAX, |length| length - 1)
    }

    /// Which primary in a row this one is. A pocket cluster never fails over; closing and opening count, as on the engines.
    pub(crate) fn primary_term(&self) -> i64 {
        self.term
    }

    /// Writes from here on are another primary's.
    pub(crate) fn begin_term(&mut self) {
        self.term += 1;
    }

    /// Documents that searches see.
    pub(crate) fn visible_count(&self) -> usize {
        self.visible_count
    }

    /// An estimate: the live sources plus a fixed cost for each document.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest state of a document, refreshed or not.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Document>> {
        let entry = self.newest.get(id)?;
        if entry.deleted.is_some() {
            return None;
        }
        self.log.get(entry.seq_no)?.as_ref()
    }

    /// Carries out one write and gives it the next sequence number.
    pub(crate) fn write(&mut self, write: &Write<'_>, gc: Duration) -> Result<Written, Refusal> {
        let known = self.newest.get_key_value(write.id).map(|(id, entry)| (Arc::clone(id), *entry));
        let current = known.as_ref().map(|(_, entry)| *entry).filter(|entry| {
            // An expired tombstone is forgotten: a late write of an older version then succeeds,
            // exactly as on a real engine.
            entry.deleted.is_none_or(|at| at.elapsed() < gc)
        });
        let live = current.filter(|entry| entry.deleted.is_none());
        check(write, current, live)?;
        let version = match write.condition {
            Condition::External(version) | Condition::ExternalOrEqual(version) => version,
            Condition::Any | Condition::Absent | Condition::At { .. } => {
                // Beyond the largest number the engines wrap around; so does this.
                current.map_or(1, |entry| entry.version.wrapping_add(1))
            }
        };
        let seq_no = self.log.len();
        if let Some(entry) = live {
            self.superseded.push(entry.seq_no);
            if let Some(Some(old)) = self.log.get(entry.seq_no) {
                self.bytes = self.bytes.saturating_sub(document_bytes(old));
            }
        }
        self.record(write, (seq_no, version), known);
        let effect = match (write.source, live) {
            (Some(_), None) => Effect::Created,
            (Some(_), Some(_)) => Effect::Updated,
            (None, Some(_)) => Effect::Deleted,
            (None, None) => Effect::NotFound,
        };
        Ok(Written { seq_no, term: self.term, version, effect })
    }

    fn record(&mut self, write: &Write<'_>, given: (usize, i64), known: Option<(Arc<str>, Entry)>) {
        let (seq_no, version) = given;
        let deleted = write.source.is_none().then(Instant::now);
        let term = self.term;
        let entry = Entry { seq_no, term, version, deleted };
        let id = if let Some((id, old)) = known {
            self.tombstone_count -= usize::from(old.deleted.is_some());
            id
        } else {
            Arc::from(write.id)
        };
        self.newest.insert(Arc::clone(&id), entry);
        self.tombstone_count += usize::from(deleted.is_some());
        let document = write.source.map(|source| {
            let routing = write.routing.map(Into::into);
            Arc::new(Document { id, routing, seq_no, term, version, source: source.into() })
        });
        self.bytes += document.as_ref().map_or(0, document_bytes);
        self.log.push(document);
    }

    /// Makes every write so far visible to searches.
    pub(crate) fn refresh(&mut self, gc: Duration) {
        for slot in self.superseded.drain(..) {
            if let Some(document) = self.log.get_mut(slot)
                && document.take().is_some()
                && slot < self.visible
            {
                self.visible_count -= 1;
            }
        }
        let fresh = self.log.get(self.visible..).unwrap_or_default();
        self.visible_count += fresh.iter().flatten().count();
        self.visible = self.log.len();
        self.refreshed = Instant::now();
        if self.tombstone_count > 0 {
            self.newest.retain(|_, entry| entry.deleted.is_none_or(|at| at.elapsed() < gc));
            self.tombstone_count = self.newest.values().filter(|e| e.deleted.is_some()).count();
        }
    }

    /// Whether a refresh is owed: something is not visible yet and the interval has passed.
    pub(crate) fn refresh_due(&self, interval: Option<Duration>) -> bool {
        let stale = self.visible < self.log.len() || !self.superseded.is_empty();
        stale && interval.is_some_and(|interval| self.refreshed.elapsed() >= interval)
    }

    /// The documents that searches see with `first <= _seq_no <= last`, in order.
    pub(crate) fn window(&self, first: i64, last: i64) -> impl Iterator<Item = &Arc<Document>> {
        let start = usize::try_from(first.max(0)).unwrap_or(usize::MAX);
        let end = last.checked_add(1).map_or(usize::MAX, |end| usize::try_from(end).unwrap_or(0));
        let end = end.min(self.visible);
        self.log.get(start.min(end)..end).unwrap_or_default().iter().flatten()
    }

    /// The state of one document that searches see.
    pub(crate) fn visible_document(&self, id: &str) -> Option<&Arc<Document>> {
        if let Some(entry) = self.newest.get(id)
            && entry.deleted.is_none()
            && entry.seq_no < self.visible
        {
            return self.log.get(entry.seq_no)?.as_ref();
        }
        // Replaced or deleted since the last refresh: searches still see the state before.
        self.superseded
            .iter()
            .filter(|slot| **slot < self.visible)
            .filter_map(|slot| self.log.get(*slot)?.as_ref())
            .find(|document| &*document.id == id)
    }
}

fn document_bytes(document: &Arc<Document>) -> usize {
    document.source.len() + DOCUMENT_OVERHEAD_BYTES
}

fn check(write: &Write<'_>, current: Option<Entry>, live: Option<Entry>) -> Result<(), Refusal> {
    let id = write.id;
    let complaint = match write.condition {
        Condition::Any => return Ok(()),
        Condition::Absent => live
            .map(|entry| format!("document already exists (current version [{}])", entry.version)),
        Condition::External(version) => {
            current.filter(|entry| entry.version >= version).map(|entry| {
                let stored = entry.version;
                format!(
                    "current version [{stored}] is higher or equal to the one provided [{version}]"
                )
            })
        }
        Condition::ExternalOrEqual(version) => {
            current.filter(|entry| entry.version > version).map(|entry| {
                let stored = entry.version;
                format!("current version [{stored}] is higher than the one provided [{version}]")
            })
        }
        Condition::At { seq_no, primary_term } => {
            let required = format!("required seqNo [{seq_no}], primary term [{primary_term}]");
            match live {
                None => Some(format!("{required}. but no document was found")),
                Some(entry)
                    if i64::try_from(entry.seq_no) == Ok(seq_no) && primary_term == entry.term =>
                {
                    None
                }
                Some(entry) => Some(format!(
                    "{required}. current document has seqNo [{}] and primary term [{}]",
                    entry.seq_no, entry.term
                )),
            }
        }
    };
    complaint.map_or(Ok(()), |complaint| {
        let reason = format!("[{id}]: version conflict, {complaint}");
        Err(Refusal::new(409, "version_conflict_engine_exception", reason))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GC: Duration = Duration::from_mins(1);

    fn put(shard: &mut Shard, id: &str, condition: Condition) -> Result<Written, Refusal> {
        shard.write(&Write { id, routing: None, source: Some("{}"), condition }, GC)
    }

    fn delete(shard: &mut Shard, id: &str, condition: Condition) -> Result<Written, Refusal> {
        shard.write(&Write { id, routing: None, source: None, condition }, GC)
    }

    fn visible(shard: &Shard) -> Vec<(String, usize)> {
        shard.window(0, i64::MAX).map(|d| (d.id.to_string(), d.seq_no)).collect()
    }

    #[test]
    fn sequence_numbers_are_dense_and_searches_see_the_last_refresh() {
        let mut shard = Shard::new();
        put(&mut shard, "a", Condition::Any).unwrap();
        put(&mut shard, "b", Condition::Any).unwrap();
        assert_eq!(visible(&shard), []);
        shard.refresh(GC);
        put(&mut shard, "a", Condition::Any).unwrap();
        delete(&mut shard, "b", Condition::Any).unwrap();
        delete(&mut shard, "absent", Condition::Any).unwrap();
        assert_eq!(visible(&shard), [("a".into(), 0), ("b".into(), 1)]);
        assert_eq!(shard.visible_document("b").unwrap().seq_no, 1);
        assert!(shard.get("b").is_none());
        assert_eq!(shard.max_seq_no(), 4);
        shard.refresh(GC);
        assert_eq!(visible(&shard), [("a".into(), 2)]);
        assert_eq!(shard.visible_count(), 1);
        assert!(shard.visible_document("b").is_none());
    }

    #[test]
    fn external_versions_protect_newer_states_and_tombstones() {
        let mut shard = Shard::new();
        put(&mut shard, "a", Condition::ExternalOrEqual(5)).unwrap();
        put(&mut shard, "a", Condition::ExternalOrEqual(5)).unwrap();
        assert_eq!(put(&mut shard, "a", Condition::External(5)).unwrap_err().status, 409);
        assert_eq!(put(&mut shard, "a", Condition::ExternalOrEqual(4)).unwrap_err().status, 409);
        let deleted = delete(&mut shard, "a", Condition::ExternalOrEqual(7)).unwrap();
        assert_eq!((deleted.version, deleted.effect), (7, Effect::Deleted));
        assert_eq!(put(&mut shard, "a", Condition::ExternalOrEqual(6)).unwrap_err().status, 409);
        let made = put(&mut shard, "a", Condition::Any).unwrap();
        assert_eq!((made.version, made.effect), (8, Effect::Created));
    }

    #[test]
    fn versions_wrap_around_as_on_the_engines() {
        let mut shard = Shard::new();
        put(&mut shard, "a", Condition::External(i64::MAX)).unwrap();
        assert_eq!(put(&mut shard, "a", Condition::Any).unwrap().version, i64::MIN);
    }

    #[test]
    fn an_expired_tombstone_is_forgotten() {
        let mut shard = Shard::new();
        put(&mut shard, "a", Condition::ExternalOrEqual(5)).unwrap();
        delete(&mut shard, "a", Condition::ExternalOrEqual(7)).unwrap();
        let late = Write {
            id: "a",
            routing: None,
            source: Some("{}"),
            condition: Condition::ExternalOrEqual(6),
        };
        assert_eq!(shard.write(&late, Duration::ZERO).unwrap().version, 6);
    }

    #[test]
    fn compare_and_swap_wants_the_exact_write() {
        let mut shard = Shard::new();
        let first = put(&mut shard, "a", Condition::Absent).unwrap();
        assert_eq!(put(&mut shard, "a", Condition::Absent).unwrap_err().status, 409);
        let at = Condition::At { seq_no: i64::try_from(first.seq_no).unwrap(), primary_term: 1 };
        assert_eq!(put(&mut shard, "a", at).unwrap().version, 2);
        assert_eq!(put(&mut shard, "a", at).unwrap_err().status, 409);
        assert_eq!(put(&mut shard, "b", at).unwrap_err().status, 409);
        assert_eq!(shard.max_seq_no(), 1, "a refused write takes no number");
    }
}

//! What operators see of the quarantine of a run, and what they decide about it. Decisions are compare-and-swap on the entry
//! that was read; a driver takes them in when it looks at the quarantine the next time.

use lockstep_core::run::{
    quarantine::{Decision, Entry},
    state::RunState,
};
use lockstep_elastic::Cluster;
use serde::Serialize;

use crate::{
    error::EngineError,
    journal::{ApplicationRecord, Journal, Kept, OriginalRecord, RunRecord, Write},
};

/// States of entries that are left out of the new set.
pub(crate) const WITHHELD_STATES: [&str; 3] = ["open", "retry", "discarded"];

/// A larger document is not kept a second time: a request of a JSON text within a JSON text has to stay below 100 MB, which
/// is what the engines take.
const ORIGINAL_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is in quarantine, by what was decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Nobody decided yet.
    pub open: u64,
    /// Somebody asked to try once more.
    pub retry: u64,
    /// Somebody decided to leave it out.
    pub discarded: u64,
}

impl Counts {
    /// What the switch waits for.
    pub fn undecided(self) -> u64 {
        self.open + self.retry
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.undecided() + self.discarded
    }
}

/// The quarantine of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The run.
    pub run: String,
    /// Entries that are not over, by index and document.
    pub entries: Vec<Entry>,
}

/// Which entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// All that nobody decided about yet.
    Undecided,
    /// Those with these keys, decided or not.
    Keys(Vec<String>),
}

/// Whether the document of an entry is kept with it.
pub(crate) fn has_original(entry: &Entry) -> bool {
    entry.bytes <= ORIGINAL_BYTES_MAX
}

/// Counts what is in quarantine of a run.
///
/// # Errors
/// [`EngineError`] when it can't be read.
pub async fn counts(
    cluster: &Cluster,
    application: &str,
    run: &str,
) -> Result<Counts, EngineError> {
    let store = Journal::quarantine(cluster, application);
    let mut counts = Counts::default();
    for kept in store.find::<Entry>(run, &WITHHELD_STATES).await? {
        match kept.record.state.name() {
            "open" => counts.open += 1,
            "retry" => counts.retry += 1,
            _ => counts.discarded += 1,
        }
    }
    Ok(counts)
}

/// Lists the quarantine of the run that is under way, or of the one that ended last. Changes nothing.
///
/// # Errors
/// [`EngineError::NoRun`], or what the cluster says.
pub async fn list(cluster: &Cluster, application: &str) -> Result<Listing, EngineError> {
    let (run, _) = run_of(cluster, application).await?;
    let entries = entries(cluster, application, &run).await?;
    Ok(Listing { run, entries: entries.into_iter().map(|kept| kept.record).collect() })
}

/// One entry, over or not, and its document where it is kept. Changes nothing.
///
/// # Errors
/// [`EngineError::NotInQuarantine`], or what the cluster says.
pub async fn show(
    cluster: &Cluster,
    application: &str,
    key: &str,
) -> Result<(Entry, Option<String>), EngineError> {
    let store = Journal::quarantine(cluster, application);
    let missing = || EngineError::NotInQuarantine { keys: vec![key.to_owned()] };
    if !is_key(key) {
        return Err(missing());
    }
    let entry = store.read::<Entry>(key).await?.ok_or_else(missing)?.record;
    let original = store.read::<OriginalRecord>(key).await?.map(|kept| kept.record);
    // A driver that was killed may have written the document of a later state already.
    let original = original.filter(|original| original.seq_no == entry.seq_no);
    Ok((entry, original.map(|original| original.source)))
}

/// Decides about entries of the run that is under way, in `by`'s name. Gives them as they are now.
///
/// # Errors
/// [`EngineError::NotInQuarantine`] when an entry isn't there or is over: then nothing is decided.
/// [`EngineError::QuarantineMoved`] when entries changed between the look and the decision; the others are decided.
/// [`EngineError::NoRun`], [`EngineError::Undecidable`] once the run doesn't lead to a switch any more.
pub async fn decide(
    cluster: &Cluster,
    application: &str,
    (chosen, decision): (&Chosen, &Decision),
    by: &str,
) -> Result<Vec<Entry>, EngineError> {
    let run = open_run(cluster, application).await?;
    let mut known = entries(cluster, application, &run).await?;
    match chosen {
        Chosen::Undecided => known.retain(|kept| kept.record.is_undecided()),
        Chosen::Keys(keys) => {
            let is_there = |key: &&String| known.iter().any(|kept| kept.record.key == **key);
            let missing: Vec<String> = keys.iter().filter(|key| !is_there(key)).cloned().collect();
            if !missing.is_empty() {
                return Err(EngineError::NotInQuarantine { keys: missing });
            }
            known.retain(|kept| keys.contains(&kept.record.key));
        }
    }
    let store = Journal::quarantine(cluster, application);
    let at = jiff::Timestamp::now().to_string();
    let (mut decided, mut moved) = (Vec::new(), Vec::new());
    for kept in known {
        let key = kept.record.key.clone();
        let Some(entry) = kept.record.decided(decision, by, &at) else {
            moved.push(key);
            continue;
        };
        match store.replace(&key, &kept, entry).await? {
            Write::Kept(kept) => decided.push(kept.record),
            Write::Conflict => moved.push(key),
        }
    }
    if moved.is_empty() { Ok(decided) } else { Err(EngineError::QuarantineMoved { keys: moved }) }
}

/// Entries that are not over, by index and document.
async fn entries(
    cluster: &Cluster,
    application: &str,
    run: &str,
) -> Result<Vec<Kept<Entry>>, EngineError> {
    let store = Journal::quarantine(cluster, application);
    let mut entries = store.find::<Entry>(run, &WITHHELD_STATES).await?;
    entries.sort_by(|a, b| {
        let place = |kept: &Kept<Entry>| (kept.record.index.clone(), kept.record.document.clone());
        place(a).cmp(&place(b)).then_with(|| a.record.routing.cmp(&b.record.routing))
    });
    Ok(entries)
}

/// The run that is under way, or else the one that ended last, and whether it is under way.
async fn run_of(cluster: &Cluster, application: &str) -> Result<(String, bool), EngineError> {
    let no_run = || EngineError::NoRun { application: application.to_owned(), what: "run" };
    let journal = Journal::new(cluster, application);
    let record = journal.read::<ApplicationRecord>(application).await?.ok_or_else(no_run)?.record;
    let is_under_way = record.run.is_some();
    let id = record.run.or(record.last_run).ok_or_else(no_run)?;
    Ok((id, is_under_way))
}

/// The run that is under way, if it can still be decided what it leaves out.
async fn open_run(cluster: &Cluster, application: &str) -> Result<String, EngineError> {
    let no_run =
        || EngineError::NoRun { application: application.to_owned(), what: "run under way" };
    let (id, is_under_way) = run_of(cluster, application).await?;
    let journal = Journal::new(cluster, application);
    let run = journal.read::<RunRecord>(&id).await?.ok_or_else(no_run)?.record;
    let is_past = run.state.is_on_targets()
        || run.state.is_return()
        || matches!(run.state, RunState::Aborting | RunState::Aborted | RunState::Returned);
    if is_past {
        return Err(EngineError::Undecidable { state: run.state.name() });
    }
    if is_under_way { Ok(id) } else { Err(no_run()) }
}

/// Whether a text can be a key; anything else could name a record of another kind.
fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|one| one.is_ascii_hexdigit())
}

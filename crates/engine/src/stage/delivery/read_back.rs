//! Reading back: what was delivered is looked for in its index, and written anew where it isn't as it should be. And every document
//! may be in one envelope only.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    compare::{document_hash, entry_hash},
    run::state::BadDocument,
};

use super::{
    Clash, Deliveries, EnvelopeLog, Inbox, Letter,
    follow::{set_envelopes_aside, write_letters},
};
use crate::{
    error::EngineError,
    stage::{
        StageContext,
        mend::{Place, found_in},
        quarantine::Withheld,
        side::unreadable,
        window::{WindowReader, WindowWidth},
    },
};

/// Documents that are looked up together.
pub(super) const LETTERS_AT_ONCE: usize = 500;
/// Documents that are named when some differ.
const DOCUMENTS_NAMED: usize = 20;
/// Envelopes that are looked at to find two with one document.
const ENVELOPES_SHOWN: usize = 100;

/// What reading back found.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Documents that were not there, by index.
    pub(super) missing: BTreeMap<String, u64>,
    /// Documents that were something else.
    pub(super) differing: u64,
    /// Some of them.
    pub(super) documents: Vec<BadDocument>,
    /// Two documents of the live set that become one.
    pub(super) clash: Option<Clash>,
}

impl Seen {
    pub(super) fn count(&self) -> u64 {
        self.missing_count() + self.differing
    }

    pub(super) fn missing_count(&self) -> u64 {
        self.missing.values().sum()
    }
}

/// Whether what isn't right is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// It is only told.
    Look,
    /// It is written anew.
    Write,
}

/// Reads back what was delivered since that was done last, and notes that it was, where everything was right.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with, or a rejected document can't be set aside.
pub(super) async fn read_back(
    context: &StageContext,
    deliveries: &mut Deliveries,
    hand: Hand,
) -> Result<Seen, EngineError> {
    let mut all = Seen::default();
    if deliveries.logs.iter().all(|log| log.settled >= log.covered) {
        return Ok(all);
    }
    deliveries.refresh(context).await?;
    // What isn't as it should be was delivered in vain, as something with a higher version is or was there.
    let mut anew = Anew { hand, has_epoch: false };
    for at in 0..deliveries.logs.len() {
        let before = all.count();
        let Some(log) = deliveries.logs.get(at).cloned() else { break };
        read_log(context, deliveries, (&log, &mut anew), &mut all).await?;
        // Written anew, it has to be seen once more.
        if all.count() == before
            && all.clash.is_none()
            && let Some(log) = deliveries.logs.get_mut(at)
        {
            log.settled = log.covered;
        }
    }
    Ok(all)
}

/// How what isn't right is written anew.
#[derive(Debug)]
struct Anew {
    hand: Hand,
    /// Whether an epoch was begun for it.
    has_epoch: bool,
}

async fn read_log(
    context: &StageContext,
    deliveries: &mut Deliveries,
    (log, anew): (&EnvelopeLog, &mut Anew),
    all: &mut Seen,
) -> Result<(), EngineError> {
    let limits = &context.plan.limits;
    let width = WindowWidth::new(limits.window_bytes, limits.window_width_max);
    let range = (log.settled.saturating_add(1), log.covered);
    let mut reader =
        WindowReader::new(&context.cluster, (log.pair.target.as_str(), 0), range, width);
    while let Some((page, _)) = reader.next().await? {
        context.check_stop()?;
        let mut by_index: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
        for letter in log.open(&page)? {
            by_index.entry(letter.index.as_str().to_owned()).or_default().push(letter);
        }
        let mut wrong = Vec::new();
        for (index, letters) in by_index {
            let Some(inbox) = deliveries.boxes.iter().find(|inbox| inbox.index == index) else {
                continue;
            };
            for letters in letters.chunks(LETTERS_AT_ONCE) {
                if let Some(clash) = find_clash(context, deliveries, (inbox, log), letters).await? {
                    // Whichever were written, the other one would be lost.
                    all.clash.get_or_insert(clash);
                    continue;
                }
                wrong.extend(look(context, inbox, letters, all).await?);
            }
        }
        if anew.hand == Hand::Write && !wrong.is_empty() {
            if !anew.has_epoch {
                deliveries.begin_epoch(context).await?;
                anew.has_epoch = true;
            }
            let rejected = write_letters(context, deliveries.versions(), wrong).await?;
            set_envelopes_aside(context, (log, &page), &rejected).await?;
        }
    }
    Ok(())
}

/// Documents of one index that are not there as they should be.
async fn look(
    context: &StageContext,
    inbox: &Inbox,
    letters: &[Letter],
    all: &mut Seen,
) -> Result<Vec<Letter>, EngineError> {
    let ids: BTreeSet<&str> = letters.iter().map(|letter| letter.id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let page = context.cluster.documents(&inbox.index, &ids).await?;
    let found = found_in(&inbox.index, &page, &Withheld::default())?;
    let mut wrong = Vec::new();
    for letter in letters {
        let hash = document_hash(&letter.source)
            .map_err(|error| unreadable(&inbox.index, &letter.id, &error.to_string()))?;
        let expected = entry_hash(&letter.id, letter.routing.as_deref(), hash);
        let reason = match found.get(&letter.place()) {
            Some(there) if there.entry_hash == expected => continue,
            // It came from another envelope before.
            Some(_) => {
                all.differing += 1;
                "is not what its envelope says"
            }
            None => {
                *all.missing.entry(inbox.index.clone()).or_default() += 1;
                "is missing in the new set"
            }
        };
        if all.documents.len() < DOCUMENTS_NAMED {
            let (index, id) = (inbox.index.clone(), letter.id.clone());
            all.documents.push(BadDocument { index, id, reason: reason.to_owned() });
        }
        wrong.push(letter.clone());
    }
    Ok(wrong)
}

/// Finds two envelopes that hold a document for one id, one of them at hand.
async fn find_clash(
    context: &StageContext,
    deliveries: &Deliveries,
    (inbox, log): (&Inbox, &EnvelopeLog),
    letters: &[Letter],
) -> Result<Option<Clash>, EngineError> {
    let mut by_id: BTreeMap<&str, &Place> = BTreeMap::new();
    for letter in letters {
        if let Some(other) = by_id.insert(&letter.id, &letter.envelope)
            && *other != letter.envelope
        {
            let from = |place: &Place| (log.pair.source.index.clone(), place.0.clone());
            let made = (inbox.index.clone(), letter.id.clone());
            return Ok(Some(Clash { made, from: [from(other), from(&letter.envelope)] }));
        }
    }
    let letters: Vec<&Letter> = letters.iter().collect();
    if !may_clash(context, deliveries, inbox, &letters).await? {
        return Ok(None);
    }
    let logs: Vec<&EnvelopeLog> =
        inbox.logs.iter().filter_map(|at| deliveries.logs.get(*at)).collect();
    let keys = keys_of(inbox, &letters);
    name_clash(context, inbox, &logs, &keys.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Whether more envelopes hold documents with these ids than they are taken of, or one of them twice.
pub(super) async fn may_clash(
    context: &StageContext,
    deliveries: &Deliveries,
    inbox: &Inbox,
    letters: &[&Letter],
) -> Result<bool, EngineError> {
    let envelopes: BTreeSet<&Place> = letters.iter().map(|letter| &letter.envelope).collect();
    let keys = keys_of(inbox, letters);
    if keys.len() < letters.len() {
        return Ok(true);
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let logs = inbox.logs.iter().filter_map(|at| deliveries.logs.get(*at));
    let wanted: Vec<(&str, &[&str])> =
        logs.map(|log| (log.pair.target.as_str(), keys.as_slice())).collect();
    let count: u64 = context.cluster.counts_with("keys", &wanted).await?.into_iter().sum();
    Ok(count > envelopes.len() as u64)
}

/// What envelopes that hold documents with these ids are found by.
fn keys_of(inbox: &Inbox, letters: &[&Letter]) -> BTreeSet<String> {
    letters.iter().map(|letter| format!("{}/{}", inbox.logical, letter.id)).collect()
}

/// Names two envelopes that hold a document with one of these keys. Gives none when there are no two any more.
async fn name_clash(
    context: &StageContext,
    inbox: &Inbox,
    logs: &[&EnvelopeLog],
    keys: &[&str],
) -> Result<Option<Clash>, EngineError> {
    let mut holders: BTreeMap<String, (String, String)> = BTreeMap::new();
    for key in keys {
        for log in logs {
            let body = serde_json::json!({
                "size": ENVELOPES_SHOWN,
                "query": {"constant_score": {"filter": {"terms": {"keys": [key]}}}},
            });
            let page = context.cluster.search(&log.pair.target, &body).await?;
            for letter in log.open(&page)? {
                if letter.index.as_str() != inbox.index
                    || format!("{}/{}", inbox.logical, letter.id) != **key
                {
                    continue;
                }
                let holder = (log.pair.source.index.clone(), letter.envelope.0.clone());
                let other = holders.insert(letter.id.clone(), holder.clone());
                if let Some(other) = other.filter(|other| *other != holder) {
                    let made = (inbox.index.clone(), letter.id);
                    return Ok(Some(Clash { made, from: [other, holder] }));
                }
            }
        }
    }
    Ok(None)
}

//! The oracle: reads the live set and says whether everything that was acknowledged is there, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use crate::{
    application::{Release, index_name, index_parts, tenant_names},
    check::{live, pairs::partitions},
    cluster::Cluster,
    error::DemoError,
    json::Json,
    scroll::scroll,
    seed::shares::deleted_before,
    traffic::{
        history::{History, State},
        ledger::Ledger,
        place::{Place, Slots},
        report::{TrafficExample, TrafficReport, TrafficVerdict},
    },
};

/// Indices that are read at the same time.
const INDICES_IN_FLIGHT: usize = 4;
/// The most lines on one example.
const EXAMPLE_LINES: usize = 5;

/// Reads the live set on the cluster at `url` and compares it with the ledger, each document taken from the form in
/// which it was written to the form of the live release. Keeps at most `examples` examples.
///
/// # Errors
/// When something can't be read. Whatever is wrong with the documents is in the report.
pub async fn check_traffic(
    url: &str,
    ledger: &Ledger,
    live: Release,
    examples: usize,
) -> Result<TrafficReport, DemoError> {
    let cluster = Cluster::new(url)?;
    let there = live::indices_and_aliases(&cluster).await?;
    let names: BTreeSet<&str> = there.keys().map(String::as_str).collect();
    let counts = ledger.counts();
    let mut report = TrafficReport {
        operations: counts.operations(),
        refused_writes: counts.refused_writes,
        longest_wait_ms: counts.longest_wait_ms,
        split_observations: counts.split_observations,
        observations: counts.observations,
        problems: ledger.surprises(),
        ..TrafficReport::default()
    };
    report
        .problems
        .extend(ledger.splits.iter().map(|split| format!("tenants were apart: {split}")));
    let tenants: BTreeSet<String> = tenant_names(ledger.options.seed.tenants).into_iter().collect();
    let readings = readings(ledger, &names, &tenants, live, &mut report.problems);
    read_all(&cluster, ledger, readings, examples, &mut report).await?;
    report.problems.extend(live::problems(&cluster, &there, &tenants, live).await?);
    Ok(report)
}

/// An index that is read, and the slot that its documents belong to. Without one it must be empty.
#[derive(Debug)]
struct Reading {
    index: String,
    is_there: bool,
    slot: Option<usize>,
    live: Release,
}

/// Every index of the live set, those that are lacking and those that are too many.
fn readings(
    ledger: &Ledger,
    names: &BTreeSet<&str>,
    tenants: &BTreeSet<String>,
    live: Release,
    problems: &mut Vec<String>,
) -> Vec<Reading> {
    let mut readings = BTreeMap::new();
    let mut add = |index: String, slot: Option<usize>| {
        let is_there = names.contains(index.as_str());
        readings.entry(index.clone()).or_insert_with(|| Reading { index, is_there, slot, live });
    };
    for (slot, share) in ledger.slots.all() {
        if live.indices().contains(&share.index) {
            add(ledger.slots.index(slot, live), Some(slot));
        }
    }
    for tenant in tenants {
        for index in live.indices() {
            let mut parts = partitions(names, tenant, index.name, live);
            // Every monthly index has the months that events have.
            let more = index.monthly.then(|| partitions(names, tenant, "event", live));
            parts.extend(more.unwrap_or_else(|| vec![None]));
            for part in parts {
                add(index_name(tenant, index.name, live, part), None);
            }
        }
    }
    for reading in readings.values() {
        if !reading.is_there {
            problems.push(format!("index {} of the live set is missing", reading.index));
        }
    }
    for index in names.iter().filter(|index| !readings.contains_key(**index)) {
        let parts = index_parts(index);
        if parts.is_some_and(|at| at.version == live.version() && tenants.contains(at.tenant)) {
            problems.push(format!("index {index} has no place in the live set"));
        }
    }
    readings.into_values().collect()
}

async fn read_all(
    cluster: &Cluster,
    ledger: &Ledger,
    readings: Vec<Reading>,
    examples: usize,
    report: &mut TrafficReport,
) -> Result<(), DemoError> {
    let mut reading = JoinSet::new();
    let mut readings = readings.into_iter();
    loop {
        while reading.len() < INDICES_IN_FLIGHT
            && let Some(next) = readings.next()
        {
            let (cluster, ledger) = (cluster.clone(), ledger.clone());
            reading.spawn(async move { read(&cluster, &ledger, &next, examples).await });
        }
        let Some(found) = reading.join_next().await else { break };
        let TrafficReport { documents, lost, resurrected, differing, extra, examples, .. } =
            found??;
        report.documents += documents;
        report.lost += lost;
        report.resurrected += resurrected;
        report.differing += differing;
        report.extra += extra;
        report.examples.extend(examples);
    }
    report.examples.sort_by(|one, other| (&one.index, &one.id).cmp(&(&other.index, &other.id)));
    report.examples.truncate(examples);
    Ok(())
}

/// What may be found under an id and a routing.
#[derive(Debug)]
enum Known {
    /// A document of the ledger.
    Document(Place, History),
    /// One that seeding wrote and deleted.
    Deleted,
}

/// Id and routing.
type Key = (String, Option<String>);

/// Everything that is known of a slot.
fn known(ledger: &Ledger, slot: usize) -> BTreeMap<Key, Known> {
    let slots: &Slots = &ledger.slots;
    let mut known = BTreeMap::new();
    let share = slots.share(slot);
    for number in share.first..share.first + share.count {
        let place = Place { slot, number };
        let (id, routing) = slots.identity(place);
        if let Some(gone) = deleted_before(number) {
            known.insert((gone, routing.clone()), Known::Deleted);
        }
        known.insert((id, routing), Known::Document(place, slots.seeded(place)));
    }
    for (place, history) in ledger.histories(slot) {
        known.insert(slots.identity(place), Known::Document(place, history.clone()));
    }
    known
}

/// Reads one index and judges every document of it, and every document that it lacks.
async fn read(
    cluster: &Cluster,
    ledger: &Ledger,
    reading: &Reading,
    examples: usize,
) -> Result<TrafficReport, DemoError> {
    let Reading { index, is_there, slot, live } = reading;
    let mut known = slot.map(|slot| known(ledger, slot)).unwrap_or_default();
    let must_be_there =
        |known: &&Known| matches!(known, Known::Document(_, history) if history.must_be_there());
    let documents = known.values().filter(must_be_there).count();
    let mut judge =
        Judge { ledger, index, live: *live, examples, report: TrafficReport::default() };
    judge.report.documents = u64::try_from(documents).unwrap_or(u64::MAX);
    if *is_there {
        scroll(cluster, index, |hit| {
            let content = hit.content(index)?;
            let key = (hit.id, hit.routing);
            let known = known.remove(&key);
            judge.judge(key, known, Some(&content))
        })
        .await?;
    }
    for (key, known) in known {
        judge.judge(key, Some(known), None)?;
    }
    Ok(judge.report)
}

/// Judges the documents of one index.
struct Judge<'at> {
    ledger: &'at Ledger,
    index: &'at str,
    live: Release,
    examples: usize,
    report: TrafficReport,
}

impl Judge<'_> {
    fn judge(
        &mut self,
        key: Key,
        known: Option<Known>,
        found: Option<&Json>,
    ) -> Result<(), DemoError> {
        let (verdict, place, settled) = match (known, found) {
            (Some(Known::Document(place, history)), _) => {
                let is = |state| self.is(place, state, found, &key.0);
                (history.judge(is)?, Some(place), history.settled())
            }
            (Some(Known::Deleted), Some(_)) => {
                (Some(TrafficVerdict::Resurrected), None, State::Absent)
            }
            (None, Some(_)) => (Some(TrafficVerdict::Extra), None, State::Absent),
            (Some(Known::Deleted) | None, None) => (None, None, State::Absent),
        };
        let Some(verdict) = verdict else { return Ok(()) };
        self.report.count(verdict);
        if self.report.examples.len() < self.examples {
            let wanted = place.map(|place| self.content(place, settled, &key.0)).transpose()?;
            let mut fields = match (wanted.flatten(), found) {
                (Some(wanted), Some(found)) => wanted.differences(found),
                _ => Vec::new(),
            };
            fields.truncate(EXAMPLE_LINES);
            let ((id, routing), index) = (key, self.index.to_owned());
            self.report.examples.push(TrafficExample { index, id, routing, verdict, fields });
        }
        Ok(())
    }

    /// Whether what was found is the document in this state.
    fn is(
        &self,
        place: Place,
        state: State,
        found: Option<&Json>,
        id: &str,
    ) -> Result<bool, DemoError> {
        let content = match (state, found) {
            (State::Absent, found) => return Ok(found.is_none()),
            (_, None) => return Ok(false),
            // Of some indices an empty document has no form in a later release; then it can't be found there.
            (State::Empty, _) => {
                self.ledger.slots.content(place, state, self.live).unwrap_or_default()
            }
            (State::Written { .. }, _) => self.content(place, state, id)?,
        };
        Ok(content.zip(found).is_some_and(|(content, found)| content.equals(found)))
    }

    fn content(&self, place: Place, state: State, id: &str) -> Result<Option<Json>, DemoError> {
        self.ledger.slots.content(place, state, self.live).map_err(|reason| DemoError::Unexpected {
            index: self.index.to_owned(),
            id: id.to_owned(),
            reason,
        })
    }
}

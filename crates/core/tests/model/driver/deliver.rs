//! Deliver: documents that don't come one to one are taken out of envelopes, and written where they belong. What no envelope
//! holds any more is found by numbers, then by ids; what was delivered is read back.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::run::state::Problem;

use super::{
    super::{
        journal::{Delivered, Key, Record},
        request::{Hit, Place, Request},
        rules::Change,
        shape::{Id, Letter, Set},
        shard::{Item, Versioning},
        world::Sight,
    },
    CLASH, UNSTABLE,
    compare::reconcile_deletes,
    follow::{Follower, Way, window},
    link::{Link, Stop, problem},
    mend::documents,
};

/// Comparisons that may find something to put right before somebody is asked.
const COMPARISONS_MAX: usize = 3;
/// Whatever is written under a later epoch has a higher version than all of the ones before.
const EPOCH: u64 = 1 << 20;

/// What isn't as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsettled {
    /// Two envelopes hold a document for one id.
    Clash,
    /// Something was put right, or isn't right yet.
    Differing,
}

/// A document in an envelope, with the envelope's id and number.
type Sent = (Id, i64, Letter);

/// What is delivered, and how far that got.
#[derive(Debug)]
pub(super) struct Deliveries {
    record: Delivered,
    written: Delivered,
    version: u64,
}

/// Whether what isn't right is written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Look,
    Write,
}

/// What reading back found.
#[derive(Debug, Default)]
struct Seen {
    wrong: usize,
    is_clash: bool,
}

impl Deliveries {
    pub(super) async fn open(link: &Link, way: &Way) -> Result<Option<Self>, Stop> {
        if way.into != Set::Envelopes {
            return Ok(None);
        }
        let kept = if let Some(kept) = link.read(Key::Delivery).await? {
            kept
        } else {
            let logs = vec![(-1, -1); way.steps.len()];
            link.write(Key::Delivery, None, Record::Delivery(Delivered { logs, epoch: 0 })).await?
        };
        let Record::Delivery(record) = kept.record else { panic!("not a delivery") };
        Ok(Some(Self { written: record.clone(), record, version: kept.version }))
    }

    async fn write(&mut self, link: &Link) -> Result<(), Stop> {
        if self.record != self.written {
            let record = Record::Delivery(self.record.clone());
            self.version = link.write(Key::Delivery, Some(self.version), record).await?.version;
            self.written = self.record.clone();
        }
        Ok(())
    }

    /// Every number of every log has one of its own, and so has every delete.
    fn version_of(&self, link: &Link, log: usize, number: i64) -> u64 {
        let number = u64::try_from(number + 1).expect("numbers begin at 0");
        if link.is(Change::DeliveriesShareVersions) {
            return self.record.epoch * EPOCH + number * 2;
        }
        self.record.epoch * EPOCH + number * self.slots() + 2 * log as u64
    }

    fn slots(&self) -> u64 {
        2 * self.record.logs.len() as u64
    }

    /// Whether a version was given to what this driver knows: anything else somebody delivered after it.
    fn is_known(&self, version: u64) -> bool {
        let (epoch, rest) = (version / EPOCH, version % EPOCH);
        let log = usize::try_from(rest % self.slots() / 2).expect("there are few logs");
        let number = i64::try_from(rest / self.slots()).expect("logs are short") - 1;
        epoch < self.record.epoch
            || (epoch == self.record.epoch && number <= self.record.logs[log].0)
    }

    fn letters(link: &Link, log: usize, hits: &[Hit]) -> BTreeMap<usize, Vec<Sent>> {
        let shape = link.world.borrow().shape.clone();
        let mut by_index: BTreeMap<usize, Vec<Sent>> = BTreeMap::new();
        for hit in hits {
            for letter in shape.letters(log, hit.content) {
                by_index.entry(letter.position).or_default().push((hit.id, hit.number, letter));
            }
        }
        by_index
    }

    /// Delivers everything that is in envelopes now, as far as every copy has it.
    pub(super) async fn deliver(&mut self, link: &Link) -> Result<(), Stop> {
        let positions = link.call(Request::Positions(Set::Envelopes)).await?.positions();
        let logs = self.record.logs.len();
        link.call(Request::Refresh((0..logs).map(|log| (Set::Envelopes, log)).collect())).await?;
        for (log, shards) in positions.iter().enumerate() {
            let end = shards.iter().map(|shard| shard.checkpoint).max().unwrap_or(-1);
            while self.record.logs[log].0 < end {
                let first = self.record.logs[log].0 + 1;
                let last = end.min(first + link.width() - 1);
                let hits = window(link, (Set::Envelopes, log, 0), (first, last)).await?;
                let by_index = Self::letters(link, log, &hits);
                for (position, letters) in &by_index {
                    self.look_for_clash(link, *position, letters).await?;
                }
                for (position, letters) in by_index {
                    self.write_letters(link, log, (position, &letters)).await?;
                }
                self.record.logs[log].0 = last;
                if link.chance(250) {
                    self.write(link).await?;
                }
            }
        }
        self.write(link).await
    }

    /// Where two envelopes hold a document for one id, the later one comes over the other one: should it go again, the other
    /// one has to be read back, which may long have been done.
    async fn look_for_clash(
        &mut self,
        link: &Link,
        position: usize,
        letters: &[Sent],
    ) -> Result<(), Stop> {
        let logs = link.world.borrow().shape.logs_of(position);
        if logs.iter().all(|log| self.record.logs[*log].1 < 0)
            || link.is(Change::ClashesOverlooked)
            || !is_clash(link, position, letters).await?
        {
            return Ok(());
        }
        for log in logs {
            self.record.logs[log].1 = -1;
        }
        // Before it is delivered.
        self.write(link).await
    }

    async fn write_letters(
        &self,
        link: &Link,
        log: usize,
        (position, letters): (usize, &[Sent]),
    ) -> Result<(), Stop> {
        let items = letters.iter().map(|(_, number, letter)| {
            let version = self.version_of(link, log, *number);
            let versioning = if link.is(Change::DeliverUnderAnyVersion) {
                Versioning::Internal
            } else {
                Versioning::AtLeast(version)
            };
            Item { id: letter.id, versioning, content: Some(letter.content) }
        });
        let request = Request::Bulk { index: (Set::New, position), items: items.collect() };
        link.call(request).await.map(drop)
    }

    /// Reads back what was delivered since that was done last.
    async fn read_back(&mut self, link: &Link, hand: Hand) -> Result<Seen, Stop> {
        let mut all = Seen::default();
        if self.record.logs.iter().all(|(covered, settled)| settled >= covered)
            || link.is(Change::NothingReadBack)
        {
            return Ok(all);
        }
        self.refresh(link).await?;
        let mut epoch = None;
        for log in 0..self.record.logs.len() {
            let (covered, settled) = self.record.logs[log];
            let (before, was_clash) = (all.wrong, std::mem::take(&mut all.is_clash));
            let mut first = settled + 1;
            while first <= covered {
                let last = covered.min(first + link.width() * 2);
                let hits = window(link, (Set::Envelopes, log, 0), (first, last)).await?;
                first = last + 1;
                for (position, letters) in Self::letters(link, log, &hits) {
                    if !link.is(Change::ClashesDelivered)
                        && is_clash(link, position, &letters).await?
                    {
                        all.is_clash = true;
                        continue;
                    }
                    let wrong = wrong_ones(link, position, letters).await?;
                    all.wrong += wrong.len();
                    if hand == Hand::Write && !wrong.is_empty() {
                        if epoch.is_none() && !link.is(Change::DeliverAnewInTurn) {
                            self.record.epoch += 1;
                            self.write(link).await?;
                            epoch = Some(self.record.epoch);
                        }
                        link.see(Sight::DeliveredAnew);
                        self.write_letters(link, log, (position, &wrong)).await?;
                    }
                }
            }
            if all.wrong == before && !all.is_clash {
                self.record.logs[log].1 = covered;
            }
            all.is_clash |= was_clash;
        }
        Ok(all)
    }

    async fn refresh(&self, link: &Link) -> Result<(), Stop> {
        let logs = 0..self.record.logs.len();
        link.call(Request::Refresh(logs.map(|log| (Set::New, log)).collect())).await.map(drop)
    }

    /// Has everything read back anew.
    pub(super) fn forget_read_back(&mut self) {
        for log in &mut self.record.logs {
            log.1 = -1;
        }
    }

    /// Delivers, reads back, and deletes what no envelope holds. Gives whether anything isn't right yet.
    pub(super) async fn settle(&mut self, link: &Link) -> Result<Option<Unsettled>, Stop> {
        self.deliver(link).await?;
        let seen = self.read_back(link, Hand::Write).await?;
        if seen.is_clash {
            link.see(Sight::Clashed);
            return Ok(Some(Unsettled::Clash));
        }
        let mut unsettled = self.miscounted(link).await?;
        if !unsettled.is_empty() {
            for position in unsettled {
                self.delete_strays(link, position).await?;
            }
            unsettled = self.miscounted(link).await?;
        }
        self.write(link).await?;
        Ok((seen.wrong > 0 || !unsettled.is_empty()).then_some(Unsettled::Differing))
    }

    /// Indices that don't hold as many documents as are addressed to them.
    async fn miscounted(&self, link: &Link) -> Result<Vec<usize>, Stop> {
        if link.is(Change::LettersUncounted) {
            return Ok(Vec::new());
        }
        let all = 0..self.record.logs.len();
        let names = all.clone().flat_map(|at| [(Set::Envelopes, at), (Set::New, at)]);
        link.call(Request::Refresh(names.collect())).await?;
        let mut unequal = Vec::new();
        for position in all {
            let expected = link.call(Request::Addressed(position)).await?.count();
            let found = link.call(Request::Count((Set::New, position))).await?.count();
            if expected != found {
                unequal.push(position);
            }
        }
        Ok(unequal)
    }

    /// Deletes what no envelope holds. First what is there is looked at, then the envelopes: what was delivered in between has a
    /// higher version than was seen.
    async fn delete_strays(&mut self, link: &Link, position: usize) -> Result<(), Stop> {
        let stands = link.call(Request::Positions(Set::New)).await?.positions();
        let mut found: Vec<Hit> = Vec::new();
        for (shard, stands) in stands[position].iter().enumerate() {
            found.extend(whole(link, (Set::New, position, shard), stands.highest).await?);
        }
        let logs = link.world.borrow().shape.logs_of(position);
        let mut expected: BTreeSet<Id> = BTreeSet::new();
        for log in &logs {
            let hits = whole(link, (Set::Envelopes, *log, 0), self.record.logs[*log].0).await?;
            let letters = Self::letters(link, *log, &hits).remove(&position).unwrap_or_default();
            expected.extend(letters.iter().map(|(_, _, letter)| letter.id));
        }
        let ids: BTreeSet<Id> = found.iter().map(|hit| hit.id).collect();
        if expected.iter().any(|id| !ids.contains(id)) {
            for log in logs {
                self.record.logs[log].1 = -1;
            }
        }
        found.retain(|hit| !expected.contains(&hit.id));
        // What is later than this driver knows was delivered by one that drives since.
        found.retain(|hit| self.is_known(hit.version));
        let items = found.iter().map(|hit| {
            // A late delivery of the same is refused.
            let less = u64::from(link.is(Change::StrayDeletedAtItsVersion));
            let versioning = Versioning::AtLeast(hit.version + 1 - less);
            Item { id: hit.id, versioning, content: None }
        });
        let items: Vec<Item> = items.collect();
        if !items.is_empty() {
            link.see(Sight::StrayDeleted);
            link.call(Request::Bulk { index: (Set::New, position), items }).await?;
        }
        Ok(())
    }

    /// Waits until every copy of every envelope is there: what is on some only isn't delivered.
    pub(super) async fn wait_for_copies(&self, link: &Link) -> Result<(), Stop> {
        loop {
            let positions = link.call(Request::Positions(Set::Envelopes)).await?.positions();
            if positions.iter().flatten().all(|shard| shard.checkpoint >= shard.highest) {
                return Ok(());
            }
            link.call(Request::Nap).await?;
        }
    }
}

/// Everything that a shard shows up to a number.
async fn whole(link: &Link, place: Place, last: i64) -> Result<Vec<Hit>, Stop> {
    let mut hits = Vec::new();
    let mut first = 0;
    while first <= last {
        let end = last.min(first + link.width() * 3);
        hits.extend(window(link, place, (first, end)).await?);
        first = end + 1;
    }
    Ok(hits)
}

/// Whether two envelopes hold a document for one of these ids.
async fn is_clash(link: &Link, position: usize, letters: &[Sent]) -> Result<bool, Stop> {
    let ids: BTreeSet<Id> = letters.iter().map(|(_, _, letter)| letter.id).collect();
    if ids.len() < letters.len() {
        return Ok(true);
    }
    let envelopes: BTreeSet<Id> = letters.iter().map(|(envelope, ..)| *envelope).collect();
    let ids = ids.into_iter().collect();
    let holders = link.call(Request::Holders { position, ids }).await?.count();
    Ok(holders > envelopes.len())
}

/// Documents of one index that are not there as they should be.
async fn wrong_ones(link: &Link, position: usize, letters: Vec<Sent>) -> Result<Vec<Sent>, Stop> {
    let ids: Vec<Id> = letters.iter().map(|(_, _, letter)| letter.id).collect();
    let there = documents(link, (Set::New, position), &ids).await?;
    let there: BTreeMap<Id, u64> = there.iter().map(|hit| (hit.id, hit.content)).collect();
    let is_wrong = |letter: &Letter| there.get(&letter.id) != Some(&letter.content);
    Ok(letters.into_iter().filter(|(_, _, letter)| is_wrong(letter)).collect())
}

/// Brings everything that is delivered in step and compares it, until a comparison finds nothing.
pub(super) async fn compare_deliveries(
    follower: &mut Follower<'_>,
) -> Result<Option<Problem>, Stop> {
    let link = follower.link;
    if follower.deliveries.is_none() {
        return Ok(None);
    }
    for attempt in 0..COMPARISONS_MAX {
        if attempt > 0 && !link.is(Change::ClashesTakenAtOnce) {
            // Shards of the live set are carried one after the other, and deletes after all: what seems to be one document may
            // not be. A copy that arrived late is found by counting all.
            follower.pass().await?;
            let all: Vec<usize> = (0..follower.way.steps.len()).collect();
            reconcile_deletes(follower, &all).await?;
            follower.write().await?;
            if let Some(deliveries) = &follower.deliveries {
                deliveries.wait_for_copies(link).await?;
            }
        }
        let Some(deliveries) = &mut follower.deliveries else { return Ok(None) };
        deliveries.forget_read_back();
        // What was put right is looked at once more, before anything else comes to it.
        if deliveries.settle(link).await?.is_none() || deliveries.settle(link).await?.is_none() {
            return Ok(None);
        }
    }
    let Some(deliveries) = &mut follower.deliveries else { return Ok(None) };
    if deliveries.read_back(link, Hand::Look).await?.is_clash {
        return Ok(Some(problem(CLASH, "two documents of the live set become one")));
    }
    Ok(Some(problem(UNSTABLE, "what is delivered doesn't stay as it was written")))
}

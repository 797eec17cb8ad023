//! Follow: what is written to one set is carried into the other, pass by pass, as far as every copy has it.

use std::collections::BTreeMap;

use lockstep_core::run::task::Stretch;

use super::{
    super::{
        journal::{Key, Mark, Marks, Record},
        request::{Hit, IndexName, Place, Request, ShardPosition},
        rules::Change,
        shape::{Id, Set, Step},
        shard::{Item, Versioning},
    },
    REJECTED,
    clone::cloned,
    deliver::Deliveries,
    link::{Link, Stop, halted},
};

/// From which set into which, and what versions begin with.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) from: Set,
    pub(super) to: Set,
    /// What is written to: envelopes, where documents don't come one to one.
    pub(super) into: Set,
    pub(super) steps: Vec<Step>,
    bases: Vec<u64>,
    /// Where following begins on the way back.
    pub(super) begin: Marks,
}

impl Way {
    /// From the old set to the new one.
    pub(super) fn there(link: &Link) -> Self {
        let steps: Vec<Step> = link.indices().iter().map(|index| index.step).collect();
        let bases = vec![1; steps.len()];
        let into = link.world.borrow().shape.carried_into();
        Self { from: Set::Old, to: Set::New, into, steps, bases, begin: Marks::new() }
    }

    /// From the new set to the old one: versions begin above everything that the old one gave until the fence.
    pub(super) async fn back(link: &Link) -> Result<Self, Stop> {
        let Self { steps, .. } = Self::there(link);
        match link.read(Key::Fence).await?.map(|kept| kept.record) {
            Some(Record::Fence { bases, begin }) => {
                Ok(Self { from: Set::New, to: Set::Old, into: Set::Old, steps, bases, begin })
            }
            other => panic!("a run that was switched has no fence: {other:?}"),
        }
    }

    /// The version under which a document is written whose last write had this number.
    pub(super) fn version(&self, position: usize, number: i64) -> u64 {
        self.bases[position] + u64::try_from(number).expect("numbers begin at 0")
    }

    pub(super) fn source(&self, position: usize) -> IndexName {
        (self.from, position)
    }

    pub(super) fn target(&self, position: usize) -> IndexName {
        (self.into, position)
    }
}

/// Follows one set.
#[derive(Debug)]
pub(super) struct Follower<'a> {
    pub(super) link: &'a Link,
    pub(super) way: &'a Way,
    pub(super) marks: Marks,
    written: Marks,
    version: u64,
    /// What is delivered; none where documents come one to one.
    pub(super) deliveries: Option<Deliveries>,
}

/// Where the set stands that is followed.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) stretches: Vec<Stretch>,
    pub(super) highest: BTreeMap<(usize, usize), i64>,
    pub(super) unsafe_numbers: i64,
}

/// By index and shard: the term of its primary, and the sum of those that it is carried into.
pub(super) type Terms = BTreeMap<(usize, usize), (u64, u64)>;

pub(super) fn shard_of(stretch: &Stretch) -> (usize, usize) {
    (stretch.index, usize::try_from(stretch.shard).expect("there are few shards"))
}

impl<'a> Follower<'a> {
    /// Takes up following where the journal says that it got.
    pub(super) async fn open(link: &'a Link, way: &'a Way) -> Result<Self, Stop> {
        let key = Key::Marks(way.to);
        let kept = if let Some(kept) = link.read(key).await? {
            kept
        } else {
            let marks = first_marks(link, way).await?;
            link.write(key, None, Record::Marks(marks)).await?
        };
        let Record::Marks(marks) = kept.record else { panic!("not marks") };
        let deliveries = Deliveries::open(link, way).await?;
        Ok(Self { link, way, written: marks.clone(), marks, version: kept.version, deliveries })
    }

    /// One that only looks, from the beginning.
    pub(super) fn unkept(link: &'a Link, way: &'a Way) -> Self {
        let (marks, written) = (Marks::new(), Marks::new());
        Self { link, way, marks, written, version: 0, deliveries: None }
    }

    /// Looks where the set stands. Everything that a stretch spans is visible to searches afterwards.
    pub(super) async fn look(&self) -> Result<Look, Stop> {
        let rules = self.link.rules();
        if rules.is(Change::WatermarkAfterRefresh) {
            let all = (0..self.way.steps.len()).map(|position| self.way.source(position)).collect();
            self.link.call(Request::Refresh(all)).await?;
        }
        let found = self.link.call(Request::Positions(self.way.from)).await?.positions();
        let mut look = Look::default();
        for (position, shards) in found.into_iter().enumerate() {
            for (shard, ShardPosition { highest, checkpoint, term: _ }) in
                shards.into_iter().enumerate()
            {
                let key = (position, shard);
                let covered = self.marks.get(&key).map_or(-1, |mark| mark.covered);
                let last = if rules.is(Change::WatermarkIsHighest) { highest } else { checkpoint };
                if covered < last {
                    let shard = u32::try_from(shard).expect("there are few shards");
                    let first = covered + 1;
                    look.stretches.push(Stretch { index: position, shard, first, last });
                }
                look.highest.insert(key, highest);
                look.unsafe_numbers += (highest - last).max(0);
            }
        }
        let mut moved: Vec<IndexName> =
            look.stretches.iter().map(|stretch| self.way.source(stretch.index)).collect();
        moved.dedup();
        if !moved.is_empty() && !rules.is(Change::WatermarkAfterRefresh) {
            self.link.call(Request::Refresh(moved)).await?;
        }
        Ok(look)
    }

    /// The terms of every shard that is followed, and of the index that it is carried into. Waits, if so asked, until every
    /// copy of what is carried into has everything.
    pub(super) async fn terms(&self, waits: bool) -> Result<Terms, Stop> {
        let from = self.link.call(Request::Positions(self.way.from)).await?.positions();
        let mut into = self.positions_into().await?;
        while waits && into.iter().flatten().any(|shard| shard.checkpoint < shard.highest) {
            self.link.call(Request::Nap).await?;
            into = self.positions_into().await?;
        }
        let mut terms = Terms::new();
        for (position, (from, into)) in from.iter().zip(&into).enumerate() {
            let sum = into.iter().map(|shard| shard.term).sum();
            for (shard, stands) in from.iter().enumerate() {
                terms.insert((position, shard), (stands.term, sum));
            }
        }
        Ok(terms)
    }

    /// Where all shards stand that documents pass on their way, by index.
    async fn positions_into(&self) -> Result<Vec<Vec<ShardPosition>>, Stop> {
        let mut into = self.link.call(Request::Positions(self.way.into)).await?.positions();
        if self.way.into != self.way.to {
            let there = self.link.call(Request::Positions(self.way.to)).await?.positions();
            for (into, there) in into.iter_mut().zip(there) {
                into.extend(there);
            }
        }
        Ok(into)
    }

    /// Whether no primary failed since both sets were compared.
    pub(super) fn is_of(&self, terms: &Terms) -> bool {
        self.marks.iter().all(|(key, mark)| terms.get(key) == Some(&mark.terms))
    }

    /// Carries over everything up to the watermarks. Gives the numbers that it began with.
    pub(super) async fn pass(&mut self) -> Result<u64, Stop> {
        let look = self.look().await?;
        let numbers = self.carry_all(look.stretches).await?;
        if let Some(deliveries) = &mut self.deliveries {
            deliveries.deliver(self.link).await?;
        }
        Ok(numbers)
    }

    pub(super) async fn carry_all(&mut self, stretches: Vec<Stretch>) -> Result<u64, Stop> {
        let numbers = stretches.iter().map(Stretch::number_count).sum();
        let mut carried = Ok(());
        for stretch in stretches {
            carried = self.carry_stretch(&stretch).await;
            if carried.is_err() {
                break;
            }
        }
        if matches!(carried, Ok(()) | Err(Stop::Halted(_))) {
            // What was carried over is kept, also when a document was rejected.
            self.write().await?;
        }
        carried.map(|()| numbers)
    }

    async fn carry_stretch(&mut self, stretch: &Stretch) -> Result<(), Stop> {
        let key = shard_of(stretch);
        let place = (self.way.from, key.0, key.1);
        let mut first = stretch.first;
        while first <= stretch.last {
            let last = stretch.last.min(first + self.link.width() - 1);
            if self.link.is(Change::MarksBeforeBulk) {
                self.cover(key, last);
                self.write().await?;
            }
            let hits = window(self.link, place, (first, last)).await?;
            if !carry(self.link, self.way, key.0, &hits).await?.is_empty() {
                return Err(halted(REJECTED, "documents were rejected by a step"));
            }
            self.cover(key, last);
            if self.link.chance(250) {
                self.write().await?;
            }
            first = last + 1;
        }
        Ok(())
    }

    pub(super) fn cover(&mut self, key: (usize, usize), last: i64) {
        if let Some(mark) = self.marks.get_mut(&key) {
            mark.covered = mark.covered.max(last);
        }
    }

    /// Writes marks to the journal, if they changed.
    pub(super) async fn write(&mut self) -> Result<(), Stop> {
        if self.marks != self.written {
            let record = Record::Marks(self.marks.clone());
            let key = Key::Marks(self.way.to);
            self.version = self.link.write(key, Some(self.version), record).await?.version;
            self.written = self.marks.clone();
        }
        Ok(())
    }

    /// Indices for whose shards something is so.
    pub(super) fn positions(&self, is_so: impl Fn((usize, usize), &Mark) -> bool) -> Vec<usize> {
        let mut positions: Vec<usize> = self
            .marks
            .iter()
            .filter(|(key, mark)| is_so(**key, mark))
            .map(|(key, _)| key.0)
            .collect();
        positions.dedup();
        positions
    }
}

/// Where following begins: where copying ended, or, on the way back, where the new set stood at the fence.
async fn first_marks(link: &Link, way: &Way) -> Result<Marks, Stop> {
    if way.to == Set::Old {
        // Both sets were found equal up to there.
        return Ok(way.begin.clone());
    }
    let mut marks = Marks::new();
    let clones = cloned(link).await?;
    for position in 0..way.steps.len() {
        for shard in 0..link.shards(way.from, position) {
            let covered = clones.get(&position).map_or(-1, |shards| shards[shard]);
            let none = Mark { covered, settled: -1, compared: -1, terms: (0, 0) };
            marks.insert((position, shard), none);
        }
    }
    if let Some(Record::Round { stretches, .. }) = link.read(Key::Round).await?.map(|k| k.record) {
        for stretch in &stretches {
            if let Some(mark) = marks.get_mut(&shard_of(stretch)) {
                mark.covered = stretch.last;
            }
        }
    }
    Ok(marks)
}

pub(super) async fn window(
    link: &Link,
    place: Place,
    (first, last): (i64, i64),
) -> Result<Vec<Hit>, Stop> {
    Ok(link.call(Request::Window { place, first, last }).await?.hits())
}

/// Takes documents through the step and writes them. Gives those that were rejected.
pub(super) async fn carry(
    link: &Link,
    way: &Way,
    position: usize,
    hits: &[Hit],
) -> Result<Vec<Id>, Stop> {
    let mut items = Vec::new();
    let mut rejected = Vec::new();
    let by_source_version = link.is(Change::SourceVersion);
    for hit in hits {
        let Some(content) = way.steps[position].apply(way.to, hit.content) else {
            rejected.push(hit.id);
            continue;
        };
        let version =
            if by_source_version { hit.version } else { way.version(position, hit.number) };
        let versioning = Versioning::AtLeast(version);
        items.push(Item { id: hit.id, versioning, content: Some(content) });
    }
    if !items.is_empty() {
        link.call(Request::Bulk { index: way.target(position), items }).await?;
    }
    Ok(rejected)
}

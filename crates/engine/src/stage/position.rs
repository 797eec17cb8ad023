//! Where the logs of the live set stand, and how far they have been copied.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_core::{
    names::Recognised,
    rehearsal::sample::thinned,
    run::{state::Problem, task::Stretch},
};
use lockstep_elastic::{IndexPosition, ShardPosition};

use super::{CopyPair, Direction, StageContext, problem};
use crate::{error::EngineError, journal::RoundRecord};

/// How many indices are looked at at the same time.
const LOOKS_IN_FLIGHT: usize = 8;

/// `(position in the plan, shard)` → the last sequence number that rounds so far cover.
pub(super) type Covered = BTreeMap<(usize, u32), i64>;

/// Where every shard of a source stands.
#[derive(Debug)]
pub(super) struct SourcePosition {
    pub(super) pair: CopyPair,
    /// The unique id that the index has now; `None` when it is gone.
    pub(super) uuid: Option<String>,
    pub(super) shards: Vec<ShardPosition>,
}

impl SourcePosition {
    /// Whether the index is the one that was planned.
    pub(super) fn is_the_planned_one(&self) -> bool {
        self.uuid.as_ref() == Some(&self.pair.source.uuid)
    }
}

impl StageContext {
    /// Where an index stands that the run made, which has this unique id. Everything up to there is visible to searches
    /// afterwards.
    ///
    /// # Errors
    /// [`EngineError::Halted`] when it isn't that index any more.
    pub(super) async fn made_position(
        &self,
        index: &str,
        uuid: &str,
    ) -> Result<IndexPosition, EngineError> {
        let mut positions = self.made_positions(&[(index, uuid)]).await?;
        positions.pop().ok_or_else(|| EngineError::Bug(format!("`{index}` stands nowhere")))
    }

    /// The same for several, in their order: under the fence every request is waited for.
    pub(super) async fn made_positions(
        &self,
        made: &[(&str, &str)],
    ) -> Result<Vec<IndexPosition>, EngineError> {
        if made.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = made.iter().map(|(index, _)| *index).collect();
        let mut found = self.cluster.positions_of(&names).await?;
        let mut positions = Vec::with_capacity(made.len());
        for (index, uuid) in made {
            let position = found.remove(*index).filter(|found| found.uuid == *uuid);
            positions.push(position.ok_or_else(|| {
                EngineError::Halted(Box::new(problem(
                    "R0302",
                    format!(
                        "the new index `{index}` was deleted or made anew by somebody else during the run"
                    ),
                    "give this run up with `lockstep abort`, remove what is left under that name, and start again",
                )))
            })?);
        }
        // After the positions were read: the other way round a number could be promised that no search sees yet.
        self.cluster.refresh(&names).await?;
        Ok(positions)
    }

    /// Looks at all sources: their watermarks, and whether they are still the planned ones. Everything up to the
    /// watermarks is visible to searches afterwards.
    pub(super) async fn source_positions(&self) -> Result<Vec<SourcePosition>, EngineError> {
        let looks = self.pairs()?.into_iter().map(|pair| async move {
            self.check_stop()?;
            let uuid = self.cluster.index_uuid(&pair.source.index).await?;
            let shards = match &uuid {
                Some(_) => self.cluster.watermark(&pair.source.index).await?,
                None => Vec::new(),
            };
            Ok::<_, EngineError>(SourcePosition { pair, uuid, shards })
        });
        stream::iter(looks).buffered(LOOKS_IN_FLIGHT).try_collect().await
    }

    /// Looks for indices that came to the set that the application writes after the plan was made: a new month, a new
    /// tenant. Changing sides without them would leave their documents behind.
    pub(super) async fn find_unplanned(
        &self,
        direction: Direction,
    ) -> Result<Option<Problem>, EngineError> {
        let Some(names) = &self.live_names else { return Ok(None) };
        let planned: BTreeSet<&String> = self
            .plan
            .sources()
            .map(|source| &source.index)
            .chain(self.plan.targets().map(|target| &target.index))
            .collect();
        let unplanned: Vec<String> = self
            .cluster
            .aliases()
            .await?
            .into_keys()
            .filter(|index| !planned.contains(index))
            .filter(|index| {
                !matches!(names.recognise(index), Recognised::Foreign | Recognised::Ignored)
            })
            .collect();
        if unplanned.is_empty() {
            return Ok(None);
        }
        let names = unplanned.join(", ");
        Ok(Some(match direction {
            Direction::Forward => problem(
                "R0204",
                format!("the live set has indices that the plan doesn't know: {names}"),
                "give this run up with `lockstep abort`, then start again: the new plan has them",
            ),
            Direction::Back => problem(
                "R0701",
                format!("the new set has indices that the old one has no place for: {names}"),
                "move or delete them, then run `lockstep rollback` again; or stay on the new set with `lockstep abort`",
            ),
        }))
    }

    /// The rounds that were begun, oldest first.
    pub(super) async fn rounds(&self, last: u32) -> Result<Vec<RoundRecord>, EngineError> {
        let mut rounds = Vec::new();
        for round in 1..=last {
            if let Some(kept) = self.journal.read::<RoundRecord>(&self.round_key(round)).await? {
                rounds.push(kept.record);
            }
        }
        Ok(rounds)
    }

    /// The ranges that a rehearsal takes of an index.
    pub(super) async fn sample_of(&self, pair: &CopyPair) -> Result<Vec<Stretch>, EngineError> {
        let rounds = self.rounds(1).await?;
        let stretches = rounds.iter().flat_map(|round| &round.stretches);
        Ok(stretches
            .filter(|(position, ..)| *position == pair.position)
            .map(|&(index, shard, first, last)| Stretch { index, shard, first, last })
            .collect())
    }

    pub(super) fn round_key(&self, round: u32) -> String {
        format!("{}:{round}", self.run)
    }
}

/// What the rounds cover.
pub(super) fn covered(rounds: &[RoundRecord]) -> Covered {
    let mut covered = Covered::new();
    for (position, shard, _, last) in
        rounds.iter().flat_map(|round| round.stretches.iter().copied())
    {
        let known = covered.entry((position, shard)).or_insert(-1);
        *known = last.max(*known);
    }
    covered
}

/// What a new round has to copy: from what is covered to the watermarks.
pub(super) fn stretches(positions: &[SourcePosition], covered: &Covered) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for source in positions {
        let index = source.pair.position;
        for shard in &source.shards {
            let first =
                covered.get(&(index, shard.number)).copied().unwrap_or(-1).saturating_add(1);
            if first <= shard.global_checkpoint {
                stretches.push(Stretch {
                    index,
                    shard: shard.number,
                    first,
                    last: shard.global_checkpoint,
                });
            }
        }
    }
    stretches
}

/// What a rehearsal takes of it: of each index about so many documents.
pub(super) fn sampled(
    positions: &[SourcePosition],
    stretches: &[Stretch],
    sample: u64,
) -> Vec<Stretch> {
    let of_index = |source: &SourcePosition| {
        let documents = source.shards.iter().map(|shard| shard.docs).sum();
        let position = source.pair.position;
        let all: Vec<Stretch> =
            stretches.iter().copied().filter(|stretch| stretch.index == position).collect();
        thinned(&all, documents, sample)
    };
    positions.iter().flat_map(of_index).collect()
}

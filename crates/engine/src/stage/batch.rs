//! Batches: short stretches of many indices are read in one request. A pass over hundreds of small indices is as long as its
//! round trips, not as its documents.

use lockstep_core::run::task::Stretch;
use lockstep_elastic::{Cluster, FailureKind, Page, WindowRequest};

use super::{CopyPair, window::WindowWidth};
use crate::error::EngineError;

/// Stretches of one batch; the engine reads a few of them at a time anyway.
const STRETCHES_MAX: usize = 100;
/// What stretches of one batch may weigh together; one that fills a window by itself weighs as much.
const WEIGHT_MAX: u64 = 1_000;

/// A stretch that is to be read, and how wide a window of its index may be.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) pair: CopyPair,
    pub(super) stretch: Stretch,
    pub(super) width: WindowWidth,
}

impl Piece {
    /// Its share of a window, in thousandths; more than all of it when it needs several.
    fn weight(&self) -> u64 {
        self.stretch.number_count().saturating_mul(WEIGHT_MAX).div_ceil(self.width.numbers())
    }

    fn window(&self) -> WindowRequest<'_> {
        let Stretch { shard, first, last, .. } = self.stretch;
        let size = u32::try_from(self.stretch.number_count()).unwrap_or(u32::MAX);
        WindowRequest { index: &self.pair.source.index, shard, first, last, size }
    }
}

/// Puts pieces together that fit into one window's bytes. One that needs several windows is alone in its batch.
pub(super) fn batches(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut batches: Vec<Vec<Piece>> = Vec::new();
    let mut weight = u64::MAX;
    for piece in pieces {
        let more = piece.weight();
        let is_full = batches.last().is_none_or(|batch| batch.len() >= STRETCHES_MAX);
        if is_full || weight.saturating_add(more) > WEIGHT_MAX {
            batches.push(Vec::new());
            weight = 0;
        }
        weight = weight.saturating_add(more);
        if let Some(batch) = batches.last_mut() {
            batch.push(piece);
        }
    }
    batches
}

/// Reads a batch, a page for each piece. `None`: it has to be read piece by piece, because it is one alone, or because all
/// together are too large.
pub(super) async fn read_batch(
    cluster: &Cluster,
    batch: &[Piece],
) -> Result<Option<Vec<Page>>, EngineError> {
    if batch.len() < 2 {
        return Ok(None);
    }
    let windows: Vec<WindowRequest<'_>> = batch.iter().map(Piece::window).collect();
    match cluster.windows(&windows).await {
        Ok(pages) => Ok(Some(pages)),
        Err(failure) if failure.kind() == FailureKind::AnswerTooLarge => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use lockstep_core::{plan::model::SourcePlan, transform::Transform};

    use super::*;
    use crate::{
        JqHosts,
        stage::{Course, Direction},
    };

    fn piece(index: usize, numbers: i64) -> Piece {
        let source = SourcePlan {
            index: "i".to_owned(),
            uuid: "u".to_owned(),
            documents: 0,
            bytes: 0,
            shards: Vec::new(),
        };
        let course = Arc::new(Course::new(Transform::new(Vec::new()), &JqHosts::none()));
        let pair = CopyPair {
            position: index,
            source,
            target: "t".to_owned(),
            course,
            version_base: 1,
            direction: Direction::Forward,
        };
        let stretch = Stretch { index, shard: 0, first: 5, last: 4 + numbers };
        Piece { pair, stretch, width: WindowWidth::new(1_000_000, 10_000) }
    }

    #[test]
    fn short_stretches_share_a_window_and_long_ones_are_alone() {
        // The first window of an index is 100 numbers wide.
        let numbers = [1, 2, 3, 90, 10, 250, 1, 100, 1];
        let pieces = numbers.iter().enumerate().map(|(at, numbers)| piece(at, *numbers)).collect();
        let sizes: Vec<Vec<u64>> = batches(pieces)
            .iter()
            .map(|batch| batch.iter().map(|piece| piece.stretch.number_count()).collect())
            .collect();
        assert_eq!(sizes, [vec![1, 2, 3, 90], vec![10], vec![250], vec![1], vec![100], vec![1]]);
        let many = (0..=STRETCHES_MAX).map(|at| piece(at, 1)).collect();
        assert_eq!(batches(many).iter().map(Vec::len).collect::<Vec<_>>(), [STRETCHES_MAX, 1]);
    }
}

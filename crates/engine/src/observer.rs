//! The observer: a look at the cluster beside the work, every two seconds. How long the application's own searches take and how
//! full the disks are goes to the [`Pace`](crate::pace::Pace); a look that fails is no opinion.

use std::time::Duration;

use lockstep_core::{plan::model::Strategy, run::pace::Disk};
use lockstep_elastic::{ClusterLimits, Failure, Node, SearchTally};
use tokio::time;

use crate::{
    stage::StageContext,
    survey::{DISK_HIGH_DEFAULT, DISK_LOW_DEFAULT, used_share, used_share_max},
};

/// Time between two looks.
const LOOK_TIME: Duration = Duration::from_secs(2);
/// Fewer searches since the last look say nothing.
const SEARCHES_MIN: u64 = 20;

/// Looks for ever.
pub(crate) async fn observe(context: &StageContext) {
    let names = names_of_both_sets(context);
    let mut before = None;
    loop {
        time::sleep(LOOK_TIME).await;
        match context.cluster.searches_of_others(&names).await {
            Ok(now) => {
                if let Some(mean) = before.and_then(|before| mean_since(now, before)) {
                    context.pace.searched(mean);
                }
                before = Some(now);
            }
            Err(error) => {
                before = None;
                tracing::debug!(%error, "the application's searches can't be seen now");
            }
        }
        match look_at_disks(context).await {
            Ok(disk) => context.pace.disk(disk),
            Err(error) => tracing::debug!(%error, "the disks can't be seen now"),
        }
    }
}

/// The application searches in one of the two, and nobody but this application's runs does in the other.
fn names_of_both_sets(context: &StageContext) -> Vec<String> {
    let sources = context.plan.indices.iter().filter_map(|index| match &index.strategy {
        Strategy::Copy { source, .. } => Some(source.index.clone()),
        Strategy::Empty { .. } | Strategy::Deliver { .. } | Strategy::Drop { .. } => None,
    });
    sources.chain(context.plan.targets().map(|target| target.index.clone())).collect()
}

/// What one search took since the earlier look, where there were enough of them.
fn mean_since(now: SearchTally, before: SearchTally) -> Option<Duration> {
    let SearchTally { count, time_ms } = now.since(before)?;
    if count < SEARCHES_MIN {
        return None;
    }
    Some(Duration::from_micros(time_ms.saturating_mul(1_000) / count))
}

async fn look_at_disks(context: &StageContext) -> Result<Disk, Failure> {
    let nodes = context.cluster.nodes().await?;
    let limits = context.cluster.limits().await?;
    Ok(fullest(&nodes, &limits))
}

/// The disk with the least room, by the watermarks of the cluster.
fn fullest(nodes: &[Node], limits: &ClusterLimits) -> Disk {
    if !limits.disk.is_enabled {
        return Disk::Roomy;
    }
    let over = |text: Option<&str>, default| {
        nodes
            .iter()
            .filter(|node| node.disk_total_bytes > 0)
            .find(|node| used_share(node) >= used_share_max(text, node.disk_total_bytes, default))
            .map(|node| node.name.clone())
    };
    if let Some(node) = over(limits.disk.high.as_deref(), DISK_HIGH_DEFAULT) {
        return Disk::Full { node };
    }
    match over(limits.disk.low.as_deref(), DISK_LOW_DEFAULT) {
        Some(node) => Disk::Low { node },
        None => Disk::Roomy,
    }
}

#[cfg(test)]
mod tests {
    use lockstep_elastic::DiskWatermarks;

    use super::*;

    #[test]
    fn the_fullest_disk_counts_by_the_cluster_s_watermarks() {
        let node = |name: &str, free: u64| Node {
            name: name.to_owned(),
            disk_total_bytes: 1_000 << 20,
            disk_free_bytes: free << 20,
        };
        let limits = |low: &str, high: &str, is_enabled| ClusterLimits {
            shards_per_node_max: None,
            disk: DiskWatermarks {
                low: Some(low.to_owned()),
                high: Some(high.to_owned()),
                is_enabled,
                ..DiskWatermarks::default()
            },
        };
        let low = |name: &str| Disk::Low { node: name.to_owned() };
        let full = |name: &str| Disk::Full { node: name.to_owned() };
        let nodes = [node("a", 500), node("b", 120), Node { disk_total_bytes: 0, ..node("c", 0) }];
        let cases = [
            (limits("85%", "90%", true), low("b")),
            (limits("0.9", "0.95", true), Disk::Roomy),
            (limits("60%", "85%", true), full("b")),
            (limits("60%", "85%", false), Disk::Roomy),
            (limits("200mb", "100mb", true), low("b")),
            (limits("600mb", "150mb", true), full("b")),
        ];
        for (limits, expected) in cases {
            assert_eq!(fullest(&nodes, &limits), expected, "{limits:?}");
        }
    }

    #[test]
    fn few_searches_say_nothing() {
        let tally = |count, time_ms| SearchTally { count, time_ms };
        assert_eq!(mean_since(tally(19, 500), tally(0, 0)), None);
        assert_eq!(mean_since(tally(30, 500), tally(10, 400)), Some(Duration::from_millis(5)));
        assert_eq!(mean_since(tally(10, 400), tally(30, 500)), None, "a shard counts anew");
    }
}

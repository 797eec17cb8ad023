//! What an upgrade will need, worked out from what its rehearsal measured. Estimates, each with its basis; no promises.
//!
//! - **Copying:** the measured time, times how much more there is to do. How much each index has a part in it tells the time
//!   that all lanes together spent on it: an index whose documents take twice as long counts twice.
//! - **Verifying:** the measured time, times how many more bytes there are.
//! - **Disk:** bytes of a document in the new set, measured in each index, times its documents, times its copies. Beside that
//!   room for merges, which write a new segment before they drop the old ones, and for translogs.
//! - **Clones:** an index that the upgrade clones was copied in the rehearsal all the same, and is left out of all that.
//! - **Not foretold:** building replicas, and what changes when the application writes more, or less, than in the rehearsal.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// Bytes up to which the engines merge segments by themselves (`index.merge.policy.max_merged_segment`, 5 GB): a merge needs as
/// much room beside what it merges, at most, in each shard.
const MERGED_SEGMENT_MAX: u64 = 5 * 1024 * 1024 * 1024;
/// Bytes of a shard's translog, at most (`index.translog.flush_threshold_size`, 512 MB).
const TRANSLOG_MAX: u64 = 512 * 1024 * 1024;

/// What was measured of one index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexMeasure {
    /// Key of the logical index in the new release.
    pub logical: String,
    /// Documents of the live index.
    pub documents: u64,
    /// Documents of it that were copied.
    pub taken: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long all lanes together worked on them.
    pub time: Duration,
    /// Documents of the throw-away index.
    pub target_documents: u64,
    /// Its bytes on disk.
    pub target_bytes: u64,
    /// Primary shards of the new index.
    pub shards: u32,
    /// Replicas that the new index will have.
    pub replicas: u32,
    /// Whether an upgrade begins it as a clone: then next to nothing is copied and compared, and its files are the live
    /// index's.
    pub is_cloned: bool,
}

/// How long a rehearsal was in its states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateTimes {
    /// Making the new set.
    pub preparing: Duration,
    /// Copying.
    pub copying: Duration,
    /// Final settings, waiting for shards.
    pub settling: Duration,
    /// Catching up and comparing.
    pub verifying: Duration,
    /// Keeping in step before the fence.
    pub holding: Duration,
}

/// How long the parts of a fence took, without a block on the live set. The time that writes would be blocked is their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FenceMeasure {
    /// Blocking writes, on the throw-away indices in place of the live ones.
    pub block_ms: u64,
    /// Looking where the live set stands.
    pub watermark_ms: u64,
    /// Carrying over what was written since the last pass.
    pub carry_ms: u64,
    /// Comparing that, and counting both sets.
    pub gate_ms: u64,
    /// Operations that were carried over in it.
    pub operations: u64,
}

impl FenceMeasure {
    /// How long writes would be blocked before the aliases move, in milliseconds.
    pub fn total_ms(&self) -> u64 {
        let Self { block_ms, watermark_ms, carry_ms, gate_ms, operations: _ } = self;
        block_ms + watermark_ms + carry_ms + gate_ms
    }
}

/// A data node before the rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRoom {
    /// Its name.
    pub name: String,
    /// Size of its disk in bytes.
    pub disk_bytes: u64,
    /// Free bytes.
    pub free_bytes: u64,
    /// Bytes of it that may be used before the engine moves shards away: the high watermark.
    pub used_bytes_max: u64,
}

/// What an upgrade will need.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Making the new set, in milliseconds.
    pub prepare_ms: u64,
    /// Copying.
    pub copy_ms: u64,
    /// Final settings and shards, without the time to build replicas.
    pub settle_ms: u64,
    /// Comparing both sets, catching up included.
    pub verify_ms: u64,
    /// Keeping in step until the fence.
    pub follow_ms: u64,
    /// From the start to the fence.
    pub total_ms: u64,
    /// Bytes that the new set takes on disk, replicas included.
    pub disk_bytes: u64,
    /// Bytes beside that which merges and translogs may take for a while.
    pub headroom_bytes: u64,
    /// By logical index.
    pub indices: Vec<LogicalForecast>,
    /// The data nodes afterwards, if the new set is spread over them evenly.
    pub nodes: Vec<NodeForecast>,
}

/// What is foretold of all indices of one logical index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogicalForecast {
    /// Its key.
    pub logical: String,
    /// Indices.
    pub index_count: u64,
    /// How many of them an upgrade begins as clones.
    pub clone_count: u64,
    /// Documents of the live indices.
    pub documents: u64,
    /// Documents that were copied.
    pub taken: u64,
    /// Documents a second, while they were copied.
    pub documents_per_second: u64,
    /// Bytes a second.
    pub bytes_per_second: u64,
    /// Bytes of the new indices on disk, replicas included, without headroom.
    pub disk_bytes: u64,
}

/// A data node with its part of the new set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeForecast {
    /// Its name.
    pub name: String,
    /// Free bytes now.
    pub free_bytes: u64,
    /// Free bytes then, headroom in use.
    pub free_after_bytes: u64,
    /// Whether it is then over the high watermark, where a run would wait for room.
    pub is_over_watermark: bool,
}

/// Works it out.
pub fn forecast(indices: &[IndexMeasure], times: &StateTimes, nodes: &[NodeRoom]) -> Forecast {
    let StateTimes { preparing, copying, settling, verifying, holding } = times;
    let lanes: u64 = indices.iter().map(|index| micros(index.time)).sum();
    let copied = || indices.iter().filter(|index| !index.is_cloned);
    let lanes_all: u64 =
        copied().map(|index| whole(micros(index.time), index.documents, index.taken)).sum();
    let bytes: u64 = indices.iter().map(|index| index.bytes).sum();
    let bytes_all: u64 =
        copied().map(|index| whole(index.bytes, index.documents, index.taken)).sum();
    let mut forecast = Forecast {
        prepare_ms: millis(*preparing),
        copy_ms: whole(millis(*copying), lanes_all, lanes),
        settle_ms: millis(*settling),
        verify_ms: whole(millis(*verifying), bytes_all, bytes),
        follow_ms: millis(*holding),
        ..Forecast::default()
    };
    let Forecast { prepare_ms, copy_ms, settle_ms, verify_ms, follow_ms, .. } = forecast;
    forecast.total_ms = prepare_ms + copy_ms + settle_ms + verify_ms + follow_ms;
    let mut by_logical: BTreeMap<&str, (LogicalForecast, u64, u64)> = BTreeMap::new();
    for index in indices {
        let (disk, headroom) = disk_of(index);
        forecast.disk_bytes = forecast.disk_bytes.saturating_add(disk);
        forecast.headroom_bytes = forecast.headroom_bytes.saturating_add(headroom);
        let (one, time, bytes) = by_logical.entry(&index.logical).or_default();
        one.index_count += 1;
        one.clone_count += u64::from(index.is_cloned);
        one.documents += index.documents;
        one.taken += index.taken;
        one.disk_bytes += disk;
        *time += micros(index.time);
        *bytes += index.bytes;
    }
    // As much of the copying's time as its part in what the lanes did.
    let rate = |number: u64, time: u64| {
        let passed = whole(micros(*copying), time, lanes);
        if time == 0 { 0 } else { whole(number, 1_000_000, passed) }
    };
    forecast.indices = by_logical
        .into_iter()
        .map(|(logical, (one, time, bytes))| LogicalForecast {
            logical: logical.to_owned(),
            documents_per_second: rate(one.taken, time),
            bytes_per_second: rate(bytes, time),
            ..one
        })
        .collect();
    forecast.nodes = nodes_after(nodes, forecast.disk_bytes + forecast.headroom_bytes);
    forecast
}

/// Bytes that a new index takes with its replicas, and bytes beside that.
fn disk_of(index: &IndexMeasure) -> (u64, u64) {
    if index.is_cloned {
        return (0, 0);
    }
    let copies = u64::from(index.replicas) + 1;
    let one = whole(index.target_bytes, index.documents, index.target_documents);
    let one = if index.target_documents == 0 { 0 } else { one };
    let shards = u64::from(index.shards);
    let written = whole(index.bytes, index.documents, index.taken);
    let headroom = one.min(shards * MERGED_SEGMENT_MAX) + written.min(shards * TRANSLOG_MAX);
    (one.saturating_mul(copies), headroom.saturating_mul(copies))
}

fn nodes_after(nodes: &[NodeRoom], needed: u64) -> Vec<NodeForecast> {
    let part = needed / (nodes.len() as u64).max(1);
    nodes
        .iter()
        .map(|node| {
            let free_after_bytes = node.free_bytes.saturating_sub(part);
            let used = node.disk_bytes.saturating_sub(node.free_bytes).saturating_add(part);
            NodeForecast {
                name: node.name.clone(),
                free_bytes: node.free_bytes,
                free_after_bytes,
                is_over_watermark: used > node.used_bytes_max,
            }
        })
        .collect()
}

/// What was measured of a part, for the whole; as it is where there is no part.
fn whole(measured: u64, whole: u64, part: u64) -> u64 {
    if part == 0 {
        return measured;
    }
    u64::try_from(u128::from(measured) * u128::from(whole) / u128::from(part)).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(logical: &str, (documents, taken): (u64, u64), time_ms: u64) -> IndexMeasure {
        IndexMeasure {
            logical: logical.to_owned(),
            documents,
            taken,
            bytes: taken * 100,
            time: Duration::from_millis(time_ms),
            target_documents: taken,
            target_bytes: taken * 50,
            shards: 1,
            replicas: 1,
            is_cloned: false,
        }
    }

    fn times() -> StateTimes {
        StateTimes {
            preparing: Duration::from_millis(100),
            copying: Duration::from_secs(2),
            settling: Duration::from_millis(200),
            verifying: Duration::from_secs(1),
            holding: Duration::from_millis(50),
        }
    }

    #[test]
    fn a_full_rehearsal_is_taken_at_its_word() {
        let found = forecast(&[index("a", (500, 500), 4_000)], &times(), &[]);
        let Forecast { prepare_ms, copy_ms, settle_ms, verify_ms, follow_ms, total_ms, .. } = found;
        assert_eq!((prepare_ms, copy_ms, settle_ms, verify_ms), (100, 2_000, 200, 1_000));
        assert_eq!((follow_ms, total_ms), (50, 3_350));
        // Two copies of 25 kB, and as much again for merges, and the translogs.
        assert_eq!((found.disk_bytes, found.headroom_bytes), (50_000, 2 * (25_000 + 50_000)));
    }

    #[test]
    fn an_index_counts_by_the_time_that_it_took_and_by_how_much_of_it_is_left() {
        // Half the lanes' time went into each; a tenth of one was taken, and the other whole.
        let measured = [index("a", (10_000, 1_000), 3_000), index("b", (100, 100), 3_000)];
        let found = forecast(&measured, &times(), &[]);
        assert_eq!(found.copy_ms, 2_000 * (30_000 + 3_000) / 6_000);
        let rates: Vec<_> = found
            .indices
            .iter()
            .map(|one| (one.documents_per_second, one.bytes_per_second))
            .collect();
        assert_eq!(rates, [(1_000, 100_000), (100, 10_000)], "each had one second of two");
        assert_eq!(found.verify_ms, 1_000 * (1_000_000 + 10_000) / (100_000 + 10_000));
        assert_eq!(found.disk_bytes, 2 * (500_000 + 5_000));
    }

    #[test]
    fn indices_of_one_kind_add_up() {
        let measured = [index("a", (100, 100), 1_000), index("a", (300, 100), 1_000)];
        let found = forecast(&measured, &times(), &[]);
        let one = found.indices.first().unwrap();
        assert_eq!((one.index_count, one.documents, one.taken), (2, 400, 200));
        assert_eq!(one.disk_bytes, found.disk_bytes);
    }

    #[test]
    fn what_is_cloned_needs_neither_time_nor_room() {
        let cloned = IndexMeasure { is_cloned: true, ..index("a", (10_000, 1_000), 3_000) };
        let found = forecast(&[cloned, index("b", (100, 100), 3_000)], &times(), &[]);
        assert_eq!((found.copy_ms, found.disk_bytes), (1_000, 2 * 5_000));
        let clones: Vec<u64> = found.indices.iter().map(|one| one.clone_count).collect();
        assert_eq!((clones, found.verify_ms), (vec![1, 0], 1_000 * 10_000 / 110_000));
    }

    #[test]
    fn nothing_measured_foretells_nothing() {
        let empty = IndexMeasure { documents: 70, ..IndexMeasure::default() };
        let found = forecast(&[empty], &times(), &[]);
        assert_eq!((found.copy_ms, found.disk_bytes, found.headroom_bytes), (2_000, 0, 0));
        assert_eq!(found.indices.first().unwrap().documents_per_second, 0);
    }

    #[test]
    fn a_node_that_would_cross_its_watermark_is_told() {
        let node = |free_bytes| NodeRoom {
            name: "n".to_owned(),
            disk_bytes: 1_000_000,
            free_bytes,
            used_bytes_max: 900_000,
        };
        // 200,000 bytes are needed in all: 100,000 on each node.
        let measured = [index("a", (500, 500), 4_000)];
        let after = |nodes: &[NodeRoom]| -> Vec<(u64, bool)> {
            let found = forecast(&measured, &times(), nodes);
            found.nodes.iter().map(|one| (one.free_after_bytes, one.is_over_watermark)).collect()
        };
        assert_eq!(after(&[node(200_000), node(199_999)]), [(100_000, false), (99_999, true)]);
        assert_eq!(after(&[node(50_000)]), [(0, true)]);
    }

    #[test]
    fn the_fence_is_the_sum_of_its_parts() {
        let fence = FenceMeasure {
            block_ms: 1,
            watermark_ms: 20,
            carry_ms: 300,
            gate_ms: 4_000,
            operations: 7,
        };
        assert_eq!(fence.total_ms(), 4_321);
    }
}

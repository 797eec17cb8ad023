//! What can be asked for on the command line.

use clap::{Args, Parser, Subcommand};
use lockstep_core::plan::model::Limits;

use crate::{
    application::Step, archive::ArchiveOptions, copy::Method, retire::INDICES_MAX, worker::Until,
};

/// Measures Lockstep.
#[derive(Debug, Parser)]
#[command(name = "lockstep-bench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to measure.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// `_reindex`, prebuilt bulk ingest and Lockstep, alternating on the same data of a cluster.
    Copy(CopyOptions),
    /// Lockstep's copy stage against a sink that costs nothing: documents a second of one core.
    Mover(MoverOptions),
    /// Lockstep's fence against the engine's own calls for it, with many tenants under load.
    Fence(FenceOptions),
    /// The comparison of both sets against the copy.
    Verify(RoundsOptions),
    /// A copy over five steps at once against copies over one step.
    Hops(RoundsOptions),
    /// An index that no step changes, cloned and copied.
    Clone(RoundsOptions),
    /// What an application's writes cost while Lockstep copies, and while `_reindex` does.
    Live(LiveOptions),
    /// A start behind a guard against one without, and the time from a changed tag to a started application.
    Guard(GuardOptions),
    /// Documents into an archive, and read back from it.
    Archive(ArchiveOptions),
    /// What an application notices while many old indices are retired.
    Retire(RetireOptions),
    /// Removes what a killed benchmark left on a cluster. Indices of the demo application go as well.
    Clear {
        /// Address of the cluster.
        #[arg(long)]
        cluster: String,
    },
    /// One copy by Lockstep, in a process of its own. Started by the others.
    #[command(hide = true)]
    Worker(WorkerOptions),
    /// The sink, in a process of its own. Started by `mover`.
    #[command(hide = true)]
    Sink(SinkOptions),
}

/// How Lockstep is bounded; its own defaults unless told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Bounds {
    /// Windows that are read, transformed and written at the same time; prebuilt ingest has as many connections.
    #[arg(long, default_value_t = Limits::default().windows_in_flight)]
    pub(crate) windows: usize,
    /// Bytes that a window aims at; prebuilt bodies have as many.
    #[arg(long, default_value_t = Limits::default().window_bytes, value_parser = clap::value_parser!(u64).range(1..=64 << 20))]
    pub(crate) window_bytes: u64,
}

impl Bounds {
    /// As a plan knows them.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            windows_in_flight: self.windows.max(1),
            window_bytes: self.window_bytes,
            ..Limits::default()
        }
    }

    /// As arguments of a worker.
    pub(crate) fn arguments(&self) -> Vec<String> {
        vec![format!("--windows={}", self.windows), format!("--window-bytes={}", self.window_bytes)]
    }
}

/// How `copy` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct CopyOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`. Take one that has nothing else to do.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Documents in the source.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) documents: u64,
    /// Bytes of one document.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(800..=1_000_000))]
    pub(crate) bytes: u64,
    /// Primary shards of the source and of every target.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) shards: u32,
    /// How often every method is measured; medians count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Only these methods, with commas between them; all unless told.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) methods: Vec<Method>,
    /// How Lockstep is bounded.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Documents of one batch of `_reindex`; the engines' default is 1000.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) reindex_batch: u32,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A worker's part.
#[derive(Debug, Clone, Args)]
pub(crate) struct WorkerOptions {
    /// How Lockstep is bounded.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// How far it goes.
    #[arg(long, value_enum, default_value = "copied")]
    pub(crate) until: Until,
    /// How its step is written.
    #[arg(long, value_enum, default_value = "operation")]
    pub(crate) step: Step,
}

/// How `fence` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct FenceOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`. Take one that has nothing else to do. With 50 tenants it
    /// needs `cluster.max_shards_per_node` of 2,000.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Tenants of the demo application; each has 9 indices before and 13 after the upgrade.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) tenants: u32,
    /// Documents, over all tenants.
    #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) documents: u64,
    /// Operations a second of the application all the time.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) operations_per_second: u32,
    /// Rounds: each is an upgrade and a rollback, so two fences, and as many floors as asked for behind each.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rounds: u32,
    /// How often the engine's own calls are measured behind each fence.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) floors: u32,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `guard` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct GuardOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Tenants of the demo application.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) tenants: u32,
    /// Documents, over all tenants.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) documents: u64,
    /// Rounds: each is an upgrade that a guard lets switch, and starts behind it.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rounds: u32,
    /// Starts of each kind in a round.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) starts: u32,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `retire` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct RetireOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`. Take one that has nothing else to do.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Old indices that are retired; until then there are as many new ones.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=i64::from(INDICES_MAX)))]
    pub(crate) indices: u32,
    /// Documents, over all old indices.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) documents: u64,
    /// Bytes of one document.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(800..=1_000_000))]
    pub(crate) bytes: u64,
    /// New indices that the application reads and writes.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=i64::from(INDICES_MAX)))]
    pub(crate) busy_indices: u32,
    /// Requests of the application a second: every other one is a search, the others write 5 documents each.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(4..=1_000))]
    pub(crate) requests_per_second: u32,
    /// How long the application is measured before and after, in seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) quiet_seconds: u64,
    /// How often it is measured, each time with indices made anew.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub(crate) rounds: u32,
    /// Archives the old indices first, into a folder in the place for temporary files.
    #[arg(long)]
    pub(crate) archive: bool,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `verify`, `hops` and `clone` measure.
#[derive(Debug, Clone, Args)]
pub(crate) struct RoundsOptions {
    #[command(flatten)]
    pub(crate) data: DataOptions,
    /// How Lockstep is bounded.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `live` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct LiveOptions {
    #[command(flatten)]
    pub(crate) data: DataOptions,
    /// How Lockstep is bounded.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Write requests of the application a second, each with 5 documents.
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(4..=1_000))]
    pub(crate) requests_per_second: u32,
    /// How long the application is measured with nothing beside it, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) quiet_seconds: u64,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is copied by `verify`, `hops`, `clone` and `live`.
#[derive(Debug, Clone, Args)]
pub(crate) struct DataOptions {
    /// Address of the cluster, such as `http://127.0.0.1:9200`. Take one that has nothing else to do.
    #[arg(long)]
    pub(crate) cluster: String,
    /// Documents in the source.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) documents: u64,
    /// Bytes of one document.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(800..=1_000_000))]
    pub(crate) bytes: u64,
    /// Primary shards of the source and of every target.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) shards: u32,
    /// How often it is measured; medians count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
}

/// How `mover` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct MoverOptions {
    #[command(flatten)]
    pub(crate) sink: SinkOptions,
    /// How Lockstep is bounded.
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// How often it is measured; medians count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What the sink holds.
#[derive(Debug, Clone, Args)]
pub(crate) struct SinkOptions {
    /// Documents in the source. The sink keeps one shard's documents in memory and gives them for every shard.
    #[arg(long, default_value_t = 900_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) documents: u64,
    /// Bytes of one document.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(800..=1_000_000))]
    pub(crate) bytes: u64,
    /// Primary shards of the source.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) shards: u32,
}

impl SinkOptions {
    /// Documents of one shard, at least one.
    pub(crate) fn shard_documents(&self) -> u64 {
        (self.documents / u64::from(self.shards)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }
}

//! `archive`: how fast documents go into an archive and are read back and held against it, on one core.
//!
//! Documents are in memory when it begins, and the archive is a folder on this machine: what is counted is compressing, hashing
//! by content and by bytes, and writing files. Reading from a cluster is not in it; `verify` measures that.

use std::{collections::BTreeMap, time::Instant};

use clap::Args;
use lockstep_archive::{ArchivedIndex, Line, Location, PartWriter, verify_index};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    document::{Documents, Form},
    error::BenchError,
    process,
    report::{self, tell},
};

/// Documents that are handed over together, as many as a window of 1 KB documents has.
const BLOCK: u64 = 2_000;
/// The one part that is written.
const PART: &str = "bench/0-00001.ndjson.zst";

/// How `archive` measures.
#[derive(Debug, Clone, Args)]
pub(crate) struct ArchiveOptions {
    /// Documents that are archived, all of them in memory.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..=5_000_000))]
    pub(crate) documents: u64,
    /// Bytes of a document.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(400..=100_000))]
    pub(crate) bytes: u64,
    /// How often it is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Ends with one JSON object instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// One archive, written and read back.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    write_seconds: f64,
    /// Processor time of all threads.
    write_cpu_seconds: f64,
    check_seconds: f64,
    check_cpu_seconds: f64,
    /// Bytes of the archive.
    bytes: u64,
}

/// What `archive` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArchiveResults {
    core_count: usize,
    load_average: f64,
    documents: u64,
    /// Bytes of their sources.
    source_bytes: u64,
    rounds: Vec<Round>,
}

/// Measures, and removes the archive again.
pub(crate) async fn run(options: &ArchiveOptions) -> Result<ArchiveResults, BenchError> {
    let documents = Documents::new(options.bytes);
    let made: Vec<(String, Vec<u8>)> = (0..options.documents)
        .map(|number| {
            let (mut id, mut source) = (String::new(), Vec::new());
            Documents::write_id(number, &mut id);
            documents.write_source(number, Form::Old, &mut source);
            (id, source)
        })
        .collect();
    let load_average = process::load_average()?;
    let folder = std::env::temp_dir().join(format!("lockstep-bench-{}", std::process::id()));
    let mut rounds = Vec::new();
    let mut outcome = Ok(());
    for number in 1..=options.rounds {
        match measure(&folder.display().to_string(), &made).await {
            Ok(round) => {
                tell(&format!(
                    "round {number} of {}: {:.1} s",
                    options.rounds, round.write_seconds
                ));
                rounds.push(round);
            }
            Err(error) => outcome = Err(error),
        }
    }
    std::fs::remove_dir_all(&folder)
        .map_err(BenchError::system(format!("{} can't be removed", folder.display())))?;
    outcome?;
    Ok(ArchiveResults {
        core_count: process::core_count(),
        load_average,
        documents: options.documents,
        source_bytes: made.iter().map(|(_, source)| source.len() as u64).sum(),
        rounds,
    })
}

async fn measure(folder: &str, made: &[(String, Vec<u8>)]) -> Result<Round, BenchError> {
    let location = Location::for_writing(folder)?;
    let (begun, cpu) = (Instant::now(), process::cpu_seconds("self")?);
    let mut writer = PartWriter::begin(&location, PART.to_owned()).await?;
    let block = usize::try_from(BLOCK).unwrap_or(usize::MAX);
    for block in made.chunks(block) {
        for (id, source) in block {
            writer.add(&Line { id, routing: None, seq_no: 1, source })?;
        }
        writer.send().await?;
    }
    let (part, content) = writer.finish().await?;
    let (write_seconds, written) = (begun.elapsed().as_secs_f64(), process::cpu_seconds("self")?);
    let bytes = part.bytes;
    let index = ArchivedIndex {
        index: "bench".to_owned(),
        uuid: "bench".to_owned(),
        mapping: Value::Null,
        settings: Map::new(),
        aliases: BTreeMap::new(),
        seq_nos: BTreeMap::new(),
        documents: content.count,
        content,
        parts: vec![part],
    };
    let begun = Instant::now();
    verify_index(&location, &index, &|_, _| {}).await?;
    Ok(Round {
        write_seconds,
        write_cpu_seconds: written - cpu,
        check_seconds: begun.elapsed().as_secs_f64(),
        check_cpu_seconds: process::cpu_seconds("self")? - written,
        bytes,
    })
}

impl ArchiveResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let Self { core_count, load_average, documents, source_bytes, rounds } = self;
        let megabytes = report::float(*source_bytes) / 1e6;
        let mut text = format!(
            "{documents} documents, {megabytes:.0} MB; {core_count} cores, load average {load_average}\n\n"
        );
        let titles = ["round", "write MB/s", "per core", "check MB/s", "per core", "archive MB"];
        report::add_line(&mut text, &titles);
        for (round, number) in rounds.iter().zip(1..) {
            let rate = |seconds: f64| format!("{:.0}", megabytes / seconds.max(f64::MIN_POSITIVE));
            let cells = [
                format!("{number}"),
                rate(round.write_seconds),
                rate(round.write_cpu_seconds),
                rate(round.check_seconds),
                rate(round.check_cpu_seconds),
                format!("{:.0}", report::float(round.bytes) / 1e6),
            ];
            report::add_line(&mut text, &cells.each_ref().map(String::as_str));
        }
        report::write(&text)
    }
}

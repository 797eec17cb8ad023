//! Archives an old set: its documents by windows of sequence numbers, several streams at a time, the manifest last; then all of
//! it is read back. Only then it counts.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_archive::{
    ArchiveError, ArchivedIndex, Cluster as ArchivedCluster, Line, Location, MANIFEST_FORMAT,
    Manifest, Part, PartWriter, verify_index,
};
use lockstep_core::{compare::Digest, run::retire::Verdict};

use super::{look::Looked, remove::Work};
use crate::{
    error::EngineError,
    journal::{ArchiveRecord, ArchiveReference},
    report::{Event, Unit},
    stage::{
        meter::Meter,
        window::{WindowReader, WindowWidth},
    },
};

/// Bytes of lines in one part: few files for large indices, and small enough to be fetched or sent again.
const PART_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Shards that are read at the same time; as many windows are in memory.
const STREAMS: usize = 4;
/// Bytes that a window aims at, and numbers that it spans at the most: as when sets are copied.
const WINDOW_BYTES: u64 = 2 * 1024 * 1024;
const WINDOW_WIDTH_MAX: u64 = 10_000;

/// One shard of an index.
struct Stretch<'a> {
    index: &'a str,
    shard: u32,
    last: i64,
}

/// What came of one shard.
struct Streamed {
    parts: Vec<Part>,
    content: Digest,
}

/// Makes sure that a set is in an archive there, whole: one that was made before is read back, else it is made.
pub(super) async fn archived(
    work: &Work<'_>,
    old: &Looked,
    location: &Location,
) -> Result<ArchiveReference, EngineError> {
    let name = format!("{}-{}-{}", work.application, old.set.release, old.set.run);
    let place = location.below(&name);
    let kept = work.journal.read::<ArchiveRecord>(&old.set.run).await?;
    let before = kept.as_ref().map(|kept| &kept.record.archive);
    if let Some(archive) = before.filter(|archive| archive.location == place.to_string()) {
        let manifest = Manifest::read(&place).await.map_err(EngineError::from)?;
        if manifest.digest() != archive.blake3 {
            let reason = format!(
                "its digest is {}, and the journal has {}",
                manifest.digest(),
                archive.blake3
            );
            let location = place.to_string();
            return Err(ArchiveError::Manifest { location, reason }.into());
        }
        if is_of_now(&manifest, old) {
            read_back(work, &place, &manifest).await?;
            return Ok(archive.clone());
        }
        let message = format!("{place} is older than the last write; it is made anew");
        work.session.reporter.report(Event::Notice { message });
    }
    let manifest = write(work, old, &place).await?;
    read_back(work, &place, &manifest).await?;
    let archive = ArchiveReference { location: place.to_string(), blake3: manifest.digest() };
    let at = jiff::Timestamp::now().to_string();
    let record = ArchiveRecord { archive: archive.clone(), at };
    work.journal.overwrite(&old.set.run, record).await?;
    Ok(archive)
}

/// Whether an archive has every index that is still there, as it is now.
fn is_of_now(manifest: &Manifest, old: &Looked) -> bool {
    old.set.indices.iter().zip(&old.seen).filter(|(_, seen)| seen.verdict == Verdict::Due).all(
        |(index, seen)| {
            let counters = seen.facts.found.as_ref().and_then(|found| found.counters.as_ref());
            manifest.indices.iter().any(|archived| {
                archived.uuid == index.uuid
                    && counters.is_some_and(|counters| counters.seq_nos == archived.seq_nos)
            })
        },
    )
}

/// Writes every index that is there, and the manifest last.
async fn write(work: &Work<'_>, old: &Looked, place: &Location) -> Result<Manifest, EngineError> {
    let identity = work.session.cluster.identity().await?;
    let due: Vec<&str> = old
        .set
        .indices
        .iter()
        .zip(&old.seen)
        .filter(|(_, seen)| seen.verdict == Verdict::Due)
        .map(|(index, _)| index.index.as_str())
        .collect();
    let documents = work.session.cluster.counts(&due).await?;
    let reporter = &work.session.reporter;
    let meter = Meter::start("archiving", Unit::Documents, documents.iter().sum(), reporter);
    let mut indices = Vec::with_capacity(due.len());
    for (index, documents) in due.iter().zip(documents) {
        let aliases = old.aliases.get(*index).cloned().unwrap_or_default();
        let archived = write_index(work, (place, &meter), index, documents).await?;
        indices.push(ArchivedIndex { aliases, ..archived });
    }
    meter.finish(reporter);
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        application: work.application.to_owned(),
        release: old.set.release.clone(),
        run: old.set.run.clone(),
        cluster: ArchivedCluster {
            uuid: identity.cluster_uuid,
            name: identity.cluster_name,
            engine: format!("{} {}", identity.engine.as_str(), identity.version),
        },
        made_at: jiff::Timestamp::now().to_string(),
        indices,
    };
    manifest.write(place).await.map_err(EngineError::from)?;
    Ok(manifest)
}

async fn write_index(
    work: &Work<'_>,
    (place, meter): (&Location, &Meter),
    index: &str,
    documents: u64,
) -> Result<ArchivedIndex, EngineError> {
    let cluster = &work.session.cluster;
    let gone = || EngineError::Bug(format!("{index} went while it was archived"));
    let state = cluster.index(index).await?.ok_or_else(gone)?;
    // It takes no writes, and whatever is written all the same shows in its numbers before it is deleted.
    let positions = cluster.watermark_of(index, &state.uuid).await?;
    let stretches = positions.iter().map(|position| Stretch {
        index,
        shard: position.number,
        last: position.global_checkpoint,
    });
    let streamed: Vec<Streamed> = stream::iter(stretches)
        .map(|stretch| write_shard(work, (place, meter), stretch))
        .buffered(STREAMS)
        .try_collect()
        .await?;
    let mut content = Digest::default();
    let mut parts = Vec::new();
    for shard in streamed {
        content.merge(shard.content);
        parts.extend(shard.parts);
    }
    if content.count != documents {
        let (location, part) = (place.to_string(), index.to_owned());
        let reason = format!("{} documents were archived of {documents}", content.count);
        return Err(ArchiveError::Damaged { location, part, reason }.into());
    }
    let seq_nos: BTreeMap<u32, i64> =
        positions.iter().map(|position| (position.number, position.max_seq_no)).collect();
    Ok(ArchivedIndex {
        index: index.to_owned(),
        uuid: state.uuid,
        mapping: state.mapping,
        settings: state.settings,
        // It has none any more; those that it had when it was live are put in by the caller.
        aliases: BTreeMap::new(),
        seq_nos,
        documents,
        content,
        parts,
    })
}

/// Writes one shard, in as many parts as it needs.
async fn write_shard(
    work: &Work<'_>,
    (place, meter): (&Location, &Meter),
    stretch: Stretch<'_>,
) -> Result<Streamed, EngineError> {
    let Stretch { index, shard, last } = stretch;
    let width = WindowWidth::new(WINDOW_BYTES, WINDOW_WIDTH_MAX);
    let mut reader = WindowReader::new(&work.session.cluster, (index, shard), (0, last), width);
    let mut streamed = Streamed { parts: Vec::new(), content: Digest::default() };
    let mut open: Option<PartWriter> = None;
    while let Some((page, _)) = reader.next().await? {
        work.check()?;
        if page.is_empty() {
            continue;
        }
        let mut part = if let Some(part) = open.take() {
            part
        } else {
            let number = streamed.parts.len() + 1;
            PartWriter::begin(place, format!("{index}/{shard}-{number:05}.ndjson.zst")).await?
        };
        if let Err(error) = fill(&mut part, &page).await {
            if let Err(second) = part.abandon().await {
                tracing::warn!(error = %second, "a part that failed could not be taken back");
            }
            return Err(error.into());
        }
        meter.add(page.len() as u64, page.len_bytes() as u64);
        if part.text_bytes() >= PART_BYTES_MAX {
            end(part, &mut streamed).await?;
        } else {
            open = Some(part);
        }
    }
    if let Some(part) = open {
        end(part, &mut streamed).await?;
    }
    Ok(streamed)
}

/// Adds the documents of a page, and sends what is compressed.
async fn fill(part: &mut PartWriter, page: &lockstep_elastic::Page) -> Result<(), ArchiveError> {
    for hit in page.hits() {
        part.add(&Line {
            id: &hit.id,
            routing: hit.routing.as_deref(),
            seq_no: hit.seq_no,
            source: hit.source,
        })?;
    }
    part.send().await
}

async fn end(part: PartWriter, streamed: &mut Streamed) -> Result<(), ArchiveError> {
    let (part, content) = part.finish().await?;
    streamed.content.merge(content);
    streamed.parts.push(part);
    Ok(())
}

/// Reads an archive back, and holds all of it against its manifest.
async fn read_back(
    work: &Work<'_>,
    place: &Location,
    manifest: &Manifest,
) -> Result<(), EngineError> {
    let reporter = &work.session.reporter;
    let meter = Meter::start("checking", Unit::Documents, manifest.document_count(), reporter);
    for index in &manifest.indices {
        work.check()?;
        verify_index(place, index, &|documents, bytes| meter.add(documents, bytes)).await?;
    }
    meter.finish(reporter);
    Ok(())
}

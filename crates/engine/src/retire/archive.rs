//! Archives an old set: its documents by windows of sequence numbers, several streams at a time, the manifest last; then all of
//! it is read back. Only then it counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use lockstep_archive::{
    ArchiveError, ArchivedIndex, Cluster as ArchivedCluster, Line, Location, MANIFEST_FORMAT,
    Manifest, Part, PartWriter,
};
use lockstep_core::{compare::Digest, run::retire::Verdict};
use lockstep_elastic::Identity;
use tokio::time;

use super::{
    OldIndex,
    look::{Looked, Seen},
    remove::Work,
};
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

/// How long the place has to take back what was begun, when the command ends without it.
const ABANDON_TIME_MAX: Duration = Duration::from_secs(5);

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
    let before = kept.map(|kept| kept.record.archive);
    let before = before.filter(|archive| archive.location == place.to_string());
    tell_elsewhere(work, old, &place);
    let cluster = work.session.cluster.identity().await?;
    let manifest = match work.unless_stopped(Manifest::read(&place)).await {
        Ok(found) => Some(found),
        // One that the journal knows has to be there.
        Err(EngineError::Archive(ArchiveError::NoManifest { .. })) if before.is_none() => None,
        Err(error) => return Err(error),
    };
    let mut gone = Vec::new();
    if let Some(manifest) = manifest {
        check_own((work, old), &place, (&manifest, &cluster.cluster_uuid))?;
        // A command that was stopped before it could journal it may have made it: what it has is what counts.
        if is_of_now(&manifest, old) {
            return whole(work, old, (&place, &manifest), before).await;
        }
        let message = format!("{place} is older than the last write; it is made anew");
        work.session.reporter.report(Event::Notice { message });
        // Of what is deleted already there are no other documents.
        gone = manifest.indices;
        gone.retain(|archived| !due(old).any(|(index, _)| index.uuid == archived.uuid));
    }
    let manifest = write(work, old, (&place, cluster), gone).await?;
    whole(work, old, (&place, &manifest), before).await
}

/// Reads an archive back, and journals it.
async fn whole(
    work: &Work<'_>,
    old: &Looked,
    (place, manifest): (&Location, &Manifest),
    before: Option<ArchiveReference>,
) -> Result<ArchiveReference, EngineError> {
    work.unless_stopped(work.session.read_back(place, manifest)).await?;
    let archive = ArchiveReference { location: place.to_string(), blake3: manifest.digest() };
    if before.is_none_or(|before| before != archive) {
        let at = jiff::Timestamp::now().to_string();
        let record = ArchiveRecord { archive: archive.clone(), at };
        work.journal.overwrite(&old.set.run, record).await?;
    }
    Ok(archive)
}

/// Whether an archive is one of this set, with everything in it that was deleted because it is.
fn check_own(
    (work, old): (&Work<'_>, &Looked),
    place: &Location,
    (manifest, cluster): (&Manifest, &str),
) -> Result<(), EngineError> {
    let location = place.to_string();
    let Manifest { application, run, .. } = manifest;
    // A copy of a cluster has the same runs.
    if manifest.cluster.uuid != cluster || run != &old.set.run || application != work.application {
        let whose = format!(
            "of `{application}`, run {run}, made at {} from the cluster `{}` ({})",
            manifest.made_at, manifest.cluster.name, manifest.cluster.uuid
        );
        return Err(ArchiveError::Taken { location, whose }.into());
    }
    let lost = old.seen.iter().filter_map(|seen| seen.receipt.as_ref()).find(|kept| {
        kept.record.archive.as_ref().is_some_and(|archive| archive.location == location)
            && !manifest.indices.iter().any(|archived| archived.uuid == kept.record.uuid)
    });
    if let Some(kept) = lost {
        let index = &kept.record.index;
        let reason = format!("`{index}` was deleted because it is in there, and it isn't");
        return Err(ArchiveError::Manifest { location, reason }.into());
    }
    Ok(())
}

/// Tells where the rest of a set is, when some of it was deleted for an archive elsewhere.
fn tell_elsewhere(work: &Work<'_>, old: &Looked, place: &Location) {
    let receipts = old.seen.iter().filter_map(|seen| seen.receipt.as_ref());
    let archives = receipts.filter_map(|kept| kept.record.archive.as_ref());
    let others: BTreeSet<&str> = archives.map(|archive| archive.location.as_str()).collect();
    for other in others.into_iter().filter(|other| *other != place.to_string()) {
        let message = format!(
            "some indices of this set were deleted before; their documents are in {other}, not in {place}"
        );
        work.session.reporter.report(Event::Notice { message });
    }
}

/// The indices of a set that are there, and go.
fn due(old: &Looked) -> impl Iterator<Item = (&OldIndex, &Seen)> {
    old.set.indices.iter().zip(&old.seen).filter(|(_, seen)| seen.verdict == Verdict::Due)
}

/// Whether an archive has every index that is still there, as it is now.
fn is_of_now(manifest: &Manifest, old: &Looked) -> bool {
    due(old).all(|(index, seen)| {
        let counters = seen.facts.found.as_ref().and_then(|found| found.counters.as_ref());
        manifest.indices.iter().any(|archived| {
            archived.uuid == index.uuid
                && counters.is_some_and(|counters| counters.seq_nos == archived.seq_nos)
        })
    })
}

/// Writes every index that is there, and the manifest last; in it are also those that are gone, whose parts stay.
async fn write(
    work: &Work<'_>,
    old: &Looked,
    (place, cluster): (&Location, Identity),
    gone: Vec<ArchivedIndex>,
) -> Result<Manifest, EngineError> {
    let due: Vec<&str> = due(old).map(|(index, _)| index.index.as_str()).collect();
    let documents = work.session.cluster.counts(&due).await?;
    let reporter = &work.session.reporter;
    let meter = Meter::start("archiving", Unit::Documents, documents.iter().sum(), reporter);
    let mut indices = gone;
    for (index, documents) in due.iter().zip(documents) {
        let aliases = old.aliases.get(*index).cloned().unwrap_or_default();
        let archived = write_index(work, (place, &meter), index, documents).await?;
        indices.push(ArchivedIndex { aliases, ..archived });
    }
    meter.finish(reporter);
    indices.sort_by(|one, other| one.index.cmp(&other.index));
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        application: work.application.to_owned(),
        release: old.set.release.clone(),
        run: old.set.run.clone(),
        cluster: ArchivedCluster {
            engine: format!("{} {}", cluster.engine.as_str(), cluster.version),
            uuid: cluster.cluster_uuid,
            name: cluster.cluster_name,
        },
        made_at: jiff::Timestamp::now().to_string(),
        indices,
    };
    work.unless_stopped(manifest.write(place)).await?;
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

/// Writes one shard, in as many parts as it needs. What it began and can't end is taken back.
async fn write_shard(
    work: &Work<'_>,
    to: (&Location, &Meter),
    stretch: Stretch<'_>,
) -> Result<Streamed, EngineError> {
    let mut open = None;
    let streamed = stream_shard(work, to, stretch, &mut open).await;
    let Some(part) = open else { return streamed };
    match time::timeout(ABANDON_TIME_MAX, part.abandon()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "a part that failed could not be taken back"),
        Err(_) => tracing::warn!("a part that failed could not be taken back in time"),
    }
    streamed
}

async fn stream_shard(
    work: &Work<'_>,
    (place, meter): (&Location, &Meter),
    stretch: Stretch<'_>,
    open: &mut Option<PartWriter>,
) -> Result<Streamed, EngineError> {
    let Stretch { index, shard, last } = stretch;
    let width = WindowWidth::new(WINDOW_BYTES, WINDOW_WIDTH_MAX);
    let mut reader = WindowReader::new(&work.session.cluster, (index, shard), (0, last), width);
    let mut streamed = Streamed { parts: Vec::new(), content: Digest::default() };
    while let Some((page, _)) = reader.next().await? {
        work.check()?;
        if page.is_empty() {
            continue;
        }
        let part = if let Some(part) = open {
            part
        } else {
            let number = streamed.parts.len() + 1;
            let name = format!("{index}/{shard}-{number:05}.ndjson.zst");
            open.insert(work.unless_stopped(PartWriter::begin(place, name)).await?)
        };
        work.unless_stopped(fill(part, &page)).await?;
        meter.add(page.len() as u64, page.len_bytes() as u64);
        if part.text_bytes() >= PART_BYTES_MAX {
            end(work, open.take(), &mut streamed).await?;
        }
    }
    end(work, open.take(), &mut streamed).await?;
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

async fn end(
    work: &Work<'_>,
    part: Option<PartWriter>,
    streamed: &mut Streamed,
) -> Result<(), EngineError> {
    let Some(part) = part else { return Ok(()) };
    let (part, content) = work.unless_stopped(part.finish()).await?;
    streamed.content.merge(content);
    streamed.parts.push(part);
    Ok(())
}

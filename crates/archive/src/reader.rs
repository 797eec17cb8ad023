//! Reading parts back: what comes is held against the manifest.

use std::io::Write as _;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use lockstep_core::compare::Digest;
use memchr::memrchr;
use object_store::ObjectStoreExt as _;
use zstd::stream::write::Decoder;

use crate::{
    error::ArchiveError,
    line::Line,
    location::Location,
    manifest::{ArchivedIndex, Part},
};

/// Bytes of text that are given at once.
const BLOCK_BYTES: usize = 1024 * 1024;

/// A part that is being read.
pub struct PartReader<'a> {
    location: &'a Location,
    part: &'a Part,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
    decoder: Decoder<'static, Vec<u8>>,
    hasher: blake3::Hasher,
    bytes: u64,
    is_over: bool,
}

impl std::fmt::Debug for PartReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PartReader").field("part", self.part).finish_non_exhaustive()
    }
}

impl<'a> PartReader<'a> {
    /// Begins to read a part.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when it isn't there, [`ArchiveError::Store`] when it can't be read.
    pub async fn open(location: &'a Location, part: &'a Part) -> Result<Self, ArchiveError> {
        let what = || format!("{location}/{}", part.name);
        let stream = match location.store().get(&location.path(&part.name)).await {
            Ok(found) => found.into_stream(),
            Err(object_store::Error::NotFound { .. }) => {
                return Err(damaged(location, &part.name, "it is not there"));
            }
            Err(error) => return Err(ArchiveError::store("read", &what(), &error)),
        };
        let decoder = Decoder::new(Vec::new())
            .map_err(|error| ArchiveError::store("read", &what(), &error))?;
        let hasher = blake3::Hasher::new();
        Ok(Self { location, part, stream, decoder, hasher, bytes: 0, is_over: false })
    }

    /// Some whole lines, about a megabyte; nothing at the end, once the digest was found right.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when it isn't what the manifest says, [`ArchiveError::Store`] when it can't be read.
    pub async fn block(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        while !self.is_over && self.decoder.get_ref().len() < BLOCK_BYTES {
            let Some(chunk) = self.stream.next().await else {
                self.decoder.flush().map_err(|error| self.damaged(&error))?;
                self.is_over = true;
                self.check()?;
                break;
            };
            let chunk = chunk.map_err(|error| {
                let what = format!("{}/{}", self.location, self.part.name);
                ArchiveError::store("read", &what, &error)
            })?;
            self.hasher.update(&chunk);
            self.bytes += chunk.len() as u64;
            self.decoder.write_all(&chunk).map_err(|error| self.damaged(&error))?;
        }
        let text = self.decoder.get_mut();
        let Some(end) = memrchr(b'\n', text) else {
            if text.is_empty() {
                return Ok(None);
            }
            return Err(self.damaged(&"its last line has no end"));
        };
        let rest = text.split_off(end + 1);
        Ok(Some(std::mem::replace(text, rest)))
    }

    fn check(&self) -> Result<(), ArchiveError> {
        let found = self.hasher.finalize().to_hex().to_string();
        if self.bytes != self.part.bytes {
            let reason = format!("it has {} bytes, not {}", self.bytes, self.part.bytes);
            return Err(self.damaged(&reason));
        }
        if found != self.part.blake3 {
            let reason = format!("its digest is {found}, not {}", self.part.blake3);
            return Err(self.damaged(&reason));
        }
        Ok(())
    }

    /// The documents of a block, each handed to whoever wants it.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when a line is none, or what `take` says.
    pub fn documents(
        &self,
        block: &[u8],
        mut take: impl FnMut(Line<'_>) -> Result<(), ArchiveError>,
    ) -> Result<(), ArchiveError> {
        for text in block.split(|byte| *byte == b'\n').filter(|text| !text.is_empty()) {
            Line::read(text, &mut take).map_err(|reason| self.damaged(&reason))??;
        }
        Ok(())
    }

    fn damaged(&self, reason: &dyn ToString) -> ArchiveError {
        damaged(self.location, &self.part.name, &reason.to_string())
    }
}

/// Reads all of an archived index, and holds it against the manifest: bytes, documents, content. Tells of documents and bytes
/// as they are read.
///
/// # Errors
/// [`ArchiveError::Damaged`] when something differs, [`ArchiveError::Store`] when it can't be read.
pub async fn verify_index(
    location: &Location,
    index: &ArchivedIndex,
    told: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<(), ArchiveError> {
    let mut content = Digest::default();
    for part in &index.parts {
        let mut reader = PartReader::open(location, part).await?;
        let before = content.count;
        while let Some(block) = reader.block().await? {
            let first = content.count;
            reader.documents(&block, |line| {
                content.add(line.hash()?);
                Ok(())
            })?;
            told(content.count - first, block.len() as u64);
        }
        let documents = content.count - before;
        if documents != part.documents {
            let reason = format!("it has {documents} documents, not {}", part.documents);
            return Err(damaged(location, &part.name, &reason));
        }
    }
    if content != index.content || content.count != index.documents {
        let reason = format!("its content is {content}, not {}", index.content);
        return Err(damaged(location, &index.index, &reason));
    }
    Ok(())
}

fn damaged(location: &Location, part: &str, reason: &str) -> ArchiveError {
    ArchiveError::Damaged {
        location: location.to_string(),
        part: part.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::writer::PartWriter;

    /// An archive of some documents in two parts, each as long as that many documents.
    async fn archive(folder: &Path, documents: u64) -> (Location, ArchivedIndex) {
        let location = Location::for_writing(&folder.display().to_string()).unwrap();
        let mut content = Digest::default();
        let mut parts = Vec::new();
        for number in 0..2 {
            let mut writer =
                PartWriter::begin(&location, format!("i/0-{number}.ndjson.zst")).await.unwrap();
            for id in 0..documents {
                let id = format!("{number}-{id}");
                let source = format!("{{\"id\":\"{id}\",\"text\":\"{}\"}}", "x".repeat(id.len()));
                let line = Line { id: &id, routing: None, seq_no: 1, source: source.as_bytes() };
                writer.add(&line).unwrap();
                writer.send().await.unwrap();
            }
            let (part, digest) = writer.finish().await.unwrap();
            content.merge(digest);
            parts.push(part);
        }
        let index = ArchivedIndex {
            index: "i".to_owned(),
            uuid: "u".to_owned(),
            mapping: serde_json::json!({}),
            settings: serde_json::Map::new(),
            aliases: std::collections::BTreeMap::new(),
            seq_nos: std::collections::BTreeMap::new(),
            documents: content.count,
            content,
            parts,
        };
        (location, index)
    }

    #[tokio::test]
    async fn what_was_written_is_read_back() {
        for documents in [0, 1, 40_000] {
            let folder = tempfile::tempdir().unwrap();
            let (location, index) = archive(folder.path(), documents).await;
            let seen = std::sync::atomic::AtomicU64::new(0);
            let told = |documents, _| {
                seen.fetch_add(documents, std::sync::atomic::Ordering::Relaxed);
            };
            verify_index(&location, &index, &told).await.unwrap();
            assert_eq!(seen.into_inner(), documents * 2);
        }
    }

    #[tokio::test]
    async fn whatever_is_damaged_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (location, index) = archive(folder.path(), 200).await;
        let file = folder.path().join("i/0-1.ndjson.zst");
        let whole = std::fs::read(&file).unwrap();
        let verify =
            async |index: &ArchivedIndex| match verify_index(&location, index, &|_, _| {}).await {
                Err(ArchiveError::Damaged { part, .. }) => Some(part),
                Err(error) => panic!("{error}"),
                Ok(()) => None,
            };
        assert_eq!(verify(&index).await, None);
        for at in [0, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(verify(&index).await.as_deref(), Some("i/0-1.ndjson.zst"), "byte {at}");
        }
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(verify(&index).await.as_deref(), Some("i/0-1.ndjson.zst"));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(verify(&index).await.as_deref(), Some("i/0-1.ndjson.zst"));
        std::fs::write(&file, &whole).unwrap();
        // A part that is left out of a manifest, or one more than there was: the index has other content.
        let shorter = ArchivedIndex { parts: index.parts[..1].to_vec(), ..index.clone() };
        assert_eq!(verify(&shorter).await.as_deref(), Some("i"));
        let few = Part { documents: 1, ..index.parts[0].clone() };
        let wrong = ArchivedIndex { parts: vec![few], ..index };
        assert_eq!(verify(&wrong).await.as_deref(), Some("i/0-0.ndjson.zst"));
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::for_writing(&folder.path().display().to_string()).unwrap();
        let mut writer = PartWriter::begin(&location, "i/0-1.ndjson.zst".to_owned()).await.unwrap();
        let line = Line { id: "1", routing: None, seq_no: 1, source: b"{}" };
        writer.add(&line).unwrap();
        writer.abandon().await.unwrap();
        let left: Vec<_> =
            std::fs::read_dir(folder.path().join("i")).map(Iterator::collect).unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
}

//! Reading parts back: what comes is held against the manifest.

use std::io::Write as _;

use bytes::Bytes;
use lockstep_core::compare::Digest;
use memchr::memrchr;
use zstd::stream::write::Decoder;

use crate::{
    error::ArchiveError,
    line::Line,
    location::Location,
    manifest::{ArchivedIndex, Part},
};

/// Bytes of text that are given at once.
const BLOCK_BYTES: usize = 1024 * 1024;
/// Bytes of a part that are asked for at once. Each request stands for itself, so that a part may be read for hours by somebody
/// slow: a connection that waited for so long would be closed.
const CHUNK_BYTES: u64 = 8 * 1024 * 1024;
/// Bytes that go through the decoder at once: what comes of them is in memory.
const STEP_BYTES: usize = 64 * 1024;

/// A part that is being read.
pub struct PartReader<'a> {
    location: &'a Location,
    part: &'a Part,
    /// Bytes that were read and not decoded yet.
    chunk: Bytes,
    decoder: Decoder<'static, Vec<u8>>,
    hasher: blake3::Hasher,
    /// Bytes that were asked for so far.
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
        match location.size(&part.name).await? {
            None => return Err(damaged(location, &part.name, "it is not there")),
            Some(found) if found != part.bytes => {
                let reason = format!("it has {found} bytes, not {}", part.bytes);
                return Err(damaged(location, &part.name, &reason));
            }
            Some(_) => {}
        }
        let decoder = Decoder::new(Vec::new()).map_err(|error| {
            ArchiveError::store("read", &format_args!("{location}/{}", part.name), &error)
        })?;
        let (chunk, hasher) = (Bytes::new(), blake3::Hasher::new());
        Ok(Self { location, part, chunk, decoder, hasher, bytes: 0, is_over: false })
    }

    /// Some whole lines, about a megabyte; nothing at the end, once the digest was found right.
    ///
    /// # Errors
    /// [`ArchiveError::Damaged`] when it isn't what the manifest says, [`ArchiveError::Store`] when it can't be read.
    pub async fn block(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        while !self.is_over && self.decoder.get_ref().len() < BLOCK_BYTES {
            if self.chunk.is_empty() {
                if self.bytes == self.part.bytes {
                    self.decoder.flush().map_err(|error| self.damaged(&error))?;
                    self.is_over = true;
                    self.check()?;
                    break;
                }
                self.chunk = self.next_chunk().await?;
            }
            let step = self.chunk.split_to(STEP_BYTES.min(self.chunk.len()));
            self.hasher.update(&step);
            self.decoder.write_all(&step).map_err(|error| self.damaged(&error))?;
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

    async fn next_chunk(&mut self) -> Result<Bytes, ArchiveError> {
        let end = self.part.bytes.min(self.bytes + CHUNK_BYTES);
        let chunk = self.location.range(&self.part.name, self.bytes..end).await?;
        if chunk.len() as u64 != end - self.bytes {
            return Err(self.damaged(&"it became shorter while it was read"));
        }
        self.bytes = end;
        Ok(chunk)
    }

    fn check(&self) -> Result<(), ArchiveError> {
        let found = self.hasher.finalize().to_hex().to_string();
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

//! Writing a part: lines are compressed, hashed and sent as they come.

use std::io::Write as _;

use lockstep_core::compare::Digest;
use object_store::WriteMultipart;
use zstd::stream::write::Encoder;

use crate::{error::ArchiveError, line::Line, location::Location, manifest::Part};

/// How hard to compress: the library's own default, some hundreds of megabytes a second.
const LEVEL: i32 = 3;
/// Compressed bytes that are sent at once; buckets take no fewer.
const CHUNK_BYTES: usize = 5 * 1024 * 1024;
/// Chunks that are on their way at the same time.
const CHUNKS_IN_FLIGHT: usize = 2;

/// A part that is being written.
#[derive(Debug)]
pub struct PartWriter {
    location: Location,
    upload: WriteMultipart,
    lines: Lines,
    part: Part,
}

/// Lines on their way through the compressor.
struct Lines {
    encoder: Encoder<'static, Vec<u8>>,
    hasher: blake3::Hasher,
    content: Digest,
    line: Vec<u8>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Lines").field("content", &self.content).finish_non_exhaustive()
    }
}

impl PartWriter {
    /// Begins a part.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] when nothing can be written there.
    pub async fn begin(location: &Location, name: String) -> Result<Self, ArchiveError> {
        let failed = |error: &dyn std::error::Error| {
            ArchiveError::store("write", &format_args!("{location}/{name}"), error)
        };
        let upload = location.begin(&name, CHUNK_BYTES).await?;
        let mut encoder = Encoder::new(Vec::new(), LEVEL).map_err(|error| failed(&error))?;
        encoder.include_checksum(true).map_err(|error| failed(&error))?;
        let lines = Lines {
            encoder,
            hasher: blake3::Hasher::new(),
            content: Digest::default(),
            line: Vec::new(),
        };
        let part = Part { name, documents: 0, text_bytes: 0, bytes: 0, blake3: String::new() };
        Ok(Self { location: location.clone(), upload, lines, part })
    }

    /// Bytes of its lines so far.
    pub fn text_bytes(&self) -> u64 {
        self.part.text_bytes
    }

    /// Adds a document.
    ///
    /// # Errors
    /// [`ArchiveError::Document`] when it is no JSON.
    pub fn add(&mut self, line: &Line<'_>) -> Result<(), ArchiveError> {
        let lines = &mut self.lines;
        lines.line.clear();
        line.write(&mut lines.line)?;
        lines.content.add(line.hash()?);
        let text = &lines.line;
        let written = lines.encoder.write_all(text);
        self.part.documents += 1;
        self.part.text_bytes += text.len() as u64;
        written.map_err(|error| self.failed(&error))
    }

    /// Sends what is compressed so far; waits while too much is on its way.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] when it isn't taken.
    pub async fn send(&mut self) -> Result<(), ArchiveError> {
        let bytes = std::mem::take(self.lines.encoder.get_mut());
        self.send_bytes(bytes).await
    }

    async fn send_bytes(&mut self, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let sent = self.upload.wait_for_capacity(CHUNKS_IN_FLIGHT).await;
        sent.map_err(|error| self.location.failed("write", &self.part.name, &error))?;
        self.lines.hasher.update(&bytes);
        self.part.bytes += bytes.len() as u64;
        self.upload.put(bytes.into());
        Ok(())
    }

    /// Ends it: now it is there, whole. With it comes the digest of its documents' content.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] when it isn't taken; then it isn't there.
    pub async fn finish(mut self) -> Result<(Part, Digest), ArchiveError> {
        let finished = self.lines.encoder.do_finish();
        finished.map_err(|error| self.failed(&error))?;
        self.send().await?;
        let Self { location, upload, lines, mut part } = self;
        let finished = upload.finish().await;
        finished.map_err(|error| location.failed("write", &part.name, &error))?;
        part.blake3 = lines.hasher.finalize().to_hex().to_string();
        Ok((part, lines.content))
    }

    /// Gives it up: nothing of it stays.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] when what was sent can't be taken back.
    pub async fn abandon(self) -> Result<(), ArchiveError> {
        let Self { location, upload, part, .. } = self;
        let aborted = upload.abort().await;
        aborted.map_err(|error| location.failed("remove", &part.name, &error))
    }

    fn failed(&self, error: &dyn std::error::Error) -> ArchiveError {
        ArchiveError::store("write", &format_args!("{}/{}", self.location, self.part.name), error)
    }
}

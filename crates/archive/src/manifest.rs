//! The manifest: what an archive holds, with digests of everything, its own too. Form 1; a golden file keeps it readable.

use std::collections::BTreeMap;

use lockstep_core::compare::Digest;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{error::ArchiveError, location::Location};

/// The number of the form that this version writes.
pub const MANIFEST_FORMAT: u32 = 1;
/// The name of the manifest in an archive.
const MANIFEST_NAME: &str = "manifest.json";

/// What an archive holds: the indices of one set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Stored form, [`MANIFEST_FORMAT`].
    pub format: u32,
    /// The application.
    pub application: String,
    /// The release that the set is of.
    pub release: String,
    /// The run that led away from it.
    pub run: String,
    /// The cluster that it was in.
    pub cluster: Cluster,
    /// When it was finished, RFC 3339.
    pub made_at: String,
    /// Its indices, by name.
    pub indices: Vec<ArchivedIndex>,
}

/// A cluster, as it says who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its unique id.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Engine and version.
    pub engine: String,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArchivedIndex {
    /// Its name.
    pub index: String,
    /// Its unique id.
    pub uuid: String,
    /// Its mapping, as the engine states it.
    pub mapping: Value,
    /// Its settings in flat form, as the engine states them.
    pub settings: Map<String, Value>,
    /// Alias → properties, as it had them when it was live.
    pub aliases: BTreeMap<String, Map<String, Value>>,
    /// How far each shard's log went: a write since then makes the archive one of the past.
    pub seq_nos: BTreeMap<u32, i64>,
    /// Documents, nested objects not counted.
    pub documents: u64,
    /// Digest of the content: of all documents with their ids and routings, in any order.
    pub content: Digest,
    /// Where they are.
    pub parts: Vec<Part>,
}

/// A file of documents: a JSON document a line, compressed with zstd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name within the archive.
    pub name: String,
    /// Lines.
    pub documents: u64,
    /// Bytes of the lines.
    pub text_bytes: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// BLAKE3 of the file, hexadecimal.
    pub blake3: String,
}

impl Manifest {
    /// Documents of all indices.
    pub fn document_count(&self) -> u64 {
        self.indices.iter().map(|index| index.documents).sum()
    }

    /// Bytes of all parts.
    pub fn byte_count(&self) -> u64 {
        self.indices.iter().flat_map(|index| &index.parts).map(|part| part.bytes).sum()
    }

    /// Bytes of all lines, before they were compressed.
    pub fn text_byte_count(&self) -> u64 {
        self.indices.iter().flat_map(|index| &index.parts).map(|part| part.text_bytes).sum()
    }

    /// BLAKE3 of the manifest, hexadecimal: it stands for the whole archive.
    pub fn digest(&self) -> String {
        let text = serde_json::to_vec(self).expect("a manifest has text keys only");
        blake3::hash(&text).to_hex().to_string()
    }

    /// Writes it, which makes an archive of the parts that are there.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] when it can't be written.
    pub async fn write(&self, location: &Location) -> Result<(), ArchiveError> {
        location.write(MANIFEST_NAME, self.text().into_bytes()).await
    }

    /// Reads the manifest of an archive.
    ///
    /// # Errors
    /// [`ArchiveError::NoManifest`], [`ArchiveError::Manifest`] when it was changed or is of another form, or
    /// [`ArchiveError::Store`] when it can't be read.
    pub async fn read(location: &Location) -> Result<Self, ArchiveError> {
        let bytes = location.read(MANIFEST_NAME).await?;
        let no_manifest = || ArchiveError::NoManifest { location: location.to_string() };
        let bytes = bytes.ok_or_else(no_manifest)?;
        Self::parse(&bytes)
            .map_err(|reason| ArchiveError::Manifest { location: location.to_string(), reason })
    }

    /// The file: the manifest, and its digest beside it.
    fn text(&self) -> String {
        let stored = Stored { manifest: self.clone(), digest: self.digest() };
        let mut text =
            serde_json::to_string_pretty(&stored).expect("a manifest has text keys only");
        text.push('\n');
        text
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            manifest: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            format: u32,
        }
        let form: Form = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let format = form.manifest.format;
        if format != MANIFEST_FORMAT {
            return Err(format!("it has form {format}, and this version reads {MANIFEST_FORMAT}"));
        }
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let digest = stored.manifest.digest();
        if digest != stored.digest {
            return Err(format!("its digest is {digest}, and it says {}", stored.digest));
        }
        Ok(stored.manifest)
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    manifest: Manifest,
    digest: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GOLDEN: &str = include_str!("../tests/golden/manifest-1.json");

    fn manifest() -> Manifest {
        let mut content = Digest::default();
        content.add(42);
        let part = Part {
            name: "acme-profile-v1.0/0-00001.ndjson.zst".to_owned(),
            documents: 1,
            text_bytes: 99,
            bytes: 50,
            blake3: "b3".to_owned(),
        };
        let alias = json!({"is_write_index": true});
        let settings = json!({"index.number_of_shards": "1"});
        let index = ArchivedIndex {
            index: "acme-profile-v1.0".to_owned(),
            uuid: "u1".to_owned(),
            mapping: json!({"properties": {"weight": {"type": "scaled_float", "scaling_factor": 100.0}}}),
            settings: settings.as_object().unwrap().clone(),
            aliases: [("acme-profile".to_owned(), alias.as_object().unwrap().clone())].into(),
            seq_nos: [(0, 7)].into(),
            documents: 1,
            content,
            parts: vec![part],
        };
        Manifest {
            format: MANIFEST_FORMAT,
            application: "event-store".to_owned(),
            release: "1.0".to_owned(),
            run: "0190f".to_owned(),
            cluster: Cluster {
                uuid: "c1".to_owned(),
                name: "pocket".to_owned(),
                engine: "opensearch 2.19.1".to_owned(),
            },
            made_at: "2026-01-02T03:04:05Z".to_owned(),
            indices: vec![index],
        }
    }

    #[test]
    fn the_form_is_kept() {
        assert_eq!(Manifest::parse(GOLDEN.as_bytes()).unwrap(), manifest());
        assert_eq!(manifest().text(), GOLDEN);
    }

    #[test]
    fn a_manifest_that_was_changed_is_refused() {
        let changed = GOLDEN.replace("\"documents\": 1", "\"documents\": 2");
        assert!(Manifest::parse(changed.as_bytes()).unwrap_err().contains("digest"));
        let newer = GOLDEN.replace("\"format\": 1", "\"format\": 2");
        assert!(Manifest::parse(newer.as_bytes()).unwrap_err().contains("form 2"));
        assert!(Manifest::parse(b"{}").is_err());
    }
}

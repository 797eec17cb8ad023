//! Places for archives, and an archive to put there.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use lockstep_archive::{
    ArchiveError, ArchivedIndex, Cluster, Line, Location, MANIFEST_FORMAT, Manifest, PartWriter,
};
use lockstep_bucket::Bucket;
use lockstep_core::compare::Digest;
use tempfile::TempDir;

pub(crate) const MEGABYTE: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) enum Place {
    Folder(TempDir),
    Bucket(Bucket),
}

/// One of each.
pub(crate) async fn places() -> [Place; 2] {
    let folder = tempfile::tempdir().unwrap();
    [Place::Folder(folder), Place::Bucket(Bucket::start().await.unwrap())]
}

impl Place {
    pub(crate) fn location(&self, prefix: &str) -> Location {
        match self {
            Self::Folder(folder) => {
                Location::for_writing(&folder.path().join(prefix).display().to_string()).unwrap()
            }
            Self::Bucket(bucket) => {
                let text = format!("s3://{}/{prefix}", Bucket::NAME);
                Location::by_variables(&text, &bucket.variables()).unwrap()
            }
        }
    }

    /// The folder that has the files of what is under this prefix.
    pub(crate) fn folder(&self, prefix: &str) -> PathBuf {
        match self {
            Self::Folder(folder) => folder.path().join(prefix),
            Self::Bucket(bucket) => bucket.objects().join(prefix),
        }
    }

    /// Nothing is left of what was begun.
    pub(crate) fn assert_tidy(&self) {
        match self {
            Self::Folder(folder) => assert_eq!(staged(folder.path()), Vec::<PathBuf>::new()),
            Self::Bucket(bucket) => assert_eq!(bucket.unfinished().unwrap(), 0),
        }
    }
}

/// Files that aren't whole yet: they have a `#` in their names.
fn staged(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(staged(&path));
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains('#')) {
            found.push(path);
        }
    }
    found
}

/// A document with so many bytes of text, at most a megabyte of them, which can't be compressed to less than three quarters.
pub(crate) fn source(number: u64, bytes: usize) -> String {
    const DOCUMENTS: usize = 12;
    static NOISE: LazyLock<String> = LazyLock::new(|| {
        let mut noise = vec![0; DOCUMENTS * MEGABYTE];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        noise
            .iter()
            .map(|byte| char::from(b'0' + byte % 64))
            .map(|letter| if letter == '\\' { '~' } else { letter })
            .collect()
    });
    let start = usize::try_from(number).unwrap() % DOCUMENTS * MEGABYTE;
    format!("{{\"number\":{number},\"text\":\"{}\"}}", &NOISE[start..start + bytes])
}

/// Writes an archive of one index in two parts, each with so many documents of so many bytes.
pub(crate) async fn write(
    location: &Location,
    documents: u64,
    bytes: usize,
) -> Result<Manifest, ArchiveError> {
    let mut content = Digest::default();
    let mut parts = Vec::new();
    for part in 1..=2 {
        let name = format!("i/0-{part:05}.ndjson.zst");
        let mut writer = PartWriter::begin(location, name).await?;
        for number in 0..documents {
            let id = format!("{part}-{number}");
            let source = source(number, bytes);
            writer.add(&Line { id: &id, routing: None, seq_no: 1, source: source.as_bytes() })?;
            if number % 1_000 == 0 {
                writer.send().await?;
            }
        }
        let (part, digest) = writer.finish().await?;
        content.merge(digest);
        parts.push(part);
    }
    let index = ArchivedIndex {
        index: "i".to_owned(),
        uuid: "u".to_owned(),
        mapping: serde_json::json!({}),
        settings: serde_json::Map::new(),
        aliases: BTreeMap::new(),
        seq_nos: BTreeMap::new(),
        documents: content.count,
        content,
        parts,
    };
    let manifest = Manifest {
        format: MANIFEST_FORMAT,
        application: "a".to_owned(),
        release: "1.0".to_owned(),
        run: "r".to_owned(),
        cluster: Cluster { uuid: "c".to_owned(), name: "c".to_owned(), engine: "e".to_owned() },
        made_at: "2026-01-02T03:04:05Z".to_owned(),
        indices: vec![index],
    };
    manifest.write(location).await?;
    Ok(manifest)
}

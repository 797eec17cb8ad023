//! Archives in all places that there are: a folder, and a bucket behind a server that speaks S3 and checks signatures.
//!
//! Each table has one function that checks its rows.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test ends at what it did not expect"
)]

mod encrypted;

mod place;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use lockstep_archive::{
    ArchiveError, ArchivedIndex, Line, Location, Manifest, PartWriter, verify_index,
};
use lockstep_bucket::{Bucket, Direction, KEY_ID, READER_KEY_ID, SECRET, Trouble};
use tokio::{task::JoinSet, time::timeout};

use crate::place::{MEGABYTE, places, source, write};

/// A prefix that has whatever people have in theirs.
const PREFIX: &str = "old sets/Gr\u{f6}\u{df}e/100%";

async fn verify(location: &Location, index: &ArchivedIndex) -> Result<(), ArchiveError> {
    verify_index(location, index, &|_, _| {}).await
}

#[tokio::test]
async fn what_was_written_is_read_back() {
    // Where, how many documents each part has, and how long they are. The last ones are more than what is sent, and what is asked
    // for, in one request.
    let rows = [("", 1, 10), ("a", 0, 0), (PREFIX, 2_000, 10), (PREFIX, 12, MEGABYTE)];
    for place in places().await {
        for (prefix, documents, bytes) in rows {
            let location = place.location(prefix);
            let manifest = write(&location, documents, bytes).await.unwrap();
            let seen = std::sync::atomic::AtomicU64::new(0);
            let told = |documents, _| {
                seen.fetch_add(documents, std::sync::atomic::Ordering::Relaxed);
            };
            // Whoever reads knows nothing but the place.
            let found = Manifest::read(&place.location(prefix)).await.unwrap();
            assert_eq!(found, manifest);
            verify_index(&location, &found.indices[0], &told).await.unwrap();
            assert_eq!(seen.into_inner(), documents * 2);
            place.assert_tidy();
        }
    }
}

/// What somebody does to the files of an archive, and what is told then; nothing where it doesn't matter.
type Damage = (&'static str, fn(&Path), Option<&'static str>);

const DAMAGES: [Damage; 9] = [
    ("nothing", |_| (), None),
    ("the first byte", |folder| flip(&folder.join(PART), 0), Some("Unknown frame")),
    ("one in the middle", |folder| flip(&folder.join(PART), 1_000), Some("")),
    ("the last byte", |folder| flip(&folder.join(PART), usize::MAX), Some("checksum")),
    ("a byte less", |folder| resize(&folder.join(PART), -1), Some("bytes, not")),
    ("a byte more", |folder| resize(&folder.join(PART), 1), Some("bytes, not")),
    ("nothing in it", |folder| fs::write(folder.join(PART), "").unwrap(), Some("it has 0 bytes")),
    ("not there", |folder| fs::remove_file(folder.join(PART)).unwrap(), Some("it is not there")),
    (
        "the other part",
        |folder| {
            let other = fs::read(folder.join("i/0-00001.ndjson.zst")).unwrap();
            fs::write(folder.join(PART), other).unwrap();
        },
        Some(""),
    ),
];
const PART: &str = "i/0-00002.ndjson.zst";

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn resize(file: &Path, by: i64) {
    let length = i64::try_from(fs::metadata(file).unwrap().len()).unwrap() + by;
    let file = fs::OpenOptions::new().write(true).open(file).unwrap();
    file.set_len(u64::try_from(length).unwrap()).unwrap();
}

#[tokio::test]
async fn whatever_is_damaged_is_found() {
    for place in places().await {
        for (name, damage, expected) in DAMAGES {
            let location = place.location(name);
            let manifest = write(&location, 100, 50).await.unwrap();
            damage(&place.folder(name));
            let found = verify(&location, &manifest.indices[0]).await;
            match (found, expected) {
                (Ok(()), None) => {}
                (Err(ArchiveError::Damaged { part, reason, .. }), Some(expected)) => {
                    assert_eq!(part, PART, "{name}: {reason}");
                    assert!(reason.contains(expected), "{name}: {reason}");
                }
                (found, expected) => panic!("{place:?}: {name}: {found:?}, not {expected:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_manifest_that_leaves_something_out_is_found_out() {
    for place in places().await {
        let location = place.location("a");
        let index = write(&location, 10, 10).await.unwrap().indices.remove(0);
        let shorter = ArchivedIndex { parts: index.parts[..1].to_vec(), ..index.clone() };
        let mut fewer = index.clone();
        fewer.parts[0].documents = 1;
        for (wrong, expected) in [(shorter, "i"), (fewer, "i/0-00001.ndjson.zst")] {
            let found = verify(&location, &wrong).await;
            assert!(
                matches!(&found, Err(ArchiveError::Damaged { part, .. }) if part == expected),
                "{found:?}"
            );
        }
        let file = place.folder("a").join("manifest.json");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replacen("\"documents\": 10", "\"documents\": 11", 1)).unwrap();
        let found = Manifest::read(&location).await;
        assert!(matches!(found, Err(ArchiveError::Manifest { .. })), "{found:?}");
        fs::remove_file(&file).unwrap();
        let found = Manifest::read(&location).await;
        assert!(matches!(found, Err(ArchiveError::NoManifest { .. })), "{found:?}");
    }
}

#[tokio::test]
async fn what_was_never_finished_is_no_archive_and_in_nobodys_way() {
    for place in places().await {
        let location = place.location("a");
        // One part is whole, another one was given up, of a third one nobody ever heard again.
        let whole = begun(&location, "i/0-00001.ndjson.zst").await;
        whole.finish().await.unwrap();
        begun(&location, PART).await.abandon().await.unwrap();
        place.assert_tidy();
        assert!(!place.folder("a").join(PART).try_exists().unwrap());
        drop(begun(&location, "i/0-00003.ndjson.zst").await);
        assert!(!place.folder("a").join("i/0-00003.ndjson.zst").try_exists().unwrap());
        let found = Manifest::read(&location).await;
        assert!(matches!(found, Err(ArchiveError::NoManifest { .. })), "{found:?}");
        // The next one writes over it.
        let manifest = write(&location, 50, 20).await.unwrap();
        assert_eq!(Manifest::read(&location).await.unwrap(), manifest);
        verify(&location, &manifest.indices[0]).await.unwrap();
    }
}

/// A part with more than a chunk of documents in it.
async fn begun(location: &Location, name: &str) -> PartWriter {
    let mut writer = PartWriter::begin(location, name.to_owned()).await.unwrap();
    for number in 0..7 {
        let id = number.to_string();
        let source = source(number, MEGABYTE);
        let line = Line { id: &id, routing: None, seq_no: 1, source: source.as_bytes() };
        writer.add(&line).unwrap();
        writer.send().await.unwrap();
    }
    writer
}

/// What is wrong with the wire, from where on, while somebody does something; what comes of it.
type Row = (Trouble, Direction, usize, Doing, Option<&'static str>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Writing,
    Reading,
}

const TROUBLES: [Row; 11] = [
    // What passes is waited for.
    (Trouble::Hiccup, Direction::Up, 0, Doing::Writing, None),
    (Trouble::Hiccup, Direction::Up, 3 * MEGABYTE, Doing::Writing, None),
    (Trouble::Hiccup, Direction::Down, 0, Doing::Writing, None),
    (Trouble::Hiccup, Direction::Down, 0, Doing::Reading, None),
    (Trouble::Hiccup, Direction::Down, 3 * MEGABYTE, Doing::Reading, None),
    (Trouble::Slow(16 * MEGABYTE as u64), Direction::Up, 0, Doing::Writing, None),
    (Trouble::Slow(16 * MEGABYTE as u64), Direction::Down, 0, Doing::Reading, None),
    // What doesn't is told.
    (Trouble::Death, Direction::Up, 3 * MEGABYTE, Doing::Writing, Some("the connection broke")),
    (Trouble::Death, Direction::Down, 3 * MEGABYTE, Doing::Reading, Some("the connection broke")),
    (Trouble::Silence, Direction::Up, 0, Doing::Writing, Some("no answer in time")),
    (Trouble::Silence, Direction::Down, 0, Doing::Reading, Some("no answer in time")),
];
/// Documents of a megabyte in each part: more than what is sent in one request.
const LARGE: u64 = 8;

#[tokio::test]
async fn a_bucket_in_trouble_costs_time_or_a_clear_word() {
    // Rows wait most of the time; each has a bucket of its own.
    let mut rows: JoinSet<()> = TROUBLES.into_iter().map(in_trouble).collect();
    while let Some(row) = rows.join_next().await {
        row.unwrap();
    }
}

async fn in_trouble((trouble, direction, after, doing, expected): Row) {
    let name = format!("{doing:?}: {trouble:?} {direction:?} after {after}");
    let bucket = Bucket::start().await.unwrap();
    let patient = Location::by_variables("s3://archive/a", &bucket.variables()).unwrap();
    let mut location = patient.clone();
    if trouble == Trouble::Silence {
        let mut variables = bucket.variables();
        variables.push(("AWS_TIMEOUT".to_owned(), "1s".to_owned()));
        location = Location::by_variables("s3://archive/a", &variables).unwrap();
    }
    let manifest = match doing {
        Doing::Writing => None,
        Doing::Reading => Some(write(&patient, LARGE, MEGABYTE).await.unwrap()),
    };
    bucket.trouble(trouble, direction, after as u64);
    let outcome = async {
        match &manifest {
            None => write(&location, LARGE, MEGABYTE).await.map(drop),
            Some(manifest) => verify(&location, &manifest.indices[0]).await,
        }
    };
    let outcome = timeout(Duration::from_mins(2), outcome).await;
    let outcome = outcome.unwrap_or_else(|_| panic!("{name}: it has no bound on time"));
    assert!(bucket.recover(), "{name}: the trouble never came");
    match (outcome, expected) {
        (Ok(()), None) => {
            let found = Manifest::read(&patient).await.unwrap();
            verify(&patient, &found.indices[0]).await.unwrap();
        }
        (Err(error @ ArchiveError::Unreachable { .. }), Some(expected)) => {
            let text = error.to_string();
            assert!(text.contains(expected), "{name}: {text}");
            if doing == Doing::Writing {
                let found = Manifest::read(&patient).await;
                assert!(matches!(found, Err(ArchiveError::NoManifest { .. })), "{name}: {found:?}");
            }
        }
        (outcome, expected) => panic!("{name}: {outcome:?}, not {expected:?}"),
    }
}

/// What is strange, the place, and the variables that are other than its owner's.
type Stranger<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

#[tokio::test]
async fn who_may_not_is_told_so_and_no_secret_with_it() {
    let bucket = Bucket::start().await.unwrap();
    let whole = Location::by_variables("s3://archive/a", &bucket.variables()).unwrap();
    write(&whole, 1, 1).await.unwrap();
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    let rows: [Stranger<'_>; 11] = [
        (
            "through a proxy",
            "s3://archive/a",
            &[("AWS_ENDPOINT_URL", "http://bucket.invalid"), ("AWS_PROXY_URL", bucket.endpoint())],
        ),
        ("other secret", "s3://archive/a", &[("AWS_SECRET_ACCESS_KEY", "another/secret")]),
        ("unknown key", "s3://archive/a", &[("AWS_ACCESS_KEY_ID", "AKIALOCKSTEPTESTS009")]),
        ("may not write", "s3://archive/a", &[("AWS_ACCESS_KEY_ID", READER_KEY_ID)]),
        ("no bucket", "s3://nowhere/a", &[]),
        ("nobody there", "s3://archive/a", &[("AWS_ENDPOINT_URL", &closed)]),
        ("not encrypted", "s3://archive/a", &[("AWS_ALLOW_HTTP", "")]),
        ("no secret", "s3://archive/a", &[("AWS_SECRET_ACCESS_KEY", "")]),
        ("no key", "s3://archive/a", &[("AWS_ACCESS_KEY_ID", "")]),
        ("no bundle", "s3://archive/a", &[("AWS_CA_BUNDLE", "/none/ca.pem")]),
        (
            "nobody asks",
            "s3://archive/a",
            &[
                ("AWS_ACCESS_KEY_ID", ""),
                ("AWS_SECRET_ACCESS_KEY", ""),
                ("AWS_METADATA_ENDPOINT", &closed),
            ],
        ),
    ];
    let mut told = String::new();
    for (name, text, changed) in rows {
        let mut variables = bucket.variables();
        // One that is set later is another one; so the old value goes.
        variables.retain(|(name, _)| changed.iter().all(|(other, _)| name != other));
        variables
            .extend(changed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let (written, read) = match Location::by_variables(text, &variables) {
            Ok(location) => {
                (write(&location, 1, 1).await.map(drop), Manifest::read(&location).await.map(drop))
            }
            Err(error) => {
                writeln!(told, "{name}: {error}").unwrap();
                continue;
            }
        };
        for (doing, outcome) in [("writing", written), ("reading", read)] {
            let text = outcome
                .map_or_else(|error| format!("{} {error}", kind(&error)), |()| "done".to_owned());
            writeln!(told, "{name}, {doing}: {text}").unwrap();
        }
    }
    let told = told.replace(bucket.endpoint(), "ENDPOINT").replace(&closed, "CLOSED");
    for secret in [SECRET, KEY_ID, READER_KEY_ID, "AKIALOCKSTEPTESTS009", "another/secret"] {
        assert!(!told.contains(secret), "{told}");
    }
    insta::assert_snapshot!(told);
}

fn kind(error: &ArchiveError) -> &'static str {
    match error {
        ArchiveError::Refused { .. } => "refused:",
        ArchiveError::NoBucket { .. } => "no bucket:",
        ArchiveError::Unreachable { .. } => "unreachable:",
        ArchiveError::Location { .. }
        | ArchiveError::Store { .. }
        | ArchiveError::Taken { .. }
        | ArchiveError::NoManifest { .. }
        | ArchiveError::Manifest { .. }
        | ArchiveError::Damaged { .. }
        | ArchiveError::Document { .. } => "other:",
    }
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_once_it_is_named() {
    let server = encrypted::Server::start().unwrap();
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID".to_owned(), KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), SECRET.to_owned()),
        ("AWS_ENDPOINT_URL".to_owned(), server.endpoint()),
        ("AWS_TIMEOUT".to_owned(), "20s".to_owned()),
    ];
    let read = async |variables: &[(String, String)]| {
        let location = Location::by_variables("s3://archive/a", variables).unwrap();
        Manifest::read(&location).await
    };
    let found = read(&variables).await;
    assert!(
        matches!(&found, Err(ArchiveError::Unreachable { reason, .. }) if reason.contains("certificate")),
        "{found:?}"
    );
    variables.push(("AWS_CA_BUNDLE".to_owned(), server.authority()));
    let found = read(&variables).await;
    assert!(matches!(found, Err(ArchiveError::NoManifest { .. })), "{found:?}");
}

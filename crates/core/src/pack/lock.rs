//! The lock of a pack: which releases data may have been taken through, file by file, so that nobody changes them by mistake.
//!
//! A file that was locked and is not what it was is a mistake of the pack. New releases and test cases are none.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    code,
    diagnostic::Findings,
    fields::{Fields, map_of, number, text},
    load::{PackFiles, RELEASES, is_data, is_of_tests},
    place::Place,
    yaml::{self, Entry},
};

/// The file that holds the lock. It changes nothing of what a pack does, so it is no part of its digest.
pub const LOCK_FILE: &str = "pack.lock";

/// The number of the form that this version writes and reads.
const FORMAT: u32 = 1;

const HEADER: &str = "\
# Written by `lockstep pack lock`: what releases were when they were locked. Keep it with the pack.
format: 1
releases:
";

/// Digests (BLAKE3, hex) by release and by file below its folder.
pub type Lock = BTreeMap<String, BTreeMap<String, String>>;

/// What the releases of a pack are now. A file's line breaks may be those of any system.
pub fn present(files: &PackFiles) -> Lock {
    let mut lock = Lock::new();
    let is_part = |path: &str| is_data(path) && !is_of_tests(path);
    for (path, content) in files.files.iter().filter(|(path, _)| is_part(path)) {
        let inside = path.strip_prefix(RELEASES).and_then(|rest| rest.split_once('/'));
        if let Some((release, file)) = inside {
            lock.entry(release.to_owned()).or_default().insert(file.to_owned(), digest(content));
        }
    }
    lock
}

fn digest(content: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut rest = content;
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let (line, next) = rest.split_at(end);
        hasher.update(line);
        rest = next.get(1..).unwrap_or_default();
    }
    hasher.update(rest);
    hasher.finalize().to_hex().to_string()
}

/// The lock as it stands in [`LOCK_FILE`].
pub fn render(lock: &Lock) -> String {
    let mut text = HEADER.to_owned();
    // JSON texts are YAML texts.
    let quoted = |word: &str| serde_json::Value::from(word).to_string();
    for (release, files) in lock {
        text.extend(["  ", &quoted(release), ":\n"]);
        for (file, digest) in files {
            text.extend(["    ", &quoted(file), ": ", &quoted(digest), "\n"]);
        }
    }
    text
}

/// The lock that a pack has; `None` when there is none, or none that can be read.
pub fn written(files: &PackFiles) -> Option<Lock> {
    read(files, &mut Findings::default())
}

/// Notes what is not as it was locked.
pub(crate) fn check(files: &PackFiles, findings: &mut Findings) {
    let Some(lock) = read(files, findings) else { return };
    let present = present(files);
    let fix = "take the change back and make it in a new release; if no data was ever taken through this one, \
               `lockstep pack lock --accept-changes`";
    for (release, files) in &lock {
        for (file, digest) in files {
            let now = present.get(release).and_then(|files| files.get(file));
            if now == Some(digest) {
                continue;
            }
            let path = format!("{RELEASES}{release}/{file}");
            let what = if now.is_some() { "has changed" } else { "is gone" };
            let message = format!("`{path}` {what} since the release {release} was locked");
            findings.error(code::LOCKED_CHANGED, &Place::file(&path), message, fix);
        }
        let locked: BTreeSet<&String> = files.keys().collect();
        let added = present.get(release).into_iter().flat_map(BTreeMap::keys);
        for file in added.filter(|file| !locked.contains(file)) {
            let path = format!("{RELEASES}{release}/{file}");
            let message = format!("`{path}` is new since the release {release} was locked");
            findings.error(code::LOCKED_CHANGED, &Place::file(&path), message, fix);
        }
    }
}

fn read(files: &PackFiles, findings: &mut Findings) -> Option<Lock> {
    let place = Place::file(LOCK_FILE);
    if !files.files.contains_key(LOCK_FILE) {
        return None;
    }
    let found_before = findings.len();
    let lock = files.text(LOCK_FILE).and_then(|text| {
        // Whatever is wrong with it is told as one mistake: nobody writes this file by hand.
        let mut inner = Findings::default();
        let node = yaml::parse(&place, text, &mut inner)?;
        let mut fields = Fields::open(&node, ("a lock", &place), &mut inner)?;
        let format = fields.required(("format", "1"), &mut inner);
        let format = format.and_then(|entry| number(entry, &mut inner));
        let releases = fields.required(("releases", "{}"), &mut inner);
        let lock = releases.map(|entry| {
            map_of(entry, "`releases`", &mut inner, |entry, inner| Some(read_release(entry, inner)))
        });
        fields.finish(&mut inner);
        let is_sound = inner.len() == 0 && format.is_some_and(|format| format.value == FORMAT);
        lock.filter(|_| is_sound)
    });
    if lock.is_none() && findings.len() == found_before {
        let message = "the lock can't be read";
        let fix = "take it back to what `lockstep pack lock` wrote; without it nothing is locked";
        findings.error(code::LOCK_UNREADABLE, &place, message, fix);
    }
    lock
}

fn read_release(entry: &Entry, findings: &mut Findings) -> BTreeMap<String, String> {
    map_of(entry, "a locked release", findings, |entry, findings| {
        text(entry, findings).map(|digest| digest.value)
    })
}

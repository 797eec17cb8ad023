//! From the files of a pack to the pack, or to everything that is wrong with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    str,
};

use serde_json::Value;

use super::{
    build, check, code,
    diagnostic::{Diagnostics, Findings},
    draft::{Draft, DraftRelease},
    lint::{self, Lints},
    lock::{self, LOCK_FILE},
    mapping,
    model::Pack,
    nearest::suggestion,
    place::Place,
    wire::{PackFile, ReleaseFile},
    yaml,
};
use crate::version::Version;

/// The file that describes the application.
pub(crate) const PACK_FILE: &str = "pack.yaml";

pub(super) const RELEASES: &str = "releases/";

const RELEASE_FILE: &str = "release.yaml";

const MAPPINGS: &str = "mappings/";

pub(super) const TESTS: &str = "tests/";

/// The files of a pack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackFiles {
    /// Contents by path, relative to the pack's folder, with `/`.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl PackFiles {
    /// The text of a file, without a byte order mark; `None` when it is missing or not UTF-8.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let text = str::from_utf8(self.files.get(path)?).ok()?;
        Some(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// BLAKE3 over all files but test cases and the lock, which change nothing of what the pack does; lengths keep one
    /// file from passing for two.
    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let is_part = |path: &str| path != LOCK_FILE && !is_of_tests(path);
        for (path, content) in self.files.iter().filter(|(path, _)| is_part(path)) {
            for part in [path.as_bytes(), content] {
                let length = u64::try_from(part.len()).expect("a length in memory fits 64 bits");
                hasher.update(&length.to_le_bytes());
                hasher.update(part);
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Whether a file stands below the `tests` of a release.
pub(super) fn is_of_tests(path: &str) -> bool {
    let inside = path.strip_prefix(RELEASES).and_then(|rest| rest.split_once('/'));
    inside.is_some_and(|(_, rest)| rest.starts_with(TESTS))
}

/// Whether a file looks like a part of a pack; others are left alone.
pub(super) fn is_data(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending))
}

/// What came of reading a pack.
#[derive(Debug)]
pub struct Reading {
    /// The pack; `None` when there are errors.
    pub pack: Option<Pack>,
    /// All mistakes, warnings included; of what lints tell only what keeps the pack from being used.
    pub diagnostics: Diagnostics,
    /// What lints tell besides; nothing when there are errors.
    pub lints: Lints,
}

/// Reads a pack. Warnings are told by [`read`] only.
///
/// # Errors
/// All mistakes of the pack, warnings included, when at least one keeps it from being used.
pub fn load(files: &PackFiles) -> Result<Pack, Diagnostics> {
    let Reading { pack, diagnostics, lints: _ } = read(files);
    pack.ok_or(diagnostics)
}

/// Reads a pack and tells all its mistakes.
pub fn read(files: &PackFiles) -> Reading {
    let mut findings = Findings::default();
    let mut reader = Reader { files, used: BTreeSet::new(), findings: &mut findings };
    let draft = reader.draft();
    reader.note_unused();
    check::all(&draft, files, &mut findings);
    lock::check(files, &mut findings);
    if findings.has_errors() {
        // What was meant is not known well enough to judge it.
        let diagnostics = findings.into_diagnostics(files);
        return Reading { pack: None, diagnostics, lints: Lints::default() };
    }
    let (errors, lints) = lint::all(&draft, files);
    let diagnostics = findings.into_diagnostics(files).and(&errors);
    let pack = if diagnostics.has_errors() { None } else { build::pack(draft) };
    Reading { pack, diagnostics, lints }
}

struct Reader<'a> {
    files: &'a PackFiles,
    used: BTreeSet<&'a str>,
    findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    fn draft(&mut self) -> Draft {
        let pack = self.pack_file();
        let mut folders: BTreeMap<&str, Option<Version>> = BTreeMap::new();
        for path in self.files.files.keys() {
            let folder = path.strip_prefix(RELEASES).and_then(|rest| rest.split_once('/'));
            if let Some((folder, _)) = folder {
                folders.entry(folder).or_insert_with(|| folder.parse().ok());
            }
        }
        let mut releases = Vec::new();
        for (folder, version) in folders {
            match version {
                Some(version) => releases.push(self.release(folder, version)),
                None => self.not_a_release(folder),
            }
        }
        releases.sort_by(|left, right| left.version.cmp(&right.version));
        Draft { pack, releases, digest: self.files.digest() }
    }

    fn pack_file(&mut self) -> Option<PackFile> {
        let place = Place::file(PACK_FILE);
        let Some(text) = self.text(PACK_FILE) else {
            if !self.files.files.contains_key(PACK_FILE) {
                let message = "the pack has no file `pack.yaml`";
                let fix = "add it, or give the folder in which it is";
                self.findings.error(code::FILE_MISSING, &place, message, fix);
            }
            return None;
        };
        let node = yaml::parse(&place, text, self.findings)?;
        PackFile::read(&node, &place, self.findings)
    }

    fn not_a_release(&mut self, folder: &str) {
        let place = Place::file(&format!("{RELEASES}{folder}"));
        let message = format!("the folder `{folder}` is not called like a version");
        let fix = "call it by the release's version, numbers separated by dots, such as `1.0`";
        self.findings.error(code::RELEASE_FOLDER, &place, message, fix);
        let prefix = format!("{RELEASES}{folder}/");
        let inside = self.files.files.keys().filter(|path| path.starts_with(&prefix));
        self.used.extend(inside.map(String::as_str));
    }

    fn release(&mut self, folder: &str, version: Version) -> DraftRelease {
        let path = format!("{RELEASES}{folder}/{RELEASE_FILE}");
        let place = Place::file(&path);
        if !self.files.files.contains_key(&path) {
            let message = format!("the release {version} has no file `{RELEASE_FILE}`");
            let fix = "add it, or remove the folder";
            self.findings.error(code::FILE_MISSING, &place, message, fix);
        }
        let node = self.text(&path).and_then(|text| yaml::parse(&place, text, self.findings));
        let file = node.and_then(|node| ReleaseFile::read(&node, &place, self.findings));
        let mappings = self.mappings(folder, file.as_ref());
        DraftRelease { version, place, file, mappings }
    }

    fn mappings(&mut self, folder: &str, file: Option<&ReleaseFile>) -> BTreeMap<String, Value> {
        let prefix = format!("{RELEASES}{folder}/{MAPPINGS}");
        let Some(file) = file else {
            // What the release would have mentioned is not known.
            let inside = self.files.files.keys().filter(|path| path.starts_with(&prefix));
            self.used.extend(inside.map(String::as_str));
            return BTreeMap::new();
        };
        let mut by_path: BTreeMap<String, Option<Value>> = BTreeMap::new();
        let mut by_key = BTreeMap::new();
        for (key, index) in &file.indices {
            let Some(written) = &index.mapping else { continue };
            if leaves_folder(&written.value) {
                let message = format!("`{}` is no path below the folder `{prefix}`", written.value);
                let fix = "name the file as it is called below that folder, without `.`, `..` and a `/` at the front";
                self.findings.error(code::MAPPING_OUTSIDE, &written.place, message, fix);
                continue;
            }
            let path = format!("{prefix}{}", written.value);
            if !self.files.files.contains_key(&path) {
                let there = self.files.files.keys().filter_map(|path| path.strip_prefix(&prefix));
                let fix = suggestion(&written.value, there);
                let message = format!("there is no file `{path}`");
                self.findings.error(code::MAPPING_MISSING, &written.place, message, fix);
                continue;
            }
            if !by_path.contains_key(&path) {
                let text = self.text(&path);
                let place = Place::file(&path);
                let value = text.and_then(|text| mapping::read(&place, text, self.findings));
                by_path.insert(path.clone(), value);
            }
            if let Some(Some(value)) = by_path.get(&path) {
                by_key.insert(key.clone(), value.clone());
            }
        }
        by_key
    }

    /// The text of a file, which counts as used; notes when it is no text.
    fn text(&mut self, path: &str) -> Option<&'a str> {
        let (path, content) = self.files.files.get_key_value(path)?;
        self.used.insert(path);
        if let Err(error) = str::from_utf8(content) {
            let message =
                format!("the file is not UTF-8 text: byte {} is wrong", error.valid_up_to());
            let fix = "save it as UTF-8";
            self.findings.error(code::NOT_TEXT, &Place::file(path), message, fix);
        }
        self.files.text(path)
    }

    /// Notes files that look like a part of the pack and that nothing mentions.
    fn note_unused(&mut self) {
        for path in self.files.files.keys() {
            let is_hidden = path.split('/').any(|part| part.starts_with('.'));
            if is_hidden || !is_data(path) || is_of_tests(path) || self.used.contains(path.as_str())
            {
                continue;
            }
            let message = format!("nothing in the pack uses the file `{path}`");
            let fix = "mention it in an index's `mapping`, give it the name that the format asks for, or remove it";
            self.findings.warning(code::FILE_UNUSED, &Place::file(path), message, fix);
        }
    }
}

/// Whether a path is anything but names of folders and a file.
fn leaves_folder(path: &str) -> bool {
    path.contains('\\') || path.split('/').any(|part| matches!(part, "" | "." | ".."))
}

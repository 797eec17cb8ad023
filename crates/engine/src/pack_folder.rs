//! Reads a pack's folder into memory, and writes single files of it. What the files say is checked in `lockstep_core::pack`.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use lockstep_core::pack::{
    load::{PackFiles, load},
    model::Pack,
};

use crate::error::EngineError;

/// Files larger than this are no part of a pack.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Folders deeper than this are no part of a pack; it also ends loops of links.
const DEPTH_MAX: usize = 8;

/// Reads all files of a pack's folder.
///
/// # Errors
/// [`EngineError::PackUnreadable`] names the file or folder.
pub fn read(folder: &Path) -> Result<PackFiles, EngineError> {
    let mut files = BTreeMap::new();
    collect(folder, folder, 0, &mut files)?;
    Ok(PackFiles { files })
}

/// Reads and checks the pack in a folder.
///
/// # Errors
/// [`EngineError::PackUnreadable`], or [`EngineError::Pack`] with all mistakes.
pub fn open(folder: &Path) -> Result<Pack, EngineError> {
    check(&read(folder)?)
}

/// Checks the files of a pack.
///
/// # Errors
/// [`EngineError::Pack`] with all mistakes.
pub fn check(files: &PackFiles) -> Result<Pack, EngineError> {
    load(files).map_err(|diagnostics| {
        let rendered = diagnostics.render(files, false);
        EngineError::Pack { diagnostics, rendered }
    })
}

/// Writes a file of a pack, with the folders above it. `path` is relative to the pack's folder, with `/`.
///
/// # Errors
/// [`EngineError::PackUnwritable`] names the file.
pub fn write(folder: &Path, path: &str, content: &str) -> Result<(), EngineError> {
    let path = folder.join(path);
    let written = match path.parent() {
        Some(parent) => fs::create_dir_all(parent).and_then(|()| fs::write(&path, content)),
        None => fs::write(&path, content),
    };
    written.map_err(|source| EngineError::PackUnwritable { path, source })
}

/// Writes a new file of a pack, with the folders above it. `path` is relative to the pack's folder, with `/`.
///
/// # Errors
/// [`EngineError::PackUnwritable`] names the file; that it is there already is one reason.
pub fn create(folder: &Path, path: &str, content: &str) -> Result<(), EngineError> {
    let path = folder.join(path);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    let opened =
        made.and_then(|()| fs::OpenOptions::new().write(true).create_new(true).open(&path));
    let written = opened.and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|source| EngineError::PackUnwritable { path, source })
}

/// Removes a file of a pack. `path` is relative to the pack's folder, with `/`.
///
/// # Errors
/// [`EngineError::PackUnwritable`] names the file.
pub fn remove(folder: &Path, path: &str) -> Result<(), EngineError> {
    let path = folder.join(path);
    fs::remove_file(&path).map_err(|source| EngineError::PackUnwritable { path, source })
}

fn collect(
    root: &Path,
    folder: &Path,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), EngineError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source: io::Error| EngineError::PackUnreadable { path, source }
    };
    if depth > DEPTH_MAX {
        return Err(unreadable(folder)(io::Error::other("folders are nested too deeply")));
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        entries.push(entry.map_err(unreadable(folder))?.path());
    }
    entries.sort();
    for path in entries {
        if is_hidden(&path) {
            continue;
        }
        let facts = fs::metadata(&path).map_err(unreadable(&path))?;
        if facts.is_dir() {
            collect(root, &path, depth + 1, files)?;
        } else if facts.len() > FILE_BYTES_MAX {
            return Err(unreadable(&path)(io::Error::other("larger than 16 MB")));
        } else {
            files.insert(relative_name(root, &path), fs::read(&path).map_err(unreadable(&path))?);
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// The path below the pack's folder, with `/` on every system.
fn relative_name(root: &Path, path: &Path) -> String {
    let below: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    parts.join("/")
}

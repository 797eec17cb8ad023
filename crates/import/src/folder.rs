//! Writes the pack's folder: all of it or nothing.

use std::{collections::BTreeMap, fs, io, path::Path};

use crate::mistake::{FOLDER_IN_USE, Mistake, Place, UNWRITABLE};

/// Looks whether a pack can be written there: nothing is there yet, or an empty folder.
///
/// # Errors
/// Something is there, or it can't be looked at.
pub fn check_free(folder: &Path) -> Result<(), Mistake> {
    let in_use = |message: &str| {
        let fix = "name a folder that doesn't exist yet; nothing is written over";
        Mistake::new(FOLDER_IN_USE, Place::file(folder.display().to_string()), message, fix)
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(in_use("the folder for the pack isn't empty")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(in_use("the place for the pack is a file"))
        }
        Err(error) => Err(unwritable(folder, &error)),
    }
}

/// Writes the files into a folder beside, and gives it its name when all of them are there.
///
/// # Errors
/// The folder is in use, or can't be written; nothing is left behind then.
pub fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), Mistake> {
    check_free(folder)?;
    let failed = |error: io::Error| unwritable(folder, &error);
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let beside =
        tempfile::Builder::new().prefix(".lockstep-import-").tempdir_in(parent).map_err(failed)?;
    let whole = beside.path().join("pack");
    for (file, text) in files {
        let path = whole.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        fs::write(&path, text).map_err(failed)?;
    }
    // An empty folder gives way; one that was filled meanwhile doesn't.
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    fs::rename(&whole, folder).map_err(failed)
}

fn unwritable(folder: &Path, error: &io::Error) -> Mistake {
    let fix = "check the path, its rights and the disk";
    let message = format!("the pack can't be written: {error}");
    Mistake::new(UNWRITABLE, Place::file(folder.display().to_string()), message, fix)
}

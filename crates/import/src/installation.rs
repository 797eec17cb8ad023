//! Reads the files of an installation that matter, from a folder or a wheel. Everything behind this works on texts.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
};

use crate::mistake::{Mistake, NOT_AN_INSTALLATION, Place, UNREADABLE};

/// The files of one installed Tracardi.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installation {
    /// Where it is, as it was named.
    pub shown: String,
    /// Texts by path below the package's folder, with `/`.
    pub files: BTreeMap<String, String>,
}

/// The package.
const PACKAGE: &str = "tracardi";

/// The file by which the package is known.
pub(crate) const CONFIG: &str = "config.py";

/// The version's own facts.
pub(crate) const VERSION: &str = "domain/version.py";

/// The index list.
pub(crate) const INDEX_LIST: &str = "service/storage/index.py";

/// Where mapping files are named from.
pub(crate) const SETUP: &str = "service/setup";

/// Which migrations there are.
pub(crate) const MIGRATIONS: &str = "process_engine/migration/migration_manager.py";

/// Where migration files are up to 0.8.2.
pub(crate) const SCHEMAS: &str = "process_engine/migration/schemas";

/// Where migration files are from 0.9 on.
pub(crate) const SCHEMAS_OF_0_9: &str = "process_engine/migration/elastic";

/// The tables of its database, from 0.9 on.
pub(crate) const TABLES: &str = "service/storage/mysql/schema/table.py";

const FILES: [&str; 5] = [CONFIG, VERSION, INDEX_LIST, MIGRATIONS, TABLES];

const FOLDERS: [&str; 3] = ["service/setup/mappings", SCHEMAS, SCHEMAS_OF_0_9];

/// The largest file that is read; a mapping has some 20 KB.
const FILE_BYTES_MAX: u64 = 16 << 20;

impl Installation {
    /// Reads an installation: the folder that the package `tracardi` is in, its own folder, or a wheel.
    ///
    /// # Errors
    /// A path that can't be read, or that has no package.
    pub fn read(path: &Path) -> Result<Self, Mistake> {
        let shown = path.display().to_string();
        let facts = fs::metadata(path).map_err(|error| unreadable(&shown, &error))?;
        if facts.is_file() {
            return from_wheel(path, &shown);
        }
        let within = path.join(PACKAGE);
        for (folder, shown) in [(path, shown.clone()), (&within, format!("{shown}/{PACKAGE}"))] {
            let config = folder.join(CONFIG);
            let is_package = config.try_exists().map_err(|error| unreadable(&shown, &error))?;
            if is_package {
                return from_folder(folder, &shown);
            }
        }
        Err(no_package(&shown))
    }

    /// The place of a file.
    pub(crate) fn place(&self, file: &str) -> Place {
        Place::file(format!("{}/{file}", self.shown))
    }

    /// A file that every version has.
    pub(crate) fn text(&self, file: &str) -> Result<&str, Mistake> {
        self.files.get(file).map(String::as_str).ok_or_else(|| {
            let fix = "give a whole installation of Tracardi 0.7 to 0.9: a site-packages folder, a checkout, or a wheel";
            let since = if file == TABLES { "0.9.0" } else { "0.7.0" };
            let message = format!("there is no such file, which every Tracardi from {since} on has");
            Mistake::new(NOT_AN_INSTALLATION, self.place(file), message, fix)
        })
    }
}

fn unreadable(shown: &str, error: &io::Error) -> Mistake {
    let fix = "check the path and who may read it";
    Mistake::new(UNREADABLE, Place::file(shown), format!("can't be read: {error}"), fix)
}

fn no_package(shown: &str) -> Mistake {
    let message = format!("no Tracardi: there is neither `{CONFIG}` nor `{PACKAGE}/{CONFIG}`");
    let fix = "name the folder that the package `tracardi` is in (site-packages, or a checkout), its own folder, or a wheel";
    Mistake::new(NOT_AN_INSTALLATION, Place::file(shown), message, fix)
}

fn from_folder(folder: &Path, shown: &str) -> Result<Installation, Mistake> {
    let mut files = BTreeMap::new();
    for file in FILES {
        read_file(folder, shown, file, &mut files)?;
    }
    for below in FOLDERS {
        let path = folder.join(below);
        let shown_below = format!("{shown}/{below}");
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            // What an older version hasn't got is told by who needs it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&shown_below, &error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(&shown_below, &error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_data(name)) else { continue };
            read_file(folder, shown, &format!("{below}/{name}"), &mut files)?;
        }
    }
    Ok(Installation { shown: shown.to_owned(), files })
}

fn is_data(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

fn read_file(
    folder: &Path,
    shown: &str,
    file: &str,
    files: &mut BTreeMap<String, String>,
) -> Result<(), Mistake> {
    let shown = format!("{shown}/{file}");
    match fs::File::open(folder.join(file)) {
        Ok(opened) => {
            files.insert(file.to_owned(), text(opened, &shown)?);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(&shown, &error)),
    }
}

fn text(reader: impl Read, shown: &str) -> Result<String, Mistake> {
    let mut bytes = Vec::new();
    reader
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(shown, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(shown, &io::Error::other("larger than 16 MB")));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| unreadable(shown, &io::Error::other("not UTF-8 text")))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn from_wheel(path: &Path, shown: &str) -> Result<Installation, Mistake> {
    let no_wheel = |error: zip::result::ZipError| {
        let message = format!("neither a folder nor a wheel: {error}");
        let fix = "name a folder, or a file that ends in .whl";
        Mistake::new(UNREADABLE, Place::file(shown), message, fix)
    };
    let file = fs::File::open(path).map_err(|error| unreadable(shown, &error))?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(no_wheel)?;
    let names: Vec<String> = archive
        .file_names()
        .map(|name| name.map(std::borrow::Cow::into_owned))
        .collect::<Result<_, _>>()
        .map_err(no_wheel)?;
    let mut files = BTreeMap::new();
    for name in names {
        let Some(file) = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('/')) else {
            continue;
        };
        let in_folder = FOLDERS.iter().any(|folder| {
            let below = file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
            below.is_some_and(|name| !name.contains('/') && is_data(name))
        });
        if in_folder || FILES.contains(&file) {
            let shown = format!("{shown}/{name}");
            let entry = archive.by_name(&name).map_err(no_wheel)?;
            files.insert(file.to_owned(), text(entry, &shown)?);
        }
    }
    if !files.contains_key(CONFIG) {
        return Err(no_package(shown));
    }
    Ok(Installation { shown: format!("{shown}/{PACKAGE}"), files })
}

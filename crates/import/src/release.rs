//! One installation as a release: which version it is, its indices, and which migrations lead to it.

use std::collections::BTreeMap;

use lockstep_core::version::Version;
use md5::{Digest as _, Md5};

use crate::{
    index_list::{self, Index, LeftAlone},
    installation::{CONFIG, Installation, MIGRATIONS, VERSION},
    mistake::{GAP, Mistake, PYTHON, Place, VERSION_TOO_NEW, VERSION_TOO_OLD, VERSION_UNTOLD},
    python::{Kind, PythonText, Value},
    table_class::{self, TableClass},
};

/// One installed version.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// Where it was read.
    pub(crate) installation: Installation,
    /// Its version.
    pub(crate) version: Version,
    /// What stands for it in names of indices.
    pub(crate) label: String,
    /// What it calls itself unless its environment says otherwise.
    pub(crate) default_tenant: String,
    /// Which sets of indices it has.
    pub(crate) contexts: Contexts,
    /// The indices that belong to a version and a tenant, in the order of the list.
    pub(crate) indices: Vec<Index>,
    /// Indices that belong to no version or no tenant.
    pub(crate) left_alone: Vec<LeftAlone>,
    /// The tables of its database, by name; none where it has no database.
    pub(crate) tables: BTreeMap<String, TableClass>,
}

/// Which sets of indices a release has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contexts {
    /// One set (0.7).
    One,
    /// One for tests, one for production, and indices that both share (0.8).
    TestAndProduction,
}

impl Release {
    /// Reads an installation.
    pub(crate) fn read(installation: &Installation) -> Result<Self, Vec<Mistake>> {
        let (version, contexts, has_database) =
            version_of(installation).map_err(|mistake| vec![mistake])?;
        let database = database_version(installation).map_err(|mistake| vec![mistake])?;
        let named = database.as_deref().unwrap_or(version.as_str());
        let list = index_list::read(installation, contexts)?;
        let tables = if has_database { table_class::read(installation)? } else { BTreeMap::new() };
        Ok(Self {
            installation: installation.clone(),
            label: named.replace('.', ""),
            default_tenant: default_tenant(named),
            version,
            contexts,
            indices: list.indices,
            left_alone: list.left_alone,
            tables,
        })
    }

    /// The index with a base name such as `tracardi-event`.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Index> {
        self.indices.iter().find(|index| index.name == name)
    }

    /// The name, without folder and ending, of the file with the migration from another release to this one.
    pub(crate) fn migration_from(&self, before: &Self) -> Result<String, Mistake> {
        let table = self.migrations()?;
        let place = self.installation.place(MIGRATIONS);
        // Up to 0.8.0 versions are written with dots.
        let is = |written: &str, release: &Self| {
            written == release.label || written == release.version.as_str()
        };
        let own: Vec<_> = table.iter().filter(|migration| is(&migration.to, self)).collect();
        if let Some(found) = own.iter().find(|migration| is(&migration.from, before)) {
            return Ok(found.file.clone());
        }
        let known: Vec<&str> = own.iter().map(|migration| migration.from.as_str()).collect();
        let message = format!(
            "no migration leads from {} to {}: this version takes up {}",
            before.version,
            self.version,
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        );
        let fix = "give the installations between the two as well, one for each version";
        Err(Mistake::new(GAP, place, message, fix))
    }

    fn migrations(&self) -> Result<Vec<Migration>, Mistake> {
        let place = self.installation.place(MIGRATIONS);
        let text = PythonText::read(&place, self.installation.text(MIGRATIONS)?)?;
        let Some(Value { kind: Kind::Dictionary(entries), line: _ }) =
            text.assigned("available_migrations")?
        else {
            let message =
                "there is no list `available_migrations`, which says what the version can migrate";
            let fix = "give an installation as it was published";
            return Err(Mistake::new(PYTHON, place, message, fix));
        };
        let mut migrations = Vec::new();
        for (key, value) in entries {
            let Some((from, to)) = pair(&key) else { return Err(not_a_migration(&text, key.line)) };
            let Kind::Text(file) = value.kind else {
                return Err(not_a_migration(&text, value.line));
            };
            migrations.push(Migration { from, to, file });
        }
        Ok(migrations)
    }
}

/// A line of the table of migrations.
struct Migration {
    from: String,
    to: String,
    file: String,
}

fn pair(key: &Value) -> Option<(String, String)> {
    let Kind::Tuple(values) = &key.kind else { return None };
    match values.as_slice() {
        [Value { kind: Kind::Text(from), line: _ }, Value { kind: Kind::Text(to), line: _ }] => {
            Some((from.clone(), to.clone()))
        }
        _ => None,
    }
}

fn not_a_migration(text: &PythonText, line: usize) -> Mistake {
    let message = "an entry of `available_migrations` must be `(\"FROM\", \"TO\"): \"FILE\"`";
    let fix = "give an installation as it was published";
    Mistake::new(PYTHON, text.place(line), message, fix)
}

/// The version, its contexts, and whether it keeps a part of its data in a database.
fn version_of(installation: &Installation) -> Result<(Version, Contexts, bool), Mistake> {
    let place = installation.place(CONFIG);
    let text = PythonText::read(&place, installation.text(CONFIG)?)?;
    let Some(value) = text.assigned("VERSION")? else {
        // Before 0.7.0 the version was a field of the configuration.
        return Err(match text.assigned("self.version") {
            Ok(Some(Value { kind: Kind::Text(version), line })) => {
                too_old(&version, text.place(line))
            }
            _ => untold(place, "there is no `VERSION`"),
        });
    };
    let place = text.place(value.line);
    let Some(written) = default_of(&value.kind) else {
        return Err(untold(place, "`VERSION` is neither a text nor a variable with a default"));
    };
    let mut numbers = written.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let (contexts, has_database) = match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(0), Some(7)) => (Contexts::One, false),
        (Some(0), Some(8)) => (Contexts::TestAndProduction, false),
        (Some(0), Some(9)) => (Contexts::TestAndProduction, true),
        (Some(0), Some(0..=6)) => return Err(too_old(written, place)),
        (Some(_), Some(_)) => {
            let message = format!(
                "Tracardi {written} is newer than 0.9, and what it does with documents isn't known"
            );
            let fix = "import up to 0.9.0, and leave this installation out";
            return Err(Mistake::new(VERSION_TOO_NEW, place, message, fix));
        }
        _ => return Err(untold(place, &format!("`{written}` is no version"))),
    };
    // 0.9.0 was published as `0.9.0-rc5` and the like.
    let is_candidate =
        |rest: &&str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
    let number = match written.split_once("-rc") {
        Some((number, rest)) if has_database && is_candidate(&rest) => number,
        Some(_) | None => written,
    };
    match number.parse::<Version>() {
        Ok(version) => Ok((version, contexts, has_database)),
        Err(error) => Err(untold(place, &error.to_string())),
    }
}

fn untold(place: Place, message: &str) -> Mistake {
    let fix = "give an installation as it was published, from 0.7.0 on";
    Mistake::new(VERSION_UNTOLD, place, format!("can't tell which version this is: {message}"), fix)
}

fn too_old(version: &str, place: Place) -> Mistake {
    let message = format!(
        "Tracardi {version} is older than 0.7.0, the first version that another one migrates from"
    );
    let fix =
        "leave this installation out; its data has to be brought to 0.7.0 some other way first";
    Mistake::new(VERSION_TOO_OLD, place, message, fix)
}

/// `'0.7.4'`, or the default in `os.environ.get('_DEBUG_VERSION', '0.8.0')`.
pub(crate) fn default_of(kind: &Kind) -> Option<&str> {
    match kind {
        Kind::Text(text) => Some(text),
        Kind::Call(function, arguments)
            if ["os.environ.get", "env.get"].contains(&function.as_str()) =>
        {
            match arguments.as_slice() {
                [
                    (None, Value { kind: Kind::Text(_), line: _ }),
                    (None, Value { kind: Kind::Text(default), line: _ }),
                ] => Some(default),
                _ => None,
            }
        }
        Kind::Call(..)
        | Kind::Number(_)
        | Kind::Boolean(_)
        | Kind::Nothing
        | Kind::Name(_)
        | Kind::Tuple(_)
        | Kind::Dictionary(_) => None,
    }
}

/// From 0.8.1 on the version of the data has a name of its own.
fn database_version(installation: &Installation) -> Result<Option<String>, Mistake> {
    let place = installation.place(VERSION);
    let text = PythonText::read(&place, installation.text(VERSION)?)?;
    match text.assigned("db_version")? {
        None => Ok(None),
        Some(Value { kind: Kind::Text(database), line: _ }) => Ok(Some(database)),
        Some(Value { kind: _, line }) => Err(untold(text.place(line), "`db_version` is no text")),
    }
}

/// The first five hexadecimal digits of the MD5.
pub(crate) fn default_tenant(named: &str) -> String {
    let digest = Md5::digest(named.as_bytes());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).take(5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_call_themselves_by_their_digest() {
        assert_eq!(default_tenant("0.7.4"), "75120");
        assert_eq!(default_tenant("0.8.0"), "fa73a");
        assert_eq!(default_tenant("0820"), "ffe49");
    }
}

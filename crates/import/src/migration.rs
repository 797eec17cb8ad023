//! A migration file: which index goes where, by which worker, with which script. It is read strictly: what isn't
//! understood is refused, for a migration that is half understood loses documents.

use serde_json::{Map, Value};

use crate::{
    installation::{Installation, MIGRATIONS, SCHEMAS, SCHEMAS_OF_0_9},
    mistake::{ENTRY, MIGRATION_MISSING, MIGRATION_UNREADABLE, Mistake, Place, WORKER_UNKNOWN},
};

/// A migration from one release to the next.
#[derive(Debug, Clone)]
pub(crate) struct Migration {
    /// The file's name, for the report.
    pub(crate) file: String,
    /// Where it is, for mistakes.
    pub(crate) place: Place,
    pub(crate) entries: Vec<Entry>,
    /// Whether the file itself says which entries are for production; otherwise each is for both contexts.
    pub(crate) names_production: bool,
}

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its position in the file, from 1, comments counted too.
    pub(crate) position: usize,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) is_multi: bool,
    pub(crate) is_production: bool,
    pub(crate) script: Option<String>,
    pub(crate) worker: Worker,
    /// What its documents are, where they become rows.
    pub(crate) record: Option<Box<Record>>,
}

/// What documents are that become rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Tracardi's name for them, such as `event-source`.
    pub(crate) kind: String,
    /// The version that is written into them.
    pub(crate) version: Option<String>,
}

/// Who does the work in Tracardi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// One `_reindex`.
    Reindex,
    /// One `_reindex` of every partition into the current one.
    ReindexToOneIndex,
    /// Python: a user's token is kept, or made null; then the script.
    UserReindex,
    /// Python: an encoded value is taken apart and put together otherwise.
    ValidationSchemaReindex,
    /// Python: every document becomes a row of a table.
    CopyToMysql,
}

impl Worker {
    const ALL: [(&'static str, Self); 5] = [
        ("reindex", Self::Reindex),
        ("reindex_to_one_index", Self::ReindexToOneIndex),
        ("user_reindex_071", Self::UserReindex),
        ("validation_schema_reindex_071", Self::ValidationSchemaReindex),
        ("copy_to_mysql", Self::CopyToMysql),
    ];

    /// What Tracardi calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Reindex => "reindex",
            Self::ReindexToOneIndex => "reindex_to_one_index",
            Self::UserReindex => "user_reindex_071",
            Self::ValidationSchemaReindex => "validation_schema_reindex_071",
            Self::CopyToMysql => "copy_to_mysql",
        }
    }
}

/// Reads the file with a name that the table of migrations gives.
pub(crate) fn read(installation: &Installation, name: &str) -> Result<Migration, Vec<Mistake>> {
    let candidates = [SCHEMAS, SCHEMAS_OF_0_9].map(|folder| format!("{folder}/{name}.json"));
    let found = candidates.iter().find(|file| installation.files.contains_key(*file));
    let file = found.unwrap_or(&candidates[0]);
    let place = installation.place(file);
    let Some(text) = installation.files.get(file) else {
        let message =
            format!("the migration file `{name}.json`, which {MIGRATIONS} names, is not there");
        let fix = "give a whole installation";
        return Err(vec![Mistake::new(MIGRATION_MISSING, place, message, fix)]);
    };
    let unreadable = |line: Option<usize>, message: String| {
        let place = line.map_or_else(|| place.clone(), |line| place.line(line));
        vec![Mistake::new(
            MIGRATION_UNREADABLE,
            place,
            message,
            "give an installation as it was published",
        )]
    };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| unreadable(Some(error.line()), format!("this is not JSON: {error}")))?;
    let Value::Array(items) = value else {
        return Err(unreadable(None, "a migration file must be a JSON array".to_owned()));
    };
    let (mut entries, mut mistakes, mut names_production) = (Vec::new(), Vec::new(), false);
    for (position, item) in items.iter().enumerate() {
        // Tracardi takes whatever isn't an object for a comment; only texts are meant as one.
        if item.is_string() {
            continue;
        }
        let reader = Reader { place: &place, position: position + 1 };
        match reader.entry(item) {
            Ok((entry, is_production_named)) => {
                names_production |= is_production_named;
                entries.push(entry);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() {
        Ok(Migration { file: format!("{name}.json"), place, entries, names_production })
    } else {
        Err(mistakes)
    }
}

/// Fields of an entry; those without a meaning for documents are `id`, `asynchronous`, `wait_for_completion`, `conflicts`
/// and `custom_worker_required`.
const FIELDS: [&str; 8] = [
    "id",
    "copy_index",
    "worker",
    "asynchronous",
    "wait_for_completion",
    "conflicts",
    "custom_worker_required",
    "params",
];

/// Whether an index is static, its list says.
const COPY_FIELDS: [&str; 6] =
    ["from_index", "to_index", "multi", "script", "production", "static"];

struct Reader<'a> {
    place: &'a Place,
    position: usize,
}

impl Reader<'_> {
    fn entry(&self, item: &Value) -> Result<(Entry, bool), Mistake> {
        let entry = self.object(item, "it", &FIELDS)?;
        let Some(copy) = entry.get("copy_index") else {
            return Err(self.wrong("`copy_index` is missing"));
        };
        let copy = self.object(copy, "`copy_index`", &COPY_FIELDS)?;
        let script = match copy.get("script") {
            Some(Value::Null) => None,
            Some(Value::String(script)) => Some(script.clone()),
            Some(_) => return Err(self.wrong("`script` must be a text or null")),
            None => return Err(self.wrong("`script` is missing; a copy without one says `null`")),
        };
        let is_production = match copy.get("production") {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => return Err(self.wrong("`production` must be true or false")),
        };
        let worker = self.worker(entry)?;
        let record = self.parameters(worker, entry.get("params"))?;
        let is_multi = match copy.get("multi") {
            Some(Value::Bool(flag)) => *flag,
            _ => return Err(self.wrong("`multi` must be true or false")),
        };
        let (from, to) = (self.text(copy, "from_index")?, self.text(copy, "to_index")?);
        let position = self.position;
        let entry = Entry { position, from, to, is_multi, is_production, script, worker, record };
        Ok((entry, copy.contains_key("production")))
    }

    fn worker(&self, entry: &Map<String, Value>) -> Result<Worker, Mistake> {
        let name = self.text(entry, "worker")?;
        let known = Worker::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, worker)| *worker).ok_or_else(|| {
            let message = format!(
                "entry {} has the worker `{name}`, which isn't known: what it does to documents can't be told",
                self.position
            );
            let fix = "leave this installation out, or write its step by hand in the pack of the others";
            Mistake::new(WORKER_UNKNOWN, self.place.clone(), message, fix)
        })
    }

    /// `reindex_to_one_index` has parameters: into which partition everything goes. The pack keeps partitions. Those of
    /// `copy_to_mysql` say what its documents are.
    fn parameters(
        &self,
        worker: Worker,
        parameters: Option<&Value>,
    ) -> Result<Option<Box<Record>>, Mistake> {
        match (worker, parameters) {
            (Worker::CopyToMysql, None | Some(Value::Null)) => {
                Err(self.wrong("`params` must say by `mysql` what its documents are"))
            }
            (Worker::CopyToMysql, Some(parameters)) => {
                let parameters = self.object(parameters, "`params`", &["mysql", "version"])?;
                let kind = self.text(parameters, "mysql")?;
                let version = match parameters.get("version") {
                    None => None,
                    Some(_) => Some(self.text(parameters, "version")?),
                };
                Ok(Some(Box::new(Record { kind, version })))
            }
            (_, None | Some(Value::Null)) => Ok(None),
            (Worker::ReindexToOneIndex, Some(parameters)) => {
                self.object(parameters, "`params`", &["partitioning", "replace"])?;
                Ok(None)
            }
            (Worker::Reindex | Worker::UserReindex | Worker::ValidationSchemaReindex, Some(_)) => {
                Err(self.wrong("`params` means nothing to this worker"))
            }
        }
    }

    fn object<'v>(
        &self,
        value: &'v Value,
        what: &str,
        fields: &[&str],
    ) -> Result<&'v Map<String, Value>, Mistake> {
        let Some(object) = value.as_object() else {
            return Err(self.wrong(&format!("{what} must be a JSON object")));
        };
        match object.keys().find(|key| !fields.contains(&key.as_str())) {
            Some(key) => Err(self.wrong(&format!("{what} has a field `{key}`, which isn't known"))),
            None => Ok(object),
        }
    }

    fn text(&self, object: &Map<String, Value>, field: &str) -> Result<String, Mistake> {
        match object.get(field) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            _ => Err(self.wrong(&format!("`{field}` must be a text"))),
        }
    }

    fn wrong(&self, message: &str) -> Mistake {
        let message = format!("entry {} isn't understood: {message}", self.position);
        let fix = "give an installation as it was published; report it if this is one";
        Mistake::new(ENTRY, self.place.clone(), message, fix)
    }
}

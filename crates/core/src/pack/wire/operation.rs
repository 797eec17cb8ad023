//! Reads the operations of a step.

use serde_json::{Map, Value};

use super::{BranchesWire, OperationWire, Operations, condition::read_when, value_table};
use crate::{
    pack::{
        code,
        diagnostic::Findings,
        fields::{Fields, expected, json, list, place_of, text, texts, word},
        nearest::{listed, suggestion},
        place::{At, Place},
        yaml::{Entry, Kind, Node},
    },
    transform::operation::{
        Algorithm, Assignment, CastType, Casting, Coding, Dating, Decoding, Dropping, Empty,
        Encoding, Existing, FieldPath, Flattening, Hashing, Joining, JqStep, Lists, Nesting,
        Operation, Otherwise, Rekeying, Relocation, Removal, Respelling, Script, Several,
        Splitting, Translation, Unwrapping, Wrapping, Zone,
    },
};

/// The names of all operations.
pub(crate) const NAMES: &[&str] = &[
    "rename", "move", "copy", "remove", "set", "default", "cast", "lower", "upper", "trim", "map",
    "date", "decode", "encode", "wrap", "unwrap", "nest", "flatten", "split", "join", "hash",
    "drop", "rekey", "reroute", "each", "send", "when", "jq", "painless",
];

/// The keys of an operation that holds others; the first one makes it one.
const WHEN: [&str; 3] = ["when", "then", "else"];

/// How many `when` may lie within each other; with more nobody sees any longer what is done to a document.
pub(super) const BRANCHES_DEPTH_MAX: usize = 4;

const EXISTING: [(&str, Existing); 3] =
    [("reject", Existing::Reject), ("overwrite", Existing::Overwrite), ("keep", Existing::Keep)];

const CAST_TYPES: [(&str, CastType); 4] = [
    ("string", CastType::String),
    ("long", CastType::Long),
    ("double", CastType::Double),
    ("boolean", CastType::Boolean),
];

const OTHERWISE: [(&str, Otherwise); 4] = [
    ("reject", Otherwise::Reject),
    ("keep", Otherwise::Keep),
    ("remove", Otherwise::Remove),
    ("null", Otherwise::Null),
];

const CODINGS: [(&str, Coding); 3] = [
    ("base64", Coding::Base64),
    ("base64-json", Coding::Base64Json),
    ("base64-gzip-json", Coding::Base64GzipJson),
];

const ALGORITHMS: [(&str, Algorithm); 1] = [("sha256", Algorithm::Sha256)];

const SEVERAL: [(&str, Several); 3] =
    [("reject", Several::Reject), ("first", Several::First), ("keep", Several::Keep)];

const LISTS: [(&str, Lists); 2] = [("reject", Lists::Reject), ("join", Lists::Join)];

const EMPTY: [(&str, Empty); 2] = [("remove", Empty::Remove), ("null", Empty::Null)];

impl Operations {
    /// Reads the list.
    pub(crate) fn read(entry: &Entry, findings: &mut Findings) -> Self {
        read_operations(entry, 0, findings)
    }
}

/// Reads a list; `depth` is the number of `when` that it lies in.
pub(super) fn read_operations(entry: &Entry, depth: usize, findings: &mut Findings) -> Operations {
    let Some(nodes) = list(entry, findings) else {
        return Operations { all: Vec::new(), is_complete: false };
    };
    let all: Vec<OperationWire> =
        nodes.iter().filter_map(|node| read_operation(node, (entry, depth), findings)).collect();
    let is_complete = all.len() == nodes.len();
    Operations { all, is_complete }
}

fn read_operation(
    node: &Node,
    (list, depth): (&Entry, usize),
    findings: &mut Findings,
) -> Option<OperationWire> {
    let entries = match &node.kind {
        Kind::Mapping(entries) => entries.as_slice(),
        Kind::Null | Kind::Plain(_) | Kind::Text(_) | Kind::List(_) => &[],
    };
    let branch = entries.iter().find(|entry| WHEN.contains(&entry.key.value.as_str()));
    let others = entries.iter().filter(|entry| !WHEN.contains(&entry.key.value.as_str()));
    let other = others.map(|entry| &entry.key).find(|key| NAMES.contains(&key.value.as_str()));
    if let (Some(_), Some(other)) = (branch, other) {
        let message = format!("`{}` can't stand beside a `when`", other.value);
        let fix = "begin each operation with its own `-`";
        findings.error(code::KIND, &other.place, message, fix);
        return None;
    }
    if let Some(entry) = branch {
        return read_when(node, (&entry.key.value, &entry.key.place), depth, findings);
    }
    let [entry] = entries else {
        let place = entries.first().map_or_else(|| place_of(node, list), |entry| &entry.key.place);
        let message =
            "an operation is one name with its fields, such as `rename: {from: a, to: b}`";
        let fix = match entries.len() {
            0 => format!("the operations are {}", listed(NAMES.iter().copied())),
            _ => "begin each operation with its own `-`".to_owned(),
        };
        findings.error(code::KIND, place, message, fix);
        return None;
    };
    let name = NAMES.iter().copied().find(|name| *name == entry.key.value);
    let Some(name) = name else {
        let message = format!("there is no operation `{}`", entry.key.value);
        findings.error(
            code::WORD_UNKNOWN,
            &entry.key.place,
            message,
            suggestion(&entry.key.value, NAMES.iter().copied()),
        );
        return None;
    };
    let elsewhere = match name {
        "painless" => Some(("script", "the engine")),
        "jq" => Some(("program in jq", "a process of its own")),
        _ => None,
    };
    if let (Some((what, place)), true) = (elsewhere, depth > 0) {
        let message = format!("a {what} runs in {place}, and can't stand within a `when`");
        let word = what.split(' ').next().unwrap_or_default();
        let fix = format!(
            "ask for the condition in the {word} itself, or put the {word} behind the `when`"
        );
        findings.error(code::SCRIPT_WITHIN, &entry.key.place, message, fix);
        return None;
    }
    let found_before = findings.len();
    let fields = Fields::open(&entry.node, (&format!("`{name}`"), &entry.key.place), findings)?;
    let mut reader = Reader { fields, values: Vec::new(), findings };
    let operation = reader.operation(name);
    let Reader { fields, values, findings } = reader;
    fields.finish(findings);
    let is_sound = findings.len() == found_before;
    operation.filter(|_| is_sound).map(|operation| OperationWire {
        operation,
        place: entry.key.place.clone(),
        values,
        branches: BranchesWire::default(),
    })
}

/// Reads the fields of one operation. All fields are asked for before any is given up, so that all mistakes are found.
pub(super) struct Reader<'a, 'f> {
    pub(super) fields: Fields<'a>,
    pub(super) values: Vec<(&'static str, Place)>,
    pub(super) findings: &'f mut Findings,
}

impl<'a> Reader<'a, '_> {
    /// `name` is one of [`NAMES`].
    fn operation(&mut self, name: &str) -> Option<Operation> {
        match name {
            "rename" => self.relocation().map(Operation::Rename),
            "move" => self.relocation().map(Operation::Move),
            "copy" => self.relocation().map(Operation::Copy),
            "remove" => self.paths("fields").map(|fields| Operation::Remove(Removal { fields })),
            "set" => self.assignment().map(Operation::Set),
            "default" => self.assignment().map(Operation::Default),
            "cast" => self.casting().map(Operation::Cast),
            "lower" => self.respelling().map(Operation::Lower),
            "upper" => self.respelling().map(Operation::Upper),
            "trim" => self.respelling().map(Operation::Trim),
            "map" => self.translation().map(Operation::Map),
            "date" => self.dating().map(Operation::Date),
            "decode" => self.decoding().map(Operation::Decode),
            "encode" => self.encoding().map(Operation::Encode),
            "wrap" => self.paths("fields").map(|fields| Operation::Wrap(Wrapping { fields })),
            "unwrap" => self.unwrapping().map(Operation::Unwrap),
            "nest" => self.nesting().map(Operation::Nest),
            "flatten" => self.flattening().map(Operation::Flatten),
            "split" => self.splitting().map(Operation::Split),
            "join" => self.joining().map(Operation::Join),
            "hash" => self.hashing().map(Operation::Hash),
            "drop" => Some(Operation::Drop(Dropping {})),
            "rekey" => self.template("id").map(|id| Operation::Rekey(Rekeying { id })),
            "reroute" => self.rerouting().map(Operation::Reroute),
            "each" => self.dividing().map(Operation::Each),
            "send" => self.sending().map(Operation::Send),
            "jq" => self.jq().map(Operation::Jq),
            _ => self.script().map(Operation::Painless),
        }
    }

    fn relocation(&mut self) -> Option<Relocation> {
        let (from, to) = (self.path("from"), self.path("to"));
        let existing = self.word("existing", &EXISTING);
        Some(Relocation { from: from?, to: to?, existing })
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let field = self.path("field");
        let value = self.entry("value", "…").and_then(|entry| {
            self.values.push(("value", place_of(&entry.node, entry).clone()));
            json(&entry.node, self.findings)
        });
        Some(Assignment { field: field?, value: value? })
    }

    fn casting(&mut self) -> Option<Casting> {
        let field = self.path("field");
        let to = self.entry("to", "long").and_then(|entry| word(entry, &CAST_TYPES, self.findings));
        let otherwise = self.otherwise();
        Some(Casting { field: field?, to: to?.value, otherwise })
    }

    fn respelling(&mut self) -> Option<Respelling> {
        let fields = self.paths("fields");
        let otherwise = self.otherwise();
        Some(Respelling { fields: fields?, otherwise })
    }

    fn translation(&mut self) -> Option<Translation> {
        let field = self.path("field");
        let entry = self.entry("values", "{old: new}");
        let pairs = entry.and_then(|entry| value_table::read(entry, self.findings));
        let otherwise = self.otherwise();
        let mut values = Vec::new();
        for (pair, place) in pairs? {
            self.values.push(("values", place));
            values.push(pair);
        }
        Some(Translation { field: field?, values, otherwise })
    }

    fn dating(&mut self) -> Option<Dating> {
        let field = self.path("field");
        let (from, to) = (self.parsed(("from", "iso")), self.parsed(("to", "epoch_millis")));
        let zone = match self.fields.optional("zone") {
            None => Some(Zone::default()),
            Some(_) => self.parsed(("zone", "UTC")),
        };
        let otherwise = self.otherwise();
        Some(Dating { field: field?, from: from?, to: to?, zone: zone?, otherwise })
    }

    fn decoding(&mut self) -> Option<Decoding> {
        let (field, from) = (self.path("field"), self.coding("from"));
        let otherwise = self.otherwise();
        Some(Decoding { field: field?, from: from?, otherwise })
    }

    fn encoding(&mut self) -> Option<Encoding> {
        let (field, to) = (self.path("field"), self.coding("to"));
        let otherwise = self.otherwise();
        Some(Encoding { field: field?, to: to?, otherwise })
    }

    fn coding(&mut self, name: &'static str) -> Option<Coding> {
        let entry = self.entry(name, "base64-json")?;
        word(entry, &CODINGS, self.findings).map(|found| found.value)
    }

    /// A text that says why it is none.
    fn parsed<T: TryFrom<String, Error: std::fmt::Display>>(
        &mut self,
        (name, example): (&'static str, &str),
    ) -> Option<T> {
        let entry = self.entry(name, example)?;
        let written = text(entry, self.findings)?;
        let parsed = T::try_from(written.value);
        parsed
            .map_err(|error| {
                let fix = format!("write one such as `{example}`");
                self.findings.error(code::DATE_FORM, &written.place, error.to_string(), fix);
            })
            .ok()
    }

    fn unwrapping(&mut self) -> Option<Unwrapping> {
        let fields = self.paths("fields");
        let several = self.word("several", &SEVERAL);
        let empty = self.word_or_null("empty", (&EMPTY, Empty::Null));
        Some(Unwrapping { fields: fields?, several, empty })
    }

    fn nesting(&mut self) -> Option<Nesting> {
        let (fields, into) = (self.paths("fields"), self.path("into"));
        let existing = self.word("existing", &EXISTING);
        Some(Nesting { fields: fields?, into: into?, existing })
    }

    /// The names are said by a separator behind the object's own name, or by the whole of what stands before them.
    fn flattening(&mut self) -> Option<Flattening> {
        let field = self.path("field");
        let prefix = self.fields.optional("prefix");
        let separator = match prefix {
            None => self.entry("separator", "\"_\""),
            Some(_) => self.fields.optional("separator"),
        };
        let existing = self.word("existing", &EXISTING);
        if let (Some(_), Some(separator)) = (prefix, separator) {
            let message =
                "`prefix` is all that stands before the names, so `separator` says nothing";
            self.findings.error(
                code::JOINED_NAMES,
                &separator.key.place,
                message,
                "keep one of the two",
            );
            return None;
        }
        let written = text(prefix.or(separator)?, self.findings)?;
        self.values.push(("prefix", written.place));
        let field = field?;
        let own_name = field.as_str().rsplit('.').next().unwrap_or_default();
        let prefix = match prefix {
            Some(_) => written.value,
            None => format!("{own_name}{}", written.value),
        };
        Some(Flattening { field, prefix, existing })
    }

    fn splitting(&mut self) -> Option<Splitting> {
        let field = self.path("field");
        let separator = self.separator();
        let into = self.paths("into");
        Some(Splitting { field: field?, separator: separator?, into: into? })
    }

    fn joining(&mut self) -> Option<Joining> {
        let fields = self.paths("fields");
        let separator = self.separator();
        let into = self.path("into");
        let lists = self.word("lists", &LISTS);
        Some(Joining { fields: fields?, separator: separator?, into: into?, lists })
    }

    fn hashing(&mut self) -> Option<Hashing> {
        let (fields, into) = (self.paths("fields"), self.path("into"));
        let algorithm = self.word("algorithm", &ALGORITHMS);
        let existing = self.word("existing", &EXISTING);
        Some(Hashing { fields: fields?, into: into?, algorithm, existing })
    }

    fn script(&mut self) -> Option<Script> {
        let written = self.entry("script", "\"ctx._source.a = 1\"");
        let written = written.and_then(|entry| text(entry, self.findings));
        let params = self.fields.optional("params").map(|entry| match &entry.node.kind {
            Kind::Mapping(_) => json(&entry.node, self.findings),
            Kind::Null | Kind::Plain(_) | Kind::Text(_) | Kind::List(_) => {
                expected(
                    entry,
                    "a mapping",
                    "write `{name: value}`, or leave it out",
                    self.findings,
                );
                None
            }
        });
        let params = match params {
            None => Map::new(),
            Some(Some(Value::Object(params))) => params,
            Some(_) => return None,
        };
        let documents = self.documents();
        let script = written?;
        self.values.push(("script", script.place));
        let (documents, to) = documents?;
        Some(Script { script: script.value, params, documents, to })
    }

    fn jq(&mut self) -> Option<JqStep> {
        let written = self.entry("program", "\".total = .sum\"");
        let written = written.and_then(|entry| text(entry, self.findings));
        let field = self.fields.optional("field").map(|_| self.path("field"));
        let documents = self.documents();
        let program = written?;
        self.values.push(("program", program.place));
        let (documents, to) = documents?;
        match field {
            Some(None) => None,
            field => Some(JqStep { program: program.value, field: field.flatten(), documents, to }),
        }
    }

    fn separator(&mut self) -> Option<String> {
        let entry = self.entry("separator", "\" \"")?;
        let separator = text(entry, self.findings)?;
        self.values.push(("separator", separator.place));
        Some(separator.value)
    }

    pub(super) fn entry(&mut self, name: &'static str, example: &str) -> Option<&'a Entry> {
        self.fields.required((name, example), self.findings)
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<FieldPath> {
        let entry = self.entry(name, "customer.name")?;
        let written = text(entry, self.findings)?;
        self.field_path(name, written)
    }

    fn paths(&mut self, name: &'static str) -> Option<Vec<FieldPath>> {
        let entry = self.entry(name, "[a, b.c]")?;
        let written = texts(entry, self.findings)?;
        let paths: Vec<Option<FieldPath>> =
            written.into_iter().map(|written| self.field_path(name, written)).collect();
        paths.into_iter().collect()
    }

    fn field_path(&mut self, name: &'static str, written: At<String>) -> Option<FieldPath> {
        let place = written.place.clone();
        let path = field_path(written, self.findings)?;
        self.values.push((name, place));
        Some(path)
    }

    pub(super) fn word<T: Copy + Default>(&mut self, name: &'static str, words: &[(&str, T)]) -> T {
        let entry = self.fields.optional(name);
        let Some(found) = entry.and_then(|entry| word(entry, words, self.findings)) else {
            return T::default();
        };
        self.values.push((name, found.place));
        found.value
    }

    fn otherwise(&mut self) -> Otherwise {
        self.word_or_null("otherwise", (&OTHERWISE, Otherwise::Null))
    }

    /// The bare word `null` is YAML's nothing; here it is meant as a word.
    fn word_or_null<T: Copy + Default>(
        &mut self,
        name: &'static str,
        (words, null): (&[(&str, T)], T),
    ) -> T {
        let Some(entry) = self.fields.optional(name) else { return T::default() };
        let has_token = entry.node.place.span.as_ref().is_some_and(|span| !span.is_empty());
        match (&entry.node.kind, has_token) {
            (Kind::Null, true) => {
                self.values.push((name, entry.node.place.clone()));
                null
            }
            (Kind::Null, false) => {
                let words = words.iter().map(|(word, _)| *word);
                let fix = format!("write one of {}", listed(words));
                expected(entry, "a word", &fix, self.findings);
                T::default()
            }
            _ => self.word(name, words),
        }
    }
}

/// Reads a path.
pub(super) fn field_path(written: At<String>, findings: &mut Findings) -> Option<FieldPath> {
    let path = FieldPath::try_from(written.value);
    path.map_err(|error| {
        let fix = "join the names by single dots, with none at the ends";
        findings.error(code::KIND, &written.place, error.to_string(), fix);
    })
    .ok()
}

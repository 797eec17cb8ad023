//! Reads the operations of a step.

use serde_json::{Map, Value};

use super::{OperationWire, Operations};
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
        Assignment, CastType, Casting, Existing, FieldPath, Joining, Operation, Otherwise,
        Relocation, Removal, Script, Splitting,
    },
};

/// The names of all operations.
pub(crate) const NAMES: [&str; 10] =
    ["rename", "move", "copy", "remove", "set", "default", "cast", "split", "join", "painless"];

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

impl Operations {
    /// Reads the list.
    pub(crate) fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let Some(nodes) = list(entry, findings) else {
            return Self { all: Vec::new(), is_complete: false };
        };
        let all: Vec<OperationWire> =
            nodes.iter().filter_map(|node| read_operation(node, entry, findings)).collect();
        let is_complete = all.len() == nodes.len();
        Self { all, is_complete }
    }
}

fn read_operation(node: &Node, list: &Entry, findings: &mut Findings) -> Option<OperationWire> {
    let entries = match &node.kind {
        Kind::Mapping(entries) => entries.as_slice(),
        Kind::Null | Kind::Plain(_) | Kind::Text(_) | Kind::List(_) => &[],
    };
    let [entry] = entries else {
        let place = entries.first().map_or_else(|| place_of(node, list), |entry| &entry.key.place);
        let message =
            "an operation is one name with its fields, such as `rename: {from: a, to: b}`";
        let fix = match entries.len() {
            0 => format!("the operations are {}", listed(NAMES)),
            _ => "begin each operation with its own `-`".to_owned(),
        };
        findings.error(code::KIND, place, message, fix);
        return None;
    };
    let name = NAMES.into_iter().find(|name| *name == entry.key.value);
    let Some(name) = name else {
        let message = format!("there is no operation `{}`", entry.key.value);
        findings.error(
            code::WORD_UNKNOWN,
            &entry.key.place,
            message,
            suggestion(&entry.key.value, NAMES),
        );
        return None;
    };
    let found_before = findings.len();
    let fields = Fields::open(&entry.node, (&format!("`{name}`"), &entry.key.place), findings)?;
    let mut reader = Reader { fields, values: Vec::new(), findings };
    let operation = match name {
        "rename" => reader.relocation().map(Operation::Rename),
        "move" => reader.relocation().map(Operation::Move),
        "copy" => reader.relocation().map(Operation::Copy),
        "remove" => reader.paths("fields").map(|fields| Operation::Remove(Removal { fields })),
        "set" => reader.assignment().map(Operation::Set),
        "default" => reader.assignment().map(Operation::Default),
        "cast" => reader.casting().map(Operation::Cast),
        "split" => reader.splitting().map(Operation::Split),
        "join" => reader.joining().map(Operation::Join),
        _ => reader.script().map(Operation::Painless),
    };
    let Reader { fields, values, findings } = reader;
    fields.finish(findings);
    let is_sound = findings.len() == found_before;
    operation.filter(|_| is_sound).map(|operation| OperationWire {
        operation,
        place: entry.key.place.clone(),
        values,
    })
}

/// Reads the fields of one operation. All fields are asked for before any is given up, so that all mistakes are found.
struct Reader<'a, 'f> {
    fields: Fields<'a>,
    values: Vec<(&'static str, Place)>,
    findings: &'f mut Findings,
}

impl<'a> Reader<'a, '_> {
    fn relocation(&mut self) -> Option<Relocation> {
        let (from, to) = (self.path("from"), self.path("to"));
        let existing = self.word("existing", &EXISTING);
        Some(Relocation { from: from?, to: to?, existing })
    }

    fn assignment(&mut self) -> Option<Assignment> {
        let field = self.path("field");
        let value = self.entry("value", "…").and_then(|entry| json(&entry.node, self.findings));
        Some(Assignment { field: field?, value: value? })
    }

    fn casting(&mut self) -> Option<Casting> {
        let field = self.path("field");
        let to = self.entry("to", "long").and_then(|entry| word(entry, &CAST_TYPES, self.findings));
        let otherwise = self.otherwise();
        Some(Casting { field: field?, to: to?.value, otherwise })
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
        Some(Joining { fields: fields?, separator: separator?, into: into? })
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
        let script = written?;
        self.values.push(("script", script.place));
        Some(Script { script: script.value, params })
    }

    fn separator(&mut self) -> Option<String> {
        let entry = self.entry("separator", "\" \"")?;
        let separator = text(entry, self.findings)?;
        self.values.push(("separator", separator.place));
        Some(separator.value)
    }

    fn entry(&mut self, name: &'static str, example: &str) -> Option<&'a Entry> {
        self.fields.required((name, example), self.findings)
    }

    fn path(&mut self, name: &'static str) -> Option<FieldPath> {
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
        match FieldPath::try_from(written.value) {
            Ok(path) => {
                self.values.push((name, written.place));
                Some(path)
            }
            Err(error) => {
                let fix = "join the names by single dots, with none at the ends";
                self.findings.error(code::KIND, &written.place, error.to_string(), fix);
                None
            }
        }
    }

    fn word<T: Copy + Default>(&mut self, name: &'static str, words: &[(&str, T)]) -> T {
        let entry = self.fields.optional(name);
        let found = entry.and_then(|entry| word(entry, words, self.findings));
        found.map(|found| found.value).unwrap_or_default()
    }

    /// The bare word `null` is YAML's nothing; here it is meant as a word.
    fn otherwise(&mut self) -> Otherwise {
        let Some(entry) = self.fields.optional("otherwise") else {
            return Otherwise::default();
        };
        let has_token = entry.node.place.span.as_ref().is_some_and(|span| !span.is_empty());
        match (&entry.node.kind, has_token) {
            (Kind::Null, true) => Otherwise::Null,
            (Kind::Null, false) => {
                expected(
                    entry,
                    "a word",
                    "write `reject`, `keep`, `remove` or `null`",
                    self.findings,
                );
                Otherwise::default()
            }
            _ => self.word("otherwise", &OTHERWISE),
        }
    }
}

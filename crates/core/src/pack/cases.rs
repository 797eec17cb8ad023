//! Test cases of a pack: what the folders below `releases/V/tests` say. Doing what they say is in [`crate::trial`].
//!
//! A case is a folder `releases/V/tests/INDEX/CASE`. Its mistakes never keep a pack from being used: cases are no part
//! of what a pack does, so only who asks for them gets to know.

use std::{collections::BTreeMap, fmt, str};

use super::{
    code,
    diagnostic::{Diagnostics, Findings},
    listed,
    load::{PackFiles, RELEASES, TESTS},
    model::{IndexStep, Pack, Release},
    nearest::suggestion,
    place::Place,
};
use crate::{
    json::{DEPTH_MAX, NotJson, Scanner},
    transform::{Made, Rejection},
    version::Version,
};

/// A document of the release before, as its `_source`.
pub const BEFORE: &str = "before.json";
/// What the step makes of it.
pub const AFTER: &str = "after.json";
/// How the step rejects it instead.
pub const ERROR: &str = "error.txt";
/// What comes back, where that is not what was there before.
pub const BACK: &str = "back.json";
/// How the way back rejects it instead.
pub const BACK_ERROR: &str = "back-error.txt";

const FILES: [&str; 5] = [BEFORE, AFTER, ERROR, BACK, BACK_ERROR];

/// A document and what a step is expected to make of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The release that the step leads to.
    pub release: Version,
    /// Its position in the pack, at least 1.
    pub position: usize,
    /// Key of the logical index in that release.
    pub index: String,
    /// Key of the index of the release before that the document comes from.
    pub from: String,
    /// The name of the case's folder.
    pub name: String,
    /// The folder in the pack, with `/`, without one at its end.
    pub folder: String,
    /// `before.json`: a JSON object.
    pub before: String,
    /// What the step is to make of it; `None` when nothing is written yet.
    pub expected: Option<Expected>,
    /// What is to come back; `None` for the document itself.
    pub back: Option<Expected>,
}

/// What is to become of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// This document: a JSON object.
    Document(String),
    /// These documents, at these places.
    Documents(Vec<Made>),
    /// It is rejected.
    Rejection(ExpectedRejection),
}

/// A rejection as a case's file has it: lines `code: …`, `operation: …`, `field: …`, `text: …`. What is not written
/// may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedRejection {
    lines: BTreeMap<Line, String>,
}

/// A line of an expected rejection, in the order that they are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Line {
    Code,
    Operation,
    Field,
    Text,
}

impl Line {
    const ALL: [(&'static str, Self); 4] = [
        ("code", Self::Code),
        ("operation", Self::Operation),
        ("field", Self::Field),
        ("text", Self::Text),
    ];
}

/// Something that an expected rejection says and that is otherwise.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LineDifference {
    /// `code`, `operation`, `field` or `text`.
    pub line: &'static str,
    /// What is written.
    pub expected: String,
    /// What it is; empty where there is none.
    pub found: String,
}

impl ExpectedRejection {
    /// The rejection that expects exactly this one.
    pub fn of(rejection: &Rejection) -> Self {
        let Rejection { code, operation_index, operation, field, message } = rejection;
        let number = operation_index.map(|index| index + 1);
        let operation =
            number.zip(operation.as_ref()).map(|(number, name)| format!("{number}, {name}"));
        let lines = [
            (Line::Code, Some(code.to_string())),
            (Line::Operation, operation),
            (Line::Field, field.clone()),
            (Line::Text, Some(message.clone())),
        ];
        // One line each, whatever a value in it holds.
        let one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines = lines.into_iter().filter_map(|(line, text)| Some((line, one_line(text?))));
        Self { lines: lines.collect() }
    }

    /// In what a rejection is another one than this one expects.
    pub fn differences(&self, found: &Rejection) -> Vec<LineDifference> {
        let found = Self::of(found);
        let mut differences = Vec::new();
        for (name, line) in Line::ALL {
            let Some(expected) = self.lines.get(&line) else { continue };
            let found = found.lines.get(&line).cloned().unwrap_or_default();
            if *expected != found {
                differences.push(LineDifference { line: name, expected: expected.clone(), found });
            }
        }
        differences
    }
}

impl fmt::Display for ExpectedRejection {
    /// As it stands in a file.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, line) in Line::ALL {
            if let Some(text) = self.lines.get(&line) {
                writeln!(formatter, "{name}: {text}")?;
            }
        }
        Ok(())
    }
}

/// Reads all cases of a pack, in the order of releases, indices and names.
///
/// # Errors
/// All mistakes of the cases; that there is none is one as well.
pub fn read(files: &PackFiles, pack: &Pack) -> Result<Vec<Case>, Diagnostics> {
    let mut findings = Findings::default();
    let mut cases = Vec::new();
    for (position, release) in pack.releases.iter().enumerate() {
        let mut reader = Reader { files, position, release, findings: &mut findings };
        cases.extend(reader.cases());
    }
    if cases.is_empty() && findings.len() == 0 {
        none(pack, &mut findings);
    }
    let diagnostics = findings.into_diagnostics(files);
    if diagnostics.is_empty() { Ok(cases) } else { Err(diagnostics) }
}

fn none(pack: &Pack, findings: &mut Findings) {
    let version = pack.releases.last().map_or("1.0", |release| release.version.as_str());
    let place = Place::file(&format!("{RELEASES}{version}/tests"));
    let fix = format!(
        "put a document of the release before into `{RELEASES}{version}/{TESTS}INDEX/CASE/{BEFORE}`, \
         then run `lockstep pack test --update`"
    );
    findings.error(code::CASE_MISSING, &place, "the pack has no test case", fix);
}

struct Reader<'a> {
    files: &'a PackFiles,
    position: usize,
    release: &'a Release,
    findings: &'a mut Findings,
}

impl<'a> Reader<'a> {
    fn cases(&mut self) -> Vec<Case> {
        let prefix = format!("{RELEASES}{}/{TESTS}", self.release.version.as_str());
        let mut folders: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for path in self.files.files.keys() {
            let Some(below) = path.strip_prefix(&prefix) else { continue };
            if below.split('/').any(|part| part.starts_with('.')) {
                continue;
            }
            match below.split('/').collect::<Vec<_>>().as_slice() {
                [index, case, file] => folders.entry((index, case)).or_default().push(file),
                _ => self.misplaced(path),
            }
        }
        let mut cases = Vec::new();
        let mut known: BTreeMap<&str, Option<String>> = BTreeMap::new();
        for ((index, name), found) in folders {
            let origin = known
                .entry(index)
                .or_insert_with(|| self.origin(&format!("{prefix}{index}"), index));
            let Some(from) = origin.clone() else { continue };
            let folder = format!("{prefix}{index}/{name}");
            cases.extend(self.case((index, name), from, folder, &found));
        }
        cases
    }

    fn misplaced(&mut self, path: &str) {
        let message = "this file is in no case";
        let fix = format!(
            "put it into `{TESTS}INDEX/CASE/`, a folder for each case in one for each index"
        );
        self.findings.error(code::CASE_FILE, &Place::file(path), message, fix);
    }

    /// The key of the release before whose documents get into an index; `None` with a mistake if there is none.
    fn origin(&mut self, folder: &str, index: &str) -> Option<String> {
        let version = &self.release.version;
        let place = Place::file(folder);
        let Some(step) = &self.release.step else {
            let message = format!(
                "{version} is the first release: no step leads to it, so there is nothing to test"
            );
            let fix = "move the cases to the release that the step leads to";
            self.findings.error(code::CASE_INDEX, &place, message, fix);
            return None;
        };
        let (message, fix) = match step.indices.get(index) {
            Some(IndexStep::Unchanged) => return Some(index.to_owned()),
            // Of several the first one: steps are the same for all of them.
            Some(IndexStep::Migrate { from, partition: _, operations: _, down: _ }) => {
                return from.first().cloned();
            }
            Some(IndexStep::New | IndexStep::NewLike { like: _ }) => {
                let message = format!(
                    "the index `{index}` starts empty in {version}: no document gets there"
                );
                (message, "remove the cases".to_owned())
            }
            None => {
                let message = format!("the release {version} has no index `{index}`");
                let known = step.indices.keys().map(String::as_str);
                (
                    message,
                    format!(
                        "name the folder by an index of {version}; {}",
                        suggestion(index, known)
                    ),
                )
            }
        };
        self.findings.error(code::CASE_INDEX, &place, message, fix);
        None
    }

    fn case(
        &mut self,
        (index, name): (&str, &str),
        from: String,
        folder: String,
        found: &[&str],
    ) -> Option<Case> {
        let found_before = self.findings.len();
        for file in found.iter().filter(|file| !FILES.contains(file)) {
            let message = format!("a case has no file `{file}`");
            let place = Place::file(&format!("{folder}/{file}"));
            self.findings.error(code::CASE_FILE, &place, message, suggestion(file, FILES));
        }
        self.together(&folder, found);
        let before = self.document(&folder, BEFORE);
        let expected = match self.list(&folder) {
            Some((text, place)) => self.listed(text, &place, index).map(Expected::Documents),
            None => self.expected(&folder, AFTER, ERROR),
        };
        let back = self.expected(&folder, BACK, BACK_ERROR);
        if self.findings.len() > found_before {
            return None;
        }
        Some(Case {
            release: self.release.version.clone(),
            position: self.position,
            index: index.to_owned(),
            from,
            name: name.to_owned(),
            before: before?,
            expected,
            back,
            folder,
        })
    }

    /// Looks whether the files of a case can hold at the same time.
    fn together(&mut self, folder: &str, found: &[&str]) {
        let place = Place::file(folder);
        if !found.contains(&BEFORE) {
            let message = format!("the case has no `{BEFORE}`");
            let fix = "add it: the `_source` of a document of the release before";
            self.findings.error(code::CASE_FILES, &place, message, fix);
        }
        let against = [
            (AFTER, ERROR, "a document is either taken or rejected"),
            (BACK, BACK_ERROR, "on the way back as well a document is either taken or rejected"),
            (ERROR, BACK, "a rejected document has no way back"),
            (ERROR, BACK_ERROR, "a rejected document has no way back"),
        ];
        for (one, other, why) in against {
            if found.contains(&one) && found.contains(&other) {
                let message = format!("the case has `{one}` and `{other}`: {why}");
                self.findings.error(code::CASE_FILES, &place, message, "remove one of the two");
            }
        }
    }

    fn expected(&mut self, folder: &str, document: &str, rejection: &str) -> Option<Expected> {
        let rejected = self.text(folder, rejection);
        if let Some((text, place)) = rejected {
            return self.rejection(text, &place).map(Expected::Rejection);
        }
        self.document(folder, document).map(Expected::Document)
    }

    /// What is expected, if that is a list.
    fn list(&self, folder: &str) -> Option<(&'a str, Place)> {
        let path = format!("{folder}/{AFTER}");
        let text = self.files.text(&path).filter(|text| text.trim_start().starts_with('['))?;
        Some((text, Place::file(&path)))
    }

    /// Reads a list of documents.
    fn listed(&mut self, text: &str, place: &Place, index: &str) -> Option<Vec<Made>> {
        let mut scanner = Scanner::new(text);
        scanner.whitespace();
        let fault = scanner.value(DEPTH_MAX).and_then(|_| scanner.end()).err();
        let (offset, reason) = match (fault, listed::read(text, index)) {
            (None, Ok(made)) => return Some(made),
            (Some(NotJson { offset, reason }), _) => {
                (offset, format!("this is not JSON: {reason}"))
            }
            (None, Err(error)) => {
                let before = text.split_inclusive('\n').take(error.line().saturating_sub(1));
                let line: usize = before.map(str::len).sum();
                let told = error.to_string();
                let reason = told.split(" at line ").next().unwrap_or_default().to_owned();
                (
                    (line + error.column().saturating_sub(1)).min(text.len()),
                    format!("this is no list of documents: {reason}"),
                )
            }
        };
        let offset = text.floor_char_boundary(offset);
        let fix = "write each as `{\"_id\": \"7\", \"_source\": {…}}`, with `_index` and `_routing` where it has others; `lockstep pack test --update` does it";
        self.findings.error(code::CASE_NOT_JSON, &place.at(offset..offset), reason, fix);
        None
    }

    /// A file that must hold a JSON object.
    fn document(&mut self, folder: &str, file: &str) -> Option<String> {
        let (text, place) = self.text(folder, file)?;
        match object_fault(text) {
            None => Some(text.to_owned()),
            Some((offset, reason)) => {
                let offset = text.floor_char_boundary(offset);
                let fix = "correct it there or just before; a document is one JSON object";
                self.findings.error(code::CASE_NOT_JSON, &place.at(offset..offset), reason, fix);
                None
            }
        }
    }

    fn rejection(&mut self, text: &str, place: &Place) -> Option<ExpectedRejection> {
        let found_before = self.findings.len();
        let mut rejection = ExpectedRejection::default();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let written = line.trim();
            let place = place.at(start..start + line.trim_end().len());
            start += line.len();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            let known = written.split_once(':').and_then(|(name, value)| {
                let (_, line) = Line::ALL.into_iter().find(|(known, _)| *known == name)?;
                Some((line, value.trim().to_owned()))
            });
            let Some((line, value)) = known else {
                let message = "this is no line of an expected rejection";
                let fix = "write `code: …`, `operation: …`, `field: …` or `text: …`; \
                           `lockstep pack test --update` does it";
                self.findings.error(code::CASE_REJECTION, &place, message, fix);
                continue;
            };
            if rejection.lines.insert(line, value).is_some() {
                let message = "this line stands twice";
                self.findings.error(code::CASE_REJECTION, &place, message, "keep one");
            }
        }
        if !rejection.lines.contains_key(&Line::Code) && self.findings.len() == found_before {
            let message = "the file names no code";
            let fix =
                "add a line such as `code: T0107`; the codes are in docs/design/pack-format.md";
            self.findings.error(code::CASE_REJECTION, place, message, fix);
        }
        (self.findings.len() == found_before).then_some(rejection)
    }

    /// The text of a case's file; `None` when it is not there, or with a mistake when it is no text.
    fn text(&mut self, folder: &str, file: &str) -> Option<(&'a str, Place)> {
        let path = format!("{folder}/{file}");
        let content = self.files.files.get(&path)?;
        let place = Place::file(&path);
        if let Err(error) = str::from_utf8(content) {
            let message =
                format!("the file is not UTF-8 text: byte {} is wrong", error.valid_up_to());
            self.findings.error(code::NOT_TEXT, &place, message, "save it as UTF-8");
        }
        self.files.text(&path).map(|text| (text, place))
    }
}

/// Where and why a text is not one JSON object.
fn object_fault(text: &str) -> Option<(usize, String)> {
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    let start = scanner.position();
    let is_object = scanner.peek() == Some(b'{');
    let fault = scanner.value(DEPTH_MAX).and_then(|_| {
        scanner.whitespace();
        scanner.end()
    });
    match fault {
        Err(NotJson { offset, reason }) => Some((offset, format!("this is not JSON: {reason}"))),
        Ok(()) if !is_object => Some((start, "this is JSON, but no object".to_owned())),
        Ok(()) => None,
    }
}

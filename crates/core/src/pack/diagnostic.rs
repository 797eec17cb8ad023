//! Mistakes in a pack: all of them, each with its place, a stable code and a way out.

use std::{collections::BTreeMap, fmt, ops::Range};

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::{lint::Rule, load::PackFiles, place::Place};

/// Whether a mistake keeps the pack from being used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The pack can't be used.
    Error,
    /// The pack can be used; it is likely that something else was meant.
    Warning,
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code, such as `P0203`; see `docs/design/pack-errors.md`.
    pub code: &'static str,
    /// Whether it keeps the pack from being used.
    pub severity: Severity,
    /// The file's path in the pack, with `/`.
    pub file: String,
    /// Bytes of the file; `None` when the file as a whole is meant.
    pub span: Option<Range<usize>>,
    /// Line of the first byte, from 1.
    pub line: Option<usize>,
    /// Column of the first byte in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong and why.
    pub message: String,
    /// What to do about it.
    pub fix: String,
    /// Of a lint: what an `allow` names to have it left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// All mistakes of a pack, by file and position.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The mistakes, by file and position.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Whether there is no mistake at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a mistake that keeps the pack from being used.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many mistakes there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// These and others, by file and position.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self::sorted(self.iter().chain(others.iter()).cloned().collect())
    }

    /// These without some.
    pub(crate) fn without(self, goes: impl FnMut(&Diagnostic) -> bool) -> Self {
        let mut goes = goes;
        Self(self.0.into_iter().filter(|diagnostic| !goes(diagnostic)).collect())
    }

    /// Those of one severity, and the others.
    pub(crate) fn by_severity(self, severity: Severity) -> (Self, Self) {
        let (these, others) =
            self.0.into_iter().partition(|diagnostic| diagnostic.severity == severity);
        (Self(these), Self(others))
    }

    fn sorted(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|left, right| sort_key(left).cmp(&sort_key(right)));
        diagnostics.dedup();
        Self(diagnostics)
    }

    /// The mistakes as text that shows the lines they are in. `files` are the ones that were read.
    pub fn render(&self, files: &PackFiles, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let texts: Vec<String> =
            self.0.iter().map(|diagnostic| diagnostic.render(files, &renderer)).collect();
        texts.join("\n\n")
    }

    /// The mistakes as JSON: one object each, with the fields of [`Diagnostic`].
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("texts and numbers always become JSON")
    }
}

impl fmt::Display for Diagnostics {
    /// One line a mistake, for places where the files are not at hand.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{severity}[{}]: {}", self.code, self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(formatter, ":{line}:{column}")?;
        }
        write!(formatter, ": {}; {}", self.message, self.fix)
    }
}

impl Diagnostic {
    fn render(&self, files: &PackFiles, renderer: &Renderer) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str()).id(self.code);
        let text = files.text(&self.file);
        let group = match (&self.span, text) {
            (Some(span), Some(text)) => Group::with_title(title).element(
                Snippet::source(text)
                    .path(self.file.as_str())
                    .annotation(AnnotationKind::Primary.span(shown_span(text, span))),
            ),
            _ => Group::with_title(title).element(Origin::path(self.file.as_str())),
        };
        let group = group.element(Level::HELP.message(self.fix.as_str()));
        let Some(allow) = self.allow() else { return renderer.render(&[group]) };
        renderer.render(&[group.element(Level::NOTE.message(allow.as_str()))])
    }
}

impl Diagnostic {
    /// How a lint is allowed.
    fn allow(&self) -> Option<String> {
        let at = self.at.as_ref()?;
        let code = self.code;
        Some(format!("if it is meant, `allow: [{{lint: {code}, at: {at}, reason: …}}]`"))
    }
}

/// A place of several lines is shown by its first line, an empty one by the character that stands there.
fn shown_span(text: &str, span: &Range<usize>) -> Range<usize> {
    let Some(rest) = text.get(span.start..) else { return text.len()..text.len() };
    let line = rest.lines().next().unwrap_or_default().len();
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let length = span.len().max(first).min(line);
    span.start..span.start + length
}

/// Mistakes while they are being found.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

#[derive(Debug)]
struct Finding {
    code: &'static str,
    severity: Severity,
    place: Place,
    message: String,
    fix: String,
    at: Option<String>,
}

impl Findings {
    /// Adds a mistake that keeps the pack from being used.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add((code, Severity::Error, None), place, message.into(), fix.into());
    }

    /// Adds a mistake that does not keep the pack from being used.
    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        place: &Place,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.add((code, Severity::Warning, None), place, message.into(), fix.into());
    }

    fn add(
        &mut self,
        (code, severity, at): (&'static str, Severity, Option<String>),
        place: &Place,
        message: String,
        fix: String,
    ) {
        self.0.push(Finding { code, severity, place: place.clone(), message, fix, at });
    }

    /// Adds what a lint tells. `at`: what an `allow` would name.
    pub(crate) fn lint(
        &mut self,
        (rule, at): (&'static Rule, String),
        place: &Place,
        message: String,
        fix: String,
    ) {
        self.add((rule.code, rule.severity, Some(at)), place, message, fix);
    }

    /// Whether one of them keeps the pack from being used.
    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many were found, to see whether a part added any.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sorts the mistakes and adds lines and columns.
    pub(crate) fn into_diagnostics(self, files: &PackFiles) -> Diagnostics {
        let lines: BTreeMap<&str, &str> = files
            .files
            .keys()
            .filter_map(|path| Some((path.as_str(), files.text(path)?)))
            .collect();
        let diagnostic = |finding: Finding| {
            let Finding { code, severity, place, message, fix, at } = finding;
            let start = place.span.as_ref().map(|span| span.start);
            let position = start.and_then(|start| position(lines.get(&*place.file)?, start));
            let (line, column) = position.unzip();
            let file = place.file.as_ref().to_owned();
            Diagnostic { code, severity, file, span: place.span, line, column, message, fix, at }
        };
        Diagnostics::sorted(self.0.into_iter().map(diagnostic).collect())
    }
}

fn sort_key(diagnostic: &Diagnostic) -> impl Ord {
    let Diagnostic { code, severity, file, span, line: _, column: _, message, fix: _, at } =
        diagnostic;
    let span = span.as_ref().map(|span| (span.start, span.end));
    // pack.yaml says what all other files are read by.
    (
        file != super::load::PACK_FILE,
        file.clone(),
        span,
        *severity,
        *code,
        (message.clone(), at.clone()),
    )
}

/// Line and column of a byte, both from 1.
fn position(text: &str, offset: usize) -> Option<(usize, usize)> {
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..)?.chars().count() + 1;
    Some((before.matches('\n').count() + 1, column))
}

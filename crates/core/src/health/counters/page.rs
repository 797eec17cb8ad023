//! A page of counters in the text format of Prometheus, version 0.0.4. It is read strictly: a page that was cut, or is
//! another one, must not be taken for numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::scanner::Scanner;

/// Endings that the series of a metric may have behind its name.
const ENDINGS: [&str; 4] = ["_count", "_sum", "_bucket", "_total"];
/// How much of a line stands in a message, in characters.
const EXCERPT_MAX: usize = 80;

/// What stands in a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Page {
    pub(super) series: Vec<Series>,
    /// Kinds of metrics by name, `counter` or another one.
    kinds: BTreeMap<String, String>,
}

/// A number with the name and the labels that it goes by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// Why it is none, with the line.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if !text.is_empty() && !text.ends_with('\n') {
            return Err("its last line has no end, so it may have been cut".to_owned());
        }
        let mut page = Self::default();
        let mut seen = BTreeSet::new();
        for (at, line) in text.lines().enumerate() {
            let wrong = |reason: String| {
                let excerpt: String = line.chars().take(EXCERPT_MAX).collect();
                format!("line {} is none of a page of counters: {reason}: `{excerpt}`", at + 1)
            };
            let line = line.trim_matches([' ', '\t']);
            if let Some(comment) = line.strip_prefix('#') {
                page.comment(comment).map_err(wrong)?;
            } else if !line.is_empty() {
                let series = Series::read(line).map_err(wrong)?;
                if !seen.insert((series.name.clone(), series.labels.clone())) {
                    return Err(wrong("this series stands there twice".to_owned()));
                }
                page.series.push(series);
            }
        }
        Ok(page)
    }

    /// What kind of metric a series of this name belongs to, where the page says so.
    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        let family = || ENDINGS.iter().find_map(|ending| name.strip_suffix(ending));
        let kind = self.kinds.get(name).or_else(|| self.kinds.get(family()?));
        kind.map(String::as_str)
    }

    fn comment(&mut self, text: &str) -> Result<(), String> {
        let mut scanner = Scanner::new(text);
        scanner.blanks();
        if scanner.word() != Some("TYPE") {
            return Ok(());
        }
        scanner.blanks();
        let name = scanner.name().ok_or("it gives a kind to no name")?;
        scanner.blanks();
        let kind = scanner.word().ok_or("it names no kind")?;
        self.kinds.insert(name.to_owned(), kind.to_owned());
        Ok(())
    }
}

impl Series {
    fn read(line: &str) -> Result<Self, String> {
        let mut scanner = Scanner::new(line);
        let name = scanner.name().ok_or("it begins with no name")?.to_owned();
        scanner.blanks();
        let labels = if scanner.take("{") { labels(&mut scanner)? } else { BTreeMap::default() };
        scanner.blanks();
        let word = scanner.word().ok_or("it has no value")?;
        let value = word.parse().map_err(|_not_a_number| format!("`{word}` is no number"))?;
        scanner.blanks();
        if let Some(time) = scanner.word() {
            let is_time = time.parse::<i64>().is_ok();
            scanner.blanks();
            if !is_time || !scanner.rest().is_empty() {
                return Err("something stands behind its value".to_owned());
            }
        }
        Ok(Self { name, labels, value })
    }
}

/// Labels behind the bracket, and the bracket that ends them.
fn labels(scanner: &mut Scanner<'_>) -> Result<BTreeMap<String, String>, String> {
    let mut labels = BTreeMap::new();
    loop {
        scanner.blanks();
        if scanner.take("}") {
            return Ok(labels);
        }
        let name = scanner.name().ok_or("a label has no name")?;
        scanner.blanks();
        if !scanner.take("=") {
            return Err(format!("the label `{name}` has no value"));
        }
        scanner.blanks();
        let value = scanner.quoted('"')?;
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("the label `{name}` stands there twice"));
        }
        scanner.blanks();
        if !scanner.take(",") && !scanner.rest().starts_with('}') {
            return Err("its labels have no end".to_owned());
        }
    }
}

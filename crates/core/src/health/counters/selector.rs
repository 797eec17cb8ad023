//! Which series of a page are meant: a name and what their labels have to be, written as in a query of Prometheus.

use regex::{Regex, RegexBuilder};

use super::{
    page::{Page, Series},
    scanner::Scanner,
};

/// Memory for one pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Which series of a page are meant, such as `http_requests_total{status=~"5.."}`.
#[derive(Debug, Clone)]
pub struct Selector {
    text: String,
    name: String,
    matchers: Vec<Matcher>,
}

/// What one label has to be.
#[derive(Debug, Clone)]
struct Matcher {
    label: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Is(String),
    IsNot(String),
    Fits(Regex),
    FitsNot(Regex),
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Selector {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut scanner = Scanner::new(text);
        scanner.blanks();
        let name = scanner.name().ok_or("it begins with no name of a series")?.to_owned();
        scanner.blanks();
        let matchers = if scanner.take("{") { matchers(&mut scanner)? } else { Vec::new() };
        scanner.blanks();
        if !scanner.rest().is_empty() {
            return Err(format!("`{}` stands behind its end", scanner.rest()));
        }
        Ok(Self { text: text.trim().to_owned(), name, matchers })
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The series that are meant. None may be there when the page knows the name: an error that never happened has no series.
    ///
    /// # Errors
    /// Why the page can't have what is meant.
    pub(super) fn select<'a>(&self, page: &'a Page) -> Result<Vec<&'a Series>, String> {
        let name = &self.name;
        if let Some(kind @ ("gauge" | "summary" | "histogram")) = page.kind(name)
            && !(name.ends_with("_count") || name.ends_with("_bucket"))
        {
            return Err(format!("`{name}` counts nothing: it is a {kind}"));
        }
        let named: Vec<&Series> =
            page.series.iter().filter(|series| series.name == *name).collect();
        if named.is_empty() && page.kind(name).is_none() {
            return Err(format!("there is no series `{name}`"));
        }
        // A label that no series has is a slip of the pen, which would never count anything.
        let unknown = self.matchers.iter().find(|matcher| {
            !matcher.test.holds("")
                && !named.iter().any(|series| series.labels.contains_key(&matcher.label))
        });
        if let Some(Matcher { label, test: _ }) = unknown.filter(|_| !named.is_empty()) {
            return Err(format!("no series `{name}` has a label `{label}`"));
        }
        Ok(named.into_iter().filter(|series| self.is_meant(series)).collect())
    }

    /// A label that isn't there is as good as an empty one.
    fn is_meant(&self, series: &Series) -> bool {
        self.matchers.iter().all(|Matcher { label, test }| {
            test.holds(series.labels.get(label).map(String::as_str).unwrap_or_default())
        })
    }
}

impl Test {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::IsNot(other) => value != other,
            Self::Fits(pattern) => pattern.is_match(value),
            Self::FitsNot(pattern) => !pattern.is_match(value),
        }
    }
}

fn matchers(scanner: &mut Scanner<'_>) -> Result<Vec<Matcher>, String> {
    let mut matchers = Vec::new();
    loop {
        scanner.blanks();
        if scanner.take("}") {
            return Ok(matchers);
        }
        let label = scanner.name().ok_or("a label has no name")?.to_owned();
        scanner.blanks();
        // The longer ones first: each begins with one of the shorter ones.
        let sign = ["=~", "!~", "!=", "="].into_iter().find(|sign| scanner.take(sign));
        let sign = sign.ok_or_else(|| format!("behind `{label}` stands none of = != =~ !~"))?;
        scanner.blanks();
        let quote = if scanner.rest().starts_with('\'') { '\'' } else { '"' };
        let value = scanner.quoted(quote)?;
        let test = match sign {
            "=~" => Test::Fits(pattern(&value)?),
            "!~" => Test::FitsNot(pattern(&value)?),
            "!=" => Test::IsNot(value),
            _ => Test::Is(value),
        };
        matchers.push(Matcher { label, test });
        scanner.blanks();
        if !scanner.take(",") && !scanner.rest().starts_with('}') {
            return Err("its labels have no end".to_owned());
        }
    }
}

/// A pattern that has to fit the whole value.
fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_invalid| format!("`{text}` is no pattern"))
}

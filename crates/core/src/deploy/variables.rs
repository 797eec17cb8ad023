//! Variables as compose files know them: `${TAG:-1.0}` in a text, `TAG=1.0` in a file `.env`.

use std::ops::Range;

/// A variable that a text refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// Its name.
    pub(super) name: String,
    /// The bytes of the whole reference.
    pub(super) span: Range<usize>,
    /// The bytes of its default.
    pub(super) default: Option<Range<usize>>,
    /// Whether the default also stands for an empty variable.
    pub(super) is_for_empty: bool,
}

/// A variable in a file `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// Its name.
    pub(super) name: String,
    /// The bytes of its value, without quotes.
    pub(super) span: Range<usize>,
}

/// The one variable that a text refers to; `None` when it refers to none.
pub(super) fn reference(text: &str) -> Result<Option<Reference>, &'static str> {
    let Some(start) = text.find('$') else { return Ok(None) };
    let rest = text.get(start + 1..).unwrap_or_default();
    if rest.starts_with('$') {
        return Err("`$$` is no variable");
    }
    let found = if let Some(inner) = rest.strip_prefix('{') {
        let length = inner.find('}').ok_or("a brace isn't closed")?;
        braced(inner.get(..length).unwrap_or_default(), start)?
    } else {
        let length = rest.find(|letter| !is_name_letter(letter)).unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default().to_owned();
        Reference { name, span: start..start + 1 + length, default: None, is_for_empty: false }
    };
    if !is_name(&found.name) {
        return Err("the variable has no name");
    }
    if text.get(found.span.end..).unwrap_or_default().contains('$') {
        return Err("there is more than one variable");
    }
    Ok(Some(found))
}

/// What stands between braces.
fn braced(inner: &str, start: usize) -> Result<Reference, &'static str> {
    let span = start..start + inner.len() + 3;
    let name_length = inner.find(|letter| !is_name_letter(letter)).unwrap_or(inner.len());
    let (name, modifier) = inner.split_at(name_length);
    let name = name.to_owned();
    let default_at = |length: usize| {
        let begin = start + 2 + name_length + length;
        Some(begin..start + 2 + inner.len())
    };
    let (default, is_for_empty) = match modifier.as_bytes() {
        [] | [b'?', ..] | [b':', b'?', ..] => (None, false),
        [b':', b'-', ..] => (default_at(2), true),
        [b'-', ..] => (default_at(1), false),
        _ => return Err("only `:-`, `-`, `:?` and `?` are understood behind a name"),
    };
    Ok(Reference { name, span, default, is_for_empty })
}

/// The variables of a file `.env`, in their order. What isn't understood is passed over: nothing there is changed.
pub(super) fn variables(text: &str) -> Vec<Variable> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        found.extend(variable(line, start));
        start += line.len();
    }
    found
}

fn variable(line: &str, start: usize) -> Option<Variable> {
    let written = line.trim_start();
    let written = written.strip_prefix("export ").unwrap_or(written).trim_start();
    let (name, _) = written.split_once('=')?;
    let name = name.trim_end();
    if !is_name(name) {
        return None;
    }
    let behind = line.find('=')? + 1;
    let value = line.get(behind..)?.trim_end_matches(['\n', '\r']);
    let offset = behind + (value.len() - value.trim_start().len());
    let value = value.trim_start();
    let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (offset, length) = if let Some(quote) = quote {
        (offset + 1, value.get(1..)?.find(quote)?)
    } else {
        let end = value.find(" #").unwrap_or(value.len());
        (offset, value.get(..end)?.trim_end().len())
    };
    let begin = start + offset;
    Some(Variable { name: name.to_owned(), span: begin..begin + length })
}

fn is_name(text: &str) -> bool {
    text.chars().all(is_name_letter)
        && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

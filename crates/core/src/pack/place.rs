//! Where in a pack something is written, so that a mistake can point at it.

use std::{ops::Range, sync::Arc};

/// A file of the pack, and which bytes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's path in the pack, with `/`.
    pub(crate) file: Arc<str>,
    /// Bytes of the file; `None` for the file as a whole.
    pub(crate) span: Option<Range<usize>>,
}

impl Place {
    /// A file as a whole, existing or not.
    pub(crate) fn file(path: &str) -> Self {
        Self { file: Arc::from(path), span: None }
    }

    /// Some bytes of this file.
    pub(crate) fn at(&self, span: Range<usize>) -> Self {
        Self { file: Arc::clone(&self.file), span: Some(span) }
    }

    /// Some bytes of the scalar that stands at this place. Its text starts after the quote, if there is one, and a
    /// text with escapes is pointed at as a whole.
    pub(crate) fn within(&self, text: &str, part: Range<usize>) -> Self {
        let Some(own) = &self.span else { return self.clone() };
        let quote = match own.len().checked_sub(text.len()) {
            Some(0) => 0,
            Some(2) => 1,
            _ => return self.clone(),
        };
        self.at(own.start + quote + part.start..own.start + quote + part.end)
    }
}

impl Place {
    /// The same as [`Place::within`] also for a text of several lines behind a `|`, each as it is but for the indentation.
    /// `file` is the text of the file.
    pub(crate) fn within_lines(&self, file: &str, text: &str, part: Range<usize>) -> Self {
        match (self.offset_in(file, text, part.start), self.offset_in(file, text, part.end)) {
            (Some(start), Some(end)) => self.at(start..end),
            // The end of the text may have no line of its own.
            (Some(start), None) => self.at(start..start),
            (None, _) => self.within(text, part),
        }
    }

    /// Where in the file a byte of the text is; `None` if the text is not written line by line.
    fn offset_in(&self, file: &str, text: &str, offset: usize) -> Option<usize> {
        let before = text.get(..offset)?;
        let number = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let line = text.split('\n').nth(number)?;
        let block = file.get(..self.span.as_ref()?.start)?.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = file.get(block..)?.split_inclusive('\n');
        let start = block + lines.by_ref().take(number).map(str::len).sum::<usize>();
        let written = lines.next()?.trim_end_matches(['\n', '\r']);
        let indentation = written.strip_suffix(line)?;
        indentation.trim().is_empty().then_some(start + indentation.len() + column)
    }
}

/// A value and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

impl<T> At<T> {
    /// The same place with another value.
    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), place: self.place }
    }
}

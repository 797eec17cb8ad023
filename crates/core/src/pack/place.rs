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

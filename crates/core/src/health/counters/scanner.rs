//! A text read from left to right: what a page of counters and what selects series in it are both written with.

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// What was not read yet.
    pub(super) fn rest(self) -> &'a str {
        self.rest
    }

    pub(super) fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Reads this if it comes next.
    pub(super) fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Reads everything up to a blank or the end; `None` where that is nothing.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.while_true(|letter| !matches!(letter, ' ' | '\t'))
    }

    /// Reads a name, of a metric or a label: letters, digits, `_` and `:`, no digit at first.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        if self.rest.starts_with(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        self.while_true(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':'))
    }

    /// Reads a text in these quotes, with `\\`, `\n` and the quote itself behind a backslash.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut letters = self.rest.char_indices();
        if letters.next().is_none_or(|(_, first)| first != quote) {
            return Err(format!("a value has to stand in {quote}"));
        }
        let mut text = String::new();
        while let Some((at, letter)) = letters.next() {
            if letter == quote {
                self.rest = self.rest.get(at + quote.len_utf8()..).unwrap_or_default();
                return Ok(text);
            }
            if letter != '\\' {
                text.push(letter);
                continue;
            }
            match letters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, escaped)) if escaped == '\\' || escaped == quote => text.push(escaped),
                Some((_, other)) => return Err(format!("`\\{other}` stands for nothing")),
                None => break,
            }
        }
        Err("a value has no end".to_owned())
    }

    fn while_true(&mut self, belongs: impl Fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|letter| !belongs(letter)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
}

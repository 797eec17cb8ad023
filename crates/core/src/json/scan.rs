//! The scanner: walks JSON text (RFC 8259), validates it, and tells where things stand.
//!
//! It builds nothing. What a string or a number means is in `string` and `number`.

/// How deeply objects and arrays may be nested; engines themselves stop at 20 levels of mapped fields.
pub const DEPTH_MAX: u8 = 128;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {offset}: {reason}")]
pub struct NotJson {
    /// Bytes before the fault.
    pub offset: usize,
    /// What is wrong there.
    pub reason: NotJsonReason,
}

/// What is wrong with a text that is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJsonReason {
    /// Something else must stand here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A byte below 0x20 within a string.
    #[error("a control character within a string must be escaped")]
    ControlCharacter,
    /// A backslash sequence that JSON does not have.
    #[error("unknown escape sequence")]
    Escape,
    /// More than [`DEPTH_MAX`] levels.
    #[error("nested deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// The bytes are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Something stands behind the value.
    #[error("text behind the end of the document")]
    Trailing,
}

/// A string literal in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringToken {
    /// Position of the opening quote.
    pub start: usize,
    /// Position behind the closing quote.
    pub end: usize,
    /// Whether a backslash occurs in it.
    pub escaped: bool,
}

/// A position in a text that is read as JSON.
#[derive(Debug, Clone)]
pub struct Scanner<'a> {
    text: &'a [u8],
    position: usize,
}

impl<'a> Scanner<'a> {
    /// Starts at the beginning.
    pub fn new(text: &'a str) -> Self {
        Self::at(text, 0)
    }

    /// Starts in the middle, at a value that is known to stand there.
    pub fn at(text: &'a str, position: usize) -> Self {
        Self { text: text.as_bytes(), position }
    }

    /// Bytes before the scanner.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The byte at the scanner.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.position).copied()
    }

    /// Passes white space.
    #[inline]
    pub fn whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    /// Passes white space up to the end of the text; anything else is a fault.
    pub fn end(&mut self) -> Result<(), NotJson> {
        self.whitespace();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(NotJsonReason::Trailing)),
        }
    }

    /// Passes the bracket that opens an object or array.
    #[inline]
    pub fn open(&mut self) {
        self.position += 1;
    }

    /// Goes to the next member of the object that the scanner is in and gives its key; the scanner then stands at the
    /// value. `None` when the object has ended. `first` starts as true.
    #[inline]
    pub fn member(&mut self, first: &mut bool) -> Result<Option<StringToken>, NotJson> {
        if !self.next_item(first, b'}', "`,` or `}`")? {
            return Ok(None);
        }
        let key = self.string("a key in quotes")?;
        self.whitespace();
        self.take(b':', "`:`")?;
        self.whitespace();
        Ok(Some(key))
    }

    /// Goes to the next element of the array that the scanner is in. False when the array has ended.
    #[inline]
    pub fn element(&mut self, first: &mut bool) -> Result<bool, NotJson> {
        self.next_item(first, b']', "`,` or `]`")
    }

    /// Passes a value and gives the levels of nesting in it: 0 for a scalar, 1 for `{}`.
    pub fn value(&mut self, levels_left: u8) -> Result<u8, NotJson> {
        match self.peek() {
            Some(b'"') => self.string("a string").map(|_| 0),
            Some(b'{') => self.container(levels_left, true),
            Some(b'[') => self.container(levels_left, false),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| 0),
            Some(b't') => self.literal("true").map(|()| 0),
            Some(b'f') => self.literal("false").map(|()| 0),
            Some(b'n') => self.literal("null").map(|()| 0),
            _ => Err(self.fault(NotJsonReason::Expected("a value"))),
        }
    }

    /// Passes a string.
    #[inline]
    pub fn string(&mut self, expected: &'static str) -> Result<StringToken, NotJson> {
        let start = self.position;
        self.take(b'"', expected)?;
        let mut escaped = false;
        loop {
            self.plain_characters();
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(StringToken { start, end: self.position, escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) => return Err(self.fault(NotJsonReason::ControlCharacter)),
                None => return Err(self.fault(NotJsonReason::Expected("the closing quote"))),
            }
        }
    }

    /// Passes a number.
    #[inline]
    pub fn number(&mut self) -> Result<(), NotJson> {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            self.position += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Passes `true`, `false` or `null`.
    #[inline]
    pub fn literal(&mut self, literal: &'static str) -> Result<(), NotJson> {
        let end = self.position + literal.len();
        if self.text.get(self.position..end) != Some(literal.as_bytes()) {
            return Err(self.fault(NotJsonReason::Expected("a value")));
        }
        self.position = end;
        Ok(())
    }

    /// A fault at the scanner's position.
    #[cold]
    pub fn fault(&self, reason: NotJsonReason) -> NotJson {
        NotJson { offset: self.position, reason }
    }

    fn container(&mut self, levels_left: u8, is_object: bool) -> Result<u8, NotJson> {
        let Some(levels_left) = levels_left.checked_sub(1) else {
            return Err(self.fault(NotJsonReason::TooDeep));
        };
        self.open();
        let mut first = true;
        let mut levels = 0;
        if is_object {
            while self.member(&mut first)?.is_some() {
                levels = levels.max(self.value(levels_left)?);
            }
        } else {
            while self.element(&mut first)? {
                levels = levels.max(self.value(levels_left)?);
            }
        }
        Ok(levels + 1)
    }

    #[inline]
    fn next_item(
        &mut self,
        first: &mut bool,
        closing: u8,
        expected: &'static str,
    ) -> Result<bool, NotJson> {
        self.whitespace();
        if self.peek() == Some(closing) {
            self.position += 1;
            return Ok(false);
        }
        if *first {
            *first = false;
        } else {
            self.take(b',', expected)?;
            self.whitespace();
        }
        Ok(true)
    }

    #[inline]
    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), NotJson> {
        if self.peek() != Some(byte) {
            return Err(self.fault(NotJsonReason::Expected(expected)));
        }
        self.position += 1;
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        if self.position == start {
            return Err(self.fault(NotJsonReason::Expected("a digit")));
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), NotJson> {
        match self.text.get(self.position + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.position += 2,
            Some(b'u') => {
                let end = self.position + 6;
                match self.text.get(self.position + 2..end) {
                    Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => self.position = end,
                    _ => return Err(self.fault(NotJsonReason::Escape)),
                }
            }
            _ => return Err(self.fault(NotJsonReason::Escape)),
        }
        Ok(())
    }

    /// Passes characters that stand for themselves in a string, eight bytes at a time.
    #[inline]
    fn plain_characters(&mut self) {
        while let Some(chunk) = self.text.get(self.position..).and_then(|rest| rest.first_chunk()) {
            let special = special_bytes(u64::from_le_bytes(*chunk));
            if special != 0 {
                // The lowest set bit belongs to the first special byte.
                self.position += usize::from((special.trailing_zeros() / 8).to_le_bytes()[0]);
                return;
            }
            self.position += 8;
        }
        while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.position += 1;
        }
    }
}

/// Sets the top bit of every byte that is a quote, a backslash or below 0x20. Bits above the lowest set one may be
/// wrong, as a borrow can run into the next byte.
#[inline]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let quotes = word ^ (ONES * 0x22);
    let backslashes = word ^ (ONES * 0x5c);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let quote_found = quotes.wrapping_sub(ONES) & !quotes;
    let backslash_found = backslashes.wrapping_sub(ONES) & !backslashes;
    (below_space | quote_found | backslash_found) & TOPS
}

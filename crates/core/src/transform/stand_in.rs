//! Stand-ins: texts in the place of numbers that an engine's scripts can't hold, so that their digits survive.
//!
//! Scripts see numbers as Java's: whole ones of 64 bits, and doubles. Beyond that an engine refuses the document, or gives other
//! digits back. So such a number is a text while scripts run, and gets its place back afterwards. A script that does no more
//! than move it doesn't notice; one that works with it is found out, as the text is then no longer whole.

use crate::json::{
    DEPTH_MAX, Decimal, NotJson, NotJsonReason, Scanner, StringToken, part, text_of,
};

/// How a stand-in begins; behind it come a mark and the position of its number.
const NAME: &str = "lockstep-number-";

/// Numbers of one document that texts stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIns {
    /// What all of them begin with; nothing else in the document has it.
    prefix: String,
    /// The numbers as they are written.
    numbers: Vec<String>,
}

/// A script did something with a stand-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the script works with a number that the engine can't hold exactly")]
pub struct StandInTouched;

impl StandIns {
    /// Puts texts in the place of numbers that can't be held; `None` when there is no such number.
    ///
    /// # Errors
    /// [`NotJson`] when the document can't be read.
    pub fn put(source: &[u8]) -> Result<Option<(Vec<u8>, Self)>, NotJson> {
        let text = text_of(source)?;
        let mut spans = Vec::new();
        walk(text, &mut |token| {
            if let Token::Number(start, end) = token
                && !is_held(part(text, start..end))
            {
                spans.push((start, end));
            }
        })?;
        if spans.is_empty() {
            return Ok(None);
        }
        let prefix = unused_prefix(text);
        let mut changed = String::with_capacity(text.len() + 32 * spans.len());
        let mut numbers = Vec::with_capacity(spans.len());
        let mut position = 0;
        for (start, end) in spans {
            changed.push_str(part(text, position..start));
            changed.push_str(&stand_in(&prefix, numbers.len()));
            numbers.push(part(text, start..end).to_owned());
            position = end;
        }
        changed.push_str(part(text, position..text.len()));
        Ok(Some((changed.into_bytes(), Self { prefix, numbers })))
    }

    /// Puts the numbers back.
    ///
    /// # Errors
    /// [`StandInTouched`] when one of them is no longer whole, or the name of a field.
    pub fn restore(&self, source: &[u8]) -> Result<Vec<u8>, StandInTouched> {
        let text = text_of(source).map_err(|_| StandInTouched)?;
        let mut spans = Vec::new();
        let mut is_touched = false;
        let walked = walk(text, &mut |token| match token {
            Token::Number(..) => {}
            Token::Key(token) => is_touched |= self.number(text, token) != Named::Nothing,
            Token::Text(token) => match self.number(text, token) {
                Named::Nothing => {}
                Named::Number(number) => spans.push((token.start, token.end, number)),
                Named::Broken => is_touched = true,
            },
        });
        if walked.is_err() || is_touched {
            return Err(StandInTouched);
        }
        let mut restored = String::with_capacity(text.len());
        let mut position = 0;
        for (start, end, number) in spans {
            restored.push_str(part(text, position..start));
            restored.push_str(number);
            position = end;
        }
        restored.push_str(part(text, position..text.len()));
        Ok(restored.into_bytes())
    }

    fn number(&self, text: &str, token: StringToken) -> Named<'_> {
        // A prefix needs no escapes, and engines write none where none is needed.
        let content = part(text, token.start + 1..token.end - 1);
        if !content.contains(&self.prefix) {
            return Named::Nothing;
        }
        let position = content.strip_prefix(&self.prefix).and_then(|text| text.parse().ok());
        let number = position
            .filter(|position| {
                part(text, token.start..token.end) == stand_in(&self.prefix, *position)
            })
            .and_then(|position: usize| self.numbers.get(position));
        number.map_or(Named::Broken, |number| Named::Number(number))
    }
}

/// What a text stands for.
#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    /// Itself.
    Nothing,
    /// This number.
    Number(&'a str),
    /// Nothing any more, though it has a stand-in's name in it.
    Broken,
}

/// The text for the number at a position, with its quotes.
fn stand_in(prefix: &str, position: usize) -> String {
    format!("\"{prefix}{position}\"")
}

/// Whether Java's numbers give back the value that this one has.
fn is_held(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return number.parse::<i64>().is_ok();
    }
    let Ok(double) = number.parse::<f64>() else { return false };
    double.is_finite() && Decimal::of(&format!("{double:e}")) == Decimal::of(number)
}

/// The first mark that the document doesn't have.
fn unused_prefix(text: &str) -> String {
    let mut mark = 0_u64;
    loop {
        let prefix = format!("{NAME}{mark}-");
        if !text.contains(&prefix) {
            return prefix;
        }
        mark += 1;
    }
}

/// A token that matters here, with its place.
enum Token {
    Number(usize, usize),
    Key(StringToken),
    Text(StringToken),
}

fn walk(text: &str, visit: &mut dyn FnMut(Token)) -> Result<(), NotJson> {
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    walk_value(&mut scanner, DEPTH_MAX, visit)?;
    scanner.end()
}

fn walk_value(
    scanner: &mut Scanner<'_>,
    levels_left: u8,
    visit: &mut dyn FnMut(Token),
) -> Result<(), NotJson> {
    let is_object = match scanner.peek() {
        Some(b'{') => true,
        Some(b'[') => false,
        Some(b'"') => {
            visit(Token::Text(scanner.string("a string")?));
            return Ok(());
        }
        Some(b'-' | b'0'..=b'9') => {
            let start = scanner.position();
            scanner.number()?;
            visit(Token::Number(start, scanner.position()));
            return Ok(());
        }
        _ => return scanner.value(levels_left).map(|_levels| ()),
    };
    let Some(levels_left) = levels_left.checked_sub(1) else {
        return Err(scanner.fault(NotJsonReason::TooDeep));
    };
    scanner.open();
    let mut first = true;
    loop {
        if is_object {
            let Some(key) = scanner.member(&mut first)? else { return Ok(()) };
            visit(Token::Key(key));
        } else if !scanner.element(&mut first)? {
            return Ok(());
        }
        walk_value(scanner, levels_left, visit)?;
    }
}

//! One value in, one value out.

use std::io;

use jaq_core::{Ctx, Vars, unwrap_valr};
use jaq_json::{Val, read, write};

use super::compile::{Compiled, Data};
use crate::{
    json::{DEPTH_MAX, NotJson, Scanner, text_of},
    transform::RejectionCode,
};

/// Bytes of what a program makes: as many as an engine takes in one request.
pub const VALUE_BYTES_MAX: usize = 100 << 20;

/// Characters of a program's own words that are shown: they may hold the whole document.
const REASON_CHARACTERS_MAX: usize = 200;

/// Why a program makes nothing of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of trouble, one of T03….
    pub code: RejectionCode,
    /// What is wrong.
    pub message: String,
}

impl Failure {
    /// A failure with its reason.
    pub fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Compiled {
    /// Makes one value of another, both as JSON text. May not come back: see the module.
    ///
    /// # Errors
    /// [`Failure`] when the program gives an error, none or several values, or one that JSON can't say.
    pub fn run(&self, value: &[u8]) -> Result<Vec<u8>, Failure> {
        let input = read::parse_single(value).map_err(|error| {
            Failure::new(RejectionCode::JqFailed, format!("its value can't be read: {error}"))
        })?;
        let context = Ctx::<Data>::new(&self.filter.lut, Vars::new([]));
        let mut results = self.filter.id.run((context, input)).map(unwrap_valr);
        let made = match results.next() {
            None => return Err(Failure::new(RejectionCode::JqCount, NONE)),
            Some(Err(error)) => {
                let reason =
                    format!("the program gives an error: {}", shortened(&error.to_string()));
                return Err(Failure::new(RejectionCode::JqFailed, reason));
            }
            Some(Ok(made)) => made,
        };
        if results.next().is_some() {
            return Err(Failure::new(RejectionCode::JqCount, SEVERAL));
        }
        written(&made)
    }
}

const NONE: &str = "the program gives nothing; one document in, one document out";
const SEVERAL: &str = "the program gives more than one value; one document in, one document out: put them into a list, or take the `first`";

fn written(made: &Val) -> Result<Vec<u8>, Failure> {
    let mut text = Bounded(Vec::new());
    if write::write(&mut text, &write::Pp::default(), 0, made).is_err() {
        let message = format!("the program gives more than {VALUE_BYTES_MAX} bytes");
        return Err(Failure::new(RejectionCode::JqTooLarge, message));
    }
    let Bounded(text) = text;
    // jaq knows values that JSON doesn't: bytes, keys that are no texts, numbers that are none.
    check_json(&text).map_err(|fault| {
        let message = format!("the program gives what JSON can't say: {fault}");
        Failure::new(RejectionCode::JqResult, message)
    })?;
    Ok(text)
}

fn check_json(text: &[u8]) -> Result<(), NotJson> {
    let mut scanner = Scanner::new(text_of(text)?);
    scanner.value(DEPTH_MAX)?;
    scanner.end()
}

/// The front of a reason.
fn shortened(reason: &str) -> String {
    let mut front: String = reason.chars().take(REASON_CHARACTERS_MAX).collect();
    if front.len() < reason.len() {
        front.push('…');
    }
    front
}

/// Memory that takes no more than [`VALUE_BYTES_MAX`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > VALUE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

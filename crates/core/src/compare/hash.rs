//! The structural hash of a document: equal for equal content, straight from the text, without a tree.
//!
//! An engine that runs a script writes `1.10` as `1.1`, changes the order of keys and unescapes strings, so bytes
//! can't be compared. Numbers count by value (exactly, at any size), strings by content, objects without order,
//! arrays in order; `null` differs from a missing field.

use twox_hash::XxHash3_128;

use crate::json::{
    DEPTH_MAX, Decimal, Digits, NotJson, NotJsonReason, Scanner, StringToken, inner, part, text_of,
    unescape,
};

/// The hash of what a JSON text says.
///
/// A key that occurs twice counts twice, in either order.
pub fn document_hash(source: &[u8]) -> Result<u128, NotJson> {
    let mut walk = Walk::new(text_of(source)?);
    walk.scanner.whitespace();
    let content = walk.value(DEPTH_MAX)?;
    walk.scanner.end()?;
    Ok(mix(0, content))
}

/// The hash of one entry of an index: a document under its id and routing.
pub fn entry_hash(id: &str, routing: Option<&str>, document_hash: u128) -> u128 {
    let routing = routing.map_or(NULL, |routing| string_content(routing.as_bytes()));
    let place = pair(string_content(id.as_bytes()), routing);
    mix(place, Content { kind: Kind::Document, word: document_hash })
}

/// What is told apart before values are compared, so that `"1"` is not `1`. The numbers are part of the hash.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Null = 0,
    False = 1,
    True = 2,
    Number = 3,
    NegativeNumber = 4,
    LongNumber = 5,
    ShortString = 6,
    LongString = 7,
    Array = 8,
    Object = 9,
    Document = 10,
}

/// A value in 128 bits: itself where it fits, else its hash.
#[derive(Debug, Clone, Copy)]
struct Content {
    kind: Kind,
    word: u128,
}

const NULL: Content = Content { kind: Kind::Null, word: 0 };

struct Walk<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    unescaped: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, scanner: Scanner::new(text), unescaped: Vec::new() }
    }

    fn value(&mut self, levels_left: u8) -> Result<Content, NotJson> {
        match self.scanner.peek() {
            Some(b'"') => {
                let token = self.scanner.string("a string")?;
                Ok(self.string(token))
            }
            Some(b'{') => self.object(levels_left),
            Some(b'[') => self.array(levels_left),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => {
                self.scanner.literal("true").map(|()| Content { kind: Kind::True, word: 0 })
            }
            Some(b'f') => {
                self.scanner.literal("false").map(|()| Content { kind: Kind::False, word: 0 })
            }
            Some(b'n') => self.scanner.literal("null").map(|()| NULL),
            _ => Err(self.scanner.fault(NotJsonReason::Expected("a value"))),
        }
    }

    fn object(&mut self, levels_left: u8) -> Result<Content, NotJson> {
        let levels_left = self.enter(levels_left)?;
        let mut first = true;
        // A sum, not an exclusive or: two equal members must not cancel each other out.
        let mut word = 0_u128;
        while let Some(key) = self.scanner.member(&mut first)? {
            let key = self.string(key);
            let value = self.value(levels_left)?;
            word = word.wrapping_add(pair(key, value));
        }
        Ok(Content { kind: Kind::Object, word })
    }

    fn array(&mut self, levels_left: u8) -> Result<Content, NotJson> {
        let levels_left = self.enter(levels_left)?;
        let mut first = true;
        let mut word = 0_u128;
        while self.scanner.element(&mut first)? {
            word = mix(word, self.value(levels_left)?);
        }
        Ok(Content { kind: Kind::Array, word })
    }

    fn enter(&mut self, levels_left: u8) -> Result<u8, NotJson> {
        let inside = levels_left.checked_sub(1);
        let inside = inside.ok_or_else(|| self.scanner.fault(NotJsonReason::TooDeep))?;
        self.scanner.open();
        Ok(inside)
    }

    #[inline]
    fn string(&mut self, token: StringToken) -> Content {
        let literal = part(self.text, token.start..token.end);
        if !token.escaped {
            return string_content(inner(literal).as_bytes());
        }
        self.unescaped.clear();
        unescape(literal, &mut self.unescaped);
        string_content(&self.unescaped)
    }

    fn number(&mut self) -> Result<Content, NotJson> {
        let start = self.scanner.position();
        self.scanner.number()?;
        Ok(number_content(&Decimal::of(part(self.text, start..self.scanner.position()))))
    }
}

fn number_content(number: &Decimal) -> Content {
    let exponent = u64::from_le_bytes(number.exponent.to_le_bytes());
    match &number.digits {
        Digits::Short(digits) => Content {
            kind: if number.negative { Kind::NegativeNumber } else { Kind::Number },
            word: u128::from(*digits) << 64 | u128::from(exponent),
        },
        Digits::Long(digits) => {
            let text = format!("{}{digits}e{exponent}", if number.negative { "-" } else { "" });
            Content { kind: Kind::LongNumber, word: XxHash3_128::oneshot(text.as_bytes()) }
        }
    }
}

/// Up to 15 bytes stand for themselves, with their count in the last byte; longer text is hashed.
#[inline]
fn string_content(bytes: &[u8]) -> Content {
    let mut word = [0_u8; 16];
    if let (Ok(count), Some(front)) = (u8::try_from(bytes.len()), word.get_mut(..bytes.len()))
        && count < 16
    {
        front.copy_from_slice(bytes);
        word[15] = count;
        return Content { kind: Kind::ShortString, word: u128::from_le_bytes(word) };
    }
    Content { kind: Kind::LongString, word: XxHash3_128::oneshot(bytes) }
}

/// A key and its value, in this order.
#[inline]
fn pair(key: Content, value: Content) -> u128 {
    hash_words(key.word, value.word, [key.kind as u8, value.kind as u8])
}

/// What came before, and the next value.
#[inline]
fn mix(before: u128, next: Content) -> u128 {
    hash_words(before, next.word, [u8::MAX, next.kind as u8])
}

#[inline]
fn hash_words(left: u128, right: u128, kinds: [u8; 2]) -> u128 {
    let mut bytes = [0_u8; 34];
    bytes[..16].copy_from_slice(&left.to_le_bytes());
    bytes[16..32].copy_from_slice(&right.to_le_bytes());
    bytes[32..].copy_from_slice(&kinds);
    XxHash3_128::oneshot(&bytes)
}

//! `decode` and `encode`: values that are kept as texts in base64, compressed or not.
//!
//! What a text stands for is bounded, however small the text is: a few kilobytes of gzip can hold gigabytes.

use std::io::{Read as _, Write as _};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};

use super::{
    document::{NodeId, Shape, Value, Workspace},
    operation::{Coding, Otherwise},
    place::behind,
    rejection::{Refusal, RejectionCode},
    rewrite::{Rewrite, Rewritten, content},
    search::{ArrayOnTheWay, Found},
};
use crate::json::{DEPTH_MAX, Scanner, compact, inner, quote, unescape};

/// Bytes that one text may stand for; an engine takes 100 MB in a request by default, and several fields may be decoded.
pub(super) const DECODED_BYTES_MAX: usize = 32 << 20;

/// The alphabet of RFC 4648, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What compressed bytes begin with; no JSON begins so.
const GZIP_MARK: [u8; 2] = [0x1f, 0x8b];

/// How texts are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder(pub(super) Coding);

impl Rewrite for Decoder {
    const CODE: RejectionCode = RejectionCode::Decode;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        match shape {
            Shape::Null => Rewritten::Same,
            Shape::String => self.decoded(&content(json)).unwrap_or(Rewritten::Impossible),
            Shape::Object | Shape::Array | Shape::Number | Shape::Boolean => Rewritten::Impossible,
        }
    }

    fn problem(&self) -> String {
        let megabytes = DECODED_BYTES_MAX >> 20;
        format!("is no {} of at most {megabytes} MiB", self.0.as_str())
    }
}

impl Decoder {
    fn decoded(self, text: &str) -> Option<Rewritten> {
        // Four letters for three bytes: what is too long is not even decoded.
        if text.len() / 4 > DECODED_BYTES_MAX.div_ceil(3) {
            return None;
        }
        let bytes = BASE64.decode(text).ok()?;
        match self.0 {
            Coding::Base64 => {
                let mut json = String::with_capacity(bytes.len() + 2);
                quote(str::from_utf8(&bytes).ok()?, &mut json);
                Some(Rewritten::Json(json))
            }
            Coding::Base64GzipJson if bytes.starts_with(&GZIP_MARK) => value(&inflated(&bytes)?),
            Coding::Base64Json | Coding::Base64GzipJson => value(&bytes),
        }
    }
}

/// The value that JSON is, on one line.
fn value(bytes: &[u8]) -> Option<Rewritten> {
    let mut json = Vec::with_capacity(bytes.len());
    compact(bytes, &mut json).ok()?;
    let json = String::from_utf8(json).ok()?;
    let levels = Scanner::new(&json).value(DEPTH_MAX).ok()?;
    Some(Rewritten::Value { json, levels })
}

fn inflated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    let bound = u64::try_from(DECODED_BYTES_MAX).ok()?;
    MultiGzDecoder::new(bytes).take(bound + 1).read_to_end(&mut inflated).ok()?;
    (inflated.len() <= DECODED_BYTES_MAX).then_some(inflated)
}

/// Keeps texts in base64 without more. A value of another type would come back as a text.
#[derive(Debug, Clone, Copy)]
struct TextEncoder;

impl Rewrite for TextEncoder {
    const CODE: RejectionCode = RejectionCode::Encode;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        match shape {
            Shape::Null => Rewritten::Same,
            Shape::String => {
                let mut bytes = Vec::new();
                if json.contains('\\') {
                    unescape(json, &mut bytes);
                } else {
                    bytes.extend_from_slice(inner(json).as_bytes());
                }
                // Half of a character that is written as two escapes has no place in a text.
                if str::from_utf8(&bytes).is_err() || bytes.len() > DECODED_BYTES_MAX {
                    return Rewritten::Impossible;
                }
                Rewritten::Json(quoted(&bytes))
            }
            Shape::Object | Shape::Array | Shape::Number | Shape::Boolean => Rewritten::Impossible,
        }
    }

    fn problem(&self) -> String {
        let megabytes = DECODED_BYTES_MAX >> 20;
        format!("is no text of at most {megabytes} MiB and can't be kept as base64")
    }
}

/// Base64 as a JSON string; it holds nothing that must be escaped.
fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", BASE64.encode(bytes))
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("a vector takes all that is written to it")
}

impl Workspace {
    /// Writes a field's value as a text: with [`Coding::Base64`] that of every text, else all of it, lists as well.
    pub(super) fn encode_field(
        &mut self,
        frame: NodeId,
        path: &str,
        (to, otherwise): (Coding, Otherwise),
    ) -> Result<(), Refusal> {
        match to {
            Coding::Base64 => self.rewrite_field(frame, path, &TextEncoder, otherwise),
            Coding::Base64Json => self.encode_value(frame, path, &|json| quoted(json)),
            Coding::Base64GzipJson => {
                self.encode_value(frame, path, &|json| quoted(&deflated(json)))
            }
        }
    }

    fn encode_value(
        &mut self,
        frame: NodeId,
        path: &str,
        text: &dyn Fn(&[u8]) -> String,
    ) -> Result<(), Refusal> {
        match self.find(frame, path)? {
            Found::Missing(_) => Ok(()),
            Found::Field(field) if self.shape(field) == Shape::Null => Ok(()),
            Found::Field(field) => {
                let value = self.value_of(field)?;
                let json = self.one_line(value)?;
                let encoded = self.make(0, |target| target.push_str(&text(&json)))?;
                self.replace(field, encoded)
            }
            Found::InArray(ArrayOnTheWay { array, offset }) => {
                for element in self.frames(array)? {
                    self.encode_value(element, behind(path, offset), text)?;
                }
                Ok(())
            }
        }
    }

    /// A value without white space between its tokens, so that how a document is laid out doesn't matter.
    fn one_line(&self, value: Value) -> Result<Vec<u8>, Refusal> {
        let mut json = Vec::new();
        compact(self.value_text(value).as_bytes(), &mut json)?;
        if json.len() > DECODED_BYTES_MAX {
            let megabytes = DECODED_BYTES_MAX >> 20;
            let message = format!("the value has more than {megabytes} MiB and can't be encoded");
            return Err(Refusal::new(RejectionCode::Encode, message));
        }
        Ok(json)
    }
}

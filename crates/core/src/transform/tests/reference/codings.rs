//! Texts in base64, letter by letter.

use super::Json;
use crate::transform::operation::Coding;

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value that a text stands for; compressed ones are not among the documents here.
pub(super) fn decode(from: Coding, value: &Json) -> Option<Json> {
    let text = match value {
        Json::Null => return Some(Json::Null),
        Json::Text(text) => text,
        _ => return None,
    };
    let decoded = String::from_utf8(bytes_of(text)?).ok()?;
    match from {
        Coding::Base64 => Some(Json::Text(decoded)),
        Coding::Base64Json | Coding::Base64GzipJson => {
            serde_json::from_str::<&serde_json::value::RawValue>(&decoded).ok()?;
            Some(written(&decoded))
        }
    }
}

/// Good for the JSON that texts hold here: numbers with their digits.
fn written(json: &str) -> Json {
    if let Ok(elements) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(json) {
        return Json::Array(elements.iter().map(|element| written(element.get())).collect());
    }
    if let Ok(Members(members)) = serde_json::from_str(json) {
        let members = members.into_iter().map(|(key, value)| (key, written(value.get())));
        return Json::Object(members.collect());
    }
    // Also one that is beyond what a number of Rust's can hold.
    if json.trim_start().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Json::Digits(json.trim().to_owned());
    }
    Json::of(&serde_json::from_str(json).expect("it is no number, and it is JSON"))
}

/// Members in the order in which they are written.
struct Members(Vec<(String, Box<serde_json::value::RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> serde::de::Visitor<'de> for InOrder {
    type Value = Members;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

pub(super) fn encode_text(value: &Json) -> Option<Json> {
    match value {
        Json::Null => Some(Json::Null),
        Json::Text(text) => Some(encoded(text)),
        _ => None,
    }
}

pub(super) fn encoded(text: &str) -> Json {
    let bits: Vec<bool> =
        text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let mut letters: String = bits
        .chunks(6)
        .map(|six| {
            let number = (0..6).fold(0, |number, at| {
                number * 2 + usize::from(six.get(at).copied().unwrap_or(false))
            });
            char::from(LETTERS.as_bytes()[number])
        })
        .collect();
    while !letters.len().is_multiple_of(4) {
        letters.push('=');
    }
    Json::Text(letters)
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let letters = text.trim_end_matches('=');
    let padding = text.len() - letters.len();
    if padding > 0 && !text.len().is_multiple_of(4) || padding > 2 || letters.len() % 4 == 1 {
        return None;
    }
    let mut bits = Vec::new();
    for letter in letters.chars() {
        let number = LETTERS.find(letter)?;
        bits.extend((0..6).rev().map(|bit| number >> bit & 1 == 1));
    }
    // What is left over says nothing, and must not.
    let whole = bits.len() / 8 * 8;
    if bits[whole..].contains(&true) {
        return None;
    }
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    Some(bits.chunks_exact(8).map(byte).collect())
}

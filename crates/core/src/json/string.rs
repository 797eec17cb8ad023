//! What a JSON string stands for, and how a text becomes one.
//!
//! Content is bytes, not `str`: `"\ud800"` is a legal JSON string that no `str` can hold. A lone surrogate is kept
//! as the three bytes that UTF-8 would give it, and written as an escape again.

/// Appends what the literal stands for. `literal` is a valid JSON string with its quotes.
pub fn unescape(literal: &str, content: &mut Vec<u8>) {
    let mut rest = inner(literal);
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        let (plain, escape) = rest.split_at(at);
        content.extend_from_slice(plain.as_bytes());
        let length = push_escape(escape, content);
        rest = escape.get(length..).unwrap_or_default();
    }
    content.extend_from_slice(rest.as_bytes());
}

/// Appends the text as a JSON string with quotes; only what must be escaped is.
pub fn quote(text: &str, json: &mut String) {
    json.push('"');
    push_text(text, json);
    json.push('"');
}

/// As [`quote`], for content from [`unescape`], where lone surrogates may stand.
pub fn quote_bytes(content: &[u8], json: &mut String) {
    json.push('"');
    let mut rest = content;
    loop {
        match str::from_utf8(rest) {
            Ok(text) => {
                push_text(text, json);
                break;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                push_text(&String::from_utf8_lossy(valid), json);
                rest = push_surrogate(invalid, json);
            }
        }
    }
    json.push('"');
}

/// The literal without its quotes.
pub(crate) fn inner(literal: &str) -> &str {
    let end = literal.len().saturating_sub(1);
    literal.get(1..end).unwrap_or_default()
}

fn push_text(text: &str, json: &mut String) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        json.push_str(text);
    } else {
        text.chars().for_each(|character| push_character(character, json));
    }
}

fn push_character(character: char, json: &mut String) {
    match character {
        '"' => json.push_str("\\\""),
        '\\' => json.push_str("\\\\"),
        '\n' => json.push_str("\\n"),
        '\r' => json.push_str("\\r"),
        '\t' => json.push_str("\\t"),
        '\u{8}' => json.push_str("\\b"),
        '\u{c}' => json.push_str("\\f"),
        '\0'..='\u{1f}' => push_unit(u32::from(character), json),
        _ => json.push(character),
    }
}

fn push_unit(unit: u32, json: &mut String) {
    json.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        json.push(char::from_digit((unit >> shift) & 0xf, 16).unwrap_or('0'));
    }
}

/// Writes the surrogate at the front as an escape and gives what follows it.
fn push_surrogate<'a>(content: &'a [u8], json: &mut String) -> &'a [u8] {
    if let [0xed, middle, low, rest @ ..] = content {
        let unit = 0xd000 | (u32::from(middle & 0x3f) << 6) | u32::from(low & 0x3f);
        push_unit(unit, json);
        return rest;
    }
    // Nothing else from `unescape` is not UTF-8.
    json.push(char::REPLACEMENT_CHARACTER);
    content.get(1..).unwrap_or_default()
}

/// Appends what the escape at the front stands for and gives its length in bytes.
fn push_escape(escape: &str, content: &mut Vec<u8>) -> usize {
    let byte = match escape.as_bytes().get(1) {
        Some(b'u') => return push_unicode(escape, content),
        Some(b'b') => 0x8,
        Some(b'f') => 0xc,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(other) => *other,
        None => b'\\',
    };
    content.push(byte);
    2
}

fn push_unicode(escape: &str, content: &mut Vec<u8>) -> usize {
    let unit = code_unit(escape).unwrap_or(0xfffd);
    if (0xd800..0xdc00).contains(&unit) {
        let second = escape.get(6..).filter(|rest| rest.starts_with("\\u")).and_then(code_unit);
        if let Some(low) = second.filter(|low| (0xdc00..0xe000).contains(low)) {
            let code = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            push_char(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), content);
            return 12;
        }
    }
    match char::from_u32(unit) {
        Some(character) => push_char(character, content),
        None => content.extend_from_slice(&surrogate_bytes(unit)),
    }
    6
}

fn push_char(character: char, content: &mut Vec<u8>) {
    content.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn code_unit(escape: &str) -> Option<u32> {
    u32::from_str_radix(escape.get(2..6)?, 16).ok()
}

/// Three bytes in the manner of UTF-8 for a code unit that no `char` can be.
fn surrogate_bytes(unit: u32) -> [u8; 3] {
    let [low, high, ..] = unit.to_le_bytes();
    [0xe0 | (high >> 4), 0x80 | ((high & 0x0f) << 2) | (low >> 6), 0x80 | (low & 0x3f)]
}

#[cfg(test)]
mod tests {
    use super::{quote_bytes, unescape};

    /// Literal, content, and how the content is written again.
    #[test]
    fn content_and_back() {
        let rows: [(&str, &[u8], &str); 9] = [
            (r#""""#, b"", r#""""#),
            (r#""plain é""#, "plain é".as_bytes(), r#""plain é""#),
            (r#""\u00e9""#, "é".as_bytes(), r#""é""#),
            (r#""a\/b\"\\""#, br#"a/b"\"#, r#""a/b\"\\""#),
            (r#""\b\f\n\r\t""#, b"\x08\x0c\n\r\t", r#""\b\f\n\r\t""#),
            (r#""\u0001\u001f""#, b"\x01\x1f", r#""\u0001\u001f""#),
            (r#""\ud83d\ude00!""#, "😀!".as_bytes(), r#""😀!""#),
            (r#""\ud83dx\ude00""#, b"\xed\xa0\xbdx\xed\xb8\x80", r#""\ud83dx\ude00""#),
            (r#""\ud83d\ud83d\ude00""#, b"\xed\xa0\xbd\xf0\x9f\x98\x80", r#""\ud83d😀""#),
        ];
        for (literal, expected, again) in rows {
            let mut content = Vec::new();
            unescape(literal, &mut content);
            assert_eq!(content, expected, "content of {literal}");
            let mut written = String::new();
            quote_bytes(&content, &mut written);
            assert_eq!(written, again, "writing {literal} again");
        }
    }
}

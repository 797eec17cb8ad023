//! YAML as the pack files have it: plain words where they can't be mistaken, quotes elsewhere, scripts as blocks.

use serde_json::Value;

/// A text in flow style.
pub(crate) fn text(value: &str) -> String {
    let mut letters = value.chars();
    let starts_plain = letters.next().is_some_and(|letter| letter.is_ascii_lowercase());
    let is_plain = starts_plain
        && letters.all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_.".contains(letter)
        });
    let is_word = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"].contains(&value);
    if is_plain && !is_word { value.to_owned() } else { Value::from(value).to_string() }
}

/// A setting's value.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(written) => text(written),
        other => other.to_string(),
    }
}

/// A text of several lines behind its key, without a line break at its end. A block keeps it as it is, and what a block
/// can't keep is put in quotes.
pub(crate) fn block(value: &str, indent: &str) -> String {
    let is_odd = |letter: char| {
        letter.is_control() && letter != '\n' || "\u{85}\u{2028}\u{2029}\u{feff}".contains(letter)
    };
    let starts_odd = value.is_empty() || value.starts_with([' ', '\n']);
    if starts_odd || value.ends_with('\n') || value.chars().any(is_odd) {
        return format!(" {}", Value::from(value));
    }
    let indented = |line: &str| match line {
        "" => String::new(),
        line => format!("{indent}{line}"),
    };
    let lines: Vec<String> = value.split('\n').map(indented).collect();
    format!(" |-\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_could_be_mistaken_are_quoted() {
        let cases = [
            ("a-b_c.json", "a-b_c.json"),
            ("yes", "\"yes\""),
            ("080", "\"080\""),
            ("", "\"\""),
            ("a b", "\"a b\""),
        ];
        for (written, expected) in cases {
            assert_eq!(text(written), expected);
        }
    }

    #[test]
    fn what_a_block_can_not_keep_is_quoted() {
        assert_eq!(block("a\n\n  b", "  "), " |-\n  a\n\n    b");
        for odd in ["", " a", "a\n", "a\r\nb", "a\tb", "a\u{2028}b"] {
            assert_eq!(block(odd, "  "), format!(" {}", Value::from(odd)));
        }
    }
}

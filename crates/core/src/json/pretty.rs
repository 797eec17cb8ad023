//! JSON over several lines, as people keep it in files.

use super::{NotJson, compact};

/// Spaces for each level.
const INDENT: &str = "  ";

/// The document with one member or element a line and a line break at its end. Strings, numbers and the order of keys
/// stay as they are.
pub fn pretty(source: &[u8]) -> Result<String, NotJson> {
    let mut bytes = Vec::with_capacity(source.len());
    compact(source, &mut bytes)?;
    let text = String::from_utf8(bytes).expect("what was scanned as JSON is UTF-8");
    let mut output = String::with_capacity(text.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut after_backslash = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            in_string = character != '"' || after_backslash;
            after_backslash = character == '\\' && !after_backslash;
            output.push(character);
            continue;
        }
        match character {
            '{' | '[' => {
                output.push(character);
                if let Some(end) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    output.push(end);
                } else {
                    depth += 1;
                    break_line(&mut output, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut output, depth);
                output.push(character);
            }
            ',' => {
                output.push(',');
                break_line(&mut output, depth);
            }
            ':' => output.push_str(": "),
            other => {
                in_string = other == '"';
                output.push(other);
            }
        }
    }
    output.push('\n');
    Ok(output)
}

fn break_line(output: &mut String, depth: usize) {
    output.push('\n');
    output.extend(std::iter::repeat_n(INDENT, depth));
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn only_white_space_between_tokens_changes() {
        let source =
            r#"{"b": 1.10,"a":[9007199254740993, "x:, {\"[\\"],"e" :{},"f":[ ],"n":[{"é":null}]}"#;
        let expected = r#"{
  "b": 1.10,
  "a": [
    9007199254740993,
    "x:, {\"[\\"
  ],
  "e": {},
  "f": [],
  "n": [
    {
      "é": null
    }
  ]
}
"#;
        assert_eq!(pretty(source.as_bytes()).unwrap(), expected);
        assert_eq!(pretty(expected.as_bytes()).unwrap(), expected);
        pretty(b"{\"a\":}").unwrap_err();
    }
}

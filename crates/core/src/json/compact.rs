//! JSON on one line: what a bulk request needs, as its lines end where a line break stands.

use super::{DEPTH_MAX, NotJson, Scanner, part, text_of};

/// Appends the document without the white space between its tokens; strings and numbers keep their bytes.
pub fn compact(source: &[u8], output: &mut Vec<u8>) -> Result<(), NotJson> {
    let text = text_of(source)?;
    let mut scanner = Scanner::new(text);
    scanner.whitespace();
    let start = scanner.position();
    scanner.value(DEPTH_MAX)?;
    let end = scanner.position();
    scanner.end()?;
    let mut in_string = false;
    let mut after_backslash = false;
    for byte in part(text, start..end).bytes() {
        if in_string {
            in_string = byte != b'"' || after_backslash;
            after_backslash = byte == b'\\' && !after_backslash;
        } else if byte == b'"' {
            in_string = true;
        } else if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            continue;
        }
        output.push(byte);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn white_space_goes_and_tokens_stay() {
        let rows = [
            ("{}", "{}"),
            (
                " { \"a b\" :\t[ 1.10 , true ] ,\r\n \"c\\\" \" : {} }\n",
                "{\"a b\":[1.10,true],\"c\\\" \":{}}",
            ),
            ("\"a\\\\\" ", "\"a\\\\\""),
        ];
        for (source, expected) in rows {
            let mut output = Vec::new();
            compact(source.as_bytes(), &mut output).unwrap();
            assert_eq!(String::from_utf8(output).unwrap(), expected);
        }
        compact(b"{\"a\":}", &mut Vec::new()).unwrap_err();
    }
}

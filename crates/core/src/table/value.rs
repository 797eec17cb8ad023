//! Values of columns: each has one text form, in which it is written and read back, and a rule for when two are the same.

use super::ColumnType;
use crate::{
    compare::document_hash,
    json::{Decimal, Digits, Scanner, compact, unescape},
    transform::moment,
};

/// The text form of a JSON value that is not `null`; the error says in words why a column of this type can't hold it.
pub(super) fn text_of(column_type: ColumnType, json: &str) -> Result<String, String> {
    let first = json.as_bytes().first().copied().unwrap_or_default();
    let is_composed = matches!(first, b'{' | b'[');
    if is_composed && column_type != ColumnType::Json {
        let what = if first == b'[' { "a list" } else { "an object" };
        return Err(format!("is {what}, and the column takes one value ({column_type})"));
    }
    let wrong = |what: &str| Err(format!("is {what} ({column_type}): {}", shortened(json)));
    match column_type {
        ColumnType::String { .. } | ColumnType::Text => text(json),
        ColumnType::Integer => {
            match number(json, false).map(|number| Decimal::of(&number).to_i64()) {
                Some(Some(whole)) => Ok(whole.to_string()),
                Some(None) | None => wrong("no whole number of 64 bits"),
            }
        }
        ColumnType::Double => {
            match number(json, false).and_then(|number| number.parse::<f64>().ok()) {
                Some(double) if double.is_finite() => Ok(format!("{double:?}")),
                Some(_) | None => wrong("no number that 64 bits can hold"),
            }
        }
        ColumnType::Decimal { precision, scale } => {
            match number(json, true).and_then(|number| plain(&number, precision, scale)) {
                Some(plain) => Ok(plain),
                None => wrong("no number that fits without being rounded"),
            }
        }
        ColumnType::Boolean => match json.trim_matches('"') {
            word @ ("true" | "false") => Ok(word.to_owned()),
            _ => wrong("neither true nor false"),
        },
        ColumnType::Json => {
            let mut output = Vec::with_capacity(json.len());
            compact(json.as_bytes(), &mut output).map_err(|error| error.to_string())?;
            String::from_utf8(output).map_err(|error| error.to_string())
        }
        ColumnType::Timestamp => match moment(json).and_then(timestamp) {
            Some(timestamp) => Ok(timestamp),
            None => wrong("no moment that microseconds can say"),
        },
    }
}

/// Whether what was read back is what was meant, both in their text form.
pub(super) fn is_same(column_type: ColumnType, meant: &str, found: &str) -> bool {
    if meant == found {
        return true;
    }
    match column_type {
        ColumnType::String { .. }
        | ColumnType::Text
        | ColumnType::Integer
        | ColumnType::Boolean
        | ColumnType::Timestamp => false,
        ColumnType::Double => match (meant.parse::<f64>(), found.parse::<f64>()) {
            // Both were read from texts, so equal ones are the same number.
            (Ok(meant), Ok(found)) => {
                meant.total_cmp(&found).is_eq() || (is_zero(meant) && is_zero(found))
            }
            (Ok(_) | Err(_), _) => false,
        },
        ColumnType::Decimal { .. } => match (number(meant, false), number(found, false)) {
            (Some(meant), Some(found)) => Decimal::of(&meant) == Decimal::of(&found),
            (Some(_) | None, _) => false,
        },
        ColumnType::Json => {
            match (document_hash(meant.as_bytes()), document_hash(found.as_bytes())) {
                (Ok(meant), Ok(found)) => meant == found,
                (Ok(_) | Err(_), _) => false,
            }
        }
    }
}

fn is_zero(number: f64) -> bool {
    number.classify() == std::num::FpCategory::Zero
}

/// The content of a string; numbers and booleans as they are written, which is what an engine's text fields take as well.
fn text(json: &str) -> Result<String, String> {
    if !json.starts_with('"') {
        return Ok(json.to_owned());
    }
    let mut content = Vec::with_capacity(json.len());
    unescape(json, &mut content);
    String::from_utf8(content)
        .map_err(|_half| "holds half a character, which no database takes".to_owned())
}

/// A JSON number as it is written; one in quotes where that is allowed.
fn number(json: &str, in_quotes: bool) -> Option<String> {
    let text = if in_quotes { json.trim_matches('"') } else { json };
    let mut scanner = Scanner::new(text);
    (scanner.number().is_ok() && scanner.position() == text.len()).then(|| text.to_owned())
}

/// A number without an exponent, if it has no more digits than these.
fn plain(number: &str, precision: u32, scale: u32) -> Option<String> {
    let Decimal { negative, digits, exponent } = Decimal::of(number);
    let digits = match digits {
        Digits::Short(0) => return Some("0".to_owned()),
        Digits::Short(short) => short.to_string(),
        Digits::Long(long) => long,
    };
    let count = i64::try_from(digits.len()).ok()?;
    let whole_digits = count.checked_add(exponent)?;
    if exponent < -i64::from(scale) || whole_digits > i64::from(precision) - i64::from(scale) {
        return None;
    }
    let mut text = String::from(if negative { "-" } else { "" });
    if exponent >= 0 {
        text.push_str(&digits);
        (0..exponent).for_each(|_| text.push('0'));
    } else if whole_digits > 0 {
        let (whole, fraction) = digits.split_at_checked(usize::try_from(whole_digits).ok()?)?;
        text.push_str(whole);
        text.push('.');
        text.push_str(fraction);
    } else {
        text.push_str("0.");
        (whole_digits..0).for_each(|_| text.push('0'));
        text.push_str(&digits);
    }
    Some(text)
}

/// `2022-10-05 12:00:00.123456` in UTC; `None` for what is more exact, and beyond the years that all databases know.
fn timestamp(moment: jiff::Timestamp) -> Option<String> {
    let civil = jiff::tz::Offset::UTC.to_datetime(moment);
    let nanoseconds = civil.subsec_nanosecond();
    if nanoseconds % 1_000 != 0 || !(1000..=9999).contains(&civil.year()) {
        return None;
    }
    Some(format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        nanoseconds / 1_000
    ))
}

/// A value for a message: whole documents would not help anybody.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column_type(text: &str) -> ColumnType {
        ColumnType::try_from(text.to_owned()).expect(text)
    }

    #[test]
    fn values_have_one_text_form() {
        for (kind, json, expected) in [
            ("string(4)", r#""a\u00e4\n""#, Some("aä\n")),
            ("string(4)", "1.10", Some("1.10")),
            ("text", "true", Some("true")),
            ("text", r#""\ud800""#, None),
            ("text", r#"["a"]"#, None),
            ("integer", "9223372036854775807", Some("9223372036854775807")),
            ("integer", "1e3", Some("1000")),
            ("integer", "9223372036854775808", None),
            ("integer", "1.5", None),
            ("integer", r#""1""#, None),
            ("double", "0.1", Some("0.1")),
            ("double", "1e400", None),
            ("double", r#""x""#, None),
            ("decimal(5,2)", "123.4", Some("123.4")),
            ("decimal(5,2)", r#""19.90""#, Some("19.9")),
            ("decimal(5,2)", "0.05", Some("0.05")),
            ("decimal(5,2)", "-0.5", Some("-0.5")),
            ("decimal(5,2)", "1e2", Some("100")),
            ("decimal(5,2)", "-0.0", Some("0")),
            ("decimal(5,2)", "1000", None),
            ("decimal(5,2)", "0.005", None),
            ("boolean", "true", Some("true")),
            ("boolean", r#""false""#, Some("false")),
            ("boolean", "1", None),
            ("json", r#"{ "a" : [1, 2.50] }"#, Some(r#"{"a":[1,2.50]}"#)),
            (
                "timestamp",
                r#""2022-10-05T12:00:00.123456+02:00""#,
                Some("2022-10-05 10:00:00.123456"),
            ),
            ("timestamp", r#""2022-10-05""#, Some("2022-10-05 00:00:00.000000")),
            ("timestamp", "1664964000123", Some("2022-10-05 10:00:00.123000")),
            ("timestamp", r#""1664964000123""#, Some("2022-10-05 10:00:00.123000")),
            ("timestamp", r#""2022-10-05T12:00:00.1234567Z""#, None),
            ("timestamp", r#""yesterday""#, None),
        ] {
            let found = text_of(column_type(kind), json);
            assert_eq!(found.as_deref().ok(), expected, "{kind} {json}: {found:?}");
        }
    }

    #[test]
    fn what_was_cut_rounded_or_shifted_is_not_the_same() {
        for (kind, meant, found, expected) in [
            ("string(4)", "abc", "ab", false),
            ("string(4)", "a ", "a", false),
            ("double", "0.1", "1e-1", true),
            ("double", "0.1", "0.10000000149", false),
            ("double", "0.0", "-0.0", true),
            ("decimal(5,2)", "19.9", "19.90", true),
            ("decimal(5,2)", "19.95", "20", false),
            ("json", r#"{"a":1.0,"b":2}"#, r#"{"b": 2, "a": 1}"#, true),
            ("json", r#"{"a":1}"#, r#"{"a":"1"}"#, false),
            ("timestamp", "2022-10-05 12:00:00.123456", "2022-10-05 12:00:00.000000", false),
            ("boolean", "true", "false", false),
            ("integer", "1", "2", false),
        ] {
            assert_eq!(
                is_same(column_type(kind), meant, found),
                expected,
                "{kind} {meant} {found}"
            );
        }
    }
}

//! Which values the type of a field takes, tried value by value against the engines.

use super::geo;
use super::model::{Kind, Leaf};
use super::scalar::{Scalar, whole_part};
use crate::error::Refusal;

/// The longest keyword that an inverted index holds, in bytes of UTF-8.
const KEYWORD_BYTES_MAX: usize = 32_766;

/// Why a value does not fit: the cause of a mapper complaint, or the whole complaint.
pub(crate) enum Complaint {
    Cause(Refusal),
    Whole(Refusal),
}

fn cause(reason: impl Into<String>) -> Complaint {
    Complaint::Cause(Refusal::illegal_argument(reason))
}

pub(crate) fn check_value(value: &Scalar<'_>, leaf: &Leaf) -> Result<(), Complaint> {
    if let Scalar::Object(_) = value {
        return match leaf.kind {
            Kind::Flattened | Kind::Opaque | Kind::Range => Ok(()),
            Kind::GeoPoint => geo::check(value).map_err(cause),
            _ => Err(Complaint::Cause(Refusal::new(
                400,
                "illegal_state_exception",
                "Can't get text on a START_OBJECT",
            ))),
        };
    }
    if *value == Scalar::Null && !matches!(leaf.kind, Kind::Alias { .. }) {
        return Ok(());
    }
    match &leaf.kind {
        Kind::Keyword { ignore_above } => check_keyword(&value.as_text(), *ignore_above),
        Kind::Integer { low, high } => check_integer(value, leaf, *low, *high),
        Kind::Float { magnitude_max } => check_float(value, leaf, *magnitude_max),
        Kind::Boolean => check_boolean(value),
        Kind::Date(formats) => match value {
            Scalar::Boolean(_) => Err(cause("a boolean is no date")),
            _ if formats.millis(&value.as_text()).is_some_and(|millis| fits(leaf, millis)) => {
                Ok(())
            }
            _ => Err(cause(format!(
                "failed to parse date field [{}] with format [{}]",
                value.as_text(),
                formats.text
            ))),
        },
        Kind::Ip => check_ip(&value.as_text()),
        Kind::Binary { checked: true } => check_binary(value),
        Kind::GeoPoint => geo::check(value).map_err(cause),
        Kind::Flattened => Err(cause(format!(
            "Failed to parse object: expecting token of type [START_OBJECT] but found [{}]",
            token(value)
        ))),
        Kind::Alias { .. } => Err(Complaint::Whole(
            Refusal::mapper_parsing("failed to parse")
                .caused_by(Refusal::illegal_argument("Cannot write to a field alias.")),
        )),
        Kind::Text | Kind::Range | Kind::Opaque | Kind::Binary { checked: false } => Ok(()),
    }
}

/// Nanoseconds since 1970 end in the year 2262 and have no sign.
fn fits(leaf: &Leaf, millis: i64) -> bool {
    leaf.type_name != "date_nanos" || (0..=i64::MAX / 1_000_000).contains(&millis)
}

fn token(value: &Scalar<'_>) -> &'static str {
    match value {
        Scalar::Null => "VALUE_NULL",
        Scalar::Boolean(_) => "VALUE_BOOLEAN",
        Scalar::Number(_) => "VALUE_NUMBER",
        Scalar::Text(_) => "VALUE_STRING",
        Scalar::Object(_) => "START_OBJECT",
        Scalar::Array(_) => "START_ARRAY",
    }
}

fn check_ip(text: &str) -> Result<(), Complaint> {
    // A zone says through which interface an IPv6 address is reached, and is dropped.
    let address = text.split_once('%').filter(|(head, _)| head.contains(':'));
    match address.map_or(text, |(head, _)| head).parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(cause(format!("'{text}' is not an IP string literal."))),
    }
}

fn check_keyword(text: &str, ignore_above: Option<usize>) -> Result<(), Complaint> {
    let ignored = ignore_above.is_some_and(|most| text.len() > most && text.chars().count() > most);
    if text.len() <= KEYWORD_BYTES_MAX || ignored {
        return Ok(());
    }
    Err(Complaint::Whole(Refusal::illegal_argument(format!(
        "Document contains at least one immense term (whose UTF8 encoding is longer than the max length {KEYWORD_BYTES_MAX}), all of which were skipped."
    ))))
}

fn check_integer(value: &Scalar<'_>, leaf: &Leaf, low: i128, high: i128) -> Result<(), Complaint> {
    let text = match value {
        Scalar::Number(text) => (*text).into(),
        Scalar::Text(text) if leaf.coerce => {
            if text.is_empty() {
                return Ok(());
            }
            text.clone()
        }
        Scalar::Text(_) => return Err(cause(format!("{} value passed as String", leaf.type_name))),
        _ => {
            return Err(cause(
                "Current token (VALUE_TRUE) not numeric, can not use numeric value accessors",
            ));
        }
    };
    // The small types go by way of a floating-point number, which is more forgiving.
    let text = if leaf.type_name.ends_with("long") { text } else { text.trim().to_owned().into() };
    if text == "NaN" && !leaf.type_name.ends_with("long") {
        return Ok(());
    }
    let out_of_range = || {
        cause(format!("Value [{text}] is out of range for a{} {}", article(leaf), leaf.type_name))
    };
    let Some(number) = whole_part(&text) else {
        // A number too long to hold is out of range, anything else is no number.
        return Err(match text.parse::<f64>() {
            Ok(_) if text.bytes().any(|byte| byte.is_ascii_digit()) => out_of_range(),
            _ => cause(format!("For input string: \"{text}\"")),
        });
    };
    if !leaf.coerce && text.parse::<f64>().is_ok_and(|number| number.fract() != 0.0) {
        let complaint =
            format!("{text} cannot be converted to {} without data loss", leaf.type_name);
        return Err(cause(complaint));
    }
    if (low..=high).contains(&number) { Ok(()) } else { Err(out_of_range()) }
}

fn article(leaf: &Leaf) -> &'static str {
    if leaf.type_name.starts_with(['i', 'u']) { "n" } else { "" }
}

fn check_float(value: &Scalar<'_>, leaf: &Leaf, magnitude_max: f64) -> Result<(), Complaint> {
    let text = match value {
        Scalar::Number(text) => (*text).into(),
        Scalar::Text(text) if leaf.coerce => {
            if text.is_empty() {
                return Ok(());
            }
            text.clone()
        }
        Scalar::Text(_) => return Err(cause(format!("{} value passed as String", leaf.type_name))),
        _ => {
            return Err(cause(
                "Current token (VALUE_TRUE) not numeric, can not use numeric value accessors",
            ));
        }
    };
    match text.trim().parse::<f64>() {
        Err(_) => Err(cause(format!("For input string: \"{text}\""))),
        Ok(number) if number.is_finite() && number.abs() <= magnitude_max => Ok(()),
        Ok(number) => {
            let shown = if number.is_nan() { "NaN" } else { "Infinity" };
            let name = &leaf.type_name;
            Err(cause(format!("[{name}] supports only finite values, but got [{shown}]")))
        }
    }
}

fn check_boolean(value: &Scalar<'_>) -> Result<(), Complaint> {
    match value {
        Scalar::Boolean(_) => Ok(()),
        Scalar::Text(text) if matches!(text.as_ref(), "true" | "false" | "") => Ok(()),
        _ => Err(cause(format!(
            "Failed to parse value [{}] as only [true] or [false] are allowed.",
            value.as_text()
        ))),
    }
}

fn check_binary(value: &Scalar<'_>) -> Result<(), Complaint> {
    let text = value.as_text();
    let body = text.trim_end_matches('=');
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if matches!(value, Scalar::Text(_)) && body.bytes().all(known) && body.len() % 4 != 1 {
        Ok(())
    } else {
        Err(cause("Illegal base64 character"))
    }
}

//! Values that are changed where they stand.

use super::{Json, Members, Outcome, Rejected, at, codings, dates, each, take, take_value};
use crate::transform::operation::{
    CastType, Coding, Empty, Operation, Otherwise, Pair, Several, Unwrapping,
};

/// What becomes of a document by an operation that changes values where they stand.
pub(super) fn change(operation: &Operation, document: &mut Members) -> Outcome {
    match operation {
        Operation::Cast(casting) => {
            rewrite(document, casting.field.as_str(), casting.otherwise, &|value| {
                cast(value, casting.to)
            })
        }
        Operation::Lower(respelling)
        | Operation::Upper(respelling)
        | Operation::Trim(respelling) => respelling.fields.iter().try_for_each(|field| {
            rewrite(document, field.as_str(), respelling.otherwise, &|value| match value {
                Json::Text(text) => Some(Json::Text(match operation {
                    Operation::Lower(_) => text.to_lowercase(),
                    Operation::Upper(_) => text.to_uppercase(),
                    _ => text.trim_matches(char::is_whitespace).to_owned(),
                })),
                Json::Null => Some(Json::Null),
                _ => None,
            })
        }),
        Operation::Map(translation) => {
            rewrite(document, translation.field.as_str(), translation.otherwise, &|value| {
                map(value, &translation.values)
            })
        }
        Operation::Date(dating) => {
            rewrite(document, dating.field.as_str(), dating.otherwise, &|value| {
                if *value == Json::Null { Some(Json::Null) } else { dates::date(dating, value) }
            })
        }
        Operation::Decode(decoding) => {
            rewrite(document, decoding.field.as_str(), decoding.otherwise, &|value| {
                codings::decode(decoding.from, value)
            })
        }
        Operation::Encode(encoding) if encoding.to == Coding::Base64 => {
            rewrite(document, encoding.field.as_str(), encoding.otherwise, &codings::encode_text)
        }
        Operation::Encode(encoding) => {
            each(document, encoding.field.as_str(), &mut |frame, way| {
                let value = at(frame, way);
                if *value != Json::Null {
                    *value = codings::encoded(&value.render());
                }
                Ok(())
            })
        }
        Operation::Wrap(wrapping) => wrapping.fields.iter().try_for_each(|field| {
            each(document, field.as_str(), &mut |frame, way| {
                let value = at(frame, way);
                if !matches!(value, Json::Array(_) | Json::Null) {
                    *value = Json::Array(vec![value.clone()]);
                }
                Ok(())
            })
        }),
        Operation::Unwrap(unwrapping) => unwrapping.fields.iter().try_for_each(|field| {
            each(document, field.as_str(), &mut |frame, way| unwrap(unwrapping, frame, way))
        }),
        _ => unreachable!("it moves values"),
    }
}

/// Changes a field wherever it stands, arrays element by element; `convert` gives none for what can't be changed.
fn rewrite(
    document: &mut Members,
    field: &str,
    otherwise: Otherwise,
    convert: &dyn Fn(&Json) -> Option<Json>,
) -> Outcome {
    each(document, field, &mut |frame, way| {
        let value = take_value(frame, way);
        match rewritten(&value, otherwise, convert)? {
            Some(value) => *at(frame, way) = value,
            None => take(frame, way),
        }
        Ok(())
    })
}

/// The new value, or none where it is removed.
fn rewritten(
    value: &Json,
    otherwise: Otherwise,
    convert: &dyn Fn(&Json) -> Option<Json>,
) -> Outcome<Option<Json>> {
    if let Json::Array(elements) = value {
        let mut kept = Vec::new();
        for element in elements {
            kept.extend(rewritten(element, otherwise, convert)?);
        }
        return Ok(Some(Json::Array(kept)));
    }
    match (convert(value), otherwise) {
        (Some(converted), _) => Ok(Some(converted)),
        (None, Otherwise::Reject) => Err(Rejected),
        (None, Otherwise::Keep) => Ok(Some(value.clone())),
        (None, Otherwise::Remove) => Ok(None),
        (None, Otherwise::Null) => Ok(Some(Json::Null)),
    }
}

fn cast(value: &Json, to: CastType) -> Option<Json> {
    match (value, to) {
        (Json::Null, _)
        | (Json::Text(_), CastType::String)
        | (Json::Boolean(_), CastType::Boolean)
        | (Json::Number(_) | Json::Digits(_), CastType::Double) => Some(value.clone()),
        (Json::Boolean(_) | Json::Number(_) | Json::Digits(_), CastType::String) => {
            Some(Json::Text(value.render()))
        }
        (Json::Number(_) | Json::Digits(_), CastType::Long) => long_of(&value.render()),
        (Json::Text(text), CastType::Long) => {
            text.parse::<i64>().ok().map(|long| Json::Digits(long.to_string()))
        }
        (Json::Text(text), CastType::Double) => {
            let number = serde_json::from_str::<serde_json::Number>(text);
            (number.is_ok() && text.trim() == text).then(|| Json::Digits(text.clone()))
        }
        (Json::Text(text), CastType::Boolean) => text.parse().ok().map(Json::Boolean),
        _ => None,
    }
}

/// Good for the numbers that documents are made of here; the table has the hard ones.
fn long_of(digits: &str) -> Option<Json> {
    if digits.parse::<i64>().is_ok() {
        return Some(Json::Digits(digits.into()));
    }
    let double: f64 = digits.parse().unwrap();
    let long = format!("{double:.0}").parse::<i64>().ok()?;
    (double.fract() == 0.0 && double.abs() < 1e15).then(|| Json::Digits(long.to_string()))
}

fn map(value: &Json, pairs: &[Pair]) -> Option<Json> {
    for Pair { from, to } in pairs {
        if is_same(&Json::of(from.value()), value) {
            return Some(Json::of(to.value()));
        }
    }
    (*value == Json::Null).then_some(Json::Null)
}

/// Whether a value is a single one of a pack.
pub(super) fn is_same(written: &Json, value: &Json) -> bool {
    match (written, value) {
        (Json::Digits(written), Json::Number(_) | Json::Digits(_)) => {
            plain(written) == plain(&value.render())
        }
        _ => written == value,
    }
}

/// Sign, digits without zeros at either end, power of ten.
fn plain(number: &str) -> (bool, String, i64) {
    let unsigned = number.trim_start_matches('-').to_lowercase();
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((&unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return (false, String::new(), 0);
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let power = exponent.parse::<i64>().unwrap() - i64::try_from(fraction.len()).unwrap()
        + i64::try_from(zeros).unwrap();
    (number.starts_with('-'), significant.to_owned(), power)
}

fn unwrap(unwrapping: &Unwrapping, frame: &mut Members, way: &[usize]) -> Outcome {
    let Json::Array(elements) = take_value(frame, way) else { return Ok(()) };
    match (elements.as_slice(), unwrapping.several) {
        ([], _) if unwrapping.empty == Empty::Remove => take(frame, way),
        ([], _) => *at(frame, way) = Json::Null,
        ([one], _) | ([one, ..], Several::First) => *at(frame, way) = one.clone(),
        (_, Several::Keep) => {}
        (_, Several::Reject) => return Err(Rejected),
    }
    Ok(())
}

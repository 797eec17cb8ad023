//! `cast`: a value of another type, with its digits.

use super::{
    document::Shape,
    operation::CastType,
    rejection::RejectionCode,
    rewrite::{Rewrite, Rewritten, content},
};
use crate::json::{Decimal, Scanner};

impl Rewrite for CastType {
    const CODE: RejectionCode = RejectionCode::Cast;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        if shape == Shape::Null { Rewritten::Same } else { convert(shape, json, *self) }
    }

    fn problem(&self) -> String {
        format!("can't become a {}", type_name(*self))
    }
}

fn convert(shape: Shape, json: &str, to: CastType) -> Rewritten {
    match (to, shape) {
        (CastType::String, Shape::String)
        | (CastType::Double, Shape::Number)
        | (CastType::Boolean, Shape::Boolean) => Rewritten::Same,
        (CastType::String, Shape::Number | Shape::Boolean) => {
            Rewritten::Json(format!("\"{json}\""))
        }
        (CastType::Long, Shape::Number) => number_to_long(json),
        (CastType::Long, Shape::String) => string_to_long(&content(json)),
        (CastType::Double, Shape::String) => {
            let content = content(json);
            if is_number(&content) { Rewritten::Json(content) } else { Rewritten::Impossible }
        }
        (CastType::Boolean, Shape::String) => {
            let content = content(json);
            let known = matches!(content.as_str(), "true" | "false");
            if known { Rewritten::Json(content) } else { Rewritten::Impossible }
        }
        (
            CastType::String | CastType::Long | CastType::Double | CastType::Boolean,
            Shape::Object | Shape::Array | Shape::Null | Shape::Number | Shape::Boolean,
        ) => Rewritten::Impossible,
    }
}

fn number_to_long(json: &str) -> Rewritten {
    let is_integer = !json.contains(['.', 'e', 'E']);
    match Decimal::of(json).to_i64() {
        Some(_) if is_integer => Rewritten::Same,
        Some(long) => Rewritten::Json(long.to_string()),
        None => Rewritten::Impossible,
    }
}

fn string_to_long(content: &str) -> Rewritten {
    // The standard parser takes exactly this: a sign or none, then at least one decimal digit.
    match content.parse::<i64>() {
        Ok(long) => Rewritten::Json(long.to_string()),
        Err(_) => Rewritten::Impossible,
    }
}

fn is_number(content: &str) -> bool {
    let mut scanner = Scanner::new(content);
    scanner.number().is_ok() && scanner.position() == content.len()
}

fn type_name(to: CastType) -> &'static str {
    match to {
        CastType::String => "string",
        CastType::Long => "long",
        CastType::Double => "double",
        CastType::Boolean => "boolean",
    }
}

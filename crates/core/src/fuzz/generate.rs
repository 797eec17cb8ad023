//! Draws documents of a shape, odd ones too.

use super::{
    dice::Dice,
    json::Json,
    shape::{Field, Shape, Values},
};

/// Of a hundred objects with fields that may be unknown, those that have one.
const STRAY: u8 = 5;
/// Of a hundred objects, those whose first member is written with a dotted name, if it can be.
const DOTTED: u8 = 8;

const TEXTS: [&str; 16] = [
    "",
    "x",
    "x y",
    "x y z",
    " x ",
    "é",
    "😀",
    "ß",
    "0",
    "-7",
    "1.50",
    "true",
    "null",
    "2020-02-29T23:59:60Z",
    "\"\\/\n\u{1}",
    "{\"a\":1}",
];
const FRACTIONS: [&str; 10] = [
    "0.0",
    "-0.5",
    "1.10",
    "1e3",
    "3.14159265358979323846",
    "1e-7",
    "123456789.125",
    "2.0",
    "-1E2",
    "9007199254740993",
];
const NUMBER_TEXTS: [&str; 6] = ["0", "-7", "+7", "1.5", "1e3", "007"];
const MOMENTS: [&str; 6] = [
    "2020-01-02T03:04:05.678Z",
    "2020-02-29T23:59:59Z",
    "1969-12-31T23:59:59.999Z",
    "2020-01-02",
    "2020-01-02T03:04:05+02:00",
    "1577934245678",
];
const ADDRESSES: [&str; 3] = ["192.0.2.1", "2001:db8::1", "::"];
const BINARIES: [&str; 2] = ["", "bG9ja3N0ZXA="];

/// A document of a shape.
pub fn document(shape: &Shape, dice: &mut Dice) -> Json {
    Json::Object(object(shape, dice))
}

fn object(shape: &Shape, dice: &mut Dice) -> Vec<(String, Json)> {
    let mut members = Vec::new();
    for (name, field) in &shape.fields {
        if dice.is_so(field.presence) {
            members.push((name.clone(), value(field, dice)));
        }
    }
    if dice.is_so(STRAY)
        && let Some(name) = dice.pick(&shape.strays)
        && !members.iter().any(|(known, _)| known == name)
    {
        members.push((name.clone(), anything(dice)));
    }
    if dice.is_so(DOTTED) {
        write_dotted(&mut members, dice);
    }
    members
}

/// Writes an object's members beside it: `{"a":{"b":1}}` as `{"a.b":1}`, which says the same.
fn write_dotted(members: &mut Vec<(String, Json)>, dice: &mut Dice) {
    let position = dice.size(members.len());
    let Some((name, Json::Object(inner))) = members.get(position).cloned() else { return };
    if inner.is_empty() {
        return;
    }
    members.remove(position);
    members.extend(inner.into_iter().map(|(below, value)| (format!("{name}.{below}"), value)));
}

fn value(field: &Field, dice: &mut Dice) -> Json {
    let Some(values) = dice.weighed(&field.values) else { return Json::Null };
    let one_of = |texts: &[&str], dice: &mut Dice| {
        Json::Text(dice.pick(texts).copied().unwrap_or_default().to_owned())
    };
    match values {
        Values::Null => Json::Null,
        Values::Boolean => Json::Boolean(dice.is_so(50)),
        Values::Whole(bits) => whole(*bits, dice),
        Values::Fraction => {
            Json::Number(dice.pick(&FRACTIONS).copied().unwrap_or("0.5").to_owned())
        }
        Values::Text(letters) => text(*letters, dice),
        Values::NumberText => one_of(&NUMBER_TEXTS, dice),
        Values::Moment => one_of(&MOMENTS, dice),
        Values::Milliseconds => {
            let number = dice.below(4_102_444_800_000);
            Json::Number(if dice.is_so(10) { format!("-{number}") } else { number.to_string() })
        }
        Values::Address => one_of(&ADDRESSES, dice),
        Values::Point => Json::Object(vec![
            ("lat".to_owned(), Json::Number(format!("{}.5", dice.below(89)))),
            ("lon".to_owned(), Json::Number(format!("-{}.25", dice.below(179)))),
        ]),
        Values::Binary => one_of(&BINARIES, dice),
        Values::OneOf(texts) => Json::Text(dice.pick(texts).cloned().unwrap_or_default()),
        Values::Object(shape) => Json::Object(object(shape, dice)),
        Values::List(element, len_max) => {
            let len = dice.size(len_max + 1);
            Json::List((0..len).map(|_| value(element, dice)).collect())
        }
        Values::Anything => anything(dice),
    }
}

/// The ends of what the bits hold as often as what lies between, and what a double no longer holds.
fn whole(bits: u32, dice: &mut Dice) -> Json {
    let largest = (1_u64 << (bits - 1)) - 1;
    let number = match dice.below(8) {
        0 => largest.to_string(),
        1 => format!("-{}", largest + 1),
        2 if bits > 54 => "9007199254740993".to_owned(),
        3 => "0".to_owned(),
        4 => "-1".to_owned(),
        5 => dice.below(largest).to_string(),
        _ => dice.below(100).to_string(),
    };
    Json::Number(number)
}

fn text(letters: usize, dice: &mut Dice) -> Json {
    if dice.is_so(60) {
        let text = dice.pick(&TEXTS).copied().unwrap_or_default();
        return Json::Text(text.chars().take(letters).collect());
    }
    let len = dice.size(letters + 1);
    let letter = |dice: &mut Dice| dice.pick(&['a', 'b', 'Z', '7', ' ', '-', '@', '.']).copied();
    Json::Text((0..len).filter_map(|_| letter(dice)).collect())
}

fn anything(dice: &mut Dice) -> Json {
    match dice.below(7) {
        0 => Json::Null,
        1 => Json::Boolean(true),
        2 => whole(64, dice),
        3 => Json::List(vec![text(5, dice)]),
        4 => Json::Object(vec![("x".to_owned(), text(5, dice))]),
        _ => text(10, dice),
    }
}

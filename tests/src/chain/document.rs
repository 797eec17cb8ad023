//! Documents for chains: odd ones too.

use crate::dice::Dice;

/// Names of fields; two look like a path.
const KEYS: [&str; 7] = ["a", "b", "c", "d", "o", "a.b", "o.x"];

/// Values, as JSON. Some numbers are more than Java's hold, one text looks like what stands for them.
const SCALARS: [&str; 26] = [
    "null",
    "true",
    "false",
    "0",
    "7",
    "-1",
    "2147483647",
    "2147483648",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "1.10",
    "2.0",
    "1e3",
    "-0.5",
    "1e400",
    "0.12345678901234567890",
    r#""""#,
    r#""x""#,
    r#""x y z""#,
    r#"" Ab ""#,
    r#""7""#,
    r#""true""#,
    r#""1577934245678""#,
    r#""é\"\\""#,
    r#""lockstep-number-0-0""#,
];

/// One document.
pub(super) fn drawn(dice: &mut Dice) -> String {
    object(dice, 3)
}

fn object(dice: &mut Dice, levels: u32) -> String {
    let mut keys = KEYS.to_vec();
    let count = dice.count(6);
    let members: Vec<String> = (0..count)
        .map(|_| {
            // A key that stands twice is no document of an engine.
            let key = keys.swap_remove(dice.count(keys.len()));
            format!("\"{key}\":{}", value(dice, levels))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// Any value.
pub(super) fn value(dice: &mut Dice, levels: u32) -> String {
    match dice.below(10) {
        0 | 1 if levels > 0 => object(dice, levels - 1),
        2 | 3 if levels > 0 => {
            let count = dice.count(4);
            let elements: Vec<String> = (0..count).map(|_| value(dice, levels - 1)).collect();
            format!("[{}]", elements.join(","))
        }
        _ => dice.pick(&SCALARS).unwrap_or("null").to_owned(),
    }
}

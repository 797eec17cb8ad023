//! Operations for chains.

use lockstep_core::transform::operation::Operation;
use serde_json::{Value, json};

use super::statement::Statement;
use crate::dice::Dice;

const PATHS: [&str; 10] = ["a", "b", "c", "d", "o", "a.b", "o.x", "o.y", "c.x", "d.a"];

/// One operation; every second one is a script.
pub(super) fn drawn(dice: &mut Dice) -> Operation {
    let wire = if dice.once_in(2) { script(dice) } else { plain(dice) };
    serde_json::from_value(wire.clone()).unwrap_or_else(|error| panic!("{wire}: {error}"))
}

/// A script of some statements. In its parameters, beside their values, it says what it does, for who plays the engine.
fn script(dice: &mut Dice) -> Value {
    let count = 1 + dice.count(3);
    let mut statements: Vec<Statement> = (0..count).map(|_| Statement::drawn(dice)).collect();
    if let Some(last) = statements.iter().position(Statement::ends_script) {
        statements.truncate(last + 1);
    }
    let texts: Vec<String> =
        statements.iter().enumerate().map(|(at, statement)| statement.painless(at)).collect();
    let values: Vec<&Value> = statements.iter().map(Statement::value).collect();
    let documents = if dice.once_in(2) { "any" } else { "one" };
    json!({"painless": {
        "script": texts.join(" "),
        "params": {"values": values, "statements": statements},
        "documents": documents,
    }})
}

fn plain(dice: &mut Dice) -> Value {
    let mut path = || dice.pick(&PATHS).unwrap_or("a");
    let (a, b, c) = (path(), path(), path());
    let mut word = |words: &[&'static str]| dice.pick(words).unwrap_or("reject");
    let otherwise = word(&["reject", "keep", "remove", "null"]);
    let existing = word(&["reject", "overwrite", "keep"]);
    let when = |then: Value| {
        let condition = json!({"field": {"field": a, "test": "exists"}});
        json!({"when": {"condition": condition, "then": [then], "else": [{"wrap": {"fields": [c]}}]}})
    };
    match dice.below(22) {
        0 => json!({"rename": {"from": a, "to": b, "existing": existing}}),
        1 => json!({"move": {"from": a, "to": b, "existing": existing}}),
        2 => json!({"copy": {"from": a, "to": b, "existing": existing}}),
        3 => json!({"remove": {"fields": [a, b]}}),
        4 => json!({"set": {"field": a, "value": {"x": [1, "y"]}}}),
        5 => json!({"default": {"field": a, "value": 3.5}}),
        6 => {
            let to = dice.pick(&["string", "long", "double", "boolean"]).unwrap_or("string");
            json!({"cast": {"field": a, "to": to, "otherwise": otherwise}})
        }
        7 => json!({"upper": {"fields": [a], "otherwise": otherwise}}),
        8 => json!({"trim": {"fields": [a, b], "otherwise": otherwise}}),
        9 => {
            let values = [json!({"from": "x", "to": 1}), json!({"from": 7, "to": "seven"})];
            json!({"map": {"field": a, "values": values, "otherwise": otherwise}})
        }
        10 => {
            let several = dice.pick(&["reject", "first", "keep"]).unwrap_or("reject");
            json!({"unwrap": {"fields": [a], "several": several}})
        }
        11 => json!({"nest": {"fields": [a, b], "into": c, "existing": existing}}),
        12 => json!({"flatten": {"field": a, "prefix": "o_", "existing": existing}}),
        13 => json!({"split": {"field": a, "separator": " ", "into": [b, c]}}),
        14 => {
            json!({"date": {"field": a, "from": "epoch_millis", "to": "iso", "otherwise": otherwise}})
        }
        15 => when(json!({"drop": {}})),
        16 => when(json!({"rekey": {"id": format!("{{_id}}-{{{a}}}")}})),
        17 => {
            let empty = dice.pick(&["reject", "keep", "drop"]).unwrap_or("reject");
            json!({"each": {"field": a, "id": "{_id}-{_position}", "empty": empty}})
        }
        18 => when(json!({"each": {"field": a, "into": b, "id": "{_position}", "empty": "keep"}})),
        19 => when(json!({"send": {"to": "other"}})),
        20 => json!({"reroute": {"routing": "r{_id}"}}),
        _ => when(json!({"copy": {"from": a, "to": b, "existing": existing}})),
    }
}

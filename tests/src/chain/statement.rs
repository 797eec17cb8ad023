//! Statements of scripts, as migrations have them: their text in Painless, and what they do to a document.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{NUMBER_NAME, document};
use crate::dice::Dice;

/// Fields that statements name.
const FIELDS: [&str; 6] = ["a", "b", "c", "d", "o", "a.b"];
/// How much deeper [`Kind::Deepen`] makes a document: more than any may be.
const LEVELS_ADDED: usize = 130;

/// A statement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Statement {
    kind: Kind,
    field: String,
    other: String,
    value: Value,
    /// Whether it is done only where the field is there.
    is_guarded: bool,
}

/// What a statement does. Some of it only shows when the next script finds what this one left in memory: one list under two
/// names, a `long` that would fit an `int`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Kind {
    Assign,
    Remove,
    Rename,
    Share,
    PutInside,
    Append,
    UpperEach,
    Suffix,
    Increment,
    Widen,
    Fail,
    Drop,
    Reroute,
    Stray,
    TakeStrayBack,
    Empty,
    Deepen,
}

/// Kinds as often as they are drawn: what rejects a document is rare.
const KINDS: [Kind; 30] = [
    Kind::Assign,
    Kind::Assign,
    Kind::Remove,
    Kind::Remove,
    Kind::Rename,
    Kind::Rename,
    Kind::Rename,
    Kind::Share,
    Kind::Share,
    Kind::Share,
    Kind::PutInside,
    Kind::PutInside,
    Kind::PutInside,
    Kind::Append,
    Kind::Append,
    Kind::Append,
    Kind::UpperEach,
    Kind::UpperEach,
    Kind::Suffix,
    Kind::Suffix,
    Kind::Increment,
    Kind::Increment,
    Kind::Widen,
    Kind::Fail,
    Kind::Drop,
    Kind::Reroute,
    Kind::Stray,
    Kind::TakeStrayBack,
    Kind::Empty,
    Kind::Deepen,
];

/// What a script finds in `ctx`.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) source: Value,
    pub(super) is_to_be_indexed: bool,
    pub(super) routing: Option<String>,
    pub(super) strays: Vec<String>,
}

/// A script failed.
#[derive(Debug)]
pub(super) struct Failed;

impl Statement {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        let kind = dice.pick(&KINDS).unwrap_or(Kind::Assign);
        let mut field = || dice.pick(&FIELDS).unwrap_or("a").to_owned();
        let (field, other) = (field(), field());
        let value = serde_json::from_str(&document::value(dice, 0)).ok().filter(is_held);
        let is_rare =
            matches!(kind, Kind::Drop | Kind::Reroute | Kind::Stray | Kind::Empty | Kind::Deepen);
        let is_guarded = is_rare || dice.once_in(4);
        Self { kind, field, other, value: value.unwrap_or_else(|| json!("v")), is_guarded }
    }

    /// Whether it has to be the last one of its script, where both names are known to be one value.
    pub(super) fn ends_script(&self) -> bool {
        matches!(self.kind, Kind::Share)
    }

    /// What it finds as its parameter.
    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// Its text; `at` is its place in the script.
    pub(super) fn painless(&self, at: usize) -> String {
        let Self { kind, field, other, value: _, is_guarded } = self;
        let (it, other) = (format!("ctx._source['{field}']"), format!("ctx._source['{other}']"));
        let value = format!("params.values[{at}]");
        let text = match kind {
            Kind::Assign => format!("{it} = {value};"),
            Kind::Remove => format!("ctx._source.remove('{field}');"),
            Kind::Rename => format!("{other} = ctx._source.remove('{field}');"),
            Kind::Share => format!("{other} = {it};"),
            Kind::PutInside => format!("if ({it} instanceof Map) {{ {it}.put('k', {value}); }}"),
            Kind::Append => format!("if ({it} instanceof List) {{ {it}.add({value}); }}"),
            Kind::UpperEach => format!(
                "if ({it} instanceof List) {{ for (int i = 0; i < {it}.size(); i++) {{ \
                 if ({it}[i] instanceof String) {{ {it}[i] = {it}[i].toUpperCase(); }} }} }}"
            ),
            Kind::Suffix => format!("if ({it} instanceof String) {{ {it} = {it} + '-x'; }}"),
            Kind::Increment => format!("if ({it} instanceof Integer) {{ {it} = {it} + 1; }}"),
            Kind::Widen => format!("if ({it} instanceof Integer) {{ {it} = (long) {it}; }}"),
            Kind::Fail => format!("if ({it} instanceof String) {{ {it}.nothing(); }}"),
            Kind::Drop => "ctx.op = 'noop';".to_owned(),
            Kind::Reroute => "ctx._routing = 'elsewhere';".to_owned(),
            Kind::Stray => "ctx.stray = 1;".to_owned(),
            Kind::TakeStrayBack => "ctx.remove('stray');".to_owned(),
            Kind::Empty => "ctx._source = null;".to_owned(),
            Kind::Deepen => format!(
                "for (int i = 0; i < {LEVELS_ADDED}; i++) {{ def m = new HashMap(); m.put('a', {it}); {it} = m; }}"
            ),
        };
        if *is_guarded {
            format!("if (ctx._source.containsKey('{field}')) {{ {text} }}")
        } else {
            text
        }
    }

    /// Does it. Values that a script would find to be one are two here: it is text that goes from script to script.
    pub(super) fn play(&self, context: &mut Context) -> Result<(), Failed> {
        let Self { kind, field, other, value, is_guarded } = self;
        if *is_guarded && !fields(context)?.contains_key(field) {
            return Ok(());
        }
        match kind {
            Kind::Assign => put(fields(context)?, field, value.clone()),
            Kind::Remove => drop(fields(context)?.remove(field)),
            Kind::Rename => {
                let taken = fields(context)?.remove(field).unwrap_or_default();
                put(fields(context)?, other, taken);
            }
            Kind::Share => {
                let found = fields(context)?.get(field).cloned().unwrap_or_default();
                put(fields(context)?, other, found);
            }
            Kind::PutInside => {
                if let Some(Value::Object(inner)) = fields(context)?.get_mut(field) {
                    put(inner, "k", value.clone());
                }
            }
            Kind::Append => {
                if let Some(Value::Array(list)) = fields(context)?.get_mut(field) {
                    list.push(value.clone());
                }
            }
            Kind::UpperEach => {
                if let Some(Value::Array(list)) = fields(context)?.get_mut(field) {
                    list.iter_mut().for_each(upper);
                }
            }
            Kind::Suffix => {
                if let Some(Value::String(text)) = fields(context)?.get_mut(field) {
                    text.push_str("-x");
                }
            }
            Kind::Increment => {
                if let Some(found) = fields(context)?.get_mut(field)
                    && let Some(number) = found.as_i64().and_then(|it| i32::try_from(it).ok())
                {
                    *found = json!(number.wrapping_add(1));
                }
            }
            Kind::Widen => {
                fields(context)?;
            }
            Kind::Fail => {
                if matches!(fields(context)?.get(field), Some(Value::String(_))) {
                    return Err(Failed);
                }
            }
            Kind::Drop => context.is_to_be_indexed = false,
            Kind::Reroute => context.routing = Some("elsewhere".to_owned()),
            Kind::Stray => context.strays = vec!["stray".to_owned()],
            Kind::TakeStrayBack => context.strays.clear(),
            Kind::Empty => context.source = Value::Null,
            Kind::Deepen => {
                for _ in 0..LEVELS_ADDED {
                    let fields = fields(context)?;
                    let inner = fields.remove(field).unwrap_or_default();
                    put(fields, field, json!({"a": inner}));
                }
            }
        }
        Ok(())
    }
}

fn fields(context: &mut Context) -> Result<&mut Map<String, Value>, Failed> {
    context.source.as_object_mut().ok_or(Failed)
}

fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    drop(object.insert(name.to_owned(), value));
}

fn upper(element: &mut Value) {
    if let Value::String(text) = element {
        *text = text.to_uppercase();
    }
}

/// Whether a value is a single one: a number that Java's hold and write alike, or no text that looks like what stands for one,
/// which only a document's own texts are told from.
fn is_held(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => !text.contains(NUMBER_NAME),
        Value::Number(number) => number.is_i64(),
        // A script that changes it would change it for the next document as well.
        Value::Array(_) | Value::Object(_) => false,
    }
}

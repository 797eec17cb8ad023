//! What plays the engine: it does what a chain's scripts say that they do, as an engine would.

use lockstep_elastic::{Failure, Made, ScriptDocument, ScriptText, Scripted, Wanted};
use lockstep_engine::trial::ScriptHost;
use serde_json::{Map, Value};

use super::statement::{Context, Statement};

/// Runs scripts of chains in memory.
#[derive(Debug, Clone, Copy)]
pub struct StandIn;

impl ScriptHost for StandIn {
    async fn run(
        &self,
        script: ScriptText<'_>,
        documents: &[ScriptDocument<'_>],
    ) -> Result<Vec<Scripted>, Failure> {
        let statements = script.params.get("statements").cloned().unwrap_or_default();
        let statements: Vec<Statement> = serde_json::from_value(statements)
            .unwrap_or_else(|error| panic!("no script of a chain: {error}"));
        Ok(documents.iter().map(|document| run(&statements, document)).collect())
    }
}

fn run(statements: &[Statement], document: &ScriptDocument<'_>) -> Scripted {
    let failed =
        |reason: &str| Scripted::Failed { script_index: Some(0), reason: reason.to_owned() };
    let source = match serde_json::from_slice::<Value>(document.source) {
        Ok(source) if is_held(&source) => source,
        Ok(_) | Err(_) => return failed("a number that can't be held"),
    };
    let routing = document.routing.map(str::to_owned);
    let mut context = Context { source, is_to_be_indexed: true, routing, strays: Vec::new() };
    if statements.iter().any(|statement| statement.play(&mut context).is_err()) {
        return failed("runtime error");
    }
    let Context { source, is_to_be_indexed, routing, strays } = context;
    let source = Some(sorted(source).to_string().into_bytes());
    let wanted = if is_to_be_indexed { Wanted::Indexed } else { Wanted::LeftOut };
    let (index, id) = (Some(document.index.to_owned()), Some(document.id.to_owned()));
    let is_in_place = routing.as_deref() == document.routing;
    Scripted::Made(Made { wanted, is_in_place, index, id, routing, strays, source })
}

/// Whether an engine takes every number: whole ones of 64 bits, and doubles.
fn is_held(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => number.is_i64() || number.is_f64(),
        Value::Array(list) => list.iter().all(is_held),
        Value::Object(members) => members.values().all(is_held),
    }
}

/// Members come back in another order than they were sent in.
fn sorted(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> = members.into_iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            let members = members.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

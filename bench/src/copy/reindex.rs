//! The engine's own `_reindex`, run as a task and looked at until it is over.

use std::time::Duration;

use reqwest::Method as Verb;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::field::Field;
use crate::{application::SOURCE, error::BenchError, rest::number};

/// How often the task is looked at: the most by which its time can be wrong.
const LOOK_TIME: Duration = Duration::from_millis(50);

/// The change that Lockstep's step makes, in Painless.
const RENAME: &str = "ctx._source.action = ctx._source.remove('type')";

/// Copies the source with as many slices as it has shards.
pub(crate) async fn copy(
    field: &Field,
    target: &str,
    (batch, script): (u32, bool),
) -> Result<(), BenchError> {
    let mut body = json!({
        "source": {"index": SOURCE, "size": batch},
        "dest": {"index": target},
    });
    if let (true, Some(keys)) = (script, body.as_object_mut()) {
        keys.insert("script".to_owned(), json!({"lang": "painless", "source": RENAME}));
    }
    let path = "/_reindex?slices=auto&wait_for_completion=false";
    let started = field.rest.call(Verb::POST, path, Some(&body)).await?;
    let task = started.get("task").and_then(Value::as_str).ok_or_else(|| BenchError::Answer {
        request: path.to_owned(),
        reason: "the answer names no task".to_owned(),
    })?;
    field.set_task(Some(task.to_owned()));
    let answer = finished(field, task).await?;
    field.set_task(None);
    field.forget_task(task).await?;
    let failures = answer.pointer("/response/failures").and_then(Value::as_array);
    match (answer.get("error"), failures) {
        (None, Some(failures)) if failures.is_empty() => {
            number(&answer, "/response/created", path).map(drop)
        }
        _ => Err(BenchError::Wrong { method: "_reindex".to_owned(), reason: answer.to_string() }),
    }
}

async fn finished(field: &Field, task: &str) -> Result<Value, BenchError> {
    let path = format!("/_tasks/{task}");
    loop {
        let answer = field.rest.call(Verb::GET, &path, None).await?;
        if answer.get("completed").and_then(Value::as_bool) == Some(true) {
            return Ok(answer);
        }
        sleep(LOOK_TIME).await;
    }
}

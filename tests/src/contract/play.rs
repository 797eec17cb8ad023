//! Playing one case on one cluster: fill in placeholders, make the requests, compare, clean up.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::case::{Case, Expected, Request};
use super::expectation::{Saved, difference};
use crate::clusters::{Cluster, chain};

const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(100);
const SHOWN_ANSWER_CHARACTERS: usize = 2_000;

/// A cluster with the client that reaches it and the names it goes by.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The cluster.
    pub cluster: Cluster,
    /// A pooled client.
    pub client: reqwest::Client,
    /// See [`crate::clusters::identities`].
    pub identities: Vec<String>,
}

struct Answer {
    status: u16,
    text: String,
}

/// Makes the requests of a case in order. An error says which request did not get what it expects.
/// What the case made is removed before and after; `prefix` is its own name space.
pub async fn play(stage: &Stage, case: &Case, prefix: &str) -> Result<(), String> {
    clean(stage, case, prefix).await?;
    let outcome = play_requests(stage, case, prefix).await;
    let cleaned = clean(stage, case, prefix).await;
    outcome.and(cleaned)
}

async fn play_requests(stage: &Stage, case: &Case, prefix: &str) -> Result<(), String> {
    let mut saved = Saved::new();
    saved.insert("case".to_owned(), Value::from(prefix));
    for (position, request) in case.requests.iter().enumerate() {
        play_request(stage, request, &mut saved)
            .await
            .map_err(|reason| format!("request {}: {reason}", position + 1))?;
    }
    Ok(())
}

async fn play_request(stage: &Stage, request: &Request, saved: &mut Saved) -> Result<(), String> {
    let expected = request.expected(&stage.identities);
    let line = fill(&request.line, saved)?;
    let body = request.body.as_deref().map(|body| fill(body, saved)).transpose()?;
    let (method, path) = line.split_once(' ').ok_or("no method and path")?;
    let deadline = Instant::now() + Duration::from_secs(request.within_seconds.unwrap_or(0));
    loop {
        let answer = send(stage, method, path, body.clone()).await?;
        let Some(reason) = mismatch(&expected, &answer, saved)? else { return Ok(()) };
        if Instant::now() >= deadline {
            let shown: String = answer.text.chars().take(SHOWN_ANSWER_CHARACTERS).collect();
            let body = body.map(|body| format!("\n  body: {body}")).unwrap_or_default();
            let status = answer.status;
            return Err(format!("{line}{body}\n  {reason}\n  answer ({status}): {shown}"));
        }
        tokio::time::sleep(BETWEEN_ATTEMPTS).await;
    }
}

fn mismatch(
    expected: &Expected,
    answer: &Answer,
    saved: &mut Saved,
) -> Result<Option<String>, String> {
    if expected.status != Some(answer.status) {
        let wanted = expected.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        return Ok(Some(format!("expected status {wanted}, found {}", answer.status)));
    }
    for text in &expected.contains {
        let text = fill(text, saved)?;
        if !answer.text.contains(&text) {
            return Ok(Some(format!("expected the answer to contain {text}")));
        }
    }
    let Some(wanted) = &expected.answer else { return Ok(None) };
    let wanted = fill_value(wanted, saved)?;
    match serde_json::from_str(&answer.text) {
        Ok(found) => Ok(difference(&wanted, &found, saved)),
        Err(error) => Ok(Some(format!("the answer is not JSON: {error}"))),
    }
}

async fn send(
    stage: &Stage,
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<Answer, String> {
    let verb = Method::from_bytes(method.as_bytes()).map_err(|error| error.to_string())?;
    let url = format!("{}{path}", stage.cluster.url);
    let mut request = stage.client.request(verb, url);
    if let Some(body) = body {
        let lines = path.split('?').next().is_some_and(|path| path.ends_with("/_bulk"));
        let kind = if lines { "application/x-ndjson" } else { "application/json" };
        request = request.header("content-type", kind).body(body);
    }
    let failed = |error: reqwest::Error| format!("{method} {path}: {}", chain(&error));
    let response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let bytes = response.bytes().await.map_err(failed)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|error| error.to_string())?;
    Ok(Answer { status, text })
}

/// Removes every index of the case, one by one by name, and every template that it puts.
async fn clean(stage: &Stage, case: &Case, prefix: &str) -> Result<(), String> {
    let all = format!("/{prefix}*?expand_wildcards=open,closed,hidden");
    let answer = send(stage, "GET", &all, None).await?;
    let found: Value = serde_json::from_str(&answer.text)
        .map_err(|error| format!("cleaning up: GET {all}: {error}: {}", answer.text))?;
    let own = |name: &str| {
        name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let indices = found.as_object().filter(|_| answer.status == 200).into_iter().flatten();
    for (index, _) in indices.filter(|(name, _)| own(name)) {
        remove(stage, &format!("/{index}")).await?;
    }
    for request in &case.requests {
        let template = request.line.strip_prefix("PUT ").unwrap_or_default();
        let path = template.split('?').next().unwrap_or_default();
        if path.starts_with("/_index_template/") {
            remove(stage, &path.replace("{{case}}", prefix)).await?;
        }
    }
    Ok(())
}

async fn remove(stage: &Stage, path: &str) -> Result<(), String> {
    let answer = send(stage, "DELETE", path, None).await?;
    match answer.status {
        200 | 404 => Ok(()),
        status => Err(format!("cleaning up: DELETE {path}: {status}: {}", answer.text)),
    }
}

/// Puts saved values in the place of `{{name}}`.
fn fill(text: &str, saved: &Saved) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) = after.split_once("}}").ok_or("'{{' without '}}'")?;
        let value = saved.get(name).ok_or_else(|| format!("nothing was saved as '{name}'"))?;
        filled.push_str(before);
        match value {
            Value::String(value) => filled.push_str(value),
            value => filled.push_str(&value.to_string()),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn fill_value(value: &Value, saved: &Saved) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::from(fill(text, saved)?),
        Value::Array(elements) => Value::Array(
            elements.iter().map(|element| fill_value(element, saved)).collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => {
            let mut filled = serde_json::Map::new();
            for (key, value) in fields {
                filled.insert(fill(key, saved)?, fill_value(value, saved)?);
            }
            Value::Object(filled)
        }
        value => value.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_unknown_ones_refused() {
        let mut saved = Saved::new();
        saved.insert("case".to_owned(), Value::from("c"));
        saved.insert("n".to_owned(), Value::from(7));
        assert_eq!(fill("/{{case}}/{{n}}}", &saved).unwrap(), "/c/7}");
        assert!(fill("{{other}}", &saved).unwrap_err().contains("other"));
        assert!(fill("{{case", &saved).is_err());
    }
}

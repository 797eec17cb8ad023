//! Reads the live set on the cluster itself and says which acknowledged events it lacks. It knows the documents of each
//! release by heart and shares no code with the application.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    Trouble,
    cluster::send,
    visitors::{Book, event_content, event_id},
};

/// Documents that one request asks for.
const BATCH: usize = 500;
/// Lost events that are told.
const EXAMPLES: usize = 5;

/// What the check found.
#[derive(Debug, Default, Clone)]
pub(crate) struct Verdict {
    /// Acknowledged events.
    pub(crate) acknowledged: usize,
    /// Those of them that are not there, or not as they were sent.
    pub(crate) lost: usize,
    /// Some of these.
    pub(crate) examples: Vec<String>,
}

/// Whether all aliases of the tenants are on a release, and every acknowledged event is in its set.
pub(crate) async fn check(url: &str, live: &str, book: &Book) -> Result<Verdict, Trouble> {
    let tenants: Vec<&String> = book.acknowledged.keys().collect();
    let on = releases(url, &tenants).await?;
    if on != BTreeSet::from([live.to_owned()]) {
        return Err(format!("the tenants should be on {live} and are on {on:?}").into());
    }
    let mut verdict = Verdict::default();
    for (tenant, numbers) in &book.acknowledged {
        verdict.acknowledged += numbers.len();
        let path = format!("/{tenant}-event-v{live}-2026-02/_mget");
        for batch in numbers.chunks(BATCH) {
            let ids: Vec<String> = batch.iter().map(|number| event_id(*number)).collect();
            let found = send(url, "POST", &path, json!({"ids": ids})).await?;
            let documents = found["docs"].as_array().ok_or_else(|| found.to_string())?;
            if documents.len() != batch.len() {
                return Err(
                    format!("asked for {}, told of {}", batch.len(), documents.len()).into()
                );
            }
            for (number, document) in batch.iter().zip(documents) {
                if !is_form(live, &document["_source"], *number) {
                    verdict.lost += 1;
                    if verdict.examples.len() < EXAMPLES {
                        verdict.examples.push(format!("{tenant}: {document}"));
                    }
                }
            }
        }
    }
    Ok(verdict)
}

/// The releases that the tenants' aliases point at.
async fn releases(url: &str, tenants: &[&String]) -> Result<BTreeSet<String>, Trouble> {
    let found = send(url, "GET", "/_alias", Value::Null).await?;
    let indices = found.as_object().ok_or("no list of aliases")?;
    let mut releases = BTreeSet::new();
    for (index, aliases) in indices {
        let is_aliased = aliases["aliases"].as_object().is_some_and(|aliases| !aliases.is_empty());
        let tenant = tenants.iter().any(|tenant| index.starts_with(&format!("{tenant}-")));
        // `visit` begins with a `v` too.
        let version = index.split('-').find_map(|part| {
            part.strip_prefix('v')
                .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        if let Some(version) = version
            && is_aliased
            && tenant
        {
            releases.insert(version.to_owned());
        }
    }
    Ok(releases)
}

/// Whether this is an event as a release keeps it. One that was written by 2.0 and came back has a channel, which stays,
/// and a duration that is a number.
fn is_form(release: &str, found: &Value, number: u64) -> bool {
    let Some(mut found) = found.as_object().cloned() else { return false };
    if release != "2.0" {
        found.remove("channel");
    }
    if release == "1.0"
        && let Some(duration) = found.get_mut("duration").filter(|duration| duration.is_number())
    {
        *duration = json!(duration.to_string());
    }
    Value::Object(found) == form(release, number)
}

/// An event as a release keeps it. An amount is a decimal with two digits: a number that any reader takes exactly.
fn form(release: &str, number: u64) -> Value {
    let (kind, user, at, duration, amount) = event_content(number);
    match release {
        "1.0" => {
            json!({"type": kind, "user": user, "timestamp": at, "duration": duration.to_string(), "amount": amount})
        }
        "1.1" => {
            json!({"action": kind, "user": user, "timestamp": at, "duration": duration, "amount": amount})
        }
        _ => {
            let amount: f64 = amount.parse().unwrap_or(f64::NAN);
            json!({"action": kind, "customer": user, "timestamp": at, "received": at, "duration": duration,
                "amount": amount, "channel": "web", "schema": 2})
        }
    }
}

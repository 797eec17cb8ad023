//! How a change of the tag ended, or how far it is: which tag runs, which set is live, how the application is.

use std::collections::BTreeSet;

use lockstep_core::{
    deploy::state::DeployState,
    health::{Baseline, Verdict, counters::Counted},
};
use lockstep_engine::{journal::DeployRecord, status::Status};
use serde_json::{Value, json};

use super::{
    GREEN, RED, Text, YELLOW,
    quantity::{count, counted},
    styled,
};

/// The end of a change as text. `live`: where the application stands now.
pub(crate) fn deployed(application: &str, record: &DeployRecord, live: &Status) -> Text {
    let mut text = Text::default();
    let (from, to) = (&record.from, &record.to);
    let (style, title) = match &record.state {
        DeployState::Done { verdict: None | Some(Verdict::Healthy) } => {
            (GREEN, format!("{application} runs {to}"))
        }
        DeployState::Done { verdict: Some(Verdict::Unhealthy { .. }) } => {
            (RED, format!("{application} runs {to}, and is not well"))
        }
        DeployState::Done { verdict: Some(Verdict::CantTell { .. }) } => {
            (YELLOW, format!("{application} runs {to}; it can't be told whether it is well"))
        }
        DeployState::Returned { .. } => (YELLOW, format!("{application} runs {from} again")),
        DeployState::Failed { .. } => {
            (RED, format!("{application}: nobody knows which version runs"))
        }
        under_way @ (DeployState::Waiting
        | DeployState::Changing
        | DeployState::Changed
        | DeployState::Watching
        | DeployState::Restoring { .. }
        | DeployState::Restored { .. }) => (YELLOW, format!("{application}: {under_way}")),
    };
    text.line(styled(style, title));
    text.fact("tag", tag_text(record));
    if let Some(health) = health_text(record) {
        text.fact("health", health);
    }
    for line in counted_lines(record) {
        text.fact("counted", line);
    }
    text.fact("live set", live_set(record, live));
    if let Some(next) = next(record, live) {
        text.advice("next", next);
    }
    text
}

/// The same for programs.
pub(crate) fn deployed_json(application: &str, record: &DeployRecord, live: &Status) -> Value {
    let mut line = json!(record);
    if let Some(fields) = line.as_object_mut() {
        fields.insert("event".to_owned(), json!("deployed"));
        fields.insert("application".to_owned(), json!(application));
        fields.insert("live_set".to_owned(), json!(live_version(record, live)));
        fields.insert("tag".to_owned(), json!(tag_now(record)));
    }
    line
}

/// Which tag runs, as far as it is known.
fn tag_now(record: &DeployRecord) -> Option<&str> {
    match &record.state {
        DeployState::Waiting | DeployState::Restored { .. } | DeployState::Returned { .. } => {
            Some(&record.from_tag)
        }
        DeployState::Changed | DeployState::Watching | DeployState::Done { .. } => {
            Some(&record.to_tag)
        }
        DeployState::Changing | DeployState::Restoring { .. } | DeployState::Failed { .. } => None,
    }
}

/// The change of the tag, on one line.
pub(crate) fn tag_text(record: &DeployRecord) -> String {
    let DeployRecord { how, from_tag, to_tag, .. } = record;
    let change = format!("{from_tag} → {to_tag} by {how}");
    match &record.state {
        DeployState::Done { .. } => format!("{to_tag}, changed from {from_tag} by {how}"),
        DeployState::Returned { reason } => {
            format!("{from_tag}, put back from {to_tag} by {how}: {reason}")
        }
        DeployState::Failed { reason } => format!("{change}, failed: {reason}"),
        DeployState::Restoring { reason } | DeployState::Restored { reason } => {
            format!("{change}, {}: {reason}", record.state)
        }
        state @ (DeployState::Waiting
        | DeployState::Changing
        | DeployState::Changed
        | DeployState::Watching) => format!("{change}, {state}"),
    }
}

/// What is known of the application's health; `None` when nobody watched.
pub(crate) fn health_text(record: &DeployRecord) -> Option<String> {
    let verdict = match &record.state {
        DeployState::Done { verdict } => verdict.as_ref().map(|verdict| match verdict {
            Verdict::Healthy => "well".to_owned(),
            Verdict::Unhealthy { reason } => format!("not well: {reason}"),
            Verdict::CantTell { reason } => format!("can't be told: {reason}"),
        }),
        DeployState::Waiting
        | DeployState::Changing
        | DeployState::Changed
        | DeployState::Watching
        | DeployState::Restoring { .. }
        | DeployState::Restored { .. }
        | DeployState::Returned { .. }
        | DeployState::Failed { .. } => None,
    };
    let samples = |name: &str, samples: Option<Baseline>| {
        let Baseline { good, bad, unknown } = samples?;
        let all =
            counted(u64::from(good) + u64::from(bad) + u64::from(unknown), "sample", "samples");
        Some(format!("{all} {name}: {good} good, {bad} bad, {unknown} unclear"))
    };
    let parts: Vec<String> =
        [verdict, samples("before", record.before), samples("after", record.after)]
            .into_iter()
            .flatten()
            .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What the application counted itself before and after, a line for each pair of counters.
fn counted_lines(record: &DeployRecord) -> Vec<String> {
    let DeployRecord { counted_before, counted_after, .. } = record;
    let share = |Counted { errors, total }: &Counted| {
        format!("{} of {}", count(*errors), counted(*total, "request", "requests"))
    };
    let names: BTreeSet<&String> = counted_before.keys().chain(counted_after.keys()).collect();
    let line = |name: &String| {
        let before = counted_before.get(name).map(|before| format!("{} before", share(before)));
        let after = counted_after.get(name).map(|after| format!("{} after", share(after)));
        let both: Vec<String> = [before, after].into_iter().flatten().collect();
        format!("{} failed ({name})", both.join(" and "))
    };
    names.into_iter().map(line).collect()
}

/// The version whose set is live.
fn live_version(record: &DeployRecord, live: &Status) -> String {
    let known = || live.live.clone();
    known().unwrap_or_else(|| record.from.to_string())
}

fn live_set(record: &DeployRecord, live: &Status) -> String {
    let version = live_version(record, live);
    if record.is_major {
        format!("that of {version}")
    } else {
        format!("that of {version}; no data was touched")
    }
}

fn next(record: &DeployRecord, live: &Status) -> Option<String> {
    let (from, to) = (&record.from, &record.to);
    match &record.state {
        DeployState::Done {
            verdict: Some(Verdict::Unhealthy { .. } | Verdict::CantTell { .. }),
        } => Some(if record.is_major {
            format!(
                "look at the application; to go back, set the tag {} and run lockstep rollback",
                record.from_tag
            )
        } else {
            format!("look at the application; to go back, set the tag {}", record.from_tag)
        }),
        DeployState::Failed { .. } => Some(format!(
            "look at `lockstep status`, and set by hand the tag that belongs to the live set: {} for {from}, {} for {to}",
            record.from_tag, record.to_tag
        )),
        DeployState::Returned { .. } => {
            let again = "mend what is wrong, then give the same command again";
            let run = live.run.as_ref().filter(|_| record.is_major);
            Some(match run {
                Some(run) if run.is_under_way => {
                    format!(
                        "{again}; the new set is kept in step until then, or given up by `lockstep abort`"
                    )
                }
                Some(_) => format!("`lockstep abort`, which drops the new set ({to}); {again}"),
                None => again.to_owned(),
            })
        }
        DeployState::Done { verdict: None | Some(Verdict::Healthy) }
        | DeployState::Waiting
        | DeployState::Changing
        | DeployState::Changed
        | DeployState::Watching
        | DeployState::Restoring { .. }
        | DeployState::Restored { .. } => None,
    }
}

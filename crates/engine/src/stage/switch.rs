//! Switch: with the live set blocked and the new one equal to it, all tenants move in one alias call. It is decided: every
//! restart rolls forward.

use std::{collections::BTreeMap, time::Instant};

use lockstep_core::{
    plan::{
        model::{AliasPlan, TemplatePlan},
        same_template,
        schema::switch_settings,
    },
    run::state::{Event, Problem},
};
use lockstep_elastic::{AliasAction, AliasTable, Failure};
use serde_json::{Map, Value};

use super::{StageContext, gate::milliseconds, problem};
use crate::{
    error::EngineError, journal::SwitchRecord, preview::remove_preview,
    report::Event as ReportEvent,
};

/// Looks at how often an alias call whose answer was lost is tried.
const ATTEMPTS_MAX: u32 = 3;

/// Moves all aliases back in one call.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command rolls on.
pub(super) async fn move_aliases_back(
    context: &StageContext,
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    let reversed = |plan: &AliasPlan| AliasPlan {
        alias: plan.alias.clone(),
        before: plan.after.clone(),
        after: plan.before.clone(),
    };
    let plans: Vec<AliasPlan> = context.plan.aliases.iter().map(reversed).collect();
    move_all(context, &plans, times).await
}

/// Publishes pipelines and templates of the new set, then moves all aliases in one call.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; the same command rolls forward.
pub async fn move_aliases(
    context: &StageContext,
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    let begun = Instant::now();
    let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for target in context.plan.targets() {
        if let Some(settings) = switch_settings(context.schema(target)?) {
            groups.entry(settings.to_string()).or_default().push(&target.index);
        }
    }
    for (settings, names) in groups {
        let settings =
            serde_json::from_str(&settings).map_err(|error| EngineError::Bug(error.to_string()))?;
        context.cluster.put_settings(&names, &settings).await?;
    }
    // They are there since before the fence, unless somebody removed one.
    publish_templates(context).await?;
    times.template_ms = milliseconds(begun);
    let event = move_all(context, &context.plan.aliases, times).await?;
    if event == Event::AliasesMoved
        && let Err(error) = remove_preview(context).await
    {
        // Nobody writes through them, so they hold nothing up.
        let message = format!(
            "aliases of a preview are left, `lockstep preview --end` takes them away: {error}"
        );
        context.reporter.report(ReportEvent::Notice { message });
    }
    Ok(event)
}

/// Publishes the templates of the new set that aren't there as planned. Until the switch they match nothing: only indices of
/// the new release have such names, and the run has made all of them.
///
/// # Errors
/// [`EngineError`] when the cluster can't be worked with; it may be repeated.
pub(super) async fn publish_templates(context: &StageContext) -> Result<(), EngineError> {
    let planned: Vec<&TemplatePlan> =
        context.plan.templates.iter().filter(|template| !template.exists).collect();
    if planned.is_empty() {
        return Ok(());
    }
    let there: BTreeMap<String, Value> = context
        .cluster
        .templates()
        .await?
        .into_iter()
        .map(|template| (template.name, template.body))
        .collect();
    let is_there = |template: &&TemplatePlan| {
        there.get(&template.name).is_some_and(|found| same_template(found, &template.body))
    };
    for template in planned.iter().filter(|template| !is_there(template)) {
        context.cluster.put_template(&template.name, &template.body).await?;
    }
    Ok(())
}

async fn move_all(
    context: &StageContext,
    plans: &[AliasPlan],
    times: &mut SwitchRecord,
) -> Result<Event, EngineError> {
    let begun = Instant::now();
    let guard =
        if context.plan.cluster.alias_must_exist { Guard::MustExist } else { Guard::Hidden };
    for _ in 0..ATTEMPTS_MAX {
        let actions = match where_aliases_are(plans, &context.cluster.aliases().await?) {
            Whereabouts::After => {
                times.alias_ms = milliseconds(begun);
                return Ok(Event::AliasesMoved);
            }
            Whereabouts::Elsewhere(problem) => return Ok(Event::Stuck(problem)),
            Whereabouts::Before => moving(plans, guard),
            Whereabouts::AfterHidden => showing(plans),
        };
        if actions.is_empty() {
            continue;
        }
        match context.cluster.change_aliases(&actions).await {
            // Whatever was answered, the next look tells what happened.
            Ok(()) => {}
            Err(failure) if failure.outcome_unknown() || is_guard_refusal(&failure) => {
                tracing::warn!(%failure, "the alias call's outcome is looked at");
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    match where_aliases_are(plans, &context.cluster.aliases().await?) {
        Whereabouts::After => {
            times.alias_ms = milliseconds(begun);
            Ok(Event::AliasesMoved)
        }
        Whereabouts::Before | Whereabouts::AfterHidden => Ok(Event::Stuck(problem(
            "R0601",
            format!("the alias call had no effect in {ATTEMPTS_MAX} attempts"),
            "look at the cluster's health, then run the same command again: it rolls forward",
        ))),
        Whereabouts::Elsewhere(problem) => Ok(Event::Stuck(problem)),
    }
}

/// What makes the alias call fail as a whole when an alias is no longer where it was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// `must_exist` on every `remove`.
    MustExist,
    /// Elasticsearch 7.10 has no such thing, but refuses an alias that is hidden on one index and visible on another.
    /// So the new indices get it hidden, which fails if any index but the planned ones carries it; a second call shows
    /// it again. A hidden alias works by its name. See `docs/design/engine-facts.md`.
    Hidden,
}

/// The engines' answers when a guard holds: nothing was changed.
fn is_guard_refusal(failure: &Failure) -> bool {
    matches!(
        (failure.status(), failure.error_type()),
        (Some(404), Some("aliases_not_found_exception"))
            | (Some(500), Some("illegal_state_exception"))
    )
}

/// Where the aliases of the plan are.
#[derive(Debug, PartialEq)]
enum Whereabouts {
    /// All where the plan saw them.
    Before,
    /// All where the plan wants them, hidden as [`Guard::Hidden`] leaves them.
    AfterHidden,
    /// All where the plan wants them.
    After,
    /// Neither: somebody else moved them.
    Elsewhere(Problem),
}

fn where_aliases_are(plans: &[AliasPlan], table: &AliasTable) -> Whereabouts {
    let (mut all_before, mut all_after, mut all_after_hidden) = (true, true, true);
    let mut moved = Vec::new();
    for plan in plans {
        let now: Bearers<'_> = table
            .iter()
            .filter_map(|(index, aliases)| Some((index, aliases.get(&plan.alias)?)))
            .collect();
        let is_before = is_same(&now, &plan.before, Clone::clone);
        let is_after = is_same(&now, &plan.after, Clone::clone);
        let is_after_hidden = is_same(&now, &plan.after, hidden);
        all_before &= is_before;
        all_after &= is_after;
        all_after_hidden &= is_after || is_after_hidden;
        if !is_before && !is_after && !is_after_hidden {
            let places: Vec<&str> = now.keys().map(|index| index.as_str()).collect();
            moved.push(format!("`{}` is on [{}]", plan.alias, places.join(", ")));
        }
    }
    if all_after {
        Whereabouts::After
    } else if all_after_hidden {
        Whereabouts::AfterHidden
    } else if all_before {
        Whereabouts::Before
    } else {
        Whereabouts::Elsewhere(elsewhere(&moved))
    }
}

fn elsewhere(moved: &[String]) -> Problem {
    let detail = if moved.is_empty() {
        "some are on the old set, some on the new one".to_owned()
    } else {
        moved.join("; ")
    };
    problem(
        "R0602",
        format!("aliases are neither where the plan saw them nor where it wants them: {detail}"),
        "somebody else changed aliases during the run; bring them all back to the old set or all to the new one, then run the same command again",
    )
}

/// Index → properties of one alias.
type Bearers<'a> = BTreeMap<&'a String, &'a Map<String, Value>>;

fn is_same(
    now: &Bearers<'_>,
    planned: &BTreeMap<String, Value>,
    shown_as: impl Fn(&Map<String, Value>) -> Map<String, Value>,
) -> bool {
    let properties = |index: &String| planned.get(index).and_then(Value::as_object).map(&shown_as);
    now.len() == planned.len()
        && now.iter().all(|(index, now)| properties(index).is_some_and(|planned| planned == **now))
}

fn hidden(properties: &Map<String, Value>) -> Map<String, Value> {
    let mut properties = properties.clone();
    properties.insert("is_hidden".to_owned(), Value::Bool(true));
    properties
}

/// The one call that moves every alias of every tenant.
fn moving(plans: &[AliasPlan], guard: Guard) -> Vec<AliasAction> {
    let must_exist = (guard == Guard::MustExist).then_some(true);
    let mut actions = Vec::new();
    for plan in plans {
        for index in plan.before.keys().filter(|index| !plan.after.contains_key(*index)) {
            actions.push(AliasAction::Remove {
                index: index.clone(),
                alias: plan.alias.clone(),
                must_exist,
            });
        }
        actions.extend(adding(plan, |properties| match guard {
            Guard::MustExist => properties.clone(),
            Guard::Hidden => hidden(properties),
        }));
    }
    actions
}

/// The call that shows aliases again which [`Guard::Hidden`] hid.
fn showing(plans: &[AliasPlan]) -> Vec<AliasAction> {
    plans.iter().flat_map(|plan| adding(plan, Clone::clone)).collect()
}

fn adding(
    plan: &AliasPlan,
    shown_as: impl Fn(&Map<String, Value>) -> Map<String, Value>,
) -> impl Iterator<Item = AliasAction> {
    plan.after.iter().map(move |(index, properties)| AliasAction::Add {
        index: index.clone(),
        alias: plan.alias.clone(),
        properties: shown_as(properties.as_object().unwrap_or(&Map::new())),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan() -> AliasPlan {
        AliasPlan {
            alias: "a".to_owned(),
            before: BTreeMap::from([("old".to_owned(), json!({"index_routing": "1"}))]),
            after: BTreeMap::from([("new".to_owned(), json!({"index_routing": "1"}))]),
        }
    }

    fn table(entries: &[(&str, Value)]) -> AliasTable {
        let mut table = AliasTable::from([("other".to_owned(), BTreeMap::new())]);
        for (index, properties) in entries {
            let properties = properties.as_object().cloned().unwrap_or_default();
            table.insert((*index).to_owned(), BTreeMap::from([("a".to_owned(), properties)]));
        }
        table
    }

    #[test]
    fn aliases_are_before_after_or_elsewhere() {
        let routed = json!({"index_routing": "1"});
        let cases = [
            (table(&[("old", routed.clone())]), Whereabouts::Before),
            (table(&[("new", routed.clone())]), Whereabouts::After),
            (
                table(&[("new", json!({"index_routing": "1", "is_hidden": true}))]),
                Whereabouts::AfterHidden,
            ),
        ];
        for (table, expected) in cases {
            assert_eq!(where_aliases_are(&[plan()], &table), expected);
        }
        for table in [
            table(&[]),
            table(&[("old", routed.clone()), ("new", routed.clone())]),
            table(&[("third", routed)]),
            table(&[("old", json!({}))]),
        ] {
            assert!(
                matches!(where_aliases_are(&[plan()], &table), Whereabouts::Elsewhere(_)),
                "{table:?}"
            );
        }
    }

    #[test]
    fn half_moved_tenants_are_elsewhere() {
        let mut second = plan();
        second.alias = "b".to_owned();
        let mut table = table(&[("old", json!({"index_routing": "1"}))]);
        let properties = json!({"index_routing": "1"}).as_object().cloned().unwrap_or_default();
        table.insert("new".to_owned(), BTreeMap::from([("b".to_owned(), properties)]));
        assert!(matches!(where_aliases_are(&[plan(), second], &table), Whereabouts::Elsewhere(_)));
    }

    #[test]
    fn every_removal_is_guarded() {
        let with_must_exist = moving(&[plan()], Guard::MustExist);
        assert!(matches!(&with_must_exist[0], AliasAction::Remove { must_exist: Some(true), .. }));
        let hiding = moving(&[plan()], Guard::Hidden);
        assert!(matches!(&hiding[0], AliasAction::Remove { must_exist: None, .. }));
        assert!(
            matches!(&hiding[1], AliasAction::Add { properties, .. } if properties["is_hidden"] == json!(true))
        );
        assert!(
            matches!(&showing(&[plan()])[0], AliasAction::Add { properties, .. } if !properties.contains_key("is_hidden"))
        );
    }
}

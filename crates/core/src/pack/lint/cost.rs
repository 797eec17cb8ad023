//! L4: work, memory and disk that nobody needs.

use super::{effect::Effect, rule};
use crate::{
    pack::{
        check::lineage::{Flow, Hop, hops, same_fields},
        diagnostic::Findings,
        draft::{Draft, DraftRelease},
        model::Partition,
        wire::{Fate, IndexStepWire, OperationWire},
    },
    transform::operation::Operation,
};

pub(super) fn check(draft: &Draft, findings: &mut Findings) {
    for hop in hops(draft) {
        for (key, entry) in &hop.step.indices {
            check_unchanged(hop, (key, entry), findings);
            check_nulls((key, entry), findings);
        }
        check_stop(hop, findings);
        check_twice(hop, findings);
    }
    check_shards(draft, findings);
}

fn check_unchanged(hop: Hop<'_>, (key, entry): (&str, &IndexStepWire), findings: &mut Findings) {
    let Some(Fate::Migrate { from, operations, way_back, partition }) = &entry.fate else { return };
    let partitions = |release: &DraftRelease| release.index(key).map(|index| index.partitions);
    let is_same = from.iter().all(|from| from.value == key)
        && partition.is_none()
        && partitions(hop.before) == partitions(hop.release);
    let says_nothing = operations.all.is_empty()
        && way_back.irreversible.is_none()
        && way_back.down.as_ref().is_none_or(|down| down.operations.all.is_empty());
    let mappings = hop.before.mappings.get(key).zip(hop.release.mappings.get(key));
    if is_same && says_nothing && mappings.is_some_and(|(old, new)| same_fields(old, new)) {
        let message = format!(
            "`{key}` is migrated without an operation, and its mapping is the same as in {}",
            hop.before.version
        );
        let fix = format!("write `{key}: unchanged`, which is also checked");
        findings.lint((rule::MIGRATED_UNCHANGED, key.to_owned()), &entry.place, message, fix);
    }
}

fn check_nulls((key, entry): (&str, &IndexStepWire), findings: &mut Findings) {
    let Some(Fate::Migrate { from: _, operations, way_back: _, partition: _ }) = &entry.fate else {
        return;
    };
    for wire in operations.all.iter().flat_map(OperationWire::with_inner) {
        let (Effect::Written { field, value } | Effect::Filled { field, value }) =
            Effect::of(&wire.operation)
        else {
            continue;
        };
        if value.is_null() {
            let message = format!(
                "this writes `null` as `{field}` into every document, which searches take for a missing field"
            );
            let fix = format!("write `remove: {{fields: [{field}]}}`, or leave the operation out");
            findings.lint(
                (rule::NULL_WRITTEN, format!("{key}.{field}")),
                wire.value_place("value"),
                message,
                fix,
            );
        }
    }
}

/// A stop costs one more copy of everything. A release that changes no document gives no reason for one.
fn check_stop(hop: Hop<'_>, findings: &mut Findings) {
    let stop = &hop.step.required_stop;
    let changes = |entry: &IndexStepWire| matches!(&entry.fate, Some(Fate::Migrate { from: _, operations, way_back: _, partition: _ }) if !operations.all.is_empty());
    if stop.value && !hop.step.indices.values().any(changes) {
        let message = format!(
            "every upgrade has to stop at {}, though its step changes no document",
            hop.release.version
        );
        let fix = "leave `required_stop` out: the step costs nothing within a longer upgrade";
        findings.lint(
            (rule::STOP_FOR_NOTHING, "required_stop".to_owned()),
            &stop.place,
            message,
            fix.to_owned(),
        );
    }
}

fn check_twice(hop: Hop<'_>, findings: &mut Findings) {
    let flows: Vec<_> = hop.flows().collect();
    for (position, flow) in flows.iter().enumerate() {
        let is_copy = |earlier: &&Flow<'_>| {
            earlier.source_key == flow.source_key
                && program(earlier.entry) == program(flow.entry)
                && hop.release.mappings.get(earlier.key) == hop.release.mappings.get(flow.key)
        };
        let earlier = flows.get(..position).unwrap_or_default().iter().find(is_copy);
        if let Some(earlier) = earlier {
            let message = format!(
                "`{}` and `{}` both get all documents of `{}`, in the same way",
                earlier.key, flow.key, flow.source_key
            );
            let fix = "keep one of them, or write `new` for the one that may start empty";
            findings.lint(
                (rule::COPIED_TWICE, flow.key.to_owned()),
                &flow.entry.place,
                message,
                fix.to_owned(),
            );
        }
    }
}

fn program(entry: &IndexStepWire) -> Vec<&Operation> {
    let operations: &[OperationWire] = match &entry.fate {
        Some(Fate::Migrate { from: _, operations, way_back: _, partition: _ }) => &operations.all,
        Some(Fate::Unchanged | Fate::New | Fate::NewLike { .. } | Fate::Dropped) | None => &[],
    };
    operations.iter().map(|wire| &wire.operation).collect()
}

/// How many primary shards a year one index of one tenant may begin before it is told. Engines advise against more than
/// about a thousand on a node, for all indices and tenants.
const SHARDS_A_YEAR_MAX: u32 = 400;

fn check_shards(draft: &Draft, findings: &mut Findings) {
    for release in draft.made() {
        for (key, index) in release.indices() {
            // Of several kinds it is not known which ones the application begins; the longest begin the fewest.
            let longest = index.partitions.and_then(|partitions| partitions.kinds().last());
            let partitions = match longest {
                Some(Partition::Day) => 365,
                Some(Partition::Week) => 52,
                Some(Partition::Month) => 12,
                Some(Partition::Quarter) => 4,
                Some(Partition::Year) | None => 1,
            };
            let Some(shards) = &index.shards else { continue };
            let count = shards.value.saturating_mul(partitions);
            if partitions > 1 && count > SHARDS_A_YEAR_MAX {
                let message = format!(
                    "`{key}` begins {count} primary shards a year for every tenant: {partitions} partitions of {} each",
                    shards.value
                );
                let fix = "write `shards: 1`: partitions part the documents already";
                findings.lint(
                    (rule::SHARDS_A_YEAR, key.to_owned()),
                    &shards.place,
                    message,
                    fix.to_owned(),
                );
            }
        }
    }
}

//! What always holds, numbered as in the design. Each is a predicate over the world; the world asks them after every event
//! that could break them.

use std::collections::BTreeMap;

use lockstep_core::run::state::{Problem, RunState, Stage};

use super::{
    history::History,
    journal::{Key, Marks, Record},
    shape::{Content, Id, Set, Step},
    world::World,
};

/// An invariant that didn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Its name.
    pub(crate) name: &'static str,
    /// How it showed.
    pub(crate) story: String,
}

/// Whether it holds.
pub(crate) type Verdict = Result<(), Violation>;

fn broken(name: &'static str, story: impl Into<String>) -> Verdict {
    Err(Violation { name, story: story.into() })
}

/// What the documents of the old set become, by index and id, as primaries hold them; and whether two become one.
fn spread(world: &World) -> (BTreeMap<(usize, Id), Content>, bool) {
    let (mut made, mut is_clash) = (BTreeMap::new(), false);
    for (position, id) in documents(world) {
        let entry = world.cluster.entry((Set::Old, position), id);
        let Some(content) = entry.and_then(|entry| entry.content) else { continue };
        for letter in world.shape.letters(position, content) {
            let before = made.insert((letter.position, letter.id), letter.content);
            is_clash |= before.is_some();
        }
    }
    (made, is_clash)
}

/// What indices of the new set hold that documents are delivered to.
pub(crate) fn what_is_delivered(world: &World) -> BTreeMap<(usize, Id), Content> {
    let mut found = BTreeMap::new();
    for ((set, position, _), shard) in world.cluster.places() {
        if set != Set::New {
            continue;
        }
        for (id, entry) in shard.entries() {
            found.extend(entry.content.map(|content| ((position, *id), content)));
        }
    }
    found
}

/// I3, where documents don't come one to one: when the aliases move, the new set holds all that the old set's documents become,
/// and nothing else.
pub(crate) fn all_is_delivered(world: &World) -> Verdict {
    let (made, is_clash) = spread(world);
    if is_clash {
        return broken("I3", "two documents become one, and one of them is lost");
    }
    let found = what_is_delivered(world);
    if made == found { Ok(()) } else { broken("I3", format!("{made:?} became {found:?}")) }
}

/// I1 and I2: what was delivered stays as it is, whatever arrives late.
pub(crate) fn delivered_stays(world: &World) -> Verdict {
    let Some(delivered) = &world.delivered else { return Ok(()) };
    let found = what_is_delivered(world);
    if *delivered == found {
        Ok(())
    } else {
        broken("I1", format!("after the switch {delivered:?} became {found:?}"))
    }
}

fn documents(world: &World) -> impl Iterator<Item = (usize, Id)> + use<> {
    let ids = u8::try_from(world.shape.ids).expect("there are few ids");
    (0..world.shape.indices.len()).flat_map(move |position| (0..ids).map(move |id| (position, id)))
}

/// I1 and I2: every document of the live set is as the application's history allows: no acknowledged write is lost, and
/// nothing that was deleted is there again. Writes whose outcome the application doesn't know may have happened or not.
pub(crate) fn live_set_is_what_was_written(world: &World, history: &History) -> Verdict {
    for (position, id) in documents(world) {
        let set = world.cluster.aliases[position];
        let step = world.shape.indices[position].step;
        if step == Step::Spread && set == Set::New {
            continue;
        }
        let found = world.cluster.entry((set, position), id).and_then(|entry| entry.content);
        let found = match (found, set, step.form(Set::New, 1)) {
            (Some(content), Set::New, 2) if content % 2 == 1 => {
                return broken("I1", format!("{position}/{id} never had content {content}"));
            }
            (Some(content), Set::New, 2) => Some(content / 2),
            (found, ..) => found,
        };
        if history.allows(position, id, found) {
            continue;
        }
        let story = format!("document {id} of index {position} is {found:?} in the {set:?} set");
        let is_back = found.is_some() && history.is_deleted(position, id);
        return broken(if is_back { "I2" } else { "I1" }, story);
    }
    Ok(())
}

/// I3: when the aliases move, the set that they move to is what the steps make of the one that they leave.
pub(crate) fn sets_are_equal(world: &World, from: Set) -> Verdict {
    for (position, id) in documents(world) {
        let content = |set| world.cluster.entry((set, position), id).and_then(|e| e.content);
        let (left, entered) = (content(from), content(from.other()));
        let made = left
            .and_then(|content| world.shape.indices[position].step.apply(from.other(), content));
        if made != entered || made.is_some() != left.is_some() {
            let story = format!("{position}/{id}: {left:?} in the {from:?} set, then {entered:?}");
            return broken("I3", story);
        }
    }
    Ok(())
}

/// I4: all tenants are on the old set, or all on the new one.
pub(crate) fn tenants_are_together(world: &World) -> Verdict {
    let live = world.cluster.live();
    if world.cluster.aliases.iter().any(|set| *set != live) {
        return broken("I4", format!("aliases are on {:?}", world.cluster.aliases));
    }
    Ok(())
}

/// I5: once a driver has acted under its lease, no earlier one moves the run.
pub(crate) fn only_one_driver_moves_the_run(world: &World, driver: u64) -> Verdict {
    if driver < world.acted {
        let story = format!("driver {driver} moved the run after driver {} had acted", world.acted);
        return broken("I5", story);
    }
    Ok(())
}

/// I6: what the journal calls done was done: where the run says that it is.
pub(crate) fn state_is_true(world: &World, state: &RunState) -> Verdict {
    let cluster = &world.cluster;
    let on = |set| cluster.aliases.iter().all(|alias| *alias == set);
    let into = world.shape.carried_into();
    let are_there = (0..cluster.aliases.len()).all(|position| {
        [Set::New, into].iter().all(|set| cluster.indices.contains_key(&(*set, position)))
    });
    let is_true = match state {
        RunState::Preparing | RunState::Halted { .. } => true,
        RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. } => are_there && on(Set::Old) && cluster.is_writable(Set::Old),
        RunState::Fencing { .. } => are_there && on(Set::Old),
        // Only rehearsals do, and the model has none.
        RunState::Rehearsing { .. } => false,
        RunState::Switching { .. } => are_there && cluster.is_blocked(Set::Old),
        RunState::Switched => {
            let is_closed = cluster.is_blocked(Set::Old) || world.journal.is_flow_open();
            on(Set::New) && cluster.is_shut(Set::Old) && is_closed && cluster.is_writable(Set::New)
        }
        RunState::Finalized => {
            on(Set::New) && cluster.is_blocked(Set::Old) && cluster.is_writable(Set::New)
        }
        RunState::Returning { .. } => {
            on(Set::New) && cluster.is_shut(Set::Old) && cluster.is_writable(Set::New)
        }
        RunState::ReturnFencing { .. } | RunState::Staying => {
            on(Set::New) && cluster.is_shut(Set::Old)
        }
        RunState::ReturnSwitching { .. } => cluster.is_blocked(Set::New),
        RunState::Returned => {
            on(Set::Old) && cluster.is_blocked(Set::New) && cluster.is_writable(Set::Old)
        }
        RunState::Aborting => on(Set::Old),
        RunState::Aborted => {
            let is_dropped = cluster.indices.keys().all(|name| name.0 == Set::Old);
            on(Set::Old) && is_dropped && cluster.is_writable(Set::Old)
        }
    };
    if is_true { Ok(()) } else { broken("I6", format!("the journal says {state}, which isn't so")) }
}

/// I6: what the journal calls done was done: everything up to a mark was taken by the set that it is carried into.
pub(crate) fn marks_are_true(world: &World, to: Set, marks: &Marks) -> Verdict {
    let Some(bases) = world.bases(to) else { return Ok(()) };
    if matches!(world.journal.state(), Some(RunState::Aborting | RunState::Aborted)) {
        // The new set is being dropped, and with it what was carried.
        return Ok(());
    }
    for ((position, shard), mark) in marks {
        let Some(source) = world.cluster.shard((to.other(), *position, *shard)) else { continue };
        // What was there before the way back began is not its business.
        let first = world.first_number(to, (*position, *shard));
        let there = world.cluster.terms_into(to, *position);
        let into = if to == Set::New { world.shape.carried_into() } else { to };
        let cloned =
            if to == Set::New { world.journal.cloned_up_to((*position, *shard)) } else { -1 };
        let is_same = mark.terms == (source.term(), there);
        if !is_same && (mark.terms != (0, 0) || source.term() > 1) {
            // A primary failed since: what its last operations hid may show again, and a copy be gone that nobody
            // waited for, until all is compared once more.
            continue;
        }
        for (id, entry) in source.entries() {
            let is_there = entry.number < first || entry.number <= cloned;
            if entry.content.is_none() || entry.number > mark.covered || is_there {
                continue;
            }
            let number = u64::try_from(entry.number).expect("numbers begin at 0");
            let version = bases[*position] + number;
            let there = world.cluster.entry((into, *position), *id);
            if there.is_none_or(|there| there.version < version)
                && !(to == Set::Old && world.journal.is_rejected((*position, *id)))
            {
                let story = format!(
                    "marked as carried up to {}, but {position}/{id} of number {number} wasn't: {there:?}",
                    mark.covered
                );
                return broken("I6", story);
            }
        }
    }
    Ok(())
}

/// I7: from the decision to switch to the end, nothing but the way back, and what flows it, writes to the old set.
pub(crate) fn old_set_rests(world: &World, is_application: bool) -> Verdict {
    let Some(state) = world.journal.state() else { return Ok(()) };
    let rests = match state {
        RunState::Switching { .. } | RunState::Finalized => true,
        RunState::Switched => is_application,
        RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Staying => is_application && world.cluster.live() == Set::New,
        RunState::Halted { stage, .. } => {
            *stage == Stage::Switch || (is_application && world.cluster.live() == Set::New)
        }
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. }
        | RunState::Returned
        | RunState::Aborting
        | RunState::Aborted => false,
    };
    if rests {
        broken("I7", format!("a run that is {state} let the old set change"))
    } else {
        Ok(())
    }
}

/// I6: between the switch and the way back nothing is opened without a record that says so, for whoever comes next.
pub(crate) fn guard_is_told(world: &World) -> Verdict {
    let is_told = match world.journal.state() {
        Some(RunState::Switched) => world.journal.is_flow_open(),
        Some(RunState::Returning { .. }) => true,
        _other => false,
    };
    if is_told {
        Ok(())
    } else {
        let state = world.journal.state();
        broken("I6", format!("the old set was opened for Lockstep, and the run is {state:?}"))
    }
}

/// I8: once a next driver has run, the run rests, and the application is writable on exactly one set.
pub(crate) fn application_is_writable(world: &World) -> Verdict {
    tenants_are_together(world)?;
    let state = world.journal.state();
    let rests =
        state.is_none_or(|state| state.is_final() || matches!(state, RunState::Halted { .. }));
    if !rests {
        return broken("I8", format!("the run still is {state:?}"));
    }
    let live = world.cluster.live();
    if !world.cluster.is_writable(live) {
        return broken("I8", format!("the live set, {live:?}, is blocked; the run is {state:?}"));
    }
    if live == Set::New && !world.cluster.is_shut(Set::Old) {
        return broken("I8", format!("both sets take writes; the run is {state:?}"));
    }
    if live == Set::New && world.cluster.has_guard(Set::Old) && !is_returning(state) {
        return broken("I8", format!("writers wait at the old set; the run is {state:?}"));
    }
    Ok(())
}

fn is_returning(state: Option<&RunState>) -> bool {
    matches!(state, Some(RunState::Halted { stage: Stage::Return | Stage::ReturnFence, .. }))
}

/// Nobody is asked for help without a cause: nobody else writes here, so documents differ only for as long as they are
/// carried over.
pub(crate) fn alarm_is_true(world: &World, state: &RunState) -> Verdict {
    match state {
        RunState::Halted { problem, .. } => has_cause(world, problem),
        _other => Ok(()),
    }
}

/// The same of one problem.
pub(crate) fn has_cause(world: &World, problem: &Problem) -> Verdict {
    let has_cause = match problem.code.as_str() {
        super::driver::REJECTED | super::driver::UNREADABLE => world.had_poison,
        super::driver::NO_EFFECT | super::driver::COPIES_LAG => true,
        super::driver::CLASH => world.shape.may_clash,
        // A search sees now a write, now what was before it, for as long as a copy lags behind.
        super::driver::UNSTABLE => {
            world.cluster.places().any(|(_, shard)| shard.is_lagging()) || spread(world).1
        }
        _other => false,
    };
    if has_cause {
        Ok(())
    } else {
        broken("alarm", format!("{}: {}", problem.code, problem.message))
    }
}

/// I9: repeating a finished run changes nothing. A fingerprint of everything that a run could change.
pub(crate) fn fingerprint(world: &World) -> String {
    let logs: Vec<_> = world.cluster.places().map(|(place, s)| (place, s.highest())).collect();
    let locks: Vec<_> = world.cluster.indices.iter().map(|(name, i)| (name, i.lock)).collect();
    let run = match world.journal.read(Key::Run).map(|kept| &kept.record) {
        Some(Record::Run { state, .. }) => format!("{state:?}"),
        _other => String::new(),
    };
    format!("{logs:?} {locks:?} {:?} {run}", world.cluster.aliases)
}

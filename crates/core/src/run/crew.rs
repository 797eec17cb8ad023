//! The crew: processes that share the tasks of a run. Who holds a task, when a holder is dead, and which tasks a worker takes.
//!
//! Every worker holds a *place*, a numbered record that it renews. Clocks of two machines are never compared: an observer
//! measures by its own clock how long a place was silent, and then takes it from its holder by compare-and-swap, which
//! fails when the holder lives after all. A task may be taken once its holder has its place no more.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::task::Task;

/// A place that wasn't renewed for this long is taken from its holder. Several renewals may be lost in that time.
pub const SILENCE_MAX: Duration = Duration::from_secs(12);

/// Who holds a task: a place, and the number under which it was taken. No two processes ever have both in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// The place, from 0.
    pub place: u32,
    /// The fencing number of the place: higher for every new holder.
    pub number: u64,
}

/// A place as the journal has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The fencing number of its last holder.
    pub number: u64,
    /// Counts renewals.
    pub beat: u64,
    /// Whether nobody holds it.
    pub is_free: bool,
}

/// All places that were ever taken, by their number.
pub type Crew = BTreeMap<u32, Place>;

/// Whether a holder has its place still. One whose place was never written can't be anybody.
pub fn holds(holder: Holder, crew: &Crew) -> bool {
    crew.get(&holder.place).is_some_and(|place| !place.is_free && place.number == holder.number)
}

/// What a task is to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Every document of it was acknowledged.
    Done,
    /// Nobody holds it, or somebody who has no place any more: it may be taken.
    Open,
    /// This worker holds it.
    Own,
    /// Somebody else does, who may live.
    Held(Holder),
}

/// What a task is to the worker `me`.
pub fn standing(task: &Task, holder: Option<Holder>, me: Holder, crew: &Crew) -> Standing {
    match holder {
        _ if task.next().is_none() => Standing::Done,
        Some(holder) if holder == me => Standing::Own,
        Some(holder) if holds(holder, crew) => Standing::Held(holder),
        Some(_) | None => Standing::Open,
    }
}

/// How many tasks a worker should hold at the same time: enough for all its windows and some to go on with at once, but no
/// more than its part of what is left, so that nobody is without work while others have some waiting.
pub fn tasks_wanted(left: usize, workers: usize, windows: usize) -> usize {
    let fair = left.div_ceil(workers.max(1));
    (windows + windows / 2).min(fair).max(1)
}

/// The tasks that a worker takes next, at most `count`, of those that it may take and isn't working on. Low numbers of all
/// shards come first, which spreads workers over shards and their nodes; each worker begins elsewhere in that order, so
/// that they don't all reach for the same ones.
pub fn choose<'t>(
    tasks: impl Iterator<Item = (&'t Task, Option<Holder>)>,
    me: Holder,
    (crew, at_work): (&Crew, &BTreeSet<u32>),
    count: usize,
) -> Vec<u32> {
    let mut open: Vec<(i64, u32)> = tasks
        .filter(|(task, _)| !at_work.contains(&task.ordinal))
        .filter(|(task, holder)| match standing(task, *holder, me, crew) {
            // Its own that it isn't working on: it let go of it in a moment when it couldn't say so.
            Standing::Open | Standing::Own => true,
            Standing::Done | Standing::Held(_) => false,
        })
        .map(|(task, _)| (task.first, task.ordinal))
        .collect();
    open.sort_unstable();
    if open.is_empty() {
        return Vec::new();
    }
    let before_me = crew.range(..me.place).filter(|(_, place)| !place.is_free).count();
    let begin = before_me.saturating_mul(count) % open.len();
    open.rotate_left(begin);
    open.into_iter().take(count).map(|(_, ordinal)| ordinal).collect()
}

/// What an observer saw of places, and when, by its own clock.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    seen: BTreeMap<u32, (Place, Duration)>,
}

impl Watch {
    /// Takes in what a place is now. Gives whether its holder has been silent for too long. `now` counts from any moment that
    /// stays the same for this observer.
    pub fn is_silent(&mut self, number: u32, place: Place, now: Duration) -> bool {
        let (before, since) = self.seen.entry(number).or_insert((place, now));
        if *before != place {
            (*before, *since) = (place, now);
        }
        !place.is_free && now.saturating_sub(*since) >= SILENCE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::task::{Cursor, Stretch, cut},
        *,
    };

    const ME: Holder = Holder { place: 1, number: 4 };

    fn place(number: u64, beat: u64) -> Place {
        Place { number, beat, is_free: false }
    }

    fn crew() -> Crew {
        let left = Place { is_free: true, ..place(7, 9) };
        [(0, place(2, 5)), (1, place(4, 0)), (2, left)].into()
    }

    fn tasks(count: i64) -> Vec<Task> {
        cut(&[Stretch { index: 0, shard: 0, first: 0, last: count * 10 - 1 }], 1, 0, 10)
    }

    #[test]
    fn a_task_is_taken_only_from_who_has_no_place_any_more() {
        let task = &tasks(1)[0];
        let cases = [
            (None, Standing::Open),
            (Some(ME), Standing::Own),
            (Some(Holder { place: 0, number: 2 }), Standing::Held(Holder { place: 0, number: 2 })),
            // Its place has another holder now, was given back, or never was.
            (Some(Holder { place: 0, number: 1 }), Standing::Open),
            (Some(Holder { place: 2, number: 7 }), Standing::Open),
            (Some(Holder { place: 9, number: 1 }), Standing::Open),
            (Some(Holder { number: 3, ..ME }), Standing::Open),
        ];
        for (holder, expected) in cases {
            assert_eq!(standing(task, holder, ME, &crew()), expected, "{holder:?}");
        }
        let done = Task { cursor: Cursor::Done, ..task.clone() };
        let holder = Some(Holder { place: 0, number: 2 });
        assert_eq!(standing(&done, holder, ME, &crew()), Standing::Done);
    }

    #[test]
    fn workers_begin_at_different_tasks_and_leave_those_of_the_living() {
        let tasks = tasks(8);
        let none = BTreeSet::new();
        let pick = |me: Holder, held: Option<Holder>, at_work: &BTreeSet<u32>| {
            let with = tasks.iter().map(|task| (task, held.filter(|_| task.ordinal < 4)));
            choose(with, me, (&crew(), at_work), 3)
        };
        let first = Holder { place: 0, number: 2 };
        assert_eq!(pick(first, None, &none), [0, 1, 2]);
        assert_eq!(pick(ME, None, &none), [3, 4, 5]);
        assert_eq!(pick(ME, Some(first), &none), [7, 4, 5]);
        assert_eq!(pick(ME, Some(Holder { number: 1, ..first }), &none), [3, 4, 5]);
        // What it holds and isn't working on is taken up again.
        assert_eq!(pick(first, Some(first), &[0, 2].into()), [1, 3, 4]);
        assert!(choose(std::iter::empty(), ME, (&crew(), &none), 3).is_empty());
    }

    #[test]
    fn nobody_takes_more_than_its_part() {
        let cases = [(500, 1, 4, 6), (500, 3, 4, 6), (7, 3, 4, 3), (2, 3, 4, 1), (0, 0, 1, 1)];
        for (left, workers, windows, expected) in cases {
            assert_eq!(tasks_wanted(left, workers, windows), expected, "{left} {workers}");
        }
    }

    #[test]
    fn a_place_is_silent_only_when_the_observer_saw_nothing_for_long() {
        let mut watch = Watch::default();
        let at = Duration::from_secs;
        let cases = [
            (at(0), place(1, 0), false),
            (at(11), place(1, 0), false),
            // Seen again shortly before the end.
            (at(11), place(1, 1), false),
            (at(22), place(1, 1), false),
            (at(23), place(1, 1), true),
            // Another holder begins anew; nobody is silent in a free place.
            (at(23), place(2, 1), false),
            (at(24), Place { is_free: true, ..place(2, 1) }, false),
            (at(99), Place { is_free: true, ..place(2, 1) }, false),
        ];
        for (now, place, expected) in cases {
            assert_eq!(watch.is_silent(0, place, now), expected, "{now:?} {place:?}");
        }
    }
}

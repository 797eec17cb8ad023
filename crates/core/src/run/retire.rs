//! Which indices of old sets may go for good. Decided from what the journal says, what was seen of the cluster, and what was
//! noted earlier; nothing is looked at here.
//!
//! A set is retired whole or not at all: half of one can't be brought back as a set.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::state::RunState;

/// How long a set has to rest before it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Since its way back was given up.
    pub older_than: Duration,
    /// Without a read or a write, as far as that was noted.
    pub unused_for: Duration,
}

/// What was done with an index until now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Searches by others; counted from 0 again when a copy of a shard is started anew.
    pub searches: u64,
    /// Documents that were asked for by their ids; counted in the same way.
    pub gets: u64,
    /// The highest number of each primary's log; it only grows.
    pub seq_nos: BTreeMap<u32, i64>,
}

/// What happened between two looks at an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Nothing.
    None,
    /// Something was written or deleted.
    Written,
    /// It was read, that often.
    Read(u64),
    /// Counters went back, or a shard is missing: nobody can tell.
    Unknown,
}

impl Counters {
    /// What happened since an earlier look.
    pub fn since(&self, earlier: &Self) -> Use {
        if !self.seq_nos.keys().eq(earlier.seq_nos.keys()) {
            return Use::Unknown;
        }
        if self.seq_nos != earlier.seq_nos {
            return Use::Written;
        }
        let searches = self.searches.checked_sub(earlier.searches);
        let gets = self.gets.checked_sub(earlier.gets);
        match (searches, gets) {
            (Some(0), Some(0)) => Use::None,
            (Some(searches), Some(gets)) => Use::Read(searches.saturating_add(gets)),
            (None, _) | (_, None) => Use::Unknown,
        }
    }
}

/// What is known of an index that a run left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its unique id, as it was journalled.
    pub uuid: String,
    /// What has its name now; nothing when there is no such index.
    pub found: Option<Found>,
    /// What was noted at an earlier look, and how long ago.
    pub noted: Option<(Counters, Duration)>,
    /// The run that may still need it.
    pub wanted_by: Option<String>,
    /// Whether a retirement before this one began to delete it.
    pub is_begun: bool,
}

/// What has the name of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its unique id.
    pub uuid: String,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// What was done with it; nothing when it is closed.
    pub counters: Option<Counters>,
}

/// What becomes of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is none of its unique id any more.
    Gone,
    /// It may go.
    Due,
    /// It stays for now: in time it may go, by itself.
    Waits(Reason),
    /// It stays until somebody does something.
    Stays(Reason),
}

/// Why an index stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Reason {
    /// The way back still needs it.
    NotFinalized {
        /// The state of its run.
        state: String,
    },
    /// Its way back was given up not long ago.
    TooYoung {
        /// Seconds until it is old enough.
        left_seconds: u64,
    },
    /// Another run works with it, or could go back to it.
    Wanted {
        /// The run.
        run: String,
    },
    /// Another index has its name.
    OtherUuid {
        /// Its unique id.
        found: String,
    },
    /// Somebody can reach it by an alias.
    Aliased {
        /// Which.
        aliases: Vec<String>,
    },
    /// It is closed, so nobody can tell whether it was used.
    Closed,
    /// Somebody wrote to it.
    Written,
    /// Somebody read it.
    Read {
        /// How often.
        count: u64,
    },
    /// The engine counts anew.
    Recounted,
    /// Its use is noted for the first time.
    FirstNoted {
        /// Seconds until it may go.
        left_seconds: u64,
    },
    /// It was unused, but not for long enough.
    Watched {
        /// Seconds until it may go.
        left_seconds: u64,
    },
}

/// Whether the way back to the sources of a run is given up, and for how long.
///
/// It is once the run is finalized. A run that stayed switched while a later one of the same application was finalized has
/// none either: only the last run can be gone back. `later` are the runs after it, the nearest first.
pub fn given_up<'a, T: Copy>(
    (state, since): (&RunState, T),
    later: impl IntoIterator<Item = (&'a RunState, T)>,
) -> Option<T> {
    match state {
        RunState::Finalized => Some(since),
        RunState::Switched => later
            .into_iter()
            .find(|(state, _)| **state == RunState::Finalized)
            .map(|(_, since)| since),
        RunState::Preparing
        | RunState::Copying { .. }
        | RunState::Settling { .. }
        | RunState::Verifying { .. }
        | RunState::Holding { .. }
        | RunState::Fencing { .. }
        | RunState::Rehearsing { .. }
        | RunState::Switching { .. }
        | RunState::Returning { .. }
        | RunState::ReturnFencing { .. }
        | RunState::ReturnSwitching { .. }
        | RunState::Returned
        | RunState::Staying
        | RunState::Halted { .. }
        | RunState::Aborting
        | RunState::Aborted => None,
    }
}

/// Whether an index may go; of a set that is old enough.
pub fn judge(facts: &Facts, rules: &Rules) -> Verdict {
    let Facts { uuid, found, noted, wanted_by, is_begun } = facts;
    let Some(found) = found else { return Verdict::Gone };
    if found.uuid != *uuid {
        // One that was being deleted is gone, whatever was made in its place.
        let reason = Reason::OtherUuid { found: found.uuid.clone() };
        return if *is_begun { Verdict::Gone } else { Verdict::Stays(reason) };
    }
    if let Some(run) = wanted_by {
        return Verdict::Stays(Reason::Wanted { run: run.clone() });
    }
    if !found.aliases.is_empty() {
        return Verdict::Stays(Reason::Aliased { aliases: found.aliases.clone() });
    }
    let Some(counters) = &found.counters else { return Verdict::Stays(Reason::Closed) };
    let Some((earlier, ago)) = noted else {
        let left_seconds = seconds_left(rules.unused_for, Duration::ZERO);
        return Verdict::Waits(Reason::FirstNoted { left_seconds });
    };
    match counters.since(earlier) {
        Use::Written => Verdict::Stays(Reason::Written),
        Use::Read(count) => Verdict::Stays(Reason::Read { count }),
        Use::Unknown => Verdict::Waits(Reason::Recounted),
        Use::None if *ago < rules.unused_for => {
            let left_seconds = seconds_left(rules.unused_for, *ago);
            Verdict::Waits(Reason::Watched { left_seconds })
        }
        Use::None => Verdict::Due,
    }
}

/// How long a wait still lasts; a part of a second that is left is a second.
pub fn seconds_left(wait: Duration, ago: Duration) -> u64 {
    let left = wait.saturating_sub(ago);
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

impl Verdict {
    /// Whether what is seen now has to be noted, as the beginning of another wait.
    pub fn is_noted_anew(&self) -> bool {
        match self {
            Self::Gone | Self::Due => false,
            Self::Waits(reason) | Self::Stays(reason) => match reason {
                Reason::Written
                | Reason::Read { .. }
                | Reason::Recounted
                | Reason::FirstNoted { .. } => true,
                Reason::NotFinalized { .. }
                | Reason::TooYoung { .. }
                | Reason::Wanted { .. }
                | Reason::OtherUuid { .. }
                | Reason::Aliased { .. }
                | Reason::Closed
                | Reason::Watched { .. } => false,
            },
        }
    }
}

impl Reason {
    /// Stable code, see `docs/design/error-codes.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFinalized { .. } => "E0101",
            Self::TooYoung { .. } => "E0102",
            Self::Wanted { .. } => "E0103",
            Self::OtherUuid { .. } => "E0104",
            Self::Aliased { .. } => "E0105",
            Self::Closed => "E0106",
            Self::Written => "E0107",
            Self::Read { .. } => "E0108",
            Self::Recounted => "E0109",
            Self::FirstNoted { .. } => "E0110",
            Self::Watched { .. } => "E0111",
        }
    }

    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            Self::NotFinalized { .. } => {
                "`lockstep finalize` gives the way back up for good; its old set can be retired some time after".to_owned()
            }
            Self::TooYoung { left_seconds } => format!(
                "retire again in {}, or say a shorter --older-than",
                rough(*left_seconds)
            ),
            Self::Wanted { .. } => {
                "finish that run first: with `lockstep upgrade`, `lockstep finalize` or `lockstep abort`".to_owned()
            }
            Self::OtherUuid { .. } => {
                "the index of the old set is gone, and Lockstep didn't delete it; look what this one is, and delete or rename it by hand"
                    .to_owned()
            }
            Self::Aliased { .. } => {
                "find out who uses it, and take the alias away".to_owned()
            }
            Self::Closed => "open it and retire again, or delete it by hand".to_owned(),
            Self::Written => {
                "somebody lifted its write block; find out who writes there. What it has now is noted: without more writes it may go after --unused-for"
                    .to_owned()
            }
            Self::Read { .. } => {
                "find out who reads it. The count of now is noted: without more reads it may go after --unused-for".to_owned()
            }
            Self::Recounted => {
                "a node was restarted, or a shard moved; the count of now is noted: without reads it may go after --unused-for"
                    .to_owned()
            }
            Self::FirstNoted { left_seconds } | Self::Watched { left_seconds } => {
                format!("retire again in {}, or say a shorter --unused-for", rough(*left_seconds))
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinalized { state } => {
                write!(formatter, "the run that left it is {state}, not finalized")
            }
            Self::TooYoung { .. } => formatter.write_str("its way back was given up only lately"),
            Self::Wanted { run } => write!(formatter, "the run {run} works with it"),
            Self::OtherUuid { found } => {
                write!(formatter, "another index has its name, with the unique id {found}")
            }
            Self::Aliased { aliases } => {
                write!(formatter, "it has the alias `{}`", aliases.join("`, `"))
            }
            Self::Closed => {
                formatter.write_str("it is closed: nobody can tell whether it was used")
            }
            Self::Written => formatter.write_str("it was written to since its use was noted"),
            Self::Read { count: 1 } => {
                formatter.write_str("it was read once since its use was noted")
            }
            Self::Read { count } => {
                write!(formatter, "it was read {count} times since its use was noted")
            }
            Self::Recounted => formatter
                .write_str("the cluster counts its use anew: nobody can tell what was before"),
            Self::FirstNoted { .. } => formatter.write_str("its use is noted for the first time"),
            Self::Watched { .. } => formatter.write_str("it was not unused for long enough"),
        }
    }
}

/// A time as people say it, rounded up.
fn rough(seconds: u64) -> String {
    let counted =
        |count: u64, unit: &str| format!("{count} {unit}{}", if count == 1 { "" } else { "s" });
    match seconds {
        0..120 => counted(seconds, "second"),
        120..7_200 => counted(seconds.div_ceil(60), "minute"),
        7_200..172_800 => counted(seconds.div_ceil(3_600), "hour"),
        _ => counted(seconds.div_ceil(86_400), "day"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const RULES: Rules = Rules { older_than: Duration::ZERO, unused_for: HOUR };

    fn counters(searches: u64, gets: u64, seq_nos: &[i64]) -> Counters {
        Counters { searches, gets, seq_nos: (0..).zip(seq_nos.iter().copied()).collect() }
    }

    /// An index that may go.
    fn due() -> Facts {
        let counters = counters(5, 2, &[7, -1]);
        let found =
            Found { uuid: "u".to_owned(), aliases: vec![], counters: Some(counters.clone()) };
        Facts {
            uuid: "u".to_owned(),
            found: Some(found),
            noted: Some((counters, HOUR)),
            wanted_by: None,
            is_begun: false,
        }
    }

    fn found(change: impl FnOnce(&mut Found)) -> Facts {
        let mut facts = due();
        if let Some(found) = facts.found.as_mut() {
            change(found);
        }
        facts
    }

    #[test]
    fn an_index_goes_only_when_nothing_speaks_against_it() {
        let seen = |counters| found(|found| found.counters = Some(counters));
        let rows = [
            (due(), Verdict::Due),
            (Facts { found: None, ..due() }, Verdict::Gone),
            (
                found(|found| found.uuid = "v".to_owned()),
                Verdict::Stays(Reason::OtherUuid { found: "v".to_owned() }),
            ),
            (Facts { is_begun: true, ..found(|found| found.uuid = "v".to_owned()) }, Verdict::Gone),
            (
                Facts { wanted_by: Some("r".to_owned()), ..due() },
                Verdict::Stays(Reason::Wanted { run: "r".to_owned() }),
            ),
            (
                found(|found| found.aliases = vec!["a".to_owned()]),
                Verdict::Stays(Reason::Aliased { aliases: vec!["a".to_owned()] }),
            ),
            (found(|found| found.counters = None), Verdict::Stays(Reason::Closed)),
            (seen(counters(5, 2, &[8, -1])), Verdict::Stays(Reason::Written)),
            (seen(counters(6, 3, &[7, -1])), Verdict::Stays(Reason::Read { count: 2 })),
            (seen(counters(5, 1, &[7, -1])), Verdict::Waits(Reason::Recounted)),
            (seen(counters(4, 9, &[7, -1])), Verdict::Waits(Reason::Recounted)),
            (seen(counters(5, 2, &[7])), Verdict::Waits(Reason::Recounted)),
            // A write shows even where reads are counted anew.
            (seen(counters(0, 0, &[8, -1])), Verdict::Stays(Reason::Written)),
            (
                Facts { noted: None, ..due() },
                Verdict::Waits(Reason::FirstNoted { left_seconds: 3_600 }),
            ),
            (
                Facts { noted: Some((counters(5, 2, &[7, -1]), HOUR / 2)), ..due() },
                Verdict::Waits(Reason::Watched { left_seconds: 1_800 }),
            ),
        ];
        for (facts, expected) in rows {
            assert_eq!(judge(&facts, &RULES), expected, "{facts:?}");
        }
    }

    #[test]
    fn what_was_not_seen_before_is_noted() {
        let rows = [
            (due(), false),
            (found(|found| found.counters = Some(counters(6, 2, &[7, -1]))), true),
            (found(|found| found.counters = Some(counters(5, 2, &[9, -1]))), true),
            (found(|found| found.counters = Some(counters(0, 0, &[7, -1]))), true),
            (Facts { noted: None, ..due() }, true),
            (Facts { noted: Some((counters(5, 2, &[7, -1]), HOUR / 2)), ..due() }, false),
            (found(|found| found.aliases = vec!["a".to_owned()]), false),
        ];
        for (facts, expected) in rows {
            assert_eq!(judge(&facts, &RULES).is_noted_anew(), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_set_may_go_once_no_way_leads_back_to_it() {
        use RunState::{Aborted, Finalized, Preparing, Returned, Switched};
        let rows = [
            (Finalized, vec![], Some(0)),
            (Finalized, vec![Preparing], Some(0)),
            (Switched, vec![], None),
            (Switched, vec![Switched], None),
            (Switched, vec![Aborted], None),
            (Switched, vec![Aborted, Switched, Finalized], Some(3)),
            (Returned, vec![Finalized], None),
            (Preparing, vec![], None),
        ];
        for (state, later, expected) in rows {
            let later = later.iter().zip(1..);
            assert_eq!(given_up((&state, 0), later), expected, "{state}");
        }
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        let rows = [
            (1, "1 second"),
            (119, "119 seconds"),
            (121, "3 minutes"),
            (86_400, "24 hours"),
            (1_209_599, "14 days"),
        ];
        for (seconds, expected) in rows {
            assert_eq!(rough(seconds), expected);
        }
    }
}

//! Many histories, on all cores, until one of them breaks an invariant.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use super::{
    faults::WEATHERS,
    invariants::Violation,
    rules::{CHANGES, GAPS, Rules},
    run::play,
    shape::KINDS,
    world::Sight,
};

/// Events that are shown of a history that broke an invariant.
const EVENTS_SHOWN: usize = 40;

/// What came of many histories.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// How many histories ended in which state.
    pub(super) endings: BTreeMap<&'static str, u64>,
    /// The smallest seed that was found to break an invariant.
    pub(super) found: Option<(u64, Violation)>,
    /// In how many histories something happened that isn't in all.
    pub(super) sights: BTreeMap<Sight, u64>,
    rules: Rules,
    played: u64,
    events: usize,
    seconds: f64,
}

impl Search {
    /// Plays the histories of the seeds below `seeds`, and stops at the first one that breaks an invariant.
    #[expect(clippy::disallowed_methods, reason = "how fast it is has no part in what happens")]
    pub(super) fn run(seeds: u64, rules: &Rules) -> Self {
        let begun = Instant::now();
        let (next, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
        let sum = Mutex::new(Self { rules: rules.clone(), ..Self::default() });
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds {
                            return;
                        }
                        let ending = play(seed, rules, false);
                        is_over.fetch_or(ending.violation.is_some(), Ordering::Relaxed);
                        let mut sum = sum.lock().expect("no history panics");
                        sum.played += 1;
                        sum.events += ending.events;
                        *sum.endings.entry(ending.state).or_default() += 1;
                        for sight in ending.sights {
                            *sum.sights.entry(sight).or_default() += 1;
                        }
                        sum.keep(seed, ending.violation);
                    }
                });
            }
        });
        let mut sum = sum.into_inner().expect("no history panics");
        sum.seconds = begun.elapsed().as_secs_f64();
        sum
    }

    fn keep(&mut self, seed: u64, violation: Option<Violation>) {
        if let Some(violation) = violation
            && self.found.as_ref().is_none_or(|(known, _)| seed < *known)
        {
            self.found = Some((seed, violation));
        }
    }

    /// Says how many histories were played, and how fast.
    #[expect(clippy::print_stderr, reason = "who runs it wants to know how far it went")]
    pub(super) fn report(&self, name: &str) {
        let Self { played, events, seconds, endings, sights, found, .. } = self;
        let rate = f64::from(u32::try_from(*played).unwrap_or(u32::MAX)) / seconds.max(0.001);
        eprintln!(
            "{name}: {played} seeds, {events} events, {rate:.0} seeds/s, {endings:?}, {sights:?}"
        );
        if let Some((seed, Violation { name, story })) = found {
            eprintln!("    seed {seed} breaks {name}: {story}");
        }
    }

    /// Panics with the last events of the history that broke an invariant.
    pub(super) fn assert_sound(&self) {
        let Some((seed, Violation { name, story })) = &self.found else { return };
        let log = play(*seed, &self.rules, true).log;
        let last = log[log.len().saturating_sub(EVENTS_SHOWN)..].join("\n");
        panic!(
            "{last}\nseed {seed} breaks {name}: {story}; LOCKSTEP_MODEL_SEED={seed} shows all of it"
        );
    }
}

#[expect(clippy::disallowed_methods, reason = "tests have no other arguments")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The one seed that somebody wants to see.
pub(super) fn asked_seed() -> Option<u64> {
    asked("LOCKSTEP_MODEL_SEED").map(|seed| seed.parse().expect("a seed is a number"))
}

/// As many seeds as somebody asks for.
pub(super) fn seeds_or(usual: u64) -> u64 {
    asked("LOCKSTEP_MODEL_SEEDS").map_or(usual, |seeds| seeds.parse().expect("it is a number"))
}

/// The change or the gap that somebody wants to see, the kind of application, and the kind of trouble.
pub(super) fn asked_rules() -> Rules {
    let kind = asked("LOCKSTEP_MODEL_KIND").map(|name| {
        let found = KINDS.into_iter().find(|kind| format!("{kind:?}") == name);
        found.unwrap_or_else(|| panic!("there is no kind {name}"))
    });
    let weather = asked("LOCKSTEP_MODEL_WEATHER").map(|name| {
        let found = WEATHERS.into_iter().find(|weather| format!("{weather:?}") == name);
        found.unwrap_or_else(|| panic!("there is no weather {name}"))
    });
    let rules = asked_rule();
    Rules { kind: kind.or(rules.kind), weather: weather.or(rules.weather), ..rules }
}

fn asked_rule() -> Rules {
    let Some(name) = asked("LOCKSTEP_MODEL_RULE") else { return Rules::default() };
    let change = CHANGES.into_iter().find(|change| format!("{change:?}") == name);
    let gap = GAPS.into_iter().find(|gap| format!("{gap:?}") == name);
    let rules = change.map(Rules::changed).or(gap.map(Rules::open));
    rules.unwrap_or_else(|| panic!("there is no rule {name}"))
}

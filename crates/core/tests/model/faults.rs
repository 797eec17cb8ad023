//! What goes wrong in a history, and how often.

use super::random::Random;

/// What kind of trouble a history has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Some of everything, in a world of several indices.
    Mixed,
    /// Primaries fail while their copies lag behind.
    Failovers,
    /// Requests arrive late, and again.
    Strays,
    /// Drivers take over from others that go on.
    Crowd,
    /// Drivers sleep, and wake when another one has taken over.
    Sleepers,
}

/// All of them.
pub(crate) const WEATHERS: [Weather; 5] =
    [Weather::Mixed, Weather::Failovers, Weather::Strays, Weather::Crowd, Weather::Sleepers];

impl Weather {
    pub(crate) fn choose(random: &mut Random) -> Self {
        random.pick(&[
            Self::Mixed,
            Self::Mixed,
            Self::Mixed,
            Self::Failovers,
            Self::Strays,
            Self::Crowd,
            Self::Sleepers,
        ])
    }
}

/// How likely what goes wrong is, in this seed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) fail_over: usize,
    pub(crate) time_out: usize,
    pub(crate) refuse: usize,
    pub(crate) kill: usize,
    pub(crate) time_over: usize,
    pub(crate) take_over: usize,
    pub(crate) sleep: usize,
    /// In a thousand answers.
    pub(crate) lost_answers: usize,
    /// In a thousand bulks.
    pub(crate) repeats: usize,
    /// How soon operations reach the copies by themselves, and primaries learn of it; more is sooner.
    pub(crate) replication: usize,
    /// In a thousand looks at a copy, how often it has not yet what it was sent.
    pub(crate) slow_copies: usize,
    /// In a thousand requests, how many take their time.
    pub(crate) slow_requests: usize,
    /// In a thousand deliveries, how often it is one that nobody waits for any more.
    pub(crate) stray_deliveries: usize,
}

impl Faults {
    pub(crate) fn choose(weather: Weather, random: &mut Random) -> Self {
        let mixed = Self::mixed(random);
        let calm = Self { replication: 40, stray_deliveries: 30, ..Self::default() };
        match weather {
            Weather::Mixed => mixed,
            Weather::Failovers => Self {
                // Too often, and nothing that can be lost lasts until it was seen.
                fail_over: random.pick(&[4, 12, 40]),
                replication: 1,
                slow_copies: random.pick(&[960, 985]),
                kill: mixed.kill,
                ..calm
            },
            Weather::Strays => Self {
                time_out: 25,
                lost_answers: 20,
                repeats: 300,
                kill: 4,
                stray_deliveries: random.pick(&[3, 10, 30]),
                ..calm
            },
            Weather::Crowd => Self {
                take_over: 30,
                slow_requests: random.pick(&[80, 200]),
                time_over: mixed.time_over,
                ..calm
            },
            Weather::Sleepers => {
                Self { sleep: random.pick(&[3, 10]), take_over: 6, kill: mixed.kill / 2, ..calm }
            }
        }
    }

    fn mixed(random: &mut Random) -> Self {
        let mut some = |max: usize| if random.chance(600) { random.between(1, max) } else { 0 };
        Self {
            fail_over: some(12),
            time_out: some(8),
            refuse: some(6),
            kill: some(5),
            time_over: some(8),
            take_over: some(12),
            sleep: some(2),
            lost_answers: some(30),
            repeats: some(100),
            slow_copies: random.pick(&[0, 300, 900, 970]),
            slow_requests: random.pick(&[0, 0, 20, 60]),
            replication: random.pick(&[2, 10, 40]),
            stray_deliveries: random.pick(&[5, 30, 200]),
        }
    }
}

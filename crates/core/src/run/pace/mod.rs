//! The pace that finds itself: how many bulk requests a process has under way at once, and how large their bodies are.
//!
//! Up, one more request is tried for a moment, and kept only when more bytes a second arrive with it: what doesn't carry more
//! only stands in the cluster's queues, before the application's own requests. Down, it is halved at once when the cluster
//! pushes back or the application's searches become slow, and given back one by one when that is over. A full disk is waited
//! for. There is no clock here: `now` is the time since any fixed moment.

use std::{fmt, time::Duration};

/// Requests that a run begins with: while one is answered, the cluster has another to work on.
const REQUESTS_FIRST: usize = 2;
/// Bytes of a body to begin with: some tens of milliseconds of work for a shard, which is what others wait behind it.
const BYTES_FIRST: usize = 512 * 1024;
/// Smaller bodies cost more than they help.
const BYTES_MIN: usize = 256 * 1024;
/// What is added to bodies at a time.
const BYTES_STEP: usize = 128 * 1024;
/// A request that takes longer has too large a body.
const TIME_LONG: Duration = Duration::from_millis(250);
/// While requests take less than that, bodies may grow.
const TIME_SHORT: Duration = Duration::from_millis(60);
/// What is measured together, at least.
const PERIOD_TIME: Duration = Duration::from_secs(1);
/// And this many requests.
const PERIOD_REQUESTS: u32 = 8;
/// One more request has to bring this share of the bytes a second, else it isn't kept.
const GAIN_MIN: f64 = 1.05;
/// Periods between a trial that failed and the next one.
const REST_PERIODS: u32 = 15;
/// Signs of one trouble come in swarms: it is slowed down for them once.
const COOL_TIME: Duration = Duration::from_secs(1);
/// So long nothing may have gone wrong before it is given back what was taken away.
const QUIET_TIME: Duration = Duration::from_secs(5);
/// Searches that take so many times as long as usual are slow.
const SLOW_FACTOR: f64 = 3.0;
/// And by so many milliseconds: below that they are noise.
const SLOW_MS_MIN: f64 = 10.0;
/// Looks in a row that find searches slow before that is believed.
const SLOW_LOOKS: u32 = 2;
/// What is usual grows by this factor from look to look, so that it isn't the best look of all times for ever.
const USUAL_GROWTH: f64 = 1.01;
/// How long a full disk is waited for.
pub const FULL_TIME_MAX: Duration = Duration::from_mins(5);

/// The most that a process may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Bulk requests under way, at least 1.
    pub requests: usize,
    /// Bytes of a bulk body; a body has at least one document, whatever its size.
    pub bytes: usize,
}

/// One bulk request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes of its body.
    pub bytes: u64,
    /// From sending it to its answer.
    pub time: Duration,
    /// Whether it had to wait for another one to end.
    pub has_queued: bool,
}

/// How full the data node's disk is that has the least room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Disk {
    /// Below all watermarks.
    #[default]
    Roomy,
    /// Over the low watermark: no new shards are put there.
    Low {
        /// The node's name.
        node: String,
    },
    /// Over the high one: shards are moved away, and indices become read-only soon.
    Full {
        /// The node's name.
        node: String,
    },
}

/// Why the pace changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The cluster asked for less.
    PushedBack {
        /// How often since that was told last.
        times: u32,
    },
    /// The application's own searches are slow.
    SlowSearches {
        /// Milliseconds that one takes now.
        now_ms: u64,
        /// Milliseconds that one takes usually.
        usual_ms: u64,
    },
    /// A disk is filling.
    DiskLow {
        /// The node's name.
        node: String,
    },
    /// A disk is full: nothing is written until there is room.
    DiskFull {
        /// The node's name.
        node: String,
    },
    /// There is room on all disks again.
    DiskRoomy,
    /// What was taken away is given back.
    Quiet,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PushedBack { times: 1 } => formatter.write_str("the cluster pushed back"),
            Self::PushedBack { times } => {
                write!(formatter, "the cluster pushed back {times} times")
            }
            Self::SlowSearches { now_ms, usual_ms } => write!(
                formatter,
                "the application's searches take {now_ms} ms, where {usual_ms} ms are usual"
            ),
            Self::DiskLow { node } => {
                write!(formatter, "the disk of node `{node}` is over its low watermark")
            }
            Self::DiskFull { node } => write!(
                formatter,
                "the disk of node `{node}` is over its high watermark; nothing is written until there is room"
            ),
            Self::DiskRoomy => formatter.write_str("there is room on the disks again"),
            Self::Quiet => formatter.write_str("the cluster is quiet again"),
        }
    }
}

/// Finds the pace of one process.
#[derive(Debug, Clone)]
pub struct Governor {
    limits: Allowed,
    allowed: Allowed,
    period: Period,
    trial: Option<Trial>,
    /// Periods until the next trial.
    rest: u32,
    is_next_up: bool,
    trouble: Option<Trouble>,
    /// Push-backs that weren't told yet.
    push_backs: u32,
    searches: Searches,
    disk: Disk,
    full_since: Option<Duration>,
}

/// What is measured together.
#[derive(Debug, Clone, Copy, Default)]
struct Period {
    begun: Option<Duration>,
    requests: u32,
    queued: u32,
    bytes: u64,
    time: Duration,
}

/// Another number of requests is tried.
#[derive(Debug, Clone, Copy)]
struct Trial {
    from: usize,
    /// Bytes a second before.
    rate: f64,
}

/// Something went wrong.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    last: Duration,
    /// What was allowed before.
    before: Allowed,
}

#[derive(Debug, Clone, Copy, Default)]
struct Searches {
    usual_ms: Option<f64>,
    slow_looks: u32,
}

impl Governor {
    /// Begins with few, and never goes beyond these limits.
    pub fn new(limits: Allowed) -> Self {
        let limits = Allowed { requests: limits.requests.max(1), bytes: limits.bytes.max(1) };
        let allowed = Allowed {
            requests: REQUESTS_FIRST.min(limits.requests),
            bytes: BYTES_FIRST.min(limits.bytes),
        };
        Self {
            limits,
            allowed,
            period: Period::default(),
            trial: None,
            rest: 0,
            is_next_up: true,
            trouble: None,
            push_backs: 0,
            searches: Searches::default(),
            disk: Disk::default(),
            full_since: None,
        }
    }

    /// The most that may ever be allowed.
    pub fn limits(&self) -> Allowed {
        self.limits
    }

    /// What may be under way now. On a disk that fills up, one request at a time.
    pub fn allowed(&self) -> Allowed {
        match self.disk {
            Disk::Roomy => self.allowed,
            Disk::Low { .. } | Disk::Full { .. } => Allowed { requests: 1, ..self.allowed },
        }
    }

    /// The node whose disk is waited for, and since when: nothing may be written.
    pub fn full_disk(&self) -> Option<(&str, Duration)> {
        match (&self.disk, self.full_since) {
            (Disk::Full { node }, Some(since)) => Some((node, since)),
            (Disk::Full { .. } | Disk::Low { .. } | Disk::Roomy, _) => None,
        }
    }

    /// A bulk request was answered.
    pub fn written(&mut self, now: Duration, written: Written) -> Option<Reason> {
        let period = &mut self.period;
        let begun = *period.begun.get_or_insert(now.saturating_sub(written.time));
        period.requests += 1;
        period.queued += u32::from(written.has_queued);
        period.bytes += written.bytes;
        period.time += written.time;
        let elapsed = now.saturating_sub(begun);
        if elapsed < PERIOD_TIME || period.requests < PERIOD_REQUESTS {
            return None;
        }
        let over = std::mem::take(period);
        self.period.begun = Some(now);
        self.judge(now, over, elapsed)
    }

    /// The cluster asked for less.
    pub fn pushed_back(&mut self, now: Duration) -> Option<Reason> {
        self.push_backs = self.push_backs.saturating_add(1);
        let times = self.push_backs;
        self.slow_down(now).then(|| {
            self.push_backs = 0;
            Reason::PushedBack { times }
        })
    }

    /// One of the application's searches took so long, on average since the last look.
    pub fn searched(&mut self, now: Duration, mean: Duration) -> Option<Reason> {
        let now_ms = mean.as_secs_f64() * 1_000.0;
        let usual_ms = *self.searches.usual_ms.get_or_insert(now_ms);
        self.searches.usual_ms = Some(now_ms.min(usual_ms * USUAL_GROWTH));
        if now_ms < usual_ms * SLOW_FACTOR || now_ms < usual_ms + SLOW_MS_MIN {
            self.searches.slow_looks = 0;
            return None;
        }
        self.searches.slow_looks += 1;
        if self.searches.slow_looks < SLOW_LOOKS {
            return None;
        }
        self.searches.slow_looks = 0;
        let usual = Duration::from_secs_f64(usual_ms / 1_000.0);
        self.slow_down(now).then(|| Reason::SlowSearches {
            now_ms: milliseconds(mean),
            usual_ms: milliseconds(usual),
        })
    }

    /// How full the disks are.
    pub fn disk(&mut self, now: Duration, disk: Disk) -> Option<Reason> {
        match disk {
            Disk::Full { .. } => drop(self.full_since.get_or_insert(now)),
            Disk::Roomy | Disk::Low { .. } => self.full_since = None,
        }
        let is_news = std::mem::discriminant(&self.disk) != std::mem::discriminant(&disk);
        self.disk = disk;
        // What was measured before has nothing to do with what comes now.
        if is_news {
            self.trial_over();
        }
        is_news.then(|| match self.disk.clone() {
            Disk::Roomy => Reason::DiskRoomy,
            Disk::Low { node } => Reason::DiskLow { node },
            Disk::Full { node } => Reason::DiskFull { node },
        })
    }

    /// Halves what is allowed; gives whether that changed anything.
    fn slow_down(&mut self, now: Duration) -> bool {
        self.trial_over();
        let before = self.allowed;
        let is_cooling =
            self.trouble.is_some_and(|trouble| now.saturating_sub(trouble.last) < COOL_TIME);
        match &mut self.trouble {
            Some(_) if is_cooling => return false,
            Some(trouble) => trouble.last = now,
            None => self.trouble = Some(Trouble { last: now, before }),
        }
        self.allowed = Allowed {
            requests: (before.requests / 2).max(1),
            bytes: (before.bytes / 2).max(BYTES_MIN.min(before.bytes)),
        };
        self.allowed != before
    }

    /// Gives a trial up, and measures anew.
    fn trial_over(&mut self) {
        if let Some(trial) = self.trial.take() {
            self.allowed.requests = trial.from;
        }
        self.period = Period::default();
    }

    /// Decides after a period what the next one is done with.
    #[expect(clippy::cast_precision_loss, reason = "rates are compared roughly")]
    fn judge(&mut self, now: Duration, period: Period, elapsed: Duration) -> Option<Reason> {
        if let Some(trouble) = self.trouble {
            let is_quiet = now.saturating_sub(trouble.last) >= QUIET_TIME;
            return if is_quiet { self.give_back(trouble.before) } else { None };
        }
        let rate = period.bytes as f64 / elapsed.as_secs_f64();
        if let Some(trial) = self.trial.take() {
            self.end_trial(trial, rate);
            return None;
        }
        self.fit_bodies(period.time / period.requests);
        // While nobody waits for another one to end, more of them change nothing.
        let is_short = period.queued * 2 >= period.requests;
        if self.rest > 0 {
            self.rest -= 1;
        } else if is_short && self.disk == Disk::Roomy {
            self.begin_trial(rate);
        }
        None
    }

    /// One step back to what was allowed before a trouble.
    fn give_back(&mut self, before: Allowed) -> Option<Reason> {
        self.allowed.requests = (self.allowed.requests + 1).min(before.requests);
        self.allowed.bytes = (self.allowed.bytes + BYTES_STEP).min(before.bytes);
        (self.allowed == before).then(|| {
            self.trouble = None;
            self.push_backs = 0;
            self.rest = REST_PERIODS;
            Reason::Quiet
        })
    }

    /// Tries one more, or one fewer: a number that was right once, or by chance, doesn't stay for ever.
    fn begin_trial(&mut self, rate: f64) {
        let from = self.allowed.requests;
        let may_fall = from > REQUESTS_FIRST;
        let is_up = from < self.limits.requests && (self.is_next_up || !may_fall);
        self.is_next_up = !is_up;
        if is_up {
            self.allowed.requests += 1;
        } else if may_fall {
            self.allowed.requests -= 1;
        } else {
            return;
        }
        self.trial = Some(Trial { from, rate });
    }

    /// Of two numbers of requests the higher one is kept only when it carries clearly more.
    fn end_trial(&mut self, trial: Trial, rate: f64) {
        let tried = self.allowed.requests;
        let is_up = tried > trial.from;
        let (lower, higher) = if is_up { (trial.rate, rate) } else { (rate, trial.rate) };
        let is_worth_it = higher >= lower * GAIN_MIN;
        let is_kept = is_worth_it == is_up;
        if is_kept {
            // In that direction there may be more to find.
            self.is_next_up = is_up;
        } else {
            self.allowed.requests = trial.from;
            self.rest = REST_PERIODS;
        }
    }

    /// Bodies that take long are halved: so long others wait behind them.
    fn fit_bodies(&mut self, time: Duration) {
        let bytes = self.allowed.bytes;
        if time > TIME_LONG {
            self.allowed.bytes = (bytes / 2).max(BYTES_MIN.min(bytes));
        } else if time < TIME_SHORT {
            self.allowed.bytes = (bytes + BYTES_STEP).min(self.limits.bytes);
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

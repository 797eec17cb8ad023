//! The driver is killed with SIGKILL at random moments while the application writes, started again, and killed again; in every
//! second upgrade there are workers as well, of which one dies with each driver. In the end the run is switched, and nothing
//! that was acknowledged to the application is lost.
//!
//! `scripts/chaos` runs this for long. What is not here: faults of the cluster or of the way to it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use lockstep_core::run::state::RunState;
use lockstep_demo::{
    Release, SeedOptions, Traffic, TrafficCounts, TrafficOptions, TrafficReport, check_traffic,
};
use lockstep_engine::status::{Status, status};
use serde_json::Value;
use tokio::{runtime::Runtime, time::sleep};

use crate::{
    Load, Outcome, Scenario,
    dice::seed_of,
    moment::{Moment, Moments, STATES},
    process::Process,
    stand::{Stand, Trouble, program},
    victim::{End, Victim},
};

/// How many kills there are to be on each cluster.
const KILLS_VARIABLE: &str = "LOCKSTEP_CHAOS_KILLS";
/// The seed of the moments; without it every cluster has its own, always the same.
const SEED_VARIABLE: &str = "LOCKSTEP_CHAOS_SEED";
/// Without the variable: four clusters together have more than 30.
const KILLS_DEFAULT: u32 = 8;
/// Then the run is let to its end: many short stories are checked more often than a long one.
const KILLS_PER_CYCLE_MAX: u32 = 5;
/// Beside the driver, in every second upgrade.
const WORKERS: usize = 2;
/// From so many kills on, every state must have had one.
const KILLS_EVERYWHERE: u32 = 60;
/// Little, so that the time goes into kills: two tenants can be apart as well as three.
const SEEDED: SeedOptions = SeedOptions { tenants: 2, documents: 1_000, seed: 1 };
const OPERATIONS_PER_SECOND: u32 = 80;
/// How long the application goes on after the switch.
const AFTER_TIME: Duration = Duration::from_millis(500);
/// The longest that a writer may be kept waiting, kills inside the fence included.
const REFUSED_TIME_MAX: Duration = Duration::from_mins(1);
/// How long it may take: so much, and so much more for every kill.
const TIME_BASE: Duration = Duration::from_mins(3);
const TIME_PER_KILL: Duration = Duration::from_secs(30);
/// Documents that are told of when something is wrong.
const EXAMPLES: usize = 10;

pub(crate) fn scenarios() -> Vec<Scenario> {
    vec![Scenario {
        name: "killed_at_random_moments_under_live_writes",
        is_pocket_only: false,
        load: Load::Heavy,
        play: killed_at_random_moments,
    }]
}

fn killed_at_random_moments(runtime: &Runtime, stand: &Stand) -> Outcome {
    let kills_told = number(KILLS_VARIABLE)?;
    let kills_wanted = kills_told.map_or(Ok(KILLS_DEFAULT), u32::try_from)?;
    let seed = number(SEED_VARIABLE)?.unwrap_or_else(|| seed_of(&stand.cluster.name));
    let program = program()?;
    let begun = Instant::now();
    let time_max = TIME_BASE + TIME_PER_KILL * kills_wanted;
    let mut moments = Moments::new(seed);
    let mut tally = Tally::default();
    let mut outcome: Outcome = Ok(());
    while outcome.is_ok() && tally.kills < kills_wanted {
        let left = kills_wanted - tally.kills;
        let mut cycle = Cycle {
            stand,
            program: &program,
            kills_max: left.min(KILLS_PER_CYCLE_MAX),
            moments: &mut moments,
            tally: &mut tally,
            story: String::new(),
            workers: Vec::new(),
        };
        outcome = runtime.block_on(cycle.run()).map_err(|error| {
            let story = &cycle.story;
            let cycles = cycle.tally.cycles;
            format!("{error}\nseed {seed}, after {cycles} good cycles; in this one:{story}").into()
        });
        if kills_told.is_some() {
            let (kills, seconds) = (tally.kills, begun.elapsed().as_secs());
            let name = &stand.cluster.name;
            writeln!(std::io::stderr(), "{name}: {kills} of {kills_wanted} kills, {seconds} s")?;
        }
        let is_late = tally.kills < kills_wanted && begun.elapsed() > time_max;
        if outcome.is_ok() && is_late {
            let seconds = time_max.as_secs();
            let told =
                format!("{} of {kills_wanted} kills in {seconds} s, seed {seed}", tally.kills);
            outcome = Err(told.into());
        }
    }
    if kills_told.is_some() {
        let name = &stand.cluster.name;
        let table = tally.table(begun.elapsed());
        writeln!(std::io::stderr(), "\n{name}, seed {seed}:\n{table}")?;
    }
    outcome?;
    let missed: Vec<&str> =
        STATES.into_iter().filter(|state| !tally.hits.contains_key(state)).collect();
    assert!(
        kills_wanted < KILLS_EVERYWHERE || missed.is_empty(),
        "seed {seed}: no kill in {missed:?}"
    );
    runtime.block_on(stand.clean())
}

fn number(variable: &str) -> Result<Option<u64>, Trouble> {
    let Ok(text) = std::env::var(variable) else { return Ok(None) };
    let number = text.parse().map_err(|error| format!("{variable} is '{text}': {error}"))?;
    Ok(Some(number))
}

/// One upgrade: from a fresh release 1.0 to the end of its run, however often its driver is killed. What is wrong is an
/// error and no panic: it is told with the seed and the story.
struct Cycle<'a> {
    stand: &'a Stand,
    program: &'a Path,
    kills_max: u32,
    moments: &'a mut Moments,
    tally: &'a mut Tally,
    /// What was done, a line for every driver.
    story: String,
    workers: Vec<Process>,
}

impl Cycle<'_> {
    async fn run(&mut self) -> Result<(), Trouble> {
        self.stand.clean().await?;
        let url = &self.stand.cluster.url;
        lockstep_demo::seed(url, &SEEDED).await?;
        let options = TrafficOptions {
            operations_per_second: OPERATIONS_PER_SECOND,
            ..TrafficOptions::new(SEEDED)
        };
        let traffic = Traffic::start(url, options).await?;
        if self.tally.cycles % 2 == 1 {
            for _ in 0..WORKERS {
                self.workers.push(Process::worker(self.program, self.stand, &[])?);
            }
        }
        let mut kills = 0;
        while self.drive(kills < self.kills_max).await? {
            kills += 1;
        }
        let Status { live, run, .. } = status(&self.stand.session().cluster, "event-store").await?;
        let run = run.ok_or("no run at the end")?;
        let is_over = run.record.state == RunState::Switched && !run.is_under_way;
        if !is_over || live.as_deref() != Some("2.0") {
            return Err(format!("the driver ended, the run didn't: {live:?} {run:?}").into());
        }
        let before = traffic.counts().operations();
        sleep(AFTER_TIME).await;
        let after = traffic.counts().operations();
        let ledger = traffic.stop().await?;
        let report = check_traffic(url, &ledger, Release::V2_0, EXAMPLES).await?;
        self.tally.checked(&report, ledger.counts());
        if !report.is_clean() {
            return Err(format!("{report:#?}").into());
        }
        if Duration::from_millis(report.longest_wait_ms) > REFUSED_TIME_MAX {
            return Err(format!("a writer was kept waiting: {report:#?}").into());
        }
        if after == before {
            return Err("nothing could be written after the switch".into());
        }
        Ok(())
    }

    /// One driver, from its start to its end. Gives whether it was killed; else the upgrade is done.
    async fn drive(&mut self, is_to_be_killed: bool) -> Result<bool, Trouble> {
        let stands = self.stands().await?;
        let moment = if is_to_be_killed { self.moments.draw(stands) } else { Moment::Never };
        write!(self.story, "\n  found {}, to be killed {moment:?}", stands.unwrap_or("nothing"))?;
        let End { was_killed, states, life, last } =
            Victim::start(self.program, self.stand)?.live_until(moment)?;
        if was_killed && !self.workers.is_empty() {
            // Dropped, it is killed.
            drop(self.workers.remove(0));
            self.workers.push(Process::worker(self.program, self.stand, &[])?);
            self.tally.workers_killed += 1;
        }
        let found = self.stands().await?;
        write!(self.story, ": told {states:?}, then the journal has {found:?}")?;
        let whole = if was_killed { states.len().saturating_sub(1) } else { states.len() };
        for (state, length) in states.iter().take(whole) {
            self.moments.lasted(state, *length);
        }
        if !was_killed {
            self.moments.lived(life);
            return match last["event"].as_str() {
                Some("upgraded" | "minor") => Ok(false),
                _ => Err(format!("a driver ended well, and last told {last}").into()),
            };
        }
        let is_blocked = found != Some("switched") && self.is_blocked().await?;
        self.tally.killed(found.unwrap_or(BEFORE), states.is_empty(), is_blocked);
        Ok(true)
    }

    /// The state of the run that the journal has.
    async fn stands(&self) -> Result<Option<&'static str>, Trouble> {
        let status = status(&self.stand.session().cluster, "event-store").await?;
        Ok(status.run.map(|run| run.record.state.name()))
    }

    /// Whether an index of the old set takes no writes.
    async fn is_blocked(&self) -> Result<bool, Trouble> {
        let found = self.stand.send("GET", "/*-v1.0*/_settings", Value::Null).await?;
        let mut indices = found.as_object().ok_or("no settings")?.values();
        Ok(indices.any(|index| index["settings"]["index"]["blocks"]["write"] == "true"))
    }
}

/// Before there is a run in the journal.
const BEFORE: &str = "before the run";

/// What the kills in one state were.
#[derive(Debug, Default)]
struct Hits {
    /// Drivers that had announced a state.
    at_work: u32,
    /// Drivers that had not: they were connecting, looking at the cluster, or taking the lease.
    taking_up: u32,
    /// Kills of either sort after which the live set was blocked for writes.
    blocked: u32,
}

/// What came out, over all cycles.
#[derive(Debug, Default)]
struct Tally {
    kills: u32,
    workers_killed: u32,
    cycles: u32,
    /// By the state that the journal had right after the kill.
    hits: BTreeMap<&'static str, Hits>,
    operations: u64,
    refused_writes: u64,
    unanswered_writes: u64,
    longest_wait_ms: u64,
    observations: u64,
    /// Lost, resurrected, differing, extra documents, and observations of tenants that were apart.
    wrong: [u64; 5],
}

impl Tally {
    fn killed(&mut self, state: &'static str, was_taking_up: bool, is_blocked: bool) {
        self.kills += 1;
        let hits = self.hits.entry(state).or_default();
        *(if was_taking_up { &mut hits.taking_up } else { &mut hits.at_work }) += 1;
        hits.blocked += u32::from(is_blocked);
    }

    fn checked(&mut self, report: &TrafficReport, counts: TrafficCounts) {
        let TrafficReport { lost, resurrected, differing, extra, split_observations, .. } = report;
        let found = [lost, resurrected, differing, extra, split_observations];
        for (wrong, found) in self.wrong.iter_mut().zip(found) {
            *wrong += found;
        }
        self.cycles += u32::from(report.is_clean());
        self.operations += report.operations;
        self.refused_writes += report.refused_writes;
        self.unanswered_writes += counts.unanswered_writes;
        self.longest_wait_ms = self.longest_wait_ms.max(report.longest_wait_ms);
        self.observations += report.observations;
    }

    fn table(&self, took: Duration) -> String {
        let mut lines =
            vec!["| state in the journal | at work | taking up | live set blocked |".to_owned()];
        lines.push("| --- | ---: | ---: | ---: |".to_owned());
        for state in [BEFORE].into_iter().chain(STATES) {
            let none = Hits::default();
            let Hits { at_work, taking_up, blocked } = self.hits.get(state).unwrap_or(&none);
            lines.push(format!("| {state} | {at_work} | {taking_up} | {blocked} |"));
        }
        let [lost, resurrected, differing, extra, split] = self.wrong;
        let Self {
            kills,
            workers_killed,
            cycles,
            operations,
            refused_writes,
            unanswered_writes,
            ..
        } = self;
        lines.push(format!("\n{kills} kills of drivers, {workers_killed} of workers with them, {cycles} clean upgrades, {} s", took.as_secs()));
        lines.push(format!(
            "{lost} lost, {resurrected} resurrected, {differing} differing, {extra} extra; \
             {split} of {} observations split",
            self.observations
        ));
        lines.push(format!(
            "{operations} operations acknowledged, {refused_writes} refused first, \
             {unanswered_writes} unanswered first; longest wait {} ms",
            self.longest_wait_ms
        ));
        lines.join("\n")
    }
}

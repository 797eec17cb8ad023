//! `fence`: how long Lockstep blocks an application with many tenants, against the engine's own calls for it.
//!
//! The demo application writes all the time. A round is an upgrade and a rollback: both have a fence with the same gate. Behind
//! each fence, while Lockstep has nothing to do, the engine's own calls are measured on the set that is live then; the next
//! fence blocks the same set. So floors and fences alternate, on the same indices, under the same load.

mod floor;

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    plan::{
        model::{AliasPlan, Limits, Plan},
        tenants::TenantChoice,
    },
};
use lockstep_demo::{
    Release, SeedOptions, Traffic, TrafficOptions, check_traffic, pack_files, seed, tenant_names,
};
use lockstep_engine::{
    EngineError, JqHosts, Session,
    journal::SwitchRecord,
    pack_folder,
    report::Silent,
    session::{Ending, Wish},
    status::status,
};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::floor::Floor;
use crate::{
    arguments::FenceOptions,
    copy::{after_cleaning, field::Field, until_stopped},
    error::BenchError,
    process,
    report::{self, tell},
};

/// The demo's name in the journal.
pub(crate) const APPLICATION: &str = "event-store";
/// The releases between which it goes.
const VERSIONS: (&str, &str) = ("1.0", "2.0");
/// Time for which the application goes on before each measurement.
const PAUSE: Duration = Duration::from_secs(2);
/// Most tenants that a benchmark can have made.
const TENANTS_MAX: u32 = 100;
/// Documents that a failed check shows.
const EXAMPLES: usize = 5;

/// Which set is live, so that it is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Direction {
    /// The old one: the fence of an upgrade.
    Forward,
    /// The new one: the fence of a rollback.
    Back,
}

impl Direction {
    const ALL: [Self; 2] = [Self::Forward, Self::Back];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "upgrade",
            Self::Back => "rollback",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Forward => Self::Back,
            Self::Back => Self::Forward,
        }
    }

    /// The indices of the set that is live.
    fn live(self, plan: &Plan) -> Vec<&str> {
        match self {
            Self::Forward => plan.sources().map(|source| source.index.as_str()).collect(),
            Self::Back => plan.targets().map(|target| target.index.as_str()).collect(),
        }
    }

    /// The indices that carry an alias while that set is live.
    fn bearers(self, alias: &AliasPlan) -> &BTreeMap<String, Value> {
        match self {
            Self::Forward => &alias.before,
            Self::Back => &alias.after,
        }
    }
}

/// One fence of Lockstep.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Fence {
    direction: Direction,
    round: u32,
    #[serde(flatten)]
    times: SwitchRecord,
}

impl Fence {
    fn total_ms(&self) -> f64 {
        parts(&self.times).iter().map(|(_, milliseconds)| milliseconds).sum()
    }
}

/// The parts of a fence with their names.
pub(crate) fn parts(times: &SwitchRecord) -> [(&'static str, f64); 6] {
    let SwitchRecord { block_ms, watermark_ms, carry_ms, gate_ms, template_ms, alias_ms } = *times;
    [
        ("block", block_ms),
        ("look", watermark_ms),
        ("carry", carry_ms),
        ("gate", gate_ms),
        ("templates", template_ms),
        ("aliases", alias_ms),
    ]
    .map(|(name, milliseconds)| (name, report::float(milliseconds)))
}

/// What `fence` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FenceResults {
    engine: String,
    core_count: usize,
    load_average: [f64; 2],
    tenants: u32,
    documents: u64,
    operations_per_second: u64,
    /// The longest time that the application could not write, in milliseconds; floors and fences alike.
    longest_wait_ms: u64,
    fences: Vec<Fence>,
    floors: Vec<Floor>,
    ratios: Vec<Ratio>,
}

/// Lockstep's 95 percent divided by the engine's.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Ratio {
    direction: Direction,
    ratio: f64,
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: FenceOptions) -> Result<FenceResults, BenchError> {
    let field = Field::at(&options.cluster).await?;
    refuse_leftovers(&field).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(remove(&field, options.tenants).await, outcome)
}

/// Removes what a benchmark that was killed left.
pub(crate) async fn clear(address: &str) -> Result<(), BenchError> {
    remove(&Field::at(address).await?, TENANTS_MAX).await
}

/// Nothing that was there before may be removed in the end.
pub(crate) async fn refuse_leftovers(field: &Field) -> Result<(), BenchError> {
    let tenants = tenant_names(TENANTS_MAX);
    let is_ours = |index: &String| {
        index.split_once('-').is_some_and(|(tenant, _)| tenants.iter().any(|name| name == tenant))
    };
    let there = field.cluster.aliases().await?;
    let mut names: Vec<String> =
        there.into_keys().filter(is_ours).map(|index| format!("index {index}")).collect();
    if let Some(run) = status(&field.cluster, APPLICATION).await?.run {
        names.push(format!("run {} of {APPLICATION}", run.record.id));
    }
    names.truncate(EXAMPLES);
    if names.is_empty() { Ok(()) } else { Err(BenchError::NamesTaken { names }) }
}

/// Removes indices and journal of the demo's application, whatever its run came to.
pub(crate) async fn remove(field: &Field, tenants: u32) -> Result<(), BenchError> {
    match session(field).abort(APPLICATION).await {
        // A run that was switched can't be given up; its indices go with all of the demo's.
        Ok(_) | Err(EngineError::NoRun { .. } | EngineError::State(_)) => {}
        Err(error) => return Err(error.into()),
    }
    lockstep_demo::clear(&field.address, tenants).await?;
    field.clear_journal(APPLICATION).await
}

/// Somebody who works on the cluster, and tells nobody.
pub(crate) fn session(field: &Field) -> Session {
    let stop = CancellationToken::new();
    Session {
        cluster: field.cluster.clone(),
        jq: JqHosts::none(),
        reporter: Arc::new(Silent),
        stop,
        databases: lockstep_engine::Databases::unknown(),
    }
}

async fn measure(field: &Field, options: &FenceOptions) -> Result<FenceResults, BenchError> {
    let FenceOptions { tenants, documents, operations_per_second, .. } = *options;
    tell(&format!("seeding {documents} documents of {tenants} tenants"));
    let seeding = SeedOptions { tenants, documents, ..SeedOptions::default() };
    seed(&field.address, &seeding).await?;
    let load_before = process::load_average()?;
    let traffic = TrafficOptions { operations_per_second, ..TrafficOptions::new(seeding) };
    let traffic = Traffic::start(&field.address, traffic).await?;
    let (mut fences, mut floors) = (Vec::new(), Vec::new());
    for round in 1..=options.rounds {
        Box::pin(play_round(field, options, round, (&mut fences, &mut floors))).await?;
    }
    let ledger = traffic.stop().await?;
    let counts = ledger.counts();
    let report = check_traffic(&field.address, &ledger, Release::V1_0, EXAMPLES).await?;
    if !report.is_clean() {
        let reason = format!("{report:?}");
        return Err(BenchError::Wrong { method: "lockstep".to_owned(), reason });
    }
    let ratios = Direction::ALL.into_iter().filter_map(|direction| {
        let [fence, floor] = [totals(&fences, direction), floor_totals(&floors, direction)]
            .map(|sorted| report::percentile(&sorted, 95));
        Some(Ratio { direction, ratio: fence? / floor?.max(f64::MIN_POSITIVE) })
    });
    Ok(FenceResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        tenants,
        documents,
        operations_per_second: counts.operations_per_second(),
        longest_wait_ms: counts.longest_wait_ms,
        ratios: ratios.collect(),
        fences,
        floors,
    })
}

/// An upgrade, floors, a rollback, floors; then the new set is dropped.
async fn play_round(
    field: &Field,
    options: &FenceOptions,
    round: u32,
    (fences, floors): (&mut Vec<Fence>, &mut Vec<Floor>),
) -> Result<(), BenchError> {
    let pack = pack_folder::check(&PackFiles { files: pack_files() })?;
    for direction in Direction::ALL {
        let (plan, times) = cross(field, &pack, direction).await?;
        let fence = Fence { direction, round, times };
        tell(&format!(
            "round {round} of {}, fence of the {}: {:.0} ms",
            options.rounds,
            direction.name(),
            fence.total_ms()
        ));
        fences.push(fence);
        // What is live now is what the next fence blocks.
        let next = (direction.other(), round);
        for _ in 0..options.floors {
            sleep(PAUSE).await;
            let floor = floor::measure(&field.cluster, &plan, next).await?;
            tell(&format!(
                "  the engine's own calls for the {}: {:.0} ms",
                next.0.name(),
                floor.total_ms()
            ));
            floors.push(floor);
        }
    }
    session(field).abort(APPLICATION).await?;
    Ok(())
}

/// Changes sides.
async fn cross(
    field: &Field,
    pack: &Pack,
    direction: Direction,
) -> Result<(Plan, SwitchRecord), BenchError> {
    let session = session(field);
    let ended = match direction {
        Direction::Forward => session.upgrade(pack, &wish()?).await,
        Direction::Back => session.rollback(pack).await,
    };
    match ended {
        Ok(Ending::Switched { plan, run }) => Ok((*plan, run.switch.unwrap_or_default())),
        Ok(Ending::Returned { plan, run }) => Ok((*plan, run.back.unwrap_or_default())),
        Ok(other) => Err(BenchError::Bug(format!("the run ended like this: {other:?}"))),
        Err(EngineError::Refused { plan }) => {
            let reason = format!("{:?}", plan.findings);
            Err(BenchError::Wrong { method: "lockstep".to_owned(), reason })
        }
        Err(error) => Err(error.into()),
    }
}

/// The upgrade that is measured.
pub(crate) fn wish() -> Result<Wish, BenchError> {
    let version =
        |text: &str| text.parse().map_err(|error| BenchError::Bug(format!("{text}: {error}")));
    Ok(Wish {
        to: version(VERSIONS.1)?,
        from: Some(version(VERSIONS.0)?),
        tenants: TenantChoice::All,
        limits: Limits::default(),
        is_held: false,
        documents_per_second_max: None,
        snapshot: None,
    })
}

fn totals(fences: &[Fence], direction: Direction) -> Vec<f64> {
    let of = fences.iter().filter(|one| one.direction == direction);
    sorted(of.map(Fence::total_ms).collect())
}

fn floor_totals(floors: &[Floor], direction: Direction) -> Vec<f64> {
    let of = floors.iter().filter(|one| one.direction == direction);
    sorted(of.map(Floor::total_ms).collect())
}

fn sorted(mut numbers: Vec<f64>) -> Vec<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers
}

impl FenceResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let mut text = format!(
            "{}: {} documents of {} tenants, {} operations/s; {} cores, load average {} before, {} after\nmilliseconds; with few of them p95 is the largest\n\n",
            self.engine,
            self.documents,
            self.tenants,
            self.operations_per_second,
            self.core_count,
            self.load_average[0],
            self.load_average[1],
        );
        report::add_line(&mut text, &["", "count", "median", "p95", "least", "most"]);
        for direction in Direction::ALL {
            let of = |part: usize| -> Vec<f64> {
                let fences = self.fences.iter().filter(|one| one.direction == direction);
                sorted(fences.filter_map(|one| Some(parts(&one.times).get(part)?.1)).collect())
            };
            add_row(&mut text, direction.name(), &totals(&self.fences, direction));
            for (part, (name, _)) in parts(&SwitchRecord::default()).into_iter().enumerate() {
                add_row(&mut text, &format!("  {name}"), &of(part));
            }
            let floors: Vec<&Floor> =
                self.floors.iter().filter(|one| one.direction == direction).collect();
            let of =
                |value: fn(&Floor) -> f64| sorted(floors.iter().map(|one| value(one)).collect());
            add_row(&mut text, "engine's own", &of(Floor::total_ms));
            add_row(&mut text, "  block", &of(|one| one.block_ms));
            add_row(&mut text, "  stats", &of(|one| one.stats_ms));
            add_row(&mut text, "  refresh", &of(|one| one.refresh_ms));
            add_row(&mut text, "  alias call", &of(|one| one.alias_ms));
        }
        text.push_str("\np95 of the fence divided by that of the engine's own calls:\n");
        for Ratio { direction, ratio } in &self.ratios {
            writeln!(text, "  {:<10} {ratio:.2}", direction.name())
                .expect("writing to a String cannot fail");
        }
        writeln!(
            text,
            "the application's longest wait for a write: {} ms; nothing it wrote was lost",
            self.longest_wait_ms
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}

fn add_row(text: &mut String, name: &str, sorted: &[f64]) {
    let show = |number: Option<f64>| number.map_or("-".to_owned(), |number| format!("{number:.0}"));
    let [least, most] = report::range(sorted);
    let cells = [
        name.to_owned(),
        sorted.len().to_string(),
        show(report::median(sorted)),
        show(report::percentile(sorted, 95)),
        show(Some(least)),
        show(Some(most)),
    ];
    report::add_line(text, &cells.each_ref().map(String::as_str));
}

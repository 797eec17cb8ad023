//! `retire`: what an application notices while many old indices of the same cluster are retired.
//!
//! A run is made: as many indices as asked for, each of a tenant of its own, are upgraded and finalized. From then on the
//! application reads and writes some of the new ones at a steady rate, and while it does the old ones are retired. Its requests
//! before and after count as the baseline of those meanwhile.

mod application;

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use lockstep_archive::Location;
use lockstep_core::run::retire::Rules;
use lockstep_elastic::{BulkBody, IndexName, Key, Version};
use lockstep_engine::{
    EngineError,
    retire::{Fate, OldSet, Retirement},
    session::Ending,
};
use serde::Serialize;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    application::{APPLICATION, Step, pack},
    arguments::RetireOptions,
    copy::{after_cleaning, field::Field, until_stopped},
    document::{Documents, Form},
    error::BenchError,
    fence, process,
    report::{self, tell},
    steady::{Answered, Rate},
};

/// Most indices that a benchmark can have made: two letters tell them apart.
pub(crate) const INDICES_MAX: u32 = 26 * 26;
/// Fewest documents of an index: as many as the application reads at once.
const DOCUMENTS_MIN: u64 = 10;
/// Longest time before a measurement in which the engine puts away what was before.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Everything may go at once.
const AT_ONCE: Rules = Rules { older_than: Duration::ZERO, unused_for: Duration::ZERO };

/// The application's requests in one stretch of time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    requests: usize,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    longest_ms: f64,
}

/// One retirement.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Round {
    before: Times,
    during: Times,
    after: Times,
    /// The 95 percent of those during it divided by that of those before and after together.
    ratio: f64,
    /// From its beginning to its end.
    seconds: f64,
    /// Bytes of the indices that were deleted.
    bytes: u64,
}

/// What `retire` found.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RetireResults {
    engine: String,
    core_count: usize,
    load_average: [f64; 2],
    indices: u32,
    documents: u64,
    requests_per_second: u32,
    is_archived: bool,
    rounds: Vec<Round>,
    /// Median, smallest and largest ratio.
    ratio: [f64; 3],
}

/// Measures, and removes everything from the cluster again, whatever happens.
pub(crate) async fn run(options: RetireOptions) -> Result<RetireResults, BenchError> {
    let field = Field::open(&options.cluster).await?;
    refuse_leftovers(&field).await?;
    let outcome = Box::pin(until_stopped(measure(&field, &options))).await?;
    tell("removing what was made");
    after_cleaning(remove(&field, options.indices).await, outcome)
}

/// Removes what a benchmark that was killed left.
pub(crate) async fn clear(address: &str) -> Result<(), BenchError> {
    remove(&Field::at(address).await?, INDICES_MAX).await
}

/// The old indices with the new ones that stand for them.
fn names(indices: u32) -> impl Iterator<Item = [String; 2]> {
    let letters = || 'a'..='z';
    let tenants =
        letters().flat_map(move |one| letters().map(move |two| format!("many{one}{two}")));
    tenants.take(usize::try_from(indices).unwrap_or(usize::MAX)).map(|tenant| {
        ["1.0", "2.0"].map(|release| format!("{APPLICATION}-{tenant}-event-v{release}"))
    })
}

/// Nothing that was there before may be removed in the end.
async fn refuse_leftovers(field: &Field) -> Result<(), BenchError> {
    let ours: BTreeSet<String> = names(INDICES_MAX).flatten().collect();
    let there = field.cluster.aliases().await?;
    match there.keys().find(|index| ours.contains(*index)) {
        None => Ok(()),
        Some(index) => Err(BenchError::NamesTaken { names: vec![format!("index {index}")] }),
    }
}

async fn remove(field: &Field, indices: u32) -> Result<(), BenchError> {
    match fence::session(field).abort(APPLICATION).await {
        // A run that was switched can't be given up; its indices go with all others.
        Ok(_) | Err(EngineError::NoRun { .. } | EngineError::State(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let there = field.cluster.aliases().await?;
    for index in names(indices).flatten().filter(|index| there.contains_key(index)) {
        field.remove(&index).await?;
    }
    field.clear_journal(APPLICATION).await
}

async fn measure(field: &Field, options: &RetireOptions) -> Result<RetireResults, BenchError> {
    let load_before = process::load_average()?;
    let mut rounds = Vec::new();
    for number in 1..=options.rounds {
        tell(&format!("round {number} of {}: making {} indices", options.rounds, options.indices));
        seed(field, options).await?;
        upgrade(field).await?;
        sleep(pause(options)).await;
        let round = Box::pin(play(field, options)).await?;
        tell(&format!(
            "round {number} of {}: retired in {:.0} s, p95 {:.1} ms meanwhile, {:.2} times the other",
            options.rounds, round.seconds, round.during.p95_ms, round.ratio
        ));
        rounds.push(round);
        remove(field, options.indices).await?;
    }
    let mut ratios: Vec<f64> = rounds.iter().map(|round| round.ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let [least, most] = report::range(&ratios);
    Ok(RetireResults {
        engine: field.engine.clone(),
        core_count: process::core_count(),
        load_average: [load_before, process::load_average()?],
        indices: options.indices,
        documents: options.documents,
        requests_per_second: options.requests_per_second,
        is_archived: options.archive,
        rounds,
        ratio: [report::median(&ratios).unwrap_or_default(), least, most],
    })
}

fn pause(options: &RetireOptions) -> Duration {
    PAUSE_MAX.min(Duration::from_secs(options.quiet_seconds))
}

/// Documents of each index.
fn documents_each(options: &RetireOptions) -> u64 {
    (options.documents / u64::from(options.indices)).max(DOCUMENTS_MIN)
}

/// Makes the indices of the old release.
async fn seed(field: &Field, options: &RetireOptions) -> Result<(), BenchError> {
    let documents = Documents::new(options.bytes);
    for [old, _] in names(options.indices) {
        field.create(&old, 1).await?;
        // An application reads what it writes; the new index is made alike.
        field.cluster.put_settings(&[&old], &json!({"index.refresh_interval": "1s"})).await?;
        let name = index_name(&old)?;
        let mut body = BulkBody::default();
        let (mut id, mut source) = (String::new(), Vec::new());
        for number in 0..documents_each(options) {
            Documents::write_id(number, &mut id);
            documents.write_source(number, Form::Old, &mut source);
            body.index(&name, Key::of(&id), Version::Internal, &source)
                .map_err(|error| BenchError::Bug(error.to_string()))?;
        }
        if let Some(poison) = field.cluster.write_all(body).await?.poison.first() {
            let reason = poison.rejection.reason.clone();
            return Err(BenchError::Wrong { method: "bulk".to_owned(), reason });
        }
    }
    Ok(())
}

/// A whole upgrade, and its way back given up.
async fn upgrade(field: &Field) -> Result<(), BenchError> {
    tell("upgrading them");
    let session = fence::session(field);
    match Box::pin(session.upgrade(&pack(Step::Operation)?, &fence::wish()?)).await {
        Ok(Ending::Switched { .. }) => {}
        Ok(other) => return Err(BenchError::Bug(format!("the run ended like this: {other:?}"))),
        Err(EngineError::Refused { plan }) => {
            let reason = format!("{:?}", plan.findings);
            return Err(BenchError::Wrong { method: "lockstep".to_owned(), reason });
        }
        Err(error) => return Err(error.into()),
    }
    session.finalize(APPLICATION).await?;
    Ok(())
}

/// The application works, and after a while the old set is retired.
async fn play(field: &Field, options: &RetireOptions) -> Result<Round, BenchError> {
    let quiet = Duration::from_secs(options.quiet_seconds);
    let busy = usize::try_from(options.busy_indices).unwrap_or(usize::MAX);
    let indices = names(options.indices).take(busy).map(|[_, new]| index_name(&new));
    let rate = Rate {
        documents: documents_each(options),
        bytes: options.bytes,
        requests_per_second: options.requests_per_second,
    };
    let steady = application::start(&field.cluster, indices.collect::<Result<_, _>>()?, rate);
    // The first requests open connections and wake up shards.
    sleep(pause(options)).await;
    let first = Instant::now();
    sleep(quiet).await;
    tell(&format!("retiring {} indices", options.indices));
    let begun = Instant::now();
    let retired = Box::pin(retire(field, options)).await;
    let ended = Instant::now();
    sleep(quiet).await;
    let answered = steady.stop().await?;
    let set = retired?;
    let last = ended + quiet;
    let (before, during, after) = (
        within(&answered, first, begun),
        within(&answered, begun, ended),
        within(&answered, ended, last),
    );
    let mut baseline = [&before[..], &after[..]].concat();
    baseline.sort_by(f64::total_cmp);
    let [p95_during, p95_baseline] =
        [&during, &baseline].map(|times| report::percentile(times, 95).unwrap_or_default());
    Ok(Round {
        before: Times::of(&before),
        during: Times::of(&during),
        after: Times::of(&after),
        ratio: p95_during / p95_baseline.max(f64::MIN_POSITIVE),
        seconds: (ended - begun).as_secs_f64(),
        bytes: set.indices.iter().map(|index| index.bytes).sum(),
    })
}

/// Milliseconds of the requests that were due in a stretch of time, sorted.
fn within(answered: &[Answered], from: Instant, until: Instant) -> Vec<f64> {
    let due = answered.iter().filter(|one| (from..until).contains(&one.due));
    let mut times: Vec<f64> = due.map(|one| one.milliseconds).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Retires the old set, as `lockstep retire` does.
async fn retire(field: &Field, options: &RetireOptions) -> Result<OldSet, BenchError> {
    let session = fence::session(field);
    let folder = std::env::temp_dir().join(format!("lockstep-bench-{}", std::process::id()));
    let archive = if options.archive {
        Some(Location::for_writing(&folder.display().to_string())?)
    } else {
        None
    };
    let sets = session.old_sets(APPLICATION, &AT_ONCE).await?;
    let runs: BTreeSet<String> = sets.into_iter().map(|set| set.run).collect();
    let wish = Retirement { rules: AT_ONCE, archive, pause: Retirement::PAUSE };
    let ended = session.retire(APPLICATION, &wish, &runs).await;
    if options.archive {
        std::fs::remove_dir_all(&folder)
            .map_err(BenchError::system(format!("{} can't be removed", folder.display())))?;
    }
    let wanted = usize::try_from(options.indices).unwrap_or(usize::MAX);
    let is_whole = |set: &OldSet| set.fate == Fate::Retired && set.indices.len() == wanted;
    match <[OldSet; 1]>::try_from(ended?) {
        Ok([set]) if is_whole(&set) => Ok(set),
        Ok(other) => Err(not_retired(&other)),
        Err(others) => Err(not_retired(&others)),
    }
}

fn not_retired(sets: &[OldSet]) -> BenchError {
    let told = sets.iter().map(|set| {
        let codes: BTreeSet<&str> = set
            .reason
            .iter()
            .chain(set.indices.iter().filter_map(|index| index.reason.as_ref()))
            .map(|told| told.code)
            .collect();
        format!("{:?} with {} indices, because of {codes:?}", set.fate, set.indices.len())
    });
    let told: Vec<String> = told.collect();
    let reason = format!("old sets: {}", told.join("; "));
    BenchError::Wrong { method: "the retirement".to_owned(), reason }
}

fn index_name(name: &str) -> Result<IndexName, BenchError> {
    IndexName::parse(name).map_err(|error| BenchError::Bug(error.to_string()))
}

impl Times {
    /// Of sorted milliseconds.
    fn of(sorted: &[f64]) -> Self {
        let percent = |percent| report::percentile(sorted, percent).unwrap_or_default();
        let [_, longest_ms] = report::range(sorted);
        let (p50_ms, p95_ms, p99_ms) = (percent(50), percent(95), percent(99));
        Self { requests: sorted.len(), p50_ms, p95_ms, p99_ms, longest_ms }
    }
}

impl RetireResults {
    /// Writes them as a table.
    pub(crate) fn write(&self) -> Result<(), BenchError> {
        let [before, after] = self.load_average;
        let mut text = format!(
            "{}: {} old indices of {} documents in all{}; {} requests/s; {} cores, load average {before} before, {after} after\n\n",
            self.engine,
            self.indices,
            self.documents,
            if self.is_archived { ", archived first" } else { "" },
            self.requests_per_second,
            self.core_count,
        );
        let head = ["", "round", "seconds", "requests", "p50 ms", "p95 ms", "p99 ms", "longest ms"];
        report::add_line(&mut text, &head);
        for (round, number) in self.rounds.iter().zip(1..) {
            let stretches = [
                ("before", None, round.before),
                ("retiring", Some(round.seconds), round.during),
                ("after", None, round.after),
            ];
            for (name, seconds, times) in stretches {
                let cells = [
                    name.to_owned(),
                    format!("{number}"),
                    seconds.map_or("-".to_owned(), |seconds| format!("{seconds:.1}")),
                    times.requests.to_string(),
                    format!("{:.1}", times.p50_ms),
                    format!("{:.1}", times.p95_ms),
                    format!("{:.1}", times.p99_ms),
                    format!("{:.1}", times.longest_ms),
                ];
                report::add_line(&mut text, &cells.each_ref().map(String::as_str));
            }
        }
        let [median, least, most] = self.ratio;
        writeln!(
            text,
            "\np95 while retiring, by that before and after of the same round: {median:.2}  ({least:.2} to {most:.2})"
        )
        .expect("writing to a String cannot fail");
        report::write(&text)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_pocket::{Options, Pocket};

    use super::*;

    #[tokio::test]
    async fn a_small_one_measures_and_leaves_nothing_behind() {
        let pocket = Pocket::start(Options::default()).await.unwrap();
        let options = RetireOptions {
            cluster: pocket.url().to_owned(),
            indices: 3,
            documents: 60,
            bytes: 1_000,
            busy_indices: 2,
            requests_per_second: 100,
            quiet_seconds: 1,
            rounds: 1,
            archive: true,
            json: false,
        };
        let results = Box::pin(run(options)).await.unwrap();
        let [round] = results.rounds[..] else { panic!("{results:?}") };
        for times in [round.before, round.during, round.after] {
            assert!(times.requests > 0 && times.p50_ms <= times.p95_ms, "{round:?}");
            assert!(times.p99_ms <= times.longest_ms, "{round:?}");
        }
        assert!(round.ratio > 0.0 && round.bytes > 0, "{round:?}");
        let left = Field::at(pocket.url()).await.unwrap().cluster.aliases().await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn names_differ_and_are_of_tenants_of_the_pack() {
        let all: BTreeSet<String> = names(INDICES_MAX).flatten().collect();
        assert_eq!(all.len(), 2 * usize::try_from(INDICES_MAX).unwrap());
        assert!(all.contains("lockstep-bench-manyaa-event-v1.0"));
        assert_eq!(names(200).count(), 200);
    }
}

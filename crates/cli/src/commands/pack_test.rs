//! `lockstep pack test`: tries the cases of a pack. Documents go up and down in memory; mappings are asked of the embedded
//! cluster, or of the one that `--cluster` names.

use std::path::{Path, PathBuf};

use clap::Args;
use lockstep_core::{
    pack::{
        cases::{self, Case},
        model::Pack,
    },
    trial::{self, Outcome},
    version::Version,
};
use lockstep_elastic::Cluster;
use lockstep_engine::{
    EngineError, JqHosts,
    fitting::{Fit, Fitter},
    pack_folder,
};

use super::{Context, read_pack};
use crate::{
    connection::{Greeted, connect_or_embed},
    error::CommandError,
    exit::Exit,
    render::cases::{CaseReport, MappingRefusal, Report, State, to_json, to_text},
};

/// Flags of `lockstep pack test`.
#[derive(Debug, Args)]
#[command(after_help = "\
A case is a folder releases/VERSION/tests/INDEX/CASE. Its before.json is the _source of a document of the release before; \
after.json is what the step into VERSION makes of it, or error.txt how it is rejected. Where there is a way back, the \
document must come back as it was, or as back.json says.

Every document must also be taken by the mapping of its release. Without --cluster an embedded cluster in memory is asked. \
With --cluster it is a real one; LOCKSTEP_CLUSTER is not enough for that. There each document gets an index of its own, \
whose name begins with lockstep-pack-test- and which is removed at once.

--update writes after.json, error.txt, back.json and back-error.txt of every case that does not hold, and removes those that \
can't hold any more. Look at what it wrote before you keep it.

The exit code is 4 when a case does not hold, and 1 when one was not run.")]
pub(crate) struct PackTestArguments {
    /// Folder of the pack
    #[arg(value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true, default_value = ".")]
    folder: PathBuf,
    /// Only the cases of this release
    #[arg(long, value_name = "VERSION")]
    release: Option<Version>,
    /// Only cases whose VERSION/INDEX/CASE contains this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Write what came of the cases into their files
    #[arg(long)]
    update: bool,
    /// Leave out cases of steps with scripts in Painless, which need --cluster
    #[arg(long)]
    without_painless: bool,
}

/// Tries all cases that are asked for and prints what came of them.
pub(crate) async fn run(
    arguments: &PackTestArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let files = read_pack(&arguments.folder)?;
    let pack = pack_folder::check(&files)?;
    let all = cases::read(&files, &pack).map_err(|diagnostics| {
        let rendered = diagnostics.render(&files, false);
        EngineError::Pack { diagnostics, rendered }
    })?;
    let chosen = chosen(arguments, &pack, &all)?;
    let (greeted, pocket) = connect_or_embed(context).await?;
    let Greeted { cluster, identity } = greeted;
    let bench = Bench {
        pack: &pack,
        folder: &arguments.folder,
        cluster: cluster.clone(),
        jq: context.jq.clone(),
        is_pocket: pocket.is_some(),
        fitter: Fitter::new(cluster, &identity),
        is_update: arguments.update,
        without_painless: arguments.without_painless,
    };
    let mut reports = Vec::with_capacity(chosen.len());
    for case in chosen {
        // Between two cases nothing is on the cluster.
        if context.stop.is_cancelled() {
            return Err(EngineError::Interrupted.into());
        }
        reports.push(bench.tried(case).await?);
    }
    let report =
        Report { pack: &pack.name, identity: &identity, pocket: pocket.is_some(), reports };
    if context.ui.is_json() {
        context.ui.json_pretty(&to_json(&report))?;
    } else {
        context.ui.data(to_text(&report).as_str())?;
    }
    if let Some(pocket) = pocket {
        pocket.stop().await;
    }
    Ok(exit(&report))
}

fn exit(report: &Report<'_>) -> Exit {
    if report.count(State::Failed) > 0 {
        Exit::Pack
    } else if report.count(State::NotRun) > 0 {
        Exit::Refused
    } else {
        Exit::Done
    }
}

/// The cases that are asked for, at least one.
fn chosen<'a>(
    arguments: &PackTestArguments,
    pack: &Pack,
    all: &'a [Case],
) -> Result<Vec<&'a Case>, CommandError> {
    let release = match &arguments.release {
        None => None,
        Some(wanted) => match pack.release(wanted) {
            Some((_, release)) => Some(&release.version),
            None => {
                return Err(CommandError::Usage {
                    message: format!("{} has no release {wanted}", pack.name),
                    hint: "`lockstep pack check` lists its releases",
                });
            }
        },
    };
    let is_chosen = |case: &&Case| {
        let path = format!("{}/{}/{}", case.release, case.index, case.name);
        release.is_none_or(|release| *release == case.release)
            && arguments.filter.as_ref().is_none_or(|text| path.contains(text))
    };
    let chosen: Vec<&Case> = all.iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err(CommandError::Usage {
            message: format!("none of the {} cases of {} is asked for", all.len(), pack.name),
            hint: "leave out --release and --filter to try all; each is named as VERSION/INDEX/CASE",
        });
    }
    Ok(chosen)
}

/// Where cases are tried.
struct Bench<'a> {
    pack: &'a Pack,
    folder: &'a Path,
    cluster: Cluster,
    jq: JqHosts,
    is_pocket: bool,
    fitter: Fitter,
    is_update: bool,
    without_painless: bool,
}

impl Bench<'_> {
    async fn tried<'c>(&self, case: &'c Case) -> Result<CaseReport<'c>, CommandError> {
        if trial::needs_scripts(self.pack, case) {
            if self.without_painless {
                return Ok(CaseReport::not_tried(case, State::LeftOut));
            }
            if self.is_pocket {
                return Ok(CaseReport::not_tried(case, State::NotRun));
            }
        }
        let hosts = (&self.cluster, &self.jq);
        let outcome = match lockstep_engine::trial::run(hosts, self.pack, case).await {
            Ok(outcome) => outcome,
            Err(EngineError::Cluster(failure)) if failure.status() == Some(400) => {
                let refusal = Some(failure.reason().to_owned());
                return Ok(CaseReport {
                    script_refusal: refusal,
                    ..CaseReport::not_tried(case, State::Failed)
                });
            }
            Err(error) => return Err(error.into()),
        };
        let mut problems = trial::judge(case, &outcome);
        let mut updates = Vec::new();
        if self.is_update {
            updates.extend(trial::updates(case, &outcome));
            self.write(case, &updates)?;
            problems = trial::problems_left(&outcome);
        }
        let refusals = self.refusals(case, &outcome).await?;
        let state = match (problems.is_empty() && refusals.is_empty(), updates.is_empty()) {
            (false, _) => State::Failed,
            (true, false) => State::Updated,
            (true, true) => State::Passed,
        };
        let (back, script_refusal) = (outcome.back, None);
        Ok(CaseReport { case, state, back, problems, refusals, script_refusal, updates })
    }

    fn write(&self, case: &Case, updates: &[(&str, Option<String>)]) -> Result<(), CommandError> {
        for (file, content) in updates {
            let path = format!("{}/{file}", case.folder);
            match content {
                Some(content) => pack_folder::write(self.folder, &path, content)?,
                None => pack_folder::remove(self.folder, &path)?,
            }
        }
        Ok(())
    }

    /// Asks the mappings.
    async fn refusals(
        &self,
        case: &Case,
        outcome: &Outcome,
    ) -> Result<Vec<MappingRefusal>, CommandError> {
        let mut refusals = Vec::new();
        for fitting in outcome.fittings(case) {
            let release = self.pack.releases.get(fitting.position);
            let found =
                release.and_then(|release| Some((release, release.indices.get(fitting.index)?)));
            let Some((release, logical)) = found else {
                let what = format!("a case is for `{}`, which no release has", fitting.index);
                return Err(EngineError::Bug(what).into());
            };
            let (is_index_refused, reason) =
                match self.fitter.fit(self.pack, logical, fitting.document).await? {
                    Fit::Taken => continue,
                    Fit::Refused { reason } => (false, reason),
                    Fit::NoIndex { reason } => (true, reason),
                };
            refusals.push(MappingRefusal {
                file: fitting.file,
                release: release.version.clone(),
                index: fitting.index.to_owned(),
                is_index_refused,
                reason,
            });
        }
        Ok(refusals)
    }
}

//! `lockstep pack fuzz`: takes documents that nobody thought of through the steps of a pack, and shows a small one of each kind
//! that causes trouble.

use std::path::PathBuf;

use clap::Args;
use lockstep_core::{
    fuzz::{Profile, Shape},
    pack::model::Pack,
    trial,
    version::Version,
};
use lockstep_engine::{
    EngineError,
    fitting::Fitter,
    fuzz::{Finding, Fuzzer, Subject, Trouble},
    pack_folder, sample,
};

use super::{Context, open_pack};
use crate::{
    connection::{Greeted, connect_or_embed},
    error::CommandError,
    exit::Exit,
    render::fuzz::{Report, StepReport, Written, to_json, to_text},
};

/// Documents for each index, unless the flag says otherwise.
const CASES: usize = 200;
/// More of them are no longer a matter of minutes.
const CASES_MAX: usize = 100_000;
/// Live documents of an index that a profile is made of.
const SAMPLE: usize = 500;

/// Flags of `lockstep pack fuzz`.
#[derive(Debug, Args)]
#[command(after_help = "\
Documents are drawn from the mapping of the release before: all types with their extremes, null, lists, missing fields, and \
fields that a loose mapping lacks. What that mapping refuses is no document, and left out. The others go up through the step, \
and back where there is a way back. What the step makes of them must be taken by the new mapping, what comes back by the old \
one, and a way back that is derived must give the document that there was. A document that the step rejects, or the new mapping for a \
field that the old one takes and doesn't name, is no failure, as an upgrade sets such documents aside; each kind is shown with a \
small document.

With --profile documents look like those that live in the cluster: which fields are there, how often, of which types, how long. \
Values are not taken over, with one exception: where a field has at most 8 different texts again and again, these are used as its \
words, and may then stand in the cases that --write writes.

The same --seed draws the same documents. Without --cluster mappings are asked of an embedded cluster in memory, where no script in \
Painless runs. With --cluster it is a real one; LOCKSTEP_CLUSTER is not enough for that. Documents are written there only into \
indices whose names begin with lockstep-pack-test- and which are removed at once.

--write keeps each small document as a test case below releases/VERSION/tests/INDEX, with what came of it. Nothing is overwritten.

The exit code is 4 when there is a failure, and 1 when a step was left out because its scripts need --cluster.")]
pub(crate) struct PackFuzzArguments {
    /// Folder of the pack
    #[arg(value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true, default_value = ".")]
    folder: PathBuf,
    /// Only the step into this release
    #[arg(long, value_name = "VERSION")]
    release: Option<Version>,
    /// Only the index with this key
    #[arg(long, value_name = "KEY")]
    index: Option<String>,
    /// Documents to draw for each index
    #[arg(long, value_name = "NUMBER", default_value_t = CASES)]
    cases: usize,
    /// What the documents are drawn from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Draw documents that look like those in the cluster, instead of all that mappings take
    #[arg(long)]
    profile: bool,
    /// Keep a small document of each kind as a test case
    #[arg(long)]
    write: bool,
}

/// Tries the steps that are asked for and prints what came of them.
pub(crate) async fn run(
    arguments: &PackFuzzArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let pack = open_pack(&arguments.folder)?;
    let subjects = chosen(arguments, &pack)?;
    if arguments.cases == 0 || arguments.cases > CASES_MAX {
        return Err(CommandError::Usage {
            message: format!("--cases {} is not from 1 to {CASES_MAX}", arguments.cases),
            hint: "take some hundreds; another --seed draws others",
        });
    }
    if arguments.profile && !context.is_cluster_given {
        return Err(CommandError::Usage {
            message: "--profile needs --cluster".to_owned(),
            hint: "name the cluster whose documents are looked at with --cluster URL",
        });
    }
    let (greeted, pocket) = connect_or_embed(context).await?;
    let Greeted { cluster, identity } = greeted;
    let fitter = Fitter::new(cluster.clone(), &identity);
    let bench =
        Bench { arguments, context, fuzzer: Fuzzer { cluster, jq: context.jq.clone(), fitter } };
    let mut steps = Vec::with_capacity(subjects.len());
    for subject in subjects {
        if pocket.is_some() && subject.needs_scripts() {
            steps.push(StepReport { subject, outcome: None, sampled: None, written: Vec::new() });
            continue;
        }
        steps.push(bench.tried(subject).await?);
    }
    let report = Report {
        pack: &pack,
        identity: &identity,
        pocket: pocket.is_some(),
        seed: arguments.seed,
        steps,
    };
    if context.ui.is_json() {
        context.ui.json_pretty(&to_json(&report))?;
    } else {
        context.ui.data(to_text(&report).as_str())?;
    }
    if let Some(pocket) = pocket {
        pocket.stop().await;
    }
    Ok(if report.failure_count() > 0 {
        Exit::Pack
    } else if report.left_out_count() > 0 {
        Exit::Refused
    } else {
        Exit::Done
    })
}

/// The steps that are asked for, at least one.
fn chosen<'a>(
    arguments: &PackFuzzArguments,
    pack: &'a Pack,
) -> Result<Vec<Subject<'a>>, CommandError> {
    let position = match &arguments.release {
        None => None,
        Some(wanted) => match pack.release(wanted) {
            Some((position, _)) => Some(position),
            None => {
                return Err(CommandError::Usage {
                    message: format!("{} has no release {wanted}", pack.name),
                    hint: "`lockstep pack check` lists its releases",
                });
            }
        },
    };
    let mut subjects = Subject::all(pack);
    subjects.retain(|subject| {
        position.is_none_or(|position| position == subject.position)
            && arguments.index.as_ref().is_none_or(|index| index == subject.index)
    });
    if subjects.is_empty() {
        return Err(CommandError::Usage {
            message: format!("no step of {} that is asked for changes documents", pack.name),
            hint: "leave out --release and --index to try all; `lockstep pack docs` shows the steps",
        });
    }
    Ok(subjects)
}

struct Bench<'a> {
    arguments: &'a PackFuzzArguments,
    context: &'a Context,
    fuzzer: Fuzzer,
}

impl Bench<'_> {
    async fn tried<'s>(&self, subject: Subject<'s>) -> Result<StepReport<'s>, CommandError> {
        let (shape, sampled) = self.shape(subject).await?;
        let (cases, seed) = (self.arguments.cases, self.arguments.seed);
        let outcome = self.fuzzer.run(subject, &shape, (cases, seed), &self.context.stop).await?;
        let mut written = Vec::new();
        if self.arguments.write {
            for finding in &outcome.findings {
                written.push(self.write(subject, finding)?);
            }
        }
        Ok(StepReport { subject, outcome: Some(outcome), sampled, written })
    }

    /// What documents are drawn from, and of how many live ones it was made.
    async fn shape(&self, subject: Subject<'_>) -> Result<(Shape, Option<u64>), CommandError> {
        let (Some(old), Some(release)) =
            (subject.old(), subject.pack.releases.get(subject.position.saturating_sub(1)))
        else {
            return Err(EngineError::Bug(format!("`{}` has no origin", subject.index)).into());
        };
        let of_mapping = Shape::of_mapping(&old.mapping, &subject.names());
        if !self.arguments.profile {
            return Ok((of_mapping, None));
        }
        let of = (subject.pack, release, subject.from);
        let mut profile = Profile::default();
        for document in sample::documents(&self.fuzzer.cluster, of, SAMPLE).await? {
            profile.add(&document);
        }
        if profile.count() == 0 {
            return Err(CommandError::Usage {
                message: format!(
                    "the cluster has no document of `{}` in {}",
                    subject.from, release.version
                ),
                hint: "name an index that has some with --index, or leave out --profile",
            });
        }
        Ok((profile.shape(&of_mapping), Some(profile.count())))
    }

    /// Keeps a finding as a test case; one that is there already stays as it is.
    fn write(&self, subject: Subject<'_>, finding: &Finding) -> Result<Written, CommandError> {
        let case = subject.case(&finding.document);
        let folder =
            format!("releases/{}/tests/{}/{}", case.release.as_str(), subject.index, name(finding));
        let is_there = self.arguments.folder.join(&folder).try_exists().map_err(|source| {
            EngineError::PackUnreadable { path: self.arguments.folder.join(&folder), source }
        })?;
        if is_there {
            return Ok(Written { folder, is_new: false });
        }
        let before = lockstep_core::json::pretty(finding.document.as_bytes())
            .map_err(|fault| EngineError::Bug(format!("a drawn document: {fault}")))?;
        pack_folder::create(&self.arguments.folder, &format!("{folder}/before.json"), &before)?;
        for (file, content) in trial::updates(&case, &finding.outcome) {
            if let Some(content) = content {
                pack_folder::create(&self.arguments.folder, &format!("{folder}/{file}"), &content)?;
            }
        }
        Ok(Written { folder, is_new: true })
    }
}

/// The name of a finding's case: what the trouble is, and where.
fn name(finding: &Finding) -> String {
    let of = |word: &str, rejection: &lockstep_core::transform::Rejection| {
        let parts = [
            Some(word.to_owned()),
            Some(rejection.code.to_string()),
            rejection.operation_index.map(|index| (index + 1).to_string()),
            rejection.field.clone(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("-")
    };
    let of_index = |word: &str, index: Option<&str>| {
        index.map_or_else(|| word.to_owned(), |index| format!("{word}-{index}"))
    };
    let name = match &finding.trouble {
        Trouble::Rejected(rejection) => of("fuzz", rejection),
        Trouble::BackRejected(rejection) => of("fuzz-back", rejection),
        Trouble::Panicked => "fuzz-defect".to_owned(),
        Trouble::Unreadable => "fuzz-unreadable".to_owned(),
        Trouble::Refused { sent_to, reason: _ } => of_index("fuzz-refused", sent_to.as_deref()),
        Trouble::UnknownRefused { sent_to, reason: _ } => {
            of_index("fuzz-unknown", sent_to.as_deref())
        }
        Trouble::BackDiffers(_) => "fuzz-back-differs".to_owned(),
        Trouble::BackRefused { reason: _ } => "fuzz-back-refused".to_owned(),
        Trouble::NoIndex { reason: _ } => "fuzz-no-index".to_owned(),
    };
    // A field's name may hold what a folder's can't.
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '-' })
        .collect()
}

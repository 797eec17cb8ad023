//! `lockstep pack step`: drafts a release with the step into it, from two sets that live in a cluster or from folders with
//! mappings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use lockstep_core::{
    pack::{
        PackFiles, Severity,
        model::{Pack, Release},
        read,
    },
    sketch::{About, Answer, Answers, Question, Seen, Side, files, questions},
    version::Version,
};
use lockstep_elastic::Cluster;
use lockstep_engine::{EngineError, pack_folder, sets};
use serde_json::{Value, json};

use super::{Context, read_pack};
use crate::{
    cli::PackFlag,
    connection::connect,
    error::CommandError,
    exit::Exit,
    render::{Text, quantity::counted},
};

/// Flags of `lockstep pack step`.
#[derive(Debug, Args)]
#[command(after_help = "\
The pack must have a pack.yaml, which says how indices are named. FROM must be its newest release; if it has none at all, FROM is \
drafted as well. Nothing that is there is ever overwritten.

What two mappings and some sampled documents tell is written: equal indices, new ones, types that a cast leads to. What they \
don't tell is asked: whether a field or an index that is gone has another name now, or ends with its values. Likely names are \
offered, by type, name and equal values. Where nobody can be asked, or with --yes, it stays open: as a comment in the draft, and as a \
mistake that `pack check` tells where data would get lost. Nothing is dropped unless somebody said so.

Sampled documents are looked at in memory only; no value of them is written.")]
pub(crate) struct PackStepArguments {
    /// Release that the step starts from
    #[arg(value_name = "FROM")]
    from: Version,
    /// Release to draft
    #[arg(value_name = "TO")]
    to: Version,
    /// Look at the indices of both releases in the cluster
    #[arg(long, conflicts_with = "mappings", required_unless_present = "mappings")]
    from_cluster: bool,
    /// Folder with the mappings of TO, a file NAME.json for each index; of FROM and of TO where the pack has no release yet
    #[arg(long, value_name = "DIR", num_args = 1..=2)]
    mappings: Vec<PathBuf>,
    /// Text for {version} in the names of TO's indices [default: TO]
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Ask nothing; what can't be told stays open
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pack: PackFlag,
}

/// Drafts the release and prints what is open.
pub(crate) async fn run(
    arguments: &PackStepArguments,
    context: &Context,
) -> Result<Exit, CommandError> {
    let folder = &arguments.pack.pack;
    let written = read_pack(folder)?;
    let base = Base::of(&written, arguments)?;
    let (old, new) = sides(arguments, context, &base).await?;
    let open = questions(&old, &new);
    let answers = if !arguments.yes && context.ui.can_ask() {
        asked(&open, context).await?
    } else {
        Answers::new()
    };
    let mut drafted = files(&new, Some(&old), &answers);
    if base.newest.is_none() {
        drafted.extend(files(&old, None, &Answers::new()));
    }
    for (path, content) in &drafted {
        pack_folder::create(folder, path, content)?;
    }
    let open: Vec<&Question> =
        open.iter().filter(|question| !answers.contains_key(&question.about)).collect();
    tell(folder, (&new, &drafted), &open, context)
}

/// What the pack says already.
struct Base {
    /// With one release at least: a stand-in where the pack has none.
    pack: Pack,
    /// Its newest release; `None` where it has none.
    newest: Option<Release>,
}

impl Base {
    fn of(written: &PackFiles, arguments: &PackStepArguments) -> Result<Self, CommandError> {
        let PackStepArguments { from, to, .. } = arguments;
        if to <= from {
            return Err(CommandError::Usage {
                message: format!("{to} doesn't come after {from}"),
                hint: "name the older release first",
            });
        }
        let drafted = format!("releases/{}/", to.as_str());
        if written.files.keys().any(|path| path.starts_with(&drafted)) {
            return Err(CommandError::Usage {
                message: format!("there is something in {drafted} already"),
                hint: "nothing is ever overwritten; move it away, or draft another release",
            });
        }
        let has_release = written.files.keys().any(|path| path.starts_with("releases/"));
        if !has_release {
            // Naming is read with the pack as a whole, which needs a release.
            let mut stand_in = written.clone();
            let folder = format!("releases/{}", from.as_str());
            let release = b"indices:\n  index: {mapping: index.json}\n".to_vec();
            stand_in.files.insert(format!("{folder}/release.yaml"), release);
            stand_in.files.insert(format!("{folder}/mappings/index.json"), b"{}".to_vec());
            return Ok(Self { pack: pack_folder::check(&stand_in)?, newest: None });
        }
        let pack = pack_folder::check(written)?;
        let newest = pack.releases.last().cloned();
        match &newest {
            Some(release)
                if release.version.data(pack.data_parts) == from.data(pack.data_parts) =>
            {
                Ok(Self { pack, newest })
            }
            Some(_) | None => Err(CommandError::Usage {
                message: format!("{from} is not the newest release of {}", pack.name),
                hint: "a step starts at the newest release; `lockstep pack check` lists them",
            }),
        }
    }

    /// A release by which names are taken apart.
    fn release(&self, version: &Version, label: Option<&String>) -> Result<Release, CommandError> {
        let Some(release) = self.pack.releases.last() else {
            return Err(EngineError::Bug("a pack without a release".to_owned()).into());
        };
        let label = label.cloned().unwrap_or_else(|| version.as_str().to_owned());
        Ok(Release { version: version.clone(), label, ..release.clone() })
    }
}

async fn sides(
    arguments: &PackStepArguments,
    context: &Context,
    base: &Base,
) -> Result<(Side, Side), CommandError> {
    let PackStepArguments { from, to, label, .. } = arguments;
    let cluster = if arguments.from_cluster {
        Some(connect(&context.global.cluster).await?.cluster)
    } else {
        None
    };
    let old_indices = old_indices(arguments, cluster.as_ref(), base).await?;
    let mut new_indices = match (&cluster, arguments.mappings.last()) {
        (Some(cluster), _) => {
            sets::of_release(cluster, &base.pack, &base.release(to, label.as_ref())?).await?
        }
        (None, Some(folder)) => of_folder(folder)?,
        (None, None) => BTreeMap::new(),
    };
    if let Some(release) = &base.newest {
        new_indices = by_key(new_indices, release);
    }
    for (version, indices) in [(from, &old_indices), (to, &new_indices)] {
        if indices.is_empty() {
            return Err(CommandError::Usage {
                message: format!("no index of {version} was found"),
                hint: "the names must fit `naming` in pack.yaml, with the version or --label in them; \
                       a folder has a file NAME.json for each index",
            });
        }
    }
    Ok((
        Side { version: from.clone(), label: None, indices: old_indices },
        Side { version: to.clone(), label: label.clone(), indices: new_indices },
    ))
}

/// What the release before looks like: as the pack says, with documents from the cluster; else as was found.
async fn old_indices(
    arguments: &PackStepArguments,
    cluster: Option<&Cluster>,
    base: &Base,
) -> Result<BTreeMap<String, Seen>, CommandError> {
    let Some(release) = &base.newest else {
        return match (cluster, arguments.mappings.as_slice()) {
            (Some(cluster), _) => {
                let release = base.release(&arguments.from, None)?;
                Ok(sets::of_release(cluster, &base.pack, &release).await?)
            }
            (None, [old, _new]) => of_folder(old),
            (None, _) => Err(CommandError::Usage {
                message: "the pack has no release, and --mappings names one folder".to_owned(),
                hint: "name the folder with the mappings of FROM, then that of TO",
            }),
        };
    };
    if arguments.mappings.len() > 1 {
        return Err(CommandError::Usage {
            message: format!("the pack has the mappings of {} already", release.version),
            hint: "name the folder with the mappings of TO alone",
        });
    }
    let mut live = match cluster {
        Some(cluster) => sets::of_release(cluster, &base.pack, release).await?,
        None => BTreeMap::new(),
    };
    let seen = release.indices.iter().map(|(key, index)| {
        let seen = Seen {
            mapping: index.mapping.clone(),
            settings: index.settings.clone(),
            partitions: index.partitions.kinds().collect(),
            documents: live.remove(&index.name).map(|live| live.documents).unwrap_or_default(),
            remarks: Vec::new(),
        };
        (key.clone(), seen)
    });
    Ok(seen.collect())
}

/// Indices are found by their physical names; where the release before has one of them, its key there is taken.
fn by_key(seen: BTreeMap<String, Seen>, before: &Release) -> BTreeMap<String, Seen> {
    let key = |name: &String| {
        let known = before.indices.iter().find(|(_, index)| index.name == *name);
        known.map_or_else(|| name.clone(), |(key, _)| key.clone())
    };
    seen.into_iter().map(|(name, seen)| (key(&name), seen)).collect()
}

/// The mappings in a folder: a file for each index.
fn of_folder(folder: &Path) -> Result<BTreeMap<String, Seen>, CommandError> {
    let unreadable =
        |path: &Path, source| EngineError::PackUnreadable { path: path.to_owned(), source };
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        let path = entry.map_err(|source| unreadable(folder, source))?.path();
        if path.extension().is_none_or(|ending| ending != "json") {
            continue;
        }
        let Some(name) = path.file_stem().map(|name| name.to_string_lossy().into_owned()) else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        let mapping: Value = serde_json::from_str(&text)
            .map_err(|error| unreadable(&path, std::io::Error::other(error)))?;
        // As `GET INDEX/_mapping` and templates have it.
        let mapping = mapping.get("mappings").cloned().unwrap_or(mapping);
        seen.insert(name, Seen { mapping, ..Seen::default() });
    }
    Ok(seen)
}

/// Asks whoever sits there. An empty answer leaves a question open.
async fn asked(open: &[Question], context: &Context) -> Result<Answers, CommandError> {
    let mut answers = Answers::new();
    for Question { about, candidates } in open {
        context.ui.note(&format!("{}.", what(about)));
        for (number, candidate) in candidates.iter().enumerate() {
            context.ui.note(&format!(
                "  {}: it is now `{}` ({})",
                number + 1,
                candidate.name,
                candidate.reason
            ));
        }
        context.ui.note("  d: it ends here, and what it holds is lost\n  Enter: leave it open");
        loop {
            let line = context.ui.ask("which?").await?;
            if context.stop.is_cancelled() {
                return Err(EngineError::Interrupted.into());
            }
            let line = line.trim();
            let chosen = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let answer = match (line, chosen.and_then(|at| candidates.get(at))) {
                ("", _) => None,
                ("d", _) => Some(Answer::Drop),
                (_, Some(candidate)) => Some(Answer::Carry(candidate.name.clone())),
                (_, None) => continue,
            };
            answers.extend(answer.map(|answer| (about.clone(), answer)));
            break;
        }
    }
    Ok(answers)
}

fn what(about: &About) -> String {
    match about {
        About::Field { index, field } => format!("`{index}` no longer has the field `{field}`"),
        About::Index { key } => format!("there is no index `{key}` any more"),
    }
}

fn tell(
    folder: &Path,
    (new, drafted): (&Side, &BTreeMap<String, String>),
    open: &[&Question],
    context: &Context,
) -> Result<Exit, CommandError> {
    let shown = folder.display().to_string();
    let diagnostics = read(&pack_folder::read(folder)?).diagnostics;
    let mistakes = diagnostics.count(Severity::Error) as u64;
    if context.ui.is_json() {
        let questions: Vec<Value> = open
            .iter()
            .map(|question| {
                let names: Vec<&str> =
                    question.candidates.iter().map(|one| one.name.as_str()).collect();
                json!({"what": what(&question.about), "candidates": names})
            })
            .collect();
        let files: Vec<&String> = drafted.keys().collect();
        context.ui.json_pretty(&json!({
            "release": new.version, "folder": shown, "files": files, "open": questions, "mistakes": mistakes,
        }))?;
        return Ok(Exit::Done);
    }
    let mut text = Text::default();
    let indices = counted(new.indices.len() as u64, "index", "indices");
    text.line(format_args!("drafted {} in {shown}: {indices}", new.version));
    for question in open {
        let names =
            question.candidates.iter().map(|one| format!("`{}` ({})", one.name, one.reason));
        let names = names.collect::<Vec<_>>().join(" or ");
        let perhaps = if names.is_empty() { names } else { format!("; perhaps it is now {names}") };
        text.line(format_args!("open: {}{perhaps}", what(&question.about)));
    }
    let path = format!("{shown}/releases/{}/release.yaml", new.version.as_str());
    let next = if open.is_empty() && mistakes == 0 {
        format!("read {path}; lockstep pack check {shown}; lockstep pack fuzz {shown}")
    } else {
        let mistakes = counted(mistakes, "mistake", "mistakes");
        format!(
            "decide in {path} what is open there; lockstep pack check {shown} finds {mistakes} as it is"
        )
    };
    text.advice("next", &next);
    context.ui.data(text.as_str())?;
    Ok(Exit::Done)
}

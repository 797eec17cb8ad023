//! Why a tag can't be told or changed.

use std::path::PathBuf;

use lockstep_core::deploy::compose::ProblemKind;

/// Why a tag can't be told or changed, with the place and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", place_text(place.as_ref()))]
pub struct DeployProblem {
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// A file, and a line of it from 1.
    pub place: Option<(PathBuf, Option<usize>)>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// The kinds of trouble; each has a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A file can't be read or written.
    File,
    /// A compose file that can't be worked with.
    Compose(ProblemKind),
    /// The tag that runs belongs to another release than the live one.
    OtherRelease,
    /// A command can't be started.
    NotStarted,
    /// A command failed.
    Failed,
    /// A command took too long.
    TooLong,
    /// A hook doesn't answer.
    HookSilent,
    /// A hook refuses.
    HookRefused,
    /// The API of Kubernetes doesn't answer.
    ApiSilent,
    /// The API of Kubernetes refuses.
    ApiRefused,
    /// The Deployment can't be worked with.
    Deployment,
    /// The rollout didn't come to its end.
    Rollout,
}

impl DeployProblem {
    /// A problem without a place.
    pub(super) fn new(trouble: Trouble, message: String, hint: &str) -> Self {
        Self { trouble, place: None, message, hint: hint.to_owned() }
    }

    /// Stable code, see `docs/design/error-codes.md`.
    pub fn code(&self) -> &'static str {
        match self.trouble {
            Trouble::File => "K0101",
            Trouble::Compose(ProblemKind::Malformed) => "K0102",
            Trouble::Compose(ProblemKind::Absent) => "K0103",
            Trouble::Compose(ProblemKind::Ambiguous) => "K0104",
            Trouble::Compose(ProblemKind::Unchangeable) => "K0105",
            Trouble::Compose(ProblemKind::NotAVersion) => "K0106",
            Trouble::Compose(ProblemKind::Different) => "K0107",
            Trouble::OtherRelease => "K0108",
            Trouble::NotStarted => "K0201",
            Trouble::Failed => "K0202",
            Trouble::TooLong => "K0203",
            Trouble::HookSilent => "K0301",
            Trouble::HookRefused => "K0302",
            Trouble::ApiSilent => "K0401",
            Trouble::ApiRefused => "K0402",
            Trouble::Deployment => "K0403",
            Trouble::Rollout => "K0404",
        }
    }
}

fn place_text(place: Option<&(PathBuf, Option<usize>)>) -> String {
    match place {
        None => String::new(),
        Some((file, None)) => format!("{}: ", file.display()),
        Some((file, Some(line))) => format!("{}:{line}: ", file.display()),
    }
}

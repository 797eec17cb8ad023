//! The tag stands in a compose file, or in the file `.env` beside it: it is changed there, and a command makes it so.

use std::{
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use lockstep_core::deploy::{
    compose::{ComposeFiles, ComposeProblem, File, TagPlace, Wanted, common_tag, find, with_tag},
    tag::TagForm,
};

use super::{Change, Command, DeployProblem, Listener, Trouble};
use crate::error::EngineError;

/// A file larger than this is no compose file.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// How often a file that somebody else writes at the same moment is read again.
const ATTEMPTS_MAX: u32 = 5;

/// A compose file in which the tag stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// The file.
    pub file: PathBuf,
    /// Services by name.
    pub services: Vec<String>,
    /// The image without its tag.
    pub image: Option<String>,
    /// The command that makes it so; `docker compose up -d` where nothing is said.
    pub apply: Option<Vec<String>>,
    /// How long it may take.
    pub time_limit: Duration,
}

/// What was read.
struct Read {
    compose: String,
    variables: Option<String>,
}

impl Compose {
    /// The tag that all services have now. Looks whether both files could be written.
    pub(super) fn check(&self, form: &TagForm) -> Result<String, EngineError> {
        let (read, places) = self.look(form)?;
        let tag = common_tag(&places).map_err(|problem| self.problem(problem))?;
        // A tag that can't stand here would be found only after everything else was done.
        let files = read.files();
        with_tag(files, &places, &tag).map_err(|problem| self.problem(problem))?;
        for file in
            [Some(self.file.clone()), read.variables.as_ref().map(|_| self.variables_file())]
                .into_iter()
                .flatten()
        {
            // Written beside it and taken away again: that is what a change needs.
            let (path, _) = real(&file)?;
            beside(&path).map_err(|error| unwritable(&file, &error))?;
        }
        Ok(tag)
    }

    /// Writes the tag, if it isn't there, and makes it so.
    pub(super) async fn change(
        &self,
        form: &TagForm,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let services = self.write(form, &change.tag)?;
        listener.tell(format!(
            "{}: {} {} the tag {}",
            self.file.display(),
            services.join(", "),
            if services.len() == 1 { "has" } else { "have" },
            change.tag
        ));
        let command = self.command(&services);
        let variables = [
            ("LOCKSTEP_APPLICATION", change.application.as_str()),
            ("LOCKSTEP_VERSION", change.version.as_str()),
            ("LOCKSTEP_FROM", change.from.as_str()),
            ("LOCKSTEP_TAG", change.tag.as_str()),
        ];
        listener.tell(format!("running `{}`", command.words.join(" ")));
        command.run(&variables, listener).await
    }

    /// Writes the tag into the files; gives the services that have it. What somebody else writes at the same moment is kept.
    fn write(&self, form: &TagForm, tag: &str) -> Result<Vec<String>, EngineError> {
        let mut attempt = 1;
        loop {
            let (read, places) = self.look(form)?;
            let changed =
                with_tag(read.files(), &places, tag).map_err(|problem| self.problem(problem))?;
            let files = [
                (self.file.clone(), changed.compose, Some(&read.compose)),
                (self.variables_file(), changed.variables, read.variables.as_ref()),
            ];
            let mut is_written = true;
            for (file, text, was) in &files {
                if let (Some(text), Some(was)) = (text, was) {
                    is_written = is_written && replace(file, was, text)?;
                }
            }
            if is_written {
                return Ok(places.into_iter().map(|place| place.service).collect());
            }
            if attempt == ATTEMPTS_MAX {
                let error = io::Error::other("somebody else writes it again and again");
                return Err(unwritable(&self.file, &error).into());
            }
            attempt += 1;
        }
    }

    /// What makes it so.
    fn command(&self, services: &[String]) -> Command {
        let words = self.apply.clone().unwrap_or_else(|| {
            let name = self.file.file_name().map(|name| name.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            ["docker", "compose", "-f", &name, "up", "-d"]
                .map(str::to_owned)
                .into_iter()
                .chain(services.iter().cloned())
                .collect()
        });
        Command { words, folder: Some(self.folder()), time_limit: self.time_limit }
    }

    fn look(&self, form: &TagForm) -> Result<(Read, Vec<TagPlace>), EngineError> {
        let absent = io::Error::new(io::ErrorKind::NotFound, "there is no such file");
        let compose = read(&self.file)?.ok_or_else(|| unreadable(&self.file, &absent))?;
        let read = Read { compose, variables: read(&self.variables_file())? };
        let wanted = Wanted { services: &self.services, image: self.image.as_deref() };
        let places = find(read.files(), wanted, form).map_err(|problem| self.problem(problem))?;
        Ok((read, places))
    }

    fn folder(&self) -> PathBuf {
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
    }

    fn variables_file(&self) -> PathBuf {
        self.folder().join(".env")
    }

    fn problem(&self, problem: ComposeProblem) -> DeployProblem {
        let ComposeProblem { kind, file, line, message, fix } = problem;
        let file = match file {
            File::Compose => self.file.clone(),
            File::Variables => self.variables_file(),
        };
        let place = Some((file, line));
        DeployProblem { trouble: Trouble::Compose(kind), place, message, hint: fix }
    }
}

impl Read {
    fn files(&self) -> ComposeFiles<'_> {
        let environment: &dyn Fn(&str) -> Option<String> = &|name| env::var(name).ok();
        ComposeFiles { compose: &self.compose, variables: self.variables.as_deref(), environment }
    }
}

/// The text of a file; `None` where there is none.
fn read(file: &Path) -> Result<Option<String>, EngineError> {
    match fs::metadata(file) {
        Ok(facts) if facts.len() > FILE_BYTES_MAX => {
            Err(unreadable(file, &io::Error::other("it is larger than 4 MB")).into())
        }
        Ok(_) => match fs::read_to_string(file) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(unreadable(file, &error).into()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, &error).into()),
    }
}

/// Writes a file anew: beside the old one, with its rights, then in its place. Where a link leads is written, the link stays. False
/// when it isn't what it `was` any more: then it stays as it is.
fn replace(file: &Path, was: &str, text: &str) -> Result<bool, EngineError> {
    let (path, facts) = real(file)?;
    let written = beside(&path).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(facts.permissions())?;
        new.as_file().sync_all()?;
        // Looked at last, as writing takes its time.
        if fs::read(&path)? != was.as_bytes() {
            return Ok(false);
        }
        new.persist(&path).map_err(|error| error.error)?;
        Ok(true)
    });
    written.map_err(|error| unwritable(file, &error).into())
}

fn real(file: &Path) -> Result<(PathBuf, fs::Metadata), EngineError> {
    let path = file.canonicalize().map_err(|error| unwritable(file, &error))?;
    let facts = fs::metadata(&path).map_err(|error| unwritable(file, &error))?;
    if facts.permissions().readonly() {
        let error = io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only");
        return Err(unwritable(file, &error).into());
    }
    Ok((path, facts))
}

/// A new file in the same folder, which is gone again unless it is put in the place of another.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    tempfile::Builder::new().prefix(".lockstep-").tempfile_in(folder)
}

fn unreadable(file: &Path, error: &io::Error) -> DeployProblem {
    let message = format!("it can't be read: {error}");
    let place = Some((file.to_owned(), None));
    let hint = "name the compose file with `file`, relative to the configuration".to_owned();
    DeployProblem { trouble: Trouble::File, place, message, hint }
}

fn unwritable(file: &Path, error: &io::Error) -> DeployProblem {
    let message = format!("it can't be written: {error}");
    let place = Some((file.to_owned(), None));
    let hint = "look at the rights of the file and of its folder".to_owned();
    DeployProblem { trouble: Trouble::File, place, message, hint }
}

#[cfg(test)]
mod tests;

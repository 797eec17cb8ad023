//! `lockstep pack new`: writes a small pack to begin with. Its files stand in `pack/` beside this one.

use std::{fs, io, path::PathBuf};

use clap::Args;
use lockstep_engine::{EngineError, pack_folder};
use serde_json::json;

use super::Context;
use crate::{error::CommandError, exit::Exit};

/// Names each file of the new pack once: its path there is its path under `pack/`.
macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("pack/", $path)))),+]
    };
}

/// The files of a new pack: path and content.
const FILES: [(&str, &str); 7] = files![
    "pack.yaml",
    "releases/1.0/release.yaml",
    "releases/1.0/mappings/person.json",
    "releases/1.1/release.yaml",
    "releases/1.1/mappings/person.json",
    "releases/1.1/tests/person/plain/before.json",
    "releases/1.1/tests/person/plain/after.json",
];

/// The line that names the application.
const NAME_LINE: &str = "name: my-application";

/// Flags of `lockstep pack new`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes two releases with one index, a step between them and a test case, all with comments, to be changed into your own. \
Nothing that is there is ever overwritten.")]
pub(crate) struct PackNewArguments {
    /// Name of the application: small letters, digits and `-`, a letter first
    #[arg(value_name = "NAME")]
    name: String,
    /// Folder to write the pack into, which is made [default: NAME]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the pack.
pub(crate) fn run(arguments: &PackNewArguments, context: &Context) -> Result<Exit, CommandError> {
    let name = &arguments.name;
    if !is_name(name) {
        return Err(CommandError::Usage {
            message: format!("`{name}` can't be the name of an application"),
            hint: "take small letters, digits and `-`, with a letter first",
        });
    }
    let folder = arguments.dir.clone().unwrap_or_else(|| PathBuf::from(name));
    if !is_free(&folder)
        .map_err(|source| EngineError::PackUnreadable { path: folder.clone(), source })?
    {
        return Err(CommandError::FolderTaken { path: folder });
    }
    for (path, content) in FILES {
        let content = content.replace(NAME_LINE, &format!("name: {name}"));
        pack_folder::create(&folder, path, &content)?;
    }
    let shown = folder.display().to_string();
    if context.ui.is_json() {
        let files = FILES.map(|(path, _)| path);
        context.ui.json_pretty(&json!({"pack": name, "folder": shown, "files": files}))?;
    } else {
        context.ui.data(&format!(
            "wrote the pack {name} into {shown}: releases 1.0 and 1.1, the step between them, and a test case\n\
             next: lockstep pack check {shown}; lockstep pack test {shown}\n"
        ))?;
    }
    Ok(Exit::Done)
}

/// Whether a pack may have this name.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '-'))
}

/// Whether nothing is there, or an empty folder.
fn is_free(folder: &PathBuf) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_names_the_application_once() {
        let all: String = FILES.iter().map(|(_, content)| *content).collect();
        assert_eq!(all.matches(NAME_LINE).count(), 1);
    }
}

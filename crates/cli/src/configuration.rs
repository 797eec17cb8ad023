//! `--config FILE`: what stands in the file becomes the default of flags, so that flags beat variables, and variables the file.
//! Paths in it are relative to its own folder. Secrets are read from the files that it names, when somebody connects.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Command};
use lockstep_core::configuration::{self, ClusterConfiguration, Configuration};

use crate::{
    cli::{ClusterFlags, Secret},
    error::CommandError,
};

/// A file larger than this is no configuration.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file of configuration that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigurationFile {
    /// What it says.
    pub(crate) says: Configuration,
    /// The folder that its paths are relative to; the present one where there is no file.
    pub(crate) folder: PathBuf,
}

/// The file that a command names, read; `None` when it names none.
pub(crate) fn named(matches: &ArgMatches) -> Result<Option<ConfigurationFile>, CommandError> {
    let mut innermost = matches;
    let mut file = None;
    loop {
        let given = innermost.try_get_one::<PathBuf>("config").ok().flatten();
        file = given.cloned().or(file);
        match innermost.subcommand() {
            Some((_, inner)) => innermost = inner,
            None => break,
        }
    }
    // A variable is easily left empty.
    let file = file.filter(|file| !file.as_os_str().is_empty());
    file.map(|file| ConfigurationFile::open(&file)).transpose()
}

impl ConfigurationFile {
    fn open(path: &Path) -> Result<Self, CommandError> {
        let unreadable =
            |source| CommandError::ConfigurationUnreadable { path: path.to_owned(), source };
        let facts = fs::metadata(path).map_err(unreadable)?;
        if facts.len() > FILE_BYTES_MAX {
            return Err(unreadable(std::io::Error::other("it is larger than 1 MB")));
        }
        let content = fs::read(path).map_err(unreadable)?;
        let name = path.display().to_string();
        let says = configuration::read(&name, &content).map_err(|diagnostics| {
            let rendered = configuration::render(&diagnostics, &name, &content);
            CommandError::Configuration { path: path.to_owned(), diagnostics, rendered }
        })?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { says, folder })
    }

    /// A path of the file, from where the command runs.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The command line with what the file says as defaults.
    pub(crate) fn defaults(&self, command: Command) -> Command {
        let Configuration { cluster, pack, application, deploy: _, health: _ } = &self.says;
        let ClusterConfiguration {
            url,
            user,
            password_file: _,
            api_key_file: _,
            token_file: _,
            ca,
        } = cluster;
        let path = |written: &String| self.path(written).into_os_string();
        let defaults: Vec<(&str, OsString)> = [
            ("cluster", url.as_ref().map(OsString::from)),
            ("user", user.as_ref().map(OsString::from)),
            ("ca", ca.as_ref().map(path)),
            ("pack", pack.as_ref().map(path)),
            ("application", application.as_ref().map(OsString::from)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        with_defaults(command, &defaults)
    }

    /// Adds the secrets of the file where flags and variables name none of another kind.
    pub(crate) fn add_secrets(&self, flags: &mut ClusterFlags) -> Result<(), CommandError> {
        let ClusterConfiguration { user, password_file, api_key_file, token_file, .. } =
            &self.says.cluster;
        let is_given = |secret: &Option<Secret>| {
            secret.as_ref().is_some_and(|secret| !secret.reveal().is_empty())
        };
        // The address may hold a user and a password, which the file's address can't.
        let is_in_address = flags.cluster.contains('@');
        if is_given(&flags.api_key) || is_given(&flags.bearer_token) || is_in_address {
            // Another way to say who asks takes the place of the file's.
            if flags.user == *user
                && !is_given(&flags.password)
                && env::var_os("LOCKSTEP_USER").is_none()
            {
                flags.user = None;
            }
            return Ok(());
        }
        if !is_given(&flags.password) {
            flags.password = self.secret(password_file.as_ref())?;
        }
        let is_by_name =
            flags.user.as_ref().is_some_and(|user| !user.is_empty()) || is_given(&flags.password);
        if !is_by_name {
            flags.api_key = self.secret(api_key_file.as_ref())?;
            flags.bearer_token = self.secret(token_file.as_ref())?;
        }
        Ok(())
    }

    fn secret(&self, file: Option<&String>) -> Result<Option<Secret>, CommandError> {
        let Some(file) = file else { return Ok(None) };
        let path = self.path(file);
        let text = fs::read_to_string(&path)
            .map_err(|source| CommandError::SecretFile { path: path.clone(), source })?;
        Ok(Some(Secret::from(text.trim_end_matches(['\n', '\r']).to_owned())))
    }
}

/// Sets defaults in a command and in all below it. Arguments are known by their names, a pack also by its variable.
fn with_defaults(command: Command, defaults: &[(&str, OsString)]) -> Command {
    command
        .mut_args(|argument| {
            let is_pack = argument.get_env().is_some_and(|variable| variable == "LOCKSTEP_PACK");
            let name = if is_pack { "pack" } else { argument.get_id().as_str() };
            match defaults.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => argument.default_value(value.clone()),
                None => argument,
            }
        })
        .mut_subcommands(|inner| with_defaults(inner, defaults))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::cli::Arguments;

    /// Flags of a command, with a file that says this, in a folder that has a file `secret`.
    fn flags(file: &str, words: &[&str]) -> ClusterFlags {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lockstep.yaml");
        fs::write(&path, file).unwrap();
        fs::write(folder.path().join("secret"), "hush\n").unwrap();
        let file = ConfigurationFile::open(&path).unwrap();
        let words = ["lockstep", "status"].iter().chain(words);
        let matches = file.defaults(Arguments::command()).try_get_matches_from(words).unwrap();
        let mut flags = Arguments::from_arg_matches(&matches).unwrap().global.cluster;
        file.add_secrets(&mut flags).unwrap();
        flags
    }

    /// Who asks, as one text.
    fn who(flags: &ClusterFlags) -> String {
        let secret =
            |secret: &Option<Secret>| secret.as_ref().map_or("-", Secret::reveal).to_owned();
        let user = flags.user.as_deref().unwrap_or("-");
        let (password, key) = (secret(&flags.password), secret(&flags.api_key));
        format!("{} {user}/{password} {key} {}", flags.cluster, secret(&flags.bearer_token))
    }

    #[test]
    fn a_flag_beats_the_file_and_the_file_the_default() {
        let basic = "cluster: {url: http://file:1, user: eve, password_file: secret}";
        let key = "cluster: {api_key_file: secret}";
        for (file, words, expected) in [
            ("", &[][..], "http://localhost:9200 -/- - -"),
            (basic, &[], "http://file:1 eve/hush - -"),
            (basic, &["--cluster", "http://flag:2"], "http://flag:2 eve/hush - -"),
            (basic, &["--user", "ada"], "http://file:1 ada/hush - -"),
            (basic, &["--password", "own"], "http://file:1 eve/own - -"),
            (basic, &["--api-key", "k"], "http://file:1 -/- k -"),
            (basic, &["--cluster", "http://a:b@flag:2"], "http://a:b@flag:2 -/- - -"),
            (key, &[], "http://localhost:9200 -/- hush -"),
            (key, &["--bearer-token", "t"], "http://localhost:9200 -/- - t"),
            (key, &["--user", "ada", "--password", "p"], "http://localhost:9200 ada/p - -"),
        ] {
            assert_eq!(who(&flags(file, words)), expected, "{file} {words:?}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_folder_of_the_file() {
        let seen = flags("cluster: {ca: certificates/own.pem}", &[]).ca.unwrap();
        assert!(seen.is_absolute() && seen.ends_with("certificates/own.pem"), "{}", seen.display());
        let seen = flags("cluster: {ca: /etc/own.pem}", &[]).ca.unwrap();
        assert_eq!(seen, Path::new("/etc/own.pem"));
    }
}

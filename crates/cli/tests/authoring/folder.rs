//! A folder of its own for a test, and commands that run in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A temporary folder.
pub(crate) struct Folder(TempDir);

/// How a command ended: its exit code, then what it printed, stderr after stdout.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Everything, for a snapshot.
    pub(crate) fn told(&self) -> String {
        let code = self.code.map_or("killed".to_owned(), |code| format!("exit {code}"));
        format!("{}{}{code}", self.stdout, self.stderr)
    }
}

/// A folder of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

impl Folder {
    /// An empty one.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with a copy of the demo's pack in it, as `pack`.
    pub(crate) fn with_demo() -> Self {
        let folder = Self::empty();
        for (path, content) in files_below(&repository("demo/pack")) {
            folder.write(&format!("pack/{path}"), &content);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).unwrap();
    }

    /// Replaces a text that stands once in a file.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// Runs `lockstep` in it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(&[], arguments)
    }

    /// `lockstep` with variables, to be run in it.
    pub(crate) fn command(&self, variables: &[(&str, String)], arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["CLUSTER", "PACK", "USER", "PASSWORD", "API_KEY", "TOKEN", "CA", "CONFIG"]
        {
            command.env_remove(format!("LOCKSTEP_{variable}"));
        }
        command.envs(variables.iter().cloned());
        command
    }

    /// Runs `lockstep` in it, with variables.
    pub(crate) fn run_with(&self, variables: &[(&str, String)], arguments: &[&str]) -> Ended {
        let mut command = self.command(variables, arguments);
        let output = command.output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// All files below a folder: relative path, with `/` → text.
pub(crate) fn files_below(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

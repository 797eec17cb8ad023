//! The program as a process that works beside others: started, interrupted, killed, waited for.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::stand::{Stand, Trouble};

/// One that lives longer after its end was asked for is stuck.
const LIFE_MAX: Duration = Duration::from_mins(3);

/// The program as a process. It is ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    errors: PathBuf,
    _folder: tempfile::TempDir,
}

impl Process {
    pub(crate) fn worker(program: &Path, stand: &Stand, more: &[&str]) -> Result<Self, Trouble> {
        Self::start(program, stand, &["worker"], more)
    }

    pub(crate) fn upgrade(program: &Path, stand: &Stand, more: &[&str]) -> Result<Self, Trouble> {
        Self::start(program, stand, &["upgrade", "--to", "2.0"], more)
    }

    pub(crate) fn rehearse(program: &Path, stand: &Stand, more: &[&str]) -> Result<Self, Trouble> {
        Self::start(program, stand, &["rehearse", "--to", "2.0"], more)
    }

    /// A guard of the demo's application; what it starts stands in `more`.
    pub(crate) fn guard(
        program: &Path,
        stand: &Stand,
        version: &str,
        more: &[&str],
    ) -> Result<Self, Trouble> {
        Self::start(program, stand, &["guard", "--version", version], more)
    }

    fn start(program: &Path, stand: &Stand, verb: &[&str], more: &[&str]) -> Result<Self, Trouble> {
        let folder = tempfile::tempdir()?;
        let errors = folder.path().join("errors");
        let child = Command::new(program)
            .args(verb)
            .args(["--cluster", &stand.cluster.url, "--pack"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&errors)?)
            .spawn()?;
        Ok(Self { child, errors, _folder: folder })
    }

    pub(crate) fn is_over(&mut self) -> Result<bool, Trouble> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// SIGKILL: the process can't do anything about it.
    pub(crate) fn kill(mut self) -> Result<(), Trouble> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGINT, as Ctrl-C sends it.
    pub(crate) fn interrupt(&self) -> Result<(), Trouble> {
        self.signal("INT")
    }

    /// SIGTERM, with which a container's end begins.
    pub(crate) fn terminate(&self) -> Result<(), Trouble> {
        self.signal("TERM")
    }

    fn signal(&self, name: &str) -> Result<(), Trouble> {
        // The shell's own, which is there on every machine.
        let order = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &order]).status()?;
        if status.success() { Ok(()) } else { Err(format!("{order}: {status}").into()) }
    }

    /// Memory that is its own, in bytes: without the pages of files, such as the program's. `None` where the system doesn't
    /// tell.
    pub(crate) fn own_memory(&self) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(path).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    }

    /// Waits for its end, however that is.
    pub(crate) fn wait(&mut self) -> Result<std::process::ExitStatus, Trouble> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() > LIFE_MAX {
                return Err(format!("it doesn't end; it said {}", self.words()?).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for a good end.
    pub(crate) fn finish(&mut self) -> Result<(), Trouble> {
        let status = self.wait()?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{status}; it said {}", self.words()?).into())
    }

    /// What it said on stderr.
    pub(crate) fn words(&self) -> Result<String, Trouble> {
        Ok(std::fs::read_to_string(&self.errors)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it is over already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

//! A Docker engine of our own: on its own socket, with its own data, ended by its own number.

use std::{
    fs::File,
    io,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::Trouble;

/// Longest wait for the engine to answer after its start, and to end after SIGTERM.
const START_WAIT: Duration = Duration::from_secs(30);
const END_WAIT: Duration = Duration::from_secs(20);
/// How long one order to the engine may take, in seconds.
const ORDER_SECONDS: &str = "120";
/// How much of the engine's log is told when it does not start, in lines.
const LOG_LINES: usize = 5;

/// A Docker engine. It is ended when it is dropped, with its containers and its data.
#[derive(Debug)]
pub(crate) struct Engine {
    engine: Child,
    /// A short path: that of a socket may have some hundred bytes.
    folder: TempDir,
}

impl Engine {
    /// Starts an engine and waits until it answers.
    pub(crate) fn start() -> Result<Self, Trouble> {
        let folder = tempfile::Builder::new().prefix("ld").tempdir_in("/tmp")?;
        let inside = |name: &str| folder.path().join(name);
        let log = File::create(inside("log"))?;
        // On Debian it is where only root's paths lead.
        let paths = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        // Containers have the machine's network: no bridge, no rules of a firewall.
        let engine = Command::new("dockerd")
            .env("PATH", paths)
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .arg("--host")
            .arg(address(folder.path()))
            .arg("--data-root")
            .arg(inside("data"))
            .arg("--exec-root")
            .arg(inside("run"))
            .arg("--pidfile")
            .arg(inside("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("dockerd can't be started ({error})"))?;
        let mut started = Self { engine, folder };
        started.wait_for_answer()?;
        Ok(started)
    }

    fn wait_for_answer(&mut self) -> Result<(), Trouble> {
        let begun = Instant::now();
        loop {
            if self.order(&["version", "--format", "{{.Server.Version}}"]).is_ok() {
                return Ok(());
            }
            let is_over = self.engine.try_wait()?.is_some();
            if is_over || begun.elapsed() > START_WAIT {
                let log = std::fs::read_to_string(self.folder.path().join("log"))?;
                let lines: Vec<&str> = log.lines().collect();
                let last = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
                let what = if is_over { "dockerd ended" } else { "dockerd doesn't answer" };
                return Err(format!("{what}; it said:\n{}", last.join("\n")).into());
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Where it answers, as `DOCKER_HOST` has it.
    pub(crate) fn address(&self) -> String {
        address(self.folder.path())
    }

    /// Gives an order by the client; what it printed.
    pub(crate) fn order(&self, words: &[&str]) -> Result<String, Trouble> {
        let output = Command::new("timeout")
            .args([ORDER_SECONDS, "docker"])
            .args(words)
            .env("DOCKER_HOST", self.address())
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("docker {}: {}: {said}", words.join(" "), output.status).into())
    }

    /// What a container printed, errors too.
    pub(crate) fn logs(&self, container: &str) -> Result<String, Trouble> {
        let output = Command::new("timeout")
            .args([ORDER_SECONDS, "docker", "logs", container])
            .env("DOCKER_HOST", self.address())
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }

    fn end(&mut self) -> Result<(), Trouble> {
        let containers = self.order(&["ps", "--all", "--quiet"])?;
        let containers: Vec<&str> = containers.lines().collect();
        if !containers.is_empty() {
            self.order(&[["rm", "--force"].as_slice(), &containers].concat())?;
        }
        // The shell's own, which is there on every machine.
        let order = format!("kill -TERM {}", self.engine.id());
        Command::new("sh").args(["-c", &order]).status()?;
        let begun = Instant::now();
        while self.engine.try_wait()?.is_none() {
            if begun.elapsed() > END_WAIT {
                return Err("dockerd doesn't end".into());
            }
            sleep(Duration::from_millis(20));
        }
        // The engine leaves it behind, and its folder can't be removed with it.
        let network = self.folder.path().join("run/netns/default");
        Command::new("umount").arg("--lazy").arg(network).stderr(Stdio::null()).status()?;
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.end().is_err() {
            // An error means that it is over already.
            drop(self.engine.kill());
            drop::<io::Result<_>>(self.engine.wait());
        }
    }
}

fn address(folder: &Path) -> String {
    format!("unix://{}", folder.join("s").display())
}

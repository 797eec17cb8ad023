//! One case on one cluster: the application in containers of one image name, visitors in front of it, and an operator who
//! has `lockstep` on the machine.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use lockstep_demo::{SeedOptions, seed, tenant_names};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    Trouble,
    cluster::{Stand, send},
    engine::Engine,
    oracle::{Verdict, check},
    table::Row,
    visitors::Visitors,
};

/// Tenants of the application in every case.
pub(crate) const TENANTS: u32 = 3;
/// Documents that are there before.
const DOCUMENTS: u64 = 900;
/// Events that have to be acknowledged before a case goes on: all visitors were served again.
const EVENTS: u64 = 30;
/// Longest wait for a container to become healthy, to end, or to say something.
const CONTAINER_WAIT: Duration = Duration::from_mins(2);
/// Longest wait for a command of the operator.
const COMMAND_WAIT: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_millis(50);

/// What all cases share.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) runtime: Runtime,
    pub(crate) engine: Engine,
    /// Folder of the programs as they were just built.
    pub(crate) programs: std::path::PathBuf,
}

/// A case that is being played.
pub(crate) struct Scene<'at> {
    pub(crate) ground: &'at Ground,
    pub(crate) stand: &'at Stand,
    case: &'static str,
    containers: Vec<Container>,
    count: u32,
    visitors: Visitors,
    begun: Instant,
    /// What happened, a few words each.
    story: Vec<String>,
}

/// A container of the application.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) tag: String,
    pub(crate) port: u16,
}

impl<'at> Scene<'at> {
    /// Release 1.0 runs in a container, and visitors are served.
    pub(crate) fn begin(
        ground: &'at Ground,
        stand: &'at Stand,
        case: &'static str,
    ) -> Result<Self, Trouble> {
        let tenants = tenant_names(TENANTS);
        let visitors = ground.runtime.block_on(async {
            stand.clean(TENANTS).await?;
            let options = SeedOptions { tenants: TENANTS, documents: DOCUMENTS, seed: 1 };
            seed(&stand.cluster.url, &options).await?;
            Visitors::come(&tenants, &[])
        })?;
        let mut scene = Self {
            ground,
            stand,
            case,
            containers: Vec::new(),
            count: 0,
            visitors,
            begun: Instant::now(),
            story: Vec::new(),
        };
        scene.change_tag("1.0")?;
        Ok(scene)
    }

    /// Runs a container of a tag on a port and doesn't wait for it.
    pub(crate) fn run(
        &mut self,
        tag: &str,
        port: u16,
        more: &[&str],
    ) -> Result<Container, Trouble> {
        self.count += 1;
        let case = self.case.replace(' ', "-");
        let name = format!("{}-{case}-{}", self.stand.cluster.name, self.count);
        let cluster = &self.stand.cluster.url;
        let variables = [
            format!("EVENT_STORE_CLUSTER={cluster}"),
            format!("LOCKSTEP_CLUSTER={cluster}"),
            format!("EVENT_STORE_LISTEN=127.0.0.1:{port}"),
        ];
        let mut words = vec!["run", "--detach", "--network=host", "--name", &name];
        for variable in &variables {
            words.extend(["--env", variable]);
        }
        words.extend(more);
        let image = format!("event-store:{tag}");
        words.push(&image);
        self.ground.engine.order(&words)?;
        let container = Container { name, tag: tag.to_owned(), port };
        self.containers.push(container.clone());
        Ok(container)
    }

    /// As compose does when the tag in its file was changed: the old container is stopped, one of the new tag runs.
    pub(crate) fn recreate(&mut self, tag: &str) -> Result<Container, Trouble> {
        self.stop_all()?;
        let port = free_port()?;
        self.run(tag, port, &[])
    }

    /// The tag is changed, the new container becomes healthy, and visitors are served by it.
    pub(crate) fn change_tag(&mut self, tag: &str) -> Result<Container, Trouble> {
        let container = self.recreate(tag)?;
        self.serve(std::slice::from_ref(&container))?;
        Ok(container)
    }

    /// Waits until these containers are healthy, leads visitors to them, and waits until they were served.
    pub(crate) fn serve(&mut self, containers: &[Container]) -> Result<(), Trouble> {
        for container in containers {
            self.wait_for_health(container)?;
        }
        let ports: Vec<u16> = containers.iter().map(|container| container.port).collect();
        self.visitors.go_to(&ports);
        self.ground.runtime.block_on(self.visitors.more(EVENTS))
    }

    /// Stops every container as Docker does: SIGTERM, and it has to end by itself.
    pub(crate) fn stop_all(&mut self) -> Result<(), Trouble> {
        for Container { name, .. } in std::mem::take(&mut self.containers) {
            self.ground.engine.order(&["stop", "--time=20", &name])?;
            let code = self.code(&name)?;
            if code == "137" {
                let said = self.ground.engine.logs(&name)?;
                return Err(format!("{name} did not end on SIGTERM; it said {said}").into());
            }
            self.ground.engine.order(&["rm", &name])?;
        }
        Ok(())
    }

    /// SIGKILL for a container; it is gone, as after a crash of its machine.
    pub(crate) fn kill(&mut self, container: &Container) -> Result<(), Trouble> {
        self.ground.engine.order(&["rm", "--force", &container.name])?;
        self.containers.retain(|other| other.name != container.name);
        Ok(())
    }

    /// Waits until a container has ended by itself; its exit code and what it said.
    pub(crate) fn wait_for_end(&self, container: &Container) -> Result<(String, String), Trouble> {
        wait(&format!("{} doesn't end", container.name), CONTAINER_WAIT, || {
            Ok(self.status(container)? == "exited")
        })
        .map_err(|trouble| self.with_logs(&trouble, container))?;
        Ok((self.code(&container.name)?, self.ground.engine.logs(&container.name)?))
    }

    /// Waits until a container has said something.
    pub(crate) fn wait_for_words(&self, container: &Container, words: &str) -> Result<(), Trouble> {
        wait(&format!("{} doesn't say `{words}`", container.name), CONTAINER_WAIT, || {
            Ok(self.logs(container)?.contains(words))
        })
        .map_err(|trouble| self.with_logs(&trouble, container))
    }

    pub(crate) fn logs(&self, container: &Container) -> Result<String, Trouble> {
        self.ground.engine.logs(&container.name)
    }

    /// A word of Docker's: `running`, `restarting`, `exited`.
    fn status(&self, container: &Container) -> Result<String, Trouble> {
        self.ground.engine.order(&["inspect", "--format", "{{.State.Status}}", &container.name])
    }

    /// Takes over a container that somebody else runs; it is stopped with the others.
    pub(crate) fn adopt(&mut self, container: Container) {
        self.containers.push(container);
    }

    fn code(&self, name: &str) -> Result<String, Trouble> {
        self.ground.engine.order(&["inspect", "--format", "{{.State.ExitCode}}", name])
    }

    fn wait_for_health(&self, container: &Container) -> Result<(), Trouble> {
        let url = format!("http://127.0.0.1:{}", container.port);
        let of_its_version = |health: Value| health["version"] == container.tag.as_str();
        wait(&format!("{} doesn't become healthy", container.name), CONTAINER_WAIT, || {
            if self.status(container)? == "exited" {
                return Err(format!("{} has ended", container.name).into());
            }
            let health = self.ground.runtime.block_on(send(&url, "GET", "/health", Value::Null));
            Ok(health.is_ok_and(of_its_version))
        })
        .map_err(|trouble| self.with_logs(&trouble, container))
    }

    fn with_logs(&self, trouble: &Trouble, container: &Container) -> Trouble {
        let said = self.logs(container).unwrap_or_else(|error| error.to_string());
        format!("{trouble}; it said:\n{said}").into()
    }

    /// The operator gives a command and waits for its end; what was printed.
    pub(crate) fn lockstep(&self, words: &[&str]) -> Result<String, Trouble> {
        self.begin_lockstep(words)?.finish()
    }

    /// The operator gives a command that goes on for a while.
    pub(crate) fn begin_lockstep(&self, words: &[&str]) -> Result<Running, Trouble> {
        self.begin_lockstep_with(words, &[])
    }

    /// The same, with variables for the commands that it runs.
    pub(crate) fn begin_lockstep_with(
        &self,
        words: &[&str],
        variables: &[(&str, String)],
    ) -> Result<Running, Trouble> {
        let said = tempfile::NamedTempFile::new()?;
        let child = Command::new(self.ground.programs.join("lockstep"))
            .args(words)
            .args(["--cluster", &self.stand.cluster.url, "--pack"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack"))
            .envs(variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(said.reopen()?)
            .stderr(said.reopen()?)
            .spawn()?;
        Ok(Running { child, said, words: words.join(" ") })
    }

    /// Waits until the run is in a state, as `lockstep status --json` says it.
    pub(crate) fn wait_for_state(&self, state: &str) -> Result<(), Trouble> {
        wait(&format!("the run doesn't become {state}"), COMMAND_WAIT, || {
            Ok(self.lockstep(&["status", "--json"])?.contains(&format!("\"{state}\"")))
        })
    }

    /// Notes what happened, for the table.
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        self.story.push(words.into());
    }

    /// Visitors leave, all containers stop, and every acknowledged event has to be in the set of the live release.
    pub(crate) fn end(mut self, live: &str) -> Result<Row, Trouble> {
        self.ground.runtime.block_on(self.visitors.more(EVENTS))?;
        let book = self
            .ground
            .runtime
            .block_on(std::mem::replace(&mut self.visitors, Visitors::come(&[], &[])?).leave())?;
        self.stop_all()?;
        let verdict = self.ground.runtime.block_on(check(&self.stand.cluster.url, live, &book))?;
        let Verdict { acknowledged, lost, examples } = verdict;
        self.ground.runtime.block_on(self.stand.clean(TENANTS))?;
        let row = Row {
            case: self.case,
            cluster: self.stand.cluster.name.clone(),
            story: std::mem::take(&mut self.story).join("; "),
            acknowledged,
            lost,
            longest_wait: book.longest_wait,
            time: self.begun.elapsed(),
        };
        if lost == 0 {
            Ok(row)
        } else {
            Err(format!("{lost} of {acknowledged} lost: {examples:?}").into())
        }
    }
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        for Container { name, .. } in &self.containers {
            // The case has failed already; the engine's end removes what is left.
            drop(self.ground.engine.order(&["rm", "--force", name]));
        }
    }
}

/// A command of the operator that runs. It is ended when it is dropped.
pub(crate) struct Running {
    child: Child,
    said: tempfile::NamedTempFile,
    words: String,
}

impl Running {
    /// Waits for a good end; what was printed.
    pub(crate) fn finish(self) -> Result<String, Trouble> {
        self.finish_with(0)
    }

    /// Waits for the end with this exit code; what was printed.
    pub(crate) fn finish_with(mut self, code: i32) -> Result<String, Trouble> {
        let mut status = None;
        wait(&format!("`lockstep {}` doesn't end", self.words), COMMAND_WAIT, || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        })?;
        let said = std::fs::read_to_string(self.said.path())?;
        if status.and_then(|status| status.code()) == Some(code) {
            return Ok(said);
        }
        Err(format!("`lockstep {}`: {status:?}; it said:\n{said}", self.words).into())
    }

    /// SIGTERM: whoever drives the run stops at a clean place and leaves it.
    pub(crate) fn interrupt(mut self) -> Result<(), Trouble> {
        // The shell's own, which is there on every machine.
        let order = format!("kill -TERM {}", self.child.id());
        Command::new("sh").args(["-c", &order]).status()?;
        wait(&format!("`lockstep {}` doesn't end", self.words), COMMAND_WAIT, || {
            Ok(self.child.try_wait()?.is_some())
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it is over already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16, Trouble> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Looks again and again until something is so.
pub(crate) fn wait(
    what: &str,
    longest: Duration,
    mut is_so: impl FnMut() -> Result<bool, Trouble>,
) -> Result<(), Trouble> {
    let begun = Instant::now();
    while !is_so()? {
        if begun.elapsed() > longest {
            return Err(format!("{what} within {} s", longest.as_secs()).into());
        }
        sleep(PAUSE);
    }
    Ok(())
}

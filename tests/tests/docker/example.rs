//! Does what `examples/compose/README.md` says, from top to bottom, as a new user would: every command of its blocks `sh`, with the
//! pocket cluster in place of the one that the page starts, and a port that is free.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    Trouble,
    cluster::Stand,
    scene::{Ground, TENANTS, free_port},
};

const FOLDER: &str = "examples/compose";
/// What is done otherwise here: images are built already, and the cluster runs.
const LEFT_OUT: [&str; 2] = ["./build", "docker compose --profile cluster up"];
/// Longest time for all of it, in seconds.
const SECONDS: &str = "300";
/// Compose as a program of its own, where the client has no `docker compose`.
const COMPOSE: &str = "#!/bin/sh\n[ \"$1\" = compose ] || exec \"$DOCKER\" \"$@\"\nshift\nexec docker-compose \"$@\"\n";

pub(crate) fn play(ground: &Ground, stand: &Stand) -> Result<(), Trouble> {
    ground.runtime.block_on(stand.clean(TENANTS))?;
    let root = tempfile::tempdir()?;
    let port = free_port()?;
    copy("demo/pack", root.path())?;
    copy(FOLDER, root.path())?;
    let folder = root.path().join(FOLDER);
    let page = fs::read_to_string(folder.join("README.md"))?;
    let (commands, left_out) = commands(&page);
    if left_out != LEFT_OUT.len() || commands.len() < 15 {
        return Err(format!("the page has changed: {left_out} left out of {commands:?}").into());
    }
    let at = |text: &str| text.replace(":8080", &format!(":{port}"));
    let script = format!("set -euxo pipefail\n{}\n", at(&commands.join("\n")));
    fs::write(folder.join("page.sh"), script)?;
    let configuration = fs::read_to_string(folder.join("lockstep.yaml"))?;
    fs::write(folder.join("lockstep.yaml"), at(&configuration))?;
    let said = folder.join("said");
    let file = File::create(&said)?;
    let status = Command::new("timeout")
        .args([SECONDS, "bash", "page.sh"])
        .current_dir(&folder)
        .env("PATH", paths(ground, root.path())?)
        .env("DOCKER_HOST", ground.engine.address())
        .env("COMPOSE_PROJECT_NAME", "example")
        .env("CLUSTER", &stand.cluster.url)
        .env("LOCKSTEP_CLUSTER", &stand.cluster.url)
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()?;
    let said = fs::read_to_string(said)?;
    let event = r#""id":"first","kind":"purchase","user":"u-1","at":"2026-02-03T10:00:00Z","duration":12,"amount":"1.10""#;
    if !status.success() || !said.contains(event) {
        return Err(format!("the page is not true: {status}; it said:\n{said}").into());
    }
    ground.runtime.block_on(stand.clean(TENANTS))
}

/// The lines of the blocks `sh`, and how many were left out.
fn commands(page: &str) -> (Vec<&str>, usize) {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines);
    let (others, commands): (Vec<&str>, Vec<&str>) =
        lines.partition(|line| LEFT_OUT.iter().any(|start| line.starts_with(start)));
    (commands, others.len())
}

/// The programs first, and `docker compose` where only `docker-compose` is there.
fn paths(ground: &Ground, root: &Path) -> Result<String, Trouble> {
    let paths = std::env::var("PATH")?;
    let with_programs = format!("{}:{paths}", ground.programs.display());
    let plugin = ["compose", "version"];
    if ground.engine.order(&plugin).is_ok() {
        return Ok(with_programs);
    }
    let docker = std::env::split_paths(&paths)
        .map(|folder| folder.join("docker"))
        .find(|path| path.try_exists().unwrap_or(false))
        .ok_or("no docker")?;
    let shim = root.join("docker");
    fs::write(&shim, COMPOSE.replace("$DOCKER", &docker.to_string_lossy()))?;
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755))?;
    Ok(format!("{}:{with_programs}", root.display()))
}

/// Copies a folder of the repository to its place below another root.
fn copy(folder: &str, root: &Path) -> Result<(), Trouble> {
    let to = root.join(folder);
    fs::create_dir_all(&to)?;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join(".");
    let copied = Command::new("cp").arg("-r").arg(from).arg(&to).status()?;
    if copied.success() { Ok(()) } else { Err(format!("{folder} can't be copied").into()) }
}

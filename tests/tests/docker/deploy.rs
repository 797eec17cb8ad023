//! Lockstep changes the tag itself, in a compose file, and takes tag and data back when the new version is not well.

use std::{fs, path::Path, process::Command};

use crate::{
    Trouble,
    scene::{Container, Scene, free_port},
};

/// Exit code of an upgrade that was taken back.
const TAKEN_BACK: i32 = 5;

/// What `docker compose up -d` does for a service whose tag was changed. Release 2.0 has a fault; a container whose guard
/// refuses is started again, as compose files say.
const APPLY: &str = r#"set -eu
image=$(sed -n 's/^ *image: \([^ ]*\).*/\1/p' compose.yaml)
case $image in *:2.0) fault=1 ;; *) fault=0 ;; esac
docker stop --time 20 "$NAME" >stopped 2>&1 || true
docker rm --force "$NAME" >removed 2>&1 || true
echo "$image" >>applied
exec docker run --detach --network=host --restart=on-failure --name "$NAME" --env "EVENT_STORE_CLUSTER=$CLUSTER" \
  --env "LOCKSTEP_CLUSTER=$CLUSTER" --env "EVENT_STORE_LISTEN=127.0.0.1:$PORT" --env "UNHEALTHY=$fault" "$image"
"#;

/// Release 2.0 is not well: tag and data go back by themselves, with what was written meanwhile.
pub(crate) fn unhealthy(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    scene.stop_all()?;
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let container = Container { name: "compose-unhealthy".to_owned(), tag: "1.0".to_owned(), port };
    write_files(folder.path(), port)?;
    let variables = [
        ("DOCKER_HOST", scene.ground.engine.address()),
        ("NAME", container.name.clone()),
        ("CLUSTER", scene.stand.cluster.url.clone()),
        ("PORT", port.to_string()),
    ];
    let mut first = Command::new("sh");
    let first = first.arg("apply.sh").current_dir(folder.path()).envs(variables.clone());
    let output = first.output()?;
    if !output.status.success() {
        return Err(format!("1.0 can't be run: {output:?}").into());
    }
    scene.adopt(container.clone());
    scene.serve(std::slice::from_ref(&container))?;
    let file = folder.path().join("lockstep.yaml");
    let file = file.to_str().ok_or("a folder's name")?;
    let words = [
        "upgrade",
        "--to",
        "2.0",
        "--deploy",
        "compose",
        "--rollback-on",
        "unhealthy",
        "--config",
        file,
    ];
    let said = scene.begin_lockstep_with(&words, &variables)?.finish_with(TAKEN_BACK)?;
    scene
        .serve(&[container])
        .map_err(|trouble| format!("{trouble}; the upgrade had said:\n{said}"))?;
    let applied = fs::read_to_string(folder.path().join("applied"))?;
    let compose = fs::read_to_string(folder.path().join("compose.yaml"))?;
    let tags: Vec<&str> = applied.lines().collect();
    if tags != ["event-store:1.0", "event-store:2.0", "event-store:1.0"]
        || !compose.contains("event-store:1.0 # what runs")
    {
        return Err(format!("the tag was changed like this: {applied}{compose}").into());
    }
    scene.note("2.0 was not well: tag and data went back to 1.0 by themselves");
    Ok(())
}

fn write_files(folder: &Path, port: u16) -> Result<(), Trouble> {
    fs::write(folder.join("apply.sh"), APPLY)?;
    fs::write(
        folder.join("compose.yaml"),
        "services:\n  api:\n    image: event-store:1.0 # what runs\n",
    )?;
    let configuration = format!(
        "deploy:\n  compose: {{file: compose.yaml, services: [api], apply: [sh, apply.sh]}}\n\
         health:\n  interval: 200ms\n  samples_min: 3\n  failures_max: 3\n  start_time: 1s\n  time_limit: 60s\n  \
         probes:\n    - http: {{url: \"http://127.0.0.1:{port}/health\"}}\n"
    );
    fs::write(folder.join("lockstep.yaml"), configuration)?;
    Ok(())
}

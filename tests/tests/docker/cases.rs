//! What may happen when the tag of an image is changed.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    Case, Trouble,
    cluster::send,
    deploy,
    scene::{Container, Running, Scene, free_port, wait},
};

/// Longest wait for a fence to begin.
const FENCE_WAIT: Duration = Duration::from_secs(30);

pub(crate) fn cases() -> Vec<Case> {
    let case = |name, live, play| Case { name, is_pocket_only: false, play, live };
    let pocket = |name, live, play| Case { is_pocket_only: true, ..case(name, live, play) };
    vec![
        // A minor upgrade begins with a major one.
        pocket("major", "1.1", major),
        case("minor", "1.1", minor),
        case("chain of two majors", "2.0", chain),
        pocket("no run", "1.0", no_run),
        pocket("unready", "2.0", unready),
        pocket("downgrade", "2.0", downgrade),
        case("two guards at once", "2.0", two_guards),
        pocket("guard killed", "2.0", killed),
        pocket("unhealthy", "1.0", deploy::unhealthy),
    ]
}

/// A run holds, the tag is changed, and all else happens by itself.
fn upgrade(scene: &mut Scene<'_>, to: &str) -> Result<(), Trouble> {
    let held = hold(scene, to)?;
    scene.change_tag(to)?;
    held.finish()?;
    Ok(())
}

/// A run is in step and waits for the switch; whoever drives it stays.
fn hold(scene: &Scene<'_>, to: &str) -> Result<Running, Trouble> {
    let held = scene.begin_lockstep(&["upgrade", "--to", to, "--hold"])?;
    scene.wait_for_state("holding")?;
    Ok(held)
}

fn major(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    upgrade(scene, "1.1")?;
    scene.note("the run held, the tag was changed, all tenants are on 1.1");
    Ok(())
}

fn minor(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    upgrade(scene, "1.1")?;
    let before = uuids(scene)?;
    let container = scene.change_tag("1.1.1")?;
    let said = scene.logs(&container)?;
    if before != uuids(scene)? || said.contains("waits") {
        return Err(format!("a minor upgrade is no work for a guard; it said {said}").into());
    }
    scene.note("started at once, every index is the same as before");
    Ok(())
}

fn chain(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    upgrade(scene, "2.0")?;
    scene.note("1.0 to 2.0 in one pass");
    Ok(())
}

fn no_run(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    let container = scene.recreate("2.0")?;
    refused(scene, &container, "G0101", "lockstep upgrade --to 2.0 --hold")?;
    scene.change_tag("1.0")?;
    scene.note("refused with the command to type, 1.0 was started again");
    Ok(())
}

fn unready(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    // It copies for a few seconds more than it has to.
    let fault = json!({"path": "/_bulk", "times": 4, "kind": {"slow": {"ms": 2500}}});
    let url = &scene.stand.cluster.url;
    scene.ground.runtime.block_on(send(url, "POST", "/_pocket/faults", fault))?;
    let held = scene.begin_lockstep(&["upgrade", "--to", "2.0", "--hold"])?;
    scene.wait_for_state("copying")?;
    let container = scene.recreate("2.0")?;
    scene.wait_for_words(&container, "waits: the run from 1.0 to 2.0 is copying")?;
    scene.serve(&[container])?;
    held.finish()?;
    scene.note("waited until the run was ready, then it was switched");
    Ok(())
}

fn downgrade(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    upgrade(scene, "2.0")?;
    let container = scene.recreate("1.1.1")?;
    refused(scene, &container, "G0102", "start 2.0 again")?;
    scene.change_tag("2.0")?;
    scene.note("refused, 2.0 was started again");
    Ok(())
}

fn two_guards(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    hold(scene, "2.0")?.interrupt()?;
    scene.stop_all()?;
    let guards = [scene.run("2.0", free_port()?, &[])?, scene.run("2.0", free_port()?, &[])?];
    scene.serve(&guards)?;
    let logs = [scene.logs(&guards[0])?, scene.logs(&guards[1])?];
    let drivers = logs.iter().filter(|said| said.contains("] switched")).count();
    if drivers != 1 {
        return Err(format!("{drivers} of two guards made the switch:\n{}", logs.join("\n")).into());
    }
    scene.note("nobody drove the run; one of both made the switch, both started");
    Ok(())
}

fn killed(scene: &mut Scene<'_>) -> Result<(), Trouble> {
    hold(scene, "2.0")?.interrupt()?;
    // The switch itself takes so long that its driver dies in the middle of it.
    let fault = json!({"method": "POST", "path": "/_aliases", "kind": {"slow": {"ms": 4000}}});
    let url = scene.stand.cluster.url.clone();
    scene.ground.runtime.block_on(send(&url, "POST", "/_pocket/faults", fault))?;
    let guard = scene.recreate("2.0")?;
    wait("the fence doesn't begin", FENCE_WAIT, || is_blocked(scene))?;
    scene.wait_for_words(&guard, "switching")?;
    scene.kill(&guard)?;
    scene.change_tag("2.0")?;
    scene.note("killed while it switched; the next one finished that");
    Ok(())
}

/// The container has to end by itself, with a code, and with the words for its operator.
fn refused(
    scene: &mut Scene<'_>,
    container: &Container,
    code: &str,
    words: &str,
) -> Result<(), Trouble> {
    let (exit, said) = scene.wait_for_end(container)?;
    if exit == "0" || !said.contains(code) || !said.contains(words) {
        return Err(
            format!("it should be refused with {code} and `{words}`: exit {exit}, {said}").into()
        );
    }
    Ok(())
}

/// The unique id of every index of the application.
fn uuids(scene: &Scene<'_>) -> Result<BTreeMap<String, String>, Trouble> {
    let path = "/*-v*/_settings";
    let url = &scene.stand.cluster.url;
    let found = scene.ground.runtime.block_on(send(url, "GET", path, Value::Null))?;
    let indices = found.as_object().ok_or("no list of indices")?;
    let uuid = |settings: &Value| settings["settings"]["index"]["uuid"].to_string();
    Ok(indices.iter().map(|(index, settings)| (index.clone(), uuid(settings))).collect())
}

/// Whether the live set takes no writes.
fn is_blocked(scene: &Scene<'_>) -> Result<bool, Trouble> {
    let path = "/acme-event-v1.0-2026-02/_settings";
    let url = &scene.stand.cluster.url;
    let found = scene.ground.runtime.block_on(send(url, "GET", path, Value::Null))?;
    let block = &found["acme-event-v1.0-2026-02"]["settings"]["index"]["blocks"]["write"];
    Ok(*block == json!("true") || *block == json!(true))
}

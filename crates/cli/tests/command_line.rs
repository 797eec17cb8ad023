//! The real binary: exit codes, where output goes, and that no input makes it panic.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use lockstep_demo::{SeedOptions, seed};
use lockstep_pocket::{Fault, FaultKind, Options, Pocket};
use serde_json::{Value, json};

/// A command that sees no variable of the machine that could change what it does.
fn lockstep(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    command.args(arguments).stdin(Stdio::null());
    for variable in ["CLUSTER", "CONFIG", "PACK", "USER", "PASSWORD", "API_KEY", "TOKEN", "CA"]
        .map(|name| format!("LOCKSTEP_{name}"))
    {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Ended {
    Ended::from(lockstep(arguments).output().unwrap())
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ended {
    /// Checks exit code and code, on stderr for people and in the last line of stdout for programs.
    #[track_caller]
    fn expect(&self, exit: i32, code: &str) {
        assert_eq!(self.code, Some(exit), "{self:#?}");
        assert!(self.stderr.contains(&format!("error[{code}]: ")), "{self:#?}");
        assert!(self.stderr.contains("hint: "), "{self:#?}");
        assert!(!self.stderr.contains("panic"), "{self:#?}");
    }

    #[track_caller]
    fn last_line(&self) -> Value {
        serde_json::from_str(self.stdout.lines().last().unwrap_or_default()).unwrap()
    }
}

fn demo_pack() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/pack");
    folder.to_str().unwrap().to_owned()
}

/// A server that gives every request the same answer, for as long as the test runs.
fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n")
                && connection.read(&mut byte).is_ok_and(|length| length > 0)
            {
                head.extend(byte);
            }
            // The client may have gone already.
            drop(connection.write_all(answer.as_bytes()));
        }
    });
    address
}

/// A pocket cluster with release 1.0 of the demo on it.
fn seeded() -> (tokio::runtime::Runtime, Pocket) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    let options = SeedOptions { tenants: 2, documents: 400, ..SeedOptions::default() };
    runtime.block_on(seed(pocket.url(), &options)).unwrap();
    (runtime, pocket)
}

#[test]
fn a_wrong_flag_is_told_and_nothing_else_happens() {
    let ended = run(&["plan", "--too", "2.0"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("--too") && ended.stdout.is_empty(), "{ended:#?}");
    let ended = run(&["plan", "--to", "two", "--json"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert_eq!(ended.last_line()["error"]["code"], "U0001");
}

#[test]
fn a_file_of_configuration_says_what_nobody_wants_to_repeat() {
    let (_runtime, pocket) = seeded();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockstep.yaml");
    let text = format!("cluster: {{url: {}}}\npack: {}\n", pocket.url(), demo_pack());
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    for arguments in [["--config", file, "status"], ["status", "--config", file]] {
        let ended = run(&arguments);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stdout.contains("event-store"), "{ended:#?}");
    }
    let ended = lockstep(&["status"]).env("LOCKSTEP_CONFIG", file).output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    // A variable beats the file, a flag the variable.
    let mut command = lockstep(&["status", "--config", file, "--cluster", pocket.url()]);
    let ended = command.env("LOCKSTEP_CLUSTER", "http://127.0.0.1:1").output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let mut command = lockstep(&["status", "--config", file]);
    let ended = command.env("LOCKSTEP_CLUSTER", "http://127.0.0.1:1").output().unwrap();
    Ended::from(ended).expect(10, "C0101");
}

#[test]
fn a_file_of_configuration_with_mistakes_is_told_before_anything_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    run(&["status", "--config", &path("none.yaml")]).expect(2, "K0001");
    std::fs::write(path("bad.yaml"), "cluster: {password: hush, ulr: x}\n").unwrap();
    let ended = run(&["--json", "--config", &path("bad.yaml"), "status"]);
    ended.expect(2, "K0002");
    assert!(ended.stderr.contains("error[P1001]") && ended.stderr.contains("bad.yaml:1:"));
    let codes = ended.last_line()["error"]["diagnostics"].clone();
    assert_eq!((&codes[0]["code"], &codes[1]["code"]), (&json!("P1001"), &json!("P0004")));
    std::fs::write(path("secret.yaml"), "cluster: {user: eve, password_file: gone}\n").unwrap();
    run(&["status", "--config", &path("secret.yaml")]).expect(2, "K0003");
}

#[test]
fn what_stands_in_the_way_of_a_tag_is_told_before_anything_is_changed() {
    let (_runtime, pocket) = seeded();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(path(name), text).unwrap();
    write("latest.yaml", "services:\n  api:\n    image: shop:latest\n");
    write("other.yaml", "services: {api: {image: 'shop:1.1'}}\n");
    write("good.yaml", "services: {api: {image: 'shop:1.0'}, web: {image: 'shop:1.0'}}\n");
    write(
        "lockstep.yaml",
        "deploy:\n  compose: {file: good.yaml, image: shop}\n  exec: {command: [./gone.sh]}\n",
    );
    let (file, pack) = (path("lockstep.yaml"), demo_pack());
    let compose = |file: &str| {
        vec![
            "compose".to_owned(),
            "--compose-service=api".to_owned(),
            format!("--compose-file={file}"),
        ]
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let cases = [
        (words("kubernetes"), 2, "U0001"),
        (words("http"), 2, "U0001"),
        (words("http --deploy-url ftp://x"), 2, "U0001"),
        (words("kubernetes --deployment shop"), 2, "U0001"),
        (words("kubernetes --deployment shop/api"), 2, "U0001"),
        (words("exec --deploy-command x --rollback-on unhealthy"), 2, "U0001"),
        (words(&format!("compose --config {file}")), 1, "K0104"),
        (words(&format!("exec --config {file}")), 1, "K0201"),
        (words(&format!("compose --compose-service db --config {file}")), 1, "K0103"),
        (compose(&path("gone.yaml")), 1, "K0101"),
        (compose(&path("latest.yaml")), 1, "K0106"),
        (compose(&path("other.yaml")), 1, "K0108"),
    ];
    let mut told = String::new();
    for (more, exit, code) in cases {
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let base =
            ["--cluster", pocket.url(), "upgrade", "--to", "2.0", "--pack", &pack, "--deploy"];
        let ended = run(&[&base[..], &more[..]].concat());
        ended.expect(exit, code);
        let text = ended.stderr.replace(folder.path().to_str().unwrap(), "");
        told.extend([&text, "\n"]);
    }
    insta::assert_snapshot!(told);
    // Nothing was begun for any of them.
    let ended = run(&["--cluster", pocket.url(), "status", "--pack", &pack, "--json"]);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(status["run"].is_null() && status.get("deploy").is_none(), "{status}");
}

#[test]
fn a_cluster_that_is_none_ends_with_the_code_for_what_is_wrong() {
    let html = server(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<html>hi</html>",
    );
    let locked = server(
        "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
    );
    // Nobody listens on a port that was just given back.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [(closed, 10, "C0101"), (locked, 11, "C0102"), (html, 12, "C0103")];
    for (address, exit, code) in cases {
        let url = format!("http://{address}");
        let ended = run(&["status", "--application", "x", "--cluster", &url]);
        ended.expect(exit, code);
        assert!(ended.stderr.contains(&url), "{ended:#?}");
        let ended = run(&["status", "--application", "x", "--cluster", &url, "--json"]);
        ended.expect(exit, code);
        let error = &ended.last_line()["error"];
        assert_eq!(error["code"], code);
        assert!(
            error["message"].is_string() && error["causes"].is_array() && error["hint"].is_string()
        );
    }
}

#[test]
fn an_address_that_is_none_is_a_mistake_on_the_command_line() {
    run(&["status", "--application", "x", "--cluster", "nonsense"]).expect(2, "C0001");
    let ended = run(&["status", "--application", "x", "--cluster", "http://eve:hush@host:99999"]);
    ended.expect(2, "C0001");
    assert!(!ended.stderr.contains("hush"), "{ended:#?}");
}

#[test]
fn secrets_of_the_environment_are_never_shown() {
    for arguments in [["--help"].as_slice(), &["plan", "--help"], &["status", "--application", "x"]]
    {
        let mut command = lockstep(arguments);
        for name in ["USER", "PASSWORD", "API_KEY", "TOKEN"] {
            command.env(format!("LOCKSTEP_{name}"), "hush");
        }
        command.env("LOCKSTEP_CLUSTER", "http://eve:hush@127.0.0.1:1");
        let ended = Ended::from(command.output().unwrap());
        assert!(!ended.stdout.contains("hush") && !ended.stderr.contains("hush"), "{ended:#?}");
    }
}

#[test]
fn a_bad_pack_is_told_with_every_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    run(&["plan", "--to", "2.0", "--pack", &path]).expect(4, "P9001");
    std::fs::write(folder.path().join("pack.yaml"), "format: 1\nname: Bad Name\n").unwrap();
    let ended = run(&["plan", "--to", "2.0", "--pack", &path]);
    ended.expect(4, "P9002");
    assert!(ended.stderr.contains("P0102") && ended.stderr.contains("pack.yaml:2"), "{ended:#?}");
    let ended = run(&["pack", "check", &path]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(ended.stdout.contains("P0102"), "{ended:#?}");
    let ended = run(&["pack", "check", &path, "--json"]);
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let codes: Vec<&str> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect();
    assert!(codes.contains(&"P0102") && report["errors"].as_u64() > Some(1), "{report:#}");
}

#[test]
fn the_packs_that_are_shipped_have_no_mistake_and_no_lint_that_is_not_allowed() {
    for pack in ["demo/pack", "packs/tracardi"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(pack);
        let path = folder.to_str().unwrap();
        let ended = run(&["pack", "check", path]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stdout.contains(": 0 errors, 0 warnings, "), "{ended:#?}");
        assert_eq!(ended.stdout.lines().count(), 1, "{ended:#?}");
    }
}

#[test]
fn what_is_allowed_in_a_pack_is_counted_and_shown_on_demand() {
    let ended = run(&["pack", "check", &demo_pack(), "-v"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let expected = "allowed[L107]: `visit` ends here, and its documents with it\n  --> releases/1.1/release.yaml:34\n   = reason: nobody looks at visits any more\n";
    assert!(ended.stdout.contains(expected), "{ended:#?}");
    let shown = ended.stdout.matches("allowed[L").count();
    assert!(ended.stdout.ends_with(&format!(", {shown} allowed\n")), "{ended:#?}");
    let ended = run(&["pack", "check", &demo_pack(), "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(report["allowed"].as_array().map(Vec::len), Some(shown), "{report:#}");
    assert_eq!(report["diagnostics"], json!([]), "{report:#}");
}

#[test]
fn a_cluster_is_surveyed_without_a_pack() {
    let (runtime, pocket) = seeded();
    let surveyed = run(&["survey", "--cluster", pocket.url()]);
    assert_eq!(surveyed.code, Some(0), "{surveyed:#?}");
    assert!(surveyed.stdout.contains("not recognised: "), "{surveyed:#?}");
    assert!(surveyed.stdout.contains("next: lockstep pack new NAME"), "{surveyed:#?}");
    let json = run(&["survey", "--json", "--cluster", pocket.url()]);
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&told["has_journal"], &told["tracardi"]["sets"]), (&json!(false), &json!([])));
    runtime.block_on(pocket.stop());
}

#[test]
fn a_plan_is_printed_whole_refused_by_version_and_read_in_part() {
    let (runtime, pocket) = seeded();
    let pack = demo_pack();
    let plan = |to, more: &[&str]| {
        let mut arguments = vec!["plan", "--to", to, "--pack", &pack, "--cluster", pocket.url()];
        arguments.extend(more);
        lockstep(&arguments)
    };
    let ended = Ended::from(plan("2.0", &["--json"]).output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let parsed: lockstep_core::plan::model::Plan = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((parsed.tenants.len(), parsed.chain.len()), (2, 3));

    Ended::from(plan("9.0", &[]).output().unwrap()).expect(3, "N0101");
    Ended::from(plan("0.9", &["--from", "1.0"]).output().unwrap()).expect(3, "N0101");
    Ended::from(plan("1.0", &["--from", "2.0"]).output().unwrap()).expect(3, "N0102");

    // A reader that goes away at once, as `head -1` does.
    let mut child =
        plan("2.0", &["--all"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = Ended::from(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:#?}");
    runtime.block_on(pocket.stop());
}

#[test]
fn an_upgrade_is_told_from_plan_to_switch() {
    let (runtime, pocket) = seeded();
    let pack = demo_pack();
    let with = |verb: &[&str]| run(&[verb, &["--pack", &pack, "--cluster", pocket.url()]].concat());
    with(&["abort", "--yes"]).expect(1, "J0101");
    let ended = with(&["status"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("lockstep plan"), "{ended:#?}");

    let ended = with(&["upgrade", "--to", "2.0", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let events: Vec<Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = events.iter().filter_map(|event| event["state"].as_str()).collect();
    assert_eq!(
        states,
        [
            "preparing",
            "copying",
            "settling",
            "verifying",
            "holding",
            "fencing",
            "switching",
            "switched"
        ]
    );
    let last = ended.last_line();
    assert_eq!((&last["event"], &last["tenants"]), (&Value::from("upgraded"), &Value::from(2)));

    let ended = with(&["status", "--json"]);
    let status: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&status["live"], &status["run"]["state"]["state"]),
        (&Value::from("2.0"), &Value::from("switched"))
    );
    let ended = with(&["verify"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("are equal"), "{ended:#?}");
    let ended = with(&["upgrade", "--to", "2.0.3"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("nothing to migrate"), "{ended:#?}");
    with(&["upgrade", "--to", "1.1"]).expect(3, "N0102");
    runtime.block_on(pocket.stop());
}

/// The keys of the demo's last line, whether the application wrote or not.
const DEMO_KEYS: [&str; 16] = [
    "tenants",
    "documents",
    "differing",
    "missing",
    "extra",
    "docs_per_second",
    "switch_ms",
    "operations",
    "operations_per_second",
    "lost",
    "resurrected",
    "fence_ms",
    "refused_writes",
    "longest_wait_ms",
    "split_observations",
    "rollback",
];

#[test]
fn the_demo_ends_with_one_line_for_programs() {
    for rate in ["0", "150"] {
        let small = ["demo", "--tenants", "2", "--documents", "400", "--json"];
        let ended = run(&[&small[..], &["--operations-per-second", rate]].concat());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        let line = ended.last_line();
        let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
        assert_eq!(keys, DEMO_KEYS);
        assert_eq!(line["tenants"], 2, "{line}");
        for nothing in
            ["differing", "missing", "extra", "lost", "resurrected", "split_observations"]
        {
            assert_eq!(line[nothing], 0, "{nothing}: {line}");
        }
        assert_eq!(line["fence_ms"], line["switch_ms"], "{line}");
        assert!(line["documents"].as_u64() > Some(200), "{line}");
        for number in ["refused_writes", "longest_wait_ms", "docs_per_second", "fence_ms"] {
            assert!(line[number].is_u64(), "{number}: {line}");
        }
        let has_traffic = rate != "0";
        for count in ["operations", "operations_per_second"] {
            assert_eq!(line[count].as_u64() > Some(0), has_traffic, "{count}: {line}");
        }
    }
}

#[test]
fn the_demo_on_a_given_cluster_leaves_it_as_it_was_and_refuses_its_own_leftovers() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    let demo = |more: &[&str]| {
        let size = ["demo", "--tenants", "1", "--documents", "100", "--cluster", pocket.url()];
        let rate = ["--operations-per-second", "100"];
        run(&[size.as_slice(), &rate, more].concat())
    };
    let ended = demo(&[]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    // Nothing was left, the journal included: otherwise this one would refuse to start.
    let ended = demo(&["--keep"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    demo(&[]).expect(1, "D0101");
    let ended = demo(&["--clean"]);
    assert!(ended.code == Some(0) && ended.stdout.starts_with("removed 22 indices"), "{ended:#?}");
    runtime.block_on(pocket.stop());
}

#[test]
fn a_variable_does_not_lead_the_demo_to_a_real_cluster() {
    let small = ["demo", "--tenants", "1", "--documents", "50", "--operations-per-second", "0"];
    let mut command = lockstep(&small);
    // Nobody listens there, so an attempt would fail.
    let ended =
        Ended::from(command.env("LOCKSTEP_CLUSTER", "http://127.0.0.1:1").output().unwrap());
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    run(&["demo", "--clean"]).expect(2, "U0001");
}

#[cfg(unix)]
#[test]
fn a_signal_stops_the_demo_and_its_application_at_any_moment() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    let arguments = ["demo", "--tenants", "1", "--documents", "200", "--json", "--cluster"];
    // What is seen last before the signal: the first moment of the application, of the upgrade, of its end.
    for seen in ["seeded", r#""state":"copying""#, r#""state":"switched""#] {
        let mut child = lockstep(&[&arguments[..], &[pocket.url()]].concat())
            .args(["--operations-per-second", "100"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut events = BufReader::new(child.stdout.take().unwrap());
        read_until(&mut events, seen);
        let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(signalled.unwrap().success());
        let mut rest = String::new();
        events.read_to_string(&mut rest).unwrap();
        let ended = Ended::from(child.wait_with_output().unwrap());
        ended.expect(130, "I0001");
        assert!(ended.stderr.contains("lockstep demo --clean"), "{ended:#?}");
        assert!(!rest.contains(r#""lost""#), "{rest}");
        let cleaned = run(&["demo", "--clean", "--cluster", pocket.url()]);
        assert_eq!(cleaned.code, Some(0), "{cleaned:#?}");
        // Nobody writes any more: an index that is written to would be there again.
        thread::sleep(Duration::from_millis(300));
        assert!(send(&pocket, "HEAD", "/acme-profile-v1.0", "").contains("404"), "{seen}");
    }
    runtime.block_on(pocket.stop());
}

#[test]
fn an_upgrade_that_fails_ends_the_application_and_tells_why() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    // An index of the new set is refused for good.
    let error_type = "mapper_parsing_exception".to_owned();
    let refused = FaultKind::Status { status: 400, error_type };
    pocket.plan_fault(Fault::new("/acme-profile-v2.0", refused).on("PUT").times(1_000));
    let small = ["demo", "--tenants", "1", "--documents", "100", "--cluster", pocket.url()];
    let ended = run(&[&small[..], &["--operations-per-second", "100"]].concat());
    ended.expect(5, "R0102");
    assert!(ended.stderr.contains("lockstep demo --clean"), "{ended:#?}");
    runtime.block_on(pocket.stop());
}

#[test]
fn a_document_that_nobody_wrote_is_found_by_the_demo() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    let arguments = ["demo", "--tenants", "1", "--documents", "100", "--json", "--cluster"];
    let mut child = lockstep(&[&arguments[..], &[pocket.url()]].concat())
        .args(["--operations-per-second", "100"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    read_until(&mut events, r#""state":"switched""#);
    let stranger = r#"{"first_name":"Some","last_name":"Body","newsletter":true}"#;
    let written = send(&pocket, "PUT", "/acme-profile-v2.0/_doc/stranger", stranger);
    assert!(written.contains("201"), "{written}");
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(6), "{rest}");
    let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!([&last["extra"], &last["lost"], &last["resurrected"]], [1, 0, 0], "{last}");
    assert!(rest.contains("stranger"), "{rest}");
    runtime.block_on(pocket.stop());
}

#[test]
fn folders_of_packs_are_found_from_where_the_command_runs() {
    let folder = PathBuf::from(demo_pack());
    let ended = Ended::from(lockstep(&["pack", "check"]).current_dir(folder).output().unwrap());
    assert!(ended.code == Some(0) && ended.stdout.contains("event-store"), "{ended:#?}");
}

/// Sends one request to a pocket cluster, and gives the answer's first line.
fn send(pocket: &Pocket, method: &str, path: &str, body: &str) -> String {
    let address = pocket.url().trim_start_matches("http://");
    let mut connection = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Reads a command's output up to the line that has this text.
#[track_caller]
fn read_until(output: &mut impl BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended before {text}");
    }
}

/// The id under which the first document is in quarantine.
fn first_key(listing: &Ended) -> String {
    let listing: Value = serde_json::from_str(&listing.stdout).unwrap();
    let key = listing.pointer("/documents/0/key").and_then(Value::as_str);
    key.unwrap().to_owned()
}

#[test]
fn a_document_that_a_step_rejects_halts_the_run_until_an_operator_decides() {
    let (runtime, pocket) = seeded();
    let pack = demo_pack();
    let with = |verb: &[&str]| run(&[verb, &["--pack", &pack, "--cluster", pocket.url()]].concat());
    let put = |id: &str, body: &str| {
        let path = format!("/acme-profile-v1.0/_doc/{id}?refresh=true");
        let written = send(&pocket, "PUT", &path, body);
        assert!(written.contains("201") || written.contains("200"), "{written}");
    };
    // Nothing is there before the first run.
    with(&["quarantine", "list"]).expect(1, "J0101");
    with(&["quarantine", "retry", "--all"]).expect(1, "J0101");
    put("bad", r#"{"newsletter":"perhaps"}"#);
    put("worse", r#"{"newsletter":"never"}"#);

    let ended = with(&["upgrade", "--to", "2.0"]);
    ended.expect(6, "R0208");
    assert!(ended.stderr.contains("acme-profile-v1.0 bad: "), "{ended:#?}");
    let ended = with(&["upgrade", "--to", "2.0", "--json"]);
    ended.expect(6, "R0208");
    let problem = ended.last_line()["error"]["problem"].clone();
    assert_eq!(
        (&problem["document_count"], &problem["documents"][0]["id"]),
        (&Value::from(2), &Value::from("bad"))
    );
    let ended = with(&["status"]);
    for part in [
        "halted",
        "1.0, reads and writes",
        "quarantine 2 undecided",
        "problem[R0208]",
        "acme-profile-v1.0 bad",
        "lockstep abort",
    ] {
        assert!(ended.stdout.contains(part), "{part}: {ended:#?}");
    }

    // Nobody can be asked here, so it isn't done.
    with(&["abort"]).expect(2, "U0003");
    let ended = with(&["abort", "--yes"]);
    assert!(
        ended.code == Some(0) && ended.stdout.contains("1.0 is live and takes writes"),
        "{ended:#?}"
    );
    assert!(send(&pocket, "HEAD", "/acme-profile-v2.0", "").contains("404"));
    assert!(send(&pocket, "HEAD", "/acme-profile-v1.0", "").contains("200"));
    // What it set aside stays for the record, and can't be decided any more.
    let kept = with(&["quarantine", "list", "--json"]);
    with(&["quarantine", "retry", &first_key(&kept)]).expect(1, "J0109");
    runtime.block_on(pocket.stop());
}

/// A pocket cluster on which a run halted because of two documents, the commands on it, and their ids in quarantine.
fn rejected() -> (tokio::runtime::Runtime, Pocket, [String; 2]) {
    let (runtime, pocket) = seeded();
    for (index, id) in [("acme-profile-v1.0", "bad"), ("borealis-profile-v1.0", "worse")] {
        let path = format!("/{index}/_doc/{id}?refresh=true");
        let written = send(&pocket, "PUT", &path, r#"{ "newsletter":"perhaps"}"#);
        assert!(written.contains("201"), "{written}");
    }
    on_demo(&pocket, &["upgrade", "--to", "2.0"]).expect(6, "R0208");
    let keys = ["acme-*", "borealis-*"].map(|pattern| {
        first_key(&on_demo(&pocket, &["quarantine", "list", "--json", "--index", pattern]))
    });
    (runtime, pocket, keys)
}

/// A command about the demo on a cluster.
fn on_demo(pocket: &Pocket, command: &[&str]) -> Ended {
    run(&[command, &["--pack", &demo_pack(), "--cluster", pocket.url()]].concat())
}

#[test]
fn rejected_documents_are_listed_and_shown() {
    let (runtime, pocket, [first, second]) = rejected();
    let with = |command: &[&str]| on_demo(&pocket, command);
    let told = with(&["quarantine", "list"]);
    let text = told.stdout.replace(&first, "KEY1").replace(&second, "KEY2");
    insta::assert_snapshot!(text, @r#"
    event-store: 2 documents in quarantine
      KEY1  open       acme-profile-v1.0 bad: T0107: operation 2 (`cast` of `newsletter`): `"perhaps"` can't become a boolean; say `otherwise: keep`, `remove` or `null` if such values may occur
      KEY2  open       borealis-profile-v1.0 worse: T0107: operation 2 (`cast` of `newsletter`): `"perhaps"` can't become a boolean; say `otherwise: keep`, `remove` or `null` if such values may occur
    next: mend them in the application, or lockstep quarantine retry ID, or lockstep quarantine discard --reason TEXT ID
    "#);
    // Run, times and numbers are other ones every time.
    let listed = with(&["quarantine", "list", "--json", "--index", "acme-*", "--limit", "1"]);
    let mut listing: Value = serde_json::from_str(&listed.stdout).unwrap();
    let entry = listing.pointer_mut("/documents/0").unwrap();
    assert_eq!(entry["key"], first);
    for field in ["key", "run", "index_uuid", "seq_no", "at"] {
        assert!(entry[field].is_string() || entry[field].is_u64(), "{entry}");
        entry[field] = Value::from("…");
    }
    listing["run"] = Value::from("…");
    insta::assert_snapshot!(serde_json::to_string(&listing).unwrap(), @r#"{"application":"event-store","run":"…","document_count":1,"documents":[{"key":"…","run":"…","index":"acme-profile-v1.0","index_uuid":"…","document":"bad","seq_no":"…","bytes":25,"rejected_by":{"by":"step","code":"T0107","operation_number":2,"operation":"cast","field":"newsletter"},"reason":"T0107: operation 2 (`cast` of `newsletter`): `\"perhaps\"` can't become a boolean; say `otherwise: keep`, `remove` or `null` if such values may occur","at":"…","state":{"is":"open"}}]}"#);
    let none = with(&["quarantine", "list", "--index", "nothing*"]);
    assert!(none.stdout.contains("nothing of event-store is in quarantine"), "{none:#?}");

    let shown = with(&["quarantine", "show", &first]);
    assert!(shown.stdout.contains("`newsletter`") && !shown.stdout.contains("perhaps\"}"));
    let shown = with(&["quarantine", "show", &first, "--json"]);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["original"], r#"{ "newsletter":"perhaps"}"#);
    runtime.block_on(pocket.stop());
}

#[test]
fn rejected_documents_are_decided_and_mistakes_change_nothing() {
    let (runtime, pocket, keys) = rejected();
    let [first, second] = keys.each_ref().map(String::as_str);
    let with = |command: &[&str]| on_demo(&pocket, command);
    let told = with(&["quarantine", "list"]).stdout;
    with(&["quarantine", "show", "ffff"]).expect(1, "J0110");
    with(&["quarantine", "show", "../_all"]).expect(1, "J0110");
    let ended = with(&["quarantine", "discard", "--reason", "test", first, "ffff"]);
    ended.expect(1, "J0110");
    assert!(ended.stderr.contains("ffff") && !ended.stderr.contains(first), "{ended:#?}");
    with(&["quarantine", "discard", "--reason", "  ", first]).expect(2, "U0001");
    for wrong in [
        &["quarantine", "discard", first] as &[&str],
        &["quarantine", "discard", "--reason", "", first],
        &["quarantine", "discard", "--reason", "test"],
        &["quarantine", "discard", "--reason", "test", "--all", first],
        &["quarantine", "retry"],
        &["quarantine"],
        &["upgrade", "--to", "2.0", "--quarantine-max", "0"],
    ] {
        assert_eq!(with(wrong).code, Some(2), "{wrong:?}");
    }
    assert_eq!(with(&["quarantine", "list"]).stdout, told);

    let ended = with(&["quarantine", "discard", "--reason", "test data", first]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:#?}");
    assert!(ended.stdout.starts_with("1 document left out of the new set: test data\n"));
    let ended = with(&["quarantine", "retry", "--all", "--json"]);
    let retried: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(retried["document_count"], 1, "{ended:#?}");
    let list = with(&["quarantine", "list"]).stdout;
    assert!(list.contains("left out by ") && list.contains(": test data\n"), "{list}");
    assert!(list.contains(&format!("{second}  retry ")), "{list}");
    with(&["upgrade", "--to", "2.0"]).expect(6, "R0208");
    with(&["quarantine", "discard", "--reason", "as well", "--all"]);
    let ended = with(&["upgrade", "--to", "2.0"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.contains("left out   2 documents"), "{ended:#?}");
    let status = with(&["status"]);
    assert!(status.stdout.contains("quarantine 2 left out of the new set"), "{status:#?}");
    with(&["quarantine", "retry", "--all"]).expect(1, "J0109");
    runtime.block_on(pocket.stop());
}

#[cfg(unix)]
#[test]
fn a_signal_stops_cleanly_and_the_same_command_goes_on() {
    let (runtime, pocket) = seeded();
    let pack = demo_pack();
    let arguments =
        ["upgrade", "--to", "2.0", "--pack", &pack, "--cluster", pocket.url(), "--json"];
    // Slow enough that the signal comes while documents are copied.
    let slow = Fault::new("*/_bulk", FaultKind::Slow { ms: 400 }).on("POST").times(1_000);
    pocket.plan_fault(slow);
    let mut child =
        lockstep(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    read_until(&mut events, r#""state":"copying""#);
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let mut rest = String::new();
    events.read_to_string(&mut rest).unwrap();
    let ended = Ended::from(child.wait_with_output().unwrap());
    ended.expect(130, "I0001");
    assert!(!rest.contains("settling"), "{rest}");
    pocket.clear_faults();

    let status = run(&["status", "--pack", &pack, "--cluster", pocket.url()]);
    assert!(
        status.stdout.contains("1.0, reads and writes") && status.stdout.contains("copying"),
        "{status:#?}"
    );
    let ended = run(&arguments);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let states: Vec<&str> =
        ended.stdout.lines().filter(|line| line.contains(r#""event":"entered""#)).collect();
    assert!(
        states[0].contains("copying") && states[states.len() - 1].contains("switched"),
        "{states:?}"
    );
    runtime.block_on(pocket.stop());
}

/// A made-up Tracardi.
fn tracardi(version: &str) -> String {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    let folder = fixtures.join("tracardi-installations").join(version);
    folder.to_str().unwrap().to_owned()
}

#[test]
fn installed_tracardis_become_a_pack_that_is_checked() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("pack");
    let out = out.to_str().unwrap();
    let installations = ["0.8.1", "0.7.4", "0.8.0"].map(tracardi);
    let mut arguments = vec!["pack", "import", "tracardi", "--out", out];
    arguments.extend(installations.iter().map(String::as_str));
    let ended = run(&arguments);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.starts_with("# Tracardi 0.7.4, 0.8.0, 0.8.1\n"), "{ended:#?}");
    let checked = run(&["pack", "check", out]);
    // The import counts what the check then tells.
    let counts = |text: &str| text.trim_end().rsplit(": ").next().map(str::to_owned);
    assert_eq!(counts(&ended.stdout), counts(&checked.stdout), "{ended:#?}");
    // What Tracardi's own mappings and scripts do to readers and to the way back is told by lints, but it is no mistake.
    let last = checked.stdout.lines().last().unwrap();
    assert!(last.starts_with("tracardi with releases 0.7.4, 0.8.0, 0.8.1: 0 errors, "), "{last}");
    assert!(!checked.stdout.contains("[P"), "{checked:#?}");
    // Nothing is written over.
    run(&arguments).expect(1, "A0501");
    let again = place.path().join("again");
    let again = again.to_str().unwrap();
    let json = run(&["--json", "pack", "import", "tracardi", &tracardi("0.8.2"), "--out", again]);
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&told["releases"], &told["errors"]), (&serde_json::json!(["0.8.2"]), &0.into()));
}

#[test]
fn what_is_no_tracardi_or_does_not_follow_is_told_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("pack");
    let out_text = out.to_str().unwrap();
    let import = |paths: &[&str]| {
        let arguments =
            [&["--json", "pack", "import", "tracardi", "--out", out_text], paths].concat();
        let ended = run(&arguments);
        assert!(!out.try_exists().unwrap(), "{ended:#?}");
        ended
    };
    let nothing = place.path().to_str().unwrap();
    let ended = import(&[nothing, "/nowhere", &tracardi("0.8.0")]);
    ended.expect(4, "A0102");
    let mistakes = ended.last_line()["error"]["mistakes"].clone();
    let codes: Vec<&str> = mistakes
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|mistake| mistake["code"].as_str())
        .collect();
    assert_eq!(codes, ["A0102", "A0101"]);
    let (first, third) = (tracardi("0.7.4"), tracardi("0.8.1"));
    import(&[&first, &third]).expect(4, "A0107");
    import(&[&first, &first]).expect(4, "A0106");
}

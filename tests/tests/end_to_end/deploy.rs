//! The tag changes with the data: healthy, not healthy, silent; hooks that hang and fail half-way; killed in the middle. In every
//! end the application is on one set, and its tag is the one that belongs to it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command as Program, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use lockstep_core::{
    configuration::health::{HealthConfiguration, Probe, SearchProbe},
    deploy::{state::DeployState, tag::TagForm},
    health::{Rules, Verdict},
    pack::{PackFiles, model::Pack},
    run::state::RunState,
};
use lockstep_demo::{Release, SeedOptions, Traffic, TrafficOptions, check_traffic};
use lockstep_engine::{
    EngineError, Session,
    deploy::{
        Command, Compose, Deployer, Exec, Way,
        drive::{DeployWish, Deployed},
    },
    report::Event,
    status::status,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    runtime::Runtime,
    task::JoinSet,
    time::sleep,
};

use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, TENANTS, Trouble, demo_pack, program, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    vec![
        scenario("the_tag_changes_between_the_comparison_and_the_switch", healthy),
        scenario("an_unhealthy_version_is_taken_back_under_live_writes", unhealthy),
        scenario("hooks_that_fail_leave_the_old_set_and_the_old_tag", hooks),
        scenario("a_page_that_never_answers_takes_nothing_back", silent),
        scenario("an_application_that_is_not_well_is_not_upgraded", unhealthy_before),
        scenario("a_minor_version_changes_the_tag_alone", minor),
        scenario("without_a_way_back_it_is_said_before_anything_is_done", no_way_back),
        scenario("killed_between_effect_and_outcome_the_tag_goes_on", killed),
    ]
}

/// How the page of a version answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Well,
    Sick,
    Silent,
    /// Well to look at, but of what is asked for half fails, as its counters say.
    Failing,
}

/// Requests between two looks at the counters.
const REQUESTS: u32 = 40;

/// A compose file, and an application of the version that it names: it has one page.
struct Application {
    folder: tempfile::TempDir,
    url: String,
    /// Whether some version never answers.
    is_silent: bool,
    /// Ends with the application.
    _serving: JoinSet<()>,
}

impl Application {
    /// `pages`: how versions answer that don't answer well.
    async fn start(pages: &[(&str, Page)]) -> Result<Self, Trouble> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("compose.yaml");
        fs::write(&file, "services:\n  api:\n    image: event-store:1.0 # what runs now\n")?;
        let pages: BTreeMap<String, Page> =
            pages.iter().map(|(version, page)| ((*version).to_owned(), *page)).collect();
        let is_silent = pages.values().any(|page| *page == Page::Silent);
        let socket = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/health", socket.local_addr()?);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut answers = JoinSet::new();
            let mut counted: BTreeMap<String, (u32, u32)> = BTreeMap::new();
            while let Ok((mut connection, _)) = socket.accept().await {
                let tag = tag(&file);
                let page = pages.get(&tag).copied().unwrap_or(Page::Well);
                // Every version is a process of its own, which begins to count at 0.
                let (errors, total) = counted.entry(tag).or_default();
                *total += REQUESTS;
                *errors += if page == Page::Failing { REQUESTS / 2 } else { 0 };
                let counters = format!(
                    "# TYPE requests_total counter\n# TYPE errors_total counter\nrequests_total {total}\nerrors_total {errors}\n"
                );
                answers.spawn(async move {
                    let mut head = [0; 1024];
                    // A client that went away needs no answer.
                    let Ok(length) = connection.read(&mut head).await else { return };
                    let is_metrics =
                        String::from_utf8_lossy(&head[..length]).starts_with("GET /metrics ");
                    let body = if is_metrics { counters } else { "ok".to_owned() };
                    let status = match page {
                        Page::Well | Page::Failing => "200 OK",
                        Page::Sick => "500 Internal Server Error",
                        Page::Silent => return std::future::pending().await,
                    };
                    let length = body.len();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                    );
                    drop(connection.write_all(answer.as_bytes()).await);
                });
            }
        });
        Ok(Self { folder, url, is_silent, _serving: serving })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("compose.yaml")
    }

    fn tag(&self) -> String {
        tag(&self.file())
    }

    /// The versions that were made so, one after the other.
    fn applied(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("applied")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn compose(&self) -> Way {
        let apply = "echo $LOCKSTEP_VERSION >> applied";
        Way::Compose(Compose {
            file: self.file(),
            services: vec!["api".to_owned()],
            image: None,
            apply: Some(["sh", "-c", apply].map(str::to_owned).to_vec()),
            time_limit: Duration::from_secs(20),
        })
    }

    /// A hook that is a text for a shell; it changes the tag itself.
    fn exec(&self, script: &str, limit_ms: u64) -> Way {
        let set = "set_tag() { sed -i \"s/event-store:[0-9.]*/event-store:$1/\" compose.yaml; echo $1 >> applied; }";
        let script = format!("{set}; {script}");
        Way::Exec(Exec {
            command: Command {
                words: vec!["sh".to_owned(), "-c".to_owned(), script],
                folder: Some(self.folder.path().to_owned()),
                time_limit: Duration::from_millis(limit_ms),
            },
        })
    }

    fn wish(&self, way: Way) -> DeployWish {
        // What is waited for in vain is short, everything else long enough for a busy machine.
        let (answer_time, time_limit) = if self.is_silent {
            (Duration::from_millis(300), Duration::from_secs(2))
        } else {
            (Duration::from_secs(5), Duration::from_secs(30))
        };
        let mut health = HealthConfiguration::of_url(&self.url);
        if let Some(Probe::Http(page)) = health.probes.first_mut() {
            page.time_limit = answer_time;
        }
        let index = "{tenant}-profile".to_owned();
        let query = json!({"match_all": {}});
        health.probes.push(Probe::Search(SearchProbe { index, query, hits_min: 1 }));
        health.interval = Duration::from_millis(30);
        health.rules = Rules {
            samples_min: 3,
            failures_max: 2,
            start_time: Duration::from_millis(100),
            time_limit,
            ..health.rules
        };
        DeployWish {
            deployer: Deployer { form: TagForm::default(), way },
            health: Some(health),
            health_ca: None,
            rolls_back: true,
            accepts_no_way_back: false,
        }
    }
}

fn tag(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let tag = text.split("event-store:").nth(1).and_then(|rest| rest.split_whitespace().next());
    tag.unwrap_or_default().to_owned()
}

async fn deploy(session: &Session, to: &str, deploy: &DeployWish) -> Result<Deployed, EngineError> {
    session.deploy(&demo_pack(), &wish(to), deploy).await
}

/// Asserts on which set all tenants are, that it takes writes, and which tag runs.
async fn stands_on(stand: &Stand, application: &Application, version: &str) -> Outcome {
    assert_eq!(application.tag(), version);
    let is_old = version.starts_with('1');
    let body =
        if is_old { json!({"name": "A B"}) } else { json!({"first_name": "A", "last_name": "B"}) };
    let put = stand.send("PUT", "/acme-profile/_doc/probe", body).await?;
    let index = put["_index"].as_str().unwrap_or_default();
    let data = if is_old { "v1.0" } else { "v2.0" };
    assert!(index.ends_with(data) && put["result"].is_string(), "{put}");
    stand.send("DELETE", "/acme-profile/_doc/probe", Value::Null).await?;
    Ok(())
}

fn healthy(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let application = Application::start(&[]).await?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listening = Arc::clone(&heard);
        let session = stand.session_with(move |event, _| {
            let word = match event {
                Event::Entered { state, .. } => state.name().to_owned(),
                Event::Notice { message } if message.contains("the tag 2.0") => "tag".to_owned(),
                _ => return,
            };
            listening.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(word);
        });
        let ended = deploy(&session, "2.0", &application.wish(application.compose())).await?;
        let record = ended.record;
        assert_eq!(record.state, DeployState::Done { verdict: Some(Verdict::Healthy) });
        assert!(
            record.before.is_some_and(|before| before.good >= 3 && before.bad == 0),
            "{record:?}"
        );
        let words = heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner).join(" ");
        assert!(words.contains("holding tag fencing"), "{words}");
        assert_eq!(application.applied(), ["2.0"]);
        stand.check_switched().await?;
        stands_on(stand, &application, "2.0").await?;
        stand.clean().await
    })
}

fn unhealthy(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let seed = SeedOptions { tenants: TENANTS, documents: 2_000, seed: 1 };
        stand.seed(seed.documents).await?;
        let application = Application::start(&[("2.0", Page::Sick)]).await?;
        let options = TrafficOptions { operations_per_second: 500, ..TrafficOptions::new(seed) };
        let traffic = Traffic::start(&stand.cluster.url, options).await?;
        sleep(Duration::from_millis(300)).await;
        // While the new set is built somebody sets another tag of the old release: that is the one to put back.
        let file = application.file();
        let session = stand.session_with(move |event, _| {
            if let Event::Entered { state: RunState::Verifying { .. }, .. } = event {
                let text = fs::read_to_string(&file).unwrap_or_default();
                let text = text.replace("event-store:1.0 ", "event-store:1.0.1 ");
                fs::write(&file, text).expect("the folder lives as long as the application");
            }
        });
        let ended = deploy(&session, "2.0", &application.wish(application.compose())).await;
        sleep(Duration::from_millis(500)).await;
        let ledger = traffic.stop().await?;
        let Deployed { run, record, .. } = ended?;
        let DeployState::Returned { reason } = &record.state else { panic!("{record:?}") };
        assert!(reason.contains("500"), "{reason}");
        let run = run.ok_or("no run")?;
        assert_eq!(run.state, RunState::Returned);
        assert_eq!(application.applied(), ["2.0", "1.0.1"]);
        let report = check_traffic(&stand.cluster.url, &ledger, Release::V1_0, 10).await?;
        assert!(report.is_clean() && report.operations > 100, "{report:#?}");
        stands_on(stand, &application, "1.0.1").await?;
        assert_eq!(record.from_tag, "1.0.1");
        let told = status(&stand.session().cluster, "event-store").await?;
        assert_eq!(told.deploy.map(|deploy| deploy.state), Some(record.state));
        stand.clean().await
    })
}

fn hooks(runtime: &Runtime, stand: &Stand) -> Outcome {
    let cases = [
        ("hangs", "[ $LOCKSTEP_VERSION = 1.0 ] || sleep 60", "K0203", true),
        (
            "fails at once",
            "[ $LOCKSTEP_VERSION = 1.0 ] || { echo no room; exit 3; }",
            "no room",
            true,
        ),
        ("fails half-way", "set_tag $LOCKSTEP_VERSION; [ $LOCKSTEP_VERSION = 1.0 ]", "K0202", true),
        ("fails both ways", "exit 4", "could not be put back", false),
    ];
    runtime.block_on(async {
        stand.seed(600).await?;
        let application = Application::start(&[]).await?;
        for (name, script, part, is_returned) in cases {
            let way = application.exec(script, 5_000);
            let ended = deploy(&stand.session(), "2.0", &application.wish(way)).await?;
            let reason = match &ended.record.state {
                DeployState::Returned { reason } if is_returned => reason,
                DeployState::Failed { reason } if !is_returned => reason,
                other => return Err(format!("{name}: {other:?}").into()),
            };
            assert!(reason.contains(part), "{name}: {reason}");
            // The run was not switched: it holds, and the next try goes on with it.
            let run = ended.run.ok_or("no run")?;
            assert!(matches!(run.state, RunState::Holding { .. }), "{name}: {run:?}");
            stands_on(stand, &application, "1.0").await?;
        }
        let way = application.exec("set_tag $LOCKSTEP_VERSION", 20_000);
        let ended = deploy(&stand.session(), "2.0", &application.wish(way)).await?;
        assert_eq!(ended.record.state, DeployState::Done { verdict: Some(Verdict::Healthy) });
        stand.check_switched().await?;
        stands_on(stand, &application, "2.0").await?;
        stand.clean().await
    })
}

fn silent(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let application =
            Application::start(&[("1.0", Page::Silent), ("2.0", Page::Silent)]).await?;
        let ended =
            deploy(&stand.session(), "2.0", &application.wish(application.compose())).await?;
        let DeployState::Done { verdict: Some(Verdict::CantTell { reason }) } = &ended.record.state
        else {
            return Err(format!("{:?}", ended.record).into());
        };
        assert!(reason.contains("no answer within"), "{reason}");
        stands_on(stand, &application, "2.0").await?;
        stand.clean().await
    })
}

fn unhealthy_before(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let application = Application::start(&[("1.0", Page::Sick)]).await?;
        let wish = application.wish(application.compose());
        for to in ["2.0", "1.0.1"] {
            let refused = deploy(&stand.session(), to, &wish).await;
            let Err(EngineError::UnhealthyBefore { reason }) = refused else {
                return Err(format!("{to}: {refused:?}").into());
            };
            assert!(reason.contains("500"), "{reason}");
            assert!(application.applied().is_empty());
            stands_on(stand, &application, "1.0").await?;
            stand.seed(300).await?;
        }
        stand.clean().await
    })
}

/// Unique ids and highest sequence numbers of all indices of the application.
async fn marks(stand: &Stand) -> Result<Vec<(String, Value)>, Trouble> {
    let stats = stand.send("GET", "/acme-*/_stats?level=shards", Value::Null).await?;
    let indices = stats["indices"].as_object().ok_or("no indices")?;
    let mark = |(name, index): (&String, &Value)| {
        let shards = index["shards"].as_object().into_iter().flatten();
        let numbers: Vec<Value> = shards
            .flat_map(|(_, copies)| copies.as_array().into_iter().flatten())
            .map(|copy| copy["seq_no"]["max_seq_no"].clone())
            .collect();
        (name.clone(), json!([index["uuid"], numbers]))
    };
    let marks: Vec<_> = indices.iter().map(mark).collect();
    assert!(
        marks.len() > 3 && marks.iter().all(|(_, mark)| mark[0].is_string() && mark[1][0].is_i64()),
        "{marks:?}"
    );
    Ok(marks)
}

fn minor(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let application = Application::start(&[("1.0.2", Page::Sick)]).await?;
        let wish = application.wish(application.compose());
        let before = marks(stand).await?;
        let ended = deploy(&stand.session(), "1.0.1", &wish).await?;
        assert_eq!(ended.record.state, DeployState::Done { verdict: Some(Verdict::Healthy) });
        assert_eq!((application.tag().as_str(), ended.run), ("1.0.1", None));
        let ended = deploy(&stand.session(), "1.0.2", &wish).await?;
        assert!(matches!(ended.record.state, DeployState::Returned { .. }), "{:?}", ended.record);
        assert_eq!(application.tag(), "1.0.1");
        assert_eq!(application.applied(), ["1.0.1", "1.0.2", "1.0.1"]);
        let told = status(&stand.session().cluster, "event-store").await?;
        assert_eq!(told.live.as_deref(), Some("1.0.1"));
        assert_eq!(marks(stand).await?, before);
        // From there a major version goes on as before.
        let ended = deploy(&stand.session(), "2.0", &wish).await?;
        assert_eq!(ended.record.state, DeployState::Done { verdict: Some(Verdict::Healthy) });
        assert_eq!(ended.record.from_tag, "1.0.1");
        stands_on(stand, &application, "2.0").await?;
        stand.clean().await
    })
}

fn no_way_back(runtime: &Runtime, stand: &Stand) -> Outcome {
    let pack = irreversible_pack()?;
    runtime.block_on(async {
        stand.seed(300).await?;
        let application = Application::start(&[("2.0", Page::Sick)]).await?;
        let own = application.wish(application.compose());
        let refused = stand.session().deploy(&pack, &wish("2.0"), &own).await;
        let Err(EngineError::NoWayBackAsked { reason }) = refused else {
            return Err(format!("{refused:?}").into());
        };
        assert!(reason.contains("phones are cut"), "{reason}");
        let told = status(&stand.session().cluster, "event-store").await?;
        assert!(told.run.is_none() && told.deploy.is_none(), "{told:?}");
        let accepted = DeployWish { accepts_no_way_back: true, ..own };
        let ended = stand.session().deploy(&pack, &wish("2.0"), &accepted).await?;
        let DeployState::Done { verdict: Some(Verdict::Unhealthy { .. }) } = &ended.record.state
        else {
            return Err(format!("{:?}", ended.record).into());
        };
        assert_eq!(application.applied(), ["2.0"]);
        stands_on(stand, &application, "2.0").await?;
        stand.clean().await
    })
}

/// The demo's pack, whose last step says of profiles that there is no way back.
fn irreversible_pack() -> Result<Pack, Trouble> {
    let mut files: BTreeMap<String, Vec<u8>> = lockstep_demo::pack_files().into_iter().collect();
    let file = files.get_mut("releases/2.0/release.yaml").ok_or("no such release")?;
    let text = String::from_utf8(file.clone())?;
    let down = "        down:\n          - rename: {from: contacts.address, to: contacts.value}\n          - move: {from: rating.score, to: score}\n";
    assert_eq!(text.matches(down).count(), 1);
    *file = text.replace(down, "        irreversible: phones are cut\n").into_bytes();
    Ok(lockstep_engine::pack_folder::check(&PackFiles { files })?)
}

/// A hook kills Lockstep when it has done its work, once for each version. The same command goes on, and takes the tag and the data
/// back because of what the application counts itself; its page looks well.
fn killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    let (application, program) = runtime.block_on(async {
        stand.seed(300).await?;
        Ok::<_, Trouble>((Application::start(&[("2.0", Page::Failing)]).await?, program()?))
    })?;
    let folder = application.folder.path();
    let hook = "sed -i \"s/event-store:[0-9.]*/event-store:$LOCKSTEP_VERSION/\" compose.yaml\n\
                echo $LOCKSTEP_VERSION >> applied\n\
                [ -e killed-$LOCKSTEP_VERSION ] || { touch killed-$LOCKSTEP_VERSION; kill -9 $PPID; }\n";
    fs::write(folder.join("hook.sh"), hook)?;
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/pack").canonicalize()?;
    let configuration = format!(
        "cluster: {{url: {}}}\npack: {}\ndeploy:\n  exec: {{command: [sh, hook.sh]}}\n\
         health:\n  interval: 50ms\n  samples_min: 2\n  failures_max: 2\n  start_time: 100ms\n  time_limit: 5s\n  \
         probes:\n    - http: {{url: {}}}\n    - counters: {{url: {}, errors: errors_total, total: requests_total}}\n",
        stand.cluster.url,
        pack.display(),
        application.url,
        application.url.replace("/health", "/metrics")
    );
    let file = folder.join("lockstep.yaml");
    fs::write(&file, configuration)?;
    let mut ends = Vec::new();
    let mut last = String::new();
    for _ in 0..3 {
        let output = Program::new(&program)
            .args([
                "upgrade",
                "--to",
                "2.0",
                "--deploy",
                "exec",
                "--rollback-on",
                "unhealthy",
                "--json",
            ])
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .output()?;
        ends.push(output.status.code());
        last = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
    }
    // Killed, killed again on the way back, and then back: an operator has to look.
    assert_eq!(ends, [None, None, Some(5)], "{last}");
    assert_eq!(application.applied(), ["2.0", "2.0", "1.0", "1.0"]);
    let line: Value = serde_json::from_str(last.lines().last().ok_or("no output")?)?;
    let told = (&line["event"], &line["state"]["state"], &line["tag"], &line["live_set"]);
    assert_eq!(
        told,
        (&json!("deployed"), &json!("returned"), &json!("1.0"), &json!("1.0")),
        "{line}"
    );
    let reason = line["state"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("50.0 %; it was 0.0 % before"), "{line}");
    let counted = |field: &str| line[field].as_object().and_then(|counted| counted.values().next());
    let (before, after) = (counted("counted_before"), counted("counted_after"));
    assert!(before.is_some_and(|before| before["errors"] == 0), "{line}");
    assert!(after.is_some_and(|after| after["errors"] != 0), "{line}");
    runtime.block_on(async {
        stands_on(stand, &application, "1.0").await?;
        stand.clean().await
    })
}

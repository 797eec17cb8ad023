//! Old sets are deleted for good: only what the journal has by unique id, what nobody can go back to and nobody uses; archived
//! first, if so asked, and brought back from there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lockstep_archive::{Location, Manifest};
use lockstep_core::run::retire::Rules;
use lockstep_engine::{
    EngineError, Session,
    history::history,
    info::info,
    report::Event,
    restore::{Restoration, Restored},
    retire::{Fate, OldSet, Retirement},
    session::Wish,
};
use lockstep_pocket::{Fault, FaultKind, FaultMoment};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    faults::impatient,
    stand::{Stand, Trouble, demo_pack, program, wish},
};

const APPLICATION: &str = "event-store";
/// An index of the old set.
pub(crate) const PROFILE: &str = "acme-profile-v1.0";
/// Everything may go at once.
pub(crate) const AT_ONCE: Rules = Rules { older_than: Duration::ZERO, unused_for: Duration::ZERO };

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    let on_pocket = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    vec![
        scenario("an_old_set_is_archived_retired_and_restored", there_and_back),
        on_pocket("an_old_set_that_somebody_uses_stays", in_use),
        on_pocket("a_set_stays_where_its_archive_is_not_taken", unwritable),
        on_pocket("a_set_stays_until_its_archive_is_whole", damaged),
        on_pocket("a_retirement_that_was_killed_goes_on", killed),
        on_pocket("a_restoration_never_overwrites", taken),
        scenario("a_snapshot_comes_before_the_upgrade", snapshot),
    ]
}

/// A set that was switched away from, and whose way back is given up.
pub(crate) async fn finalized(stand: &Stand) -> Outcome {
    stand.seed(600).await?;
    // Routing, numbers as they were written, and an id that needs escapes have to survive.
    let body =
        json!({"name": "Exact \"One\"", "newsletter": "true", "attributes": {"exact": 1.50}});
    stand.send("PUT", &format!("/{PROFILE}/_doc/a%22b?refresh=true"), body).await?;
    stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
    stand.session().finalize(APPLICATION).await?;
    Ok(())
}

fn folder() -> Result<tempfile::TempDir, Trouble> {
    Ok(tempfile::tempdir()?)
}

fn place(folder: &Path) -> Result<Location, Trouble> {
    Ok(Location::for_writing(&folder.display().to_string())?)
}

pub(crate) async fn look(stand: &Stand, rules: &Rules) -> Result<OldSet, Trouble> {
    let sets = stand.session().old_sets(APPLICATION, rules).await?;
    let [set] = sets.as_slice() else { return Err(format!("{sets:?}").into()) };
    Ok(set.clone())
}

/// Retires whatever may go.
pub(crate) async fn retire(
    session: &Session,
    rules: Rules,
    archive: Option<Location>,
) -> Result<Vec<OldSet>, EngineError> {
    let sets = session.old_sets(APPLICATION, &rules).await?;
    let runs: BTreeSet<String> = sets.into_iter().map(|set| set.run).collect();
    let wish = Retirement { rules, archive, pause: Duration::ZERO };
    session.retire(APPLICATION, &wish, &runs).await
}

/// The codes that hold a set up.
pub(crate) fn codes(set: &OldSet) -> Vec<&'static str> {
    let told = set.indices.iter().filter_map(|index| index.reason.as_ref());
    let codes: BTreeSet<_> = set.reason.iter().chain(told).map(|told| told.code).collect();
    codes.into_iter().collect()
}

pub(crate) fn assert_code<T: std::fmt::Debug>(outcome: &Result<T, EngineError>, expected: &str) {
    let code = outcome.as_ref().err().map(EngineError::code);
    assert_eq!(code.as_deref(), Some(expected), "{outcome:?}");
}

/// Runs the program with these variables; gives its exit code and what it told.
pub(crate) fn lockstep(
    stand: &Stand,
    variables: &[(String, String)],
    arguments: &[&str],
) -> Result<(Option<i32>, Vec<Value>), Trouble> {
    let output = Command::new(program()?)
        .args(arguments)
        .args(["--json", "--cluster", &stand.cluster.url])
        .envs(variables.iter().cloned())
        .output()?;
    let events: Result<Vec<Value>, _> =
        String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect();
    Ok((output.status.code(), events?))
}

/// The archive in a folder.
fn archive_in(folder: &Path) -> Result<PathBuf, Trouble> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let one = found.pop().filter(|_| found.is_empty());
    one.ok_or_else(|| "not one archive".into())
}

/// Restores an archive under other names, and asserts that every index of the set is there; gives their names.
pub(crate) fn bring_back(
    (runtime, stand): (&Runtime, &Stand),
    variables: &[(String, String)],
    archive: &str,
    old: &[String],
) -> Result<Vec<String>, Trouble> {
    let (code, told) = lockstep(stand, variables, &["restore", archive, "--as", "back-"])?;
    let last = told.last().ok_or("no output")?;
    assert_eq!((code, &last["event"]), (Some(0), &json!("restored")), "{told:?}");
    runtime.block_on(async {
        let names: Vec<String> = old.iter().map(|name| format!("back-{name}")).collect();
        assert_eq!(stand.indices("back-*").await?, names);
        let path = format!("/back-{PROFILE}/_doc/a%22b");
        let found = stand.send("GET", &path, Value::Null).await?;
        assert_eq!(found["_source"]["name"], "Exact \"One\"", "{found}");
        Ok(names)
    })
}

fn there_and_back(runtime: &Runtime, stand: &Stand) -> Outcome {
    let kept = folder()?;
    let place_text = kept.path().display().to_string();
    let (old, new) = runtime.block_on(async {
        finalized(stand).await?;
        let old = stand.indices("*-v1.0*").await?;
        assert_eq!(look(stand, &AT_ONCE).await?.indices.len(), old.len());
        Ok::<_, Trouble>((old, stand.indices("*-v2.0*").await?))
    })?;
    let base = ["retire", "--application", APPLICATION, "--archive", &place_text, "--yes"];
    // By its defaults it is too young.
    let (code, told) = lockstep(stand, &[], &base)?;
    assert_eq!(
        (code, &told[0]["set"]["fate"], &told[0]["set"]["reason"]["code"]),
        (Some(0), &json!("waits"), &json!("E0102")),
        "{told:?}"
    );
    let at_once = [&base[..], &["--older-than", "0s", "--unused-for", "0s"]].concat();
    let (code, told) = lockstep(stand, &[], &[&at_once[..], &["--dry-run"]].concat())?;
    assert_eq!((code, &told[0]["set"]["fate"]), (Some(0), &json!("due")), "{told:?}");
    assert_eq!(runtime.block_on(stand.indices("*-v1.0*"))?, old, "a look changes nothing");
    assert!(fs::read_dir(kept.path())?.next().is_none());
    let (code, told) = lockstep(stand, &[], &at_once)?;
    let last = told.last().ok_or("no output")?;
    assert_eq!(
        (code, &last["event"], &last["set"]["fate"]),
        (Some(0), &json!("retired_set"), &json!("retired")),
        "{told:?}"
    );
    assert_eq!(last["set"]["indices"].as_array().map(Vec::len), Some(old.len()));
    runtime.block_on(async {
        assert!(stand.indices("*-v1.0*").await?.is_empty());
        assert_eq!(stand.indices("*-v2.0*").await?, new, "nothing else is touched");
        // Repeated, there is nothing to do.
        assert!(retire(&stand.session(), AT_ONCE, None).await?.is_empty());
        Ok::<_, Trouble>(())
    })?;
    let archive = archive_in(kept.path())?.display().to_string();
    brought_back(runtime, stand, &archive, (&old, &new))
}

/// A set that was retired comes back from its archive: beside the new set, then in its place.
fn brought_back(
    runtime: &Runtime,
    stand: &Stand,
    archive: &str,
    (old, new): (&[String], &[String]),
) -> Outcome {
    let (code, told) = lockstep(stand, &[], &["restore", archive, "--with-aliases"])?;
    let last = told.last().ok_or("no output")?;
    assert_eq!(
        (code, &last["error"]["code"]),
        (Some(1), &json!("E0304")),
        "the new set has them: {told:?}"
    );
    assert!(runtime.block_on(stand.indices("*-v1.0*"))?.is_empty());
    let names = bring_back((runtime, stand), &[], archive, old)?;
    runtime.block_on(async {
        let state = stand.session().cluster.index(&format!("back-{PROFILE}")).await?;
        let state = state.ok_or("it was restored")?;
        assert!(state.mapping.pointer("/_meta/lockstep_restore").is_none(), "{state:?}");
        assert_eq!(state.settings.get("index.refresh_interval"), None);
        assert!(state.aliases.is_empty(), "{:?}", state.aliases);
        for name in names.iter().chain(new) {
            stand.send("DELETE", &format!("/{name}"), Value::Null).await?;
        }
        Ok::<_, Trouble>(())
    })?;
    if stand.pocket.is_none() {
        // Making so many indices once more would take an engine half a minute, and show nothing new.
        return runtime.block_on(stand.clean());
    }
    // Now nothing else has the aliases: the application finds its old set again.
    let (code, told) = lockstep(stand, &[], &["restore", archive, "--with-aliases"])?;
    assert_eq!(code, Some(0), "{told:?}");
    runtime.block_on(async {
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        let found = stand.send("GET", "/acme-profile/_doc/a%22b", Value::Null).await?;
        assert_eq!(found["_index"], PROFILE, "{found}");
        let history = history(&stand.session().cluster, APPLICATION).await?;
        let retired = history.runs[0].retired.as_ref().ok_or("there are receipts")?;
        assert_eq!((retired.index_count, retired.open_count), (old.len(), 0));
        assert!(retired.archive.as_ref().is_some_and(|kept| kept.location == archive));
        // What stands under the old names now are other indices: nothing is left to retire.
        let told = info(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
        assert_eq!((told.retired.as_ref(), told.waits_for), (Some(retired), None));
        stand.clean().await
    })
}

fn in_use(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let nobody = stand.session().old_sets(APPLICATION, &AT_ONCE).await;
        stand.seed(600).await?;
        assert!(matches!(nobody, Err(EngineError::NoRun { .. })), "{nobody:?}");
        stand.session().upgrade(&demo_pack(), &wish("2.0")).await?;
        let found = info(&stand.session().cluster, APPLICATION).await?.run.ok_or("no run")?;
        for tenant in &found.tenants {
            assert_eq!(
                (&tenant.reads[..], &tenant.writes[..]),
                (&["2.0".to_owned()][..], &["2.0".to_owned()][..]),
                "{tenant:?}"
            );
            assert_eq!(
                (tenant.old.present, tenant.old.blocked),
                (tenant.old.planned, tenant.old.planned)
            );
            assert_eq!((tenant.new.present, tenant.new.blocked), (tenant.new.planned, 0));
        }
        assert_eq!(found.tenants.len(), 3);
        let set = look(stand, &AT_ONCE).await?;
        assert_eq!(
            (set.fate, set.reason.as_ref().map(|told| told.code)),
            (Fate::Stays, Some("E0101"))
        );
        retire(&stand.session(), AT_ONCE, None).await?;
        stand.session().finalize(APPLICATION).await?;
        let hours = Rules { unused_for: Duration::from_hours(1), ..AT_ONCE };
        let set = look(stand, &hours).await?;
        assert_eq!((set.fate, codes(&set)), (Fate::Waits, vec!["E0111"]));
        assert_eq!(look(stand, &AT_ONCE).await?.fate, Fate::Due);

        // Each is found by a look, and by a retirement, which deletes nothing then.
        let stays = async |code: &'static str| {
            let before = stand.indices("*-v1.0*").await?;
            let set = look(stand, &AT_ONCE).await?;
            assert_eq!((set.fate, codes(&set)), (Fate::Stays, vec![code]));
            let sets = retire(&stand.session(), AT_ONCE, None).await?;
            assert_eq!((sets[0].fate, codes(&sets[0])), (Fate::Stays, vec![code]));
            assert_eq!(stand.indices("*-v1.0*").await?, before);
            Ok::<_, Trouble>(())
        };
        let alias =
            |verb: &str| json!({"actions": [{verb: {"index": PROFILE, "alias": "somebody"}}]});
        stand.send("POST", "/_aliases", alias("add")).await?;
        stays("E0105").await?;
        stand.send("POST", "/_aliases", alias("remove")).await?;
        stand.send("POST", &format!("/{PROFILE}/_search"), json!({"size": 1})).await?;
        stays("E0108").await?;
        // What is counted now is noted: without another read it may go.
        assert_eq!(look(stand, &AT_ONCE).await?.fate, Fate::Due);
        stand.send("GET", &format!("/{PROFILE}/_doc/none"), Value::Null).await?;
        stays("E0108").await?;
        let lift = json!({"index.blocks.write": null});
        stand.send("PUT", &format!("/{PROFILE}/_settings"), lift).await?;
        stand
            .send("PUT", &format!("/{PROFILE}/_doc/late?refresh=true"), json!({"name": "La Te"}))
            .await?;
        stays("E0107").await?;
        stand.send("POST", &format!("/{PROFILE}/_close"), Value::Null).await?;
        stays("E0106").await?;
        stand.send("POST", &format!("/{PROFILE}/_open"), Value::Null).await?;
        let set = look(stand, &AT_ONCE).await?;
        assert_eq!((set.fate, codes(&set)), (Fate::Waits, vec!["E0109"]), "it counts anew");
        // Another index of the same name is none of the journal's.
        stand.send("DELETE", &format!("/{PROFILE}"), Value::Null).await?;
        stand.send("PUT", &format!("/{PROFILE}"), Value::Null).await?;
        stays("E0104").await?;
        stand.send("DELETE", &format!("/{PROFILE}"), Value::Null).await?;
        let sets = retire(&stand.session(), AT_ONCE, None).await?;
        assert_eq!(sets[0].fate, Fate::Retired);
        assert!(stand.indices("*-v1.0*").await?.is_empty());
        stand.clean().await
    })
}

/// A session that is stopped when the first index is about to be deleted.
pub(crate) fn stopped_at(stand: &Stand, stage: &'static str) -> Session {
    stand.session_with(move |event, stop| {
        if matches!(event, Event::Progress(progress) if progress.stage == stage) {
            stop.cancel();
        }
    })
}

fn unwritable(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        finalized(stand).await?;
        let old = stand.indices("*-v1.0*").await?;
        // A place that takes nothing: a file is in the way, or a bucket that nobody serves.
        let kept = folder()?;
        fs::write(kept.path().join("file"), "")?;
        let blocked = Location::for_writing(&kept.path().join("file/below").display().to_string());
        assert!(blocked.is_err());
        let taken = folder()?;
        let run = look(stand, &AT_ONCE).await?.run;
        fs::write(taken.path().join(format!("{APPLICATION}-1.0-{run}")), "a file in the way")?;
        let refused = retire(&stand.session(), AT_ONCE, Some(place(taken.path())?)).await;
        assert_code(&refused, "E0202");
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        // Stopped before it was complete, it is no archive.
        let kept = folder()?;
        let stopped =
            retire(&stopped_at(stand, "archiving"), AT_ONCE, Some(place(kept.path())?)).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        if let Ok(archive) = archive_in(kept.path()) {
            assert!(!archive.join("manifest.json").try_exists()?);
        }
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        stand.clean().await
    })
}

fn damaged(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        finalized(stand).await?;
        let old = stand.indices("*-v1.0*").await?;
        // Stopped when it was complete, it is read back before anything goes.
        let kept = folder()?;
        let stopped =
            retire(&stopped_at(stand, "retiring"), AT_ONCE, Some(place(kept.path())?)).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        let archive = archive_in(kept.path())?;
        let manifest = Manifest::read(&place(&archive)?).await?;
        assert_eq!(manifest.indices.len(), old.len());
        let part = archive.join(&manifest.indices[0].parts[0].name);
        let whole = fs::read(&part)?;
        let mut one_byte = whole.clone();
        one_byte[whole.len() / 2] ^= 1;
        fs::write(&part, one_byte)?;
        let refused = retire(&stand.session(), AT_ONCE, Some(place(kept.path())?)).await;
        assert_code(&refused, "E0205");
        let refused = restore(stand, &archive, "back-").await;
        assert_code(&refused, "E0205");
        assert!(stand.indices("back-*").await?.is_empty(), "nothing was written");
        fs::write(&part, whole)?;
        let text = fs::read_to_string(archive.join("manifest.json"))?;
        fs::write(
            archive.join("manifest.json"),
            text.replacen("\"documents\": 2", "\"documents\": 3", 1),
        )?;
        let refused = retire(&stand.session(), AT_ONCE, Some(place(kept.path())?)).await;
        assert_code(&refused, "E0204");
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        fs::write(archive.join("manifest.json"), text)?;
        // What was written after it was archived makes it an archive of the past: it is made anew.
        let lift = json!({"index.blocks.write": null});
        stand.send("PUT", &format!("/{PROFILE}/_settings"), lift).await?;
        stand
            .send("PUT", &format!("/{PROFILE}/_doc/late?refresh=true"), json!({"name": "La Te"}))
            .await?;
        let sets = retire(&stand.session(), AT_ONCE, Some(place(kept.path())?)).await?;
        assert_eq!((sets[0].fate, codes(&sets[0])), (Fate::Stays, vec!["E0107"]));
        let sets = retire(&stand.session(), AT_ONCE, Some(place(kept.path())?)).await?;
        assert_eq!(sets[0].fate, Fate::Retired, "{sets:?}");
        let anew = Manifest::read(&place(&archive)?).await?;
        assert_eq!(anew.document_count(), manifest.document_count() + 1);
        assert_eq!(
            sets[0].archive.as_ref().map(|archive| archive.blake3.clone()),
            Some(anew.digest())
        );
        stand.clean().await
    })
}

async fn restore(stand: &Stand, archive: &Path, prefix: &str) -> Result<Restored, EngineError> {
    let archive = Location::for_reading(&archive.display().to_string())?;
    let wish = Restoration { archive, prefix: prefix.to_owned(), with_aliases: false };
    stand.session().restore(&wish).await
}

fn killed(runtime: &Runtime, stand: &Stand) -> Outcome {
    let pocket = stand.pocket.as_ref().ok_or("only on pocket")?;
    runtime.block_on(async {
        // The answer to the delete of an index is lost, and so is everything after it: as if it had been killed there.
        // Then the write of its outcome fails.
        let (before, after) = (FaultMoment::Before, FaultMoment::After);
        let receipts = "/lockstep-journal/*receipt*";
        let faults = [
            ("DELETE", "/*v1.0*", before),
            ("DELETE", "/*v1.0*", after),
            ("PUT", receipts, before),
        ];
        for (method, path, moment) in faults {
            finalized(stand).await?;
            let fault = Fault::new(path, FaultKind::Disconnect).on(method).nth(2).times(1_000);
            pocket.plan_fault(Fault { moment, ..fault });
            let stopped = retire(&impatient(stand)?, AT_ONCE, None).await;
            let moment = format!("{moment:?}");
            assert!(stopped.is_err(), "{method} {moment}: {stopped:?}");
            pocket.clear_faults();
            let left = stand.indices("*-v1.0*").await?.len();
            assert!(left > 0, "{method} {moment}");
            let sets = retire(&stand.session(), AT_ONCE, None).await?;
            assert_eq!(sets[0].fate, Fate::Retired, "{method} {moment}: {sets:?}");
            assert!(stand.indices("*-v1.0*").await?.is_empty());
            assert!(sets[0].indices.iter().all(|index| index.is_gone && index.bytes > 0));
            assert!(stand.session().old_sets(APPLICATION, &AT_ONCE).await?.is_empty());
            assert!(!stand.indices("*-v2.0*").await?.is_empty());
        }
        stand.clean().await
    })
}

fn taken(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        finalized(stand).await?;
        let kept = folder()?;
        retire(&stand.session(), AT_ONCE, Some(place(kept.path())?)).await?;
        let archive = archive_in(kept.path())?;
        let not_one = restore(stand, kept.path(), "").await;
        assert_code(&not_one, "E0203");
        let unfit = restore(stand, &archive, "Back-").await;
        assert_code(&unfit, "E0302");
        // An index, or an alias, has one of the names: nothing is written.
        stand.send("PUT", &format!("/{PROFILE}"), Value::Null).await?;
        let refused = restore(stand, &archive, "").await;
        assert!(matches!(&refused, Err(EngineError::NamesTaken { names }) if names == &[PROFILE]), "{refused:?}");
        assert_eq!(stand.indices("*-v1.0*").await?, [PROFILE]);
        stand.send("DELETE", &format!("/{PROFILE}"), Value::Null).await?;
        // Stopped on the way, the same command goes on.
        let stopping = stopped_at(stand, "restoring");
        let wish = Restoration {
            archive: Location::for_reading(&archive.display().to_string())?,
            prefix: String::new(),
            with_aliases: false,
        };
        let stopped = stopping.restore(&wish).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        assert!(!stand.indices("*-v1.0*").await?.is_empty());
        let restored = restore(stand, &archive, "").await?;
        let manifest = Manifest::read(&place(&archive)?).await?;
        let digests = |restored: &Restored| restored.indices.iter().map(|index| index.content).collect::<Vec<_>>();
        assert_eq!(digests(&restored), manifest.indices.iter().map(|index| index.content).collect::<Vec<_>>());
        // Once it is complete it is somebody's: it is not written again.
        let again = restore(stand, &archive, "").await;
        assert!(matches!(&again, Err(EngineError::NamesTaken { names }) if names.len() == restored.indices.len()), "{again:?}");
        stand.clean().await
    })
}

fn snapshot(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(600).await?;
        let into = |repository: &str| Wish { snapshot: Some(repository.to_owned()), ..wish("2.0") };
        // The pocket cluster takes no snapshots at all.
        let refused = stand.session().upgrade(&demo_pack(), &into("lockstep-none")).await;
        assert!(matches!(refused, Err(EngineError::Snapshot { .. })), "{refused:?}");
        assert!(stand.indices("*-v2.0*").await?.is_empty(), "nothing was changed");
        assert!(history(&stand.session().cluster, APPLICATION).await?.runs.is_empty());
        if stand.pocket.is_some() {
            return stand.clean().await;
        }
        let repository = json!({"type": "fs", "settings": {"location": "end-to-end"}});
        let made = stand.send("PUT", "/_snapshot/lockstep-test", repository).await?;
        assert_eq!(made["acknowledged"], true, "{made}");
        stand.session().upgrade(&demo_pack(), &into("lockstep-test")).await?;
        stand.check_switched().await?;
        let runs = history(&stand.session().cluster, APPLICATION).await?.runs;
        let taken = runs[0].snapshot.as_ref().ok_or("it was journalled")?;
        let path = format!("/_snapshot/lockstep-test/{}", taken.name);
        let found = stand.send("GET", &path, Value::Null).await?;
        let one = &found["snapshots"][0];
        assert_eq!(
            (&one["state"], &one["shards"]["failed"]),
            (&json!("SUCCESS"), &json!(0)),
            "{one}"
        );
        let old = stand.indices("*-v1.0*").await?;
        assert_eq!(one["indices"].as_array().map(Vec::len), Some(old.len()));
        stand.send("DELETE", &path, Value::Null).await?;
        stand.send("DELETE", "/_snapshot/lockstep-test", Value::Null).await?;
        stand.clean().await
    })
}

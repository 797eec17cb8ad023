//! Old sets are archived in a bucket that speaks S3, and come back from there: by the program, as an operator does it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lockstep_archive::{Location, Manifest};
use lockstep_bucket::{Bucket, Direction, KEY_ID, SECRET, Trouble};
use lockstep_engine::{EngineError, history::history, report::Event, restore::Restoration};
use lockstep_pocket::{Fault, FaultKind};
use serde_json::{Value, json};
use tokio::{
    runtime::Runtime,
    time::{sleep, timeout},
};

use crate::{
    Load, Outcome, Scenario,
    faults::impatient,
    retire::{
        AT_ONCE, PROFILE, assert_code, bring_back, codes, finalized, lockstep, look, retire,
        stopped_at,
    },
    stand::{Stand, Trouble as Problem},
};

/// As people name places.
const PLACE: &str = "s3://archive/old sets/Gr\u{f6}\u{df}e";
/// Whoever is told to stop has stopped after this; a silent server is waited for minutes.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);

pub(crate) fn scenarios() -> Vec<Scenario> {
    let on_pocket = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    vec![
        on_pocket("an_old_set_goes_to_a_bucket_and_comes_back", there_and_back),
        on_pocket("an_archive_is_nobody_elses_and_keeps_what_is_gone", anew),
    ]
}

fn at(bucket: &Bucket) -> Result<Location, Problem> {
    Ok(Location::by_variables(PLACE, &bucket.variables())?)
}

fn there_and_back(runtime: &Runtime, stand: &Stand) -> Outcome {
    let bucket = runtime.block_on(Bucket::start())?;
    let old = runtime.block_on(async {
        finalized(stand).await?;
        let old = stand.indices("*-v1.0*").await?;
        silent(stand, &bucket).await?;
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        Ok::<_, Problem>(old)
    })?;
    let base = ["retire", "--application", "event-store", "--archive", PLACE, "--yes"];
    let base = [&base[..], &["--older-than", "0s", "--unused-for", "0s"]].concat();
    let mut wrong = bucket.variables();
    wrong.retain(|(name, _)| name != "AWS_SECRET_ACCESS_KEY");
    wrong.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "another".to_owned()));
    let (code, told) = lockstep(stand, &wrong, &base)?;
    let last = told.last().ok_or("no output")?;
    assert_eq!((code, &last["error"]["code"]), (Some(1), &json!("E0207")), "{told:?}");
    let text = format!("{told:?}");
    assert!(!text.contains(SECRET) && !text.contains(KEY_ID), "{text}");
    assert_eq!(runtime.block_on(stand.indices("*-v1.0*"))?, old);

    let (code, told) = lockstep(stand, &bucket.variables(), &base)?;
    let last = told.last().ok_or("no output")?;
    assert_eq!((code, &last["set"]["fate"]), (Some(0), &json!("retired")), "{told:?}");
    let archive = last["set"]["archive"]["location"].as_str().ok_or("it is archived")?;
    assert!(archive.starts_with(PLACE), "{archive}");
    assert!(runtime.block_on(stand.indices("*-v1.0*"))?.is_empty());
    assert_eq!(bucket.unfinished()?, 0);

    let names = bring_back((runtime, stand), &bucket.variables(), archive, &old)?;
    runtime.block_on(async {
        let place = Location::by_variables(archive, &bucket.variables())?;
        overtaken(stand, &place).await?;
        for name in names.iter().map(String::as_str).chain(["somebodys"]) {
            stand.send("DELETE", &format!("/{name}"), Value::Null).await?;
        }
        stand.clean().await
    })
}

/// While a set comes back with its aliases, somebody gives one of them to another index.
async fn overtaken(stand: &Stand, archive: &Location) -> Result<(), Problem> {
    for name in stand.indices("*-v2.0*").await? {
        stand.send("DELETE", &format!("/{name}"), Value::Null).await?;
    }
    let host = stand.cluster.url.trim_start_matches("http://").to_owned();
    let is_made = AtomicBool::new(false);
    let session = stand.session_with(move |event, _| {
        let is_restoring = matches!(event, Event::Progress(it) if it.stage == "restoring");
        // The first word comes from whoever restores, who waits here meanwhile.
        if is_restoring && !is_made.swap(true, Ordering::Relaxed) {
            let body = r#"{"aliases": {"acme-profile": {}}}"#;
            let request = format!(
                "PUT /somebodys HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = TcpStream::connect(&host).expect("the pocket cluster is there");
            stream.write_all(request.as_bytes()).expect("it takes requests");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.contains(" 200 "), "{answer}");
        }
    });
    let wish = Restoration { archive: archive.clone(), prefix: String::new(), with_aliases: true };
    assert_code(&session.restore(&wish).await, "E0304");
    let found = stand.send("GET", "/_alias/acme-profile", Value::Null).await?;
    let holders: Vec<&String> = found.as_object().ok_or("aliases")?.keys().collect();
    assert_eq!(holders, ["somebodys"]);
    stand.send("DELETE", "/somebodys", Value::Null).await?;
    // Nobody has it any more: the same command goes on.
    let restored = stand.session().restore(&wish).await?;
    assert!(restored.indices.iter().any(|index| index.index == PROFILE));
    Ok(())
}

/// A server that doesn't answer holds nobody up who wants to stop.
async fn silent(stand: &Stand, bucket: &Bucket) -> Result<(), Problem> {
    bucket.trouble(Trouble::Silence, Direction::Up, 0);
    let session = stand.session();
    let stop = session.stop.clone();
    let stopping = async {
        while !bucket.is_in_trouble() {
            sleep(Duration::from_millis(20)).await;
        }
        stop.cancel();
    };
    let retiring = retire(&session, AT_ONCE, Some(at(bucket)?));
    let (stopped, ()) = timeout(STOP_TIME_MAX, async { tokio::join!(retiring, stopping) }).await?;
    assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
    assert!(bucket.recover(), "it was asked");
    Ok(())
}

fn anew(runtime: &Runtime, stand: &Stand) -> Outcome {
    let pocket = stand.pocket.as_ref().ok_or("only on pocket")?;
    runtime.block_on(async {
        let bucket = Bucket::start().await?;
        finalized(stand).await?;
        let old = stand.indices("*-v1.0*").await?;
        let run = look(stand, &AT_ONCE).await?.run;
        let place = at(&bucket)?.below(&format!("event-store-1.0-{run}"));
        // Stopped when the archive was whole, and before it was journalled: it is taken as it is.
        let stopped = retire(&stopped_at(stand, "checking"), AT_ONCE, Some(at(&bucket)?)).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        let first = Manifest::read(&place).await?;
        assert_eq!(first.indices.len(), old.len());
        // One of another cluster, of which this one may be a copy, is left alone.
        let mut others = first.clone();
        "another".clone_into(&mut others.cluster.uuid);
        others.write(&place).await?;
        let refused = retire(&stand.session(), AT_ONCE, Some(at(&bucket)?)).await;
        assert_code(&refused, "E0210");
        assert_eq!(Manifest::read(&place).await?, others);
        assert_eq!(stand.indices("*-v1.0*").await?, old);
        first.write(&place).await?;

        // Some are deleted when the cluster goes away.
        let fault = Fault::new("/*v1.0*", FaultKind::Disconnect);
        pocket.plan_fault(fault.on("DELETE").nth(3).times(1_000));
        let session = impatient(stand)?;
        let stopped = retire(&session, AT_ONCE, Some(at(&bucket)?)).await;
        assert!(stopped.is_err(), "{stopped:?}");
        pocket.clear_faults();
        assert_eq!(Manifest::read(&place).await?, first, "it wasn't made anew");
        let left = stand.indices("*-v1.0*").await?;
        assert_eq!(left.len() + 2, old.len());
        // One of the others is written to, so that the archive is one of the past.
        let late = left.last().ok_or("some are left")?;
        let lift = json!({"index.blocks.write": null});
        stand.send("PUT", &format!("/{late}/_settings"), lift).await?;
        stand.send("PUT", &format!("/{late}/_doc/late?refresh=true"), json!({"a": 1})).await?;
        let sets = retire(&stand.session(), AT_ONCE, Some(at(&bucket)?)).await?;
        assert_eq!(codes(&sets[0]), ["E0107"]);
        let stopped = retire(&stopped_at(stand, "checking"), AT_ONCE, Some(at(&bucket)?)).await;
        assert!(matches!(stopped, Err(EngineError::Interrupted)), "{stopped:?}");
        let second = Manifest::read(&place).await?;
        assert_ne!(second, first);
        // The journal has the first one still, and the second one is of now.
        let sets = retire(&stand.session(), AT_ONCE, Some(at(&bucket)?)).await?;
        assert_eq!(sets[0].archive.as_ref().map(|kept| &kept.blake3), Some(&second.digest()));
        assert!(stand.indices("*-v1.0*").await?.is_empty());
        let names: Vec<&str> = second.indices.iter().map(|index| index.index.as_str()).collect();
        assert_eq!(names, old, "what was deleted before is in it as well");
        assert_eq!(second.document_count(), first.document_count() + 1);
        let runs = history(&stand.session().cluster, "event-store").await?.runs;
        let retired = runs[0].retired.as_ref().ok_or("there are receipts")?;
        assert_eq!(retired.archive.as_ref().map(|kept| &kept.blake3), Some(&second.digest()));
        stand.clean().await
    })
}

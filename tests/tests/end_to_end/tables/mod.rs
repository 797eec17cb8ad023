//! Tables: documents become rows of a real database, while the application writes. On the pocket cluster, with every
//! database of `LOCKSTEP_TEST_DATABASES` (`NAME=URL`, joined by commas).

mod ledger;

mod lossy;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lockstep_core::run::quarantine::{Decision, RejectedBy};
use lockstep_engine::{
    EngineError, Session,
    quarantine::{Chosen, decide, list},
    session::Ending,
};
use serde_json::json;
use tokio::{runtime::Runtime, time::sleep};

use self::{
    ledger::{APPLICATION, Ledger, pack},
    lossy::Lossy,
};
use crate::{
    Load, Outcome, Scenario,
    stand::{Stand, Trouble, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: true, play };
    let all = [
        (
            "mariadb",
            [
                scenario(
                    "rows_of_mariadb_are_what_the_documents_say",
                    (|runtime, stand| alone(whole, runtime, stand, "mariadb"))
                        as fn(&Runtime, &Stand) -> Outcome,
                ),
                scenario("mariadb_may_go_away_and_an_abort_leaves_nothing", |runtime, stand| {
                    alone(gone, runtime, stand, "mariadb")
                }),
                scenario("tables_of_mariadb_that_can_not_be_worked_with", |runtime, stand| {
                    alone(refused, runtime, stand, "mariadb")
                }),
                scenario("rows_of_mariadb_may_refer_to_rows_that_come_later", |runtime, stand| {
                    alone(referring, runtime, stand, "mariadb")
                }),
            ],
        ),
        (
            "postgresql",
            [
                scenario(
                    "rows_of_postgresql_are_what_the_documents_say",
                    (|runtime, stand| alone(whole, runtime, stand, "postgresql"))
                        as fn(&Runtime, &Stand) -> Outcome,
                ),
                scenario("postgresql_may_go_away_and_an_abort_leaves_nothing", |runtime, stand| {
                    alone(gone, runtime, stand, "postgresql")
                }),
                scenario("tables_of_postgresql_that_can_not_be_worked_with", |runtime, stand| {
                    alone(refused, runtime, stand, "postgresql")
                }),
                scenario(
                    "rows_of_postgresql_may_refer_to_rows_that_come_later",
                    |runtime, stand| alone(referring, runtime, stand, "postgresql"),
                ),
            ],
        ),
    ];
    let told = std::env::var("LOCKSTEP_TEST_DATABASES").unwrap_or_default();
    let is_there = |name: &str| told.split(',').any(|pair| pair.starts_with(&format!("{name}=")));
    all.into_iter()
        .filter(|(name, _)| is_there(name))
        .flat_map(|(_, scenarios)| scenarios)
        .collect()
}

/// Scenarios on all pocket clusters share the databases, and some stop them.
static DATABASES: Mutex<()> = Mutex::new(());

pub(crate) fn databases() -> MutexGuard<'static, ()> {
    DATABASES.lock().unwrap_or_else(PoisonError::into_inner)
}

fn alone(
    play: fn(&Runtime, &Stand, &str) -> Outcome,
    runtime: &Runtime,
    stand: &Stand,
    name: &str,
) -> Outcome {
    let _turn = databases();
    play(runtime, stand, name)
}

/// Live writes, answers to commits that are lost, rows that are too long, another try, the switch.
fn whole(runtime: &Runtime, stand: &Stand, name: &str) -> Outcome {
    runtime.block_on(async {
        let ledger = Ledger::open(stand, name).await?;
        ledger.seed(300).await?;
        ledger
            .put("acme", "long 1", json!({"name": "a name that is much too long", "age": 3}))
            .await?;
        ledger
            .put("beta", "long-2", json!({"name": "another name that is too long", "age": 4}))
            .await?;
        ledger.put("beta", "list", json!({"name": "list", "age": [1, 2]})).await?;
        let lossy = Lossy::before(&ledger.url).await?;
        let session = Ledger::session(stand, &lossy.url(&ledger.url));
        let pack = pack(ledger.kind);
        let writer = ledger.write();
        let error = session.upgrade(&pack, &wish("1.1")).await.err().ok_or("not halted")?;
        let EngineError::Halted(problem) = error else { return Err(format!("{error:?}").into()) };
        assert_eq!((problem.code.as_str(), problem.document_count), ("R0208", 3), "{problem:?}");
        let entries = list(&session.cluster, APPLICATION).await?.entries;
        let by_table = RejectedBy::Table { table: "main.person".to_owned() };
        assert!(entries.iter().all(|entry| entry.rejected_by == by_table), "{entries:?}");
        let of = |id: &str| entries.iter().find(|entry| entry.document == id).ok_or("no entry");
        assert_eq!(of("long-2")?.index, "beta-person-v1.0");
        assert!(of("list")?.reason.contains("`age` is a list"), "{entries:?}");
        // One is left out, the others are tried again once the table takes them; `list` still can't be a row then.
        let discard = Decision::Discard { reason: "no age".to_owned() };
        let keys = Chosen::Keys(vec![of("list")?.key.clone()]);
        decide(&session.cluster, APPLICATION, (&keys, &discard), "anna@test").await?;
        decide(&session.cluster, APPLICATION, (&Chosen::Undecided, &Decision::Retry), "ben@test")
            .await?;
        if name == "mariadb" {
            let error = session.upgrade(&pack, &wish("1.1")).await.err().ok_or("not halted")?;
            let EngineError::Halted(problem) = error else {
                return Err(format!("{error:?}").into());
            };
            assert_eq!(
                (problem.code.as_str(), problem.document_count),
                ("R0208", 2),
                "{problem:?}"
            );
        }
        ledger.widen().await?;
        decide(&session.cluster, APPLICATION, (&Chosen::Undecided, &Decision::Retry), "ben@test")
            .await?;
        let ending = session.upgrade(&pack, &wish("1.1")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        let written = writer.stop().await?;
        assert!(written > 50, "only {written} writes: the run was over too soon");
        ledger.check(&[("beta", "list")]).await?;
        assert!(lossy.lost() > 3, "{} answers were lost", lossy.lost());
        let plan = session.plan(&pack, &wish("1.1")).await?;
        assert!(
            plan.findings.iter().all(|finding| !finding.message.contains("secret")),
            "{plan:?}"
        );
        tampered(&session, &ledger).await?;
        session.finalize(APPLICATION).await?;
        assert_eq!(ledger.bookkeeping().await?, 0);
        ledger.clean(stand).await
    })
}

/// Rows refer to each other across shards, in any order, while more such are written. One refers to nobody.
fn referring(runtime: &Runtime, stand: &Stand, name: &str) -> Outcome {
    runtime.block_on(async {
        let ledger = Ledger::open(stand, name).await?;
        ledger.refer().await?;
        let person = |number: u64| {
            let boss = format!("r {}", number + 1);
            let is_boss = number.is_multiple_of(4);
            (
                format!("r {number}"),
                if is_boss { json!({"age": 40}) } else { json!({"name": boss}) },
            )
        };
        let people: Vec<_> = (0..=40).map(person).collect();
        ledger.seed_with(&people).await?;
        ledger.put("acme", "orphan", json!({"name": "nobody"})).await?;
        ledger.put("acme", "its child", json!({"name": "orphan"})).await?;
        let session = Ledger::session(stand, &ledger.url);
        let pack = pack(ledger.kind);
        let error = session.upgrade(&pack, &wish("1.1")).await.err().ok_or("not halted")?;
        let EngineError::Halted(problem) = error else { return Err(format!("{error:?}").into()) };
        assert_eq!((problem.code.as_str(), problem.document_count), ("R0208", 2), "{problem:?}");
        let entries = list(&session.cluster, APPLICATION).await?.entries;
        let is_told = |reason: &str| {
            reason.contains("refers to a row that isn't there") && reason.contains("known")
        };
        assert!(entries.iter().all(|entry| is_told(&entry.reason)), "{entries:?}");
        // The one that its child refers to comes; the other's is left out.
        ledger.put("acme", "nobody", json!({"age": 1})).await?;
        decide(&session.cluster, APPLICATION, (&Chosen::Undecided, &Decision::Retry), "ben@test")
            .await?;
        let wish = wish("1.1");
        let upgrade = session.upgrade(&pack, &wish);
        let writes = async {
            // The one that is referred to comes second, mostly in another shard.
            for number in 0..30 {
                let (child, parent) = (format!("c {number}"), format!("d {number}"));
                ledger.put("beta", &child, json!({"name": parent})).await?;
                ledger.put("beta", &parent, json!({"age": 2})).await?;
            }
            Outcome::Ok(())
        };
        let (ending, written) = tokio::join!(upgrade, writes);
        written?;
        let ending = ending?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        ledger.check(&[]).await?;
        ledger.clean(stand).await
    })
}

/// A verification finds rows that are not what the documents say.
async fn tampered(session: &Session, ledger: &Ledger) -> Outcome {
    let seen = async || -> Result<(u64, u64, u64), Trouble> {
        let (_, verdict) = session.verify(APPLICATION).await?;
        let difference = verdict.difference;
        Ok((difference.missing_count, difference.differing_count, difference.extra_count))
    };
    assert_eq!(seen().await?, (0, 0, 0));
    let rows = ledger.rows().await?;
    let mut keys = rows.keys().filter_map(|key| key.split_once(' '));
    for statement in ["UPDATE person SET age = 777", "DELETE FROM person"] {
        let (tenant, id) = keys.next().ok_or("too few rows")?;
        let statement = format!("{statement} WHERE tenant = '{tenant}' AND id = '{id}'");
        ledger.sql(&statement).await?;
    }
    ledger.sql("INSERT INTO person (id, tenant) VALUES ('nobody', 'beta')").await?;
    assert_eq!(seen().await?, (1, 1, 1), "rows that are not what the documents say");
    Ok(())
}

/// The database is stopped and started again while a run follows, and what the run made is taken away.
fn gone(runtime: &Runtime, stand: &Stand, name: &str) -> Outcome {
    runtime.block_on(async {
        let ledger = Ledger::open(stand, name).await?;
        ledger.seed(200).await?;
        let session = Ledger::session(stand, &ledger.url);
        let pack = pack(ledger.kind);
        let mut held = wish("1.1");
        held.is_held = true;
        let writer = ledger.write();
        let meddling = async {
            stand.wait_until_held(APPLICATION).await?;
            ledger.restart(name, Duration::from_secs(1)).await?;
            sleep(Duration::from_secs(2)).await;
            session.order(APPLICATION, |orders| orders.is_held = false).await?;
            Ok::<_, Trouble>(())
        };
        let (ending, meddled) = tokio::join!(session.upgrade(&pack, &held), meddling);
        meddled?;
        let ending = ending?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        assert!(writer.stop().await? > 10);
        ledger.check(&[]).await?;
        ledger.clean(stand).await?;

        // Another run, which is given up: its rows go, and the table that it made.
        let ledger = Ledger::open(stand, name).await?;
        ledger.seed(100).await?;
        ledger.put("acme", "long", json!({"name": "a name that is much too long"})).await?;
        let session = Ledger::session(stand, &ledger.url);
        let halted = session.upgrade(&pack, &wish("1.1")).await;
        assert!(matches!(halted, Err(EngineError::Halted(_))), "{halted:?}");
        assert_eq!(ledger.rows().await?.len(), 200);
        session.abort(APPLICATION).await?;
        assert!(!ledger.has_table().await?, "the table is still there");
        assert_eq!(ledger.bookkeeping().await?, 0);
        ledger.clean(stand).await
    })
}

/// What is told before anything is begun.
fn refused(runtime: &Runtime, stand: &Stand, name: &str) -> Outcome {
    runtime.block_on(async {
        let ledger = Ledger::open(stand, name).await?;
        ledger.seed(5).await?;
        let pack = pack(ledger.kind);
        let codes = async |url: &str| -> Result<Vec<String>, Trouble> {
            let plan = Ledger::session(stand, url).plan(&pack, &wish("1.1")).await?;
            let told = serde_json::to_string(&plan)?;
            assert!(!told.contains("secret") && !told.contains("hunter2"), "{told}");
            let refusals = plan.findings.iter().filter(|finding| finding.is_refusal());
            Ok(refusals.map(|finding| finding.code.clone()).collect())
        };
        assert_eq!(codes(&ledger.url).await?, [""; 0]);
        assert_eq!(codes("").await?, ["F0701"]);
        assert_eq!(codes(&ledger.url.replace(":secret@", ":hunter2@")).await?, ["F0703"]);
        ledger.sql("CREATE TABLE person (id varchar(40), tenant varchar(40), full_name varchar(20), age int, config json, seen date, PRIMARY KEY (id, tenant))").await?;
        assert_eq!(codes(&ledger.url).await?, ["F0704"]);
        ledger.sql("DROP TABLE person").await?;
        ledger.sql("CREATE TABLE person (id varchar(40), tenant varchar(40), full_name varchar(20), age bigint, config json, seen timestamp NULL, more int, PRIMARY KEY (id, tenant))").await?;
        assert_eq!(codes(&ledger.url).await?, [""; 0]);
        ledger.sql("INSERT INTO person (id, tenant) VALUES ('1', 'acme'), ('2', 'gamma')").await?;
        assert_eq!(codes(&ledger.url).await?, ["F0705"]);
        let refused = Ledger::session(stand, &ledger.url).upgrade(&pack, &wish("1.1")).await;
        assert!(matches!(refused, Err(EngineError::Refused { .. })), "{refused:?}");
        // Rows of others stay, and so does a table that was there.
        ledger.sql("DELETE FROM person WHERE tenant = 'acme'").await?;
        let mut session = Ledger::session(stand, &ledger.url);
        session.stop = tokio_util::sync::CancellationToken::new();
        ledger.put("acme", "long", json!({"name": "a name that is much too long"})).await?;
        let halted = session.upgrade(&pack, &wish("1.1")).await;
        assert!(matches!(halted, Err(EngineError::Halted(_))), "{halted:?}");
        session.abort(APPLICATION).await?;
        assert_eq!(ledger.rows().await?.len(), 1, "the row of `gamma`");
        ledger.clean(stand).await
    })
}

//! The promises.

use std::collections::BTreeMap;

use lockstep_core::table::{DatabaseKind, Row, RowMaker};
use lockstep_tables::{Address, Applied, Batch, Database, Deleted, TableError};
use serde_json::json;

use crate::door::{Check, Stand, log, row, rows};

macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        pub(crate) const ALL: &[(&str, Check)] =
            &[$((stringify!($name), |stand| Box::pin($name(stand)))),+];
    };
}

promises![
    every_type_comes_back_as_it_was_meant,
    rows_and_checkpoint_move_together,
    a_row_that_is_refused_keeps_all_back,
    what_a_database_takes_for_the_same_is_told,
    a_value_that_is_kept_otherwise_is_refused,
    another_unique_column_harms_nobody,
    only_rows_of_the_scope_are_touched,
    what_is_gone_is_deleted,
    a_row_may_refer_to_one_that_comes_later,
    tables_are_known_by_what_they_refer_to,
    a_table_that_does_not_fit_is_told,
    what_a_run_made_is_taken_away,
    wrong_credentials_are_told_without_a_secret,
];

async fn write(stand: &Stand, maker: &RowMaker, (from, to): (i64, i64), rows: &[Row]) -> Applied {
    let batch = Batch { log: &log(), shard: 0, from, to, rows, gone: &[] };
    stand.database.apply(maker, batch).await.unwrap()
}

async fn made(stand: &Stand, maker: &RowMaker) {
    stand.database.make("run-1", maker.table()).await.unwrap();
    stand.database.checkpoints(&log(), &[0]).await.unwrap();
}

fn reasons(applied: Applied) -> Vec<(String, String)> {
    match applied {
        Applied::Refused(refused) => refused.into_iter().map(|one| (one.id, one.reason)).collect(),
        other => panic!("{other:?}"),
    }
}

async fn every_type_comes_back_as_it_was_meant(stand: Stand) {
    let maker = stand.maker(
        "acme",
        &json!([
            {"name": "s", "type": "string(20)", "content": {"field": "s"}},
            {"name": "t", "type": "text", "content": {"field": "t"}},
            {"name": "i", "type": "integer", "content": {"field": "i"}},
            {"name": "d", "type": "double", "content": {"field": "d"}},
            {"name": "m", "type": "decimal(30,10)", "content": {"field": "m"}},
            {"name": "b", "type": "boolean", "content": {"field": "b"}},
            {"name": "j", "type": "json", "content": {"field": "j"}},
            {"name": "w", "type": "timestamp", "content": {"field": "w"}},
            {"name": "production", "type": "boolean", "content": {"value": true}},
        ]),
    );
    made(&stand, &maker).await;
    let documents = [
        json!({}),
        json!({"s": "", "t": "", "i": 0, "d": 0.0, "m": 0, "b": false, "j": {}, "w": 0}),
        json!({
            "s": "äöü \\ ' \" % 🦀", "t": "line\nline\ttab `?` $1 ".repeat(5_000), "i": i64::MAX, "d": 0.1, "m": "12345678901234567890.0123456789",
            "b": true, "j": {"a": [1, 2.50, null, "x\\\"y", {"ü": true}]}, "w": "2022-10-05T12:00:00.123456+02:00",
        }),
        json!({
            "s": "x ", "t": " ", "i": i64::MIN, "d": 1.797_693_134_862_315_7e308, "m": -0.000_000_000_1, "j": "text",
            "w": "9999-12-29T23:59:59.999999Z",
        }),
        json!({"d": 5e-324, "j": [[]], "w": "1000-01-01T00:00:00Z"}),
        json!({"d": -123_456_789.123_456_79, "j": 12.50, "w": 1_664_964_000_123_i64}),
        json!({"d": 1e22, "j": false}),
        json!({"d": 9_007_199_254_740_993.0, "j": "null"}),
    ];
    let rows: Vec<Row> = documents
        .iter()
        .enumerate()
        .map(|(id, document)| row(&maker, &id.to_string(), document))
        .collect();
    assert_eq!(write(&stand, &maker, (-1, 9), &rows).await, Applied::Done);
    let ids: Vec<String> = (0..documents.len()).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let found = stand.database.rows(&maker, &ids).await.unwrap();
    for (id, row) in ids.iter().zip(&rows) {
        assert_eq!(maker.difference(row, &found[*id]), None, "{id}");
    }
    // The test's own words for the same.
    let when = match stand.kind {
        DatabaseKind::Mysql => "CAST(w AS CHAR)",
        DatabaseKind::Postgresql => "CAST(w AT TIME ZONE 'UTC' AS text)",
    };
    let told = stand.ask(&format!("SELECT s, {when} FROM bridge WHERE id = '2'")).await;
    assert_eq!(told, ["äöü \\ ' \" % 🦀|2022-10-05 10:00:00.123456"]);
    let all = documents.len();
    let query = format!("SELECT 'all' FROM bridge WHERE production HAVING count(*) = {all}");
    assert_eq!(stand.ask(&query).await, ["all"]);
}

async fn rows_and_checkpoint_move_together(stand: Stand) {
    let maker = stand.named("acme");
    made(&stand, &maker).await;
    let first = rows(&maker, &[("1", "ada"), ("2", "bob")]);
    assert_eq!(write(&stand, &maker, (-1, 1), &first).await, Applied::Done);
    // The answer was lost, or another driver was here: nothing is written, and where to go on is told.
    let older = rows(&maker, &[("1", "old")]);
    assert_eq!(write(&stand, &maker, (-1, 1), &older).await, Applied::Elsewhere { covered: 1 });
    assert_eq!(stand.bridge().await, ["1|acme|ada", "2|acme|bob"]);
    let second = rows(&maker, &[("2", "bea"), ("3", "cyd")]);
    assert_eq!(write(&stand, &maker, (1, 3), &second).await, Applied::Done);
    assert_eq!(stand.bridge().await, ["1|acme|ada", "2|acme|bea", "3|acme|cyd"]);
    let known = stand.database.checkpoints(&log(), &[0, 1]).await.unwrap();
    assert_eq!(known, BTreeMap::from([(0, 3), (1, -1)]));
    // Many rows, in several statements.
    let many: Vec<(String, String)> =
        (0..1_050).map(|at| (format!("m{at}"), format!("n{at}"))).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    assert_eq!(write(&stand, &maker, (3, 1_053), &rows(&maker, &many)).await, Applied::Done);
    assert_eq!(stand.database.row_count(&maker).await, Ok(1_053));
    stand.database.forget("run-1").await.unwrap();
    let late = Batch { log: &log(), shard: 0, from: 1_053, to: 1_054, rows: &first, gone: &[] };
    assert_eq!(stand.database.apply(&maker, late).await, Err(TableError::CheckpointGone));
}

async fn a_row_that_is_refused_keeps_all_back(stand: Stand) {
    let maker = stand.named("acme");
    made(&stand, &maker).await;
    stand.sql("ALTER TABLE bridge ADD CONSTRAINT no_zed CHECK (name <> 'zed')").await;
    let names = [
        ("1", "ada"),
        ("2", "much too long"),
        ("3", "cyd"),
        ("4", "zed"),
        ("5", "ten chars."),
        ("6", "ten chars   "),
    ];
    let told = reasons(write(&stand, &maker, (-1, 5), &rows(&maker, &names)).await);
    let ids: Vec<&str> = told.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["2", "4", "6"], "{told:?}");
    assert_eq!(stand.bridge().await, [""; 0], "nothing was written");
    let kept = rows(&maker, &[("1", "ada"), ("3", "cyd"), ("5", "ten chars.")]);
    assert_eq!(write(&stand, &maker, (-1, 5), &kept).await, Applied::Done);
    // A row that can't follow its document any more goes.
    let gone = ["1".to_owned()];
    let batch = Batch { log: &log(), shard: 0, from: 5, to: 6, rows: &[], gone: &gone };
    assert_eq!(stand.database.apply(&maker, batch).await, Ok(Applied::Done));
    assert_eq!(stand.bridge().await, ["3|acme|cyd", "5|acme|ten chars."]);
}

async fn what_a_database_takes_for_the_same_is_told(stand: Stand) {
    let maker = stand.named("acme");
    match stand.kind {
        DatabaseKind::Mysql => {
            stand.sql("CREATE TABLE bridge (id varchar(40), tenant varchar(40), name varchar(10), PRIMARY KEY (id, tenant)) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci").await;
        }
        DatabaseKind::Postgresql => {
            stand.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)").await;
            stand.sql("CREATE TABLE bridge (id varchar(40) COLLATE ci, tenant varchar(40), name varchar(10), PRIMARY KEY (id, tenant))").await;
        }
    }
    made(&stand, &maker).await;
    assert_eq!(write(&stand, &maker, (-1, 1), &rows(&maker, &[("a", "ada")])).await, Applied::Done);
    let told = reasons(write(&stand, &maker, (1, 2), &rows(&maker, &[("A", "other")])).await);
    assert_eq!(told[0].1, "the database takes its id for the same as `a`, which has a row already");
    assert_eq!(stand.bridge().await, ["a|acme|ada"]);
    let both = rows(&maker, &[("b", "bob"), ("B", "bea")]);
    assert_eq!(reasons(write(&stand, &maker, (1, 3), &both).await).len(), 1);
    // A document that is not there takes no other one's row with it.
    let gone = ["A".to_owned()];
    let batch = Batch { log: &log(), shard: 0, from: 1, to: 2, rows: &[], gone: &gone };
    assert_eq!(stand.database.apply(&maker, batch).await, Ok(Applied::Done));
    assert_eq!(stand.bridge().await, ["a|acme|ada"]);
    // In a table that Lockstep makes they are two.
    stand.sql("DROP TABLE bridge").await;
    stand.database.forget("run-1").await.unwrap();
    made(&stand, &maker).await;
    assert_eq!(
        write(&stand, &maker, (-1, 3), &rows(&maker, &[("a", "x"), ("A", "y"), ("á", "z")])).await,
        Applied::Done
    );
}

async fn a_value_that_is_kept_otherwise_is_refused(stand: Stand) {
    let maker = stand.maker(
        "acme",
        &json!([
            {"name": "name", "type": "text", "content": {"field": "name"}},
            {"name": "price", "type": "decimal(10,4)", "content": {"field": "price"}},
            {"name": "at", "type": "timestamp", "content": {"field": "at"}},
        ]),
    );
    match stand.kind {
        DatabaseKind::Mysql => stand.sql("CREATE TABLE bridge (id varchar(40), tenant varchar(40), name char(10), price decimal(10,2), at datetime, PRIMARY KEY (id, tenant))").await,
        DatabaseKind::Postgresql => stand.sql("CREATE TABLE bridge (id varchar(40), tenant varchar(40), name char(10), price numeric(10,2), at timestamp(0), PRIMARY KEY (id, tenant))").await,
    }
    made(&stand, &maker).await;
    let documents = [
        ("1", json!({"name": "ada", "price": 1.25, "at": "2022-10-05T10:00:00Z"})),
        ("2", json!({"name": "ada  "})),
        ("3", json!({"price": 1.2345})),
        ("4", json!({"at": "2022-10-05T10:00:00.123Z"})),
    ];
    let rows: Vec<Row> = documents.iter().map(|(id, document)| row(&maker, id, document)).collect();
    let told = reasons(write(&stand, &maker, (-1, 3), &rows).await);
    let told: Vec<String> = told.into_iter().map(|(id, reason)| format!("{id} {reason}")).collect();
    assert_eq!(
        told,
        [
            "2 the column `name` keeps `ada` where `ada  ` was meant",
            "3 the column `price` keeps `1.23` where `1.2345` was meant",
            "4 the column `at` keeps `2022-10-05 10:00:00.000000` where `2022-10-05 10:00:00.123000` was meant",
        ]
    );
}

async fn another_unique_column_harms_nobody(stand: Stand) {
    let maker = stand.named("acme");
    made(&stand, &maker).await;
    stand.sql("CREATE UNIQUE INDEX one_name ON bridge (name)").await;
    assert_eq!(
        write(&stand, &maker, (-1, 1), &rows(&maker, &[("1", "ada"), ("2", "bob")])).await,
        Applied::Done
    );
    // New with a name that is taken, changed to a name that is taken, and one that is right.
    let next = rows(&maker, &[("3", "ada"), ("2", "ada"), ("4", "dan")]);
    let told = reasons(write(&stand, &maker, (1, 4), &next).await);
    assert_eq!(told.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["3", "2"]);
    assert_eq!(stand.bridge().await, ["1|acme|ada", "2|acme|bob"]);
}

async fn only_rows_of_the_scope_are_touched(stand: Stand) {
    let (acme, beta) = (stand.named("acme"), stand.named("beta"));
    made(&stand, &acme).await;
    assert_eq!(write(&stand, &acme, (-1, 0), &rows(&acme, &[("1", "ada")])).await, Applied::Done);
    assert_eq!(
        write(&stand, &beta, (0, 1), &rows(&beta, &[("1", "bea"), ("2", "bob")])).await,
        Applied::Done
    );
    assert_eq!(stand.database.row_count(&acme).await, Ok(1));
    assert_eq!(stand.database.ids_after(&beta, (Some("1"), 10)).await, Ok(vec!["2".to_owned()]));
    let expected = BTreeMap::from([(0, 1)]);
    let deleted = stand.database.delete_gone(&acme, (&log(), &expected), &["1", "2"]).await;
    assert_eq!(deleted, Ok(Deleted::Done { count: 1, kept: None }));
    assert_eq!(stand.bridge().await, ["1|beta|bea", "2|beta|bob"]);
}

async fn what_is_gone_is_deleted(stand: Stand) {
    let maker = stand.named("acme");
    made(&stand, &maker).await;
    let first = rows(&maker, &[("1", "ada"), ("2", "bob"), ("3", "cyd")]);
    assert_eq!(write(&stand, &maker, (-1, 2), &first).await, Applied::Done);
    let elsewhere = BTreeMap::from([(0, 1)]);
    let deleted = stand.database.delete_gone(&maker, (&log(), &elsewhere), &["1"]).await;
    assert_eq!(deleted, Ok(Deleted::Elsewhere));
    let there = BTreeMap::from([(0, 2)]);
    let deleted = stand.database.delete_gone(&maker, (&log(), &there), &["1", "3", "none"]).await;
    assert_eq!(deleted, Ok(Deleted::Done { count: 2, kept: None }));
    assert_eq!(stand.bridge().await, ["2|acme|bob"]);
}

/// `name` is the id of another row of the same table.
async fn refers_to_itself(stand: &Stand) -> RowMaker {
    let maker = stand.maker(
        "acme",
        &json!([{"name": "name", "type": "string(40)", "content": {"field": "name"}}]),
    );
    made(stand, &maker).await;
    stand
        .sql("ALTER TABLE bridge ADD CONSTRAINT boss FOREIGN KEY (name, tenant) REFERENCES bridge (id, tenant)")
        .await;
    maker
}

async fn a_row_may_refer_to_one_that_comes_later(stand: Stand) {
    let maker = refers_to_itself(&stand).await;
    // Each refers to the next one, the last one to nobody.
    let mut chain = rows(&maker, &[("1", "2"), ("2", "3")]);
    chain.push(row(&maker, "3", &json!({})));
    assert_eq!(write(&stand, &maker, (-1, 2), &chain).await, Applied::Done);
    assert_eq!(stand.bridge().await, ["1|acme|2", "2|acme|3", "3|acme|NULL"]);
    let next = rows(&maker, &[("4", "5"), ("6", "1"), ("7", "4")]);
    let Applied::Refused(refused) = write(&stand, &maker, (2, 5), &next).await else { panic!() };
    let told: Vec<_> = refused.iter().map(|one| (one.id.as_str(), one.refers_to_none)).collect();
    assert_eq!(told, [("7", true), ("4", true)]);
    assert!(refused.iter().all(|one| one.reason.contains("boss")), "{refused:?}");
    // None is deleted that another row refers to, and the others are, whichever comes first.
    let there = BTreeMap::from([(0, 2)]);
    let deleted = stand.database.delete_gone(&maker, (&log(), &there), &["3", "2"]).await;
    let Ok(Deleted::Done { count: 0, kept: Some(kept) }) = deleted else { panic!("{deleted:?}") };
    assert!(kept.contains("boss"), "{kept}");
    let deleted = stand.database.delete_gone(&maker, (&log(), &there), &["3", "2", "1"]).await;
    assert_eq!(deleted, Ok(Deleted::Done { count: 3, kept: None }));
    assert_eq!(write(&stand, &maker, (2, 5), &chain).await, Applied::Done);
    stand.database.take_away("run-1", &maker).await.unwrap();
}

async fn tables_are_known_by_what_they_refer_to(stand: Stand) {
    refers_to_itself(&stand).await;
    let text = match stand.kind {
        DatabaseKind::Mysql => "varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        DatabaseKind::Postgresql => "varchar(40)",
    };
    let columns = format!("id {text} PRIMARY KEY, boss {text}, tenant {text}");
    stand.sql(&format!("CREATE TABLE child ({columns}, FOREIGN KEY (boss, tenant) REFERENCES bridge (id, tenant))")).await;
    let references = stand.database.references().await.unwrap();
    let told: Vec<_> = references.iter().map(|one| format!("{}>{}", one.from, one.to)).collect();
    assert_eq!(told, ["bridge>bridge", "child>bridge"]);
}

async fn a_table_that_does_not_fit_is_told(stand: Stand) {
    let maker = stand.maker(
        "acme",
        &json!([
            {"name": "name", "type": "string(10)", "content": {"field": "name"}},
            {"name": "age", "type": "integer", "content": {"field": "age"}},
            {"name": "extra", "type": "json", "content": {"field": "extra"}},
        ]),
    );
    assert_eq!(stand.database.table("bridge").await, Ok(None));
    stand.sql("CREATE TABLE bridge (id varchar(40) PRIMARY KEY, tenant varchar(40) NOT NULL, name varchar(10), age date, due int NOT NULL, given int NOT NULL DEFAULT 3)").await;
    let found = stand.database.table("bridge").await.unwrap().unwrap();
    let told: Vec<String> = found.misfits(maker.table()).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "its column `age` has the type date, which takes no integer",
            "it lacks the column `extra`",
            "its column `due` must have a value, and the pack gives none",
            "its primary key is (id), and the pack says (id, tenant)",
        ]
    );
    stand.sql("DROP TABLE bridge").await;
    stand.database.make("run-1", maker.table()).await.unwrap();
    let found = stand.database.table("bridge").await.unwrap().unwrap();
    assert_eq!(found.misfits(maker.table()), []);
}

async fn what_a_run_made_is_taken_away(stand: Stand) {
    let (acme, beta) = (stand.named("acme"), stand.named("beta"));
    // Before anything was made there is nothing to take away.
    stand.database.take_away("run-1", &acme).await.unwrap();
    made(&stand, &acme).await;
    assert_eq!(write(&stand, &acme, (-1, 0), &rows(&acme, &[("1", "ada")])).await, Applied::Done);
    stand.database.make("run-1", beta.table()).await.unwrap();
    stand.sql("INSERT INTO bridge (id, tenant, name) VALUES ('9', 'gamma', 'theirs')").await;
    // Another run takes nothing.
    stand.database.take_away("run-2", &acme).await.unwrap();
    assert_eq!(stand.bridge().await.len(), 2);
    stand.database.take_away("run-1", &acme).await.unwrap();
    assert_eq!(stand.bridge().await, ["9|gamma|theirs"], "the table stays for whoever wrote to it");
    stand.sql("DELETE FROM bridge").await;
    stand.database.take_away("run-1", &beta).await.unwrap();
    assert_eq!(stand.database.table("bridge").await, Ok(None));
    stand.database.take_away("run-1", &beta).await.unwrap();
    stand.database.forget("run-1").await.unwrap();
    let left = "SELECT run FROM lockstep_tables UNION SELECT run FROM lockstep_checkpoints";
    assert_eq!(stand.ask(left).await, [""; 0]);
    // A table that was there stays.
    stand.sql("CREATE TABLE bridge (id varchar(40), tenant varchar(40), name varchar(10), PRIMARY KEY (id, tenant))").await;
    made(&stand, &acme).await;
    stand.database.take_away("run-1", &acme).await.unwrap();
    assert!(stand.database.table("bridge").await.unwrap().is_some());
}

async fn wrong_credentials_are_told_without_a_secret(stand: Stand) {
    let address = |url: String| Address::parse(&url, stand.kind).unwrap();
    let wrong = address(stand.url.replace(":secret@", ":hunter2@"));
    let error = Database::connect(stand.kind, &wrong).await.unwrap_err();
    assert!(matches!(error, TableError::Credentials { .. }), "{error:?}");
    assert!(!error.to_string().contains("hunter2"));
    let (front, _) = stand.url.rsplit_once('/').unwrap();
    let error =
        Database::connect(stand.kind, &address(format!("{front}/nowhere"))).await.unwrap_err();
    assert!(matches!(error, TableError::Refused { .. }), "{error:?}");
    let nobody = address(
        stand.url.replace(stand.url.split(':').nth(3).unwrap().split('/').next().unwrap(), "1"),
    );
    let error = Database::connect(stand.kind, &nobody).await.unwrap_err();
    assert!(matches!(error, TableError::Unreachable { .. }), "{error:?}");
    assert_eq!(format!("{:?}", stand.address), "Address(***)");
}

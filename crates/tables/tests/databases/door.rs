//! One door: a database of its own for each trial, SQL that shares nothing with the crate, and rows from short texts.

use std::{env, pin::Pin};

use lockstep_core::table::{DatabaseKind, Row, RowMaker, Table};
use lockstep_tables::{Address, Database, Log};
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe, Row as _};

/// A promise: it gets a stand and ends, or panics.
pub(crate) type Check = fn(Stand) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// A database that is empty when a trial begins.
pub(crate) struct Stand {
    pub(crate) kind: DatabaseKind,
    pub(crate) address: Address,
    pub(crate) url: String,
    pub(crate) database: Database,
    /// For SQL of the test's own.
    pub(crate) pool: AnyPool,
}

/// Name and URL of every database to try.
pub(crate) fn databases() -> Vec<(String, String)> {
    let told = env::var("LOCKSTEP_TEST_DATABASES").unwrap_or_default();
    let pairs = told.split(',').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (name, url) = pair.split_once('=').unwrap();
        (name.to_owned(), url.to_owned())
    };
    pairs.map(pair).collect()
}

pub(crate) fn run(url: &str, promise: &str, check: Check) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        sqlx::any::install_default_drivers();
        let name = format!("t_{promise}");
        let outside = AnyPool::connect(url).await.unwrap();
        for statement in
            [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")]
        {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&outside).await.unwrap();
        }
        let (front, _) = url.rsplit_once('/').unwrap();
        let own = format!("{front}/{name}");
        let kind =
            if url.starts_with("mysql") { DatabaseKind::Mysql } else { DatabaseKind::Postgresql };
        let address = Address::parse(&own, kind).unwrap();
        let database = Database::connect(kind, &address).await.unwrap();
        let pool = AnyPool::connect(&own).await.unwrap();
        let stand =
            Stand { kind, address, url: own, database: database.clone(), pool: pool.clone() };
        check(stand).await;
        database.close().await;
        pool.close().await;
        let statement = format!("DROP DATABASE {name}");
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&outside).await.unwrap();
    });
}

impl Stand {
    /// The table of the trials with these columns behind its key, of `id` and `tenant`.
    pub(crate) fn maker(&self, tenant: &str, columns: &Value) -> RowMaker {
        let mut all = vec![
            json!({"name": "id", "type": "string(40)", "content": "id"}),
            json!({"name": "tenant", "type": "string(40)", "content": "tenant"}),
        ];
        all.extend(columns.as_array().unwrap().iter().cloned());
        let table = json!({
            "database": "main", "kind": self.kind.word(), "name": "bridge", "key": ["id", "tenant"],
            "columns": all,
        });
        let table: Table = serde_json::from_value(table).unwrap();
        RowMaker::new(table.for_tenant(tenant)).unwrap()
    }

    /// One column, `name`, a text of ten characters.
    pub(crate) fn named(&self, tenant: &str) -> RowMaker {
        self.maker(
            tenant,
            &json!([{"name": "name", "type": "string(10)", "content": {"field": "name"}}]),
        )
    }

    /// A statement of the test's own.
    pub(crate) async fn sql(&self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        sqlx::raw_sql(statement).execute(&self.pool).await.unwrap();
    }

    /// The rows that a query of the test's own gives, cells joined by `|`. Each has to be a text.
    pub(crate) async fn ask(&self, query: &str) -> Vec<String> {
        let rows =
            sqlx::query(AssertSqlSafe(query.to_owned())).fetch_all(&self.pool).await.unwrap();
        let line = |row: &sqlx::any::AnyRow| {
            let cells = (0..row.len())
                .map(|at| row.get::<Option<String>, _>(at).unwrap_or("NULL".to_owned()));
            cells.collect::<Vec<_>>().join("|")
        };
        rows.iter().map(line).collect()
    }

    /// All of `bridge` with its names.
    pub(crate) async fn bridge(&self) -> Vec<String> {
        self.ask("SELECT id, tenant, name FROM bridge ORDER BY tenant, id").await
    }
}

/// The log of the trials.
pub(crate) fn log() -> Log {
    Log { run: "run-1".to_owned(), index: "uuid-1".to_owned() }
}

/// The row of a document.
pub(crate) fn row(maker: &RowMaker, id: &str, document: &Value) -> Row {
    let mut workspace = lockstep_core::transform::Workspace::default();
    maker.row(id, document.to_string().as_bytes(), &mut workspace).unwrap()
}

/// Rows with names: `(id, name)`.
pub(crate) fn rows(maker: &RowMaker, names: &[(&str, &str)]) -> Vec<Row> {
    names.iter().map(|(id, name)| row(maker, id, &json!({"name": name}))).collect()
}

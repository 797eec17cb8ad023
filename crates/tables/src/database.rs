//! A connection to a database: a small pool, statements with texts for parameters, and attempts that are bounded.

use std::{
    sync::{Arc, Once},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use lockstep_core::table::DatabaseKind;
use sqlx::{
    Any, AnyPool, AssertSqlSafe, Executor as _, Row as _, Transaction,
    any::{AnyPoolOptions, AnyRow},
};
use tokio::time;

use crate::{address::Address, dialect::Dialect, error::TableError, statement::Statement};

/// Connections that are open at the same time: as many as shards are followed at once.
const CONNECTIONS_MAX: u32 = 6;
/// How long a connection is waited for before that counts as one failed attempt.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Attempts and waits between them, all in all about a minute: a database that is started anew is back by then.
const ATTEMPTS_MAX: usize = 16;
const WAIT_FIRST: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How long one attempt may take, whatever it waits for.
const ATTEMPT_TIME_MAX: Duration = Duration::from_mins(2);
/// Left of a packet for everything but the values.
const PACKET_MARGIN: u64 = 64 * 1024;
/// PostgreSQL takes a field of 1 GB; nothing that large was ever a document.
const ROW_BYTES_MAX: u64 = 256 * 1024 * 1024;

static DRIVERS: Once = Once::new();

/// A database that is worked with.
#[derive(Debug, Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: AnyPool,
    address: Address,
    dialect: Dialect,
    /// Bytes of one row that the database takes in one statement.
    row_bytes_max: u64,
}

impl Database {
    /// Connects, with a few attempts where the database doesn't answer.
    ///
    /// # Errors
    /// [`TableError`].
    pub async fn connect(kind: DatabaseKind, address: &Address) -> Result<Self, TableError> {
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let dialect = Dialect(kind);
        let options = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECT_WAIT_MAX)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    for statement in dialect.session() {
                        connection.execute(*statement).await?;
                    }
                    Ok(())
                })
            });
        let connected = options.connect(address.expose()).await;
        let pool = connected.map_err(|error| TableError::of(&error, address))?;
        let mut inner =
            Inner { pool, address: address.clone(), dialect, row_bytes_max: ROW_BYTES_MAX };
        if kind == DatabaseKind::Mysql {
            inner.row_bytes_max = packet_bytes(&inner).await?.saturating_sub(PACKET_MARGIN);
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The dialect that it speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// Bytes of one row that it takes.
    pub(crate) fn row_bytes_max(&self) -> u64 {
        self.inner.row_bytes_max
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Work<'_>, TableError> {
        let transaction = self.inner.pool.begin().await;
        let transaction =
            transaction.map_err(|error| TableError::of(&error, &self.inner.address))?;
        Ok(Work { transaction, database: self })
    }

    /// Does something again while what goes wrong may pass, a bounded number of times.
    pub(crate) async fn repeat<T, Attempt: Future<Output = Result<T, TableError>>>(
        &self,
        mut attempt: impl FnMut() -> Attempt,
    ) -> Result<T, TableError> {
        let mut waits = ExponentialBuilder::new()
            .with_min_delay(WAIT_FIRST)
            .with_max_delay(WAIT_MAX)
            .with_max_times(ATTEMPTS_MAX)
            .with_jitter()
            .build();
        loop {
            let outcome =
                time::timeout(ATTEMPT_TIME_MAX, attempt()).await.unwrap_or_else(|_late| {
                    let reason = format!("no answer within {} s", ATTEMPT_TIME_MAX.as_secs());
                    Err(TableError::Unreachable { reason })
                });
            let error = match outcome {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let wait = waits.next().filter(|_| error.is_passing());
            let Some(wait) = wait else { return Err(error) };
            tracing::debug!(%error, wait_ms = wait.as_millis(), "repeating after a failure of a database");
            time::sleep(wait).await;
        }
    }
}

/// The largest statement that MySQL takes, with everything in it.
async fn packet_bytes(inner: &Inner) -> Result<u64, TableError> {
    let query = sqlx::query("SELECT CAST(@@max_allowed_packet AS CHAR)");
    let row = query.fetch_one(&inner.pool).await;
    let text = row.and_then(|row| row.try_get::<String, _>(0));
    let text = text.map_err(|error| TableError::of(&error, &inner.address))?;
    text.parse().map_err(|_no_number| TableError::Refused {
        reason: format!("`max_allowed_packet` is `{text}`, which is no number"),
    })
}

/// A transaction that is under way. Dropped before its end, it is rolled back.
pub(crate) struct Work<'a> {
    transaction: Transaction<'static, Any>,
    database: &'a Database,
}

impl Work<'_> {
    /// The dialect of the database.
    pub(crate) fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    /// Sends a statement that gives no rows; how many rows it touched.
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<u64, TableError> {
        let Statement { text, parameters } = statement;
        // Statements hold names from a pack, in quotes, and no values: those are parameters.
        let mut query =
            sqlx::query(AssertSqlSafe(text)).persistent(self.dialect().keeps_statements());
        for parameter in parameters {
            query = query.bind(parameter);
        }
        let done = query.execute(&mut *self.transaction).await;
        Ok(done.map_err(|error| self.told(&error))?.rows_affected())
    }

    /// Sends a statement that gives rows of texts.
    pub(crate) async fn fetch(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<Vec<Option<String>>>, TableError> {
        let Statement { text, parameters } = statement;
        let mut query =
            sqlx::query(AssertSqlSafe(text)).persistent(self.dialect().keeps_statements());
        for parameter in parameters {
            query = query.bind(parameter);
        }
        let rows = query.fetch_all(&mut *self.transaction).await;
        let rows = rows.map_err(|error| self.told(&error))?;
        let cells = |row: &AnyRow| {
            let cells = (0..row.len()).map(|column| row.try_get::<Option<String>, _>(column));
            cells.collect::<Result<Vec<_>, _>>()
        };
        rows.iter().map(cells).collect::<Result<_, _>>().map_err(|error| self.told(&error))
    }

    /// Sends a statement that can't be prepared, without parameters.
    pub(crate) async fn command(&mut self, text: &'static str) -> Result<(), TableError> {
        let done = self.transaction.execute(sqlx::raw_sql(text)).await;
        done.map(|_done| ()).map_err(|error| self.told(&error))
    }

    /// Makes everything permanent. When no answer comes, nobody knows whether it was.
    pub(crate) async fn commit(self) -> Result<(), TableError> {
        let Self { transaction, database } = self;
        let address = &database.inner.address;
        transaction.commit().await.map_err(|error| TableError::of(&error, address))
    }

    fn told(&self, error: &sqlx::Error) -> TableError {
        TableError::of(error, &self.database.inner.address)
    }
}

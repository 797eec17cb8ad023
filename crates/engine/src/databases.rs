//! Databases that a plan's tables are in: where each is, whoever began this process says; a connection is made when the
//! first table of it is worked with, and kept.

use std::{collections::BTreeMap, fmt, sync::Arc};

use lockstep_core::table::{DatabaseKind, Table};
use lockstep_tables::{Address, Database, TableError};
use tokio::sync::Mutex;

use crate::error::EngineError;

/// Gives the address of a database by its key in the pack; the error says in words where it was looked for.
pub type Lookup = dyn Fn(&str) -> Result<String, String> + Send + Sync;

/// Connections to databases, by the keys that a pack has for them.
#[derive(Clone)]
pub struct Databases {
    lookup: Arc<Lookup>,
    open: Arc<Mutex<BTreeMap<String, Database>>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Addresses are secrets.
        formatter.debug_struct("Databases").finish_non_exhaustive()
    }
}

impl Databases {
    /// Databases whose addresses are looked up so, when they are needed.
    pub fn new(lookup: Arc<Lookup>) -> Self {
        Self { lookup, open: Arc::default() }
    }

    /// Where nobody says where any database is.
    pub fn unknown() -> Self {
        Self::new(Arc::new(|_name| Err("nobody says where it is".to_owned())))
    }

    /// The database of a table.
    ///
    /// # Errors
    /// [`EngineError::Database`].
    pub(crate) async fn of(&self, table: &Table) -> Result<Database, EngineError> {
        let connected = self.connected(&table.database, table.kind).await;
        connected.map_err(|error| EngineError::Database { database: table.database.clone(), error })
    }

    pub(crate) async fn connected(
        &self,
        name: &str,
        kind: DatabaseKind,
    ) -> Result<Database, TableError> {
        // Held while connecting, so that a database is connected to once.
        let mut open = self.open.lock().await;
        if let Some(database) = open.get(name) {
            return Ok(database.clone());
        }
        let text = (self.lookup)(name).map_err(|reason| TableError::Address { reason })?;
        let database = Database::connect(kind, &Address::parse(&text, kind)?).await?;
        open.insert(name.to_owned(), database.clone());
        Ok(database)
    }
}

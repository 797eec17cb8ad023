//! What can go wrong with a database, by what it means. Decided by the standard's states and the databases' numbers, never
//! by a message.

use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};

use crate::address::Address;

/// Why something could not be done in a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The address can't be used.
    #[error("the address can't be used: {reason}")]
    Address {
        /// Why; without the address.
        reason: String,
    },
    /// It doesn't answer, or the connection broke.
    #[error("the database doesn't answer: {reason}")]
    Unreachable {
        /// What the driver said.
        reason: String,
    },
    /// It knows the user or the password not, or the user may not use the database.
    #[error("the database refuses these credentials: {reason}")]
    Credentials {
        /// What the database said.
        reason: String,
    },
    /// Somebody else's lock was in the way.
    #[error("the database gave way to another transaction: {reason}")]
    Busy {
        /// What the database said.
        reason: String,
    },
    /// What a row holds is refused.
    #[error("the database refuses a row: {reason}")]
    Row {
        /// What the database said.
        reason: String,
    },
    /// A row refers to one that isn't there, or one that others refer to would go.
    #[error("the database refuses a row for what refers to another one: {reason}")]
    Reference {
        /// What the database said, with the constraint.
        reason: String,
    },
    /// Anything else.
    #[error("the database refused: {reason}")]
    Refused {
        /// What the database said.
        reason: String,
    },
    /// The mark that says how far a log was written is gone: somebody gave the run up.
    #[error("the checkpoint of this run is gone from the database")]
    CheckpointGone,
}

/// MySQL's numbers where the standard's state says too little.
const MYSQL_BUSY: [u16; 2] = [1205, 1213];
const MYSQL_CREDENTIALS: [u16; 5] = [1044, 1045, 1142, 1227, 1698];
const MYSQL_GONE: [u16; 5] = [1040, 1053, 1152, 1927, 3168];
const MYSQL_REFERENCE: [u16; 4] = [1216, 1217, 1451, 1452];
const MYSQL_ROW: [u16; 9] = [1048, 1062, 1264, 1265, 1364, 1366, 1406, 3140, 4025];

impl TableError {
    /// What an error of the driver means.
    pub(crate) fn of(error: &sqlx::Error, address: &Address) -> Self {
        let reason = address.scrub(&told(error));
        match error {
            sqlx::Error::Database(database) => Self::of_database(database.as_ref(), reason),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => Self::Unreachable { reason },
            sqlx::Error::Configuration(_) => Self::Address { reason },
            // What is left says that a query or its answer was not understood.
            _ => Self::Refused { reason },
        }
    }

    fn of_database(error: &dyn DatabaseError, reason: String) -> Self {
        let state = error.code().unwrap_or_default().into_owned();
        let number = error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
        let is_of = |numbers: &[u16]| number.is_some_and(|number| numbers.contains(&number));
        let class = state.get(..2).unwrap_or_default();
        if is_of(&MYSQL_BUSY) || class == "40" || state == "55P03" {
            return Self::Busy { reason };
        }
        if is_of(&MYSQL_GONE) || class == "08" || matches!(class, "57" | "53") {
            return Self::Unreachable { reason };
        }
        if is_of(&MYSQL_CREDENTIALS) || class == "28" || state == "42501" {
            return Self::Credentials { reason };
        }
        if is_of(&MYSQL_REFERENCE) || matches!(&*state, "23503" | "23001") {
            return Self::Reference { reason };
        }
        // Two rows that are one to the database, data, integrity, and what triggers raise.
        if is_of(&MYSQL_ROW) || matches!(class, "21" | "22" | "23" | "45") || state == "P0001" {
            return Self::Row { reason };
        }
        Self::Refused { reason }
    }

    /// Whether the same may be tried again after a while.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } => true,
            Self::Address { .. }
            | Self::Credentials { .. }
            | Self::Row { .. }
            | Self::Reference { .. }
            | Self::Refused { .. }
            | Self::CheckpointGone => false,
        }
    }
}

fn told(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        sqlx::Error::Configuration(source) => source.to_string(),
        other => other.to_string(),
    }
}

//! Tables of MySQL, MariaDB and PostgreSQL, as rows get there that are made of documents.
//!
//! It knows tables, rows and how far a numbered log was written; no packs, no runs, no clusters. Rules:
//!
//! - **Every value crosses as text** in the form that `lockstep_core::table` gives it; the two [`dialect`]s say how a
//!   column takes and gives it. So what is read back is compared with what was meant, and nothing is cut or rounded unseen.
//! - **Rows and the checkpoint move in one transaction** ([`apply`]), which holds the checkpoint's row: of two writers the
//!   one that is behind notices, and an older row never overwrites a newer one.
//! - **An address is a secret**: it is in no error, no log and no debug text.
//! - **Everything is bounded**: waits for connections and locks, statements, attempts.

mod address;

mod error;

mod dialect;

mod database;

mod look;

mod owned;

mod checkpoint;

mod statement;

pub mod apply;

mod rows;

mod references;

pub use address::Address;
pub use apply::{Applied, Batch, Deleted, Refused};
pub use checkpoint::Log;
pub use database::Database;
pub use error::TableError;
pub use look::{FoundTable, Misfit};
pub use references::{Reference, parents_first};

//! Tables: a step may lead to a table of a database, whose rows are made of an index's documents, one of each.
//!
//! What a pack says of a table is in [`model`]; [`row`] makes a document's row. Every value has one text form, in which it
//! is written, read back and compared (`value`). Who speaks SQL is not here.

mod column_type;

pub mod model;

pub mod row;

mod value;

pub use column_type::{ColumnType, NotAColumnType};
pub use model::{Column, Content, DatabaseKind, Table};
pub use row::{Row, RowMaker};

//! The words of the pack format as they are written, each with its place. What they mean together is in `check`.
//!
//! A field is `None` when it is not written or when it could not be read; the latter has been noted then.

mod allow;

mod operation;

mod spreading;

mod value_table;

mod condition;

mod pack_file;

mod release_file;

mod table;

pub(crate) use operation::NAMES as OPERATION_NAMES;

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    lint::Rule,
    model::{Partitions, SwitchMode},
    place::{At, Place},
};
use crate::{
    table::{ColumnType, Content, DatabaseKind},
    transform::operation::Operation,
    version::Version,
};

/// `pack.yaml`.
#[derive(Debug)]
pub(crate) struct PackFile {
    pub(crate) name: Option<At<String>>,
    pub(crate) data_parts: Option<At<u32>>,
    pub(crate) mode: Option<At<SwitchMode>>,
    /// Where the key `naming` stands.
    pub(crate) naming_place: Place,
    pub(crate) naming: BTreeMap<String, NamingWire>,
    pub(crate) tenant_pattern: Option<At<String>>,
    pub(crate) tenants_ignored: Vec<At<String>>,
    pub(crate) indices_ignored: Vec<At<String>>,
    pub(crate) types: BTreeMap<String, BTreeMap<String, String>>,
    /// Databases that tables are in.
    pub(crate) databases: BTreeMap<String, DatabaseWire>,
    pub(crate) allow: Vec<AllowWire>,
}

/// A lint that is known and meant.
#[derive(Debug)]
pub(crate) struct AllowWire {
    /// Where it begins.
    pub(crate) place: Place,
    pub(crate) rule: &'static Rule,
    /// What it is allowed at; `*` stands for anything.
    pub(crate) at: String,
    pub(crate) reason: String,
}

/// One naming variant.
#[derive(Debug, Clone)]
pub(crate) struct NamingWire {
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) index: Option<At<String>>,
    pub(crate) partitioned: Option<At<String>>,
    pub(crate) alias: Option<At<String>>,
    pub(crate) template: Option<At<String>>,
    pub(crate) template_pattern: Option<At<String>>,
}

/// `release.yaml`.
#[derive(Debug)]
pub(crate) struct ReleaseFile {
    pub(crate) label: Option<At<String>>,
    pub(crate) default_tenant: Option<At<String>>,
    pub(crate) naming: BTreeMap<String, NamingWire>,
    pub(crate) indices: BTreeMap<String, IndexWire>,
    pub(crate) step: Option<StepWire>,
    pub(crate) allow: Vec<AllowWire>,
}

/// One logical index.
#[derive(Debug)]
pub(crate) struct IndexWire {
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) name: Option<At<String>>,
    pub(crate) naming: Option<At<String>>,
    pub(crate) mapping: Option<At<String>>,
    /// Each at the place of its key.
    pub(crate) settings: BTreeMap<String, At<Value>>,
    pub(crate) shards: Option<At<u32>>,
    pub(crate) replicas: Option<At<u32>>,
    /// `none` when it is not written.
    pub(crate) partitions: Option<Partitions>,
    pub(crate) table: Option<TableWire>,
}

/// A database.
#[derive(Debug)]
pub(crate) struct DatabaseWire {
    /// Where its key stands.
    pub(crate) place: Place,
    /// `None` when it could not be read.
    pub(crate) kind: Option<DatabaseKind>,
}

/// The table that an index leads to.
#[derive(Debug)]
pub(crate) struct TableWire {
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) database: Option<At<String>>,
    pub(crate) name: Option<At<String>>,
    pub(crate) key: Option<Vec<At<String>>>,
    /// Where `columns` stands.
    pub(crate) columns_place: Place,
    /// Those that could be read.
    pub(crate) columns: Vec<ColumnWire>,
    /// Whether every one of them could.
    pub(crate) is_complete: bool,
}

/// A column of a table.
#[derive(Debug)]
pub(crate) struct ColumnWire {
    pub(crate) name: At<String>,
    pub(crate) column_type: At<ColumnType>,
    pub(crate) content: At<Content>,
    pub(crate) is_required: bool,
}

/// The step into a release.
#[derive(Debug)]
pub(crate) struct StepWire {
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) from: Option<At<Version>>,
    /// `false` when it is not written; at the place of its key.
    pub(crate) required_stop: At<bool>,
    pub(crate) indices: BTreeMap<String, IndexStepWire>,
}

/// What a step says of one index.
#[derive(Debug)]
pub(crate) struct IndexStepWire {
    /// Where its key stands.
    pub(crate) place: Place,
    /// `None` when it could not be read.
    pub(crate) fate: Option<Fate>,
}

/// What becomes of an index.
#[derive(Debug)]
pub(crate) enum Fate {
    Unchanged,
    New,
    NewLike {
        like: At<String>,
    },
    Dropped,
    Migrate {
        /// Empty where none is written: the index with the same key.
        from: Vec<At<String>>,
        /// The suffix of the partition that an index of one piece becomes.
        partition: Option<Box<At<String>>>,
        operations: Operations,
        way_back: WayBackWire,
    },
}

/// What a step says of how the documents of an index get back to the release before.
#[derive(Debug, Default)]
pub(crate) struct WayBackWire {
    pub(crate) down: Option<DownWire>,
    /// Why there is no way back, at the place of its key.
    pub(crate) irreversible: Option<At<String>>,
}

/// The operations that lead back.
#[derive(Debug)]
pub(crate) struct DownWire {
    /// Where its key stands.
    pub(crate) place: Place,
    pub(crate) operations: Operations,
}

/// The operations of one index, in order.
#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) all: Vec<OperationWire>,
    /// Whether every one of them could be read.
    pub(crate) is_complete: bool,
}

/// One operation.
#[derive(Debug)]
pub(crate) struct OperationWire {
    pub(crate) operation: Operation,
    /// Where its name stands.
    pub(crate) place: Place,
    /// Where its values stand, by field; list fields have one for each element.
    pub(crate) values: Vec<(&'static str, Place)>,
    /// The operations within a `when`; empty for others.
    pub(crate) branches: BranchesWire,
}

/// The two lists of a `when`.
#[derive(Debug, Default)]
pub(crate) struct BranchesWire {
    pub(crate) then: Vec<OperationWire>,
    pub(crate) otherwise: Vec<OperationWire>,
}

impl OperationWire {
    /// It and all operations within it, in the order in which they are written.
    pub(crate) fn with_inner(&self) -> Vec<&Self> {
        let BranchesWire { then, otherwise } = &self.branches;
        let inner = then.iter().chain(otherwise).flat_map(Self::with_inner);
        std::iter::once(self).chain(inner).collect()
    }

    /// Where a field's value stands.
    pub(crate) fn value_place(&self, field: &str) -> &Place {
        self.value_places(field).next().unwrap_or(&self.place)
    }

    /// Where the elements of a list field stand.
    pub(crate) fn value_places(&self, field: &str) -> impl Iterator<Item = &Place> {
        self.values.iter().filter(move |(name, _)| *name == field).map(|(_, place)| place)
    }
}

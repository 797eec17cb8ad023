//! Mappings: what an index says about its fields, and what it therefore refuses.

pub(crate) mod date;
pub(crate) mod geo;
pub(crate) mod infer;
pub(crate) mod merge;
pub(crate) mod model;
pub(crate) mod scalar;
pub(crate) mod validate;
pub(crate) mod value;

pub(crate) use model::Mapping;

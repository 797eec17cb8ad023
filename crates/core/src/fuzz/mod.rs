//! Documents that nobody thought of: drawn from what a mapping takes or from what live documents look like, and made smaller
//! as long as they show the same trouble.
//!
//! Pure: everything follows from a seed. Taking the documents through a step and asking mappings is the engine's.

mod dice;

mod json;

mod shape;

mod generate;

mod profile;

mod shrink;

pub use dice::Dice;
pub use generate::document;
pub use json::Json;
pub use profile::Profile;
pub use shape::{Field, Shape, Values};
pub use shrink::smaller;

#[cfg(test)]
mod tests;

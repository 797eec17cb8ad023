//! Archives of indices: documents in compressed parts, and a manifest that says what they are.
//!
//! It knows locations, parts and manifests; no clusters, no journals, no runs. Rules:
//!
//! - **The manifest is written last.** Parts without one are no archive: nobody takes them for one.
//! - **Every part has a digest of its bytes, every index one of its content.** What is read back is held against both.
//! - **A part appears whole or not at all**: locally under another name until it is complete, on S3 by a multi-part upload.
//! - **Memory is bounded**: a part is streamed in both directions, whatever its size.
//!
//! What is kept of a document: `_id`, `_routing`, `_seq_no`, and `_source` byte for byte, but for line breaks between its
//! tokens, which would end a line of the file. Its `_version` is not kept.

mod error;

mod location;

mod s3;

mod line;

mod manifest;

mod writer;

mod reader;

pub use error::ArchiveError;
pub use line::Line;
pub use location::Location;
pub use manifest::{ArchivedIndex, Cluster, MANIFEST_FORMAT, Manifest, Part};
pub use reader::{PartReader, verify_index};
pub use writer::PartWriter;

//! The good pack's files, and copies of them with one thing changed.

use std::collections::BTreeMap;

use lockstep_core::pack::PackFiles;

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../packs/good/", $path)))),+]
    };
}

const GOOD: &[(&str, &str)] = files![
    "pack.yaml",
    "releases/1.0/release.yaml",
    "releases/1.0/mappings/audit.json",
    "releases/1.0/mappings/customer.json",
    "releases/1.0/mappings/event.json",
    "releases/1.0/mappings/legacy.json",
    "releases/1.1/release.yaml",
    "releases/1.1/mappings/audit.json",
    "releases/1.1/mappings/customer.json",
    "releases/1.1/mappings/event.json",
    "releases/1.1/mappings/session.json",
    "releases/2.0/release.yaml",
    "releases/2.0/mappings/audit.json",
    "releases/2.0/mappings/event.json",
    "releases/2.0/mappings/person.json",
];

/// The good pack.
pub(crate) fn good() -> PackFiles {
    let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    PackFiles { files: GOOD.iter().map(file).collect::<BTreeMap<_, _>>() }
}

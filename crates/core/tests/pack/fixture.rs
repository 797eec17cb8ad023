//! The good pack's files, and copies of them with one thing changed.

use std::collections::BTreeMap;

use lockstep_core::pack::{PackFiles, read};

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

/// The good pack with texts replaced: file, what stands there, what stands there instead. The text must be there once.
pub(crate) fn changed(changes: &[(&str, &str, &str)]) -> PackFiles {
    let mut files = good();
    for (file, from, to) in changes {
        let content = files.files.get_mut(*file).expect("the good pack has the file");
        let text = String::from_utf8(content.clone()).expect("its files are text");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        *content = text.replace(from, to).into_bytes();
    }
    files
}

/// What is told of some files.
pub(crate) fn told(files: &PackFiles) -> String {
    read(files).diagnostics.render(files, false)
}

/// What is told of the good pack with texts replaced.
pub(crate) fn mistakes(changes: &[(&str, &str, &str)]) -> String {
    told(&changed(changes))
}

/// `pack.yaml`
pub(crate) const PACK: &str = "pack.yaml";

/// `release.yaml` of the first release.
pub(crate) const FIRST: &str = "releases/1.0/release.yaml";

/// `release.yaml` of the second release.
pub(crate) const SECOND: &str = "releases/1.1/release.yaml";

/// `release.yaml` of the third release.
pub(crate) const THIRD: &str = "releases/2.0/release.yaml";

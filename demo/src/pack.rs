//! The demo's pack, embedded into the program, so that the demo needs no files beside it.

use std::collections::BTreeMap;

/// Names each embedded file once: its path in the pack is its path under `demo/pack/`.
macro_rules! embedded {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_bytes!(concat!("../pack/", $path)).as_slice())),+]
    };
}

/// The pack's files: path relative to the pack's folder, with `/` → content.
pub fn pack_files() -> BTreeMap<String, Vec<u8>> {
    embedded![
        "pack.yaml",
        "releases/1.0/release.yaml",
        "releases/1.0/mappings/audit.json",
        "releases/1.0/mappings/event.json",
        "releases/1.0/mappings/note.json",
        "releases/1.0/mappings/order.json",
        "releases/1.0/mappings/profile.json",
        "releases/1.0/mappings/visit.json",
        "releases/1.1/release.yaml",
        "releases/1.1/mappings/audit.json",
        "releases/1.1/mappings/consent.json",
        "releases/1.1/mappings/event.json",
        "releases/1.1/mappings/note.json",
        "releases/1.1/mappings/order.json",
        "releases/1.1/mappings/profile.json",
        "releases/2.0/release.yaml",
        "releases/2.0/mappings/audit.json",
        "releases/2.0/mappings/consent.json",
        "releases/2.0/mappings/event.json",
        "releases/2.0/mappings/order.json",
        "releases/2.0/mappings/profile.json",
        "releases/2.0/mappings/rejection.json",
        "releases/2.0/mappings/ticket.json",
    ]
    .into_iter()
    .map(|(path, content)| (path.to_owned(), content.to_vec()))
    .collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Paths of all files below `folder`, relative to `root`; test cases are no part of what the pack does.
    fn files_below(root: &Path, folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("tests") {
                continue;
            }
            if path.is_dir() {
                files_below(root, &path, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("pack");
        let mut found = BTreeSet::new();
        files_below(&root, &root, &mut found);
        assert_eq!(found, pack_files().into_keys().collect::<BTreeSet<_>>());
    }
}

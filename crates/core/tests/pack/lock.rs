//! The lock: what was locked must stay, and nothing else.

use insta::assert_snapshot;
use lockstep_core::pack::{
    PackFiles, load,
    lock::{LOCK_FILE, present, render, written},
};

use super::fixture::{good, told};

/// The good pack with its first two releases locked, and files put in afterwards; an empty one is taken out.
fn locked(changes: &[(&str, &str)]) -> PackFiles {
    let mut files = good();
    let mut lock = present(&files);
    lock.remove("2.0");
    files.files.insert(LOCK_FILE.to_owned(), render(&lock).into_bytes());
    for (path, content) in changes {
        if content.is_empty() {
            files.files.remove(*path);
        } else {
            files.files.insert((*path).to_owned(), content.as_bytes().to_vec());
        }
    }
    files
}

#[test]
fn what_was_locked_and_is_the_same_is_no_mistake() {
    let files = locked(&[]);
    assert_eq!(told(&files), told(&good()));
    assert_eq!(load(&files).unwrap().digest, load(&good()).unwrap().digest);
    let lock = written(&files).unwrap();
    assert_eq!(lock.keys().collect::<Vec<_>>(), ["1.0", "1.1"]);
    assert_eq!(lock["1.1"].len(), 5);
    // Another system's line breaks, a release that is not locked, and test cases.
    let first = String::from_utf8(files.files["releases/1.0/release.yaml"].clone()).unwrap();
    let audit = "{\"dynamic\": false, \"properties\": {}}";
    for (path, content) in [
        ("releases/1.0/release.yaml", first.replace('\n', "\r\n").as_str()),
        ("releases/1.1/tests/event/one/before.json", "{}"),
        ("releases/2.0/mappings/unused.json", audit),
        ("releases/1.0/NOTES.md", "why"),
    ] {
        assert!(!told(&locked(&[(path, content)])).contains("P0902"), "{path}");
    }
}

#[test]
fn what_was_locked_and_changed_is_told_by_file() {
    let files = locked(&[
        ("releases/1.0/mappings/legacy.json", "{\"properties\": {}}"),
        ("releases/1.0/mappings/late.json", "{\"properties\": {}}"),
    ]);
    assert_snapshot!(told(&files), @r"
    error[P0902]: `releases/1.0/mappings/late.json` is new since the release 1.0 was locked
    --> releases/1.0/mappings/late.json
     = help: take the change back and make it in a new release; if no data was ever taken through this one, `lockstep pack lock --accept-changes`

    warning[P0009]: nothing in the pack uses the file `releases/1.0/mappings/late.json`
    --> releases/1.0/mappings/late.json
     = help: mention it in an index's `mapping`, give it the name that the format asks for, or remove it

    error[P0902]: `releases/1.0/mappings/legacy.json` has changed since the release 1.0 was locked
    --> releases/1.0/mappings/legacy.json
     = help: take the change back and make it in a new release; if no data was ever taken through this one, `lockstep pack lock --accept-changes`
    ");
    let files = locked(&[("releases/1.1/mappings/session.json", "")]);
    assert!(
        told(&files).contains("error[P0902]: `releases/1.1/mappings/session.json` is gone since")
    );
}

#[test]
fn a_lock_that_can_not_be_read_is_told() {
    assert_snapshot!(told(&locked(&[(LOCK_FILE, "format: 2\nreleases: {}\n")])), @r"
    error[P0901]: the lock can't be read
    --> pack.lock
     = help: take it back to what `lockstep pack lock` wrote; without it nothing is locked
    ");
    for text in [
        "format: 1\n",
        "format: 1\nreleases: [a]\n",
        "format: 1\nreleases: {}\nmore: 1\n",
        "a: b: c\n",
    ] {
        assert!(told(&locked(&[(LOCK_FILE, text)])).contains("error[P0901]: "), "{text}");
        assert_eq!(written(&locked(&[(LOCK_FILE, text)])), None, "{text}");
    }
}

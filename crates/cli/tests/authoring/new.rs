//! `lockstep pack new`.

use insta::assert_snapshot;

use super::folder::{Folder, files_below};

#[test]
fn a_new_pack_is_right_at_once() {
    let folder = Folder::empty();
    assert_snapshot!(folder.run(&["pack", "new", "shop"]).told(), @r"
    wrote the pack shop into shop: releases 1.0 and 1.1, the step between them, and a test case
    next: lockstep pack check shop; lockstep pack test shop
    exit 0
    ");
    assert_snapshot!(folder.run(&["pack", "check", "shop"]).told(), @r"
    shop with releases 1.0, 1.1: 0 errors, 0 warnings
    exit 0
    ");
    assert_snapshot!(folder.run(&["pack", "test", "shop"]).told(), @r"
    ok        1.1/person/plain, and back

    shop: 1 case, 1 passed; mappings of the embedded cluster
    exit 0
    ");
    // What stands there is what an update would write.
    let before = files_below(folder.path());
    folder.remove("shop/releases/1.1/tests/person/plain/after.json");
    folder.run(&["pack", "test", "shop", "--update"]);
    assert_eq!(files_below(folder.path()), before);
    let ended = folder.run(&["pack", "new", "other-shop", "--dir", "packs/other", "--json"]);
    assert_snapshot!(ended.told(), @r#"
    {
      "pack": "other-shop",
      "folder": "packs/other",
      "files": [
        "pack.yaml",
        "releases/1.0/release.yaml",
        "releases/1.0/mappings/person.json",
        "releases/1.1/release.yaml",
        "releases/1.1/mappings/person.json",
        "releases/1.1/tests/person/plain/before.json",
        "releases/1.1/tests/person/plain/after.json"
      ]
    }
    exit 0
    "#);
    assert!(folder.read("packs/other/pack.yaml").contains("\nname: other-shop\n"));
}

#[test]
fn nothing_is_overwritten() {
    let folder = Folder::empty();
    folder.write("shop/notes.txt", "mine");
    folder.write("file", "mine");
    let before = files_below(folder.path());
    assert_snapshot!(folder.run(&["pack", "new", "shop"]).told(), @r"
    error[U0006]: there is something at shop already
    hint: name another folder with --dir; nothing is ever overwritten
    exit 1
    ");
    assert_snapshot!(folder.run(&["pack", "new", "shop", "--dir", "file"]).told(), @r"
    error[U0006]: there is something at file already
    hint: name another folder with --dir; nothing is ever overwritten
    exit 1
    ");
    assert_snapshot!(folder.run(&["pack", "new", "My Shop"]).told(), @r"
    error[U0001]: `My Shop` can't be the name of an application
    hint: take small letters, digits and `-`, with a letter first
    exit 2
    ");
    assert_eq!(files_below(folder.path()), before);
}

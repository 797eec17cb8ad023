//! `lockstep pack lock`.

use insta::assert_snapshot;

use super::folder::Folder;

const RELEASE: &str = "shop/releases/1.1/release.yaml";

#[test]
fn a_locked_release_stays_and_a_new_one_is_fine() {
    let folder = Folder::empty();
    folder.run(&["pack", "new", "shop"]);
    assert_snapshot!(folder.run(&["pack", "lock", "shop"]).told(), @r"
    shop: locked 1.0, 1.1
    exit 0
    ");
    let locked = folder.read("shop/pack.lock");
    assert_snapshot!(folder.run(&["pack", "lock", "shop"]).told(), @r"
    shop: every release is locked already
    exit 0
    ");
    // A test case and a new release.
    folder.write("shop/releases/1.1/tests/person/empty/before.json", "{}");
    folder.write("shop/releases/1.2/release.yaml",
        "indices: {person: {mapping: person.json}}\nstep: {from: \"1.1\", indices: {person: unchanged}}\n");
    folder.write(
        "shop/releases/1.2/mappings/person.json",
        &folder.read("shop/releases/1.1/mappings/person.json"),
    );
    assert_eq!(folder.run(&["pack", "check", "shop"]).code, Some(0));
    assert_snapshot!(folder.run(&["pack", "lock", "shop", "--json"]).told(), @r#"
    {
      "pack": "shop",
      "locked": [
        "1.0",
        "1.1",
        "1.2"
      ],
      "added": [
        "1.2"
      ],
      "changed": [],
      "removed": []
    }
    exit 0
    "#);
    assert!(folder.read("shop/pack.lock").starts_with(locked.as_str()));
}

#[test]
fn a_changed_one_is_refused_by_whatever_reads_the_pack() {
    let folder = Folder::empty();
    folder.run(&["pack", "new", "shop"]);
    folder.run(&["pack", "lock", "shop"]);
    let locked = folder.read("shop/pack.lock");
    folder.replace(
        RELEASE,
        "{from: name, to: display_name}",
        "{from: name, to: display_name, existing: keep}",
    );
    assert_snapshot!(folder.run(&["pack", "check", "shop"]).told(), @r"
    error[P0902]: `releases/1.1/release.yaml` has changed since the release 1.1 was locked
    --> releases/1.1/release.yaml
     = help: take the change back and make it in a new release; if no data was ever taken through this one, `lockstep pack lock --accept-changes`

    the pack can't be used: 1 error, 0 warnings
    exit 4
    ");
    for command in [
        ["pack", "test", "shop"].as_slice(),
        &["pack", "docs", "shop"],
        &["pack", "lock", "shop"],
        &["plan", "--pack", "shop", "--to", "1.1", "--cluster", "http://127.0.0.1:1"],
    ] {
        let ended = folder.run(command);
        assert_eq!(ended.code, Some(4), "{command:?}: {}", ended.told());
        assert!(ended.stderr.contains("error[P0902]"), "{}", ended.told());
    }
    assert_eq!(folder.read("shop/pack.lock"), locked);
    assert_snapshot!(folder.run(&["pack", "lock", "shop", "--accept-changes"]).told(), @r"
    shop: locked again 1.1
    exit 0
    ");
    assert_eq!(folder.run(&["pack", "check", "shop"]).code, Some(0));
    assert_ne!(folder.read("shop/pack.lock"), locked);
}

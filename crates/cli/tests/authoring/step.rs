//! `lockstep pack step`: from folders with mappings, and from sets that live in a cluster.

use std::path::Path;

use insta::assert_snapshot;
use lockstep_demo::SeedOptions;
use lockstep_pocket::{Options, Pocket};

use super::folder::{Folder, files_below, repository};

/// The new pack of a shop, and what its next release is to look like.
fn shop() -> Folder {
    let folder = Folder::empty();
    folder.run(&["pack", "new", "shop"]);
    folder.write(
        "next/person.json",
        r#"{"mappings": {"dynamic": "strict", "properties": {
            "name": {"type": "text"}, "displayed_name": {"type": "text"}, "born": {"type": "date"}, "email": {"type": "keyword"}}}}"#,
    );
    folder.write(
        "next/order.json",
        r#"{"dynamic": "strict", "properties": {"sum": {"type": "double"}}}"#,
    );
    folder
}

const STEP: [&str; 6] = ["pack", "step", "1.1", "1.2", "--pack", "shop"];

fn draft<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [STEP.as_slice(), more].concat()
}

#[test]
fn a_step_is_drafted_from_mappings_and_what_is_open_is_said() {
    let folder = shop();
    let ended = folder.run(&draft(&["--mappings", "next"]));
    assert_snapshot!("step_from_mappings", ended.told());
    assert_snapshot!("step_from_mappings_release", folder.read("shop/releases/1.2/release.yaml"));
    assert_snapshot!("step_from_mappings_check", folder.run(&["pack", "check", "shop"]).told());
    // Somebody decides, as the draft offers it.
    folder.replace(
        "shop/releases/1.2/release.yaml",
        "        operations: []",
        "        operations:\n          - rename: {from: display_name, to: displayed_name}",
    );
    let checked = folder.run(&["pack", "check", "shop"]).told();
    assert!(checked.contains("shop with releases 1.0, 1.1, 1.2: 0 errors"), "{checked}");
    let before = files_below(folder.path());
    let again = folder.run(&draft(&["--mappings", "next"]));
    assert!(
        again.told().contains("there is something in releases/1.2/ already"),
        "{}",
        again.told()
    );
    assert_eq!(files_below(folder.path()), before);
}

#[test]
fn what_is_asked_for_must_make_sense() {
    let folder = shop();
    folder.write("empty/readme.txt", "");
    let before = files_below(folder.path());
    let cases: [(&[&str], &str); 4] = [
        (
            &["pack", "step", "1.0", "1.2", "--pack", "shop", "--mappings", "next"],
            "1.0 is not the newest release of shop",
        ),
        (
            &["pack", "step", "1.1", "1.1", "--pack", "shop", "--mappings", "next"],
            "1.1 doesn't come after 1.1",
        ),
        (
            &["pack", "step", "1.1", "1.2", "--pack", "shop", "--mappings", "empty"],
            "no index of 1.2 was found",
        ),
        (&["pack", "step", "1.1", "1.2", "--pack", "shop"], "--from-cluster"),
    ];
    for (arguments, expected) in cases {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.told());
        assert!(ended.stderr.contains(expected), "{}", ended.told());
    }
    assert_eq!(files_below(folder.path()), before);
}

#[test]
fn both_releases_are_drafted_from_the_sets_of_a_cluster() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pocket = runtime.block_on(async {
        let pocket = Pocket::start(Options::default()).await.unwrap();
        let options = SeedOptions { tenants: 2, documents: 300, seed: 1 };
        lockstep_demo::seed(pocket.url(), &options).await.unwrap();
        pocket
    });
    let folder = Folder::with_demo();
    let upgraded =
        folder.run(&["upgrade", "--to", "1.1", "--pack", "pack", "--cluster", pocket.url()]);
    assert_eq!(upgraded.code, Some(0), "{}", upgraded.told());
    // All that is known is how indices are named.
    folder.write("draft/pack.yaml", &folder.read("pack/pack.yaml"));
    let arguments = [
        "pack",
        "step",
        "1.0",
        "1.1",
        "--pack",
        "draft",
        "--from-cluster",
        "--cluster",
        pocket.url(),
    ];
    assert_snapshot!("step_from_cluster", folder.run(&arguments).told());
    assert_snapshot!("step_from_cluster_first", folder.read("draft/releases/1.0/release.yaml"));
    assert_snapshot!("step_from_cluster_release", folder.read("draft/releases/1.1/release.yaml"));
    assert_snapshot!("step_from_cluster_check", folder.run(&["pack", "check", "draft"]).told());
    // The mappings are those that the pack has from which the sets were made.
    let mapping = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value.as_object_mut().unwrap().remove("_meta");
        value.sort_all_objects();
        value
    };
    let mut found = 0;
    for path in files_below(&folder.path().join("draft/releases")).keys() {
        let there = repository("demo/pack/releases").join(path);
        if path.ends_with("audit.json") && there.is_file() {
            found += 1;
            assert_eq!(
                mapping(&folder.path().join("draft/releases").join(path)),
                mapping(&there),
                "{path}"
            );
        }
    }
    assert!(found > 0);
    runtime.block_on(pocket.stop());
}

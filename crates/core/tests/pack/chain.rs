//! Mistakes in the chain of releases.

use insta::assert_snapshot;

use crate::fixture::{SECOND, THIRD, good, mistakes, told};

#[test]
fn a_folder_that_is_no_version() {
    let mut files = good();
    files.files.insert("releases/next/release.yaml".to_owned(), b"indices: {}".to_vec());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0301]: the folder `next` is not called like a version
    --> releases/next
     = help: call it by the release's version, numbers separated by dots, such as `1.0`
    "#);
}

#[test]
fn two_releases_with_one_data_version() {
    let mut files = good();
    let text = files.files[SECOND].clone();
    files.files.insert("releases/1.1.3/release.yaml".to_owned(), text);
    for name in ["customer", "event", "audit", "session"] {
        let text = files.files[&format!("releases/1.1/mappings/{name}.json")].clone();
        files.files.insert(format!("releases/1.1.3/mappings/{name}.json"), text);
    }
    let second = |label: &str| format!("label: \"{label}\"");
    let content = String::from_utf8(files.files["releases/1.1.3/release.yaml"].clone()).unwrap();
    let content = content.replace(&second("1.1"), &second("113"));
    files.files.insert("releases/1.1.3/release.yaml".to_owned(), content.into_bytes());
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0302]: the releases 1.1 and 1.1.3 have the same data version: their first 2 numbers are equal
    --> releases/1.1.3/release.yaml
     = help: keep one of them, or raise `data_parts` in pack.yaml
    "#);
}

#[test]
fn a_release_without_a_step() {
    let text = String::from_utf8(good().files[THIRD].clone()).unwrap();
    let step = text.split_once("step:").unwrap().1;
    let output = mistakes(&[(THIRD, &format!("step:{step}"), "")]);
    assert_snapshot!(output, @r#"
    error[P0303]: the release 2.0 has no step, so no data gets there
    --> releases/2.0/release.yaml
     = help: add `step: {from: "1.1", indices: {…}}`
    "#);
}

#[test]
fn a_first_release_with_a_step() {
    let mut files = good();
    files.files.retain(|path, _| !path.starts_with("releases/1.0/"));
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0304]: 1.1 is the first release of the pack, but has a step from 1.0
      --> releases/1.1/release.yaml:15:1
       |
    15 | step:
       | ^^^^
       |
       = help: add the release before it, or remove the step
    "#);
}

#[test]
fn a_step_from_elsewhere() {
    let output = mistakes(&[(THIRD, r#"from: "1.1""#, r#"from: "1.0""#)]);
    assert_snapshot!(output, @r#"
    error[P0305]: the step into 2.0 starts at 1.0, but the release before it is 1.1
      --> releases/2.0/release.yaml:15:9
       |
    15 |   from: "1.0"
       |         ^^^^^
       |
       = help: write `from: "1.1"` and describe the step from there
    "#);
}

#[test]
fn a_gap_in_the_chain() {
    let output = mistakes(&[(THIRD, r#"from: "1.1""#, r#"from: "1.2""#)]);
    assert_snapshot!(output, @r#"
    error[P0305]: the step into 2.0 starts at 1.2, which the pack lacks
      --> releases/2.0/release.yaml:15:9
       |
    15 |   from: "1.2"
       |         ^^^^^
       |
       = help: add the release 1.2, or start the step at 1.1
    "#);
}

#[test]
fn a_step_from_no_version() {
    let output = mistakes(&[(THIRD, r#"from: "1.1""#, "from: v1.1")]);
    assert_snapshot!(output, @r#"
    error[P0006]: `v1.1` is not a version: it needs numbers separated by dots, such as `0.8.1`
      --> releases/2.0/release.yaml:15:9
       |
    15 |   from: v1.1
       |         ^^^^
       |
       = help: write the version of the release before, as its folder is called
    "#);
}

#[test]
fn no_release_at_all() {
    let mut files = good();
    files.files.retain(|path, _| !path.starts_with("releases/"));
    let output = told(&files);
    assert_snapshot!(output, @r#"
    error[P0306]: the pack has no release
    --> pack.yaml
     = help: add a folder such as `releases/1.0` with a `release.yaml`
    "#);
}

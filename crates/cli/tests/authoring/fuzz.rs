//! `lockstep pack fuzz`.

use insta::assert_snapshot;

use super::folder::{Folder, files_below};

const STEP: &str = "shop/releases/1.1/release.yaml";
const COPY: &str = "          - copy: {from: name, to: display_name}";

fn shop() -> Folder {
    let folder = Folder::empty();
    folder.run(&["pack", "new", "shop"]);
    folder
}

#[test]
fn a_step_that_takes_everything_has_nothing_to_tell_whatever_the_seed() {
    let folder = shop();
    assert_snapshot!("fuzz_ok", folder.run(&["pack", "fuzz", "shop"]).told());
    let told = |seed: &str| {
        folder.run(&["pack", "fuzz", "shop", "--seed", seed, "--cases", "300", "--json"]).told()
    };
    assert_eq!(told("7"), told("7"));
    assert!(told("8").contains("\"failures\": 0"));
}

#[test]
fn trouble_is_shown_by_a_small_document_and_kept_as_a_case() {
    let folder = shop();
    // The new mapping keeps no object where there is a text; a number can't be split.
    folder.replace(
        STEP,
        COPY,
        "          - split: {field: name, separator: \" \", into: [display_name, email]}",
    );
    let mapping = "shop/releases/1.1/mappings/person.json";
    folder.replace(
        mapping,
        "\"display_name\": {\"type\": \"text\"}",
        "\"display_name\": {\"type\": \"ip\"}",
    );
    assert_snapshot!("fuzz_trouble", folder.run(&["pack", "fuzz", "shop", "--write"]).told());
    let written: Vec<String> = files_below(folder.path())
        .into_iter()
        .filter(|(path, _)| path.contains("fuzz"))
        .map(|(path, text)| format!("{path}\n{text}"))
        .collect();
    assert_snapshot!("fuzz_cases", written.join("\n"));
    let again = folder.run(&["pack", "fuzz", "shop", "--write"]).told();
    assert!(again.contains("is there already") && !again.contains("kept in "), "{again}");
    // What is kept is read by `pack test`, and shows the same.
    assert_snapshot!(
        "fuzz_cases_tested",
        folder.run(&["pack", "test", "shop", "--filter", "fuzz"]).told()
    );
}

#[test]
fn each_document_is_held_against_the_mapping_that_it_goes_to() {
    let folder = shop();
    folder.replace(
        STEP,
        "  person: {mapping: person.json}",
        "  person: {mapping: person.json}\n  letter: {mapping: letter.json}",
    );
    folder.replace(
        STEP,
        "    person:\n      migrate:",
        "    letter: new\n    person:\n      migrate:",
    );
    // The names stay, the addresses go into an index of their own, which takes no names and no odd addresses.
    folder.replace(
        STEP,
        COPY,
        "          - when: {field: email, exists: true}\n            then: [{remove: {fields: [name]}}, {send: {to: letter}}]",
    );
    let letter = "shop/releases/1.1/mappings/letter.json";
    let takes = |kind: &str| {
        format!(r#"{{"dynamic": "strict", "properties": {{"email": {{"type": "{kind}"}}}}}}"#)
    };
    folder.write(letter, &takes("keyword"));
    let fine = folder.run(&["pack", "fuzz", "shop"]);
    assert_eq!(fine.code, Some(0), "{}", fine.told());
    folder.write(letter, &takes("ip"));
    assert_snapshot!("fuzz_sent", folder.run(&["pack", "fuzz", "shop", "--write"]).told());
    let tested = folder.run(&["pack", "test", "shop", "--filter", "fuzz"]).told();
    assert!(tested.contains("fuzz-refused-letter"), "{tested}");
}

#[test]
fn what_is_asked_for_must_be_there() {
    let folder = shop();
    for (flags, expected) in [
        (["--index", "nobody"], "no step of shop that is asked for changes documents"),
        (["--release", "9.9"], "shop has no release 9.9"),
        (["--cases", "0"], "--cases 0 is not from 1 to 100000"),
        (["--profile", "--json"], "--profile needs --cluster"),
    ] {
        let ended = folder.run(&[&["pack", "fuzz", "shop"], flags.as_slice()].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.told());
        assert!(ended.stderr.contains(expected), "{}", ended.told());
    }
}

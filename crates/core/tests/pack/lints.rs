//! Lints: a good and a bad example of each, and what is allowed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use insta::assert_snapshot;
use lockstep_core::pack::{Allowed, PackFiles, Reading, Severity, lint::rule, load, read};

const EXAMPLES: &str = include_str!("lints.txt");

const PAGE: &str = include_str!("../../../../docs/design/pack-lints.md");

/// One pack, made of what is written of it.
struct Example {
    lint: &'static str,
    is_good: bool,
    parts: BTreeMap<&'static str, &'static str>,
}

/// What an example may say, and what holds where it does not.
///
/// `old` and `new` are fields of the mappings beside `kept`, `old_top` and `new_top` what stands around them; `…_index`
/// is said of the index beside its mapping, `more_…` are further indices, `release_…` is said of a release as a whole.
const PARTS: [(&str, &str); 19] = [
    ("mode", "versioned"),
    ("tenants", "{pattern: \"[a-z0-9]+\"}"),
    ("ignore", "[]"),
    ("template", "\"{tenant}-{name}-v{version}\""),
    ("old", ""),
    ("new", ""),
    ("old_top", "\"dynamic\": \"strict\""),
    ("new_top", "\"dynamic\": \"strict\""),
    ("old_index", ""),
    ("new_index", ""),
    ("more_old", ""),
    ("more_new", ""),
    ("release_old", ""),
    ("release_new", ""),
    ("step", ""),
    ("more_step", ""),
    ("stop", "false"),
    ("allow", ""),
    ("pack_allow", ""),
];

/// An example of its own.
fn example(parts: &[(&'static str, &'static str)]) -> PackFiles {
    assert!(parts.iter().all(|part| PARTS.iter().any(|(known, _)| *known == part.0)));
    Example { lint: "", is_good: false, parts: parts.iter().copied().collect() }.files()
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in EXAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("== ") {
            let (lint, kind) = title.split_once(' ').expect("a code, then `good` or `bad`");
            assert!(["good", "bad"].contains(&kind), "{line}");
            examples.push(Example { lint, is_good: kind == "good", parts: BTreeMap::new() });
            continue;
        }
        let (name, text) = line.split_once(": ").expect("a key and what it says");
        let example = examples.last_mut().expect("a title stands first");
        assert!(PARTS.iter().any(|(known, _)| *known == name), "{line}");
        assert_eq!(example.parts.insert(name, text), None, "{} {line}", example.lint);
    }
    examples
}

impl Example {
    fn part(&self, name: &str) -> &str {
        let default = PARTS.iter().find(|(known, _)| *known == name).expect("a known part").1;
        self.parts.get(name).copied().unwrap_or(default)
    }

    fn files(&self) -> PackFiles {
        let texts = [
            ("pack.yaml", self.pack()),
            ("releases/1.0/release.yaml", self.release(("old_index", "more_old", "release_old"))),
            ("releases/1.0/mappings/item.json", self.mapping("old_top", "old")),
            (
                "releases/1.1/release.yaml",
                self.release(("new_index", "more_new", "release_new")) + &self.step(),
            ),
            ("releases/1.1/mappings/item.json", self.mapping("new_top", "new")),
        ];
        let files = texts.map(|(path, text)| (path.to_owned(), text.into_bytes()));
        PackFiles { files: BTreeMap::from(files) }
    }

    fn pack(&self) -> String {
        let mode = self.part("mode");
        let mut text = format!(
            "format: 1\nname: example\ndata_parts: 2\nmode: {mode}\nnaming:\n  default:\n    index: \"{{tenant}}-{{name}}-v{{version}}\"\n    partitioned: \"{{tenant}}-{{name}}-v{{version}}-{{partition}}\"\n    template: {}\n    template_pattern: \"{{tenant}}-{{name}}-v{{version}}-*\"\n",
            self.part("template")
        );
        if mode == "alias" {
            text.push_str("    alias: \"{tenant}-{name}\"\n");
        }
        let allow = self.part("pack_allow");
        let (tenants, ignore) = (self.part("tenants"), self.part("ignore"));
        text + &format!("tenants: {tenants}\nignore: {ignore}\nallow: [{allow}]\n")
    }

    fn release(&self, (index, more, release): (&str, &str, &str)) -> String {
        let more = self.part(more).replace("}, ", "}\n  ");
        format!(
            "{}\nindices:\n  item: {{mapping: item.json, {}}}\n  {more}\n",
            self.part(release),
            self.part(index),
        )
    }

    /// Where nothing is said of the step, the index is carried over as it is.
    fn step(&self) -> String {
        let is_same = ["", "_top"]
            .iter()
            .all(|part| self.part(&format!("old{part}")) == self.part(&format!("new{part}")));
        let step = match (self.part("step"), is_same) {
            ("", true) => "unchanged",
            ("", false) => "{migrate: {}}",
            (step, _) => step,
        };
        format!(
            "step:\n  from: \"1.0\"\n  required_stop: {}\n  indices: {{item: {step}, {}}}\nallow: [{}]\n",
            self.part("stop"),
            self.part("more_step"),
            self.part("allow"),
        )
    }

    fn mapping(&self, top: &str, fields: &str) -> String {
        let fields = match self.part(fields) {
            "" => String::new(),
            fields => format!(",\n    {fields}"),
        };
        format!(
            "{{\n  {},\n  \"properties\": {{\n    \"kept\": {{\"type\": \"keyword\"}}{fields}\n  }}\n}}\n",
            self.part(top)
        )
    }
}

/// Everything that is told of a pack.
fn told(files: &PackFiles) -> String {
    let Reading { pack: _, diagnostics, lints } = read(files);
    diagnostics.and(&lints.warnings).render(files, false)
}

fn codes(files: &PackFiles) -> Vec<&'static str> {
    let Reading { pack: _, diagnostics, lints } = read(files);
    diagnostics.and(&lints.warnings).iter().map(|one| one.code).collect()
}

#[test]
fn every_lint_has_a_good_and_a_bad_example() {
    let of = |is_good: bool| -> BTreeSet<&str> {
        let examples = examples().into_iter().filter(|example| example.is_good == is_good);
        examples.map(|example| example.lint).collect()
    };
    let all: BTreeSet<&str> = rule::ALL.iter().map(|rule| rule.code).collect();
    assert_eq!(of(false), all, "bad ones");
    assert_eq!(of(true), all, "good ones");
}

#[test]
fn a_bad_example_is_told_its_lint_and_nothing_else() {
    let mut wrong = String::new();
    for example in examples().into_iter().filter(|example| !example.is_good) {
        let files = example.files();
        if codes(&files) != [example.lint] {
            writeln!(wrong, "{} bad: {:?}\n{}\n", example.lint, codes(&files), told(&files))
                .unwrap();
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn a_good_example_is_told_nothing() {
    let mut wrong = String::new();
    for example in examples().into_iter().filter(|example| example.is_good) {
        let files = example.files();
        if !codes(&files).is_empty() {
            writeln!(wrong, "{} good: {:?}\n{}\n", example.lint, codes(&files), told(&files))
                .unwrap();
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn every_bad_example_as_its_author_sees_it() {
    let bad = examples().into_iter().filter(|example| !example.is_good);
    let texts: Vec<String> = bad.map(|example| told(&example.files())).collect();
    assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn every_lint_has_one_row_in_the_page() {
    let cell = |line: &'static str| line.strip_prefix("| L").and_then(|rest| rest.split_once(' '));
    let rows: Vec<String> =
        PAGE.lines().filter_map(cell).map(|(number, _)| format!("L{number}")).collect();
    let codes = [rule::ALLOW_UNUSED].iter().chain(rule::ALL).map(|rule| rule.code);
    assert_eq!(rows, codes.collect::<Vec<_>>());
}

#[test]
fn only_what_is_lost_for_certain_is_an_error() {
    let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| L")).collect();
    for (rule, row) in [rule::ALLOW_UNUSED].iter().chain(rule::ALL).zip(rows) {
        let is_error = rule.severity == Severity::Error;
        assert_eq!(is_error, row.contains("| error: "), "{row}");
    }
}

/// A pack that drops an index, and what allows it.
fn dropping(allow: &'static str, pack_allow: &'static str) -> PackFiles {
    example(&[
        ("more_old", "visit: {mapping: item.json}"),
        ("more_step", "visit: dropped"),
        ("allow", allow),
        ("pack_allow", pack_allow),
    ])
}

#[test]
fn what_is_allowed_is_not_told_but_kept_with_its_reason() {
    for at in ["visit", "\"*\"", "v*t"] {
        let allow = format!("{{lint: L107, at: {at}, reason: nobody reads them}}").leak();
        let Reading { pack, diagnostics, lints } = read(&dropping(allow, ""));
        assert!(pack.is_some() && diagnostics.is_empty(), "{at}");
        assert!(lints.warnings.is_empty(), "{at}: {}", lints.warnings);
        let [Allowed { diagnostic, reason }] = lints.allowed.as_slice() else { panic!("{at}") };
        assert_eq!((diagnostic.code, diagnostic.at.as_deref()), ("L107", Some("visit")));
        assert_eq!(reason, "nobody reads them");
    }
}

#[test]
fn an_allow_that_nothing_needs_is_told() {
    let output = told(&dropping(
        "{lint: L107, at: visit, reason: nobody reads them}, {lint: L107, at: visits, reason: misspelt}, {lint: L101, at: \"*\", reason: long ago}",
        "",
    ));
    assert_snapshot!(output);
}

#[test]
fn an_allow_holds_for_its_own_release_only() {
    let files = dropping("", "{lint: L107, at: visit, reason: in the wrong file}");
    assert_eq!(codes(&files), ["L001", "L107"]);
}

#[test]
fn mistakes_in_an_allow() {
    let output = told(&dropping(
        "{lint: L170, at: visit, reason: a slip}, {lint: L107, at: visit, reason: \"  \"}, {lint: L107, reason: where}, {lint: L001, at: visit, reason: not this one}, L107, {lint: L107, at: visit, reason: twice, until: tomorrow}",
        "",
    ));
    assert_snapshot!(output);
}

#[test]
fn a_lint_that_is_an_error_keeps_the_pack_from_being_used_until_it_is_allowed() {
    let casting = |allow| {
        example(&[
            ("old", "\"paid\": {\"type\": \"boolean\"}"),
            ("new", "\"paid\": {\"type\": \"long\"}"),
            (
                "step",
                "{migrate: {operations: [{cast: {field: paid, to: long, otherwise: remove}}], irreversible: an example}}",
            ),
            ("allow", allow),
        ])
    };
    let refused = load(&casting("")).unwrap_err();
    let codes: Vec<_> = refused.iter().map(|one| (one.code, one.severity)).collect();
    assert_eq!(codes, [("L106", Severity::Error)]);
    assert!(load(&casting("{lint: L106, at: item.paid, reason: it was never paid}")).is_ok());
}

#[test]
fn a_pack_with_a_mistake_is_told_no_lint() {
    let files = dropping("", "");
    assert_eq!(codes(&files), ["L107"]);
    let mut broken = files;
    broken.files.insert("releases/1.1/mappings/item.json".to_owned(), b"{".to_vec());
    assert!(codes(&broken).iter().all(|code| code.starts_with('P')), "{:?}", codes(&broken));
}

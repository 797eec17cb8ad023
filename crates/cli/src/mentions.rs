//! Every command that is named anywhere, in a hint, a help or a document, is one that there is: its verbs and its flags are looked up
//! in the command line itself.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use clap::{Command, CommandFactory as _};

use crate::cli::Arguments;

/// What is read, from the top of the repository.
const PLACES: [&str; 14] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "examples",
    "packs",
    "demo",
    "crates",
    "scripts",
    "bench",
    "tests",
    "test",
    "Dockerfile",
];

/// Everything that is read, with its path. Snapshots and data for tests are what programs said, not what people write; this file has
/// commands that there aren't.
fn texts() -> Vec<(String, String)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut open: Vec<PathBuf> = PLACES.iter().map(|place| top.join(place)).collect();
    let mut texts = Vec::new();
    while let Some(path) = open.pop() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "snapshots" | "target" | "golden" | "node_modules") {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            continue;
        }
        let is_read = ["rs", "md", "yaml"].iter().any(|ending| {
            path.extension().is_some_and(|extension| extension.to_string_lossy() == **ending)
        }) || path.extension().is_none();
        if is_read
            && name != "mentions.rs"
            && let Ok(text) = fs::read_to_string(&path)
        {
            let path = path.strip_prefix(&top).unwrap().display().to_string();
            texts.push((path, text));
        }
    }
    assert!(texts.len() > 200, "{}", texts.len());
    texts.sort();
    texts
}

/// A command that a text names: the line it begins in, and its words.
#[derive(Debug, PartialEq, Eq)]
struct Mention {
    line: usize,
    words: Vec<String>,
}

/// Where a command ends: with the quote or the line that it stands in, or where another one begins.
const ENDS: [char; 13] = ['`', '"', '\n', ';', ',', ')', '|', '&', '>', '<', '→', '…', ':'];

fn mentions(text: &str) -> Vec<Mention> {
    // A line that goes on counts as one, with a break that ends no command.
    let text = text.replace("\\\n", " \u{b}");
    let mut mentions = Vec::new();
    let mut line = 1;
    let mut pieces = text.split("lockstep ");
    let mut before = pieces.next().unwrap_or_default();
    for piece in pieces {
        line += before.matches(['\n', '\u{b}']).count();
        let joins = |letter: char| letter.is_alphanumeric() || "-_./@".contains(letter);
        // The package of this name is another matter.
        let is_other = before.ends_with(joins) || before.ends_with("-p ");
        before = piece;
        let command = piece.split(ENDS).next().unwrap_or_default();
        let words = command.split_whitespace().take_while(|word| !word.starts_with('#'));
        let words: Vec<String> = words.map(str::to_owned).collect();
        // Tables of measurements have numbers behind the name.
        let begins = |letter: char| letter.is_ascii_lowercase() || "-{$[".contains(letter);
        if !is_other && words.first().is_some_and(|word| word.starts_with(begins)) {
            mentions.push(Mention { line, words });
        }
    }
    mentions
}

/// Commands that stand as lists of words, as containers are given them: `[/lockstep, guard, --check]`, `args: [worker]`.
fn listed(text: &str) -> Vec<Mention> {
    let mention = |(at, line): (usize, &str)| {
        let (before, rest) = line.split_once('[')?;
        let (list, _) = rest.split_once(']')?;
        let words = list.split(',').map(|word| word.trim().trim_matches(['"', '\'']).to_owned());
        let mut words: Vec<String> = words.collect();
        let is_program =
            words.first().is_some_and(|word| word == "lockstep" || word == "/lockstep");
        if is_program {
            words.remove(0);
        }
        let is_command = is_program || before.trim() == "args:";
        (is_command && !words.is_empty()).then_some(Mention { line: at + 1, words })
    };
    text.lines().enumerate().filter_map(mention).collect()
}

/// What is wrong with a command; `None` when there is such a one.
fn fault(program: &Command, words: &[String]) -> Option<String> {
    let mut command = program;
    let words = words.iter().map(|word| word.trim_matches(['[', ']', '.', '\'', '(', '*']));
    let mut is_verb = true;
    for word in words {
        if word == "--" {
            return None;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let name = flag.split(['=', '[', '{']).next().unwrap_or_default();
            let is_there = command.get_arguments().any(|own| own.get_long() == Some(name))
                || matches!(name, "help" | "version");
            if !is_there {
                return Some(format!("`{}` takes no --{name}", command.get_name()));
            }
        } else if is_verb && command.has_subcommands() {
            let is_placeholder = word.starts_with(['{', '$', '-', '<'])
                || word.chars().all(|letter| letter.is_ascii_uppercase());
            match command.find_subcommand(word) {
                Some(inner) => command = inner,
                None if is_placeholder => is_verb = false,
                None if command.get_name() == program.get_name() => {
                    return Some(format!("there is no verb `{word}`"));
                }
                // `lockstep pack` stands for all verbs below it.
                None => is_verb = false,
            }
        }
    }
    None
}

fn program() -> Command {
    let mut command = Arguments::command();
    command.build();
    command
}

#[test]
fn every_command_that_is_named_is_there() {
    let program = program();
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, text) in texts() {
        let has_lists =
            ["examples/", "docs/", "Dockerfile"].iter().any(|top| path.starts_with(top));
        let lists = if has_lists { listed(&text) } else { Vec::new() };
        for Mention { line, words } in mentions(&text).into_iter().chain(lists) {
            count += 1;
            if let Some(fault) = fault(&program, &words) {
                faults.push(format!("{path}:{line}: {fault}: lockstep {}", words.join(" ")));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 500, "only {count} were found");
}

#[test]
fn every_flag_that_a_message_names_is_there() {
    let mut known = BTreeSet::new();
    let mut open = vec![program()];
    while let Some(command) = open.pop() {
        known.extend(command.get_arguments().filter_map(|own| own.get_long()).map(str::to_owned));
        open.extend(command.get_subcommands().cloned());
    }
    let mut faults = Vec::new();
    for (path, text) in texts() {
        let is_program = path.starts_with("crates/") && path.contains("/src/");
        if !is_program || path.contains("tests") {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            for flag in flags(line).into_iter().filter(|flag| !known.contains(*flag)) {
                faults.push(format!("{path}:{}: --{flag}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The flags that a line names.
fn flags(line: &str) -> Vec<&str> {
    let mut before = line;
    let mut flags = Vec::new();
    for (at, piece) in line.split("--").enumerate() {
        let begins = |letter: char| letter.is_whitespace() || "`\"([".contains(letter);
        let is_begun = at > 0 && (before.is_empty() || before.ends_with(begins));
        before = piece;
        let other = |letter: char| !letter.is_ascii_lowercase() && letter != '-';
        let name = piece.split(other).next().unwrap_or_default();
        if is_begun && name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            flags.push(name);
        }
    }
    flags
}

#[test]
fn a_command_that_is_not_there_is_found() {
    let program = program();
    let cases = [
        ("`lockstep survey --all`", None),
        ("lockstep survey --pack DIR", Some("`survey` takes no --pack")),
        ("lockstep uprade --to 2.0", Some("there is no verb `uprade`")),
        ("lockstep --json pack check", None),
        ("lockstep pack import tracardi A --out=DIR", None),
        ("lockstep pack import tracardi A --ot DIR", Some("`tracardi` takes no --ot")),
        ("lockstep guard --version 2.0 -- /app --own", None),
        ("`lockstep plan` or --other", None),
        ("lockstep plan \\\n  --ot", Some("`plan` takes no --ot")),
        ("a-lockstep thing", None),
        ("command: [/lockstep, guard, --chek]", Some("`guard` takes no --chek")),
        ("ENTRYPOINT [\"/lockstep\", \"gard\"]", Some("there is no verb `gard`")),
        ("  args: [upgrade, --to, \"2.0\", --hodl]", Some("`upgrade` takes no --hodl")),
        ("command: [docker, compose, up, --wait]", None),
    ];
    assert_eq!(
        flags("give --pack DIR, or `--application=N`; not a--b, -- and -v"),
        ["pack", "application"]
    );
    for (text, expected) in cases {
        let found = mentions(text).into_iter().chain(listed(text));
        let found = found.into_iter().find_map(|mention| fault(&program, &mention.words));
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}

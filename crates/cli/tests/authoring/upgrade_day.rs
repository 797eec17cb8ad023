//! Does what `docs/upgrade-day.md` says, from top to bottom, on an embedded cluster with the demo application's data, and holds
//! it to what it shows.
//!
//! - A block `console` has commands after `$ ` and what they print. `lockstep …` is run; with `> FILE 2>&1 &` it goes on beside
//!   the others, and `cat FILE` waits for its end. `echo $?` is the last exit code.
//! - What is another time every time is compared as one: times, speeds, names of runs and processes.
//!
//! With `LOCKSTEP_UPDATE_PAGES=1` what commands print is written into the page.

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use lockstep_demo::{SeedOptions, seed};
use lockstep_pocket::{Options, Pocket};
use regex::Regex;

use super::folder::{Folder, files_below, repository};

const PAGE: &str = "docs/upgrade-day.md";
const PACK: &str = "demo/pack";
/// Longest wait for a command in the background to hold, or to end.
const WAIT: Duration = Duration::from_mins(1);

#[test]
fn the_page_is_true() {
    let text = fs::read_to_string(repository(PAGE)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let pocket = runtime.block_on(Pocket::start(Options::default())).unwrap();
    let seeded = SeedOptions { tenants: 3, documents: 2_000, seed: 1 };
    runtime.block_on(seed(pocket.url(), &seeded)).unwrap();
    let folder = Folder::empty();
    for (path, content) in files_below(&repository(PACK)) {
        folder.write(&format!("{PACK}/{path}"), &content);
    }
    let mut player = Player {
        folder,
        cluster: pocket.url().to_owned(),
        code: None,
        commands: 0,
        beside: BTreeMap::new(),
    };
    let mut played = String::new();
    let mut is_console = false;
    let mut block: Option<String> = None;
    for line in text.split_inclusive('\n') {
        match (&mut block, line.starts_with("```")) {
            (None, true) => {
                played.push_str(line);
                is_console = line.trim() == "```console";
                block = Some(String::new());
            }
            (None, false) => played.push_str(line),
            (Some(content), false) => content.push_str(line),
            (Some(content), true) => {
                played.push_str(&if is_console { player.block(content) } else { content.clone() });
                played.push_str(line);
                block = None;
            }
        }
    }
    assert!(player.commands >= 15 && player.beside.is_empty(), "{}", player.commands);
    let steady = Steady::new();
    let (is, said) = (steady.text(&played), steady.text(&text));
    if env::var_os("LOCKSTEP_UPDATE_PAGES").is_some() {
        if is != said {
            fs::write(repository(PAGE), &played).unwrap();
        }
        return;
    }
    for (is, said) in is.lines().zip(said.lines()) {
        assert_eq!(is, said, "{PAGE}: LOCKSTEP_UPDATE_PAGES=1 writes what it is");
    }
    assert_eq!(is, said);
}

/// A folder in which the page is played.
struct Player {
    folder: Folder,
    cluster: String,
    /// How the last command ended.
    code: Option<i32>,
    commands: usize,
    /// Commands that go on beside the others, by the file that they print into.
    beside: BTreeMap<String, Child>,
}

impl Player {
    /// Runs the commands of a block; the block as it should stand in the page.
    fn block(&mut self, block: &str) -> String {
        let mut played = String::new();
        for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let printed = self.command(command);
            if !played.is_empty() {
                played.push('\n');
            }
            played.extend(["$ ", command, "\n", printed.as_str()]);
        }
        played
    }

    fn command(&mut self, command: &str) -> String {
        self.commands += 1;
        let words: Vec<&str> = command.split_whitespace().collect();
        match words.as_slice() {
            ["mkdir", folder] => {
                fs::create_dir(self.folder.path().join(folder)).unwrap();
                String::new()
            }
            ["echo", "$?"] => format!("{}\n", self.code.unwrap()),
            ["cat", file] => self.finished(file),
            ["lockstep", words @ .., ">", file, "2>&1", "&"] => {
                self.begin(words, file);
                String::new()
            }
            words => {
                assert_eq!(words.first(), Some(&"lockstep"), "{PAGE}: `{command}` is not run");
                let ended =
                    self.folder.run_with(&self.variables(), words.get(1..).unwrap_or_default());
                self.code = ended.code;
                // On a terminal both come as they are said: progress, then the outcome.
                format!("{}{}", ended.stderr, ended.stdout)
            }
        }
    }

    fn variables(&self) -> [(&'static str, String); 2] {
        [("LOCKSTEP_CLUSTER", self.cluster.clone()), ("LOCKSTEP_PACK", PACK.to_owned())]
    }

    /// Begins a command beside the others, and waits until its run holds.
    fn begin(&mut self, words: &[&str], file: &str) {
        let said = fs::File::create(self.folder.path().join(file)).unwrap();
        let mut command = self.folder.command(&self.variables(), words);
        let command = command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        let mut child = command.spawn().unwrap();
        let begun = Instant::now();
        while !self.folder.read(file).contains("in step") {
            assert!(child.try_wait().unwrap().is_none(), "{}", self.folder.read(file));
            assert!(begun.elapsed() < WAIT, "{}", self.folder.read(file));
            sleep(Duration::from_millis(20));
        }
        self.beside.insert(file.to_owned(), child);
    }

    /// What a command said that went on beside the others.
    fn finished(&mut self, file: &str) -> String {
        let mut child = self.beside.remove(file).unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < WAIT, "{}", self.folder.read(file));
            sleep(Duration::from_millis(20));
        }
        self.folder.read(file)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        for child in self.beside.values_mut() {
            // An error means that it is over already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Makes one of what is another every time.
struct Steady {
    parts: Vec<(Regex, &'static str)>,
}

impl Steady {
    fn new() -> Self {
        let parts = [
            // How far something is, or why it is slower: what is told of that depends on the machine. States stay.
            (r"(?m)^\[ *[0-9.]+ s\] .*[^a-z \n].*\n", ""),
            // What `switch` sees of the run depends on who is quicker.
            (
                r"(?m)^(holding|fencing|switching|[\w.-]+/[0-9]+ drives the run and makes the switch)\n",
                "",
            ),
            (r"\b[0-9a-f]{32}\b", "RUN"),
            (r"\b[0-9a-f]{64}\b", "DIGEST"),
            (r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "TIME"),
            (r"\b[\w.-]+/[0-9]+\b", "HOST/PROCESS"),
            (r" *[0-9][0-9,.]* ?(ms|s|min|hours|documents/s)\b", " N"),
            (r"(block|look|carry|gate|templates|aliases) [0-9]+", "$1 N"),
            // Sizes on disk and speeds in the table of a rehearsal.
            (r" *[0-9][0-9,.]* (B|kB|MB|GB)\b", " SIZE"),
            (
                r"(?m)^(  (?:audit|event|order|profile|ticket) +[0-9]+ +[0-9,]+ +[0-9,]+) .*$",
                "$1 N",
            ),
        ];
        let parts = parts.map(|(pattern, with)| (Regex::new(pattern).unwrap(), with));
        Self { parts: parts.into() }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, with) in &self.parts {
            text = pattern.replace_all(&text, *with).into_owned();
        }
        text
    }
}

//! Does what `docs/first-pack.md` says, from top to bottom, and holds it to what it shows.
//!
//! - A block `console` has commands after `$ ` and what they print. `echo $?` is the last exit code.
//! - A block of another kind is a file: the one that the text before it names last. It is written, or, where a command
//!   writes it, looked at.
//!
//! With `LOCKSTEP_UPDATE_PAGES=1` what commands print is written into the page.

use std::{env, fs, mem};

use super::folder::{Folder, repository};

const PAGE: &str = "docs/first-pack.md";

#[test]
fn the_page_is_true() {
    let text = fs::read_to_string(repository(PAGE)).unwrap();
    let mut player = Player { folder: Folder::empty(), code: None, commands: 0, files: 0 };
    let mut played = String::new();
    let mut prose = String::new();
    let mut block: Option<(&str, String)> = None;
    for line in text.split_inclusive('\n') {
        match (&mut block, line.strip_prefix("```")) {
            (None, Some(kind)) => {
                played.push_str(line);
                block = Some((kind.trim(), String::new()));
            }
            (None, None) => {
                played.push_str(line);
                prose.push_str(line);
            }
            (Some((_, content)), None) => content.push_str(line),
            (Some((kind, content)), Some(_)) => {
                let content = mem::take(content);
                match *kind {
                    "console" => played.push_str(&player.commands(&content)),
                    _ => played.push_str(&player.file(&mem::take(&mut prose), &content)),
                }
                played.push_str(line);
                block = None;
            }
        }
    }
    assert!(block.is_none(), "a block without an end");
    assert!(player.commands >= 10 && player.files >= 8, "the page's blocks were not found");
    if env::var_os("LOCKSTEP_UPDATE_PAGES").is_some() {
        fs::write(repository(PAGE), &played).unwrap();
        return;
    }
    if let Some((number, (is, said))) =
        played.lines().zip(text.lines()).enumerate().find(|(_, (is, said))| is != said)
    {
        panic!(
            "{PAGE}:{}: it says\n{said}\nand it is\n{is}\nLOCKSTEP_UPDATE_PAGES=1 writes what it is",
            number + 1
        );
    }
    assert_eq!(played, text);
}

/// A folder in which the page is played.
struct Player {
    folder: Folder,
    /// How the last command ended.
    code: Option<i32>,
    commands: usize,
    files: usize,
}

impl Player {
    /// Runs the commands of a block; the block as it should stand in the page.
    fn commands(&mut self, block: &str) -> String {
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
            ["echo", "$?"] => format!("{}\n", self.code.unwrap()),
            words => {
                assert_eq!(words.first(), Some(&"lockstep"), "{PAGE}: `{command}` is not run");
                let ended = self.folder.run(words.get(1..).unwrap_or_default());
                self.code = ended.code;
                format!("{}{}", ended.stdout, ended.stderr)
            }
        }
    }

    /// Writes a file that the page shows. Of one that a command wrote, it is what stands there that the page should show.
    fn file(&mut self, prose: &str, content: &str) -> String {
        self.files += 1;
        let is_path = |part: &&str| part.starts_with("shop/");
        let path = prose.split('`').rfind(is_path).expect("the text before a file names it");
        if ["/after.json", "/back.json", "/error.txt"].iter().any(|end| path.ends_with(end)) {
            return self.folder.read(path);
        }
        self.folder.write(path, content);
        content.to_owned()
    }
}

//! `lockstep pack lock`: writes what the releases of a pack are, so that a change to one of them is a mistake from then on.

use std::path::PathBuf;

use clap::Args;
use lockstep_core::pack::lock::{LOCK_FILE, Lock, present, render, written};
use lockstep_engine::pack_folder;
use serde_json::json;

use super::{Context, read_pack};
use crate::{error::CommandError, exit::Exit};

/// Flags of `lockstep pack lock`.
#[derive(Debug, Args)]
#[command(after_help = "\
Writes pack.lock, with a digest of every file below each release but test cases. Every command that reads the pack then \
refuses it when a locked release has changed, and names the file. New releases and test cases are fine; run it again to lock \
what is new.")]
pub(crate) struct PackLockArguments {
    /// Folder of the pack
    #[arg(value_name = "DIR", env = "LOCKSTEP_PACK", hide_env_values = true, default_value = ".")]
    folder: PathBuf,
    /// Lock changed releases as they are now: only if no data was ever taken through them
    #[arg(long)]
    accept_changes: bool,
}

/// Locks the pack.
pub(crate) fn run(arguments: &PackLockArguments, context: &Context) -> Result<Exit, CommandError> {
    let mut files = read_pack(&arguments.folder)?;
    let before = written(&files).unwrap_or_default();
    if arguments.accept_changes {
        files.files.remove(LOCK_FILE);
    }
    let pack = pack_folder::check(&files)?;
    let now = present(&files);
    if now != before {
        pack_folder::write(&arguments.folder, LOCK_FILE, &render(&now))?;
    }
    let changes = changes(&before, &now);
    if context.ui.is_json() {
        let (added, changed, removed) = (&changes.added, &changes.changed, &changes.removed);
        let locked: Vec<&String> = now.keys().collect();
        context.ui.json_pretty(&json!({
            "pack": pack.name, "locked": locked, "added": added, "changed": changed, "removed": removed,
        }))?;
    } else {
        context.ui.data(&told(&pack.name, &changes))?;
    }
    Ok(Exit::Done)
}

/// Releases by what became of them.
struct Changes<'a> {
    added: Vec<&'a str>,
    changed: Vec<&'a str>,
    removed: Vec<&'a str>,
}

fn changes<'a>(before: &'a Lock, now: &'a Lock) -> Changes<'a> {
    let named = |lock: &'a Lock, is_meant: &dyn Fn(&String) -> bool| -> Vec<&'a str> {
        lock.keys().filter(|release| is_meant(release)).map(String::as_str).collect()
    };
    Changes {
        added: named(now, &|release| !before.contains_key(release)),
        changed: named(now, &|release| {
            before.get(release).is_some_and(|files| now.get(release) != Some(files))
        }),
        removed: named(before, &|release| !now.contains_key(release)),
    }
}

fn told(name: &str, changes: &Changes<'_>) -> String {
    let Changes { added, changed, removed } = changes;
    let lists = [("locked", added), ("locked again", changed), ("not locked any more", removed)];
    let parts: Vec<String> = lists
        .into_iter()
        .filter(|(_, releases)| !releases.is_empty())
        .map(|(word, releases)| format!("{word} {}", releases.join(", ")))
        .collect();
    if parts.is_empty() {
        return format!("{name}: every release is locked already\n");
    }
    format!("{name}: {}\n", parts.join("; "))
}

//! Turns installed applications into packs; so far Tracardi.
//!
//! The way of an import: [`installation`] reads folders and wheels, [`import`] turns what was read into releases and steps
//! ([`release`], [`index_list`], [`mapping_file`], [`migration`], [`step`]), these into files ([`pack`]) and a [`report`],
//! and [`folder`] writes them. Only [`installation`] and [`folder`] touch the disk. Nothing of an installation is executed:
//! its Python is read as data by [`python`].

mod fields;
pub mod folder;
mod index_list;
pub mod installation;
mod mapping_file;
mod mend;
mod migration;
mod mistake;
mod pack;
mod python;
mod release;
mod report;
mod rows;
pub mod sighting;
mod step;
mod table_class;
mod table_report;
mod yaml;

use std::collections::BTreeMap;

pub use installation::Installation;
pub use mistake::{Mistake, Place};

use crate::{
    mistake::VERSION_TWICE,
    release::Release,
    step::{Fate, Step},
};

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The pack's files by path below its folder, with the report as `README.md`.
    pub files: BTreeMap<String, String>,
    /// The report, in Markdown.
    pub report: String,
    /// The versions, oldest first.
    pub versions: Vec<String>,
    /// How many indices all releases have in all contexts.
    pub index_count: usize,
    /// How many indices get documents in all steps.
    pub carried_count: usize,
    /// In how many of them a script runs.
    pub script_count: usize,
}

/// Whether what Tracardi's migration loses is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// Fields that a script loses are kept where the new mapping has a place for them, fields that a strict mapping would
    /// refuse are removed, and objects that ignored unknown fields go on doing so.
    Mended,
    /// Scripts and mappings are as shipped, and nothing stands beside them.
    AsShipped,
}

/// Makes a pack from installations, in whatever order they are given.
///
/// # Errors
/// Everything that keeps it from being made: of all installations what can't be read, else what is wrong between them.
pub fn import(installations: &[Installation], fields: Fields) -> Result<Imported, Vec<Mistake>> {
    let (mut releases, mut mistakes) = (Vec::new(), Vec::new());
    for installation in installations {
        match Release::read(installation) {
            Ok(release) => releases.push(release),
            Err(found) => mistakes.extend(found),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    releases.sort_by(|left, right| left.version.cmp(&right.version));
    check_twice(&releases)?;
    if fields == Fields::Mended {
        keep_loose(&mut releases);
    }
    rows::take_over(&mut releases)?;
    let steps = steps(&releases, fields)?;
    let report = report::report(&releases, &steps, fields);
    let mut files = pack::files(&releases, &steps);
    files.insert("README.md".to_owned(), report.clone());
    let carried = || {
        steps.iter().flat_map(|step| &step.fates).filter_map(|(_, fate)| match fate {
            Fate::Carried(carried) => Some(carried),
            Fate::New | Fate::NewLike(_) => None,
        })
    };
    let has_script = |entry: &migration::Entry| entry.script.is_some();
    Ok(Imported {
        files,
        report,
        versions: releases.iter().map(|release| release.version.to_string()).collect(),
        index_count: releases.iter().map(|release| release.slots().len()).sum(),
        carried_count: carried().count(),
        script_count: carried()
            .filter(|carried| carried.entry.as_ref().is_some_and(has_script))
            .count(),
    })
}

fn check_twice(releases: &[Release]) -> Result<(), Vec<Mistake>> {
    let pairs = releases.iter().zip(releases.iter().skip(1));
    let mistakes: Vec<Mistake> = pairs
        .filter(|(one, other)| one.version == other.version || one.label == other.label)
        .map(|(one, other)| {
            let place = other.installation.place(installation::CONFIG);
            let message = format!(
                "this is Tracardi {} with data version {}, and so is {}",
                other.version, other.label, one.installation.shown
            );
            Mistake::new(VERSION_TWICE, place, message, "give one installation for each version")
        })
        .collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

/// Lets objects be loose that were loose in the release before, from the first release on.
fn keep_loose(releases: &mut [Release]) {
    for position in 1..releases.len() {
        let (before, rest) = releases.split_at_mut(position);
        let (Some(before), Some(release)) = (before.last(), rest.first_mut()) else { continue };
        for index in &mut release.indices {
            if let Some(source) = before.by_name(&index.name) {
                index.kept_loose = fields::keep_loose(&source.mapping, &mut index.mapping);
            }
        }
    }
}

fn steps(releases: &[Release], fields: Fields) -> Result<Vec<Step<'_>>, Vec<Mistake>> {
    let (mut steps, mut mistakes) = (Vec::new(), Vec::new());
    for (before, release) in releases.iter().zip(releases.iter().skip(1)) {
        let migration = release
            .migration_from(before)
            .map_err(|mistake| vec![mistake])
            .and_then(|file| migration::read(&release.installation, &file));
        match migration.and_then(|migration| step::step((before, release), migration, fields)) {
            Ok(step) => steps.push(step),
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(steps) } else { Err(mistakes) }
}

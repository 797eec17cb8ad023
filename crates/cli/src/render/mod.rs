//! From data to the text that people read. Pure, so that snapshots can pin it; styles are taken out again where the
//! output takes none, and never carry meaning.

pub(crate) mod cases;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod fuzz;
pub(crate) mod guard;
pub(crate) mod history;
pub(crate) mod info;
pub(crate) mod page;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod program;
pub(crate) mod quantity;
pub(crate) mod quarantine;
pub(crate) mod rehearsal;
pub(crate) mod report;
pub(crate) mod retire;
pub(crate) mod status;
pub(crate) mod survey;
pub(crate) mod table;

use std::fmt::{Display, Write as _};

use anstyle::{AnsiColor, Style};

/// Titles and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What forbids something.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// What somebody should look at.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
/// What to do next.
pub(crate) const CYAN: Style = AnsiColor::Cyan.on_default().bold();
/// What went well.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default().bold();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A text that grows line by line.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl Display) {
        writeln!(self.0, "{line}").expect("a text in memory takes everything");
    }

    /// Adds a line of a list of facts: a short name, then what is to be known.
    pub(crate) fn fact(&mut self, name: &str, text: impl Display) {
        self.line(format_args!("  {} {text}", styled(DIM, format_args!("{name:<10}"))));
    }

    /// Adds a line of advice: what kind it is, then what to do.
    pub(crate) fn advice(&mut self, kind: &str, text: impl Display) {
        self.line(format_args!("{}: {text}", styled(CYAN, kind)));
    }

    /// Adds lines that are whole already.
    pub(crate) fn add(&mut self, lines: &Self) {
        self.0.push_str(&lines.0);
    }

    /// Whether there is no line.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests;

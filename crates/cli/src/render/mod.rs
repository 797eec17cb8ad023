//! From data to the text that people read. Pure, so that snapshots can pin it; styles are taken out again where the
//! output takes none, and never carry meaning.

pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod program;
pub(crate) mod quantity;
pub(crate) mod report;
pub(crate) mod status;
pub(crate) mod table;

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
pub(crate) fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line of a list of facts: a short name, then what is to be known.
pub(crate) fn fact(name: &str, text: impl std::fmt::Display) -> String {
    format!("  {} {text}\n", styled(DIM, format_args!("{name:<10}")))
}

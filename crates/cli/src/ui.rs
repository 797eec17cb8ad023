//! The only place that prints. Data goes to stdout, everything else to stderr; what bars are drawn is not torn by either.

use std::{
    io::{self, ErrorKind, IsTerminal as _, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use indicatif::MultiProgress;
use serde::Serialize;

use crate::{cli::Color, error::CommandError};

/// Where output goes. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    is_json: bool,
    bars: MultiProgress,
    reader_gone: Arc<AtomicBool>,
}

impl Ui {
    /// Output as the flags want it.
    pub(crate) fn new(is_json: bool, color: Color) -> Self {
        let choice = match color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        Self { is_json, bars: MultiProgress::new(), reader_gone: Arc::default() }
    }

    /// Whether programs read stdout.
    pub(crate) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Where bars are drawn.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Whether somebody can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.is_json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether progress is watched by a person.
    pub(crate) fn is_watched() -> bool {
        io::stderr().is_terminal()
    }

    /// Whether stdout takes colour.
    pub(crate) fn data_has_color() -> bool {
        anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
    }

    /// Columns of the terminal that stdout is; `None` when it is none.
    pub(crate) fn data_width() -> Option<u16> {
        comfy_table::Table::new().width()
    }

    /// Prints data for people: text that ends with a line break.
    pub(crate) fn data(&self, text: &str) -> Result<(), CommandError> {
        if self.reader_gone.load(Ordering::Relaxed) {
            return Ok(());
        }
        let written = self.bars.suspend(|| {
            let mut stdout = anstream::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        });
        match written {
            // Whoever stopped reading has seen enough, as in `lockstep plan | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.reader_gone.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(source) => Err(CommandError::Terminal { what: "write to stdout", source }),
            Ok(()) => Ok(()),
        }
    }

    /// Prints one JSON value in one line.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string(value).map_err(not_json)?;
        self.data(&format!("{text}\n"))
    }

    /// Prints one JSON value over several lines.
    pub(crate) fn json_pretty(&self, value: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(value).map_err(not_json)?;
        self.data(&format!("{text}\n"))
    }

    /// Tells people something on stderr. Nobody listens there for sure, so it can't fail.
    pub(crate) fn note(&self, text: &str) {
        self.bars.suspend(|| {
            let mut stderr = anstream::stderr().lock();
            drop(writeln!(stderr, "{text}"));
        });
    }

    /// Asks something on stderr and reads a line of the answer.
    pub(crate) async fn ask(&self, question: &str) -> Result<String, CommandError> {
        self.bars.suspend(|| {
            let mut stderr = anstream::stderr().lock();
            drop(write!(stderr, "{question} ").and_then(|()| stderr.flush()));
        });
        let unreadable = |source| CommandError::Terminal { what: "read the answer", source };
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).map(|_length| line)
        });
        reading.await.map_err(|error| unreadable(io::Error::other(error)))?.map_err(unreadable)
    }

    /// A writer for logs, which go to stderr between the bars.
    pub(crate) fn log_writer(&self) -> LogWriter {
        LogWriter { bars: self.bars.clone() }
    }
}

/// Tells of a defect, past the bars: whoever panicked may hold their lock.
pub(crate) fn last_words(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

fn not_json(error: serde_json::Error) -> CommandError {
    CommandError::Terminal { what: "write JSON", source: error.into() }
}

/// Writes logs to stderr between the bars.
#[derive(Debug)]
pub(crate) struct LogWriter {
    bars: MultiProgress,
}

impl Write for LogWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

//! Exit codes: the part of the command line that scripts rely on.

use std::process::ExitCode;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done,
    /// Preflight or the state of things forbids it; nothing was changed.
    Refused,
    /// The command line is wrong.
    Usage,
    /// There is no way to the version that was asked for.
    Version,
    /// The pack has mistakes, or a case of it does not hold.
    Pack,
    /// The run stopped because an operator is needed.
    Halted,
    /// Documents were rejected, or both sets differ.
    Data,
    /// Somebody else drives the run.
    Busy,
    /// A guard waited as long as it was told to.
    Waited,
    /// The cluster can't be reached.
    Unreachable,
    /// The cluster refused the credentials.
    Credentials,
    /// Something else than Elasticsearch or OpenSearch answered.
    NotAnEngine,
    /// The cluster refused what was asked of it.
    Cluster,
    /// A defect of Lockstep.
    Bug,
    /// The command behind a guard can't be started.
    NotStarted,
    /// Stopped by a signal.
    Interrupted,
    /// A guard was stopped by SIGTERM.
    Terminated,
}

/// The table at the end of `lockstep --help`. A test keeps it in step with [`Exit`].
pub(crate) const EXIT_CODES_HELP: &str = "\
Exit codes:
    0  done
    1  refused by preflight or by the state of the run; nothing was changed
    2  the command line is wrong
    3  version: unknown, older than the live one, or behind a required stop
    4  the pack has mistakes, or a case of it does not hold
    5  halted: an operator is needed, then the same command goes on
    6  data: documents were rejected, or both sets differ
    7  somebody else drives this run
    8  the guard waited as long as --wait-max says
   10  the cluster can't be reached
   11  the cluster refused the credentials
   12  not an Elasticsearch or OpenSearch
   13  the cluster refused what was asked of it
   70  a defect of Lockstep
  127  the command behind the guard can't be started
  130  interrupted; the same command goes on
  143  the guard was stopped by SIGTERM before it started anything";

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Version => 3,
            Self::Pack => 4,
            Self::Halted => 5,
            Self::Data => 6,
            Self::Busy => 7,
            Self::Waited => 8,
            Self::Unreachable => 10,
            Self::Credentials => 11,
            Self::NotAnEngine => 12,
            Self::Cluster => 13,
            Self::Bug => 70,
            Self::NotStarted => 127,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_lists_every_code_once_and_no_other() {
        let all = [
            Exit::Done,
            Exit::Refused,
            Exit::Usage,
            Exit::Version,
            Exit::Pack,
            Exit::Halted,
            Exit::Data,
            Exit::Busy,
            Exit::Waited,
            Exit::Unreachable,
            Exit::Credentials,
            Exit::NotAnEngine,
            Exit::Cluster,
            Exit::Bug,
            Exit::NotStarted,
            Exit::Interrupted,
            Exit::Terminated,
        ];
        let listed: Vec<u8> = EXIT_CODES_HELP
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(listed, all.map(Exit::code));
    }
}

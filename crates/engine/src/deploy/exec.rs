//! The tag is changed by a command, which gets the version in its environment. It may be run again with the same version after
//! Lockstep was killed, and with the old one when the change is taken back.

use super::{Change, Command, DeployProblem, Listener, Trouble};
use crate::error::EngineError;

/// A command that changes the tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    /// The command.
    pub command: Command,
}

impl Exec {
    /// Looks whether a program that is named by its path is there.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        let word = self.command.words.first().map(String::as_str).unwrap_or_default();
        // A name alone is looked up where programs are.
        if !word.contains('/') {
            return Ok(());
        }
        let path = self.command.folder.clone().unwrap_or_default().join(word);
        if path.try_exists().unwrap_or(false) {
            return Ok(());
        }
        let message = format!("there is no program {}", path.display());
        let hint = "write the path of the program, relative to the folder of the configuration";
        Err(DeployProblem::new(Trouble::NotStarted, message, hint).into())
    }

    /// Runs it.
    pub(super) async fn change(
        &self,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        listener.tell(format!("running `{}` for {}", self.command.words.join(" "), change.version));
        let variables = [
            ("LOCKSTEP_APPLICATION", change.application.as_str()),
            ("LOCKSTEP_VERSION", change.version.as_str()),
            ("LOCKSTEP_FROM", change.from.as_str()),
            ("LOCKSTEP_TAG", change.tag.as_str()),
        ];
        self.command.run(&variables, listener).await
    }
}

//! The tag is changed by whoever answers a call. It may be called again with the same version after Lockstep was killed, and with
//! the old one when the change is taken back.

use std::{fmt, time::Duration};

use reqwest::{Client, Method};
use tokio::time;

use super::{
    Change, DeployProblem, Listener, Trouble,
    client::{body, client, excerpt, reason},
};
use crate::error::EngineError;

/// The pause before the second attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);

/// A hook that changes the tag.
#[derive(Clone)]
pub struct Hook {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// Headers; their values may be secrets.
    pub headers: Vec<(String, String)>,
    /// The body, with placeholders.
    pub body: String,
    /// Statuses that mean success; any of 200 to 299 when there is none.
    pub statuses: Vec<u32>,
    /// How long one answer may take.
    pub time_limit: Duration,
    /// How often it is called until it succeeds.
    pub attempts: u32,
    /// PEM certificates to trust instead of the system's.
    pub ca: Option<Vec<u8>>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, url, headers, .. } = self;
        let names: Vec<&String> = headers.iter().map(|(name, _)| name).collect();
        write!(formatter, "Hook({method} {url}, headers {names:?})")
    }
}

impl Hook {
    /// Looks whether it could be called.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        Ok(self.client().map(drop)?)
    }

    fn client(&self) -> Result<Client, DeployProblem> {
        client(self.ca.as_deref()).map_err(|reason| self.silent(&reason))
    }

    /// Calls it until it succeeds, as often as it may be called.
    pub(super) async fn change(
        &self,
        change: &Change,
        listener: &Listener,
    ) -> Result<(), EngineError> {
        let client = self.client()?;
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            listener.tell(format!("calling {} {} for {}", self.method, self.url, change.version));
            let called = tokio::select! {
                called = self.call(&client, change) => called,
                () = listener.stop.cancelled() => return Err(EngineError::Interrupted),
            };
            let problem = match called {
                Ok(()) => return Ok(()),
                Err(problem) => problem,
            };
            if attempt >= self.attempts {
                return Err(problem.into());
            }
            attempt += 1;
            listener.tell(format!("{problem}; once more"));
            tokio::select! {
                () = time::sleep(pause) => {}
                () = listener.stop.cancelled() => return Err(EngineError::Interrupted),
            }
            pause *= 2;
        }
    }

    async fn call(&self, client: &Client, change: &Change) -> Result<(), DeployProblem> {
        let mut request = client
            .request(self.method.clone(), &self.url)
            .timeout(self.time_limit)
            .body(self.filled(change));
        let names = |name: &str| self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        if !names("content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| self.silent(&reason(error)))?;
        let status = answer.status();
        let is_success = if self.statuses.is_empty() {
            status.is_success()
        } else {
            self.statuses.contains(&u32::from(status.as_u16()))
        };
        if is_success {
            return Ok(());
        }
        let said = body(answer).await.unwrap_or_default();
        let message = format!("{} {} answers {status}: {}", self.method, self.url, excerpt(&said));
        let hint = "look at what it says, mend it, and give the same command again";
        Err(DeployProblem::new(Trouble::HookRefused, message, hint))
    }

    /// The body; what is put in is written as JSON texts are, without quotes.
    fn filled(&self, change: &Change) -> String {
        let inner = |text: &str| {
            let quoted = serde_json::Value::from(text).to_string();
            quoted.trim_matches('"').to_owned()
        };
        self.body
            .replace("{version}", &inner(&change.version))
            .replace("{from}", &inner(&change.from))
            .replace("{tag}", &inner(&change.tag))
            .replace("{application}", &inner(&change.application))
    }

    fn silent(&self, reason: &str) -> DeployProblem {
        let message = format!("{} {} came to nothing: {reason}", self.method, self.url);
        let hint = "look whether it runs and can be reached; then give the same command again";
        DeployProblem::new(Trouble::HookSilent, message, hint)
    }
}

#[cfg(test)]
mod tests;

//! Waiting for copies: a write begins when enough copies of its shard are there, as the request says or else the index
//! (`index.write.wait_for_active_shards`). Pocket has one node, so one copy of every shard.

use std::time::{Duration, Instant};

use crate::error::Refusal;
use crate::node::{Deed, Index, Node};
use crate::request::Request;
use crate::settings::{Time, parse_time};

/// Time after which the engines give up unless the request says otherwise.
const TIMEOUT_DEFAULT: Duration = Duration::from_mins(1);
/// How often it is looked whether the copies are there.
const LOOK_TIME: Duration = Duration::from_millis(5);

/// How many copies of a shard must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActiveCopies {
    All,
    AtLeast(u32),
}

impl ActiveCopies {
    /// `all` or a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "all" { Some(Self::All) } else { text.parse().ok().map(Self::AtLeast) }
    }
}

/// What one request says about copies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    /// `None`: what the index says.
    copies: Option<ActiveCopies>,
    timeout: Duration,
    begun: Instant,
}

impl Wait {
    /// Reads the parameters `wait_for_active_shards` and `timeout`.
    pub(crate) fn of(request: &Request) -> Result<Self, Refusal> {
        let copies = match request.parameter("wait_for_active_shards") {
            None => None,
            Some(text) => Some(ActiveCopies::parse(text).ok_or_else(|| {
                Refusal::illegal_argument(format!("cannot parse ActiveShardCount[{text}]"))
            })?),
        };
        let timeout = request.parameter("timeout").and_then(parse_time).and_then(Time::duration);
        Ok(Self { copies, timeout: timeout.unwrap_or(TIMEOUT_DEFAULT), begun: Instant::now() })
    }

    /// The answer to a write for which too few copies are there.
    pub(crate) fn refusal(self, index: &Index) -> Option<Refusal> {
        let copies = self.copies.or_else(|| index.settings.active_copies());
        let (word, needed) = match copies? {
            ActiveCopies::All => ("ALL".to_owned(), index.settings.replicas().saturating_add(1)),
            ActiveCopies::AtLeast(number) => (number.to_string(), number),
        };
        (needed > 1).then(|| {
            let (name, timeout) = (&index.name, self.timeout.as_millis());
            Refusal::new(
                503,
                "unavailable_shards_exception",
                format!("[{name}][0] Not enough active copies to meet shard count of [{word}] (have 1, needed {needed}). Timeout: [{timeout}ms]"),
            )
        })
    }

    /// Waits until nothing is missing any more, or the index is blocked or gone, which the next attempt finds out.
    pub(crate) fn until_there(self, node: &Node, name: &str) -> Result<(), Refusal> {
        loop {
            let refusal = {
                let state = node.read();
                let open = state.indices.get(name).filter(|i| i.check_block(Deed::Write).is_ok());
                open.and_then(|index| self.refusal(index))
            };
            match refusal {
                None => return Ok(()),
                Some(refusal) if self.begun.elapsed() >= self.timeout => return Err(refusal),
                Some(_) => std::thread::sleep(LOOK_TIME),
            }
        }
    }
}

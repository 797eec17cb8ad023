//! The wire between a client and the bucket, and what can be wrong with it. It works on bytes and knows no requests.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// Bytes that pass at once.
const STEP_BYTES: usize = 16 * 1024;

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// One connection breaks, once.
    Hiccup,
    /// Every connection breaks, as when the server has died.
    Death,
    /// Nothing passes any more, and no connection breaks.
    Silence,
    /// So many bytes pass in a second, on each connection.
    Slow(u64),
}

/// Where bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the bucket.
    Up,
    /// From the bucket.
    Down,
}

/// What all connections share.
#[derive(Debug, Default)]
pub(crate) struct Line {
    plan: Mutex<Option<Plan>>,
}

#[derive(Debug)]
struct Plan {
    trouble: Trouble,
    direction: Direction,
    /// Bytes that pass before it begins.
    left: u64,
    has_come: bool,
}

/// What becomes of some bytes.
enum Passage {
    Passes(usize),
    Breaks,
    Hangs,
    Waits(usize, Duration),
}

impl Line {
    pub(crate) fn begin(&self, trouble: Trouble, direction: Direction, after_bytes: u64) {
        *self.plan() = Some(Plan { trouble, direction, left: after_bytes, has_come: false });
    }

    pub(crate) fn end(&self) -> bool {
        self.plan().take().is_some_and(|plan| plan.has_come)
    }

    pub(crate) fn has_come(&self) -> bool {
        self.plan().as_ref().is_some_and(|plan| plan.has_come)
    }

    fn plan(&self) -> MutexGuard<'_, Option<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of bytes that want to pass.
    fn passage(&self, direction: Direction, bytes: usize) -> Passage {
        let bytes = bytes.min(STEP_BYTES);
        let mut plan = self.plan();
        let Some(plan) = plan.as_mut() else { return Passage::Passes(bytes) };
        // Once it came it is in both directions; a hiccup is over.
        let is_concerned = plan.direction == direction || plan.has_come;
        if !is_concerned || plan.left > 0 {
            return Passage::Passes(bytes);
        }
        let has_come = std::mem::replace(&mut plan.has_come, true);
        match plan.trouble {
            Trouble::Hiccup if has_come => Passage::Passes(bytes),
            Trouble::Hiccup | Trouble::Death => Passage::Breaks,
            Trouble::Silence => Passage::Hangs,
            Trouble::Slow(in_a_second) => {
                let millis = (bytes as u64).saturating_mul(1_000) / in_a_second.max(1);
                Passage::Waits(bytes, Duration::from_millis(millis))
            }
        }
    }

    /// Bytes have passed.
    fn passed(&self, direction: Direction, bytes: usize) {
        if let Some(plan) = self.plan().as_mut().filter(|plan| plan.direction == direction) {
            plan.left = plan.left.saturating_sub(bytes as u64);
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    line: Arc<Line>,
    /// Until when the bytes of a slow wire wait, in each direction.
    up: Option<Pin<Box<Sleep>>>,
    down: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self { stream, line, up: None, down: None }
    }

    /// How many bytes may pass now.
    fn allowance(
        &mut self,
        direction: Direction,
        bytes: usize,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let waiting = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        if let Some(wait) = waiting {
            ready!(wait.as_mut().poll(context));
            *waiting = None;
            return Poll::Ready(Ok(bytes.min(STEP_BYTES)));
        }
        match self.line.passage(direction, bytes) {
            Passage::Passes(bytes) => Poll::Ready(Ok(bytes)),
            Passage::Breaks => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            // Nobody wakes it: it hangs until the client or the test gives it up.
            Passage::Hangs => Poll::Pending,
            Passage::Waits(bytes, time) => {
                let mut wait = Box::pin(sleep(time));
                if wait.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Ok(bytes));
                }
                *waiting = Some(wait);
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let bytes = ready!(this.allowance(Direction::Up, buffer.remaining(), context))?;
        let mut step = buffer.take(bytes);
        ready!(Pin::new(&mut this.stream).poll_read(context, &mut step))?;
        let filled = step.filled().to_vec();
        this.line.passed(Direction::Up, filled.len());
        buffer.put_slice(&filled);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let allowed = ready!(this.allowance(Direction::Down, bytes.len(), context))?;
        let (step, _) = bytes.split_at(allowed.min(bytes.len()));
        let written = ready!(Pin::new(&mut this.stream).poll_write(context, step))?;
        this.line.passed(Direction::Down, written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

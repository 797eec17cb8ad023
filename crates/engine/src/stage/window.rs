//! Reads windows of a shard's numbered log, and finds out how wide they should be.

use lockstep_elastic::{Cluster, Failure, FailureKind, Page, WindowRequest};

use super::side::Depth;

/// The engines give no more hits a page (`index.max_result_window`), so a window is never wider in numbers.
const WIDTH_MAX: u64 = 10_000;
/// Width of the first window, until the size of documents is known: they may have 100 KB, and all workers begin with it.
const WIDTH_FIRST: u64 = 100;
/// A window grows by at most this factor, so that a few small documents don't lead to a huge page.
const GROWTH_MAX: u64 = 4;

/// Chooses the width of the next window by the bytes of the last ones.
#[derive(Debug, Clone)]
pub(crate) struct WindowWidth {
    width: u64,
    bytes_wanted: u64,
    width_max: u64,
}

impl WindowWidth {
    pub(crate) fn new(bytes_wanted: u64, width_max: u64) -> Self {
        let width_max = width_max.clamp(1, WIDTH_MAX);
        Self { width: WIDTH_FIRST.min(width_max), bytes_wanted: bytes_wanted.max(1), width_max }
    }

    /// How many numbers the next window spans.
    pub(crate) fn numbers(&self) -> u64 {
        self.width.max(1)
    }

    /// Takes in that a window of `span` numbers gave `bytes`.
    pub(crate) fn observe(&mut self, span: u64, bytes: u64) {
        let fitting = span.saturating_mul(self.bytes_wanted) / bytes.max(1);
        self.width = fitting.clamp(1, self.width.saturating_mul(GROWTH_MAX)).min(self.width_max);
    }

    /// Takes in that a page was too large to be answered. `false` when it can't be made smaller.
    fn halve(&mut self) -> bool {
        let could = self.width > 1;
        self.width = (self.width / 2).max(1);
        could
    }
}

/// A range of one shard's log that is being read.
#[derive(Debug)]
pub(crate) struct WindowReader<'a> {
    cluster: &'a Cluster,
    index: &'a str,
    shard: u32,
    next: i64,
    last: i64,
    width: WindowWidth,
    depth: Depth,
}

impl<'a> WindowReader<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        (index, shard): (&'a str, u32),
        (first, last): (i64, i64),
        width: WindowWidth,
    ) -> Self {
        Self { cluster, index, shard, next: first, last, width, depth: Depth::Contents }
    }

    /// Reads only as much of each document.
    pub(super) fn at_depth(mut self, depth: Depth) -> Self {
        self.depth = depth;
        if depth == Depth::Identities {
            // Without contents documents are small, whatever they hold.
            self.width.width = self.width.width_max;
        }
        self
    }

    /// Reads the next window; with it comes the last number that it covers. `None` at the end of the range.
    pub(crate) async fn next(&mut self) -> Result<Option<(Page, i64)>, Failure> {
        while self.next <= self.last {
            let width = self.width.width;
            let step = i64::try_from(width).unwrap_or(i64::MAX);
            let last = self.last.min(self.next.saturating_add(step - 1));
            let size = u32::try_from(width).unwrap_or(u32::MAX);
            let request = WindowRequest {
                index: self.index,
                shard: self.shard,
                first: self.next,
                last,
                size,
            };
            let read = match self.depth {
                Depth::Contents => self.cluster.window(&request).await,
                Depth::Identities => self.cluster.window_identities(&request).await,
            };
            match read {
                Ok(page) => {
                    // The last window of a range is narrower, and says as much about the size of documents.
                    let span =
                        u64::try_from(last.saturating_sub(self.next)).unwrap_or_default() + 1;
                    self.width.observe(span, page.len_bytes() as u64);
                    self.next = last.saturating_add(1);
                    return Ok(Some((page, last)));
                }
                Err(failure)
                    if failure.kind() == FailureKind::AnswerTooLarge && self.width.halve() => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// What is known of widths so far.
    pub(crate) fn width(&self) -> &WindowWidth {
        &self.width
    }

    /// What is known of widths, for the next range of the same index.
    pub(crate) fn into_width(self) -> WindowWidth {
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_grow_step_by_step_to_the_bytes_wanted() {
        let mut width = WindowWidth::new(8_000_000, 10_000);
        let mut widths = vec![width.width];
        for _ in 0..5 {
            width.observe(width.width, width.width * 1_000);
            widths.push(width.width);
        }
        assert_eq!(widths, [100, 400, 1_600, 6_400, 8_000, 8_000]);
        width.observe(7, 7_000);
        assert_eq!(width.width, 8_000, "the end of a range changes nothing");
    }

    #[test]
    fn windows_shrink_at_once() {
        let mut width = WindowWidth::new(8_000_000, 10_000);
        width.observe(100, 80_000_000);
        assert_eq!(width.width, 10);
        width.observe(10, 0);
        assert_eq!(width.width, 40);
        assert!(width.halve());
        assert_eq!(width.width, 20);
        let mut narrow = WindowWidth::new(1, 1);
        assert!(!narrow.halve());
    }
}

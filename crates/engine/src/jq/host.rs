//! What runs in a host: it compiles programs once, and answers each value. Whatever a program does, it does it here.

use std::{
    io::{self, BufReader, BufWriter, Read, Write},
    process, str,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lockstep_core::{
    jq::{Compiled, Failure, compile},
    transform::RejectionCode,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{
    ANSWERS_HELD_MAX, MEMORY_BYTES_MAX, STACK_BYTES_MAX, VALUE_TIME_MAX,
    frame::{Answer, Order},
};

/// When a host ends itself, whatever its driver does: a program that never ends must not outlive a driver that was killed.
const OWN_TIME_MAX: Duration = VALUE_TIME_MAX.saturating_mul(4);

/// Bytes of answers that are sent together.
const BUFFER_BYTES: usize = 32 << 10;

/// How long an answer may wait for others to go with it.
const HELD_TIME_MAX: Duration = Duration::from_millis(20);

/// Answers orders until they end. Takes this whole process for it: its memory is limited for good.
///
/// # Errors
/// When the limits can't be set, or the other side says what makes no sense.
pub fn serve(input: impl Read, output: impl Write) -> io::Result<()> {
    limit()?;
    let watch = Watch::begin();
    // Deeper than a main thread may go; what goes deeper yet ends the process.
    stacker::grow(STACK_BYTES_MAX, || answer_all(input, output, &watch))
}

/// Little memory, and no picture of it on the disk when the process goes down. Only Linux holds a process to the first;
/// elsewhere a program is bounded in time alone.
fn limit() -> io::Result<()> {
    let to = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    if cfg!(target_os = "linux") {
        setrlimit(Resource::As, to(MEMORY_BYTES_MAX))?;
    }
    setrlimit(Resource::Core, to(0))?;
    Ok(())
}

fn answer_all(input: impl Read, output: impl Write, watch: &Watch) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
    let mut programs: Vec<Compiled> = Vec::new();
    let mut taken: usize = 0;
    let (mut held, mut flushed) = (0, Instant::now());
    while let Some(order) = Order::read(&mut input)? {
        watch.start();
        let answer = match order {
            Order::Take(program) => {
                taken = usize::try_from(program).unwrap_or(usize::MAX);
                continue;
            }
            Order::Compile(text) => match compiled(&text) {
                Ok(program) => {
                    programs.push(program);
                    Answer::Ready
                }
                Err(reason) => Answer::Unfit(reason),
            },
            Order::Value(value) => match programs.get(taken).map(|program| program.run(&value)) {
                Some(Ok(made)) => Answer::Made(made),
                Some(Err(failure)) => Answer::Failed(failure),
                None => {
                    let message = format!("the host has no program {taken}");
                    Answer::Failed(Failure::new(RejectionCode::JqElsewhere, message))
                }
            },
        };
        watch.stop();
        answer.write(&mut output)?;
        held += 1;
        if input.buffer().is_empty()
            || held >= ANSWERS_HELD_MAX
            || flushed.elapsed() > HELD_TIME_MAX
        {
            output.flush()?;
            (held, flushed) = (0, Instant::now());
        }
    }
    output.flush()
}

fn compiled(text: &[u8]) -> Result<Compiled, String> {
    let text = str::from_utf8(text).map_err(|error| error.to_string())?;
    compile(text).map_err(|mistakes| {
        let all: Vec<String> = mistakes.into_iter().map(|mistake| mistake.message).collect();
        all.join("; ")
    })
}

/// Ends the process when one value takes too long.
struct Watch {
    origin: Instant,
    /// Milliseconds from the origin to the beginning of what is under way, and one more; 0 when nothing is.
    begun: Arc<AtomicU64>,
}

impl Watch {
    fn begin() -> Self {
        let (origin, begun) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let seen = Arc::clone(&begun);
        let look = move || loop {
            thread::sleep(OWN_TIME_MAX / 4);
            let begun = seen.load(Ordering::Relaxed);
            let now = milliseconds(origin.elapsed());
            if begun != 0 && now.saturating_sub(begun) > milliseconds(OWN_TIME_MAX) {
                // Nothing is lost by it: the driver takes it for what it is.
                process::abort();
            }
        };
        thread::spawn(look);
        Self { origin, begun }
    }

    fn start(&self) {
        self.begun.store(milliseconds(self.origin.elapsed()) + 1, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.begun.store(0, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

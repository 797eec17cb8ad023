//! One host, seen from the process that drives: started, asked, killed.

use std::{io, path::Path, process::Stdio, time::Duration};

use lockstep_core::jq::Failure;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{
    HOST_VERB, VALUE_TIME_MAX,
    frame::{Answer, HEAD_BYTES, Order, head_of},
};

/// What a program made of a value.
pub type Made = Result<Vec<u8>, Failure>;

/// How long a host may take to start and to compile: it is the machine's time, not the program's.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// Programs that a host keeps; a plan with more begins another one.
const PROGRAMS_MAX: usize = 200;

/// Answers that are read at once, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// A host that is up. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct HostProcess {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The texts that it has compiled, in order.
    programs: Vec<String>,
}

/// Why a host is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It doesn't answer in time.
    Silent,
    /// It is gone, or says what makes no sense.
    Down,
}

/// Why a program can't be run at all.
#[derive(Debug)]
pub(super) enum Unusable {
    /// The host can't be started, or ends before it does anything.
    NoHost(String),
    /// The program does not compile.
    Program(String),
}

impl HostProcess {
    /// Starts one.
    ///
    /// # Errors
    /// When the program is not there or the machine refuses.
    pub(super) fn start(program: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(HOST_VERB)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let answers = BufReader::with_capacity(BUFFER_BYTES, answers);
        Ok(Self { child, orders, answers, programs: Vec::new() })
    }

    /// Whether it can do another program as well.
    pub(super) fn has_room(&self, program: &str) -> bool {
        self.programs.len() < PROGRAMS_MAX || self.programs.iter().any(|known| known == program)
    }

    /// Takes a program for the values that follow, compiled if it isn't yet.
    ///
    /// # Errors
    /// [`Unusable`]
    pub(super) async fn take(&mut self, program: &str) -> Result<(), Unusable> {
        let known = self.programs.iter().position(|known| known == program);
        let number = if let Some(number) = known {
            number
        } else {
            match timeout(START_TIME_MAX, self.compile(program)).await {
                Ok(Ok(Answer::Ready)) => self.programs.push(program.to_owned()),
                Ok(Ok(Answer::Unfit(reason))) => return Err(Unusable::Program(reason)),
                Ok(Ok(other)) => return Err(Unusable::NoHost(format!("it answers {other:?}"))),
                Ok(Err(error)) => return Err(Unusable::NoHost(error.to_string())),
                Err(_elapsed) => return Err(Unusable::NoHost("it doesn't answer".to_owned())),
            }
            self.programs.len() - 1
        };
        let number = u32::try_from(number).expect("a host has few programs");
        let mut frame = Vec::new();
        Order::Take(number).append(&mut frame);
        let written = self.orders.write_all(&frame).await;
        written.map_err(|error| Unusable::NoHost(error.to_string()))
    }

    async fn compile(&mut self, program: &str) -> io::Result<Answer> {
        let mut frame = Vec::new();
        Order::Compile(program.as_bytes().to_vec()).append(&mut frame);
        self.orders.write_all(&frame).await?;
        answer(&mut self.answers).await
    }

    /// Runs the program for values, one after the other. `made` gets what it made of each, up to a fault.
    pub(super) async fn run(&mut self, values: &[Vec<u8>], made: &mut Vec<Made>) -> Option<Fault> {
        let mut frames =
            Vec::with_capacity(values.iter().map(|value| value.len() + HEAD_BYTES).sum());
        for value in values {
            Order::append_value(value, &mut frames);
        }
        let Self { child: _, orders, answers, programs: _ } = self;
        let writing = async {
            // That it doesn't read any more shows in its answers.
            drop(orders.write_all(&frames).await);
            std::future::pending::<()>().await;
        };
        let reading = async {
            for _ in values {
                match timeout(VALUE_TIME_MAX, answer(answers)).await {
                    Err(_elapsed) => return Some(Fault::Silent),
                    Ok(Ok(Answer::Made(value))) => made.push(Ok(value)),
                    Ok(Ok(Answer::Failed(failure))) => made.push(Err(failure)),
                    Ok(Ok(Answer::Ready | Answer::Unfit(_)) | Err(_)) => return Some(Fault::Down),
                }
            }
            None
        };
        // At once: neither pipe holds a whole page.
        tokio::select! {
            fault = reading => fault,
            () = writing => Some(Fault::Down),
        }
    }

    /// Ends it, and waits until it has ended.
    pub(super) async fn kill(mut self) {
        // One that has ended already can't be killed.
        drop(self.child.kill().await);
    }
}

async fn answer(answers: &mut BufReader<ChildStdout>) -> io::Result<Answer> {
    let mut head = [0; HEAD_BYTES];
    answers.read_exact(&mut head).await?;
    let (letter, length) = head_of(head)?;
    let mut content = vec![0; length];
    answers.read_exact(&mut content).await?;
    Answer::of(letter, content)
}

//! A proxy on loopback between Lockstep and a cluster, which deals the faults of a bad network by a seeded plan.
//!
//! It works on bytes: what the client sends after an answer has begun is a new request, as nobody pipelines. Each fault
//! hits one request on one connection; the others go on. What is not here: what a cluster does wrong by itself, which the
//! pocket cluster's planned faults are for.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{dice::Dice, stand::Trouble};

/// The longest that a delayed request is held; well below the client's patience.
const DELAY_MAX: Duration = Duration::from_millis(300);
/// For how long a client that gives up is waited for. One that doesn't has no bound on time, and that is told.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// Requests of a state that pass before its first fault, at most.
const GAP_MAX_FIRST: u64 = 3;
/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// Characters of a request that are kept to tell of it.
const TITLE_CHARACTERS: usize = 60;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It is passed on a little later.
    Delayed,
    /// The connection is reset, and the cluster never hears of it.
    CutBefore,
    /// It is passed on; when the answer comes, the connection is reset instead.
    CutAfter,
    /// Half of the answer comes, then the connection is reset.
    CutWithin,
    /// Half of the answer comes, then this direction is closed; the other one stays open.
    HalfClosed,
    /// It is passed on, and the answer doesn't come for as long as the client waits.
    Stalled,
    /// It is held until the client gave up, and passed on then: it takes effect behind its own repetition.
    Late,
}

/// All of them.
pub(crate) const FAULTS: [Fault; 7] = [
    Fault::Delayed,
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::CutWithin,
    Fault::HalfClosed,
    Fault::Stalled,
    Fault::Late,
];

impl Fault {
    /// Whether it may happen to a request. Late are only those whose lateness is guarded against: documents carry
    /// versions, and the journal is written by compare-and-swap. A block or an alias call has no such guard, which
    /// `docs/promises.md` says.
    fn fits(self, title: &str) -> bool {
        self != Self::Late
            || ["/_bulk", "/_search", "/lockstep-journal/"].iter().any(|path| title.contains(path))
    }
}

/// A proxy. It ends with all its connections when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    shared: Arc<Shared>,
    /// The one task that accepts, and owns the tasks of the connections.
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    cluster: SocketAddr,
    plan: Mutex<Plan>,
}

/// Which request is hit next, and by what.
#[derive(Debug)]
struct Plan {
    dice: Dice,
    /// Faults still to be dealt, the next one last.
    open: Vec<Fault>,
    /// Requests that pass before the next fault.
    gap: u64,
    gap_max: u64,
    /// Faults that one state gets at most, so that those of short states are not all dealt before.
    share: usize,
    requests: u64,
    /// The state that the run is in, as the caller last noted it.
    state: &'static str,
    dealt: Vec<Dealt>,
    /// Faults that a client waited out for longer than it may.
    patient: Vec<Dealt>,
}

/// A fault that was dealt.
#[derive(Debug, Clone)]
struct Dealt {
    fault: Fault,
    state: &'static str,
    request: String,
}

impl fmt::Display for Dealt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, state, request } = self;
        write!(out, "{state}: {fault:?} {request}")
    }
}

impl Proxy {
    /// Starts on a free port of loopback before the cluster at `url`. Nothing is dealt until [`Proxy::plan`].
    pub(crate) async fn start(url: &str, dice: Dice) -> Result<Self, Trouble> {
        let cluster = url.trim_start_matches("http://").trim_end_matches('/').parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = format!("http://{}", listener.local_addr()?);
        let plan = Plan {
            dice,
            open: Vec::new(),
            gap: 0,
            gap_max: 0,
            share: 0,
            requests: 0,
            state: "",
            dealt: Vec::new(),
            patient: Vec::new(),
        };
        let shared = Arc::new(Shared { cluster, plan: Mutex::new(plan) });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { url: own, shared, _accepting: accepting })
    }

    /// Plans so many rounds of all kinds of faults, each in random order: at most `gap_max` requests pass between two of
    /// them, and each state gets at most `share`.
    pub(crate) fn plan(&self, rounds: usize, gap_max: u64, share: usize) {
        let mut plan = self.shared.lock();
        plan.gap_max = gap_max;
        plan.share = share;
        plan.gap = plan.dice.below(gap_max);
        plan.open.clear();
        for _ in 0..rounds {
            let mut round = FAULTS.to_vec();
            while !round.is_empty() {
                let count = u64::try_from(round.len()).unwrap_or(u64::MAX);
                let at = usize::try_from(plan.dice.below(count)).unwrap_or(0);
                plan.open.push(round.swap_remove(at));
            }
        }
    }

    /// A way to note the state that the run is in.
    pub(crate) fn noter(&self) -> impl Fn(&'static str) + Send + Sync + use<> {
        let shared = Arc::clone(&self.shared);
        move |state| {
            let mut plan = shared.lock();
            plan.state = state;
            // A short state has few requests.
            plan.gap = plan.dice.below(GAP_MAX_FIRST);
        }
    }

    /// What was dealt so far, a line for each.
    pub(crate) fn dealt(&self) -> String {
        let lines = self.shared.lock().dealt.iter().map(Dealt::to_string).collect::<Vec<_>>();
        lines.join("\n")
    }

    /// What the clients or the plan missed: a kind that was never dealt, a state that got none, a client that waits for
    /// ever.
    pub(crate) fn complaints(&self, states: &[&str]) -> Vec<String> {
        let plan = self.shared.lock();
        let is_missing = |fault: &&Fault| plan.dealt.iter().all(|dealt| dealt.fault != **fault);
        let mut complaints: Vec<String> = FAULTS
            .iter()
            .filter(is_missing)
            .map(|fault| format!("{fault:?} was never dealt in {} requests", plan.requests))
            .collect();
        let spared = states
            .iter()
            .filter(|state| plan.dealt.iter().all(|dealt| dealt.state != **state))
            .map(|state| format!("nothing was dealt while {state}"));
        complaints.extend(spared);
        complaints
            .extend(plan.patient.iter().map(|dealt| format!("a client never gave up: {dealt}")));
        complaints
    }

    /// Faults by kind, and requests in all, for a table.
    pub(crate) fn table(&self) -> String {
        let plan = self.shared.lock();
        let mut by_state: BTreeMap<&str, BTreeMap<Fault, u32>> = BTreeMap::new();
        for dealt in &plan.dealt {
            *by_state.entry(dealt.state).or_default().entry(dealt.fault).or_default() += 1;
        }
        format!("{} requests, faults by state: {by_state:?}", plan.requests)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to a request that begins with these bytes.
    fn draw(&self, bytes: &[u8]) -> Option<Dealt> {
        let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        let request: String =
            String::from_utf8_lossy(line).chars().take(TITLE_CHARACTERS).collect();
        let mut plan = self.lock();
        plan.requests += 1;
        let state = plan.state;
        let had = plan.dealt.iter().filter(|dealt| dealt.state == state).count();
        if had >= plan.share {
            return None;
        }
        if plan.gap > 0 {
            plan.gap -= 1;
            return None;
        }
        let at = plan.open.iter().rposition(|fault| fault.fits(&request))?;
        let fault = plan.open.remove(at);
        let gap_max = plan.gap_max;
        plan.gap = plan.dice.below(gap_max);
        let dealt = Dealt { fault, state, request };
        plan.dealt.push(dealt.clone());
        Some(dealt)
    }

    fn delay(&self) -> Duration {
        self.lock().dice.duration(DELAY_MAX)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                // What goes wrong on one connection is what its two ends see of it.
                connections.spawn(async move { drop(serve(client, &shared).await) });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The two directions of one connection.
struct Ends {
    client_in: OwnedReadHalf,
    client_out: OwnedWriteHalf,
    cluster_in: OwnedReadHalf,
    cluster_out: OwnedWriteHalf,
}

/// Passes bytes on in both directions until either end closes or a fault ends it.
async fn serve(client: TcpStream, shared: &Shared) -> io::Result<()> {
    let cluster = TcpStream::connect(shared.cluster).await?;
    client.set_nodelay(true)?;
    cluster.set_nodelay(true)?;
    let (client_in, client_out) = client.into_split();
    let (cluster_in, cluster_out) = cluster.into_split();
    let mut ends = Ends { client_in, client_out, cluster_in, cluster_out };
    let mut question = vec![0; CHUNK_BYTES];
    let mut answer = vec![0; CHUNK_BYTES];
    let mut fault: Option<Dealt> = None;
    let mut is_answered = true;
    loop {
        tokio::select! {
            read = ends.client_in.read(&mut question) => {
                let chunk = question.get(..read?).unwrap_or_default();
                if chunk.is_empty() {
                    return Ok(());
                }
                if std::mem::replace(&mut is_answered, false) {
                    fault = shared.draw(chunk);
                    match fault.as_ref().map(|dealt| dealt.fault) {
                        Some(Fault::CutBefore) => return ends.reset(),
                        Some(Fault::Late) => {
                            let chunk = chunk.to_vec();
                            return ends.pass_on_late(chunk, shared, fault).await;
                        }
                        Some(Fault::Delayed) => sleep(shared.delay()).await,
                        Some(Fault::CutAfter | Fault::CutWithin | Fault::HalfClosed | Fault::Stalled)
                        | None => {}
                    }
                }
                ends.cluster_out.write_all(chunk).await?;
            }
            read = ends.cluster_in.read(&mut answer) => {
                let chunk = answer.get(..read?).unwrap_or_default();
                if chunk.is_empty() {
                    return Ok(());
                }
                is_answered = true;
                let half = chunk.get(..chunk.len() / 2).unwrap_or_default();
                let Some(dealt) = fault.take() else {
                    ends.client_out.write_all(chunk).await?;
                    continue;
                };
                match dealt.fault {
                    Fault::CutAfter => return ends.reset(),
                    Fault::CutWithin => {
                        ends.client_out.write_all(half).await?;
                        return ends.reset();
                    }
                    Fault::HalfClosed => {
                        ends.client_out.write_all(half).await?;
                        ends.client_out.shutdown().await?;
                        return ends.outwait(shared, dealt).await.map(drop);
                    }
                    Fault::Stalled => return ends.outwait(shared, dealt).await.map(drop),
                    Fault::Delayed | Fault::CutBefore | Fault::Late => {
                        ends.client_out.write_all(chunk).await?;
                    }
                }
            }
        }
    }
}

impl Ends {
    /// Ends the client's connection with a reset, as a firewall or a crash does.
    fn reset(self) -> io::Result<()> {
        self.client_out.as_ref().set_zero_linger()
    }

    /// Waits until the client closes its side, and gives what it still said.
    async fn outwait(&mut self, shared: &Shared, dealt: Dealt) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        if let Ok(read) = timeout(PATIENCE_MAX, self.client_in.read_to_end(&mut rest)).await {
            // A client may end with a reset as well.
            drop(read);
        } else {
            shared.lock().patient.push(dealt);
        }
        Ok(rest)
    }

    /// Keeps a request until the client gave up, passes it on then, and lets the cluster answer nobody.
    async fn pass_on_late(
        mut self,
        mut request: Vec<u8>,
        shared: &Shared,
        dealt: Option<Dealt>,
    ) -> io::Result<()> {
        let Some(dealt) = dealt else { return Ok(()) };
        request.extend(self.outwait(shared, dealt).await?);
        self.cluster_out.write_all(&request).await?;
        let mut answer = vec![0; CHUNK_BYTES];
        drop(timeout(PATIENCE_MAX, self.cluster_in.read(&mut answer)).await);
        Ok(())
    }
}

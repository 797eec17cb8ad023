//! The run loop: one seed, one history. Whatever can happen next is a candidate, and chance picks one.

use std::{cell::RefCell, collections::BTreeSet, pin::Pin, rc::Rc};

use lockstep_core::run::state::RunState;

use super::{
    application::Application,
    driver::Command,
    faults::{Faults, Weather},
    invariants::{self, Violation},
    operator::Operator,
    random::Random,
    request::Place,
    rules::Rules,
    shard::{Copy, Shard},
    world::{Process, Sight, World},
};

/// Events of the quiet end of a history until it is said that nothing comes to rest.
const QUIET_EVENTS_MAX: usize = 4_000;
/// Events after the switch until faults end, at the least.
const EVENTS_AFTER_SWITCH: usize = 120;
/// How often a halted run is resumed in the quiet end.
const RESUMES_MAX: usize = 8;

/// What may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happening {
    Deliver,
    Write,
    Replicate,
    Learn,
    Refresh,
    FailOver,
    TimeOut,
    Refuse,
    Kill,
    Sleep,
    Beat,
    TimeOver,
    Start,
    TakeOver,
    Hold,
}

/// What a history came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) events: usize,
    pub(crate) state: &'static str,
    /// What happened, if it was told.
    pub(crate) log: Vec<String>,
    pub(crate) violation: Option<Violation>,
    pub(crate) sights: BTreeSet<Sight>,
}

type Drive = Pin<Box<dyn Future<Output = ()>>>;

/// A history under way.
pub(super) struct Loop {
    pub(super) world: Rc<RefCell<World>>,
    pub(super) drives: Vec<Option<Drive>>,
    application: Application,
    operator: Operator,
    pub(super) faults: Faults,
    is_quiet: bool,
    is_switched: bool,
    events: usize,
    /// When faults end.
    events_max: usize,
    resumes: usize,
}

/// Whether the run was switched, and a worker's end left the old set open for Lockstep.
fn is_left_open(world: &World) -> bool {
    world.journal.state() == Some(&RunState::Switched) && world.journal.is_flow_open()
}

/// Plays the history of a seed.
pub(crate) fn play(seed: u64, rules: &Rules, is_told: bool) -> Ending {
    let mut random = Random::new(seed);
    let weather = rules.weather.unwrap_or_else(|| Weather::choose(&mut random));
    let faults = Faults::choose(weather, &mut random);
    let events_max = random.between(120, 600);
    let mut world = World::new(random, (rules.clone(), weather), is_told);
    let operator = Operator::new(!world.shape.is_spread, &mut world.random);
    let mut application = Application::new(&mut world);
    application.fill(&mut world);
    let world = Rc::new(RefCell::new(world));
    let drives = Vec::new();
    let mut looping = Loop {
        world: Rc::clone(&world),
        drives,
        application,
        operator,
        faults,
        is_quiet: false,
        is_switched: false,
        events: 0,
        events_max,
        resumes: 0,
    };
    looping.go();
    let events = looping.events;
    drop(looping);
    let mut world = world.borrow_mut();
    Ending {
        events,
        state: world.journal.state().map_or("unbegun", RunState::name),
        log: world.log.take().unwrap_or_default(),
        violation: world.violation.take(),
        sights: std::mem::take(&mut world.sights),
    }
}

impl Loop {
    fn go(&mut self) {
        while self.events < self.events_max && self.is_sound() {
            self.happen();
        }
        self.quieten();
        let last = self.events + QUIET_EVENTS_MAX;
        while self.is_sound() && !self.is_at_rest() {
            if self.events >= last || self.resumes > RESUMES_MAX {
                let state = self.world.borrow().journal.state().cloned();
                self.violate("I8", format!("it doesn't come to rest: {state:?}"));
                return;
            }
            self.happen();
        }
        if self.is_sound() {
            let verdict = invariants::application_is_writable(&self.world.borrow());
            self.world.borrow_mut().check(verdict);
            self.repeat();
        }
    }

    /// Faults end. One driver is left, or none; whoever is asked for help helps.
    fn quieten(&mut self) {
        self.is_quiet = true;
        self.faults = Faults { stray_deliveries: 300, replication: 40, ..Faults::default() };
        self.application.wishes_left = self.application.wishes_left.min(5);
        let newest = self.newest();
        let is_left = self.world.borrow_mut().random.chance(500);
        for slot in 0..self.drives.len() {
            if !is_left || Some(slot) != newest {
                self.kill(slot);
            }
        }
        let mut world = self.world.borrow_mut();
        world.is_held = false;
        world.tell(|| "---- no more faults".to_owned());
    }

    fn is_sound(&self) -> bool {
        self.world.borrow().violation.is_none()
    }

    fn violate(&self, name: &'static str, story: String) {
        self.world.borrow_mut().check(Err(Violation { name, story }));
    }

    /// I9: the same command once more.
    fn repeat(&mut self) {
        let before = invariants::fingerprint(&self.world.borrow());
        self.start(Command::Upgrade);
        self.world.borrow_mut().now = usize::MAX;
        for _ in 0..100 {
            if self.newest().is_none() || !self.is_sound() {
                break;
            }
            self.deliver();
        }
        let is_over = self.world.borrow().journal.state().is_some_and(RunState::is_final);
        if is_over && before != invariants::fingerprint(&self.world.borrow()) {
            self.violate("I9", format!("a finished run was repeated, and this changed: {before}"));
        }
    }

    fn is_at_rest(&self) -> bool {
        let world = self.world.borrow();
        self.newest().is_none()
            && world.pending.is_empty()
            && self.application.is_idle()
            && self.application.wishes_left == 0
            && world
                .journal
                .state()
                .is_some_and(|state| state.is_final() && !self.operator.wants_more(state))
            && !is_left_open(&world)
    }

    fn happen(&mut self) {
        self.events += 1;
        {
            let mut world = self.world.borrow_mut();
            world.now = self.events;
            world.slow_requests = self.faults.slow_requests;
        }
        let happening = self.choose();
        match happening {
            Happening::Deliver => self.deliver(),
            Happening::Write => self.application.write(&mut self.world.borrow_mut()),
            Happening::Replicate | Happening::Learn | Happening::Refresh | Happening::FailOver => {
                self.move_cluster(happening);
            }
            Happening::TimeOut => self.time_out(),
            Happening::Refuse => self.refuse(),
            Happening::Kill => {
                let alive = self.alive();
                let slot = self.world.borrow_mut().random.pick(&alive);
                self.kill(slot);
            }
            Happening::Sleep => self.sleep(),
            Happening::Beat => {
                let mut world = self.world.borrow_mut();
                let (lease, now) = (world.journal.lease(), world.now);
                let awake = |process: &&mut Process| process.sleeps_until <= now;
                for process in world.processes.iter_mut().filter(awake) {
                    process.knows_lost |= process.number > 0 && process.number < lease;
                }
            }
            Happening::TimeOver => self.end_time(),
            Happening::Start | Happening::TakeOver => self.ask(),
            Happening::Hold => {
                let mut world = self.world.borrow_mut();
                world.is_held = !world.is_held;
            }
        }
        self.application.listen(&mut self.world.borrow_mut());
        self.world.borrow_mut().check_now();
        self.look_for_switch();
    }

    /// Life goes on after the switch: there is more to write, and some time for what may go wrong.
    fn look_for_switch(&mut self) {
        let world = &mut self.world.borrow_mut();
        if self.is_switched || world.journal.state() != Some(&RunState::Switched) {
            return;
        }
        self.is_switched = true;
        self.application.go_on(world);
        self.events_max = self.events_max.max(self.events + EVENTS_AFTER_SWITCH);
    }

    fn choose(&mut self) -> Happening {
        let faults = self.faults;
        let alive = self.alive();
        let mut world = self.world.borrow_mut();
        let waits = world.pending.iter().any(|pending| !pending.is_abandoned);
        let when = |is_possible: bool, weight: usize| if is_possible { weight } else { 0 };
        let lags = world.cluster.places().any(|(_, shard)| shard.is_lagging());
        let is_late = world.cluster.places().any(|(_, shard)| shard.is_checkpoint_late());
        let is_lost = world.processes.iter().any(|process| {
            process.is_alive && !process.knows_lost && process.number < world.journal.lease()
        });
        let is_limited = alive.iter().any(|slot| world.processes[*slot].has_time_limit);
        let quiet = self.is_quiet;
        let weights = [
            (Happening::Deliver, 150 * world.pending.len().min(4)),
            (Happening::Write, when(self.application.can_write(), 60)),
            (Happening::Replicate, when(lags, faults.replication)),
            (Happening::Learn, when(is_late, faults.replication)),
            (Happening::Refresh, 10),
            (Happening::FailOver, faults.fail_over),
            (Happening::TimeOut, when(waits, faults.time_out)),
            (Happening::Refuse, when(waits, faults.refuse)),
            (Happening::Kill, when(!alive.is_empty(), faults.kill)),
            (Happening::Sleep, when(!alive.is_empty(), faults.sleep)),
            (Happening::Beat, when(is_lost, 5)),
            (Happening::TimeOver, when(is_limited, faults.time_over)),
            (Happening::Start, when(alive.is_empty(), 60)),
            (Happening::TakeOver, when(!alive.is_empty(), faults.take_over)),
            (Happening::Hold, when(!quiet, 2)),
        ];
        let sum = weights.iter().map(|(_, weight)| weight).sum();
        let mut at = world.random.below(sum);
        for (happening, weight) in weights {
            if at < weight {
                return happening;
            }
            at -= weight;
        }
        Happening::Refresh
    }

    /// An operator gives a command: a new process starts.
    fn ask(&mut self) {
        let command = {
            let mut world = self.world.borrow_mut();
            let world = &mut *world;
            let state = world.journal.state();
            if let Some(RunState::Halted { .. }) = state {
                if self.is_quiet {
                    let is_mended = self.application.mend(world) == 0;
                    // Between two sets nobody can write before it goes on.
                    let waits = !self.application.is_idle()
                        && world.cluster.is_writable(world.cluster.live());
                    if !is_mended || waits {
                        return;
                    }
                    self.resumes += 1;
                } else if world.random.chance(500) {
                    self.application.mend(world);
                }
            }
            let command = self.operator.command(world.journal.state(), &mut world.random);
            // Some worker is there, if it is needed.
            command.or_else(|| (self.is_quiet && is_left_open(world)).then_some(Command::FlowBack))
        };
        if let Some(command) = command {
            self.start(command);
        }
    }

    fn move_cluster(&self, happening: Happening) {
        let mut world = self.world.borrow_mut();
        let world = &mut *world;
        let is_one = |shard: &Shard| match happening {
            Happening::Replicate => shard.is_lagging(),
            Happening::Learn => shard.is_checkpoint_late(),
            _other => true,
        };
        let places: Vec<Place> =
            world.cluster.places().filter(|(_, s)| is_one(s)).map(|(place, _)| place).collect();
        let mut place = world.random.pick(&places);
        if happening == Happening::FailOver {
            // Where something can be lost, mostly.
            let lagging = world.cluster.places().filter(|(_, shard)| shard.is_lagging());
            let lagging: Vec<Place> = lagging.map(|(place, _)| place).collect();
            if !lagging.is_empty() && world.random.chance(700) {
                place = world.random.pick(&lagging);
            }
            world.tell(|| format!("the primary of {place:?} fails"));
            return world.fail_over(place);
        }
        let copy = world.random.pick(&[Copy::Primary, Copy::Replica]);
        let Some(shard) = world.cluster.shard_mut(place) else { return };
        match happening {
            Happening::Replicate => {
                let numbers: Vec<i64> =
                    shard.unreplicated().into_iter().map(|(number, _)| number).collect();
                let number = world.random.pick(&numbers);
                world.replicate(place, number);
            }
            Happening::Learn => shard.learn_checkpoint(),
            _other => shard.refresh(copy),
        }
    }
}

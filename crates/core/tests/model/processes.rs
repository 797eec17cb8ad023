//! Processes: they start, get on with what they are answered, sleep, and are killed.

use std::{
    rc::Rc,
    task::{Context, Poll, Waker},
};

use super::{
    driver::{Command, Link, drive},
    run::Loop,
    world::{Process, Sender},
};

/// Events that a process sleeps for.
const SLEEP_MIN: usize = 150;
const SLEEP_MAX: usize = 400;

impl Loop {
    pub(super) fn start(&mut self, command: Command) {
        let slot = self.drives.len();
        {
            let mut world = self.world.borrow_mut();
            world.processes.push(Process { is_alive: true, ..Process::default() });
            world.tell(|| format!("process {slot} starts: {command:?}"));
        }
        let link = Link { world: Rc::clone(&self.world), slot };
        self.drives.push(Some(Box::pin(drive(link, command))));
        self.poll(slot);
    }

    pub(super) fn poll(&mut self, slot: usize) {
        let Some(drive) = self.drives.get_mut(slot).and_then(Option::as_mut) else { return };
        let mut context = Context::from_waker(Waker::noop());
        if matches!(drive.as_mut().poll(&mut context), Poll::Ready(())) {
            self.drives[slot] = None;
            self.world.borrow_mut().processes[slot].is_alive = false;
        }
    }

    pub(super) fn kill(&mut self, slot: usize) {
        self.drives[slot] = None;
        let mut world = self.world.borrow_mut();
        if !world.processes[slot].is_alive {
            return;
        }
        world.processes[slot].is_alive = false;
        world.tell(|| format!("process {slot} is killed"));
        for pending in &mut world.pending {
            pending.is_abandoned |= pending.sender == Sender::Process(slot);
        }
    }

    /// A process stands still for a while. It was about to send what it waits for.
    pub(super) fn sleep(&self) {
        let (alive, newest) = (self.alive(), self.newest());
        let mut world = self.world.borrow_mut();
        let world = &mut *world;
        // Mostly the one that others will take for dead.
        let is_newest = world.random.chance(700);
        let slot = newest.filter(|_| is_newest).unwrap_or_else(|| world.random.pick(&alive));
        if world.processes[slot].sleeps_until > world.now {
            return;
        }
        let until = world.now + world.random.between(SLEEP_MIN, SLEEP_MAX);
        world.processes[slot].sleeps_until = until;
        world.tell(|| format!("process {slot} sleeps until {until}"));
        for pending in &mut world.pending {
            if pending.sender == Sender::Process(slot) && !pending.is_abandoned {
                pending.wakes_at = until;
            }
        }
    }

    pub(super) fn newest(&self) -> Option<usize> {
        let world = self.world.borrow();
        let alive = (0..self.drives.len()).filter(|slot| world.processes[*slot].is_alive);
        alive.max_by_key(|slot| world.processes[*slot].number)
    }

    pub(super) fn alive(&self) -> Vec<usize> {
        let world = self.world.borrow();
        (0..self.drives.len()).filter(|slot| world.processes[*slot].is_alive).collect()
    }
}

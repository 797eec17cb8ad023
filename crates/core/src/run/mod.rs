//! A run: one execution of a plan, as a state machine. Pure: [`state::RunState::action`] says what to do,
//! [`step::step`] says what follows from what happened. The engine does the rest.

pub mod state;

pub mod step;

pub mod rehearsal;

pub mod task;

pub mod quarantine;

pub mod crew;

pub mod pace;

pub mod admission;
pub mod outlook;

pub mod retire;

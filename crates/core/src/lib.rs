//! Lockstep's decisions, pure: no IO, no clock, no randomness, no environment.
//!
//! The modules stand in the order of the main path: text becomes a [`pack`], a cluster's state becomes an
//! [`inventory`], both become a [`plan`], documents go through a [`transform`], a [`run`] moves from state to state,
//! a [`table`] gets rows of them, and [`compare`] tells whether two sets are equal. A [`rehearsal`] does all that on the side,
//! and foretells. A [`configuration`] says where everything is.

pub mod version;

pub mod names;

pub mod pack;

pub mod inventory;

pub mod plan;

pub mod json;

pub mod jq;

pub mod transform;

pub mod table;

pub mod compare;

pub mod trial;

pub mod fuzz;

pub mod sketch;

pub mod run;

pub mod rehearsal;

pub mod health;

pub mod deploy;

pub mod configuration;

//! The commands for who writes a pack, with the real binary, in folders of their own.

#![expect(clippy::unwrap_used, reason = "a test stops where something unexpected happens")]

#[path = "authoring/folder.rs"]
mod folder;

#[path = "authoring/cases.rs"]
mod cases;

#[path = "authoring/new.rs"]
mod new;

#[path = "authoring/page.rs"]
mod page;

#[path = "authoring/schema.rs"]
mod schema;

#[path = "authoring/first_pack.rs"]
mod first_pack;

#[path = "authoring/upgrade_day.rs"]
mod upgrade_day;

#[path = "authoring/lock.rs"]
mod lock;

#[path = "authoring/fuzz.rs"]
mod fuzz;

#[path = "authoring/step.rs"]
mod step;

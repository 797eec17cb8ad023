//! What the crate promises, on every database of `LOCKSTEP_TEST_DATABASES`: `NAME=URL`, joined by commas, as `./test` sets
//! it. One trial for each promise and database; each works in a database of its own.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a trial stops where something unexpected happens; the harness says so"
)]

#[path = "databases/door.rs"]
mod door;

#[path = "databases/promises.rs"]
mod promises;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, url) in door::databases() {
        for (promise, check) in promises::ALL {
            let url = url.clone();
            let called = format!("{name}::{promise}");
            trials.push(Trial::test(called, move || {
                door::run(&url, promise, *check);
                Ok(())
            }));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

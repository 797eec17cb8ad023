//! The programs as they are built from the present sources.

use std::{env, io, path::PathBuf, process::Command};

/// Builds these programs for a test of this package; the folder that they are in.
///
/// They are built as `cargo test --workspace --test TEST` builds what the test is made of: which features a dependency has is
/// settled for all that is built at once, and anything else would be a second build of nearly everything.
///
/// # Errors
/// When they can't be built; cargo has told why.
pub fn build(programs: &[&str], test: &str) -> io::Result<PathBuf> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--workspace", "--test", test]);
    for program in programs {
        cargo.args(["--bin", program]);
    }
    // What cargo says to a test about its package: some build scripts would take it for news, and all that depends on them
    // would be built again, now and the next time.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    if !cargo.status()?.success() {
        return Err(io::Error::other(format!("{} can't be built", programs.join(", "))));
    }
    // A test is TARGET/PROFILE/deps/NAME, a program TARGET/PROFILE/NAME.
    let test = env::current_exe()?;
    let profile = test.ancestors().nth(2).ok_or_else(|| io::Error::other("no target folder"))?;
    Ok(profile.to_owned())
}

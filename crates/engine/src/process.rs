//! Processes of this machine: a mark that no other process ever has, by which a killed one is known to be gone at once.

/// Who this is, for people: `HOST/PID`.
pub(crate) fn own_name() -> String {
    format!("{}/{}", host(), std::process::id())
}

/// The mark of this process, where the system tells.
pub(crate) fn own_mark() -> Option<String> {
    process_mark(std::process::id())
}

/// Whether a mark is of a process of this machine that is gone.
pub(crate) fn is_gone(mark: Option<&str>) -> bool {
    let Some(mark) = mark else { return false };
    let mut parts = mark.rsplitn(3, ':');
    let (Some(_started), Some(pid), Some(place)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Ok(pid) = pid.parse::<u32>() else { return false };
    process_place().as_deref() == Some(place) && process_mark(pid).as_deref() != Some(mark)
}

/// The name of this machine.
pub fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    name.map_or_else(|_| "unknown".to_owned(), |name| name.trim().to_owned())
}

/// Boot and process namespace: within one, a process id means one process at a time.
fn process_place() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), space.to_string_lossy()))
}

/// `PLACE:PID:START`, which no other process ever has; `None` when the process is gone or the system doesn't tell.
fn process_mark(pid: u32) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything; the start time is field 22.
    let (_, after) = status.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let is_zombie = fields.next()? == "Z";
    let started = fields.nth(18)?;
    if is_zombie {
        return None;
    }
    Some(format!("{}:{pid}:{started}", process_place()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_this_machine_is_known_to_live_or_to_be_gone() {
        let own = own_mark().unwrap();
        assert!(!is_gone(Some(&own)));
        let mut child = std::process::Command::new("sleep").arg("30").spawn().unwrap();
        let mark = process_mark(child.id()).unwrap();
        assert!(!is_gone(Some(&mark)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(Some(&mark)));
        let reused = own.rsplit_once(':').map(|(place, _)| format!("{place}:1")).unwrap();
        assert!(is_gone(Some(&reused)));
    }

    #[test]
    fn a_process_elsewhere_is_never_taken_for_dead() {
        assert!(!is_gone(Some("other-boot/pid:[1]:1:1")));
        assert!(!is_gone(None));
        assert!(!is_gone(Some("nonsense")));
    }
}

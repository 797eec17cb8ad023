//! What the kernel counts for a process: processor time and peak memory, read from `/proc`.

use std::{fs, thread, time::Duration};

use crate::error::BenchError;

/// Clock ticks of a second in `/proc/PID/stat`. Linux shows all programs 100, whatever it uses itself (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// Processor seconds that a process has used, user and system, all its threads.
pub(crate) fn cpu_seconds(process: &str) -> Result<f64, BenchError> {
    let path = format!("/proc/{process}/stat");
    let text =
        fs::read_to_string(&path).map_err(BenchError::system(format!("{path} can't be read")))?;
    ticks(&text)
        .map(|ticks| ticks / TICKS_A_SECOND)
        .ok_or_else(|| BenchError::Bug(format!("{path} is not understood")))
}

/// User and system ticks: the fields 14 and 15. The name in the second field may hold anything, up to the last `)`.
fn ticks(stat: &str) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// Processor time of this thread.
pub(crate) fn thread_cpu() -> Result<Duration, BenchError> {
    let path = "/proc/thread-self/schedstat";
    let text =
        fs::read_to_string(path).map_err(BenchError::system(format!("{path} can't be read")))?;
    let nanoseconds = text.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| BenchError::Bug(format!("{path} is not understood")))
}

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak_bytes() -> Result<u64, BenchError> {
    kilobytes("/proc/self/status", "VmHWM:").map(|kilobytes| kilobytes * 1024)
}

/// The most memory that another process ever had resident, in bytes, if it still is the program of that name.
pub(crate) fn peak_bytes_of(process: &str, program: &str) -> Result<Option<u64>, BenchError> {
    let path = format!("/proc/{process}/comm");
    let name =
        fs::read_to_string(&path).map_err(BenchError::system(format!("{path} can't be read")))?;
    if name.trim() != program {
        return Ok(None);
    }
    kilobytes(&format!("/proc/{process}/status"), "VmHWM:").map(|kilobytes| Some(kilobytes * 1024))
}

/// Memory that programs can still have, in bytes.
pub(crate) fn available_bytes() -> Result<u64, BenchError> {
    kilobytes("/proc/meminfo", "MemAvailable:").map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(path: &str, name: &str) -> Result<u64, BenchError> {
    let text =
        fs::read_to_string(path).map_err(BenchError::system(format!("{path} can't be read")))?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix("kB")?.trim().parse().ok())
        .ok_or_else(|| BenchError::Bug(format!("{path} has no {name}")))
}

/// The load average of the last minute.
pub(crate) fn load_average() -> Result<f64, BenchError> {
    let path = "/proc/loadavg";
    let text =
        fs::read_to_string(path).map_err(BenchError::system(format!("{path} can't be read")))?;
    text.split_ascii_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| BenchError::Bug(format!("{path} is not understood")))
}

/// Cores that this process may use.
pub(crate) fn core_count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_behind_a_name_of_any_kind() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 1 0 55 0 0";
        assert!((ticks(stat).unwrap() - 280.0).abs() < f64::EPSILON);
        assert!(ticks("7 (a) S").is_none());
    }

    #[test]
    fn this_process_has_used_memory_and_time() {
        assert!(peak_bytes().unwrap() > 100_000);
        assert!(available_bytes().unwrap() > 0);
        assert!(cpu_seconds("self").unwrap() >= 0.0);
        assert!(thread_cpu().unwrap() > Duration::ZERO);
        assert!(load_average().unwrap() >= 0.0);
    }
}

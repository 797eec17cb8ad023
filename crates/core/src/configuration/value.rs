//! Single values of a configuration: addresses, paths, time spans, shares.

use std::time::Duration;

use crate::pack::{
    code,
    diagnostic::Findings,
    fields::{number, text},
    yaml::{Entry, Kind},
};

/// The longest time span that makes sense anywhere.
const DURATION_MAX: Duration = Duration::from_hours(24);

/// The address of something that speaks HTTP, without user and password.
pub(super) fn url(entry: &Entry, findings: &mut Findings) -> Option<String> {
    let written = text(entry, findings)?;
    let rest = written.value.strip_prefix("http://").or(written.value.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    if host.contains('@') {
        let message = format!("the address in `{}` holds a user or a password", entry.key.value);
        let fix = "leave them out of the address; name a file that holds the secret, or a variable";
        findings.error(code::CONFIGURATION_SECRET, &written.place, message, fix);
        return None;
    }
    if host.is_empty() {
        let message = format!("`{}` is no address", written.value);
        let fix = "write `http://host:port/path` or `https://host:port/path`";
        findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
        return None;
    }
    Some(written.value)
}

/// A path, relative to the file's folder.
pub(super) fn path(entry: &Entry, findings: &mut Findings) -> Option<String> {
    let written = text(entry, findings)?;
    if written.value.is_empty() || written.value.contains('\0') {
        let message = format!("`{}` names no file or folder", entry.key.value);
        let fix = "write a path; it is relative to the folder of this file";
        findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
        return None;
    }
    Some(written.value)
}

/// Refuses a secret that stands in the file itself. The message doesn't repeat it.
pub(super) fn no_secret(entry: &Entry, instead: &str, findings: &mut Findings) {
    let message = format!("`{}` would put a secret into this file", entry.key.value);
    let fix = format!(
        "write it into a file of its own and name that with `{instead}`, or set the variable"
    );
    findings.error(code::CONFIGURATION_SECRET, &entry.key.place, message, fix);
}

/// A time span such as `30s`.
pub(super) fn duration(entry: &Entry, findings: &mut Findings) -> Option<Duration> {
    let written = text(entry, findings)?;
    match duration_of(&written.value) {
        Ok(duration) => Some(duration),
        Err(fix) => {
            let message = format!("`{}` is no time span for `{}`", written.value, entry.key.value);
            findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
            None
        }
    }
}

pub(super) fn duration_of(text: &str) -> Result<Duration, String> {
    let fix = || {
        "write a whole number with its unit, such as `500ms`, `30s`, `5m` or `2h`; more than 0 and at most 24h".to_owned()
    };
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(fix)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_not_a_number| fix())?;
    let milliseconds = match unit {
        "ms" => Some(number),
        "s" => number.checked_mul(1_000),
        "m" => number.checked_mul(60_000),
        "h" => number.checked_mul(3_600_000),
        _ => None,
    };
    let span = Duration::from_millis(milliseconds.ok_or_else(fix)?);
    if span.is_zero() || span > DURATION_MAX { Err(fix()) } else { Ok(span) }
}

/// A whole number within bounds.
pub(super) fn bounded(
    entry: &Entry,
    (least, most): (u32, u32),
    findings: &mut Findings,
) -> Option<u32> {
    let written = number(entry, findings)?;
    if (least..=most).contains(&written.value) {
        return Some(written.value);
    }
    let message = format!("`{}` can't be {}", entry.key.value, written.value);
    let fix = format!("write a number from {least} to {most}");
    findings.error(code::CONFIGURATION_VALUE, &written.place, message, fix);
    None
}

/// A share in percent, from 0 to 100.
pub(super) fn percent(entry: &Entry, findings: &mut Findings) -> Option<u32> {
    bounded(entry, (0, 100), findings)
}

/// Whether a field has something in it: a field that is left empty is as good as none.
pub(super) fn is_written(entry: &Entry) -> bool {
    !matches!(entry.node.kind, Kind::Null)
}

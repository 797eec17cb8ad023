//! Numbers as people read them.

use std::time::Duration;

/// `1234567` → `1,234,567`
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 index`, `2 indices`
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// `8_400_000` → `8.4 MB`
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn bytes(number: u64) -> String {
    let units =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", number as f64 / *size as f64),
        None => format!("{number} B"),
    }
}

/// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=9 => format!("{:.1} s", time.as_secs_f64()),
        10..=59 => format!("{seconds} s"),
        60..=3_599 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// A time that is only guessed: whole seconds, at least one.
pub(crate) fn rough_duration(time: Duration) -> String {
    match time.as_secs().max(1) {
        seconds @ 1..=9 => format!("{seconds} s"),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

/// How many of these a second; 0 for no time at all.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is shown, and a cast from a float is bounded by the type"
)]
pub(crate) fn per_second(number: u64, time: Duration) -> u64 {
    let seconds = time.as_secs_f64();
    if seconds > 0.0 { (number as f64 / seconds).round() as u64 } else { 0 }
}

/// The share of `part` in `whole`, in whole percent; only 100 when nothing is left.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    let share = u128::from(part.min(whole)) * 100;
    u64::try_from(share.checked_div(u128::from(whole)).unwrap_or(100)).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_well_at_their_edges() {
        let counts = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in counts {
            assert_eq!(count(number), text);
        }
        let sizes = [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (8_400_000, "8.4 MB")];
        for (number, text) in sizes {
            assert_eq!(bytes(number), text);
        }
        let times = [
            (400, "0.4 s"),
            (12_000, "12 s"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (milliseconds, text) in times {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
        let guesses = [(0, "1 s"), (3, "3 s"), (75, "1 min 15 s")];
        for (seconds, text) in guesses {
            assert_eq!(rough_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(per_second(500, Duration::from_millis(250)), 2_000);
        assert_eq!(per_second(500, Duration::ZERO), 0);
        assert_eq!(
            [percent(0, 0), percent(1, 3), percent(999, 1_000), percent(5, 4)],
            [100, 33, 99, 100]
        );
    }
}

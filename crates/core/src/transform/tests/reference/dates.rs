//! Dates by hand: days are counted one month and one year after the other. Texts of documents here are well-formed, or no
//! dates at all; the table has the hard ones.

use super::Json;
use crate::transform::operation::{DateForm, Dating};

const SECOND: i128 = 1_000_000_000;

pub(super) fn date(dating: &Dating, value: &Json) -> Option<Json> {
    let (text, is_text) = match value {
        Json::Text(text) => (text.clone(), true),
        Json::Number(_) | Json::Digits(_) => (value.render(), false),
        _ => return None,
    };
    let zone = i128::from(dating.zone.minutes()) * 60;
    let nanoseconds = match &dating.from {
        DateForm::EpochMillis => since_epoch(&text, SECOND / 1000)?,
        DateForm::EpochSecond => since_epoch(&text, SECOND)?,
        DateForm::Iso if is_text => from_parts(&text, "Y-m-dTH:M:S", zone)?,
        DateForm::Pattern(_) if is_text => from_parts(&text, "d.m.Y H:M:S", zone)?,
        DateForm::Iso | DateForm::Pattern(_) => return None,
    };
    let range = -377_705_023_201 * SECOND..253_402_207_201 * SECOND;
    if !range.contains(&nanoseconds) {
        return None;
    }
    let unit = match &dating.to {
        DateForm::EpochMillis => SECOND / 1000,
        DateForm::EpochSecond => SECOND,
        DateForm::Iso | DateForm::Pattern(_) => {
            let is_iso = dating.to == DateForm::Iso;
            return to_parts(nanoseconds, zone, is_iso).map(Json::Text);
        }
    };
    (nanoseconds % unit == 0).then(|| Json::Digits((nanoseconds / unit).to_string()))
}

fn since_epoch(number: &str, unit: i128) -> Option<i128> {
    serde_json::from_str::<serde_json::Number>(number).ok().filter(|_| number.trim() == number)?;
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}").parse::<i128>().ok()?;
    let shift = exponent.parse::<i64>().ok()? - i64::try_from(fraction.len()).unwrap();
    if digits == 0 {
        return Some(0);
    }
    (0..shift.abs()).try_fold(digits.checked_mul(unit)?, |number, _| {
        if shift > 0 { number.checked_mul(10) } else { (number % 10 == 0).then_some(number / 10) }
    })
}

/// `order` names the parts with what stands between them; a fraction and `Z` may follow.
fn from_parts(text: &str, order: &str, zone: i128) -> Option<i128> {
    let (text, zone) = match text.strip_suffix('Z') {
        Some(text) if order.starts_with('Y') => (text, 0),
        _ => (text, zone),
    };
    let mut parts = std::collections::BTreeMap::new();
    let mut rest = text;
    for part in order.chars() {
        if !"YmdHMS".contains(part) {
            rest = rest.strip_prefix(part)?;
            continue;
        }
        let (digits, behind) = rest.split_at_checked(if part == 'Y' { 4 } else { 2 })?;
        parts.insert(part, digits.parse::<i128>().ok()?);
        rest = behind;
    }
    let fraction = match rest.strip_prefix('.') {
        Some(fraction) => format!("{fraction:0<9}").parse::<i128>().ok()?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    let days: i128 = (1970..parts[&'Y']).map(days_of_year).sum::<i128>()
        - (parts[&'Y']..1970).map(days_of_year).sum::<i128>()
        + (1..parts[&'m']).map(|month| days_of_month(parts[&'Y'], month)).sum::<i128>()
        + parts[&'d']
        - 1;
    let seconds = (days * 24 + parts[&'H']) * 3600 + parts[&'M'] * 60 + parts[&'S'] - zone;
    Some(seconds * SECOND + fraction)
}

fn to_parts(nanoseconds: i128, zone: i128, is_iso: bool) -> Option<String> {
    let seconds = nanoseconds.div_euclid(SECOND) + zone;
    let (mut days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += days_of_year(year);
    }
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    if !(0..=9999).contains(&year) {
        return None;
    }
    let mut month = 1;
    while days >= days_of_month(year, month) {
        days -= days_of_month(year, month);
        month += 1;
    }
    let day = days + 1;
    let clock = format!("{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60);
    let fraction = format!("{:09}", nanoseconds.rem_euclid(SECOND));
    let fraction = fraction.trim_end_matches('0');
    Some(if is_iso {
        let zone = match zone / 60 {
            0 => "Z".to_owned(),
            minutes => format!("+{:02}:{:02}", minutes / 60, minutes % 60),
        };
        format!("{year:04}-{month:02}-{day:02}T{clock}.{fraction:0<3}{zone}")
    } else {
        let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
        format!("{day:02}.{month:02}.{year:04} {clock}{fraction}")
    })
}

fn days_of_year(year: i128) -> i128 {
    if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 }
}

fn days_of_month(year: i128, month: i128) -> i128 {
    match month {
        2 => days_of_year(year) - 337,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

//! `date`: a moment that is written in another form. No clock and no time zone data take part, so that it is the same on
//! every machine, and nothing is rounded: what the new form can't say is not said.

use jiff::{Timestamp, civil::DateTime, fmt::strtime::BrokenDownTime, tz::Offset};

use super::{
    document::Shape,
    operation::{DateForm, Dating},
    rejection::RejectionCode,
    rewrite::{Rewrite, Rewritten, content},
};
use crate::json::{Decimal, Digits, Scanner, quote};

/// What may stand in a pattern.
const DIRECTIVES: [&str; 13] = ["Y", "m", "d", "H", "I", "p", "M", "S", ".f", ":z", "z", "b", "B"];

/// The two forms of a `date`, and the zone.
#[derive(Debug, Clone)]
pub(super) struct Redating {
    from: DateForm,
    to: DateForm,
    offset: Offset,
}

impl Redating {
    pub(super) fn of(dating: &Dating) -> Self {
        let offset = offset_of(dating.zone.minutes()).unwrap_or(Offset::UTC);
        Self { from: dating.from.clone(), to: dating.to.clone(), offset }
    }

    fn moment(&self, shape: Shape, json: &str) -> Option<Timestamp> {
        let text = match shape {
            Shape::String => content(json),
            Shape::Number => json.to_owned(),
            Shape::Object | Shape::Array | Shape::Boolean | Shape::Null => return None,
        };
        match (&self.from, shape) {
            (DateForm::EpochMillis, _) => since_epoch(&text, 6),
            (DateForm::EpochSecond, _) => since_epoch(&text, 9),
            (DateForm::Iso, Shape::String) => iso(&text, self.offset),
            (DateForm::Pattern(pattern), Shape::String) => by_pattern(pattern, &text, self.offset),
            (DateForm::Iso | DateForm::Pattern(_), _) => None,
        }
    }

    /// JSON text; `None` where the form can't say the moment exactly.
    fn written(&self, moment: Timestamp) -> Option<String> {
        let text = match &self.to {
            DateForm::EpochMillis => return whole(moment.as_nanosecond(), 1_000_000),
            DateForm::EpochSecond => return whole(moment.as_nanosecond(), 1_000_000_000),
            DateForm::Iso => written_iso(moment, self.offset)?,
            DateForm::Pattern(pattern) => written_pattern(pattern, moment, self.offset)?,
        };
        let mut json = String::with_capacity(text.len() + 2);
        quote(&text, &mut json);
        Some(json)
    }
}

impl Rewrite for Redating {
    const CODE: RejectionCode = RejectionCode::Date;

    fn rewrite(&self, shape: Shape, json: &str) -> Rewritten {
        if shape == Shape::Null {
            return Rewritten::Same;
        }
        match self.moment(shape, json).and_then(|moment| self.written(moment)) {
            Some(written) if written == json => Rewritten::Same,
            Some(written) => Rewritten::Json(written),
            None => Rewritten::Impossible,
        }
    }

    fn problem(&self) -> String {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        format!("is no date of the form `{from}` that `{to}` can say exactly")
    }
}

/// Why a text is no pattern; `None` when it is one.
pub(super) fn fault_of_pattern(pattern: &str) -> Option<String> {
    if !pattern.contains('%') {
        let reason = "write `epoch_millis`, `epoch_second`, `iso`, or a pattern such as `%d.%m.%Y`";
        return Some(reason.to_owned());
    }
    let mut rest = pattern;
    while let Some((_, behind)) = rest.split_once('%') {
        let known = |directive: &&&str| behind.starts_with(**directive);
        let Some(directive) = DIRECTIVES.iter().find(known) else {
            let known = DIRECTIVES.map(|directive| format!("%{directive}")).join(" ");
            return Some(format!("known in a pattern are {known}"));
        };
        rest = behind.get(directive.len()..).unwrap_or_default();
    }
    // A day that no other day is written like.
    let day = Timestamp::constant(981_158_400, 0);
    let is_day = written_pattern(pattern, day, Offset::UTC).is_some();
    (!is_day).then(|| "it does not say the day: year, month and day are needed".to_owned())
}

/// Minutes to the east of `+02:00` or `-0330`.
pub(super) fn distance(text: &str) -> Option<i32> {
    let mut rest = text;
    let minutes = distance_of(&mut rest)?;
    rest.is_empty().then_some(minutes)
}

/// `+02:00`
pub(super) fn written_distance(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn offset_of(minutes: i32) -> Option<Offset> {
    Offset::from_seconds(minutes * 60).ok()
}

/// The moment that a JSON value stands for as engines take it where nothing else is said: ISO, or milliseconds since 1970.
pub(crate) fn moment(json: &str) -> Option<Timestamp> {
    if !json.starts_with('"') {
        return since_epoch(json, 6);
    }
    let text = content(json);
    iso(&text, Offset::UTC).or_else(|| since_epoch(&text, 6))
}

/// `power` takes the unit to nanoseconds.
fn since_epoch(number: &str, power: i64) -> Option<Timestamp> {
    let mut scanner = Scanner::new(number);
    if scanner.number().is_err() || scanner.position() != number.len() {
        return None;
    }
    let Decimal { negative, digits: Digits::Short(digits), exponent } = Decimal::of(number) else {
        return None;
    };
    let power = if digits == 0 { 0 } else { u32::try_from(exponent.checked_add(power)?).ok()? };
    let nanoseconds = i128::from(digits).checked_mul(10_i128.checked_pow(power)?)?;
    Timestamp::from_nanosecond(if negative { -nanoseconds } else { nanoseconds }).ok()
}

fn whole(nanoseconds: i128, unit: i128) -> Option<String> {
    (nanoseconds % unit == 0).then(|| (nanoseconds / unit).to_string())
}

/// What engines call `strict_date_optional_time`: a year, then what is more exact, down to nanoseconds.
fn iso(text: &str, offset: Offset) -> Option<Timestamp> {
    let mut rest = text;
    let mut offset = offset;
    let (mut month, mut day, mut time) = (1, 1, (0, 0, 0, 0));
    let year = number(&mut rest, 4)?;
    if eat(&mut rest, "-") {
        month = number(&mut rest, 2)?;
        if eat(&mut rest, "-") {
            day = number(&mut rest, 2)?;
            if eat(&mut rest, "T") {
                time = time_of_day(&mut rest)?;
                if !rest.is_empty() {
                    let minutes = if eat(&mut rest, "Z") { 0 } else { distance_of(&mut rest)? };
                    offset = offset_of(minutes)?;
                }
            }
        }
    }
    let (hour, minute, second, nanosecond) = time;
    let small = |number: i32| i8::try_from(number).ok();
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        nanosecond,
    );
    rest.is_empty().then_some(())?;
    offset.to_timestamp(civil.ok()?).ok()
}

fn time_of_day(rest: &mut &str) -> Option<(i32, i32, i32, i32)> {
    let hour = number(rest, 2)?;
    if !eat(rest, ":") {
        return Some((hour, 0, 0, 0));
    }
    let minute = number(rest, 2)?;
    if !eat(rest, ":") {
        return Some((hour, minute, 0, 0));
    }
    let second = number(rest, 2)?;
    let mut nanosecond = 0;
    if eat(rest, ".") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let power = u32::try_from(9_usize.checked_sub(digits)?).ok()?;
        nanosecond = number(rest, digits)? * 10_i32.pow(power);
    }
    Some((hour, minute, second, nanosecond))
}

/// `+02`, `+0200` or `+02:00`, in minutes.
fn distance_of(rest: &mut &str) -> Option<i32> {
    let sign = if eat(rest, "+") {
        1
    } else if eat(rest, "-") {
        -1
    } else {
        return None;
    };
    let hours = number(rest, 2)?;
    let minutes = if eat(rest, ":") || !rest.is_empty() { number(rest, 2)? } else { 0 };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// So many digits, at least one.
fn number(rest: &mut &str, digits: usize) -> Option<i32> {
    let (front, behind) = rest.split_at_checked(digits)?;
    let is_number = digits > 0 && front.bytes().all(|byte| byte.is_ascii_digit());
    *rest = behind;
    if is_number { front.parse().ok() } else { None }
}

fn eat(rest: &mut &str, front: &str) -> bool {
    match rest.strip_prefix(front) {
        Some(behind) => {
            *rest = behind;
            true
        }
        None => false,
    }
}

/// At least three digits behind the second, at most nine, as engines write it.
fn written_iso(moment: Timestamp, offset: Offset) -> Option<String> {
    let civil = civil_of(moment, offset)?;
    let fraction = format!("{:09}", civil.subsec_nanosecond());
    let kept = fraction.trim_end_matches('0').len().max(3);
    let zone = if offset == Offset::UTC {
        "Z".to_owned()
    } else {
        written_distance(offset.seconds() / 60)
    };
    Some(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{}{zone}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second(),
        fraction.get(..kept)?
    ))
}

/// Engines write other years in other ways.
fn civil_of(moment: Timestamp, offset: Offset) -> Option<DateTime> {
    let civil = offset.to_datetime(moment);
    (0..=9999).contains(&civil.year()).then_some(civil)
}

fn by_pattern(pattern: &str, text: &str, offset: Offset) -> Option<Timestamp> {
    let parts = BrokenDownTime::parse(pattern, text).ok()?;
    let offset = parts.offset().unwrap_or(offset);
    offset.to_timestamp(parts.to_datetime().ok()?).ok()
}

/// Only what is read back as the same moment was said exactly.
fn written_pattern(pattern: &str, moment: Timestamp, offset: Offset) -> Option<String> {
    let mut parts = BrokenDownTime::from(civil_of(moment, offset)?);
    parts.set_offset(Some(offset));
    let mut text = String::new();
    parts.format(pattern, &mut text).ok()?;
    (by_pattern(pattern, &text, offset) == Some(moment)).then_some(text)
}

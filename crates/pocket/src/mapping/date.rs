//! Which texts a date field takes, and the instant that they mean.
//!
//! Formats are the engines' named ones that migrations meet, plus patterns of the letters
//! `yMdHmsSXxZ`. A pattern beyond that is accepted without a look ([`Format::Opaque`]).

use serde_json::Value;

use crate::node::Flavour;

/// The alternatives of a `format`, in order.
#[derive(Debug, Clone)]
pub(crate) struct DateFormats {
    formats: Vec<Format>,
    /// As it stands in the mapping, for messages.
    pub(crate) text: String,
}

#[derive(Debug, Clone)]
enum Format {
    OptionalTime {
        strict: bool,
    },
    EpochMillis {
        /// Before 1970 too.
        signed: bool,
    },
    EpochSecond,
    Pattern(Vec<Piece>),
    /// A pattern that does not look at the calendar.
    Lenient(Vec<Piece>),
    Opaque,
}

#[derive(Debug, Clone)]
enum Piece {
    Number { letter: char, width: usize },
    Zone,
    Literal(char),
}

const DEFAULT: &str = "strict_date_optional_time||epoch_millis";

impl DateFormats {
    /// The `format` parameter of a mapping, or the default.
    pub(crate) fn parse(value: Option<&Value>, flavour: Flavour) -> Self {
        let text = value.and_then(Value::as_str).unwrap_or(DEFAULT).to_owned();
        let formats = text.split("||").map(|name| parse_format(name.trim(), flavour)).collect();
        Self { formats, text }
    }

    /// The instant in milliseconds since 1970, or `None` when no alternative fits.
    pub(crate) fn millis(&self, text: &str) -> Option<i64> {
        self.formats.iter().find_map(|format| match format {
            Format::OptionalTime { strict } => optional_time(text, *strict),
            Format::EpochMillis { signed } => {
                epoch(text, 1).filter(|_| *signed || !text.starts_with('-'))
            }
            Format::EpochSecond => epoch(text, 1000).filter(|_| text != "-0"),
            Format::Pattern(pieces) => pattern(text, pieces)?.millis_since_1970(),
            // What the calendar lacks, such as 2023-02-29, is taken for a day near it.
            Format::Lenient(pieces) => {
                let moment = pattern(text, pieces)?;
                let near = Moment { month: moment.month.clamp(1, 12), day: 1, ..moment };
                near.millis_since_1970()
            }
            Format::Opaque => Some(0),
        })
    }
}

/// Whether dynamic mapping takes this string for a date.
pub(crate) fn is_detected(text: &str) -> bool {
    // Cheap refusal first: most strings are no dates.
    let mut bytes = text.bytes();
    if !bytes.by_ref().take(4).all(|byte| byte.is_ascii_digit()) || text.len() < 4 {
        return false;
    }
    match text.as_bytes().get(4) {
        Some(b'-') => optional_time(text, true).is_some(),
        Some(b'/') => {
            let formats = "yyyy/MM/dd HH:mm:ss Z||yyyy/MM/dd Z||yyyy/MM/dd HH:mm:ss||yyyy/MM/dd";
            let formats = Value::from(formats);
            let detected = DateFormats::parse(Some(&formats), Flavour::OpenSearch);
            detected.millis(text).is_some()
        }
        // Numbers in strings are no dates, although "2024" would parse as a year.
        _ => false,
    }
}

fn parse_format(name: &str, flavour: Flavour) -> Format {
    let (strict, plain) = name.strip_prefix("strict_").map_or((false, name), |rest| (true, rest));
    if name == "strict_date" {
        return parse_pattern("uuuu-MM-dd").map_or(Format::Opaque, Format::Lenient);
    }
    let pattern = match plain {
        "date_optional_time" | "date_optional_time_nanos" => {
            return Format::OptionalTime { strict };
        }
        // Elasticsearch 7 knows no milliseconds before 1970.
        "epoch_millis" => {
            return Format::EpochMillis { signed: flavour == Flavour::OpenSearch };
        }
        "epoch_second" => return Format::EpochSecond,
        "date" | "year_month_day" => "yyyy-MM-dd",
        "year_month" => "yyyy-MM",
        "year" => "yyyy",
        "basic_date" => "yyyyMMdd",
        "basic_date_time" => "yyyyMMdd'T'HHmmss.SSSX",
        "basic_date_time_no_millis" => "yyyyMMdd'T'HHmmssX",
        "date_hour_minute_second" => "yyyy-MM-dd'T'HH:mm:ss",
        "date_hour_minute_second_millis" | "date_hour_minute_second_fraction" => {
            "yyyy-MM-dd'T'HH:mm:ss.SSS"
        }
        "date_time" => "yyyy-MM-dd'T'HH:mm:ss.SSSX",
        "date_time_no_millis" => "yyyy-MM-dd'T'HH:mm:ssX",
        other if other.contains("yy") || other.contains("uu") => other,
        _ => return Format::Opaque,
    };
    parse_pattern(pattern).map_or(Format::Opaque, Format::Pattern)
}

fn parse_pattern(pattern: &str) -> Option<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut quoted = false;
    for character in pattern.chars() {
        match character {
            '\'' => quoted = !quoted,
            _ if quoted => pieces.push(Piece::Literal(character)),
            'y' | 'u' | 'M' | 'd' | 'H' | 'm' | 's' | 'S' => {
                let letter = character;
                match pieces.last_mut() {
                    Some(Piece::Number { letter: last, width }) if *last == letter => *width += 1,
                    _ => pieces.push(Piece::Number { letter, width: 1 }),
                }
            }
            'X' | 'x' | 'Z' => {
                if !matches!(pieces.last(), Some(Piece::Zone)) {
                    pieces.push(Piece::Zone);
                }
            }
            letter if letter.is_ascii_alphabetic() => return None,
            other => pieces.push(Piece::Literal(other)),
        }
    }
    Some(pieces)
}

/// A moment being put together from its parts.
#[derive(Clone, Copy)]
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    millis: i64,
    offset_minutes: i64,
}

impl Moment {
    const START: Self = Self {
        year: 1970,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        millis: 0,
        offset_minutes: 0,
    };

    fn millis_since_1970(self) -> Option<i64> {
        let fits = (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second);
        fits.then(|| {
            let minutes = (days_since_1970(self.year, self.month, self.day) * 24 + self.hour) * 60
                + self.minute
                - self.offset_minutes;
            (minutes * 60 + self.second) * 1000 + self.millis
        })
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar (era arithmetic: 400 years are
/// 146,097 days).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted_month = (month + 9) % 12;
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn epoch(text: &str, millis_per_unit: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    whole.parse::<i64>().ok()?.checked_mul(millis_per_unit)
}

/// The rest of a text that is being read from the left.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.parse().ok()
    }

    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Milliseconds from one to nine fraction digits.
    fn fraction(&mut self) -> Option<i64> {
        let before = self.rest.len();
        let value = self.number(1, 9)?;
        let digits = u32::try_from(before - self.rest.len()).ok()?;
        Some(if digits <= 3 {
            value * 10_i64.pow(3 - digits)
        } else {
            value / 10_i64.pow(digits - 3)
        })
    }

    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`, in minutes.
    fn zone(&mut self) -> Option<i64> {
        if self.take('Z') {
            return Some(0);
        }
        let sign = if self.take('+') {
            1
        } else if self.take('-') {
            -1
        } else {
            return None;
        };
        let hours = self.number(2, 2)?;
        let colon = self.take(':');
        let minutes = match self.number(2, 2) {
            Some(minutes) => minutes,
            None if colon => return None,
            None => 0,
        };
        Some(sign * (hours * 60 + minutes))
    }
}

fn optional_time(text: &str, strict: bool) -> Option<i64> {
    let least = |digits: usize| if strict { digits } else { 1 };
    let mut moment = Moment::START;
    let mut reader = Reader { rest: text };
    let negative = reader.take('-');
    moment.year = if !negative && strict && reader.take('+') {
        // A sign is for years of more than four digits.
        reader.number(5, 9)?
    } else {
        let year = reader.number(least(4), if strict { 4 } else { 5 })?;
        if negative { -year } else { year }
    };
    if reader.take('-') {
        moment.month = reader.number(least(2), 2)?;
        if reader.take('-') {
            moment.day = reader.number(least(2), 2)?;
        }
    }
    if reader.take('T') && !reader.rest.is_empty() {
        moment.hour = reader.number(least(2), 2)?;
        if reader.take(':') {
            moment.minute = reader.number(least(2), 2)?;
            if reader.take(':') {
                moment.second = reader.number(least(2), 2)?;
                if reader.take('.') || reader.take(',') {
                    moment.millis = reader.fraction()?;
                }
            }
        }
        if !reader.rest.is_empty() {
            moment.offset_minutes = reader.zone()?;
        }
    }
    if reader.rest.is_empty() { moment.millis_since_1970() } else { None }
}

fn pattern(text: &str, pieces: &[Piece]) -> Option<Moment> {
    let mut moment = Moment::START;
    let mut reader = Reader { rest: text };
    for piece in pieces {
        match piece {
            Piece::Literal(character) => {
                if !reader.take(*character) {
                    return None;
                }
            }
            Piece::Zone => moment.offset_minutes = reader.zone()?,
            Piece::Number { letter: 'S', .. } => moment.millis = reader.fraction()?,
            Piece::Number { letter: letter @ ('y' | 'u'), width: 4 } => {
                moment.year = if *letter == 'u' && reader.take('-') {
                    -reader.number(4, 4)?
                } else if reader.take('+') {
                    reader.number(5, 9)?
                } else {
                    // `y` is the year of an era, which begins with 1.
                    reader.number(4, 4).filter(|year| *letter == 'u' || *year > 0)?
                };
            }
            Piece::Number { letter, width } => {
                let most = if *width == 1 { 2 } else { *width };
                let value = reader.number(*width, most)?;
                match letter {
                    'y' | 'u' if *width == 2 => moment.year = 2000 + value,
                    'y' | 'u' => moment.year = value,
                    'M' => moment.month = value,
                    'd' => moment.day = value,
                    'H' => moment.hour = value,
                    'm' => moment.minute = value,
                    _ => moment.second = value,
                }
            }
        }
    }
    reader.rest.is_empty().then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Option<&str>, text: &str, expected: Option<i64>) {
        let format = format.map(Value::from);
        let parsed = DateFormats::parse(format.as_ref(), Flavour::Elasticsearch).millis(text);
        assert_eq!(parsed, expected, "{text} as {format:?}");
    }

    #[test]
    fn the_default_takes_iso_dates_and_milliseconds() {
        check(None, "1970-01-02", Some(86_400_000));
        check(None, "2024-02-29T12:30:15.250Z", Some(1_709_209_815_250));
        check(None, "2024-02-29T12:30:15.123456+02:00", Some(1_709_202_615_123));
        check(None, "2024-02", Some(1_706_745_600_000));
        check(None, "1709209815250", Some(1_709_209_815_250));
        check(None, "-1", None);
        check(None, "2024-01-31T", Some(1_706_659_200_000));
        check(None, "2023-02-29", None);
        check(None, "2024-2-9", None);
        check(None, "2024-02-29 12:30:15", None);
        check(None, "tomorrow", None);
        check(None, "", None);
    }

    #[test]
    fn named_formats_and_patterns() {
        check(Some("epoch_second"), "10", Some(10_000));
        check(Some("yyyy-MM-dd HH:mm:ss"), "1970-01-01 00:00:01", Some(1000));
        check(Some("yyyy-MM-dd HH:mm:ss"), "1970-01-01", None);
        check(Some("yyyy-MM-dd HH:mm:ss||epoch_millis"), "7", Some(7));
        check(Some("basic_date"), "19700102", Some(86_400_000));
        check(Some("date_optional_time"), "1970-1-2", Some(86_400_000));
    }

    #[test]
    fn detection_is_for_dates_only() {
        for text in ["2024-01-02", "2024-01-02T03:04:05Z", "2024/01/02"] {
            assert!(is_detected(text), "{text}");
        }
        for text in ["12", "2024", "2024-01-02 03:04", "abc", "20240102", "v1.2"] {
            assert!(!is_detected(text), "{text}");
        }
    }
}

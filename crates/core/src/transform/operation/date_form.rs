//! `date`: how a moment is written, and in which zone.

use serde::{Deserialize, Serialize};

use super::{FieldPath, Otherwise};
use crate::transform::date;

/// What `date` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dating {
    /// The field.
    pub field: FieldPath,
    /// How its values are written.
    pub from: DateForm,
    /// How they are written afterwards.
    pub to: DateForm,
    /// The zone of texts that name none, and the one that texts are written in.
    #[serde(default)]
    pub zone: Zone,
    /// When a value is not written so, or can't be written as it should be.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// How a moment is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DateForm {
    /// Milliseconds since 1970, as a number or a text of its digits.
    EpochMillis,
    /// Seconds since 1970.
    EpochSecond,
    /// As engines write it: `2020-01-02T03:04:05.678Z`.
    Iso,
    /// A pattern with `%Y` and the like, which says the day at least.
    Pattern(String),
}

/// Why a text is no form of a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no form of a date: {reason}")]
pub struct NotADateForm {
    text: String,
    reason: String,
}

impl DateForm {
    /// The form as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::EpochMillis => "epoch_millis",
            Self::EpochSecond => "epoch_second",
            Self::Iso => "iso",
            Self::Pattern(pattern) => pattern,
        }
    }
}

impl TryFrom<String> for DateForm {
    type Error = NotADateForm;

    fn try_from(text: String) -> Result<Self, NotADateForm> {
        match text.as_str() {
            "epoch_millis" => return Ok(Self::EpochMillis),
            "epoch_second" => return Ok(Self::EpochSecond),
            "iso" => return Ok(Self::Iso),
            _ => {}
        }
        match date::fault_of_pattern(&text) {
            None => Ok(Self::Pattern(text)),
            Some(reason) => Err(NotADateForm { text, reason }),
        }
    }
}

impl From<DateForm> for String {
    fn from(form: DateForm) -> Self {
        form.as_str().to_owned()
    }
}

/// A fixed distance from UTC. Zones with names are left out: their rules are data that changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    /// Minutes to the east.
    minutes: i32,
}

/// Why a text is no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no zone: `UTC` or a fixed distance such as `+02:00` is needed")]
pub struct NotAZone(String);

impl Zone {
    /// Minutes to the east of UTC.
    pub fn minutes(self) -> i32 {
        self.minutes
    }
}

impl TryFrom<String> for Zone {
    type Error = NotAZone;

    fn try_from(text: String) -> Result<Self, NotAZone> {
        let minutes = if text == "UTC" { Some(0) } else { date::distance(&text) };
        minutes.map(|minutes| Self { minutes }).ok_or(NotAZone(text))
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        if zone.minutes == 0 { "UTC".to_owned() } else { date::written_distance(zone.minutes) }
    }
}

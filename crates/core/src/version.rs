//! Versions of an application, and the rule that tells minor from major.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Numbers separated by dots, such as `0.8.1.2`. A missing number counts as 0: `1.0` equals `1`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    text: String,
    numbers: Vec<u64>,
}

/// The first numbers of a version, which decide whether data must be taken through steps.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DataVersion(Vec<u64>);

/// Why a text is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a version: it needs numbers separated by dots, such as `0.8.1`")]
pub struct NotAVersion {
    text: String,
}

impl Version {
    /// The version as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its first `data_parts` numbers, filled up with 0.
    pub fn data(&self, data_parts: usize) -> DataVersion {
        let filled = self.numbers.iter().copied().chain(std::iter::repeat(0));
        DataVersion(filled.take(data_parts).collect())
    }

    /// The numbers without trailing zeros: equal for versions that count as equal.
    fn significant(&self) -> &[u64] {
        let length =
            self.numbers.iter().rposition(|number| *number != 0).map_or(0, |last| last + 1);
        self.numbers.get(..length).unwrap_or_default()
    }
}

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u64>().ok()).flatten()
        };
        let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
        match numbers {
            Some(numbers) => Ok(Self { text: text.to_owned(), numbers }),
            None => Err(NotAVersion { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.text
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for Version {}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.significant().cmp(other.significant())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn a_missing_number_counts_as_zero() {
        assert_eq!(version("1"), version("1.0.0"));
        assert_eq!(version("0.8").data(3), version("0.8.0.9").data(3));
        assert_ne!(version("0.8.1"), version("0.8"));
    }

    #[test]
    fn the_data_version_tells_minor_from_major() {
        assert_eq!(version("0.8.1.2").data(3), version("0.8.1.7").data(3));
        assert_ne!(version("0.8.0").data(3), version("0.8.1").data(3));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        assert!(version("0.10") > version("0.9.9"));
        assert!(version("0.8.2") < version("0.8.2.1"));
    }

    #[test]
    fn other_texts_are_refused_by_name() {
        for text in ["", "1.", ".1", "v1", "1.x", "1.0-dev", "+1", "99999999999999999999"] {
            let refusal = text.parse::<Version>().unwrap_err();
            assert!(refusal.to_string().contains(&format!("`{text}`")), "{refusal}");
        }
    }
}

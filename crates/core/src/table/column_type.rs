//! The types of columns as a pack writes them: `string(40)`, `decimal(10,2)`, `timestamp`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a column holds. It means the same in every database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ColumnType {
    /// A text of so many characters at the most.
    String {
        /// 1 to [`ColumnType::LENGTH_MAX`].
        length: u32,
    },
    /// A text of any length.
    Text,
    /// A whole number of 64 bits with a sign.
    Integer,
    /// A floating point number of 64 bits.
    Double,
    /// A number with so many digits, of which some are behind the point.
    Decimal {
        /// All digits, 1 to [`ColumnType::PRECISION_MAX`].
        precision: u32,
        /// Digits behind the point, at most [`ColumnType::SCALE_MAX`] and no more than there are.
        scale: u32,
    },
    /// `true` or `false`.
    Boolean,
    /// Any JSON value.
    Json,
    /// A moment in UTC, exact to the microsecond.
    Timestamp,
}

/// Why a text is no type of a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAColumnType {
    /// There is no such type.
    #[error("there is no column type `{0}`")]
    Unknown(String),
    /// The type needs numbers in brackets, or other ones.
    #[error("`{text}` is no column type: {reason}")]
    Numbers {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl ColumnType {
    /// Names of all types, without their numbers.
    pub const NAMES: [&str; 8] =
        ["string", "text", "integer", "double", "decimal", "boolean", "json", "timestamp"];
    /// Characters that every database takes in one column: with four bytes for each, a row of MySQL has no room for more.
    pub const LENGTH_MAX: u32 = 16_000;
    /// Digits that every database takes.
    pub const PRECISION_MAX: u32 = 65;
    /// Digits behind the point that every database takes.
    pub const SCALE_MAX: u32 = 30;

    /// Whether a column of this type can be part of a primary key in every database.
    pub fn can_be_key(self) -> bool {
        match self {
            Self::String { .. }
            | Self::Integer
            | Self::Decimal { .. }
            | Self::Boolean
            | Self::Timestamp => true,
            Self::Text | Self::Double | Self::Json => false,
        }
    }
}

impl TryFrom<String> for ColumnType {
    type Error = NotAColumnType;

    fn try_from(text: String) -> Result<Self, NotAColumnType> {
        let wrong = |reason| NotAColumnType::Numbers { text: text.clone(), reason };
        let (name, numbers) = match text.split_once('(') {
            Some((name, rest)) => {
                let inside =
                    rest.strip_suffix(')').ok_or_else(|| wrong("its bracket is not closed"))?;
                let number = |one: &str| one.trim().parse::<u32>();
                let numbers: Result<Vec<u32>, _> = inside.split(',').map(number).collect();
                (
                    name.trim(),
                    numbers
                        .map_err(|_not_a_number| wrong("whole numbers stand in the brackets"))?,
                )
            }
            None => (text.as_str(), Vec::new()),
        };
        match (name, numbers.as_slice()) {
            ("string", [length]) if (1..=Self::LENGTH_MAX).contains(length) => {
                Ok(Self::String { length: *length })
            }
            ("string", _) => {
                Err(wrong("write `string(N)` with a length from 1 to 16000, or `text`"))
            }
            ("decimal", [precision, scale])
                if (1..=Self::PRECISION_MAX).contains(precision)
                    && *scale <= Self::SCALE_MAX
                    && scale <= precision =>
            {
                Ok(Self::Decimal { precision: *precision, scale: *scale })
            }
            ("decimal", _) => Err(wrong(
                "write `decimal(P,S)`: P digits, at most 65, of which S are behind the point, at most 30",
            )),
            ("text", []) => Ok(Self::Text),
            ("integer", []) => Ok(Self::Integer),
            ("double", []) => Ok(Self::Double),
            ("boolean", []) => Ok(Self::Boolean),
            ("json", []) => Ok(Self::Json),
            ("timestamp", []) => Ok(Self::Timestamp),
            (known, _) if Self::NAMES.contains(&known) => Err(wrong("this type takes no numbers")),
            (unknown, _) => Err(NotAColumnType::Unknown(unknown.to_owned())),
        }
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> Self {
        column_type.to_string()
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String { length } => write!(formatter, "string({length})"),
            Self::Text => formatter.write_str("text"),
            Self::Integer => formatter.write_str("integer"),
            Self::Double => formatter.write_str("double"),
            Self::Decimal { precision, scale } => write!(formatter, "decimal({precision},{scale})"),
            Self::Boolean => formatter.write_str("boolean"),
            Self::Json => formatter.write_str("json"),
            Self::Timestamp => formatter.write_str("timestamp"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_written() {
        for text in [
            "string(1)",
            "string(16000)",
            "text",
            "integer",
            "double",
            "decimal(10,2)",
            "decimal(65,30)",
            "boolean",
            "json",
            "timestamp",
        ] {
            let read = ColumnType::try_from(text.to_owned()).expect(text);
            assert_eq!(read.to_string(), text);
        }
        for text in [
            "string",
            "string(0)",
            "string(16001)",
            "string(4",
            "string(x)",
            "string(1,2)",
            "text(5)",
            "decimal",
            "decimal(3)",
            "decimal(3,4)",
            "decimal(66,2)",
            "decimal(60,31)",
            "varchar(4)",
            "",
        ] {
            assert!(ColumnType::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}

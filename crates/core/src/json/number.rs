//! What a JSON number stands for, exactly: sign, digits and a power of ten.

/// The value of a JSON number; equal values are equal here, however they were written: `1.10`, `1.1` and `11e-1`.
///
/// An exponent of 18 digits or more is kept as it is written, so that two spellings of such a number may differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Below zero. Zero itself is never negative.
    pub negative: bool,
    /// Digits without zeros at either end.
    pub digits: Digits,
    /// The power of ten that the digits are multiplied by.
    pub exponent: i64,
}

/// The significant digits of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digits {
    /// Up to 19 of them; 0 for zero.
    Short(u64),
    /// More than 19, as text.
    Long(String),
}

/// 10^19 fits in 64 bits without a sign.
const SHORT_DIGITS_MAX: u32 = 19;

impl Decimal {
    /// Reads a valid JSON number.
    #[inline]
    pub fn of(number: &str) -> Self {
        let (negative, unsigned) = match number.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, number),
        };
        let mut reading = Reading::default();
        let mut bytes = unsigned.bytes();
        for byte in bytes.by_ref() {
            match byte {
                b'0'..=b'9' => reading.digit(byte - b'0'),
                b'.' => reading.in_fraction = true,
                // The exponent follows.
                _ => return reading.with_exponent(negative, unsigned),
            }
        }
        reading.finish(negative, 0)
    }

    /// The value as a signed 64-bit integer; `None` with a fraction or beyond the range.
    pub fn to_i64(&self) -> Option<i64> {
        let Digits::Short(digits) = self.digits else { return None };
        if digits == 0 {
            return Some(0);
        }
        let power = u32::try_from(self.exponent).ok().filter(|power| *power < SHORT_DIGITS_MAX)?;
        let magnitude = i128::from(digits).checked_mul(10_i128.checked_pow(power)?)?;
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }
}

/// Digits seen so far. Zeros wait until a digit follows that makes them significant.
#[derive(Debug, Default)]
struct Reading {
    short: u64,
    count: u32,
    zeros_waiting: u32,
    fraction_digits: i64,
    in_fraction: bool,
    long: Option<String>,
}

impl Reading {
    #[inline]
    fn digit(&mut self, digit: u8) {
        if self.in_fraction {
            self.fraction_digits += 1;
        }
        if digit == 0 {
            self.zeros_waiting += u32::from(self.count > 0);
            return;
        }
        let count = self.count.saturating_add(self.zeros_waiting).saturating_add(1);
        if count <= SHORT_DIGITS_MAX {
            // Cannot overflow: the result has at most 19 digits.
            let shift = 10_u64.wrapping_pow(self.zeros_waiting + 1);
            self.short = self.short.wrapping_mul(shift).wrapping_add(u64::from(digit));
        } else {
            let long = self.long.get_or_insert_with(|| self.short.to_string());
            (0..self.zeros_waiting).for_each(|_| long.push('0'));
            long.push(char::from(b'0' + digit));
        }
        self.count = count;
        self.zeros_waiting = 0;
    }

    fn with_exponent(self, negative: bool, unsigned: &str) -> Decimal {
        let text = unsigned.split(['e', 'E']).nth(1).unwrap_or_default();
        let magnitude = text.trim_start_matches(['+', '-']).trim_start_matches('0');
        if magnitude.len() >= 18 {
            return self.with_vast_exponent(negative, text.starts_with('-'), magnitude);
        }
        let exponent: i64 = if magnitude.is_empty() { 0 } else { magnitude.parse().unwrap_or(0) };
        self.finish(negative, if text.starts_with('-') { -exponent } else { exponent })
    }

    fn with_vast_exponent(self, negative: bool, below_one: bool, magnitude: &str) -> Decimal {
        let exponent = if below_one { i64::MIN } else { i64::MAX };
        let number = self.finish(negative, 0);
        match number.digits {
            Digits::Short(0) => number,
            Digits::Short(digits) => Decimal {
                digits: Digits::Long(format!("{digits}e{}+{magnitude}", number.exponent)),
                exponent,
                ..number
            },
            Digits::Long(digits) => Decimal {
                digits: Digits::Long(format!("{digits}e{}+{magnitude}", number.exponent)),
                exponent,
                ..number
            },
        }
    }

    #[inline]
    fn finish(self, negative: bool, exponent: i64) -> Decimal {
        if self.count == 0 {
            return Decimal { negative: false, digits: Digits::Short(0), exponent: 0 };
        }
        let exponent = exponent + i64::from(self.zeros_waiting) - self.fraction_digits;
        let digits = self.long.map_or(Digits::Short(self.short), Digits::Long);
        Decimal { negative, digits, exponent }
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn equal_values_are_equal() {
        let rows: [&[&str]; 9] = [
            &["0", "-0", "0.0", "-0.000", "0e5", "0E-99999999999999999999"],
            &["1", "1.0", "1e0", "10e-1", "0.1E+1", "1000000000000000000000e-21"],
            &["1.1", "1.10", "11e-1", "0.11e1", "110E-2"],
            &["-2.5", "-25e-1"],
            &["9007199254740993"],
            &["9007199254740992", "9007199254740992.0"],
            &["1e400", "10e399", "0.1e401"],
            &["123456789012345678901234567890", "12345678901234567890123456789e1"],
            &["1e99999999999999999999999", "1E+099999999999999999999999"],
        ];
        for (index, row) in rows.iter().enumerate() {
            for (other_index, other) in rows.iter().enumerate() {
                for (left, right) in
                    row.iter().flat_map(|left| other.iter().map(move |r| (left, r)))
                {
                    let equal = Decimal::of(left) == Decimal::of(right);
                    assert_eq!(equal, index == other_index, "{left} and {right}");
                }
            }
        }
    }

    #[test]
    fn integers_within_64_bits() {
        let rows = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0e30", Some(0)),
            ("1e3", Some(1000)),
            ("1.50e1", Some(15)),
            ("1.5", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("-9223372036854775809", None),
            ("9223372036854775807.000", Some(i64::MAX)),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("1e19", None),
            ("1e400", None),
            ("18446744073709551616", None),
            ("1e-1", None),
        ];
        for (number, expected) in rows {
            assert_eq!(Decimal::of(number).to_i64(), expected, "{number}");
        }
    }
}

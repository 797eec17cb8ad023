//! Numbers by value, from their text: `1.10`, `1.1` and `11e-1` are one number, 2^53 and 2^53 + 1 are two.

/// The one spelling of a JSON number: digits without zeros at either end, and a power of ten. `None` when the exponent does not
/// fit 64 bits.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix('+').unwrap_or(exponent).parse::<i64>().ok()?)
        }
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0');
    let shortest = significant.trim_end_matches('0');
    if shortest.is_empty() {
        // There is one zero: -0 and 0.0 are it.
        return Some("0".to_owned());
    }
    let zeros = i64::try_from(significant.len() - shortest.len()).ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent.checked_sub(places)?.checked_add(zeros)?;
    Some(format!("{sign}{shortest}e{power}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_spelling() {
        for same in [
            ["1.10", "1.1", "11e-1"],
            ["0", "-0", "0.000e7"],
            ["100", "1e2", "1.00E+2"],
            ["-3.10e2", "-310", "-0.31e3"],
            ["1e400", "10e399", "0.1e401"],
        ] {
            let spellings: Vec<_> = same.iter().map(|text| canonical(text).unwrap()).collect();
            assert!(spellings.windows(2).all(|pair| pair[0] == pair[1]), "{same:?} {spellings:?}");
        }
    }

    #[test]
    fn different_values_have_different_spellings() {
        for (one, other) in [
            ("9007199254740992", "9007199254740993"),
            ("1", "-1"),
            ("1", "10"),
            ("0.1", "0.10000000000000001"),
            ("1e400", "1e401"),
            ("123456789012345678901234567890", "123456789012345678901234567891"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one} {other}");
        }
    }
}

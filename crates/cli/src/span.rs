//! Spans of time on the command line: `14d`, `12h`, `90m`, `1w 2d`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Reads a span of time; a day has 24 hours.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let example = "write it like 14d, 12h or 30m";
    let span: Span = text.trim().parse().map_err(|_| example.to_owned())?;
    let duration = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| format!("months and years have no fixed length; {example}"))?;
    Duration::try_from(duration).map_err(|_| "it lies in the past".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let rows = [
            ("14d", Ok(14 * 86_400)),
            ("0s", Ok(0)),
            ("12h", Ok(43_200)),
            ("90m", Ok(5_400)),
            ("1w 2d", Ok(9 * 86_400)),
            ("14", Err("write it like")),
            ("soon", Err("write it like")),
            ("-1d", Err("past")),
            ("1y", Err("no fixed length")),
        ];
        for (text, expected) in rows {
            match (span(text), expected) {
                (Ok(found), Ok(seconds)) => assert_eq!(found.as_secs(), seconds, "{text}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{text}: {error}"),
                (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
            }
        }
    }
}

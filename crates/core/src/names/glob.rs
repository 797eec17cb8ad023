//! Patterns of the `ignore` list: `*` stands for any text, also none; every other character for itself.

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
}

impl Glob {
    /// A pattern; every text is one.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into() }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.pattern
    }

    /// Whether the whole text fits.
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.pattern.split_once('*') else {
            return self.pattern == text;
        };
        let Some(mut text) = text.strip_prefix(head) else {
            return false;
        };
        let (middles, tail) = rest.rsplit_once('*').map_or((None, rest), |(m, t)| (Some(m), t));
        let Some(without_tail) = text.strip_suffix(tail) else {
            return false;
        };
        text = without_tail;
        // The leftmost place for each part leaves the most room for the next one, so no way back is needed.
        for part in middles.into_iter().flat_map(|middles| middles.split('*')) {
            match text.split_once(part) {
                Some((_, after)) => text = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let fits = [
            ("*-scratch", "acme-scratch"),
            ("*-scratch", "-scratch"),
            ("acme-*", "acme-"),
            ("a*b*c", "a-b-b-c"),
            ("a**c", "ac"),
            ("*", ""),
            ("plain", "plain"),
            ("a.c", "a.c"),
        ];
        for (pattern, text) in fits {
            assert!(Glob::new(pattern).matches(text), "{pattern} {text}");
        }
        let differs = [
            ("*-scratch", "acme-scratch2"),
            ("aba*aba", "aba"),
            ("a*b*c", "a-c"),
            ("a.c", "abc"),
            ("plain", "plain2"),
            ("", "x"),
        ];
        for (pattern, text) in differs {
            assert!(!Glob::new(pattern).matches(text), "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_regular_expression(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let oracle = format!("^{}$", pattern.replace('*', ".*"));
            let expected = regex::Regex::new(&oracle).unwrap().is_match(&text);
            prop_assert_eq!(Glob::new(pattern).matches(&text), expected);
        }
    }
}

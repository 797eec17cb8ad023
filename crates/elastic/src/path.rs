//! Request paths: segments and parameters, percent-encoded in one place so that no name can become a pattern or another path.

use std::fmt::{self, Write as _};

use crate::name::IndexName;

/// Longest list of index names in one path, in bytes: engines refuse a first line above 4,096 bytes.
const NAME_LIST_BYTES_MAX: usize = 3_000;

/// A path with parameters, as it stands in the first line of a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Path {
    text: String,
    has_parameter: bool,
}

impl Path {
    /// The root path: `/`, until a segment follows.
    pub(crate) fn root() -> Self {
        Self { text: String::new(), has_parameter: false }
    }

    /// A fixed path that needs no encoding, such as `/_cluster/health`.
    pub(crate) fn fixed(text: &'static str) -> Self {
        Self { text: text.to_owned(), has_parameter: text.contains('?') }
    }

    /// The path of one index.
    pub(crate) fn index(name: &IndexName) -> Self {
        Self::root().segment(name.as_str())
    }

    /// The path of several indices.
    pub(crate) fn indices(names: &[&IndexName]) -> Self {
        Self::root().list(names)
    }

    /// One more segment: several indices.
    pub(crate) fn list(mut self, names: &[&IndexName]) -> Self {
        self.text.push('/');
        for (position, name) in names.iter().enumerate() {
            if position > 0 {
                self.text.push(',');
            }
            encode(&mut self.text, name.as_str());
        }
        self
    }

    /// One more segment, encoded.
    pub(crate) fn segment(mut self, text: &str) -> Self {
        self.text.push('/');
        encode(&mut self.text, text);
        self
    }

    /// One more parameter, encoded.
    pub(crate) fn parameter(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.text.push(if self.has_parameter { '&' } else { '?' });
        self.has_parameter = true;
        self.text.push_str(name);
        self.text.push('=');
        encode(&mut self.text, &value.to_string());
        self
    }

    /// The text for the request.
    pub(crate) fn as_str(&self) -> &str {
        if self.text.is_empty() { "/" } else { &self.text }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// Cuts a list of names so that each part fits into one path.
pub(crate) fn name_lists(names: &[IndexName]) -> Vec<Vec<&IndexName>> {
    let mut lists: Vec<Vec<&IndexName>> = Vec::new();
    let mut list_bytes = usize::MAX;
    for name in names {
        let mut encoded = String::new();
        encode(&mut encoded, name.as_str());
        let bytes = encoded.len() + 1;
        if list_bytes.saturating_add(bytes) > NAME_LIST_BYTES_MAX {
            lists.push(Vec::new());
            list_bytes = 0;
        }
        list_bytes += bytes;
        if let Some(list) = lists.last_mut() {
            list.push(name);
        }
    }
    lists
}

/// Percent-encodes everything but the characters that mean themselves everywhere in a URL.
fn encode(target: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            target.push(char::from(byte));
        } else {
            write!(target, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_special_is_encoded() {
        let path = Path::root().segment("a").segment("_doc").segment("x/../?é,*%2F ");
        let path = path.parameter("routing", "a&b=c").parameter("n", -1);
        assert_eq!(
            path.as_str(),
            "/a/_doc/x%2F..%2F%3F%C3%A9%2C%2A%252F%20?routing=a%26b%3Dc&n=-1"
        );
        assert_eq!(Path::root().as_str(), "/");
    }

    #[test]
    fn lists_of_names_fit_into_a_first_line_and_lose_nobody() {
        let names: Vec<IndexName> = (0..400)
            .map(|number| IndexName::parse(&format!("{number}-{}", "é".repeat(20))).unwrap())
            .collect();
        let lists = name_lists(&names);
        assert!(lists.len() > 10);
        for list in &lists {
            assert!(Path::indices(list).as_str().len() <= NAME_LIST_BYTES_MAX + 1);
        }
        let seen: Vec<&IndexName> = lists.into_iter().flatten().collect();
        assert_eq!(seen, names.iter().collect::<Vec<_>>());
        assert!(name_lists(&[]).is_empty());
    }
}

//! Which names engines take for indices, aliases and templates.

/// The longest name in bytes.
pub(super) const NAME_BYTES_MAX: usize = 255;

/// Letters that no name starts with.
pub(super) const FIRST_REFUSED: [char; 3] = ['-', '_', '+'];

/// The first letter of a part that is illegal wherever it stands.
pub(super) fn illegal_character(part: &str, stars: Stars) -> Option<char> {
    let is_illegal = |letter: &char| match letter {
        '*' => stars == Stars::Refused,
        '\\' | '/' | '?' | '"' | '<' | '>' | '|' | ',' | '#' | ':' => true,
        letter => letter.is_uppercase() || letter.is_whitespace() || letter.is_control(),
    };
    part.chars().find(is_illegal)
}

/// Whether a name may hold `*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stars {
    Allowed,
    Refused,
}

/// Why a whole name is illegal although its parts are legal.
pub(super) fn illegal_whole(name: &str) -> Option<String> {
    if name.starts_with(FIRST_REFUSED) {
        return Some("it starts with `-`, `_` or `+`".to_owned());
    }
    if name.is_empty() || name == "." || name == ".." {
        return Some("it is empty or made of dots only".to_owned());
    }
    let is_too_long = name.len() > NAME_BYTES_MAX;
    is_too_long.then(|| format!("it has {} bytes, and engines take {NAME_BYTES_MAX}", name.len()))
}

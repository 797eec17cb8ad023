//! "Did you mean …?": the known word that is nearest to an unknown one.

/// The word with the fewest changed letters, if it is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &'a str| (changes(word, candidate), candidate);
    let (changes, candidate) = known.into_iter().map(distance).min()?;
    let letters = word.chars().count().max(candidate.chars().count());
    // Two letters in three must stand: `form` for `from`, but not `add` for `set`.
    (changes * 3 <= letters.max(3)).then_some(candidate)
}

/// `did you mean …?` or a list of what there is.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known here: {}", listed(known)),
    }
}

/// Words in backticks, joined by commas; a long list is cut.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 32;
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.is_empty() {
        return "none".to_owned();
    }
    let shown = words.get(..SHOWN_MAX).unwrap_or(&words);
    let rest = words.len() - shown.len();
    let tail = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    format!("{}{tail}", shown.join(", "))
}

/// Inserted, removed, replaced and swapped letters between two words.
fn changes(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, letter) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let cell =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = cell(&last, column) + usize::from(letter != *other);
            let mut best =
                replaced.min(cell(&last, column + 1) + 1).min(cell(&current, column) + 1);
            let swapped = column > 0
                && previous == Some(*other)
                && right.get(column - 1).is_some_and(|before| *before == letter);
            if swapped {
                best = best.min(cell(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_letters_are_counted() {
        let pairs =
            [("", "ab", 2), ("form", "from", 1), ("renam", "rename", 1), ("set", "split", 3)];
        for (left, right, expected) in pairs {
            assert_eq!(changes(left, right), expected, "{left} {right}");
            assert_eq!(changes(right, left), expected, "{right} {left}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(nearest("renmae", ["remove", "rename"]), Some("rename"));
        assert_eq!(nearest("form", ["from", "to"]), Some("from"));
        assert_eq!(nearest("frobnicate", ["from", "to"]), None);
        assert_eq!(suggestion("x", ["from", "to"]), "known here: `from`, `to`");
    }
}

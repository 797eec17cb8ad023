//! Which of many regular expressions fit a common text, and which text: decided by one automaton, not by samples.

use std::collections::{BTreeMap, VecDeque};

use regex_automata::{
    Anchored, MatchKind,
    dfa::{Automaton as _, StartError, StartKind, dense},
    util::{primitives::StateID, start, syntax},
};

/// Why the question could not be decided.
#[derive(Debug, thiserror::Error)]
pub(in crate::pack) enum Undecided {
    /// The automaton would be larger than the limit, or an expression can't be put into one.
    #[error(transparent)]
    Build(Box<dense::BuildError>),
    /// The automaton has no start.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// The most memory that the automaton, and its making, may take.
/// 630 indices in nine releases take 3 MB.
const AUTOMATON_BYTES_MAX: usize = 8 << 20;

/// The pairs of expressions that fit a common text of legal letters, each with one of the shortest such texts.
pub(in crate::pack) fn overlaps(
    patterns: &[String],
) -> Result<BTreeMap<(usize, usize), String>, Undecided> {
    overlaps_within(AUTOMATON_BYTES_MAX, patterns)
}

fn overlaps_within(
    bytes_max: usize,
    patterns: &[String],
) -> Result<BTreeMap<(usize, usize), String>, Undecided> {
    // Bytes make a much smaller automaton than Unicode, which only few patterns need.
    let automaton = build(bytes_max, patterns, Letters::Bytes)
        .or_else(|_| build(bytes_max, patterns, Letters::Unicode))
        .map_err(Undecided::Build)?;
    let start = automaton.start_state(&start::Config::new().anchored(Anchored::Yes))?;
    Ok(Walk { automaton, came_from: BTreeMap::new(), found: BTreeMap::new() }.from(start))
}

/// What classes such as `\w` stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Bytes,
    Unicode,
}

fn build(
    bytes_max: usize,
    patterns: &[String],
    letters: Letters,
) -> Result<dense::DFA<Vec<u32>>, Box<dense::BuildError>> {
    let is_unicode = letters == Letters::Unicode;
    dense::Builder::new()
        .syntax(syntax::Config::new().unicode(is_unicode).utf8(is_unicode))
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored)
                .dfa_size_limit(Some(bytes_max))
                .determinize_size_limit(Some(bytes_max)),
        )
        .build_many(patterns)
        .map_err(Box::new)
}

struct Walk {
    automaton: dense::DFA<Vec<u32>>,
    /// The letter that led to a state first, and from where.
    came_from: BTreeMap<StateID, (StateID, u8)>,
    found: BTreeMap<(usize, usize), String>,
}

impl Walk {
    /// Breadth first, so that the first text found is a shortest one.
    fn from(mut self, start: StateID) -> BTreeMap<(usize, usize), String> {
        let letters = self.letters();
        let mut waiting = VecDeque::from([start]);
        while let Some(state) = waiting.pop_front() {
            self.note_matches(start, state);
            for letter in &letters {
                let next = self.automaton.next_state(state, *letter);
                let is_end =
                    self.automaton.is_dead_state(next) || self.automaton.is_quit_state(next);
                if !is_end && next != start && !self.came_from.contains_key(&next) {
                    self.came_from.insert(next, (state, *letter));
                    waiting.push_back(next);
                }
            }
        }
        self.found
    }

    /// One letter for each set of letters between which no expression makes a difference, simple ones first.
    fn letters(&self) -> Vec<u8> {
        let classes = self.automaton.byte_classes();
        let all =
            (b'a'..=b'z').chain(b'0'..=b'9').chain(*b"-._").chain(b'!'..=b'~').chain(0x80..=0xff);
        let mut seen = Vec::new();
        let is_legal = |letter: &u8| {
            let refused = br#"\/*?"<>|,#:"#;
            !letter.is_ascii_uppercase() && !refused.contains(letter)
        };
        all.filter(is_legal)
            .filter(|letter| {
                let class = classes.get(*letter);
                let is_new = !seen.contains(&class);
                seen.push(class);
                is_new
            })
            .collect()
    }

    fn note_matches(&mut self, start: StateID, state: StateID) {
        let end = self.automaton.next_eoi_state(state);
        if !self.automaton.is_match_state(end) {
            return;
        }
        let count = self.automaton.match_len(end);
        let mut fitting: Vec<usize> =
            (0..count).map(|index| self.automaton.match_pattern(end, index).as_usize()).collect();
        fitting.sort_unstable();
        for (position, left) in fitting.iter().enumerate() {
            for right in fitting.iter().skip(position + 1) {
                if !self.found.contains_key(&(*left, *right)) {
                    let text = self.text(start, state);
                    self.found.insert((*left, *right), text);
                }
            }
        }
    }

    fn text(&self, start: StateID, mut state: StateID) -> String {
        let mut letters: Vec<u8> = Vec::new();
        while state != start {
            let Some((before, letter)) = self.came_from.get(&state) else { break };
            letters.push(*letter);
            state = *before;
        }
        letters.reverse();
        String::from_utf8_lossy(&letters).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_common_text_is_found() {
        let patterns = ["^(?:[a-z]+)-b$", "^a-(?:[a-z-]+)$", "^[0-9]+$"].map(str::to_owned);
        let found = overlaps(&patterns).unwrap();
        assert_eq!(found, BTreeMap::from([((0, 1), "a-b".to_owned())]));
    }

    #[test]
    fn expressions_without_a_common_legal_text_are_apart() {
        let patterns = ["^x[A-Z]$", "^xA$", "^y$"].map(str::to_owned);
        assert_eq!(overlaps(&patterns).unwrap(), BTreeMap::new());
    }

    #[test]
    fn other_letters_than_ascii_are_taken() {
        let patterns = ["^(?:[a-zé]+)-b$", "^é-[a-z]$", "^z-b$"].map(str::to_owned);
        let found = overlaps(&patterns).unwrap();
        let expected = [((0, 1), "é-b".to_owned()), ((0, 2), "z-b".to_owned())];
        assert_eq!(found, BTreeMap::from(expected));
    }

    #[test]
    fn too_large_an_automaton_is_refused() {
        let patterns = ["^(?:[ab]*a[ab]{40})$".to_owned()];
        assert!(overlaps_within(1 << 16, &patterns).is_err());
    }
}

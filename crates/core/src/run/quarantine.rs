//! Quarantine: documents that a step or the new mapping rejected, and what becomes of each of them.
//!
//! An entry stands for one state of one document: the write that had this sequence number. A later state of the same
//! document takes its place and has to be decided anew. Where entries are kept, and who looks at them, is the engine's
//! business.

use serde::{Deserialize, Serialize};

use crate::transform::Rejection;

/// Hexadecimal digits of a key: 80 bits, so that among a million entries no two are expected to meet.
const KEY_DIGITS: usize = 20;

/// One state of a document that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name within the quarantine, see [`key`].
    pub key: String,
    /// The run that met it.
    pub run: String,
    /// The index of the live set that it is in.
    pub index: String,
    /// The unique id of that index.
    pub index_uuid: String,
    /// The document's id.
    pub document: String,
    /// The document's routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<String>,
    /// The number of the write that made this state.
    pub seq_no: i64,
    /// Bytes of the document.
    pub bytes: u64,
    /// Who rejected it.
    pub rejected_by: RejectedBy,
    /// Why, in words.
    pub reason: String,
    /// When, RFC 3339.
    pub at: String,
    /// What became of it.
    pub state: EntryState,
}

/// Who rejected a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum RejectedBy {
    /// An operation of the steps.
    Step {
        /// The kind of trouble, such as `T0107`.
        code: String,
        /// Which operation of the plan's program, from 1; `None` when the document could not be read at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation_number: Option<u64>,
        /// Its name, such as `cast`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<String>,
        /// The field that it was about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
    },
    /// The engine, when it was written into the new index.
    Mapping {
        /// The engine's word for it, such as `mapper_parsing_exception`.
        error_type: String,
    },
    /// The database, when a row was made of it.
    Table {
        /// The table, with the key of its database before it.
        table: String,
    },
    /// What the steps made of it can't be sent at all.
    Form,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum EntryState {
    /// Nobody has decided yet.
    Open,
    /// Somebody asked to try once more.
    Retry {
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// Somebody decided to leave it out of the new set.
    Discarded {
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// When, RFC 3339.
        at: String,
    },
    /// There is nothing to decide any more.
    Over {
        /// How it ended.
        ending: EntryEnding,
        /// When, RFC 3339.
        at: String,
    },
}

/// How an entry ended without a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryEnding {
    /// The document was carried over after all.
    Carried,
    /// The application wrote it again, or deleted it.
    Superseded,
}

/// What an operator decides about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// To try once more, with the document as it is now.
    Retry,
    /// To leave it out of the new set.
    Discard {
        /// Why.
        reason: String,
    },
}

/// The name of a document's entry: the same for every state of it and for whoever meets it, so that writing it may be
/// repeated. A digest, as ids may be long and hold anything.
pub fn key(run: &str, index: &str, document: &str, routing: Option<&str>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [run, index, document].into_iter().chain(routing) {
        // The length first, so that parts can't run into one another.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut key = hasher.finalize().to_hex().to_string();
    key.truncate(KEY_DIGITS);
    key
}

impl From<&Rejection> for RejectedBy {
    fn from(rejection: &Rejection) -> Self {
        Self::Step {
            code: rejection.code.as_str().to_owned(),
            operation_number: rejection.operation_index.map(|index| index as u64 + 1),
            operation: rejection.operation.clone(),
            field: rejection.field.clone(),
        }
    }
}

impl Entry {
    /// Whether the switch waits for somebody to decide.
    pub fn is_undecided(&self) -> bool {
        match self.state {
            EntryState::Open | EntryState::Retry { .. } => true,
            EntryState::Discarded { .. } | EntryState::Over { .. } => false,
        }
    }

    /// Whether this state of the document is left out of the new set, decided or not.
    pub fn is_withheld(&self) -> bool {
        match self.state {
            EntryState::Open | EntryState::Retry { .. } | EntryState::Discarded { .. } => true,
            EntryState::Over { .. } => false,
        }
    }

    /// Whether a rejection that was met now has to be written over what is known. The same state of a document stays
    /// decided; another try that failed, and a later state, are open again.
    pub fn replaces(&self, known: &Self) -> bool {
        match known.state {
            EntryState::Open | EntryState::Discarded { .. } => self.seq_no > known.seq_no,
            EntryState::Retry { .. } | EntryState::Over { .. } => self.seq_no >= known.seq_no,
        }
    }

    /// The entry after a decision; `None` when there is nothing to decide any more.
    pub fn decided(&self, decision: &Decision, by: &str, at: &str) -> Option<Self> {
        let (by, at) = (by.to_owned(), at.to_owned());
        let state = match (&self.state, decision) {
            (EntryState::Over { .. }, _) => return None,
            (_, Decision::Retry) => EntryState::Retry { by, at },
            (_, Decision::Discard { reason }) => {
                EntryState::Discarded { reason: reason.clone(), by, at }
            }
        };
        Some(Self { state, ..self.clone() })
    }

    /// The entry when there is nothing to decide any more.
    #[must_use]
    pub fn ended(&self, ending: EntryEnding, at: &str) -> Self {
        Self { state: EntryState::Over { ending, at: at.to_owned() }, ..self.clone() }
    }
}

impl EntryState {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Retry { .. } => "retry",
            Self::Discarded { .. } => "discarded",
            Self::Over { .. } => "over",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq_no: i64, state: EntryState) -> Entry {
        Entry {
            key: key("r", "i", "1", None),
            run: "r".to_owned(),
            index: "i".to_owned(),
            index_uuid: "u".to_owned(),
            document: "1".to_owned(),
            routing: None,
            seq_no,
            bytes: 2,
            rejected_by: RejectedBy::Form,
            reason: "why".to_owned(),
            at: "then".to_owned(),
            state,
        }
    }

    fn states() -> [EntryState; 4] {
        let (by, at) = ("anna".to_owned(), "now".to_owned());
        [
            EntryState::Open,
            EntryState::Retry { by: by.clone(), at: at.clone() },
            EntryState::Discarded { reason: "old".to_owned(), by, at: at.clone() },
            EntryState::Over { ending: EntryEnding::Superseded, at },
        ]
    }

    #[test]
    fn who_rejected_is_stored_by_a_word() {
        let by = RejectedBy::Table { table: "main.person".to_owned() };
        let stored = serde_json::to_string(&by).expect("it serialises");
        assert_eq!(stored, r#"{"by":"table","table":"main.person"}"#);
        assert_eq!(serde_json::from_str::<RejectedBy>(&stored).expect("it is read"), by);
    }

    #[test]
    fn parts_of_a_key_do_not_run_into_one_another() {
        let keys = [
            key("r", "i", "1", None),
            key("r", "i", "1", Some("")),
            key("r", "i1", "", None),
            key("r", "i", "", Some("1")),
            key("ri", "", "1", None),
            key("r", "i", "2", None),
        ];
        for (at, one) in keys.iter().enumerate() {
            assert_eq!(one.len(), KEY_DIGITS);
            assert!(!keys[..at].contains(one), "{at}");
        }
        assert_eq!(key("r", "i", &"x".repeat(512), None).len(), KEY_DIGITS);
    }

    #[test]
    fn a_later_state_is_open_again_and_the_same_one_stays_decided() {
        // By what is known: whether an earlier, the same, and a later state takes its place.
        let expected =
            [[false, false, true], [false, true, true], [false, false, true], [false, true, true]];
        for (state, expected) in states().into_iter().zip(expected) {
            let known = entry(5, state);
            let found = [4, 5, 6].map(|seq_no| entry(seq_no, EntryState::Open).replaces(&known));
            assert_eq!(found, expected, "{known:?}");
        }
    }

    #[test]
    fn only_what_is_withheld_can_be_decided() {
        let discard = Decision::Discard { reason: "test data".to_owned() };
        for state in states() {
            let known = entry(5, state);
            let retried = known.decided(&Decision::Retry, "ben", "later");
            let discarded = known.decided(&discard, "ben", "later");
            assert_eq!(retried.is_some(), known.is_withheld());
            assert!(retried.is_none_or(|entry| entry.is_undecided() && entry.is_withheld()));
            assert!(discarded.is_none_or(|entry| !entry.is_undecided() && entry.is_withheld()));
            let over = known.ended(EntryEnding::Carried, "later");
            assert!(!over.is_undecided() && !over.is_withheld());
        }
    }
}

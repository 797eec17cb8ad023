//! Whether a case came out as it says, and what its files have to hold so that it does.

use std::collections::BTreeMap;

use super::{Back, Outcome, Passage};
use crate::{
    compare::{FieldDifferences, fields_differing},
    json::pretty,
    pack::cases::{
        AFTER, BACK, BACK_ERROR, Case, ERROR, Expected, ExpectedRejection, LineDifference,
    },
    pack::listed,
    transform::{Made, Rejection},
};

/// Fields that are named of two documents that differ.
const FIELDS_NAMED_MAX: usize = 20;

/// Something that is not as a case says. `file` is the case's file that is meant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Problem {
    /// The case does not say what is to become of its document.
    Unwritten,
    /// A document is another one than expected.
    Differs {
        /// The file that holds the expected one.
        file: &'static str,
        /// In which fields.
        fields: FieldDifferences,
    },
    /// A document was rejected that should not be.
    Rejected {
        /// The file that holds what was expected.
        file: &'static str,
        /// Why it was rejected.
        rejection: Rejection,
    },
    /// A document was taken that should be rejected.
    Taken {
        /// The file that holds the expected rejection.
        file: &'static str,
    },
    /// It was rejected in another way.
    RejectedOtherwise {
        /// The file that holds the expected rejection.
        file: &'static str,
        /// In what it differs.
        lines: Vec<LineDifference>,
    },
    /// The way back gives another document, and the case does not say that it does.
    BackDiffers {
        /// In which fields it differs from the one before.
        fields: FieldDifferences,
    },
    /// The way back rejects the document, and the case does not say that it does.
    BackRejected {
        /// Why.
        rejection: Rejection,
    },
    /// The case says what comes back, and there is no way back.
    NoWayBack {
        /// The file that says so.
        file: &'static str,
        /// Why there is none.
        reason: String,
    },
    /// Another number of documents than one came back.
    Several {
        /// How many.
        count: usize,
    },
}

/// Everything that is not as a case says: first on the way up, then on the way back.
pub fn judge(case: &Case, outcome: &Outcome) -> Vec<Problem> {
    up_problem(case, outcome).into_iter().chain(back_problem(case, outcome)).collect()
}

fn up_problem(case: &Case, outcome: &Outcome) -> Option<Problem> {
    match &case.expected {
        None => Some(Problem::Unwritten),
        Some(expected) => against(case, (expected, &outcome.up), [AFTER, ERROR]),
    }
}

fn back_problem(case: &Case, outcome: &Outcome) -> Option<Problem> {
    match (&case.back, &outcome.back) {
        // What was wrong on the way up is told already.
        (_, Back::NotTried) | (None, Back::None { .. } | Back::Same) => None,
        (Some(expected), Back::None { reason }) => {
            Some(Problem::NoWayBack { file: back_file(expected), reason: reason.clone() })
        }
        (Some(expected), Back::Same) => {
            let before = Passage::Document(case.before.clone().into_bytes());
            against(case, (expected, &before), [BACK, BACK_ERROR])
        }
        (Some(expected), Back::Other(passage)) => {
            against(case, (expected, passage), [BACK, BACK_ERROR])
        }
        (None, Back::Other(Passage::Document(found))) => {
            Some(Problem::BackDiffers { fields: differences(&case.before, found) })
        }
        (None, Back::Other(Passage::Rejected(rejection))) => {
            Some(Problem::BackRejected { rejection: rejection.clone() })
        }
        (None, Back::Other(Passage::Documents(made))) => {
            Some(Problem::Several { count: made.len() })
        }
    }
}

fn back_file(expected: &Expected) -> &'static str {
    match expected {
        Expected::Document(_) | Expected::Documents(_) => BACK,
        Expected::Rejection(_) => BACK_ERROR,
    }
}

/// Holds what was made of a document against what is expected, which stands in one of two files.
fn against(
    case: &Case,
    (expected, found): (&Expected, &Passage),
    [document_file, rejection_file]: [&'static str; 2],
) -> Option<Problem> {
    match (expected, found) {
        (Expected::Document(expected), Passage::Document(found)) => {
            differing(document_file, differences(expected, found))
        }
        (
            Expected::Document(_) | Expected::Documents(_),
            Passage::Document(_) | Passage::Documents(_),
        ) => {
            let keyed = |made: &[Made]| listed::keyed(made, &case.index);
            let found = keyed(&found_documents(case, found));
            let fields = differences(&keyed(&expected_documents(case, expected)), found.as_bytes());
            differing(document_file, fields)
        }
        (Expected::Document(_) | Expected::Documents(_), Passage::Rejected(rejection)) => {
            Some(Problem::Rejected { file: document_file, rejection: rejection.clone() })
        }
        (Expected::Rejection(_), Passage::Document(_) | Passage::Documents(_)) => {
            Some(Problem::Taken { file: rejection_file })
        }
        (Expected::Rejection(expected), Passage::Rejected(found)) => {
            let lines = expected.differences(found);
            (!lines.is_empty())
                .then_some(Problem::RejectedOtherwise { file: rejection_file, lines })
        }
    }
}

fn differing(file: &'static str, fields: FieldDifferences) -> Option<Problem> {
    let is_equal = fields.fields.is_empty() && fields.more_count == 0;
    (!is_equal).then_some(Problem::Differs { file, fields })
}

/// A single document has the place of the case's own.
fn only(case: &Case, source: &[u8]) -> Vec<Made> {
    vec![Made { index: None, id: case.name.clone(), routing: None, source: source.to_vec() }]
}

fn expected_documents(case: &Case, expected: &Expected) -> Vec<Made> {
    match expected {
        Expected::Document(source) => only(case, source.as_bytes()),
        Expected::Documents(made) => made.clone(),
        Expected::Rejection(_) => Vec::new(),
    }
}

fn found_documents(case: &Case, found: &Passage) -> Vec<Made> {
    match found {
        Passage::Document(source) => only(case, source),
        Passage::Documents(made) => made.clone(),
        Passage::Rejected(_) => Vec::new(),
    }
}

fn differences(expected: &str, found: &[u8]) -> FieldDifferences {
    fields_differing(expected.as_bytes(), found, FIELDS_NAMED_MAX)
        .expect("a case is only read when its documents are JSON, and a passage holds JSON")
}

/// What the files of a case must hold so that it comes out as it says: `None` for one that must not be there. Only files
/// that have to change; nothing for a case that is right, or that no files can put right.
pub fn updates(case: &Case, outcome: &Outcome) -> BTreeMap<&'static str, Option<String>> {
    let mut files = BTreeMap::new();
    if up_problem(case, outcome).is_some() {
        put(&mut files, [AFTER, ERROR], &outcome.up);
    }
    match &outcome.back {
        Back::NotTried => files.extend([(BACK, None), (BACK_ERROR, None)]),
        back if back_problem(case, outcome).is_some() => match back {
            Back::Other(passage) => put(&mut files, [BACK, BACK_ERROR], passage),
            Back::NotTried | Back::None { .. } | Back::Same => {
                files.extend([(BACK, None), (BACK_ERROR, None)]);
            }
        },
        Back::None { .. } | Back::Same | Back::Other(_) => {}
    }
    files.retain(|file, content| content.is_some() || is_there(case, file));
    files
}

/// What is wrong with a case even after its files were updated.
pub fn problems_left(outcome: &Outcome) -> Vec<Problem> {
    match &outcome.back {
        Back::Other(Passage::Documents(made)) => vec![Problem::Several { count: made.len() }],
        Back::Other(Passage::Document(_) | Passage::Rejected(_))
        | Back::NotTried
        | Back::None { .. }
        | Back::Same => Vec::new(),
    }
}

/// What came of a document goes into one of two files; the other one goes away.
fn put(
    files: &mut BTreeMap<&'static str, Option<String>>,
    [document_file, rejection_file]: [&'static str; 2],
    passage: &Passage,
) {
    match passage {
        Passage::Document(document) => {
            let text = pretty(document).expect("a passage holds JSON");
            files.extend([(document_file, Some(text)), (rejection_file, None)]);
        }
        Passage::Rejected(rejection) => {
            let text = ExpectedRejection::of(rejection).to_string();
            files.extend([(document_file, None), (rejection_file, Some(text))]);
        }
        Passage::Documents(made) => {
            files.extend([(document_file, Some(listed::written(made))), (rejection_file, None)]);
        }
    }
}

fn is_there(case: &Case, file: &str) -> bool {
    let is = |expected: &Option<Expected>, names: [&str; 2]| {
        let [document, rejection] = names;
        match expected {
            Some(Expected::Document(_) | Expected::Documents(_)) => file == document,
            Some(Expected::Rejection(_)) => file == rejection,
            None => false,
        }
    };
    is(&case.expected, [AFTER, ERROR]) || is(&case.back, [BACK, BACK_ERROR])
}

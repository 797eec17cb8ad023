//! Why a document can't be taken through a program: what stops a run before the switch and is kept in its journal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::json::{DEPTH_MAX, NotJson, NotJsonReason};

/// What kind of trouble; the code is stable, texts are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RejectionCode {
    /// The document is not a JSON object.
    #[serde(rename = "T0101")]
    NotAnObject,
    /// It is nested too deeply, or would be.
    #[serde(rename = "T0102")]
    TooDeep,
    /// One path names two fields of the document.
    #[serde(rename = "T0103")]
    Ambiguous,
    /// The field that would be written exists already.
    #[serde(rename = "T0104")]
    Exists,
    /// A value that is no object stands where a parent would be made.
    #[serde(rename = "T0105")]
    ParentNotAnObject,
    /// A value would have to leave its array element, or enter one.
    #[serde(rename = "T0106")]
    AcrossArray,
    /// The value can't be turned into the type.
    #[serde(rename = "T0107")]
    Cast,
    /// What should be split is not a string.
    #[serde(rename = "T0108")]
    NotAString,
    /// The document has become too large.
    #[serde(rename = "T0109")]
    TooLarge,
    /// A part of what should be joined is not a string.
    #[serde(rename = "T0110")]
    PartNotAString,
    /// What should be spelt otherwise is not a string.
    #[serde(rename = "T0111")]
    Respell,
    /// A value is not in the table that it is looked up in.
    #[serde(rename = "T0112")]
    NotInTable,
    /// A list that should become a single value has several.
    #[serde(rename = "T0113")]
    SeveralElements,
    /// What should be flattened is not an object, or a name in it can't be part of a path.
    #[serde(rename = "T0114")]
    Flatten,
    /// What should be hashed is not a text.
    #[serde(rename = "T0115")]
    Hash,
    /// A date is written otherwise, or can't be written in the new form.
    #[serde(rename = "T0116")]
    Date,
    /// A value is not kept as it is to be read, or stands for too much.
    #[serde(rename = "T0117")]
    Decode,
    /// A value can't be kept as a text of this form.
    #[serde(rename = "T0118")]
    Encode,
    /// An object that a path means is written in parts, each under a dotted key.
    #[serde(rename = "T0119")]
    InParts,
    /// A script failed on the document.
    #[serde(rename = "T0201")]
    ScriptFailed,
    /// A script wants the document dropped, or did something else with it than index it.
    #[serde(rename = "T0202")]
    ScriptDropped,
    /// A script changed the document's id, routing or index.
    #[serde(rename = "T0203")]
    ScriptMoved,
    /// A script left something else than an object in `ctx._source`, or something beside it.
    #[serde(rename = "T0204")]
    ScriptResult,
    /// A script would have to run where there is no engine.
    #[serde(rename = "T0205")]
    ScriptElsewhere,
    /// A script works with a number that the engine can't hold exactly.
    #[serde(rename = "T0206")]
    ScriptNumber,
    /// A program in jq gives an error for the document.
    #[serde(rename = "T0301")]
    JqFailed,
    /// A program in jq gives no value, or several.
    #[serde(rename = "T0302")]
    JqCount,
    /// A program in jq gives what no document can hold.
    #[serde(rename = "T0303")]
    JqResult,
    /// A program in jq takes too long.
    #[serde(rename = "T0304")]
    JqTime,
    /// A program in jq brings down the process that it runs in, mostly by all the memory it wants.
    #[serde(rename = "T0305")]
    JqDown,
    /// A program in jq makes more than any document may have.
    #[serde(rename = "T0306")]
    JqTooLarge,
    /// A program in jq would have to run where there is no process for it.
    #[serde(rename = "T0307")]
    JqElsewhere,
    /// Steps make something else of a document than one at its place, where that is not expected.
    #[serde(rename = "T0401")]
    NotInPlace,
    /// Two documents that are made of one have the same index and id.
    #[serde(rename = "T0402")]
    MadeTwice,
    /// What an id or a routing is made of is missing, or no single value.
    #[serde(rename = "T0403")]
    Template,
    /// An id or a routing that no document can have.
    #[serde(rename = "T0404")]
    Place,
    /// What documents should be made of is not a list, or a list without elements.
    #[serde(rename = "T0405")]
    Elements,
    /// A document is sent to an index that it can't be sent to.
    #[serde(rename = "T0406")]
    Destination,
}

impl RejectionCode {
    /// The stable code, such as `T0101`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAnObject => "T0101",
            Self::TooDeep => "T0102",
            Self::Ambiguous => "T0103",
            Self::Exists => "T0104",
            Self::ParentNotAnObject => "T0105",
            Self::AcrossArray => "T0106",
            Self::Cast => "T0107",
            Self::NotAString => "T0108",
            Self::TooLarge => "T0109",
            Self::PartNotAString => "T0110",
            Self::Respell => "T0111",
            Self::NotInTable => "T0112",
            Self::SeveralElements => "T0113",
            Self::Flatten => "T0114",
            Self::Hash => "T0115",
            Self::Date => "T0116",
            Self::Decode => "T0117",
            Self::Encode => "T0118",
            Self::InParts => "T0119",
            Self::ScriptFailed => "T0201",
            Self::ScriptDropped => "T0202",
            Self::ScriptMoved => "T0203",
            Self::ScriptResult => "T0204",
            Self::ScriptElsewhere => "T0205",
            Self::ScriptNumber => "T0206",
            Self::JqFailed => "T0301",
            Self::JqCount => "T0302",
            Self::JqResult => "T0303",
            Self::JqTime => "T0304",
            Self::JqDown => "T0305",
            Self::JqTooLarge => "T0306",
            Self::JqElsewhere => "T0307",
            Self::NotInPlace => "T0401",
            Self::MadeTwice => "T0402",
            Self::Template => "T0403",
            Self::Place => "T0404",
            Self::Elements => "T0405",
            Self::Destination => "T0406",
        }
    }
}

impl fmt::Display for RejectionCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A document that a program does not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {place}{message}", place = self.place())]
pub struct Rejection {
    /// What kind of trouble.
    pub code: RejectionCode,
    /// Which operation of the program, from 0; `None` when the document could not be read at all.
    pub operation_index: Option<usize>,
    /// The operation's name in a pack, such as `rename`.
    pub operation: Option<String>,
    /// The field that it was about, as the pack writes it.
    pub field: Option<String>,
    /// What is wrong and what can be done; shows a glimpse of one value at most.
    pub message: String,
}

impl Rejection {
    /// That a script did something that can't be taken over; `index` as in [`Rejection::operation_index`].
    pub fn of_script(
        code: RejectionCode,
        index: Option<usize>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            operation_index: index,
            operation: Some("painless".to_owned()),
            field: None,
            message: message.into(),
        }
    }

    /// That what steps made of a document as a whole can't be taken; no single operation is to blame.
    pub fn of_made(code: RejectionCode, message: impl Into<String>) -> Self {
        Refusal::new(code, message).into()
    }

    fn place(&self) -> String {
        match (&self.operation, &self.field, self.operation_index) {
            (Some(operation), None, Some(index)) => {
                format!("operation {} (`{operation}`): ", index + 1)
            }
            (Some(operation), Some(field), Some(index)) => {
                format!("operation {} (`{operation}` of `{field}`): ", index + 1)
            }
            _ => String::new(),
        }
    }
}

/// Trouble within an operation, before it is known which one it is.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: RejectionCode,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: RejectionCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn too_deep() -> Self {
        let message = format!("the document would be nested deeper than {DEPTH_MAX} levels");
        Self::new(RejectionCode::TooDeep, message)
    }

    pub(super) fn ambiguous(field: &str) -> Self {
        let message = format!(
            "`{field}` stands twice in the document, nested and dotted, or under the same key; \
             remove one of them first"
        );
        Self::new(RejectionCode::Ambiguous, message)
    }

    pub(super) fn in_parts(field: &str) -> Self {
        let message = format!(
            "`{field}` is written in parts, under keys such as `{field}.…`; write it as one object, or name the parts in the step"
        );
        Self::new(RejectionCode::InParts, message)
    }

    pub(super) fn into_rejection(
        self,
        operation_index: usize,
        operation: &str,
        field: &str,
    ) -> Rejection {
        Rejection {
            code: self.code,
            operation_index: Some(operation_index),
            operation: Some(operation.into()),
            field: Some(field.into()),
            message: self.message,
        }
    }
}

impl From<NotJson> for Refusal {
    fn from(fault: NotJson) -> Self {
        let code = match fault.reason {
            NotJsonReason::TooDeep => RejectionCode::TooDeep,
            NotJsonReason::Expected(_)
            | NotJsonReason::ControlCharacter
            | NotJsonReason::Escape
            | NotJsonReason::NotUtf8
            | NotJsonReason::Trailing => RejectionCode::NotAnObject,
        };
        Self::new(code, format!("the document can't be read: {fault}"))
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code,
            operation_index: None,
            operation: None,
            field: None,
            message: refusal.message,
        }
    }
}

//! The operations of a step as data: what a pack's author writes and what a plan keeps.
//!
//! How they act on a document is in `program`; what each does is in `docs/design/pack-format.md`.

mod scalar;

mod condition;

mod hashing;

mod date_form;

mod coding;

mod place;

use std::fmt;

pub use coding::{Coding, Decoding, Encoding};
pub use condition::{Branching, Condition, NotAPattern, Pattern, Question, Test};
pub use date_form::{DateForm, Dating, NotADateForm, NotAZone, Zone};
pub use hashing::{Algorithm, Hashing};
pub use place::{
    Dividing, Documents, Dropping, Elementless, NotATemplate, Rekeying, Rerouting, Sending,
    Template, TemplatePart,
};
pub(in crate::transform) use scalar::ScalarKey;
pub use scalar::{NotAScalar, Scalar};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A dotted path to a field, such as `customer.name`. Never empty, no empty segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(String);

impl FieldPath {
    /// Takes `a.b.c` apart into its segments, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its last name; `None` for a single name.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('.').map(|(parent, _)| parent)
    }

    /// Its first name, a path by itself.
    #[must_use]
    pub fn root(&self) -> Self {
        Self(self.segments().next().unwrap_or_default().to_owned())
    }

    /// Whether it lies below another path.
    pub fn is_within(&self, outer: &Self) -> bool {
        let rest = self.0.strip_prefix(&outer.0);
        rest.is_some_and(|rest| rest.starts_with('.'))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why a text is not a field path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a field path: it needs one or more names joined by dots, such as `customer.name`"
)]
pub struct NotAFieldPath(String);

impl TryFrom<String> for FieldPath {
    type Error = NotAFieldPath;

    fn try_from(text: String) -> Result<Self, NotAFieldPath> {
        if text.is_empty() || text.split('.').any(str::is_empty) {
            return Err(NotAFieldPath(text));
        }
        Ok(Self(text))
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.0
    }
}

/// What to do when the field that would be written exists already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// The document is rejected.
    #[default]
    Reject,
    /// The new value takes its place.
    Overwrite,
    /// The old value stays; `rename` and `move` still take the source away.
    Keep,
}

/// The type a value is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CastType {
    /// A JSON string.
    String,
    /// A signed 64-bit integer.
    Long,
    /// A JSON number; its digits are kept.
    Double,
    /// `true` or `false`.
    Boolean,
}

/// What becomes of a value that an operation can't work on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// The document is rejected.
    #[default]
    Reject,
    /// The value stays as it is.
    Keep,
    /// The field (or array element) is removed.
    Remove,
    /// The value becomes `null`.
    Null,
}

/// One operation of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Gives a field a new last name within the same parent.
    Rename(Relocation),
    /// Takes a field away and puts its value elsewhere.
    Move(Relocation),
    /// Puts a field's value elsewhere as well.
    Copy(Relocation),
    /// Takes fields away.
    Remove(Removal),
    /// Writes a value, whatever was there.
    Set(Assignment),
    /// Writes a value where the field is missing.
    Default(Assignment),
    /// Turns a value into another type.
    Cast(Casting),
    /// Writes strings in small letters.
    Lower(Respelling),
    /// Writes strings in capital letters.
    Upper(Respelling),
    /// Takes white space off both ends of strings.
    Trim(Respelling),
    /// Turns values into others by a table.
    Map(Translation),
    /// Writes dates in another form.
    Date(Dating),
    /// Reads values that are kept as texts of another form.
    Decode(Decoding),
    /// Keeps values as texts of another form.
    Encode(Encoding),
    /// Makes lists of single values.
    Wrap(Wrapping),
    /// Makes single values of lists.
    Unwrap(Unwrapping),
    /// Puts fields below one object.
    Nest(Nesting),
    /// Puts the members of an object beside it.
    Flatten(Flattening),
    /// Splits a string into several fields.
    Split(Splitting),
    /// Joins several strings into one field.
    Join(Joining),
    /// Writes a digest of strings.
    Hash(Hashing),
    /// Ends the document.
    Drop(Dropping),
    /// Gives the document another `_id`.
    Rekey(Rekeying),
    /// Gives the document another `_routing`, or none.
    Reroute(Rerouting),
    /// Makes a document of every element of a list.
    Each(Dividing),
    /// Sends the document into another logical index of the release.
    Send(Sending),
    /// Does one list of operations or another.
    When(Branching),
    /// Runs a program in jq.
    Jq(JqStep),
    /// Runs a script in the engine.
    Painless(Script),
}

impl Operation {
    /// The name that a pack uses for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rename(_) => "rename",
            Self::Move(_) => "move",
            Self::Copy(_) => "copy",
            Self::Remove(_) => "remove",
            Self::Set(_) => "set",
            Self::Default(_) => "default",
            Self::Cast(_) => "cast",
            Self::Lower(_) => "lower",
            Self::Upper(_) => "upper",
            Self::Trim(_) => "trim",
            Self::Map(_) => "map",
            Self::Date(_) => "date",
            Self::Decode(_) => "decode",
            Self::Encode(_) => "encode",
            Self::Wrap(_) => "wrap",
            Self::Unwrap(_) => "unwrap",
            Self::Nest(_) => "nest",
            Self::Flatten(_) => "flatten",
            Self::Split(_) => "split",
            Self::Join(_) => "join",
            Self::Hash(_) => "hash",
            Self::Drop(_) => "drop",
            Self::Rekey(_) => "rekey",
            Self::Reroute(_) => "reroute",
            Self::Each(_) => "each",
            Self::Send(_) => "send",
            Self::When(_) => "when",
            Self::Jq(_) => "jq",
            Self::Painless(_) => "painless",
        }
    }
}

/// From where to where, for `rename`, `move` and `copy`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relocation {
    /// The field whose value is taken.
    pub from: FieldPath,
    /// The field that is written.
    pub to: FieldPath,
    /// When `to` exists already.
    #[serde(default)]
    pub existing: Existing,
}

/// The fields that `remove` takes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Removal {
    /// At least one field.
    pub fields: Vec<FieldPath>,
}

/// A field and the value it gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The field that is written; missing parents are made.
    pub field: FieldPath,
    /// Any JSON value.
    pub value: Value,
}

/// What `cast` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Casting {
    /// The field.
    pub field: FieldPath,
    /// The type its value gets.
    pub to: CastType,
    /// When it can't.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What `lower`, `upper` and `trim` work on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Respelling {
    /// At least one field.
    pub fields: Vec<FieldPath>,
    /// When a value is no string.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// What `map` does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// The field.
    pub field: FieldPath,
    /// The table; no value stands twice on its left side.
    pub values: Vec<Pair>,
    /// When a value is not in the table.
    #[serde(default)]
    pub otherwise: Otherwise,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The value that is looked for.
    pub from: Scalar,
    /// The value that takes its place.
    pub to: Scalar,
}

/// The fields whose values `wrap` puts into lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrapping {
    /// At least one field.
    pub fields: Vec<FieldPath>,
}

/// What `unwrap` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unwrapping {
    /// At least one field.
    pub fields: Vec<FieldPath>,
    /// When a list has several elements.
    #[serde(default)]
    pub several: Several,
    /// When a list has none.
    #[serde(default)]
    pub empty: Empty,
}

/// What becomes of a list with more elements than one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Several {
    /// The document is rejected.
    #[default]
    Reject,
    /// The first element stays, the others are lost.
    First,
    /// The list stays.
    Keep,
}

/// What becomes of a list without elements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Empty {
    /// The field is removed.
    #[default]
    Remove,
    /// It becomes `null`.
    Null,
}

/// What `nest` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nesting {
    /// At least one field; no two with the same last name.
    pub fields: Vec<FieldPath>,
    /// The object that they are put below, under their last names.
    pub into: FieldPath,
    /// When it has such a field already.
    #[serde(default)]
    pub existing: Existing,
}

impl Nesting {
    /// The moves that it consists of, in this order.
    pub fn moves(&self) -> impl DoubleEndedIterator<Item = Relocation> {
        self.fields.iter().map(|from| {
            let name = from.as_str().rsplit('.').next().unwrap_or_default();
            let to = FieldPath(format!("{}.{name}", self.into));
            Relocation { from: from.clone(), to, existing: self.existing }
        })
    }
}

/// What `flatten` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flattening {
    /// The object; it goes.
    pub field: FieldPath,
    /// What is put before the names of its members; may be empty.
    pub prefix: String,
    /// When there is such a field already.
    #[serde(default)]
    pub existing: Existing,
}

impl Flattening {
    /// What stands before a member's name in its new path.
    pub fn front(&self) -> String {
        let parent = self.field.parent().map(|parent| format!("{parent}.")).unwrap_or_default();
        format!("{parent}{}", self.prefix)
    }
}

/// What `split` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Splitting {
    /// The string field; it is removed unless `into` names it.
    pub field: FieldPath,
    /// The text between two parts; not empty.
    pub separator: String,
    /// The fields for the parts, in order; the last one takes the rest.
    pub into: Vec<FieldPath>,
}

/// What `join` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// The string fields, in order; they are removed unless `into` names one of them.
    pub fields: Vec<FieldPath>,
    /// The text between two parts; may be empty.
    pub separator: String,
    /// The field for the whole.
    pub into: FieldPath,
    /// When one of them is a list.
    #[serde(default, skip_serializing_if = "Lists::is_reject")]
    pub lists: Lists,
}

/// What becomes of a list among strings that are joined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lists {
    /// The document is rejected.
    #[default]
    Reject,
    /// Its strings are joined in the same manner, and it stands for that text; an empty one for the empty text.
    Join,
}

impl Lists {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_reject(&self) -> bool {
        *self == Self::Reject
    }
}

/// A program in jq, for the document or for one field of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JqStep {
    /// The source text; never empty.
    pub program: String,
    /// The field whose value the program sees and replaces; the whole document without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldPath>,
    /// What it may make of a document; of a field's value always one other.
    #[serde(default, skip_serializing_if = "Documents::is_one")]
    pub documents: Documents,
    /// Keys of the logical indices that it may send documents to, besides its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

#[expect(clippy::struct_field_names, reason = "the pack's word for its text")]
/// A script as `_reindex` takes it: it changes `ctx._source`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The source text, in Painless; never empty.
    pub script: String,
    /// What the script finds in `params`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
    /// What it may make of a document: `ctx.op`, `ctx._id`, `ctx._routing` and `ctx._index` are its to change with `any`.
    #[serde(default, skip_serializing_if = "Documents::is_one")]
    pub documents: Documents,
    /// Keys of the logical indices that it may send documents to, besides its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

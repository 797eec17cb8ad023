//! The rules by code. A code never changes its meaning; why each is worth a look is in `docs/design/pack-lints.md`.
//!
//! The first digit is the family: 1 data that is lost, 2 readers that no longer find what they look for, 3 documents
//! that the new mapping refuses, 4 cost, 5 order of operations, 6 the way back, 7 tenants and names.

use crate::pack::diagnostic::Severity;

/// A rule that can be allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its code, such as `L101`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
}

macro_rules! rules {
    ($($(#[doc = $why:literal])+ $name:ident = $code:literal, $severity:ident;)+) => {
        $(
            $(#[doc = $why])+
            pub const $name: &Rule = &Rule { code: $code, severity: Severity::$severity };
        )+

        /// All rules, by code.
        pub const ALL: &[&Rule] = &[$($name),+];
    };
}

/// An `allow` that nothing needs. It can't be allowed itself.
pub const ALLOW_UNUSED: &Rule = &Rule { code: "L001", severity: Severity::Warning };

rules! {
    /// `remove` of a field that the new mapping has.
    REMOVED_YET_MAPPED = "L101", Warning;
    /// `set` over a field that documents had.
    SET_OVER = "L102", Warning;
    /// `existing: overwrite` onto a field that documents had.
    OVERWRITTEN = "L103", Warning;
    /// `existing: keep` where documents had the field: the other value goes.
    KEPT = "L104", Warning;
    /// `otherwise` removes or empties what an operation can't work on.
    LOST_IN_SILENCE = "L105", Warning;
    /// A `cast` that no value of the old mapping passes, and that removes or empties what it can't turn.
    CAST_LOSES_ALL = "L106", Error;
    /// An index that ends, its documents with it.
    DROPPED = "L107", Warning;
    /// What the step itself wrote is taken away again.
    WRITTEN_IN_VAIN = "L108", Warning;
    /// An index that is dropped, and another one that starts empty under its name.
    NAME_EMPTIED = "L109", Warning;
    /// An index without replicas.
    NO_REPLICA = "L110", Warning;
    /// `unwrap` of lists with several elements keeps the first one.
    LIST_CUT = "L111", Warning;
    /// `drop` of every document that comes there.
    ALL_DROPPED = "L112", Warning;
    /// `each` drops documents without elements.
    ELEMENTLESS_DROPPED = "L113", Warning;
    /// An id that is made without the old one, so that documents may meet.
    IDS_MAY_MEET = "L114", Warning;

    /// A keyword becomes a text.
    KEYWORD_TO_TEXT = "L201", Warning;
    /// A text becomes a keyword.
    TEXT_TO_KEYWORD = "L202", Warning;
    /// A field becomes one of another family of types.
    TYPE_FAMILY = "L203", Warning;
    /// A date no longer takes a format that it took.
    DATE_FORMAT = "L204", Warning;
    /// A field can no longer be searched by.
    INDEX_OFF = "L205", Warning;
    /// A field can no longer be sorted by.
    DOC_VALUES_OFF = "L206", Warning;
    /// What is in an object can no longer be searched by.
    ENABLED_OFF = "L207", Warning;
    /// A field is analysed in another way.
    ANALYSIS = "L208", Warning;
    /// A multi-field is gone.
    MULTI_FIELD_GONE = "L209", Warning;
    /// Fields are gone from documents while the alias stays.
    FIELD_GONE = "L210", Warning;
    /// Documents keep a field that the new mapping no longer makes searchable.
    FIELD_UNMAPPED = "L211", Warning;
    /// An object becomes nested, or the other way round.
    NESTED = "L212", Warning;
    /// A field alias is gone or leads elsewhere.
    FIELD_ALIAS = "L213", Warning;
    /// A field is no longer copied to another one that is searched by.
    COPY_TO_GONE = "L214", Warning;
    /// An index that never shows what is written to it.
    REFRESH_OFF = "L215", Warning;

    /// A whole number becomes one of a smaller range.
    WHOLE_NARROWED = "L301", Warning;
    /// A number with a fraction becomes a coarser one.
    FRACTION_NARROWED = "L302", Warning;
    /// A shorter text is the longest that can be searched by.
    IGNORE_ABOVE = "L303", Warning;
    /// A text becomes a keyword of any length.
    KEYWORD_UNBOUNDED = "L304", Warning;
    /// Malformed values are no longer taken.
    MALFORMED_REFUSED = "L305", Warning;
    /// Numbers that are written as texts are no longer taken.
    COERCE_OFF = "L306", Warning;
    /// More fields than the limit.
    TOTAL_FIELDS = "L307", Warning;
    /// A dynamic mapping that is near its limit.
    DYNAMIC_ROOM = "L308", Warning;
    /// Deeper objects than the limit.
    DEPTH = "L309", Warning;
    /// More nested objects than the limit.
    NESTED_FIELDS = "L310", Warning;
    /// A field name that engines refuse.
    FIELD_NAME = "L311", Warning;
    /// Vectors of another length.
    DIMENSIONS = "L312", Warning;
    /// A loose mapping becomes strict.
    STRICT_NOW = "L313", Warning;
    /// Documents without routing are no longer taken.
    ROUTING_REQUIRED = "L314", Warning;
    /// A date of another range or precision.
    DATE_PRECISION = "L315", Warning;

    /// A migration that changes nothing.
    MIGRATED_UNCHANGED = "L401", Warning;
    /// A `null` is written into every document.
    NULL_WRITTEN = "L402", Warning;
    /// Many shards a year.
    SHARDS_A_YEAR = "L403", Warning;
    /// A required stop at a release that changes no document.
    STOP_FOR_NOTHING = "L404", Warning;
    /// Several indices get the same documents in the same way.
    COPIED_TWICE = "L405", Warning;

    /// A field is written before what stands there is taken away.
    FREED_TOO_LATE = "L501", Warning;
    /// A field is written where documents have one already.
    TARGET_TAKEN = "L502", Warning;
    /// A date that is the same in every document.
    CONSTANT_DATE = "L503", Warning;

    /// No way back, and no reason why.
    NO_WAY_BACK = "L601", Warning;
    /// `existing` costs the way back and never applies.
    EXISTING_IN_VAIN = "L602", Warning;
    /// `down` leaves a field that the old mapping does not know.
    DOWN_LEAVES = "L603", Warning;
    /// `down` leaves a field on which the next upgrade fails.
    DOWN_BLOCKS = "L604", Warning;
    /// After `operations` and `down` a value is not back in its place.
    DOWN_MISPLACES = "L605", Warning;
    /// A derived way back on which new fields are refused.
    BACK_REFUSED = "L606", Warning;
    /// `irreversible` where the way back could be derived.
    REVERSIBLE = "L607", Warning;

    /// A tenant's name may hold the separator.
    TENANT_SEPARATOR = "L701", Warning;
    /// `ignore` leaves an index of every tenant alone.
    IGNORES_ALL = "L702", Warning;
    /// A release between others has no default tenant.
    DEFAULT_TENANT_MISSING = "L703", Warning;
    /// The default tenant is among those left alone.
    DEFAULT_TENANT_IGNORED = "L704", Warning;
    /// A template replaces the one of the release before.
    TEMPLATE_REPLACED = "L705", Warning;
}

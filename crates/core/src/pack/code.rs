//! The codes of mistakes. A code never changes its meaning; what to do about each is in `docs/design/pack-errors.md`.

macro_rules! codes {
    ($($(#[doc = $why:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $why])+ pub const $name: &str = $code;)+

        /// All codes.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

codes! {
    /// A file that every pack or release needs is missing.
    FILE_MISSING = "P0001";
    /// A file is not UTF-8 text.
    NOT_TEXT = "P0002";
    /// A file is not well-formed YAML.
    NOT_YAML = "P0003";
    /// A field that the format does not know.
    FIELD_UNKNOWN = "P0004";
    /// A field that is needed is missing.
    FIELD_MISSING = "P0005";
    /// A value of another kind than the field takes.
    KIND = "P0006";
    /// A key stands twice.
    KEY_TWICE = "P0007";
    /// A word that the format does not know: a mode, a partition kind, an operation.
    WORD_UNKNOWN = "P0008";
    /// A file that no other file mentions.
    FILE_UNUSED = "P0009";

    /// A format that this version can't read.
    FORMAT = "P0101";
    /// The application's name has another form than `[a-z][a-z0-9-]*`.
    PACK_NAME = "P0102";
    /// `data_parts` is 0.
    DATA_PARTS = "P0103";
    /// The tenant pattern is no regular expression that can match a whole tenant name.
    TENANT_PATTERN = "P0104";
    /// A tenant is named that the tenant pattern does not fit.
    TENANT_NAME = "P0105";

    /// The naming variant `default` is missing.
    NAMING_DEFAULT = "P0201";
    /// A naming text with an unknown placeholder or a lone brace.
    PLACEHOLDER_UNKNOWN = "P0202";
    /// A naming text lacks a placeholder that it needs.
    PLACEHOLDER_MISSING = "P0203";
    /// A naming text holds a placeholder that it must not hold, twice, or in the wrong order.
    PLACEHOLDER_MISPLACED = "P0204";
    /// A name that no engine takes.
    NAME_ILLEGAL = "P0205";
    /// An index uses a naming variant that is not there.
    NAMING_UNKNOWN = "P0206";
    /// A partitioned index whose naming variant lacks `partitioned`.
    PARTITIONED_MISSING = "P0207";
    /// `template` and `template_pattern` stand one without the other.
    TEMPLATE_HALF = "P0208";
    /// In mode `alias` an index has no alias.
    ALIAS_MISSING = "P0209";
    /// Two indices with the same name or alias.
    NAMES_EQUAL = "P0210";
    /// A name that belongs to two indices.
    NAMES_CONFUSED = "P0211";
    /// An index template catches names of another index.
    TEMPLATE_CATCHES = "P0212";
    /// In mode `alias` a step changes an index's alias.
    ALIAS_CHANGES = "P0213";

    /// A folder in `releases` whose name is no version.
    RELEASE_FOLDER = "P0301";
    /// Two releases with the same data version.
    RELEASE_TWICE = "P0302";
    /// A release that is not the first has no step.
    STEP_MISSING = "P0303";
    /// The first release has a step.
    STEP_FIRST = "P0304";
    /// A step that does not start at the release before.
    STEP_FROM = "P0305";
    /// The pack has no release at all.
    RELEASES_NONE = "P0306";

    /// A mapping file that is not there.
    MAPPING_MISSING = "P0401";
    /// A mapping file that is not JSON.
    MAPPING_NOT_JSON = "P0402";
    /// A mapping of another shape than engines take.
    MAPPING_SHAPE = "P0403";
    /// A mapping that Lockstep can't work with.
    MAPPING_REFUSED = "P0404";
    /// A setting that is written elsewhere or in another form.
    SETTING = "P0405";
    /// A mapping file outside of its release's folder.
    MAPPING_OUTSIDE = "P0406";

    /// An index that its step does not mention.
    INDEX_UNMENTIONED = "P0501";
    /// A step that mentions an index which is not there.
    INDEX_UNKNOWN = "P0502";
    /// An index of the release before that is neither carried on nor dropped.
    INDEX_LOST = "P0503";
    /// An index that is `unchanged` and has another mapping.
    UNCHANGED_DIFFERS = "P0504";
    /// A step that changes how an index is partitioned.
    PARTITION_CHANGES = "P0505";
    /// An index whose partitions come from one that has none to give.
    LIKE = "P0506";
    /// An index that has a `down` and is said to be irreversible.
    WAY_BACK_TWICE = "P0507";

    /// A `rename` into another parent.
    RENAME_PARENT = "P0601";
    /// An operation without effect.
    OPERATION_EMPTY = "P0602";
    /// An operation whose paths lie within each other.
    PATHS_NESTED = "P0603";
    /// A `split` that can't split.
    SPLIT = "P0604";
    /// An operation on a field that documents can't have.
    FIELD_ABSENT = "P0605";
    /// An operation that writes a field which the new mapping refuses.
    TARGET_REFUSES = "P0606";
    /// A field that has no place in the new mapping.
    FIELD_HOMELESS = "P0607";
    /// A value of a type that the new mapping does not take.
    TYPE_DIFFERS = "P0608";
    /// A value that would leave its element of a list.
    NESTED_LEFT = "P0609";
    /// A `join` that can't join.
    JOIN = "P0610";
    /// A table of `map` that does not say what becomes of a value.
    TABLE = "P0611";
    /// A `nest` or `flatten` that does not say what its fields are called.
    JOINED_NAMES = "P0612";
    /// A `when` that can't decide, or that lies too deep.
    CONDITION = "P0613";
    /// A script, or a program in jq, within a `when`.
    SCRIPT_WITHIN = "P0614";
    /// A text that is no form of a date, or no zone.
    DATE_FORM = "P0615";
    /// A program in jq that does not compile.
    JQ = "P0616";
    /// An operation that doesn't leave documents at their places, where they have to stay.
    SPREADING = "P0617";
    /// An id, a routing or a destination that can't be.
    PLACE = "P0618";
    /// A script that depends on the clock or on chance.
    SCRIPT_UNREPEATABLE = "P0630";

    /// A table in a database that the pack doesn't name.
    TABLE_DATABASE = "P0701";
    /// A primary key that can't tell all rows of a table apart.
    TABLE_KEY = "P0702";
    /// A name that a table or a column can't have, or that stands twice.
    TABLE_NAME = "P0703";
    /// A column type that is none, or that its value doesn't fit.
    COLUMN_TYPE = "P0704";
    /// A column for a field that documents can't have, or that is no single value.
    COLUMN_FIELD = "P0705";
    /// An index with a table that can't be followed.
    TABLE_INDEX = "P0706";
    /// An index with a table whose step doesn't say that there is no way back.
    TABLE_WAY_BACK = "P0707";
    /// Two indices whose rows can't be told apart.
    TABLE_SHARED = "P0708";
    /// A step that would read from the index of a table.
    TABLE_SOURCE = "P0709";

    /// A file below `tests` that is no part of a case.
    CASE_FILE = "P0801";
    /// Cases for an index that gets no documents by this step.
    CASE_INDEX = "P0802";
    /// A case whose files don't go together.
    CASE_FILES = "P0803";
    /// A document of a case that is not a JSON object.
    CASE_NOT_JSON = "P0804";
    /// An expected rejection that can't be read.
    CASE_REJECTION = "P0805";
    /// No case at all.
    CASE_MISSING = "P0806";

    /// A lock that can't be read.
    LOCK_UNREADABLE = "P0901";
    /// A locked release that is not what it was.
    LOCKED_CHANGED = "P0902";

    /// A secret in a file of configuration.
    CONFIGURATION_SECRET = "P1001";
    /// A value of a configuration that can't be used.
    CONFIGURATION_VALUE = "P1002";
    /// Fields of a configuration that don't go together, or lack one another.
    CONFIGURATION_TOGETHER = "P1003";
}

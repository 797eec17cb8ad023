//! Names: how an application's indices, aliases and templates are called, and whose index a name belongs to.
//!
//! A naming text such as `{tenant}-{name}-v{version}` works in both directions: it renders names and takes them
//! apart. Whether the texts of a pack make sense is decided in `pack::check`; here they are only applied.

mod coarser;

mod glob;

mod grammar;

mod partition;

mod release;

mod text;

pub use coarser::{coarser, is_coarser};
pub use glob::Glob;
pub use grammar::{IndexGrammar, ParsedName, SOLE_TENANT, TemplateNames};
pub(crate) use grammar::{KnownName, tenant_group};
pub(crate) use partition::kind_of;
pub use partition::{partition_pattern, respelt, spellings};
pub use release::{Recognised, ReleaseNames};
pub use text::{NameText, NotANameText, Slot};

/// Why the names of a release can't be worked with. A pack that was loaded without errors never gives it.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// A naming text is not well-formed.
    #[error("the naming text `{text}` of index `{key}` is wrong: {source}")]
    Text {
        /// Key of the logical index.
        key: String,
        /// The naming text.
        text: String,
        /// What is wrong with it.
        source: NotANameText,
    },
    /// An index uses a naming variant that the release lacks.
    #[error("index `{key}` uses the naming variant `{variant}`, which the release lacks")]
    Variant {
        /// Key of the logical index.
        key: String,
        /// The variant it names.
        variant: String,
    },
    /// A partitioned index whose naming variant has no text for partitions.
    #[error(
        "index `{key}` has partitions, but its naming variant `{variant}` has no `partitioned`"
    )]
    Partitioned {
        /// Key of the logical index.
        key: String,
        /// The variant it names.
        variant: String,
    },
    /// The grammar is no regular expression, or one too large; the tenant pattern is to blame.
    #[error(
        "the names of index `{key}` can't be matched with the tenant pattern `{tenant_pattern}`"
    )]
    Pattern {
        /// Key of the logical index.
        key: String,
        /// The pack's tenant pattern.
        tenant_pattern: String,
        /// What the regular expression compiler says.
        source: Box<regex::Error>,
    },
}

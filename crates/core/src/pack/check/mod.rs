//! What must hold between the parts of a pack. Each check looks at the whole draft and notes all it finds.

use super::{diagnostic::Findings, draft::Draft};

/// Runs all checks.
pub(crate) fn all(draft: &Draft, findings: &mut Findings) {
    let _ = (draft, findings);
}

//! The functions that a program finds: jaq's own, without those that look beyond the document.

use jaq_core::{DataT, load::parse::Def, native::Fun};
use jaq_json::Val;

/// What a program can't call, and why.
pub(super) struct LeftOut {
    /// The function's name in jq.
    name: &'static str,
    /// How jaq calls what it is made of, where that is another name.
    native: Option<&'static str>,
    /// Goes on behind "there is no …:".
    reason: &'static str,
}

const CLOCK: &str = "a program sees no clock, so that it makes the same of a document every time";
const ZONE: &str =
    "rules of zones differ between machines and years; the operation `date` reads and writes dates";
const ENVIRONMENT: &str = "a program sees no environment; write the value into it";
const INPUT: &str = "a program sees nothing but its document, which is `.`";
const OUTPUT: &str = "a program has no output but its result; try it with `lockstep pack test`";
const END: &str = "a program can't end anything; `error(\"reason\")` rejects the document";

const LEFT_OUT: [LeftOut; 16] = [
    LeftOut::of("now", CLOCK),
    LeftOut::of("localtime", ZONE),
    LeftOut::of("strflocaltime", ZONE),
    LeftOut::of("strptime", ZONE),
    LeftOut::of("env", ENVIRONMENT),
    LeftOut::of("$ENV", ENVIRONMENT),
    LeftOut::of("$__prog_args", ENVIRONMENT),
    LeftOut::of("input", INPUT),
    LeftOut::of("inputs", INPUT),
    LeftOut::of("input_filename", INPUT),
    LeftOut::of("input_line_number", INPUT),
    LeftOut::of("get_search_list", INPUT),
    LeftOut { name: "debug", native: Some("debug_empty"), reason: OUTPUT },
    LeftOut { name: "stderr", native: Some("stderr_empty"), reason: OUTPUT },
    LeftOut::of("halt", END),
    LeftOut::of("halt_error", END),
];

impl LeftOut {
    const fn of(name: &'static str, reason: &'static str) -> Self {
        Self { name, native: None, reason }
    }

    fn is(&self, name: &str) -> bool {
        self.name == name || self.native == Some(name)
    }
}

/// Why a program can't call a function that jq has; `None` for one that jq doesn't have.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    LEFT_OUT.iter().find(|left_out| left_out.is(name)).map(|left_out| left_out.reason)
}

/// Functions that are written in jq.
pub(super) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    all.filter(|definition| reason(definition.name).is_none())
}

/// Functions that are not.
pub(super) fn functions<D>() -> impl Iterator<Item = Fun<D>>
where
    D: for<'a> DataT<V<'a> = Val>,
{
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    all.filter(|(name, _, _)| reason(name).is_none())
}

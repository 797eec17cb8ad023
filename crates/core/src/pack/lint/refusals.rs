//! L3, first part: documents that the new mapping refuses, and values that it keeps less exactly than the old one.

use serde_json::{Map, Value};

use super::{
    definitions::Definition,
    passage::{Pair, Passage},
    rule::{self, Rule},
};
use crate::pack::diagnostic::Findings;

pub(super) fn check(passage: &Passage<'_>, findings: &mut Findings) {
    for (old, (path, new)) in passage.pairs() {
        Pair { passage, path, old, new }.check_refusals(findings);
    }
    check_malformed_setting(passage, findings);
    check_strict(passage, findings);
    check_routing(passage, findings);
}

impl Pair<'_, '_> {
    fn check_refusals(&self, findings: &mut Findings) {
        self.check_whole(findings);
        self.check_fraction(findings);
        self.check_length(findings);
        self.check_strictness(findings);
        self.check_dimensions(findings);
        self.check_precision(findings);
    }

    /// Tells something of a parameter, or of the field where the parameter isn't written.
    fn tell_of(
        &self,
        (rule, parameter): (&'static Rule, &str),
        told: (String, &str),
        findings: &mut Findings,
    ) {
        let parameter = self.new.parameter(parameter).map(|_| parameter);
        self.tell((rule, parameter), told, findings);
    }

    fn check_whole(&self, findings: &mut Findings) {
        let (old, new) = (self.old.kind(), self.new.kind());
        let (Some(before), Some(after)) = (whole_range(old), whole_range(new)) else { return };
        if after.0 > before.0 || after.1 < before.1 {
            let message = format!(
                "`{}` was {old} and is {new} now: documents with a number outside of {} to {} are refused",
                self.path, after.0, after.1
            );
            let fix = "keep the larger type unless the numbers are known to fit";
            self.tell_of((rule::WHOLE_NARROWED, "type"), (message, fix), findings);
        }
    }

    fn check_fraction(&self, findings: &mut Findings) {
        let (old, new) = (self.old.kind(), self.new.kind());
        let (Some(before), Some(after)) = (fraction_digits(old), fraction_digits(new)) else {
            return;
        };
        let factor = |definition: &Definition<'_>| {
            definition.parameter("scaling_factor").and_then(Value::as_f64)
        };
        let is_coarser = match (old == "scaled_float", new == "scaled_float") {
            (true, true) => {
                factor(self.new).zip(factor(self.old)).is_some_and(|(new, old)| new < old)
            }
            (false, true) => true,
            // A scaled number is kept as a whole one of 64 bits.
            (true, false) => new != "double",
            (false, false) => after < before,
        };
        if is_coarser {
            let message = format!(
                "`{}` was {old} and is {new} now: searches and sums see its numbers less exactly, and some are out of range",
                self.path
            );
            let fix = "keep the finer type, or the larger `scaling_factor`";
            let parameter = if old == new { "scaling_factor" } else { "type" };
            self.tell_of((rule::FRACTION_NARROWED, parameter), (message, fix), findings);
        }
    }

    fn check_length(&self, findings: &mut Findings) {
        let (old, new) = (self.old.kind(), self.new.kind());
        if new != "keyword" {
            return;
        }
        let longest = self.new.number("ignore_above");
        if old == "keyword" {
            let before = self.old.number("ignore_above").unwrap_or(KEYWORD_CHARACTERS_SAFE);
            if let Some(longest) = longest.filter(|longest| *longest < before) {
                let message = format!(
                    "`{}` is searchable up to {longest} characters only, fewer than before: longer values are kept, but nothing finds them",
                    self.path
                );
                let fix = "keep the larger `ignore_above`, or leave it out";
                self.tell_of((rule::IGNORE_ABOVE, "ignore_above"), (message, fix), findings);
            }
        }
        let was_long =
            matches!(old, "text" | "match_only_text" | "search_as_you_type" | "wildcard");
        if was_long && longest.is_none() {
            let message = format!(
                "`{}` gets what was {old}, and as a keyword takes no more than {KEYWORD_BYTES_MAX} bytes: documents with a longer one are refused",
                self.path
            );
            let fix = "add `\"ignore_above\": 8191`, which keeps longer ones and leaves them out of the index";
            self.tell_of((rule::KEYWORD_UNBOUNDED, "type"), (message, fix), findings);
        }
    }

    fn check_strictness(&self, findings: &mut Findings) {
        let path = self.path;
        if self.old.flag("ignore_malformed") == Some(true)
            && self.new.flag("ignore_malformed") != Some(true)
            && !takes_any_text(self.new.kind())
            && !is_on(self.passage.setting(IGNORE_MALFORMED).1)
        {
            let message = format!(
                "`{path}` took malformed values and no longer does: documents that have one are refused"
            );
            let fix = "keep `\"ignore_malformed\": true`, or put the values right in the step";
            self.tell_of((rule::MALFORMED_REFUSED, "ignore_malformed"), (message, fix), findings);
        }
        if self.new.flag("coerce") == Some(false) && self.old.flag("coerce") != Some(false) {
            let message = format!(
                "`{path}` no longer takes numbers that are written as texts, or with a fraction: documents that have one are refused"
            );
            let fix = "leave `coerce` out, or `cast` the field in the step";
            self.tell_of((rule::COERCE_OFF, "coerce"), (message, fix), findings);
        }
    }

    fn check_dimensions(&self, findings: &mut Findings) {
        for parameter in ["dims", "dimension"] {
            if let (Some(old), Some(new)) = (self.old.number(parameter), self.new.number(parameter))
                && old != new
            {
                let message = format!(
                    "the vectors of `{}` have {old} numbers, but {new} are asked for: every document with one is refused",
                    self.path
                );
                let fix = "keep the length, or give new vectors a field of their own";
                self.tell_of((rule::DIMENSIONS, parameter), (message, fix), findings);
            }
        }
    }

    fn check_precision(&self, findings: &mut Findings) {
        let (message, fix) = match (self.old.kind(), self.new.kind()) {
            ("date", "date_nanos") => (
                format!(
                    "`{}` takes dates from 1970 to 2262 only, which `date` did not ask: documents with others are refused",
                    self.path
                ),
                "keep `date` unless all dates are known to lie between",
            ),
            ("date_nanos", "date") => (
                format!(
                    "searches and sorting by `{}` see milliseconds only: what lies within one is equal",
                    self.path
                ),
                "keep `date_nanos` if the order within a millisecond matters",
            ),
            _ => return,
        };
        self.tell_of((rule::DATE_PRECISION, "type"), (message, fix), findings);
    }
}

/// So many characters always fit into a keyword: none takes more than four bytes. What is longer may have been refused
/// before, so this bound takes away next to nothing.
const KEYWORD_CHARACTERS_SAFE: u64 = 8_191;

/// The most that engines take in one keyword.
const KEYWORD_BYTES_MAX: u32 = 32_766;

/// The least and the largest number that a type takes.
fn whole_range(kind: &str) -> Option<(i128, i128)> {
    Some(match kind {
        "byte" => (i8::MIN.into(), i8::MAX.into()),
        "short" => (i16::MIN.into(), i16::MAX.into()),
        "integer" => (i32::MIN.into(), i32::MAX.into()),
        "long" => (i64::MIN.into(), i64::MAX.into()),
        "unsigned_long" => (0, u64::MAX.into()),
        _ => return None,
    })
}

/// How many significant bits a type keeps.
fn fraction_digits(kind: &str) -> Option<u32> {
    Some(match kind {
        "half_float" => 11,
        "float" => f32::MANTISSA_DIGITS,
        "double" => f64::MANTISSA_DIGITS,
        "scaled_float" => i64::BITS,
        _ => return None,
    })
}

/// Whether no text is malformed for a type.
fn takes_any_text(kind: &str) -> bool {
    matches!(kind, "keyword" | "text" | "wildcard" | "match_only_text" | "search_as_you_type")
}

/// The setting that holds for all fields of an index.
const IGNORE_MALFORMED: &str = "mapping.ignore_malformed";

fn is_on(setting: Option<&Value>) -> bool {
    setting.is_some_and(|value| value == &Value::Bool(true) || value.as_str() == Some("true"))
}

fn check_malformed_setting(passage: &Passage<'_>, findings: &mut Findings) {
    let name = IGNORE_MALFORMED;
    let (old, new) = passage.setting(name);
    if is_on(old) && !is_on(new) {
        let message = format!(
            "`{}` took malformed values by the setting `{name}` and no longer does: documents that have one are refused",
            passage.key
        );
        let fix = "keep the setting, or put the values right in the step";
        passage.tell(
            (rule::MALFORMED_REFUSED, ""),
            passage.setting_place(name),
            (message, fix),
            findings,
        );
    }
}

/// The pack can't know which fields a loose mapping let in.
fn check_strict(passage: &Passage<'_>, findings: &mut Findings) {
    let is_strict =
        |root: &Map<String, Value>| root.get("dynamic").and_then(Value::as_str) == Some("strict");
    if is_strict(passage.new.root) && !is_strict(passage.old.root) {
        let message = format!(
            "the mapping of `{}` was loose and is strict now: documents with a field that neither mapping knows are set aside",
            passage.key
        );
        let fix = "look in the data for such fields, and `remove` them in the step or add them to the mapping";
        let place = passage.new.place_of(&["dynamic"]);
        passage.tell((rule::STRICT_NOW, ""), &place, (message, fix), findings);
    }
}

fn check_routing(passage: &Passage<'_>, findings: &mut Findings) {
    let is_required = |root: &Map<String, Value>| {
        root.get("_routing").and_then(|routing| routing.get("required")) == Some(&Value::Bool(true))
    };
    if is_required(passage.new.root) && !is_required(passage.old.root) {
        let message = format!(
            "`{}` now asks for a routing with every document: those that were written without one are refused",
            passage.key
        );
        let fix = "leave `_routing` as it was";
        let place = passage.new.place_of(&["_routing", "required"]);
        passage.tell((rule::ROUTING_REQUIRED, ""), &place, (message, fix), findings);
    }
}

//! Reads `allow`: lints that are known and meant, each with its reason.

use super::AllowWire;
use crate::pack::{
    code,
    diagnostic::Findings,
    fields::{Fields, list, place_of, text},
    lint::rule,
    nearest::suggestion,
    place::At,
    yaml::{Entry, Node},
};

impl AllowWire {
    /// Reads the list.
    pub(crate) fn read_all(entry: &Entry, findings: &mut Findings) -> Vec<Self> {
        let nodes = list(entry, findings).unwrap_or_default();
        nodes.iter().filter_map(|node| Self::read(node, entry, findings)).collect()
    }

    fn read(node: &Node, list: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = place_of(node, list);
        let mut fields = Fields::open(node, ("an element of `allow`", place), findings)?;
        let lint = fields.required(("lint", "L101"), findings);
        let at = fields.required(("at", "order.coupon"), findings);
        let reason = fields.required(("reason", "\"coupons ended with 1.0\""), findings);
        fields.finish(findings);
        let lint = lint.and_then(|entry| text(entry, findings));
        let at = at.and_then(|entry| text(entry, findings));
        let reason = reason.and_then(|entry| said(entry, findings));
        let lint = lint?;
        let Some(rule) = rule::ALL.iter().find(|rule| rule.code == lint.value) else {
            let message = format!("there is no lint `{}`", lint.value);
            let fix = suggestion(&lint.value, rule::ALL.iter().map(|rule| rule.code));
            findings.error(code::WORD_UNKNOWN, &lint.place, message, fix);
            return None;
        };
        Some(Self { place: lint.place, rule, at: at?.value, reason: reason?.value })
    }
}

/// A reason: whoever reads the pack later must learn something from it.
fn said(entry: &Entry, findings: &mut Findings) -> Option<At<String>> {
    let written = text(entry, findings)?;
    if written.value.trim().is_empty() {
        let message = "`reason` says nothing";
        let fix = "say in a few words why this is meant";
        findings.error(code::KIND, &written.place, message, fix);
        return None;
    }
    Some(written)
}

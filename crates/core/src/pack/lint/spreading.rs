//! L112 to L114: documents that are lost, or meet, where steps don't keep them one to one.

use super::{passage::Passage, rule};
use crate::{
    pack::diagnostic::Findings,
    transform::operation::{Elementless, Operation, TemplatePart},
};

pub(super) fn check_passage(passage: &Passage<'_>, findings: &mut Findings) {
    for outer in passage.operations {
        for wire in outer.with_inner() {
            match &wire.operation {
                Operation::Drop(_) if std::ptr::eq(wire, outer) => {
                    let message = format!("no document of `{}` is carried over", passage.key);
                    let fix = "put it into a `when`, or write `dropped` for an index that ends";
                    let rule = (rule::ALL_DROPPED, "_id");
                    passage.tell(rule, &wire.place, (message, fix), findings);
                }
                Operation::Each(dividing) if dividing.empty == Elementless::Drop => {
                    let field = dividing.field.as_str();
                    let message = format!(
                        "a document in which `{field}` is empty or missing is dropped in silence"
                    );
                    let fix = "write `empty: keep`, or leave it out: such documents are set aside, where they can be looked at";
                    let rule = (rule::ELEMENTLESS_DROPPED, field);
                    passage.tell(rule, wire.value_place("empty"), (message, fix), findings);
                }
                Operation::Rekey(rekeying) if !rekeying.id.parts().contains(&TemplatePart::Id) => {
                    let message = format!(
                        "two documents of `{}` may get the same id, which stops the upgrade when it is found",
                        passage.key
                    );
                    let fix = "add `{_id}`, unless these fields are different for every document";
                    let rule = (rule::IDS_MAY_MEET, "_id");
                    passage.tell(rule, wire.value_place("id"), (message, fix), findings);
                }
                // What else is done to documents, other lints look at.
                _ => {}
            }
        }
    }
}

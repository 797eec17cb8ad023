//! Documents that don't stay one at their place: every operation is done to all documents before the next one is.

use super::{Json, Members, Outcome, Rejected, apply_one, at, condition, relocate, way};
use crate::transform::operation::{
    Dividing, Elementless, Existing, FieldPath, Operation, Relocation, Template, TemplatePart,
};

/// A document with its place.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::transform::tests) struct Whole {
    pub(in crate::transform::tests) index: Option<String>,
    pub(in crate::transform::tests) id: String,
    pub(in crate::transform::tests) routing: Option<String>,
    pub(in crate::transform::tests) members: Members,
}

/// What becomes of a document and of all that is made of it.
pub(in crate::transform::tests) fn spread(
    operations: &[Operation],
    document: Whole,
) -> Outcome<Vec<Whole>> {
    let mut documents = vec![document];
    for operation in operations {
        let mut made = Vec::new();
        for document in documents {
            made.extend(spread_one(operation, document)?);
        }
        documents = made;
    }
    Ok(documents)
}

fn spread_one(operation: &Operation, mut document: Whole) -> Outcome<Vec<Whole>> {
    match operation {
        Operation::Drop(_) => return Ok(Vec::new()),
        Operation::Rekey(rekeying) => document.id = id(&rekeying.id, &mut document, None)?,
        Operation::Reroute(rerouting) => {
            document.routing = match &rerouting.routing {
                None => None,
                Some(routing) => Some(
                    Some(fill(routing, &mut document, None)?)
                        .filter(|routing| !routing.is_empty())
                        .ok_or(Rejected)?,
                ),
            };
        }
        Operation::Send(sending) => document.index = Some(sending.to.clone()),
        Operation::Each(dividing) => return divide(dividing, document),
        Operation::When(branching) => {
            let holds = condition::holds(&branching.condition, &document.members)?;
            return spread(if holds { &branching.then } else { &branching.otherwise }, document);
        }
        plain => apply_one(plain, &mut document.members)?,
    }
    Ok(vec![document])
}

fn divide(dividing: &Dividing, mut document: Whole) -> Outcome<Vec<Whole>> {
    let field = dividing.field.as_str();
    let elements = match way(&document.members, field)? {
        None => Vec::new(),
        Some(way) if !way.rest.is_empty() => return Err(Rejected),
        Some(way) => match at(&mut document.members, &way.at) {
            Json::Array(elements) => elements.clone(),
            Json::Null => Vec::new(),
            _ => return Err(Rejected),
        },
    };
    if elements.is_empty() {
        return match dividing.empty {
            Elementless::Reject => Err(Rejected),
            Elementless::Keep => Ok(vec![document]),
            Elementless::Drop => Ok(Vec::new()),
        };
    }
    let mut made = Vec::new();
    for (position, element) in elements.into_iter().enumerate() {
        let mut one = document.clone();
        let way = way(&one.members, field)?.ok_or(Rejected)?;
        *at(&mut one.members, &way.at) = element;
        if let Some(into) = dividing.into.as_ref().filter(|into| **into != dividing.field) {
            let (from, to) = (dividing.field.clone(), into.clone());
            let relocation = Relocation { from, to, existing: Existing::Reject };
            let operation = Operation::Move(relocation.clone());
            relocate(&operation, &relocation, &mut one.members, (field, into.as_str()))?;
        }
        one.id = id(&dividing.id, &mut one, Some(position))?;
        made.push(one);
    }
    Ok(made)
}

fn id(template: &Template, document: &mut Whole, position: Option<usize>) -> Outcome<String> {
    let id = fill(template, document, position)?;
    if id.is_empty() || id.len() > 512 { Err(Rejected) } else { Ok(id) }
}

fn fill(template: &Template, document: &mut Whole, position: Option<usize>) -> Outcome<String> {
    let texts = template.parts().iter().map(|part| match part {
        TemplatePart::Text(text) => Ok(text.clone()),
        TemplatePart::Id => Ok(document.id.clone()),
        TemplatePart::Routing => document.routing.clone().ok_or(Rejected),
        TemplatePart::Position => position.map(|position| position.to_string()).ok_or(Rejected),
        TemplatePart::Index => Err(Rejected),
        TemplatePart::Field(field) => field_text(field, &mut document.members),
    });
    texts.collect()
}

fn field_text(field: &FieldPath, members: &mut Members) -> Outcome<String> {
    let way = way(members, field.as_str())?.filter(|way| way.rest.is_empty()).ok_or(Rejected)?;
    match at(members, &way.at) {
        Json::Text(text) => Ok(text.clone()),
        scalar @ (Json::Number(_) | Json::Digits(_) | Json::Boolean(_)) => Ok(scalar.render()),
        Json::Null | Json::Array(_) | Json::Object(_) => Err(Rejected),
    }
}

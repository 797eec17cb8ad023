//! The slow, obvious reference: the same operations on a tree of owned values, with everything copied.
//!
//! It shares nothing with the program but the operations' data types. Numbers are text, members keep their order, and
//! [`Json::render`] gives the bytes that a program must give for a document that was rendered in the same way.

mod condition;

mod codings;

mod dates;

mod parts;

mod spreading;

mod values;

pub(super) use spreading::{Whole, spread};

use crate::transform::operation::{Existing, FieldPath, Nesting, Operation, Relocation};

/// A JSON value with the digits of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Boolean(bool),
    Number(&'static str),
    Digits(String),
    Text(String),
    Array(Vec<Self>),
    Object(Members),
}

pub(super) type Members = Vec<(String, Json)>;

/// A document is rejected; why is for the table of rules to say.
#[derive(Debug, PartialEq)]
pub(super) struct Rejected;

type Outcome<T = ()> = Result<T, Rejected>;

/// Indices of members from an object downwards, and the rest of the path where an array is reached.
struct Way {
    at: Vec<usize>,
    rest: String,
}

impl Json {
    /// The value on one line.
    pub(super) fn render(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Number(digits) => (*digits).into(),
            Self::Digits(digits) => digits.clone(),
            Self::Text(text) => serde_json::to_string(text).unwrap(),
            Self::Array(elements) => {
                let elements: Vec<_> = elements.iter().map(Self::render).collect();
                format!("[{}]", elements.join(","))
            }
            Self::Object(members) => render(members),
        }
    }

    fn of(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::Null => Self::Null,
            Value::Bool(boolean) => Self::Boolean(*boolean),
            Value::Number(number) => Self::Digits(number.to_string()),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(elements) => Self::Array(elements.iter().map(Self::of).collect()),
            Value::Object(members) => Self::Object(
                members.iter().map(|(key, value)| (key.clone(), Self::of(value))).collect(),
            ),
        }
    }
}

pub(super) fn render(members: &Members) -> String {
    let members: Vec<_> = members
        .iter()
        .map(|(key, value)| format!("{}:{}", serde_json::to_string(key).unwrap(), value.render()))
        .collect();
    format!("{{{}}}", members.join(","))
}

/// What becomes of a document.
pub(super) fn apply(operations: &[Operation], mut document: Members) -> Outcome<Members> {
    for operation in operations {
        apply_one(operation, &mut document)?;
    }
    Ok(document)
}

fn apply_one(operation: &Operation, document: &mut Members) -> Outcome {
    match operation {
        Operation::Rename(_) | Operation::Move(_) | Operation::Copy(_) => {
            let (Operation::Rename(relocation)
            | Operation::Move(relocation)
            | Operation::Copy(relocation)) = operation
            else {
                unreachable!()
            };
            let (from, to) = (relocation.from.as_str(), relocation.to.as_str());
            relocate(operation, relocation, document, (from, to))
        }
        Operation::Remove(removal) => {
            for field in &removal.fields {
                each(document, field.as_str(), &mut |frame, way| {
                    take(frame, way);
                    Ok(())
                })?;
            }
            Ok(())
        }
        Operation::Set(assignment) | Operation::Default(assignment) => {
            let overwrite = matches!(operation, Operation::Set(_));
            assign(document, assignment.field.as_str(), &Json::of(&assignment.value), overwrite)
        }
        Operation::Cast(_)
        | Operation::Lower(_)
        | Operation::Upper(_)
        | Operation::Trim(_)
        | Operation::Map(_)
        | Operation::Date(_)
        | Operation::Decode(_)
        | Operation::Encode(_)
        | Operation::Wrap(_)
        | Operation::Unwrap(_) => values::change(operation, document),
        Operation::Nest(nesting) => nest(operation, nesting, document),
        Operation::Flatten(flattening) => {
            let field = flattening.field.as_str();
            let parent = field.rsplit_once('.').map(|(parent, _)| format!("{parent}."));
            let front = parent.unwrap_or_default() + &flattening.prefix;
            parts::flatten(flattening.existing, document, (field, &front)).map(drop)
        }
        Operation::Split(splitting) => {
            let into: Vec<&str> = splitting.into.iter().map(FieldPath::as_str).collect();
            parts::split(splitting, document, splitting.field.as_str(), &into)
        }
        Operation::Join(joining) => {
            let fields: Vec<&str> = joining.fields.iter().map(FieldPath::as_str).collect();
            parts::join(joining, document, &fields, joining.into.as_str())
        }
        Operation::Hash(hashing) => {
            let fields: Vec<&str> = hashing.fields.iter().map(FieldPath::as_str).collect();
            parts::hash(hashing.existing, document, &fields, hashing.into.as_str())
        }
        Operation::When(branching) => {
            let holds = condition::holds(&branching.condition, document)?;
            let branch = if holds { &branching.then } else { &branching.otherwise };
            branch.iter().try_for_each(|operation| apply_one(operation, document))
        }
        Operation::Jq(_)
        | Operation::Painless(_)
        | Operation::Drop(_)
        | Operation::Rekey(_)
        | Operation::Reroute(_)
        | Operation::Each(_)
        | Operation::Send(_) => Err(Rejected),
    }
}

fn nest(operation: &Operation, nesting: &Nesting, document: &mut Members) -> Outcome {
    nesting.fields.iter().try_for_each(|from| {
        let name = from.segments().last().unwrap();
        let to = FieldPath::try_from(format!("{}.{name}", nesting.into)).unwrap();
        let existing = nesting.existing;
        let one = Relocation { from: from.clone(), to: to.clone(), existing };
        relocate(operation, &one, document, (from.as_str(), to.as_str()))
    })
}

/// All ways that a path leads to a field, or to an array that has the field.
fn ways(object: &Members, path: &str) -> Vec<Way> {
    let mut found = Vec::new();
    for (index, (key, value)) in object.iter().enumerate() {
        if key == path {
            found.push(Way { at: vec![index], rest: String::new() });
        }
        if key.starts_with(&format!("{path}.")) {
            // A part of an object that stands by itself: not one field, so none that anything could be done to.
            found.extend([0, 1].map(|_| Way { at: vec![index], rest: String::new() }));
        }
        let Some(rest) = path.strip_prefix(&format!("{key}.")) else { continue };
        match value {
            Json::Object(members) => {
                for way in ways(members, rest) {
                    found.push(Way { at: [vec![index], way.at].concat(), rest: way.rest });
                }
            }
            Json::Array(elements) if has(elements, rest) => {
                found.push(Way { at: vec![index], rest: rest.into() });
            }
            _ => {}
        }
    }
    found
}

fn has(elements: &[Json], path: &str) -> bool {
    elements.iter().any(|element| match element {
        Json::Object(members) => !ways(members, path).is_empty(),
        Json::Array(inner) => has(inner, path),
        _ => false,
    })
}

/// The one way, none, or rejected.
fn way(object: &Members, path: &str) -> Outcome<Option<Way>> {
    let mut found = ways(object, path);
    if found.len() > 1 { Err(Rejected) } else { Ok(found.pop()) }
}

fn at<'a>(object: &'a mut Members, indices: &[usize]) -> &'a mut Json {
    let value = &mut object[indices[0]].1;
    if indices.len() == 1 {
        return value;
    }
    match value {
        Json::Object(members) => at(members, &indices[1..]),
        _ => unreachable!("a way leads through objects"),
    }
}

fn parent<'a>(object: &'a mut Members, indices: &[usize]) -> &'a mut Members {
    if indices.len() == 1 {
        return object;
    }
    match at(object, &indices[..indices.len() - 1]) {
        Json::Object(members) => members,
        _ => unreachable!("a way leads through objects"),
    }
}

fn take(object: &mut Members, indices: &[usize]) {
    parent(object, indices).remove(indices[indices.len() - 1]);
}

fn take_value(object: &mut Members, indices: &[usize]) -> Json {
    at(object, indices).clone()
}

fn take_with_parents(object: &mut Members, indices: &[usize]) {
    take(object, indices);
    if indices.len() > 1 && parent(object, indices).is_empty() {
        take_with_parents(object, &indices[..indices.len() - 1]);
    }
}

/// Every object of an array, those of arrays within it included.
fn objects<'a>(array: &'a mut Json, found: &mut Vec<&'a mut Members>) {
    let Json::Array(elements) = array else { unreachable!("a way ends at an array") };
    for element in elements {
        match element {
            Json::Object(members) => found.push(members),
            Json::Array(_) => objects(element, found),
            _ => {}
        }
    }
}

/// Does something to a field wherever it stands.
fn each(
    frame: &mut Members,
    path: &str,
    action: &mut impl FnMut(&mut Members, &[usize]) -> Outcome,
) -> Outcome {
    let Some(way) = way(frame, path)? else { return Ok(()) };
    if way.rest.is_empty() {
        return action(frame, &way.at);
    }
    let mut frames = Vec::new();
    objects(at(frame, &way.at), &mut frames);
    frames.into_iter().try_for_each(|frame| each(frame, &way.rest, action))
}

fn relocate(
    operation: &Operation,
    relocation: &Relocation,
    frame: &mut Members,
    (from, to): (&str, &str),
) -> Outcome {
    let Some(way) = way(frame, from)? else { return Ok(()) };
    if !way.rest.is_empty() {
        let to_rest = rest_in_array(frame, &way, from, to)?;
        let mut frames = Vec::new();
        objects(at(frame, &way.at), &mut frames);
        return frames
            .into_iter()
            .try_for_each(|frame| relocate(operation, relocation, frame, (&way.rest, &to_rest)));
    }
    let value = take_value(frame, &way.at);
    let parent_of = |path: &str| path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
    match operation {
        Operation::Copy(_) => write(frame, to, value, relocation.existing),
        Operation::Rename(_) if parent_of(from) == parent_of(to) => {
            rename(frame, &way.at, to, relocation.existing)
        }
        _ => {
            take_with_parents(frame, &way.at);
            write(frame, to, value, relocation.existing)
        }
    }
}

fn rename(frame: &mut Members, field: &[usize], to: &str, existing: Existing) -> Outcome {
    let mut target = way(frame, to)?;
    if let Some(target) = target.take_if(|target| target.at != field || !target.rest.is_empty()) {
        match existing {
            _ if !target.rest.is_empty() => return Err(Rejected),
            Existing::Reject => return Err(Rejected),
            Existing::Overwrite => {
                // Renamed first, as taking one member moves the indices of others.
                rename_key(frame, field, to);
                take(frame, &target.at);
            }
            Existing::Keep => take(frame, field),
        }
        return Ok(());
    }
    rename_key(frame, field, to);
    Ok(())
}

/// The new key has as many names as the old one.
fn rename_key(frame: &mut Members, field: &[usize], to: &str) {
    let members = parent(frame, field);
    let key = &mut members[field[field.len() - 1]].0;
    let name_count = key.split('.').count();
    let names: Vec<&str> = to.split('.').collect();
    *key = names[names.len() - name_count..].join(".");
}

/// A target's path in the elements of the array that the source is in.
fn rest_in_array(frame: &Members, from_way: &Way, from: &str, to: &str) -> Outcome<String> {
    let shared = from.strip_suffix(from_way.rest.as_str()).unwrap();
    let rest = to.strip_prefix(shared).ok_or(Rejected)?;
    match way(frame, to)? {
        Some(other) if other.rest.is_empty() || other.at != from_way.at => Err(Rejected),
        _ => Ok(rest.into()),
    }
}

fn write(frame: &mut Members, path: &str, value: Json, existing: Existing) -> Outcome {
    match way(frame, path)? {
        Some(way) if !way.rest.is_empty() => Err(Rejected),
        Some(way) => match existing {
            Existing::Reject => Err(Rejected),
            Existing::Overwrite => {
                *at(frame, &way.at) = value;
                Ok(())
            }
            Existing::Keep => Ok(()),
        },
        None => make(frame, path, &value, false),
    }
}

fn assign(frame: &mut Members, path: &str, value: &Json, overwrite: bool) -> Outcome {
    match way(frame, path)? {
        Some(way) if way.rest.is_empty() => {
            if overwrite {
                *at(frame, &way.at) = value.clone();
            }
            Ok(())
        }
        Some(way) => assign_in_array(at(frame, &way.at), &way.rest, value, overwrite),
        None => make(frame, path, value, true),
    }
}

fn assign_in_array(array: &mut Json, path: &str, value: &Json, overwrite: bool) -> Outcome {
    let Json::Array(elements) = array else { unreachable!("a way ends at an array") };
    elements.iter_mut().try_for_each(|element| match element {
        Json::Object(members) => assign(members, path, value, overwrite),
        Json::Array(_) => assign_in_array(element, path, value, overwrite),
        Json::Null => Ok(()),
        _ => Err(Rejected),
    })
}

/// Writes where nothing is, at the deepest parent there is.
fn make(frame: &mut Members, path: &str, value: &Json, into_arrays: bool) -> Outcome {
    let mut parents = parents(frame, path);
    let shortest = parents.iter().map(|way| way.rest.len()).min();
    parents.retain(|way| Some(way.rest.len()) == shortest);
    if parents.len() > 1 {
        return Err(Rejected);
    }
    let Some(way) = parents.pop() else {
        frame.push(nested(path, value));
        return Ok(());
    };
    match at(frame, &way.at) {
        Json::Object(members) => members.push(nested(&way.rest, value)),
        null @ Json::Null => *null = Json::Object(vec![nested(&way.rest, value)]),
        array @ Json::Array(_) if into_arrays => {
            return assign_in_array(array, &way.rest, value, false);
        }
        _ => return Err(Rejected),
    }
    Ok(())
}

/// Whatever stands on the way to a path, of any type.
fn parents(object: &Members, path: &str) -> Vec<Way> {
    let mut found = Vec::new();
    for (index, (key, value)) in object.iter().enumerate() {
        let Some(rest) = path.strip_prefix(&format!("{key}.")) else { continue };
        found.push(Way { at: vec![index], rest: rest.into() });
        if let Json::Object(members) = value {
            for way in parents(members, rest) {
                found.push(Way { at: [vec![index], way.at].concat(), rest: way.rest });
            }
        }
    }
    found
}

fn nested(path: &str, value: &Json) -> (String, Json) {
    match path.split_once('.') {
        Some((name, rest)) => (name.into(), Json::Object(vec![nested(rest, value)])),
        None => (path.into(), value.clone()),
    }
}

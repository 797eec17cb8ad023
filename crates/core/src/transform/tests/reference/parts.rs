//! Several fields at once: strings that are taken apart and put together.

use sha2::{Digest as _, Sha256};

use super::{
    Json, Members, Outcome, Rejected, at, objects, rest_in_array, take_value, take_with_parents,
    way, write,
};
use crate::transform::operation::{Existing, Joining, Lists, Splitting};

pub(super) fn split(
    splitting: &Splitting,
    frame: &mut Members,
    field: &str,
    into: &[&str],
) -> Outcome {
    let Some(way) = way(frame, field)? else { return Ok(()) };
    if !way.rest.is_empty() {
        let targets: Vec<String> =
            into.iter().map(|to| rest_in_array(frame, &way, field, to)).collect::<Outcome<_>>()?;
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let mut frames = Vec::new();
        objects(at(frame, &way.at), &mut frames);
        return frames
            .into_iter()
            .try_for_each(|frame| split(splitting, frame, &way.rest, &targets));
    }
    let parts: Vec<String> = match at(frame, &way.at) {
        Json::Text(text) => {
            text.splitn(into.len(), &splitting.separator).map(str::to_owned).collect()
        }
        Json::Null if into.contains(&field) => return Ok(()),
        Json::Null => Vec::new(),
        _ => return Err(Rejected),
    };
    let parts: Vec<(&str, String)> = into.iter().copied().zip(parts).collect();
    match parts.iter().find(|(to, _)| *to == field) {
        Some((_, part)) => *at(frame, &way.at) = Json::Text(part.clone()),
        None => take_with_parents(frame, &way.at),
    }
    for (to, part) in parts {
        if to != field {
            write(frame, to, Json::Text(part), Existing::Reject)?;
        }
    }
    Ok(())
}

pub(super) fn join(joining: &Joining, frame: &mut Members, fields: &[&str], into: &str) -> Outcome {
    let mut texts = Vec::new();
    let mut in_array = None;
    for field in fields {
        match way(frame, field)? {
            None => {}
            Some(way) if way.rest.is_empty() => texts.push(take_value(frame, &way.at)),
            Some(way) => in_array = in_array.or(Some((way, *field))),
        }
    }
    if let Some((way, from)) = in_array {
        let rests: Vec<String> = fields
            .iter()
            .map(|field| rest_in_array(frame, &way, from, field))
            .collect::<Outcome<_>>()?;
        let rests: Vec<&str> = rests.iter().map(String::as_str).collect();
        let into = rest_in_array(frame, &way, from, into)?;
        let mut frames = Vec::new();
        objects(at(frame, &way.at), &mut frames);
        return frames.into_iter().try_for_each(|frame| join(joining, frame, &rests, &into));
    }
    let texts: Vec<String> = texts
        .into_iter()
        .filter(|value| *value != Json::Null)
        .map(|value| match value {
            Json::Text(text) => Ok(text),
            Json::Array(elements) if joining.lists == Lists::Join => {
                let elements = elements.iter().filter(|element| **element != Json::Null);
                let texts: Vec<&str> = elements
                    .map(|element| match element {
                        Json::Text(text) => Ok(text.as_str()),
                        _ => Err(Rejected),
                    })
                    .collect::<Outcome<_>>()?;
                Ok(texts.join(&joining.separator))
            }
            _ => Err(Rejected),
        })
        .collect::<Outcome<_>>()?;
    let mut is_in_place = false;
    for field in fields {
        let Some(found) = way(frame, field)? else { continue };
        if *field == into {
            is_in_place = true;
        } else {
            take_with_parents(frame, &found.at);
        }
    }
    let whole = Json::Text(texts.join(&joining.separator));
    match (texts.is_empty(), is_in_place) {
        (true, _) => Ok(()),
        (false, true) => write(frame, into, whole, Existing::Overwrite),
        (false, false) => write(frame, into, whole, Existing::Reject),
    }
}

/// Gives the paths that were written.
pub(super) fn flatten(
    existing: Existing,
    frame: &mut Members,
    (field, front): (&str, &str),
) -> Outcome<Vec<String>> {
    let Some(found) = way(frame, field)? else { return Ok(Vec::new()) };
    let mut written = Vec::new();
    if !found.rest.is_empty() {
        let shared = field.strip_suffix(found.rest.as_str()).unwrap();
        let front = front.strip_prefix(shared).unwrap();
        let mut frames = Vec::new();
        objects(at(frame, &found.at), &mut frames);
        for frame in frames {
            let inside = flatten(existing, frame, (&found.rest, front))?;
            written.extend(inside.into_iter().map(|path| format!("{shared}{path}")));
        }
        for path in &written {
            way(frame, path)?;
        }
        return Ok(written);
    }
    let members = match take_value(frame, &found.at) {
        Json::Object(members) => members,
        Json::Null => Vec::new(),
        _ => return Err(Rejected),
    };
    take_with_parents(frame, &found.at);
    for (name, value) in members {
        let path = format!("{front}{name}");
        if path.split('.').any(str::is_empty) {
            return Err(Rejected);
        }
        write(frame, &path, value, existing)?;
        written.push(path);
    }
    Ok(written)
}

pub(super) fn hash(
    existing: Existing,
    frame: &mut Members,
    fields: &[&str],
    into: &str,
) -> Outcome {
    let mut values = Vec::new();
    let mut in_array = None;
    for field in fields {
        match way(frame, field)? {
            None => values.push(Json::Null),
            Some(way) if way.rest.is_empty() => values.push(take_value(frame, &way.at)),
            Some(way) => in_array = in_array.or(Some((way, *field))),
        }
    }
    if values.iter().any(|value| !matches!(value, Json::Null | Json::Text(_))) {
        return Err(Rejected);
    }
    if let Some((way, from)) = in_array {
        let rest = |field: &str| rest_in_array(frame, &way, from, field);
        let rests: Vec<String> = fields.iter().map(|field| rest(field)).collect::<Outcome<_>>()?;
        let rests: Vec<&str> = rests.iter().map(String::as_str).collect();
        let into = rest(into)?;
        let mut frames = Vec::new();
        objects(at(frame, &way.at), &mut frames);
        return frames.into_iter().try_for_each(|frame| hash(existing, frame, &rests, &into));
    }
    if values.iter().all(|value| *value == Json::Null) {
        return Ok(());
    }
    let texts: Vec<String> = values
        .iter()
        .map(|value| match value {
            Json::Text(text) if values.len() == 1 => text.clone(),
            Json::Text(text) => format!("{}:{text},", text.len()),
            _ => "-,".to_owned(),
        })
        .collect();
    let digest = Sha256::digest(texts.concat());
    let digest: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    write(frame, into, Json::Text(digest.concat()), existing)
}

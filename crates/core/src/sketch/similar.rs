//! Where a field or an index may have gone: by its type, its name, its values.

use super::{
    Candidate, Seen,
    fields::{Difference, is_alike},
    values_of,
};
use crate::pack::is_near;

/// Candidates that are offered for one thing.
const CANDIDATES_MAX: usize = 3;
/// Different values that two fields must have at least, for them to say anything.
const VALUES_MIN: usize = 3;

/// Fields of the new mapping that a gone one may have become.
pub(super) fn fields(
    (field, difference): (&str, &Difference),
    (before, after): (&Seen, &Seen),
) -> Vec<Candidate> {
    let old_type = difference.old_types.get(field).map_or("", String::as_str);
    let old_values = values_of(&before.documents, field);
    let mut found: Vec<(u8, Candidate)> = Vec::new();
    for (path, kind) in &difference.added {
        if kind != old_type && !is_alike(old_type, kind) {
            continue;
        }
        let new_values = values_of(&after.documents, path);
        let shared = old_values.intersection(&new_values).count();
        let fewer = old_values.len().min(new_values.len());
        let has_same_values = fewer >= VALUES_MIN && shared * 2 >= fewer;
        let has_same_name = last(field) == last(path);
        let has_near_name = is_near(last(field), last(path));
        let (rank, reason) = match (has_same_values, has_same_name, has_near_name) {
            (true, _, _) => (0, format!("{shared} of {fewer} values are the same")),
            (false, true, _) => (1, "it has the same name elsewhere".to_owned()),
            (false, false, true) => (2, "its name is similar, its type the same".to_owned()),
            (false, false, false) => continue,
        };
        found.push((rank, Candidate { name: path.clone(), reason }));
    }
    ranked(found)
}

/// Indices of the new release that a gone one may have become.
pub(super) fn indices<'a>(
    (key, before): (&str, &Seen),
    added: impl Iterator<Item = (&'a String, &'a Seen)>,
) -> Vec<Candidate> {
    let found = added.filter_map(|(name, after)| {
        let is_equal = before.mapping.get("properties") == after.mapping.get("properties");
        let (rank, reason) = match (is_equal, is_near(key, name)) {
            (true, _) => (0, "its mapping has the same fields"),
            (false, true) => (1, "its name is similar"),
            (false, false) => return None,
        };
        Some((rank, Candidate { name: name.clone(), reason: reason.to_owned() }))
    });
    ranked(found.collect())
}

fn ranked(mut found: Vec<(u8, Candidate)>) -> Vec<Candidate> {
    found.sort_by(|(one, left), (other, right)| (one, &left.name).cmp(&(other, &right.name)));
    found.into_iter().take(CANDIDATES_MAX).map(|(_, candidate)| candidate).collect()
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

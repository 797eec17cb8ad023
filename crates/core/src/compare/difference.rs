//! Which ids are missing, extra or differing, once some buckets are known to differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// The entries of one side by id, for the buckets that are looked at.
///
/// One id can stand for several entries, as routing may put the same id on several shards; they are summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryHashes {
    entries: BTreeMap<String, Digest>,
}

impl EntryHashes {
    /// No entries yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one entry.
    pub fn add(&mut self, id: &str, entry_hash: u128) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.add(entry_hash);
        } else {
            self.entries.insert(id.into(), Digest { count: 1, sum: entry_hash });
        }
    }

    /// Takes in the entries of another part of the set.
    pub fn merge(&mut self, other: Self) {
        for (id, digest) in other.entries {
            self.entries.entry(id).or_default().merge(digest);
        }
    }

    /// What was taken in under an id.
    pub fn get(&self, id: &str) -> Option<Digest> {
        self.entries.get(id).copied()
    }

    /// Ids whose entries are not the same here and there, sorted.
    pub fn differing_ids<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let mut ids: Vec<&str> = self
            .entries
            .iter()
            .filter(|(id, digest)| other.entries.get(*id) != Some(digest))
            .map(|(id, _)| id.as_str())
            .chain(
                other
                    .entries
                    .keys()
                    .filter(|id| !self.entries.contains_key(*id))
                    .map(String::as_str),
            )
            .collect();
        ids.sort_unstable();
        ids
    }

    /// Ids that have been taken in.
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

/// What one side has and the other has not. Ids are sorted and bounded; counts are of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Ids that are expected and not there.
    pub missing: Vec<String>,
    /// Ids that are there and not expected.
    pub extra: Vec<String>,
    /// Ids whose documents are not equal.
    pub differing: Vec<String>,
    /// How many are missing, those that are not listed included.
    pub missing_count: u64,
    /// How many are extra.
    pub extra_count: u64,
    /// How many differ.
    pub differing_count: u64,
}

impl Difference {
    /// Compares two sides; of each kind at most `limit` ids are listed.
    pub fn between(expected: &EntryHashes, found: &EntryHashes, limit: usize) -> Self {
        let mut difference = Self::default();
        for (id, digest) in &expected.entries {
            match found.entries.get(id) {
                None => list(id, &mut difference.missing, &mut difference.missing_count, limit),
                Some(other) if other != digest => {
                    list(id, &mut difference.differing, &mut difference.differing_count, limit);
                }
                Some(_) => {}
            }
        }
        for id in found.entries.keys().filter(|id| !expected.entries.contains_key(*id)) {
            list(id, &mut difference.extra, &mut difference.extra_count, limit);
        }
        difference
    }

    /// Takes in what was found elsewhere, in other buckets or another index; lists stay sorted and within `limit`.
    pub fn merge(&mut self, other: Self, limit: usize) {
        merge_list(&mut self.missing, other.missing, limit);
        merge_list(&mut self.extra, other.extra, limit);
        merge_list(&mut self.differing, other.differing, limit);
        self.missing_count += other.missing_count;
        self.extra_count += other.extra_count;
        self.differing_count += other.differing_count;
    }

    /// Whether both sides are equal.
    pub fn is_empty(&self) -> bool {
        self.missing_count == 0 && self.extra_count == 0 && self.differing_count == 0
    }
}

fn list(id: &str, ids: &mut Vec<String>, count: &mut u64, limit: usize) {
    *count += 1;
    if ids.len() < limit {
        ids.push(id.into());
    }
}

fn merge_list(ids: &mut Vec<String>, others: Vec<String>, limit: usize) {
    ids.extend(others);
    ids.sort_unstable();
    ids.truncate(limit);
}

//! Which index of the new set must hold the documents of which index of the old one.

use std::collections::BTreeSet;

use crate::{
    application::{LogicalIndex, Release, index_name, index_parts},
    check::CheckOptions,
};

/// Two indices that are compared. An index that the cluster lacks counts as empty; that it is lacking is a problem besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pair {
    /// Logical name, the same in both releases.
    pub(super) name: &'static str,
    /// The index of the old set, if it has one.
    pub(super) old: Option<String>,
    /// The index of the new set; its name even when the cluster lacks it.
    pub(super) new: String,
    /// Whether the new index is there.
    pub(super) new_is_there: bool,
}

/// What there is to compare.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) tenants: BTreeSet<String>,
    pub(super) pairs: Vec<Pair>,
    pub(super) problems: Vec<String>,
}

/// Partitions that an index of a release has on the cluster; the one of an index that is not monthly is `None`.
pub(crate) fn partitions<'name>(
    names: &BTreeSet<&'name str>,
    tenant: &str,
    name: &str,
    release: Release,
) -> Vec<Option<&'name str>> {
    names
        .iter()
        .filter_map(|index| index_parts(index))
        .filter(|at| at.tenant == tenant && at.name == name && at.version == release.version())
        .map(|at| at.partition)
        .collect()
}

/// Pairs up the indices of both sets.
pub(super) fn find(names: &BTreeSet<&str>, options: &CheckOptions) -> Found {
    let mut found = Found::default();
    for index in names.iter().filter_map(|index| index_parts(index)) {
        if index.version == options.from.version()
            && options.from.indices().iter().any(|logical| logical.name == index.name)
        {
            found.tenants.insert(index.tenant.to_owned());
        }
    }
    let mut paired = BTreeSet::new();
    for tenant in found.tenants.clone() {
        for old in options.from.indices() {
            let stays = options.to.indices().contains(old);
            let partitions = partitions(names, &tenant, old.name, options.from);
            if partitions.is_empty() {
                found
                    .problems
                    .push(format!("tenant {tenant} has no index {} in the old set", old.name));
            }
            for partition in partitions {
                let old_index = index_name(&tenant, old.name, options.from, partition);
                // An index that ends is read as well: none of its documents may turn up anywhere.
                let new_index = index_name(&tenant, old.name, options.to, partition);
                paired.insert(new_index.clone());
                found.add(names, old.name, Some(old_index), (new_index, stays));
            }
        }
        for new in options.to.indices() {
            if !options.from.indices().contains(new) {
                for partition in new_partitions(names, &tenant, new, options) {
                    let new_index = index_name(&tenant, new.name, options.to, partition);
                    paired.insert(new_index.clone());
                    found.add(names, new.name, None, (new_index, true));
                }
            }
        }
    }
    let unpaired = names.iter().filter(|index| !paired.contains(**index));
    for (index, at) in unpaired.filter_map(|index| index_parts(index).map(|at| (index, at))) {
        if at.version == options.to.version() && found.tenants.contains(at.tenant) {
            found.problems.push(format!("index {index} of the new set has no counterpart"));
            found.pairs.push(Pair {
                name: "",
                old: None,
                new: (*index).to_owned(),
                new_is_there: true,
            });
        }
    }
    found
}

/// Partitions of an index that starts empty: the months that events have.
fn new_partitions<'name>(
    names: &BTreeSet<&'name str>,
    tenant: &str,
    new: &LogicalIndex,
    options: &CheckOptions,
) -> Vec<Option<&'name str>> {
    if new.monthly { partitions(names, tenant, "event", options.from) } else { vec![None] }
}

impl Found {
    /// Adds a pair; `new` is the name and whether the cluster must have it.
    fn add(
        &mut self,
        names: &BTreeSet<&str>,
        name: &'static str,
        old: Option<String>,
        new: (String, bool),
    ) {
        let (new, required) = new;
        let new_is_there = names.contains(new.as_str());
        if required && !new_is_there {
            self.problems.push(format!("index {new} of the new set is missing"));
        }
        if !required && new_is_there {
            self.problems
                .push(format!("index {new} is there, although {name} ends with the old set"));
        }
        self.pairs.push(Pair { name, old, new, new_is_there });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], from: Release, to: Release) -> Found {
        let options = CheckOptions { from, to, live: to, examples: 0 };
        find(&names.iter().copied().collect(), &options)
    }

    /// All index names of a tenant in a release.
    fn whole(tenant: &str, release: Release) -> Vec<String> {
        let names = release.indices().iter().flat_map(|index| {
            let name = |part| index_name(tenant, index.name, release, part);
            index.partitions().into_iter().map(name).collect::<Vec<_>>()
        });
        names.collect()
    }

    #[test]
    fn every_index_of_both_sets_has_its_place() {
        let all: Vec<String> = [Release::V1_0, Release::V1_1, Release::V2_0]
            .into_iter()
            .flat_map(|release| whole("acme", release))
            .chain(["other".to_owned(), "acme-scratch".to_owned(), "Acme-event-v2.0".to_owned()])
            .collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for (from, to, pairs) in [
            (Release::V1_0, Release::V1_1, 10),
            (Release::V1_0, Release::V2_0, 14),
            (Release::V1_1, Release::V2_0, 13),
        ] {
            let found = found(&all, from, to);
            assert_eq!(found.problems, [""; 0]);
            assert_eq!(found.pairs.len(), pairs, "{from:?} {to:?}");
            assert_eq!(found.tenants, BTreeSet::from(["acme".to_owned()]));
        }
    }

    #[test]
    fn what_is_lacking_or_too_much_is_told() {
        let mut names = whole("acme", Release::V1_0);
        names.extend(whole("acme", Release::V1_1));
        names.retain(|name| name != "acme-note-v1.0" && name != "acme-event-v1.1-2025-12");
        names.push("acme-visit-v1.1".to_owned());
        names.push("acme-event-v1.1-2026-09".to_owned());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = found(&names, Release::V1_0, Release::V1_1);
        assert_eq!(
            found.problems,
            [
                "index acme-event-v1.1-2025-12 of the new set is missing",
                "tenant acme has no index note in the old set",
                "index acme-visit-v1.1 is there, although visit ends with the old set",
                "index acme-event-v1.1-2026-09 of the new set has no counterpart",
                "index acme-note-v1.1 of the new set has no counterpart",
            ]
        );
    }
}

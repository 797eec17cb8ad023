//! Which release is live: the one whose indices the application reads and writes now.

use std::collections::BTreeMap;

use crate::{
    inventory::Inventory,
    names::{NamesError, Recognised, ReleaseNames},
    pack::model::{Pack, SwitchMode},
    version::Version,
};

/// Why it can't be told which release is live.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No release has indices.
    #[error("no index in this cluster belongs to a release of `{application}`")]
    NothingLive {
        /// The application.
        application: String,
    },
    /// Several have.
    #[error("several releases have indices in this cluster: {}", releases.join(", "))]
    Ambiguous {
        /// Their versions.
        releases: Vec<String>,
    },
    /// The pack's names can't be worked with.
    #[error(transparent)]
    Names(#[from] NamesError),
}

/// Finds the live release by what the cluster holds.
///
/// In `alias` mode it is the release whose indices carry the application's aliases. In `versioned` mode nothing in the
/// cluster tells, so it must be the only one that has indices.
///
/// # Errors
/// [`LiveError`] when no release or several would do.
pub fn live_release(pack: &Pack, inventory: &Inventory) -> Result<Version, LiveError> {
    let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
    for (position, release) in pack.releases.iter().enumerate() {
        let names = ReleaseNames::new(pack, release)?;
        for (index, facts) in &inventory.indices {
            let Recognised::Known { key, tenant, .. } = names.recognise(index) else { continue };
            let counts_as_live = match pack.mode {
                SwitchMode::Versioned => true,
                SwitchMode::Alias => {
                    let alias = names.grammar(&key).and_then(|grammar| grammar.alias(&tenant));
                    alias.is_some_and(|alias| facts.aliases.contains_key(&alias))
                }
            };
            if counts_as_live {
                *counts.entry(position).or_default() += 1;
            }
        }
    }
    let releases: Vec<&Version> = counts
        .keys()
        .filter_map(|position| pack.releases.get(*position))
        .map(|release| &release.version)
        .collect();
    match releases.as_slice() {
        [] => Err(LiveError::NothingLive { application: pack.name.clone() }),
        [version] => Ok((*version).clone()),
        several => Err(LiveError::Ambiguous {
            releases: several.iter().map(ToString::to_string).collect(),
        }),
    }
}

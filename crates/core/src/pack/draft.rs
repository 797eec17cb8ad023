//! A pack that was read but not yet checked: what `check` looks at.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    place::Place,
    wire::{IndexWire, NamingWire, PackFile, ReleaseFile},
};
use crate::version::Version;

/// Everything that could be read of a pack.
#[derive(Debug)]
pub(crate) struct Draft {
    /// `pack.yaml`; `None` when it could not be read.
    pub(crate) pack: Option<PackFile>,
    /// The releases, oldest first.
    pub(crate) releases: Vec<DraftRelease>,
    /// Digest over all files.
    pub(crate) digest: String,
}

/// Everything that could be read of a release.
#[derive(Debug)]
pub(crate) struct DraftRelease {
    /// Its version, as its folder says.
    pub(crate) version: Version,
    /// Its `release.yaml` as a whole.
    pub(crate) place: Place,
    /// The file; `None` when it could not be read.
    pub(crate) file: Option<ReleaseFile>,
    /// The mappings that could be read, by index key.
    pub(crate) mappings: BTreeMap<String, Value>,
}

impl Draft {
    /// The naming variants of a release: its own, and those of the pack that it does not replace.
    pub(crate) fn naming<'a>(
        &'a self,
        release: &'a DraftRelease,
    ) -> BTreeMap<&'a str, &'a NamingWire> {
        let shared = self.pack.iter().flat_map(|pack| &pack.naming);
        let own = release.file.iter().flat_map(|file| &file.naming);
        shared.chain(own).map(|(variant, naming)| (variant.as_str(), naming)).collect()
    }

    /// The releases whose indices Lockstep may have to make: the first one is there already, unless it is the only one.
    pub(crate) fn made(&self) -> impl Iterator<Item = &DraftRelease> {
        let there_already = usize::from(self.releases.len() > 1);
        self.releases.iter().skip(there_already)
    }

    /// Each release with the one before it.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&DraftRelease, &DraftRelease)> {
        self.releases.iter().zip(self.releases.iter().skip(1))
    }

    /// The tenant pattern.
    pub(crate) fn tenant_pattern(&self) -> &str {
        let written = self.pack.as_ref().and_then(|pack| pack.tenant_pattern.as_ref());
        written.map_or(TENANT_PATTERN_DEFAULT, |pattern| &pattern.value)
    }
}

/// What a tenant's name looks like unless the pack says otherwise.
pub(crate) const TENANT_PATTERN_DEFAULT: &str = "[a-z0-9_]+";

/// The naming variant of an index that names none.
pub(crate) const NAMING_DEFAULT: &str = "default";

impl DraftRelease {
    /// Its folder, with a `/` at the end.
    pub(crate) fn folder(&self) -> &str {
        let path: &str = &self.place.file;
        path.rsplit_once('/').and_then(|(folder, _)| path.get(..=folder.len())).unwrap_or(path)
    }

    /// The text for `{version}`.
    pub(crate) fn label(&self) -> &str {
        let written = self.file.as_ref().and_then(|file| file.label.as_ref());
        written.map_or(self.version.as_str(), |label| &label.value)
    }

    /// Its logical indices.
    pub(crate) fn indices(&self) -> impl Iterator<Item = (&str, &IndexWire)> {
        let indices = self.file.iter().flat_map(|file| &file.indices);
        indices.map(|(key, index)| (key.as_str(), index))
    }

    /// One of its logical indices.
    pub(crate) fn index(&self, key: &str) -> Option<&IndexWire> {
        self.file.as_ref()?.indices.get(key)
    }
}

impl IndexWire {
    /// The text for `{name}`.
    pub(crate) fn name<'a>(&'a self, key: &'a str) -> &'a str {
        self.name.as_ref().map_or(key, |name| &name.value)
    }

    /// Whether it has partitions, as far as could be read.
    pub(crate) fn is_partitioned(&self) -> bool {
        self.partitions.is_some_and(|partitions| !partitions.is_none())
    }

    /// The key of its naming variant.
    pub(crate) fn naming(&self) -> &str {
        self.naming.as_ref().map_or(NAMING_DEFAULT, |naming| &naming.value)
    }
}

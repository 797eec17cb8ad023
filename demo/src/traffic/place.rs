//! Where a document lives and what it says there. Both follow from a few numbers, so that the ledger keeps numbers, not
//! documents.

use std::collections::BTreeSet;

use crate::{
    application::{Release, index_name, tenant_names},
    documents::Document,
    json::Json,
    returned::carried,
    seed::{
        SeedOptions,
        shares::{Share, is_rewritten, shares},
    },
    traffic::history::{History, State},
};

/// The logical indices that are written to. Not `visit`: it ends with 1.0. Not `consent` and `rejection`: 1.0 lacks them.
const WRITTEN: [&str; 5] = ["event", "profile", "order", "note", "audit"];

/// Numbers from here on are documents that traffic brought; the ones below are seeded.
pub(super) const TRAFFIC_FIRST: u64 = 10_000_000_000;

/// One document, whatever it says: a slot, and a number that is unique there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Position of the slot among all slots.
    pub(super) slot: usize,
    /// The document's number.
    pub(super) number: u64,
}

/// Every partition of every logical index of every tenant that was seeded: a slot each.
#[derive(Debug)]
pub(super) struct Slots {
    seed: u64,
    shares: Vec<Share>,
    written: Vec<usize>,
}

impl Slots {
    /// The slots of what was seeded; the first `tenants` tenants are written to.
    pub(super) fn new(seed: &SeedOptions, tenants: u32) -> Self {
        let shares = shares(seed, &tenant_names(seed.tenants));
        let tenants: BTreeSet<String> = tenant_names(tenants).into_iter().collect();
        let is_written =
            |share: &Share| tenants.contains(&share.tenant) && WRITTEN.contains(&share.index.name);
        let written = shares.iter().enumerate().filter(|(_, share)| is_written(share));
        let written = written.map(|(slot, _)| slot).collect();
        Self { seed: seed.seed, shares, written }
    }

    /// All slots in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (usize, &Share)> {
        self.shares.iter().enumerate()
    }

    /// The slots that are written to.
    pub(super) fn written(&self) -> &[usize] {
        &self.written
    }

    /// A slot by its position.
    pub(super) fn share(&self, slot: usize) -> &Share {
        self.shares.get(slot).expect("places are made from these slots")
    }

    /// The name of a slot's index in a release.
    pub(super) fn index(&self, slot: usize, release: Release) -> String {
        let share = self.share(slot);
        index_name(&share.tenant, share.index.name, release, share.month)
    }

    /// A version of a document as release 1.0 writes it. Its id and routing are those of version 0.
    fn version(&self, place: Place, version: u32) -> Document {
        let share = self.share(place.slot);
        let document = share.document(self.seed, place.number, version);
        document.expect("slots are of release 1.0, and all of its indices have documents")
    }

    /// The document's id and routing, the same for ever.
    pub(super) fn identity(&self, place: Place) -> (String, Option<String>) {
        let Document { id, routing, source: _ } = self.version(place, 0);
        (id, routing)
    }

    /// What the application of a release writes as this version of the document.
    ///
    /// # Errors
    /// A text, when the release has no form for it.
    pub(super) fn source(
        &self,
        place: Place,
        version: u32,
        form: Release,
    ) -> Result<String, String> {
        let source = self.version(place, version).source;
        if form == Release::V1_0 {
            return Ok(source);
        }
        let written = State::Written { version, form };
        let content = self.content(place, written, form)?;
        content.map(|content| content.to_string()).ok_or_else(|| "it has no place there".to_owned())
    }

    /// What a document in this state says in the live release. `None`: nothing, it is not there.
    ///
    /// # Errors
    /// A text, when the document can't be taken there.
    pub(super) fn content(
        &self,
        place: Place,
        state: State,
        live: Release,
    ) -> Result<Option<Json>, String> {
        let name = self.share(place.slot).index.name;
        let (source, form) = match state {
            State::Absent => return Ok(None),
            State::Empty => ("{}".to_owned(), Release::V1_0),
            State::Written { version, form } => (self.version(place, version).source, form),
        };
        let document = Json::parse(&source).map_err(|error| error.to_string())?;
        match carried(name, Release::V1_0, form, document)? {
            Some(written) => carried(name, form, live, written),
            None => Ok(None),
        }
    }

    /// The document as seeding left it.
    pub(super) fn seeded(&self, place: Place) -> History {
        let share = self.share(place.slot);
        if !(share.first..share.first + share.count).contains(&place.number) {
            return History::default();
        }
        let mut history = History::default();
        if is_rewritten(place.number) {
            history.acknowledge(State::Empty);
        }
        history.acknowledge(State::Written { version: 0, form: Release::V1_0 });
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots() -> Slots {
        Slots::new(&SeedOptions { tenants: 3, documents: 3000, seed: 5 }, 2)
    }

    #[test]
    fn only_the_chosen_tenants_and_indices_are_written_to() {
        let slots = slots();
        let written: BTreeSet<String> =
            slots.written().iter().map(|slot| slots.index(*slot, Release::V2_0)).collect();
        assert_eq!(written.len(), 2 * 8);
        assert!(written.iter().all(|name| !name.contains("visit") && !name.contains("cobalt")));
    }

    #[test]
    fn versions_differ_in_content_and_share_their_identity() {
        let slots = slots();
        for slot in slots.written() {
            let place = Place { slot: *slot, number: 17 };
            let sources: BTreeSet<String> = (0..20)
                .map(|version| slots.source(place, version, Release::V1_0).unwrap())
                .collect();
            assert!(sources.len() > 10, "{sources:?}");
            let (id, _) = slots.identity(place);
            assert!(id.contains("17"));
        }
    }

    #[test]
    fn a_document_of_a_later_release_is_written_in_its_form() {
        let slots = slots();
        for slot in slots.written() {
            for release in Release::ALL {
                let place = Place { slot: *slot, number: TRAFFIC_FIRST + 3 };
                let text = slots.source(place, 4, release).unwrap();
                let state = State::Written { version: 4, form: release };
                let content = slots.content(place, state, release).unwrap().unwrap();
                assert!(!text.contains('\n') && content.equals(&Json::parse(&text).unwrap()));
                assert_eq!(slots.content(place, State::Absent, release).unwrap(), None);
            }
        }
    }
}

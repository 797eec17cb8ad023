//! One write of the application, and how a bulk request says it.

use std::fmt::Write as _;

use serde_json::json;

use crate::{
    application::Release,
    traffic::{
        history::State,
        place::{Place, Slots},
    },
};

/// What is done to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A document that is not there is written.
    Insert,
    /// A document that is there is written in full.
    Update,
    /// A document that is there is deleted.
    Delete,
}

impl Kind {
    /// As a word for what happens to a document.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Insert => "inserted",
            Self::Update => "updated",
            Self::Delete => "deleted",
        }
    }
}

/// One write. It may be repeated: it ends in the same document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operation {
    /// Which document.
    pub(super) place: Place,
    /// What is done to it.
    pub(super) kind: Kind,
    /// Which content it gets; without meaning for a delete.
    pub(super) version: u32,
}

impl Operation {
    /// The state that the document is in afterwards.
    pub(super) fn state(&self, form: Release) -> State {
        match self.kind {
            Kind::Delete => State::Absent,
            Kind::Insert | Kind::Update => State::Written { version: self.version, form },
        }
    }

    /// Appends the lines of this operation for the set of a release, to its concrete index: through an alias a document
    /// in the old form could land in a new index.
    ///
    /// # Errors
    /// A text, when the release has no form for the document.
    pub(super) fn append(
        &self,
        body: &mut String,
        slots: &Slots,
        release: Release,
    ) -> Result<(), String> {
        let (id, routing) = slots.identity(self.place);
        let mut identity = json!({"_index": slots.index(self.place.slot, release), "_id": id});
        if let (Some(routing), Some(object)) = (routing, identity.as_object_mut()) {
            object.insert("routing".to_owned(), json!(routing));
        }
        let mut line =
            |text: &str| writeln!(body, "{text}").expect("writing to a string does not fail");
        match self.kind {
            Kind::Delete => line(&json!({"delete": identity}).to_string()),
            Kind::Insert | Kind::Update => {
                let source = slots.source(self.place, self.version, release)?;
                line(&json!({"index": identity}).to_string());
                line(&source);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::SeedOptions;

    #[test]
    fn a_write_names_its_index_its_id_and_its_routing() {
        let slots = Slots::new(&SeedOptions { tenants: 1, documents: 100, seed: 1 }, 1);
        let slot = slots.all().find(|(_, share)| share.index.name == "note").unwrap().0;
        let place = Place { slot, number: 10_000_000_000 };
        let mut body = String::new();
        for (kind, release) in [(Kind::Insert, Release::V1_0), (Kind::Delete, Release::V2_0)] {
            let operation = Operation { place, kind, version: 0 };
            operation.append(&mut body, &slots, release).unwrap();
        }
        let lines: Vec<&str> = body.lines().collect();
        assert_eq!(lines.len(), 3);
        let identity = r#"{"_index":"acme-note-v1.0","_id":"note-10000000000","routing":"notes"}"#;
        assert_eq!(lines[0], format!("{{\"index\":{identity}}}"));
        let identity = identity.replace("v1.0", "v2.0");
        assert_eq!(lines[2], format!("{{\"delete\":{identity}}}"));
    }
}

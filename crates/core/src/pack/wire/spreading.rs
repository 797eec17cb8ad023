//! Reads the operations that don't leave one document at its place.

use super::operation::Reader;
use crate::{
    pack::{
        code,
        fields::{boolean, text, texts},
    },
    transform::operation::{Dividing, Documents, Elementless, Rerouting, Sending, Template},
};

const ELEMENTLESS: [(&str, Elementless); 3] =
    [("reject", Elementless::Reject), ("keep", Elementless::Keep), ("drop", Elementless::Drop)];

const DOCUMENTS: [(&str, Documents); 2] = [("one", Documents::One), ("any", Documents::Any)];

impl Reader<'_, '_> {
    pub(super) fn rerouting(&mut self) -> Option<Rerouting> {
        let remove = self.fields.optional("remove");
        let Some(remove) = remove else {
            return self.template("routing").map(|routing| Rerouting { routing: Some(routing) });
        };
        let is_removed = boolean(remove, self.findings)?;
        if let (Some(routing), true) = (self.fields.optional("routing"), is_removed) {
            let message = "`remove` takes the routing away, so `routing` says nothing";
            self.findings.error(code::PLACE, &routing.key.place, message, "keep one of the two");
            return None;
        }
        if is_removed {
            return Some(Rerouting { routing: None });
        }
        self.template("routing").map(|routing| Rerouting { routing: Some(routing) })
    }

    pub(super) fn dividing(&mut self) -> Option<Dividing> {
        let field = self.path("field");
        let into = self.fields.optional("into").map(|_| self.path("into"));
        let id = self.template("id");
        let empty = self.word("empty", &ELEMENTLESS);
        match into {
            Some(None) => None,
            into => Some(Dividing { field: field?, into: into.flatten(), id: id?, empty }),
        }
    }

    pub(super) fn sending(&mut self) -> Option<Sending> {
        let entry = self.entry("to", "KEY")?;
        let to = text(entry, self.findings)?;
        self.values.push(("to", to.place));
        Some(Sending { to: to.value })
    }

    /// A text that documents fill; notes where it stands, once as itself and once for each field that it names.
    pub(super) fn template(&mut self, name: &'static str) -> Option<Template> {
        let entry = self.entry(name, "\"{customer.id}-{_id}\"")?;
        let written = text(entry, self.findings)?;
        let place = written.place;
        let template = Template::try_from(written.value).map_err(|error| {
            let fix = "write names of fields in braces, such as `{customer.id}`, and `{_id}`, `{_routing}` or `{_index}`";
            self.findings.error(code::PLACE, &place, error.to_string(), fix);
        });
        let template = template.ok()?;
        self.values.push((name, place.clone()));
        self.values.extend(template.fields().map(|_| ("template", place.clone())));
        Some(template)
    }

    /// Whether a program or a script may make any number of documents, and to which other indices it may send them.
    pub(super) fn documents(&mut self) -> Option<(Documents, Vec<String>)> {
        let documents = self.word("documents", &DOCUMENTS);
        let Some(entry) = self.fields.optional("to") else { return Some((documents, Vec::new())) };
        let to = texts(entry, self.findings)?;
        if documents == Documents::One {
            let message = "one document stays in its index, so `to` says nothing";
            let fix = "write `documents: any`, or leave `to` out";
            self.findings.error(code::PLACE, &entry.key.place, message, fix);
            return None;
        }
        let mut keys = Vec::with_capacity(to.len());
        for key in to {
            self.values.push(("to", key.place));
            keys.push(key.value);
        }
        Some((documents, keys))
    }
}

//! An event as clients say it, the same in all releases, and how each release keeps it: written down by hand, as an
//! application has it in its code.

use serde::{Deserialize, Serialize};

use crate::{
    application::Release,
    json::{Json, Object},
};

/// Longest id and longest kind or user that is taken, in bytes.
const TEXT_MAX: usize = 200;

/// An event as clients say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Chosen by the client, so that an event which is sent again is the same event: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What happened, such as `purchase`.
    pub kind: String,
    /// Who did it.
    pub user: String,
    /// When, as ISO 8601 in UTC.
    pub at: String,
    /// How long it took, in milliseconds.
    pub duration: i64,
    /// What it was worth: a decimal number as text, so that `1.10` stays `1.10`.
    pub amount: String,
}

impl Event {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// A text that says why it can't.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { id, kind, user, at, duration: _, amount } = self;
        if !is_id(id) {
            return Err("its id has to be of letters, digits, `-`, `_` and `.`".to_owned());
        }
        for (name, text) in [("kind", kind), ("user", user), ("at", at)] {
            if text.is_empty() || text.len() > TEXT_MAX {
                return Err(format!("its {name} is empty or longer than {TEXT_MAX} bytes"));
            }
        }
        match Json::parse(amount) {
            Ok(Json::Number(number)) if number == *amount => Ok(()),
            Ok(_) | Err(_) => Err(format!("its amount `{amount}` is no decimal number")),
        }
    }

    /// The document that a release keeps.
    pub(super) fn document(&self, release: Release) -> Json {
        let Self { id: _, kind, user, at, duration, amount } = self;
        let text = |text: &String| Json::Text(text.clone());
        let duration = duration.to_string();
        let fields = match release {
            Release::V1_0 => vec![
                ("type", text(kind)),
                ("user", text(user)),
                ("timestamp", text(at)),
                ("duration", Json::Text(duration)),
                ("amount", text(amount)),
            ],
            Release::V1_1 => vec![
                ("action", text(kind)),
                ("user", text(user)),
                ("timestamp", text(at)),
                ("duration", Json::Number(duration)),
                ("amount", text(amount)),
            ],
            Release::V2_0 => vec![
                ("action", text(kind)),
                ("customer", text(user)),
                ("timestamp", text(at)),
                ("received", text(at)),
                ("duration", Json::Number(duration)),
                ("amount", Json::Number(amount.clone())),
                ("channel", Json::Text("web".to_owned())),
                ("schema", Json::Number("2".to_owned())),
            ],
        };
        Json::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Reads the document of a release; `None` when it is not one that came in this way.
    pub(super) fn read(id: &str, release: Release, document: &Json) -> Option<Self> {
        let Json::Object(fields) = document else { return None };
        let (kind, user) = match release {
            Release::V1_0 => ("type", "user"),
            Release::V1_1 => ("action", "user"),
            Release::V2_0 => ("action", "customer"),
        };
        Some(Self {
            id: id.to_owned(),
            kind: written(fields, kind)?,
            user: written(fields, user)?,
            at: written(fields, "timestamp")?,
            duration: written(fields, "duration")?.parse().ok()?,
            amount: written(fields, "amount")?,
        })
    }
}

/// Whether a text can be the id of an event.
pub(super) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= TEXT_MAX && text.bytes().all(plain)
}

/// A field's text or number as it is written.
fn written(fields: &Object, name: &str) -> Option<String> {
    match fields.get(name)? {
        Json::Text(text) | Json::Number(text) => Some(text.clone()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected::expected;

    fn event() -> Event {
        Event {
            id: "e-1".to_owned(),
            kind: "purchase".to_owned(),
            user: "u-7".to_owned(),
            at: "2026-02-03T04:05:06Z".to_owned(),
            duration: 12,
            amount: "1.10".to_owned(),
        }
    }

    #[test]
    fn each_release_keeps_what_the_one_before_it_becomes() {
        let first = event().document(Release::V1_0);
        for release in Release::ALL {
            let wanted = expected("event", Release::V1_0, release, first.clone()).unwrap().unwrap();
            let kept = event().document(release);
            assert_eq!(wanted.differences(&kept), [""; 0], "{release:?}");
            assert_eq!(Event::read("e-1", release, &kept), Some(event()));
        }
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        assert_eq!(event().check(), Ok(()));
        let refused = [
            Event { id: "a b".to_owned(), ..event() },
            Event { id: String::new(), ..event() },
            Event { kind: String::new(), ..event() },
            Event { user: "u".repeat(TEXT_MAX + 1), ..event() },
            Event { amount: "much".to_owned(), ..event() },
        ];
        for event in refused {
            assert!(event.check().is_err(), "{event:?}");
        }
    }
}

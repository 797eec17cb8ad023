//! The documents of release 1.0: deterministic, and awkward on purpose.
//!
//! Ids with quotes, slashes and other scripts, routing, integers beyond 2^53 and beyond 64 bits, decimals like `1.10`, `null`s,
//! missing fields, dotted keys, arrays of objects of every length, fields that no mapping knows.

mod orders;
mod people;
mod random;
mod stream;
mod text;

pub(crate) use random::Random;

/// One document of release 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its id.
    pub(crate) id: String,
    /// Its routing.
    pub(crate) routing: Option<String>,
    /// Its source, JSON on one line.
    pub(crate) source: String,
}

/// The document with the given number of a logical index of release 1.0; `None` for a name that 1.0 lacks.
pub(crate) fn document(
    name: &str,
    number: u64,
    month: Option<&str>,
    random: &mut Random,
) -> Option<Document> {
    let document = match name {
        "event" => stream::event(number, month.unwrap_or("2026-01"), random),
        "visit" => stream::visit(number, random),
        "audit" => stream::audit(number, random),
        "profile" => people::profile(number, random),
        "note" => people::note(number, random),
        "order" => orders::order(number, random),
        _ => return None,
    };
    Some(document)
}

/// An id: mostly plain, now and then one that has to be escaped somewhere on its way.
pub(crate) fn identifier(kind: &str, number: u64) -> String {
    match number % 101 {
        7 => format!("{kind}/{number}?a=b&c=%2F#x"),
        19 => format!("{kind} \"{number}\" 'quoted' \\ back"),
        31 => format!("größe-{number}-雪-🦉"),
        43 => format!("{kind},{number};*<>|"),
        59 => format!("{number}"),
        61 => format!("_{kind}:{number}\ttab"),
        _ => format!("{kind}-{number:07}"),
    }
}

//! Who: profiles, and the notes that people leave.

use super::{
    Document, Random, identifier,
    stream::moment,
    text::{ObjectText, array},
};
use crate::application::NOTE_ROUTING;

/// A person's profile.
pub(super) fn profile(number: u64, random: &mut Random) -> Document {
    let mut source = ObjectText::new();
    if !random.one_in(12) {
        source.text("name", random.pick(&NAMES));
    }
    source.text("email", &format!("user.{number}+tag@example.org"));
    source.text("joined", &moment("2025-11", random));
    match random.below(5) {
        0 => {}
        1 => source.raw("newsletter", "null"),
        2 => source.raw("newsletter", random.one_in(2)),
        _ => source.text("newsletter", random.pick(&["true", "false"])),
    }
    address(&mut source, random);
    contacts(&mut source, random);
    match random.below(4) {
        0 => {}
        1 => source.raw("score", "null"),
        _ => source.raw("score", format!("{}.{}0", random.below(100), random.below(10))),
    }
    source.raw("legacy_id", number);
    let attributes = format!(
        r#"{{"balance":{:031},"ratio":1.10,"plan":"{}","flags":[true,null,{{}}]}}"#,
        // A leading zero would not be JSON.
        u128::from(random.next()) + 10_u128.pow(30),
        random.pick(&["free", "gold"]),
    );
    source.raw("attributes", attributes);
    Document { id: identifier("profile", number), routing: None, source: source.finish() }
}

const NAMES: [&str; 7] = [
    "Ada Lovelace",
    "Juan Carlos de la Cruz",
    "Plato",
    "Jürgen Größe",
    "O'Neil \"Red\" Hand",
    "雪 村",
    "Trailing ",
];

/// Postal codes are numbers or texts, as people typed them.
fn address(source: &mut ObjectText, random: &mut Random) {
    let mut address = ObjectText::new();
    match random.below(5) {
        0 => return,
        1 => {
            address.text("city", "Dresden");
            address.text("zip", "01067");
        }
        2 => address.raw("zip", 10_000 + random.below(80_000)),
        3 => {
            address.text("city", "Łódź");
            address.raw("zip", "null");
        }
        _ => {
            address.raw("zip", 10_000 + random.below(80_000));
            address.text("city", "Köln");
        }
    }
    source.raw("address", address.finish());
}

/// None, one as an object, or several as an array.
fn contacts(source: &mut ObjectText, random: &mut Random) {
    let count = random.below(4);
    let contacts: Vec<String> = (0..count)
        .map(|place| {
            let mut contact = ObjectText::new();
            contact.text("kind", random.pick(&["phone", "mail", "fax"]));
            match random.below(4) {
                0 => {}
                1 => contact.raw("value", "null"),
                _ => contact.text("value", &format!("+49 {place}{}", random.below(99_999))),
            }
            contact.finish()
        })
        .collect();
    match contacts.as_slice() {
        [] if random.one_in(2) => {}
        [only] if random.one_in(2) => source.raw("contacts", only),
        all => source.raw("contacts", array(all)),
    }
}

/// Priorities that are no integer of 64 bits.
const UNUSUAL_PRIORITIES: [&str; 4] = ["urgent", "3.5", "", "99999999999999999999"];

/// A note; all notes are routed alike.
pub(super) fn note(number: u64, random: &mut Random) -> Document {
    let mut source = ObjectText::new();
    source.text("author", &format!("u-{}", random.below(5000)));
    source.text("text", random.pick(&["call back", "größer\nals zuvor", "\u{2028}odd", ""]));
    match random.below(4) {
        0 => {}
        1 => source.text("pinned", random.pick(&["yes", "1", "True"])),
        _ => source.text("pinned", random.pick(&["true", "false"])),
    }
    match random.below(5) {
        0 => {}
        1 => source.text("priority", random.pick(&UNUSUAL_PRIORITIES)),
        2 => source.raw("priority", random.below(5)),
        _ => source.text("priority", &format!("-{}", random.below(5) + 1)),
    }
    let routing = Some(NOTE_ROUTING.to_owned());
    Document { id: identifier("note", number), routing, source: source.finish() }
}

//! The documents: events of a shop, about as long as asked for, the same in every run.
//!
//! Ids look like random UUIDs, as most applications use them: ids that count up would make version look-ups cheaper than
//! they are in life.

use std::io::Write as _;

/// Names and values that an event can have.
const KINDS: [&str; 6] = ["page-view", "purchase", "search", "sign-in", "add-to-cart", "sign-out"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
];
const WORDS: [&str; 16] = [
    "river", "lantern", "harbour", "copper", "winter", "garden", "signal", "meadow", "anchor",
    "velvet", "thunder", "paper", "orchard", "silver", "bridge", "morning",
];
const CURRENCIES: [&str; 3] = ["EUR", "USD", "PLN"];

/// Which release a document is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As the source holds it: the kind of the event is `type`.
    Old,
    /// As the step leaves it: the kind is `action`.
    New,
}

/// Makes documents of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Documents {
    /// Bytes that a document aims at; the last word may miss them by a few.
    bytes: usize,
}

impl Documents {
    /// Documents of about that many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self { bytes: usize::try_from(bytes).unwrap_or(usize::MAX) }
    }

    /// Writes a document's id over what `id` holds.
    pub(crate) fn write_id(number: u64, id: &mut String) {
        let mut random = Random(number);
        id.clear();
        push_uuid(&mut random, id);
    }

    /// Writes a document's source over what `source` holds.
    pub(crate) fn write_source(self, number: u64, form: Form, source: &mut Vec<u8>) {
        let mut random = Random(number ^ 0x5eed);
        source.clear();
        let mut uuids = [String::new(), String::new()];
        for uuid in &mut uuids {
            push_uuid(&mut random, uuid);
        }
        let [session, profile] = uuids;
        let kind_key = match form {
            Form::Old => "type",
            Form::New => "action",
        };
        let [day, hour, minute, second] = [28, 24, 60, 60].map(|limit| random.below(limit));
        let [a, b, c] = [256, 256, 256].map(|limit| random.below(limit));
        let [price, duration, quantity, page] =
            [90_000, 7_200_000, 12, 100_000].map(|limit| random.below(limit));
        write!(
            source,
            r#"{{"timestamp":"2026-02-{:02}T{hour:02}:{minute:02}:{second:02}.000Z","{kind_key}":"{}","session":{{"id":"{session}","duration":{duration},"is_new":{}}},"profile":{{"id":"{profile}","name":"{} {}","email":"{}.{}@shop.example"}},"request":{{"url":"https://shop.example/{}/{}/{page}","referer":"https://search.example/?q={}+{}","agent":"{}","ip":"10.{a}.{b}.{c}"}},"traits":{{"price":{}.{:02},"quantity":{quantity},"currency":"{}","sku":"{}-{page}"}},"tags":["{}","{}"],"message":""#,
            day + 1,
            random.pick(&KINDS),
            random.below(3) == 0,
            random.pick(&WORDS), random.pick(&WORDS),
            random.pick(&WORDS), random.pick(&WORDS),
            random.pick(&WORDS), random.pick(&WORDS),
            random.pick(&WORDS), random.pick(&WORDS),
            random.pick(&AGENTS),
            price / 100, price % 100,
            random.pick(&CURRENCIES),
            random.pick(&WORDS),
            random.pick(&WORDS), random.pick(&WORDS),
        )
        .expect("a Vec takes all bytes");
        // Counted without the key, so that the step makes the new form of the old one byte for byte.
        let bytes_wanted = (self.bytes + kind_key.len()).saturating_sub("type".len() + 6);
        while source.len() < bytes_wanted {
            source.extend_from_slice(random.pick(&WORDS).as_bytes());
            source.push(b' ');
        }
        source.extend_from_slice(b"\"}");
    }
}

/// Numbers that look random and are the same in every run (`SplitMix64`, public domain, Vigna 2015).
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }

    fn pick(&mut self, texts: &[&'static str]) -> &'static str {
        let count = u64::try_from(texts.len()).unwrap_or(1);
        let place = usize::try_from(self.below(count)).unwrap_or(0);
        texts.get(place).copied().unwrap_or("")
    }
}

/// Appends a UUID of version 4.
fn push_uuid(random: &mut Random, text: &mut String) {
    use std::fmt::Write as _;
    let (high, low) = (random.next(), random.next());
    write!(
        text,
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 50),
        low & 0xffff_ffff_ffff
    )
    .expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    #[test]
    fn documents_have_the_length_asked_for_and_differ_in_one_key_between_forms() {
        let mut ids = BTreeSet::new();
        for bytes in [800, 1_000, 20_000] {
            let documents = Documents::new(bytes);
            for number in 0..200 {
                let (mut old, mut new, mut id) = (Vec::new(), Vec::new(), String::new());
                documents.write_source(number, Form::Old, &mut old);
                documents.write_source(number, Form::New, &mut new);
                Documents::write_id(number, &mut id);
                let length = u64::try_from(old.len()).unwrap();
                assert!((bytes - 8..=bytes + 16).contains(&length), "{length} for {bytes}");
                let mut old: Value = serde_json::from_slice(&old).unwrap();
                let new: Value = serde_json::from_slice(&new).unwrap();
                let kind = old.as_object_mut().unwrap().remove("type").unwrap();
                old["action"] = kind;
                assert_eq!(old, new);
                assert_eq!(id.len(), 36);
                ids.insert(id);
            }
        }
        assert_eq!(ids.len(), 200);
    }
}

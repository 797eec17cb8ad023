//! What happens: events, visits, audit records.

use super::{
    Document, Random, identifier,
    text::{ObjectText, array, quoted},
};

/// 2^53 + 1, the first integer that a 64-bit float can't hold.
const BEYOND_FLOAT: u64 = 9_007_199_254_740_993;

/// An event of a month.
pub(super) fn event(number: u64, month: &str, random: &mut Random) -> Document {
    let mut source = ObjectText::new();
    source.text("type", random.pick(&["page-view", "purchase", "sign-in", "search", "größe"]));
    source.text("user", &format!("u-{}", random.below(5000)));
    source.text("timestamp", &moment(month, random));
    source.raw("session", BEYOND_FLOAT + random.below(1 << 50));
    match random.below(5) {
        0 => {}
        1 => source.raw("duration", random.below(100_000)),
        2 => source.raw("duration", "null"),
        _ => source.text("duration", &random.below(100_000).to_string()),
    }
    match random.below(6) {
        0 => {}
        1 => source.raw("amount", "null"),
        2 => source.raw("amount", format!("{}.50", random.below(900))),
        3 => source.text("amount", &format!("-{}.10e2", random.below(9))),
        _ => source.text("amount", &format!("{}.{}0", random.below(900), random.below(10))),
    }
    client(&mut source, random);
    match random.below(4) {
        0 => source.raw("tags", "[]"),
        1 => source.text("tags", random.pick(&["new", "a \"b\"", "雪"])),
        2 => source.raw("tags", r#"["new",null,"old"]"#),
        _ => {}
    }
    if random.one_in(4) {
        source.text("channel", random.pick(&["app", "shop", "mail"]));
    }
    if random.one_in(5) {
        source.raw("debug", r#"{"trace":["a",{"b":1.0}],"level":3}"#);
    }
    if random.one_in(7) {
        source.raw("experiment", r#"{"name":"blue button","arm":2}"#);
    }
    source.raw("payload", payload(random));
    let routing = random.one_in(10).then(|| format!("s/{}", random.below(64)));
    Document { id: identifier("event", number), routing, source: source.finish() }
}

/// Where the event came from: nested, with dotted keys, in part, or not known at all.
fn client(source: &mut ObjectText, random: &mut Random) {
    let address = format!("10.{}.{}.{}", random.below(256), random.below(256), random.below(256));
    let agent = random.pick(&["Mozilla/5.0 (X11; Linux)", "curl/8.5", "Größen-Bot \"2\""]);
    let screen = format!(r#"{{"width":{},"height":{}}}"#, random.below(4000), random.below(3000));
    let mut nested = ObjectText::new();
    match random.below(8) {
        0 => return,
        1 => {
            source.text("client.ip", &address);
            source.text("client.agent", agent);
            source.raw("client.screen", screen);
            return;
        }
        2 => nested.text("ip", &address),
        3 => nested.raw("screen", screen),
        4 => {
            nested.raw("ip", "null");
            nested.text("agent", agent);
        }
        _ => {
            nested.raw("screen", screen);
            nested.text("ip", &address);
            nested.text("agent", agent);
        }
    }
    source.raw("client", nested.finish());
}

/// What no mapping looks into; it has to come through untouched.
fn payload(random: &mut Random) -> String {
    let mut payload = ObjectText::new();
    payload.raw("big", format!("1234567890{:020}", random.next()));
    payload.raw("price", format!("{}.10", random.below(1000)));
    payload.raw("one", "1.0");
    payload.raw("tiny", "1.5e-12");
    if random.one_in(50) {
        payload.raw("huge", "1e400");
    }
    payload.text("a.b", "dotted");
    payload.raw("nothing", "null");
    payload.raw("empty", "{}");
    let count = random.below(5);
    let items: Vec<String> = (0..count)
        .map(|place| {
            let mut item = ObjectText::new();
            item.text("sku", &format!("S-{}", random.below(10_000)));
            item.raw("place", place);
            item.raw("weight", format!("0.{:03}0", random.below(1000)));
            item.text("title", random.pick(&TITLES));
            item.finish()
        })
        .collect();
    payload.raw("items", array(&items));
    payload.text("path", &format!("/shop/{}/{}", random.pick(&TITLES), random.below(100)));
    payload.text("note", "line one\nline two\t\u{1F989} \u{0007}");
    payload.finish()
}

const TITLES: [&str; 5] =
    ["A book about owls", "Größentabelle", "雪の本", "Tea, \"green\", 250 g", "C:\\temp"];

/// A page visit; the application drops these in 1.1.
pub(super) fn visit(number: u64, random: &mut Random) -> Document {
    let mut source = ObjectText::new();
    source.text("page", &format!("/page/{}", random.below(300)));
    source.text("at", &moment("2025-12", random));
    Document { id: identifier("visit", number), routing: None, source: source.finish() }
}

/// An audit record; these are the same in all releases, byte for byte.
pub(super) fn audit(number: u64, random: &mut Random) -> Document {
    let mut source = ObjectText::new();
    source.raw("sequence", BEYOND_FLOAT + number);
    source.text("at", &moment("2026-01", random));
    source.text("actor", &format!("u-{}", random.below(50)));
    source.text("action", random.pick(&["read", "write", "löschen"]));
    source.raw("visible", !random.one_in(9));
    if !random.one_in(6) {
        let changes = [quoted("before"), "1.0".to_owned(), "1.00".to_owned(), "-0".to_owned()];
        source.raw("detail", format!(r#"{{"changes":{},"x.y":{{}}}}"#, array(&changes)));
    }
    Document { id: identifier("audit", number), routing: None, source: source.finish() }
}

/// A time in a month, as ISO 8601 in UTC.
pub(super) fn moment(month: &str, random: &mut Random) -> String {
    format!(
        "{month}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        random.below(28) + 1,
        random.below(24),
        random.below(60),
        random.below(60),
        random.below(1000)
    )
}

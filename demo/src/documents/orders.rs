//! What is bought: orders, routed by customer, with lines as an array, one object or nothing.

use super::{
    Document, Random, identifier,
    stream::moment,
    text::{ObjectText, array},
};

/// The smallest customer number: customers are counted from beyond 2^53.
const FIRST_CUSTOMER: u64 = 9_007_199_254_740_993;

/// An order.
pub(super) fn order(number: u64, random: &mut Random) -> Document {
    let customer = FIRST_CUSTOMER + random.below(2000);
    let mut source = ObjectText::new();
    source.raw("number", number);
    source.raw("customer_id", customer);
    source.text("placed", &moment("2026-02", random));
    lines(&mut source, random);
    source.raw("total", format!("{}.10", random.below(5000)));
    source.text("state", random.pick(&["paid", "sent", "zurück"]));
    match random.below(4) {
        0 => {}
        1 => source.raw("shipping", "null"),
        2 => source.raw("shipping", r#"{"city":"Köln"}"#),
        _ => source.raw("shipping", r#"{"street":"Am \"Tor\" 1/2","city":"Łódź"}"#),
    }
    match random.below(3) {
        0 => {}
        1 => source.raw("coupon", "null"),
        _ => source.text("coupon", "SPRING"),
    }
    match random.below(5) {
        0 => source.text("currency", "USD"),
        1 => source.raw("currency", "null"),
        _ => {}
    }
    let routing = Some(customer.to_string());
    Document { id: identifier("order", number), routing, source: source.finish() }
}

fn lines(source: &mut ObjectText, random: &mut Random) {
    let count = random.below(5);
    let lines: Vec<String> = (0..count).map(|_| line(random)).collect();
    match lines.as_slice() {
        [] if random.one_in(3) => {}
        [] if random.one_in(2) => source.raw("lines", "null"),
        [only] if random.one_in(2) => source.raw("lines", only),
        all => source.raw("lines", array(all)),
    }
}

fn line(random: &mut Random) -> String {
    let mut line = ObjectText::new();
    line.text("sku", &format!("S-{}", random.below(10_000)));
    match random.below(4) {
        0 => line.raw("quantity", random.below(9) + 1),
        1 => {}
        _ => line.text("quantity", &(random.below(9) + 1).to_string()),
    }
    match random.below(5) {
        0 => {}
        1 => line.raw("price", "null"),
        _ => line.raw("price", format!("{}.{}0", random.below(500), random.below(10))),
    }
    if random.one_in(3) {
        line.raw("note", "null");
    }
    line.finish()
}

//! What a document must be in a later release, written by hand from the application's point of view.
//!
//! The same is said by the pack's operations; this file doesn't read them.

use crate::{
    application::Release,
    json::{Json, Object},
};

/// Takes a document of the index `name` of release `from` to release `to`. `None`: it has no place there.
///
/// # Errors
/// A text, when the document is not one that the application writes.
pub(crate) fn expected(
    name: &str,
    from: Release,
    to: Release,
    document: Json,
) -> Result<Option<Json>, String> {
    let Json::Object(mut fields) = document else {
        return Err("it is not an object".to_owned());
    };
    if name == "visit" && to > Release::V1_0 {
        return Ok(None);
    }
    if from < Release::V1_1 && to >= Release::V1_1 {
        match name {
            "event" => event_1_1(&mut fields)?,
            "profile" => profile_1_1(&mut fields)?,
            _ => {}
        }
    }
    if from < Release::V2_0 && to >= Release::V2_0 {
        match name {
            "event" => event_2_0(&mut fields)?,
            "profile" => profile_2_0(&mut fields),
            "order" => order_2_0(&mut fields)?,
            "note" => note_2_0(&mut fields),
            _ => {}
        }
    }
    Ok(Some(Json::Object(fields)))
}

fn event_1_1(event: &mut Object) -> Result<(), String> {
    rename(event, "type", "action");
    if let Some(duration @ Json::Text(_)) = event.get_mut("duration") {
        *duration = whole_number(duration).ok_or("its duration is no whole number")?;
    }
    event.remove("debug");
    Ok(())
}

fn event_2_0(event: &mut Object) -> Result<(), String> {
    rename(event, "user", "customer");
    if let Some(timestamp) = event.get("timestamp") {
        event.insert("received".to_owned(), timestamp.clone());
    }
    // The client's fields are nested or have dotted names; an origin is always nested.
    let mut origin = Object::new();
    for (old, new) in [("ip", "address"), ("agent", "agent")] {
        let dotted = event.remove(&format!("client.{old}"));
        let nested = client(event).and_then(|client| client.remove(old));
        if let Some(value) = dotted.or(nested) {
            origin.insert(new.to_owned(), value);
        }
    }
    if !origin.is_empty() {
        event.insert("origin".to_owned(), Json::Object(origin));
    }
    rename(event, "client.screen", "client.display");
    if let Some(client) = client(event) {
        rename(client, "screen", "display");
        if client.is_empty() {
            event.remove("client");
        }
    }
    if let Some(amount) = event.get_mut("amount")
        && let Json::Text(text) = amount
    {
        let number = Json::parse(text).map_err(|error| format!("its amount: {error}"))?;
        *amount = number;
    }
    event.entry("channel".to_owned()).or_insert_with(|| Json::Text("web".to_owned()));
    event.insert("schema".to_owned(), Json::Number("2".to_owned()));
    event.remove("experiment");
    Ok(())
}

/// The nested form of an event's client.
fn client(event: &mut Object) -> Option<&mut Object> {
    match event.get_mut("client") {
        Some(Json::Object(client)) => Some(client),
        _ => None,
    }
}

fn profile_1_1(profile: &mut Object) -> Result<(), String> {
    match profile.remove("name") {
        None => {}
        Some(Json::Text(name)) => {
            let mut names = name.splitn(2, ' ').map(str::to_owned);
            for field in ["first_name", "last_name"] {
                if let Some(part) = names.next() {
                    profile.insert(field.to_owned(), Json::Text(part));
                }
            }
        }
        Some(other) => return Err(format!("its name is {other}")),
    }
    if let Some(newsletter @ Json::Text(_)) = profile.get_mut("newsletter") {
        *newsletter = truth(newsletter).ok_or("its newsletter is neither true nor false")?;
    }
    Ok(())
}

fn profile_2_0(profile: &mut Object) {
    if let Some(Json::Object(address)) = profile.get_mut("address")
        && let Some(zip) = address.get_mut("zip")
        && let Json::Number(digits) = zip
    {
        *zip = Json::Text(digits.clone());
    }
    for contact in profile.get_mut("contacts").map(objects).unwrap_or_default() {
        rename(contact, "value", "address");
    }
    if let Some(score) = profile.remove("score") {
        let rating = Object::from([("score".to_owned(), score)]);
        profile.insert("rating".to_owned(), Json::Object(rating));
    }
    profile.remove("legacy_id");
}

fn order_2_0(order: &mut Object) -> Result<(), String> {
    match order.remove("customer_id") {
        Some(Json::Number(digits)) => drop(order.insert("customer".to_owned(), Json::Text(digits))),
        other => return Err(format!("its customer_id is {other:?}")),
    }
    for line in order.get_mut("lines").map(objects).unwrap_or_default() {
        if let Some(quantity @ Json::Text(_)) = line.get_mut("quantity") {
            *quantity = whole_number(quantity).ok_or("a quantity is no whole number")?;
        }
        rename(line, "price", "unit_price");
    }
    if let Some(shipping) = order.remove("shipping") {
        let delivery = Object::from([("address".to_owned(), shipping)]);
        order.insert("delivery".to_owned(), Json::Object(delivery));
    }
    order.remove("coupon");
    order.entry("currency".to_owned()).or_insert_with(|| Json::Text("EUR".to_owned()));
    Ok(())
}

/// A note becomes a ticket.
fn note_2_0(note: &mut Object) {
    rename(note, "text", "body");
    if let Some(pinned) = note.remove("pinned").as_ref().and_then(truth) {
        note.insert("pinned".to_owned(), pinned);
    }
    if let Some(priority @ Json::Text(_)) = note.get_mut("priority") {
        *priority = whole_number(priority).unwrap_or(Json::Null);
    }
}

/// Gives a field another name, if it is there.
pub(crate) fn rename(object: &mut Object, old: &str, new: &str) {
    if let Some(value) = object.remove(old) {
        object.insert(new.to_owned(), value);
    }
}

/// The objects in a value that is one object or an array of them.
pub(crate) fn objects(value: &mut Json) -> Vec<&mut Object> {
    match value {
        Json::Object(one) => vec![one],
        Json::Array(items) => items.iter_mut().flat_map(objects).collect(),
        _ => Vec::new(),
    }
}

/// A string that is a 64-bit integer, as a number.
pub(crate) fn whole_number(value: &Json) -> Option<Json> {
    match value {
        Json::Text(text) => text.parse::<i64>().ok().map(|number| Json::Number(number.to_string())),
        _ => None,
    }
}

/// `true` and `false`, also as strings.
fn truth(value: &Json) -> Option<Json> {
    match value {
        Json::Bool(known) => Some(Json::Bool(*known)),
        Json::Text(text) => text.parse().ok().map(Json::Bool),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// name, document of 1.0, the same in 2.0
    const CASES: &[(&str, &str, &str)] = &[
        (
            "event",
            r#"{"type":"a","user":"u","timestamp":"t","duration":"12","amount":"1.10","debug":1,"experiment":2,
                "client":{"ip":"1.2.3.4","agent":"x","screen":{"width":1}},"payload":{"big":12345678901234567890123}}"#,
            r#"{"action":"a","customer":"u","timestamp":"t","received":"t","duration":12,"amount":1.10,"channel":"web",
                "schema":2,"origin":{"address":"1.2.3.4","agent":"x"},"client":{"display":{"width":1}},
                "payload":{"big":12345678901234567890123}}"#,
        ),
        (
            "event",
            r#"{"timestamp":"t","client.ip":"1","client.screen":{"width":1},"channel":"app","duration":null,"amount":2.5}"#,
            r#"{"timestamp":"t","received":"t","origin":{"address":"1"},"client.display":{"width":1},"channel":"app",
                "schema":2,"duration":null,"amount":2.5}"#,
        ),
        (
            "event",
            r#"{"client":{"ip":null}}"#,
            r#"{"origin":{"address":null},"channel":"web","schema":2}"#,
        ),
        (
            "profile",
            r#"{"name":"Ada King Lovelace","newsletter":"true","address":{"zip":10115},"score":1.10,"legacy_id":7,
                "contacts":[{"value":"1"},{"kind":"x"}]}"#,
            r#"{"first_name":"Ada","last_name":"King Lovelace","newsletter":true,"address":{"zip":"10115"},
                "rating":{"score":1.10},"contacts":[{"address":"1"},{"kind":"x"}]}"#,
        ),
        ("profile", r#"{"name":"Plato"}"#, r#"{"first_name":"Plato"}"#),
        (
            "order",
            r#"{"customer_id":9007199254740993,"lines":{"quantity":"3","price":1.10},"shipping":{"city":"K"},"coupon":null}"#,
            r#"{"customer":"9007199254740993","lines":{"quantity":3,"unit_price":1.10},"delivery":{"address":{"city":"K"}},
                "currency":"EUR"}"#,
        ),
        (
            "note",
            r#"{"text":"t","pinned":"yes","priority":"3.5"}"#,
            r#"{"body":"t","priority":null}"#,
        ),
        ("note", r#"{"pinned":"true","priority":"-3"}"#, r#"{"pinned":true,"priority":-3}"#),
        ("audit", r#"{"detail":{"a":1.0}}"#, r#"{"detail":{"a":1.0}}"#),
    ];

    #[test]
    fn documents_of_1_0_become_documents_of_2_0() {
        for (name, old, new) in CASES {
            let old = Json::parse(old).unwrap();
            let once = expected(name, Release::V1_0, Release::V2_0, old.clone()).unwrap().unwrap();
            assert_eq!(once.differences(&Json::parse(new).unwrap()), [""; 0], "{name} {old}");
            let half = expected(name, Release::V1_0, Release::V1_1, old).unwrap().unwrap();
            let twice = expected(name, Release::V1_1, Release::V2_0, half).unwrap().unwrap();
            assert!(twice.equals(&once));
        }
    }

    #[test]
    fn visits_end() {
        let visit = Json::parse("{}").unwrap();
        assert_eq!(expected("visit", Release::V1_0, Release::V1_1, visit).unwrap(), None);
    }
}

//! What a document must be in an earlier release, written by hand from the application's point of view: the way back of
//! `expected.rs`, as far as there is one.
//!
//! What a later release no longer says stays unsaid: an event's `debug`, an order's `coupon`. A number that was a text in
//! 1.0 stays a number where 1.0 reads both; where 1.0 wrote texts only, it becomes one again.

use crate::{
    application::Release,
    expected::{expected, objects, rename, whole_number},
    json::{Json, Object},
};

/// Takes a document of the index `name` to another release, forward or back. `None`: it has no place there.
///
/// # Errors
/// A text, when the document is not one that the application writes.
pub(crate) fn carried(
    name: &str,
    from: Release,
    to: Release,
    document: Json,
) -> Result<Option<Json>, String> {
    if from <= to {
        return expected(name, from, to, document);
    }
    Ok(Some(returned(name, from, to, document)))
}

/// Takes a document of the index `name` of release `from` back to the earlier release `to`.
pub(crate) fn returned(name: &str, from: Release, to: Release, document: Json) -> Json {
    let Json::Object(mut fields) = document else { return document };
    if from >= Release::V2_0 && to < Release::V2_0 {
        match name {
            "event" => event_1_1(&mut fields),
            "profile" => profile_1_1(&mut fields),
            "order" => order_1_1(&mut fields),
            "note" => note_1_1(&mut fields),
            _ => {}
        }
    }
    if from >= Release::V1_1 && to < Release::V1_1 {
        match name {
            "event" => event_1_0(&mut fields),
            "profile" => profile_1_0(&mut fields),
            _ => {}
        }
    }
    Json::Object(fields)
}

fn event_1_1(event: &mut Object) {
    rename(event, "customer", "user");
    event.remove("received");
    event.remove("schema");
    rename(event, "client.display", "client.screen");
    if let Some(Json::Object(client)) = event.get_mut("client") {
        rename(client, "display", "screen");
    }
    take_home(event);
    if let Some(amount) = event.get_mut("amount")
        && let Json::Number(digits) = amount
    {
        *amount = Json::Text(digits.clone());
    }
}

/// An event's origin goes back into its client, which is nested whatever it was before.
fn take_home(event: &mut Object) {
    let Some(Json::Object(origin)) = event.get_mut("origin") else { return };
    let found = [("address", "ip"), ("agent", "agent")]
        .map(|(new, old)| origin.remove(new).map(|value| (old.to_owned(), value)));
    if origin.is_empty() {
        event.remove("origin");
    }
    let found: Object = found.into_iter().flatten().collect();
    if found.is_empty() {
        return;
    }
    let client = event.entry("client".to_owned()).or_insert_with(|| Json::Object(Object::new()));
    if let Json::Object(client) = client {
        client.extend(found);
    }
}

fn event_1_0(event: &mut Object) {
    rename(event, "action", "type");
}

fn profile_1_1(profile: &mut Object) {
    for contact in profile.get_mut("contacts").map(objects).unwrap_or_default() {
        rename(contact, "address", "value");
    }
    if let Some(Json::Object(rating)) = profile.get_mut("rating") {
        let score = rating.remove("score");
        if rating.is_empty() {
            profile.remove("rating");
        }
        if let Some(score) = score {
            profile.insert("score".to_owned(), score);
        }
    }
}

/// Who has no last name had no blank in the name.
fn profile_1_0(profile: &mut Object) {
    let name = match (profile.get("first_name"), profile.get("last_name")) {
        (Some(Json::Text(first)), Some(Json::Text(last))) => format!("{first} {last}"),
        (Some(Json::Text(only)), None) => only.clone(),
        _ => return,
    };
    profile.remove("first_name");
    profile.remove("last_name");
    profile.insert("name".to_owned(), Json::Text(name));
}

fn order_1_1(order: &mut Object) {
    rename(order, "customer", "customer_id");
    if let Some(customer) = order.get_mut("customer_id")
        && let Some(number) = whole_number(customer)
    {
        *customer = number;
    }
    for line in order.get_mut("lines").map(objects).unwrap_or_default() {
        rename(line, "unit_price", "price");
    }
    if let Some(Json::Object(delivery)) = order.get_mut("delivery") {
        let shipping = delivery.remove("address");
        if delivery.is_empty() {
            order.remove("delivery");
        }
        if let Some(shipping) = shipping {
            order.insert("shipping".to_owned(), shipping);
        }
    }
}

/// A ticket becomes a note.
fn note_1_1(note: &mut Object) {
    rename(note, "body", "text");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        application::MONTHS,
        documents::{Random, document},
    };

    /// name, document of 2.0, the same in 1.0
    const CASES: &[(&str, &str, &str)] = &[
        (
            "event",
            r#"{"action":"a","customer":"u","timestamp":"t","received":"t","duration":12,"amount":1.10,"channel":"web",
                "schema":2,"origin":{"address":"1.2.3.4","agent":"x"},"client":{"display":{"width":1}},
                "payload":{"big":12345678901234567890123}}"#,
            r#"{"type":"a","user":"u","timestamp":"t","duration":12,"amount":"1.10","channel":"web",
                "client":{"ip":"1.2.3.4","agent":"x","screen":{"width":1}},"payload":{"big":12345678901234567890123}}"#,
        ),
        (
            "event",
            r#"{"timestamp":"t","received":"t","origin":{"address":"1"},"client.display":{"width":1},"channel":"app",
                "schema":2,"duration":null,"amount":null}"#,
            r#"{"timestamp":"t","client":{"ip":"1"},"client.screen":{"width":1},"channel":"app","duration":null,
                "amount":null}"#,
        ),
        ("event", r#"{"channel":"web","schema":2}"#, r#"{"channel":"web"}"#),
        (
            "profile",
            r#"{"first_name":"Ada","last_name":"King Lovelace","newsletter":true,"address":{"zip":"10115"},
                "rating":{"score":1.10},"contacts":[{"address":"1"},{"kind":"x"}]}"#,
            r#"{"name":"Ada King Lovelace","newsletter":true,"address":{"zip":"10115"},"score":1.10,
                "contacts":[{"value":"1"},{"kind":"x"}]}"#,
        ),
        ("profile", r#"{"first_name":"Plato"}"#, r#"{"name":"Plato"}"#),
        ("profile", r#"{"first_name":"Trailing","last_name":""}"#, r#"{"name":"Trailing "}"#),
        (
            "order",
            r#"{"customer":"9007199254740993","lines":{"quantity":3,"unit_price":1.10},"delivery":{"address":{"city":"K"}},
                "currency":"EUR"}"#,
            r#"{"customer_id":9007199254740993,"lines":{"quantity":3,"price":1.10},"shipping":{"city":"K"},
                "currency":"EUR"}"#,
        ),
        (
            "note",
            r#"{"body":"t","pinned":true,"priority":null}"#,
            r#"{"text":"t","pinned":true,"priority":null}"#,
        ),
        ("audit", r#"{"detail":{"a":1.0}}"#, r#"{"detail":{"a":1.0}}"#),
    ];

    #[test]
    fn documents_of_2_0_become_documents_of_1_0() {
        for (name, new, old) in CASES {
            let new = Json::parse(new).unwrap();
            let once = returned(name, Release::V2_0, Release::V1_0, new.clone());
            assert_eq!(Json::parse(old).unwrap().differences(&once), [""; 0], "{name} {new}");
            let carried = carried(name, Release::V2_0, Release::V1_0, new.clone());
            assert_eq!(carried.unwrap(), Some(once.clone()), "{name} {new}, digits as they were");
            let half = returned(name, Release::V2_0, Release::V1_1, new);
            assert!(returned(name, Release::V1_1, Release::V1_0, half).equals(&once));
        }
    }

    #[test]
    fn who_goes_back_and_forth_arrives_where_they_started() {
        for name in ["event", "profile", "order", "note", "audit"] {
            for (from, to) in [
                (Release::V1_0, Release::V1_1),
                (Release::V1_1, Release::V2_0),
                (Release::V1_0, Release::V2_0),
            ] {
                for number in 0..500 {
                    let old = document(name, number, Some(MONTHS[0]), &mut Random::new(&[number]));
                    let old = Json::parse(&old.unwrap().source).unwrap();
                    let old = expected(name, Release::V1_0, from, old).unwrap().unwrap();
                    let new = expected(name, from, to, old).unwrap().unwrap();
                    let back = returned(name, to, from, new.clone());
                    let again = carried(name, from, to, back).unwrap().unwrap();
                    assert_eq!(new.differences(&again), [""; 0], "{name} {from:?} {to:?}");
                }
            }
        }
    }
}

//! Steps that don't keep documents one to one: a shop whose next release has one document for every position of an order, its
//! refunds in an index of their own, no cancelled orders, and two kinds of notes in one index.
//!
//! What must be in the new set is computed here from what the old set holds once it is blocked, in another way than the steps do
//! it: by hand.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    run::{
        quarantine::{Decision, RejectedBy},
        state::RunState,
    },
};
use lockstep_engine::{
    EngineError, Session,
    quarantine::{Chosen, decide, list},
    rehearsal::{RehearsalWish, Rehearsed},
    report::Event,
    session::Ending,
};
use lockstep_pocket::{Fault, FaultKind};
use lockstep_tests::dice::Dice;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    faults::impatient,
    stand::{Stand, Trouble, meddle, wish},
};

const SHOP: &str = "shop";
const TENANTS: [&str; 2] = ["acme", "beta"];
/// Orders and notes of a tenant at the beginning.
const DOCUMENTS: u64 = 300;
/// The same where an upgrade is made again and again.
const DOCUMENTS_FEW: u64 = 40;
/// How often the command is given.
const COMMANDS_MAX: usize = 12;

/// A pocket cluster runs no scripts; of the engines the oldest one and the newest one are enough.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    let on_pocket = |name, play| Scenario { is_pocket_only: true, ..scenario(name, play) };
    let mut scenarios = vec![
        scenario("what_is_dropped_split_and_sent_is_delivered_under_live_writes", under_writes),
        on_pocket("a_delivery_goes_on_wherever_it_was_stopped", stopped),
        on_pocket("every_request_of_a_delivery_may_fail", faults),
        on_pocket("two_documents_that_become_one_stop_the_switch", clash),
        on_pocket("what_the_last_index_rejects_is_set_aside", rejected),
        on_pocket("a_rehearsal_delivers_and_leaves_nothing", rehearsed),
        on_pocket("strangers_in_a_delivered_index_are_noticed", strangers),
    ];
    if ["elasticsearch-7.10.2", "opensearch-3.8.0"].contains(&stand) {
        scenarios.push(scenario("a_script_that_drops_and_moves_documents_is_delivered", by_script));
    }
    scenarios
}

const PACK: &str = r#"
format: 1
name: shop
data_parts: 2
mode: alias
naming:
  default:
    index: "{tenant}-{name}-v{version}"
    partitioned: "{tenant}-{name}-v{version}-{partition}"
    alias: "{tenant}-{name}"
    template: "{tenant}-{name}-v{version}"
    template_pattern: "{tenant}-{name}-v{version}-*"
tenants:
  pattern: "[a-z0-9]+"
"#;

const FIRST: &str = "
indices:
  order: {mapping: any.json, shards: 2}
  note: {mapping: any.json}
  memo: {mapping: any.json}
  visit: {mapping: any.json, partition: month}
";

const SECOND: &str = r#"
indices:
  position: {mapping: position.json, shards: 2}
  refund: {mapping: any.json}
  note: {mapping: any.json}
  visit: {mapping: any.json, partition: quarter}
step:
  from: "1.0"
  indices:
    position:
      migrate:
        from: order
        irreversible: positions are not put together again
        operations:
          - when: {field: state, equals: cancelled}
            then:
              - drop: {}
          - when: {field: state, equals: refunded}
            then:
              - send: {to: refund}
            else:
              - each: {field: items, into: item, id: "{_id}-{_position}", empty: drop}
              - rename: {from: buyer, to: customer}
    refund: new
    visit: {migrate: {irreversible: months are not told apart}}
    note:
      migrate:
        from: [note, memo]
        irreversible: notes and memos are not told apart
        operations:
          - rekey: {id: "{_index}-{_id}"}
"#;

const ANY: &str =
    r#"{"dynamic": true, "properties": {"items": {"type": "object", "enabled": false}}}"#;
const POSITION: &str =
    r#"{"dynamic": true, "properties": {"item": {"properties": {"count": {"type": "integer"}}}}}"#;

fn pack_with(second: &str) -> Pack {
    let files = [
        ("pack.yaml", PACK),
        ("releases/1.0/release.yaml", FIRST),
        ("releases/1.0/mappings/any.json", ANY),
        ("releases/2.0/release.yaml", second),
        ("releases/2.0/mappings/any.json", ANY),
        ("releases/2.0/mappings/position.json", POSITION),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    let files = PackFiles { files: files.into_iter().collect() };
    lockstep_engine::pack_folder::check(&files).unwrap_or_else(|error| panic!("{error:?}"))
}

fn pack() -> Pack {
    pack_with(SECOND)
}

/// The months of visits, and the index that each becomes a part of.
const MONTHS: [(&str, &str); 3] = [
    ("-2026-1", "visit-v2.0-2026-q1"),
    ("-2026-3", "visit-v2.0-2026-q1"),
    ("-2026-4", "visit-v2.0-2026-q2"),
];

/// Documents of one index by id.
type Documents = BTreeMap<String, Value>;

/// A shop on a cluster.
struct Shop<'a> {
    stand: &'a Stand,
}

impl Shop<'_> {
    /// The first release, seeded.
    async fn open(stand: &Stand, documents: u64) -> Result<Shop<'_>, Trouble> {
        stand.clean().await?;
        let shop = Shop { stand };
        shop.close().await?;
        let mut dice = Dice::new(7);
        for tenant in TENANTS {
            let plain = [("order", 2, ""), ("note", 1, ""), ("memo", 1, "")];
            let visits = MONTHS.map(|(month, _)| ("visit", 1, month));
            for (index, shards, partition) in plain.into_iter().chain(visits) {
                let body = json!({
                    "settings": {"number_of_shards": shards, "number_of_replicas": 0},
                    "mappings": serde_json::from_str::<Value>(ANY)?,
                    "aliases": {format!("{tenant}-{index}"): {}},
                });
                shop.ask("PUT", &format!("/{tenant}-{index}-v1.0{partition}"), body).await?;
            }
            let mut lines = String::new();
            for number in 0..documents {
                for (index, document) in [
                    ("order", order(&mut dice)),
                    ("note", note(&mut dice)),
                    ("memo", note(&mut dice)),
                ] {
                    let action = json!({"index": {"_index": format!("{tenant}-{index}-v1.0"), "_id": number.to_string()}});
                    writeln!(lines, "{action}\n{document}")?;
                }
                let (month, _) = dice.pick(&MONTHS).unwrap_or_default();
                let place = json!({"_index": format!("{tenant}-visit-v1.0{month}"), "_id": format!("{number}{month}")});
                writeln!(lines, "{}\n{}", json!({"index": place}), note(&mut dice))?;
            }
            shop.bulk(lines).await?;
        }
        Ok(shop)
    }

    /// Removes what it and its upgrades made.
    async fn close(&self) -> Result<(), Trouble> {
        for pattern in ["acme-*", "beta-*", "lockstep-envelopes-*"] {
            for index in self.stand.indices(pattern).await? {
                self.ask("DELETE", &format!("/{index}"), Value::Null).await?;
            }
        }
        for tenant in TENANTS {
            // There may be none.
            let template = format!("/_index_template/{tenant}-visit-v2.0");
            self.stand.send("DELETE", &template, Value::Null).await?;
        }
        self.stand.clean().await
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Result<Value, Trouble> {
        let answer = self.stand.send(method, path, body).await?;
        match answer.get("error") {
            Some(error) => Err(format!("{method} {path}: {error}").into()),
            None => Ok(answer),
        }
    }

    async fn bulk(&self, lines: String) -> Result<Value, Trouble> {
        let url = format!("{}/_bulk?refresh=true", self.stand.cluster.url);
        let request =
            reqwest::Client::new().post(url).header("content-type", "application/x-ndjson");
        Ok(serde_json::from_str(&request.body(lines).send().await?.text().await?)?)
    }

    /// Everything in an index. Nobody writes to it any more.
    async fn documents(&self, index: &str) -> Result<Documents, Trouble> {
        self.ask("POST", &format!("/{index}/_refresh"), Value::Null).await?;
        let body = json!({"size": 10_000, "query": {"match_all": {}}});
        let found = self.ask("POST", &format!("/{index}/_search"), body).await?;
        let hits = found["hits"]["hits"].as_array().ok_or("no hits")?;
        assert!(hits.len() < 10_000, "more than are looked at");
        let document = |hit: &Value| {
            (hit["_id"].as_str().unwrap_or_default().to_owned(), hit["_source"].clone())
        };
        Ok(hits.iter().map(document).collect())
    }

    /// Asserts that every new index holds exactly what comes of the old ones, except of the orders with these ids. Gives how many
    /// documents there are.
    async fn check(&self, left_out: &[&str]) -> Result<usize, Trouble> {
        self.check_all(left_out, false).await
    }

    async fn check_all(&self, left_out: &[&str], is_scripted: bool) -> Result<usize, Trouble> {
        let mut count = 0;
        for tenant in TENANTS {
            let mut orders = self.documents(&format!("{tenant}-order-v1.0")).await?;
            orders.retain(|id, _| !left_out.contains(&id.as_str()));
            let (mut positions, mut refunds) = (Documents::new(), Documents::new());
            for (id, order) in orders {
                match order["state"].as_str() {
                    Some("cancelled") => {}
                    Some("refunded") => {
                        refunds.insert(id, order);
                    }
                    _ => positions.extend(positions_of(&id, &order)),
                }
            }
            let mut notes = Documents::new();
            for kind in ["note", "memo"] {
                for (id, note) in self.documents(&format!("{tenant}-{kind}-v1.0")).await? {
                    // Only the scripts leave some out.
                    if !(is_scripted && is_left_out(&note)) {
                        notes.insert(format!("{kind}-{id}"), note);
                    }
                }
            }
            let mut visits: BTreeMap<&str, Documents> = BTreeMap::new();
            for (month, quarter) in MONTHS {
                let index = format!("{tenant}-visit-v1.0{month}");
                visits.entry(quarter).or_default().extend(self.documents(&index).await?);
            }
            let new = [("position", positions), ("refund", refunds), ("note", notes)];
            for (index, expected) in new.into_iter().chain(visits) {
                let found = self.documents(&format!("{tenant}-{index}")).await?;
                let missing: Vec<_> =
                    expected.keys().filter(|id| !found.contains_key(*id)).collect();
                let extra: Vec<_> = found.keys().filter(|id| !expected.contains_key(*id)).collect();
                assert!(
                    missing.is_empty() && extra.is_empty(),
                    "{tenant} {index}: missing {missing:?}, extra {extra:?}"
                );
                assert_eq!(found, expected, "{tenant} {index}");
                count += found.len();
            }
        }
        Ok(count)
    }
}

fn is_left_out(note: &Value) -> bool {
    note["text"].as_str().is_some_and(|text| text.ends_with('7'))
}

fn positions_of(id: &str, order: &Value) -> Documents {
    let items = order["items"].as_array().cloned().unwrap_or_default();
    let position = |(at, item): (usize, Value)| {
        let mut position = order.clone();
        if let Some(fields) = position.as_object_mut() {
            fields.remove("items");
            fields.insert("item".to_owned(), item);
            if let Some(buyer) = fields.remove("buyer") {
                fields.insert("customer".to_owned(), buyer);
            }
        }
        (format!("{id}-{at}"), position)
    };
    items.into_iter().enumerate().map(position).collect()
}

fn order(dice: &mut Dice) -> Value {
    let states = ["open", "open", "paid", "cancelled", "refunded"];
    let items: Vec<Value> = (0..dice.below(4)).map(|_| json!({"count": dice.below(9)})).collect();
    json!({
        "state": dice.pick(&states).unwrap_or("open"),
        "buyer": format!("b{}", dice.below(20)),
        "items": items,
    })
}

fn note(dice: &mut Dice) -> Value {
    json!({"text": format!("t{}", dice.below(1_000))})
}

/// Writes, overwrites and deletes until it is told to stop; what is refused is not repeated.
async fn write(shop: &Shop<'_>, is_over: &AtomicBool) -> Result<(), Trouble> {
    let mut dice = Dice::new(11);
    while !is_over.load(Ordering::Relaxed) {
        let mut lines = String::new();
        for _ in 0..8 {
            let tenant = dice.pick(&TENANTS).unwrap_or("acme");
            let index = dice.pick(&["order", "order", "note", "memo", "visit"]).unwrap_or("order");
            let (month, _) = dice.pick(&MONTHS).unwrap_or_default();
            let month = if index == "visit" { month } else { "" };
            // By name: what comes after the switch is refused by the block, and not taken by the new set.
            let id = format!("{}{month}", dice.below(DOCUMENTS + 60));
            let place = json!({"_index": format!("{tenant}-{index}-v1.0{month}"), "_id": id});
            if dice.below(4) == 0 {
                writeln!(lines, "{}", json!({"delete": place}))?;
            } else {
                let document = if index == "order" { order(&mut dice) } else { note(&mut dice) };
                writeln!(lines, "{}\n{document}", json!({"index": place}))?;
            }
        }
        shop.bulk(lines).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Does it while the shop's customers go on.
async fn beside_writes<T>(
    shop: &Shop<'_>,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let is_over = AtomicBool::new(false);
    let working = async {
        let outcome = work.await;
        is_over.store(true, Ordering::Relaxed);
        outcome
    };
    let (outcome, written) = tokio::join!(working, write(shop, &is_over));
    written?;
    outcome
}

async fn upgrade(session: &Session) -> Result<(), Trouble> {
    upgrade_with(session, &pack()).await
}

async fn upgrade_with(session: &Session, pack: &Pack) -> Result<(), Trouble> {
    let ending = session.upgrade(pack, &wish("2.0")).await?;
    assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
    Ok(())
}

/// A script drops notes, and gives the others new ids.
fn by_script(runtime: &Runtime, stand: &Stand) -> Outcome {
    let script = "if (ctx._source.text.endsWith('7')) { ctx.op = 'noop' } else { ctx._id = (ctx._index.contains('-memo-') ? 'memo-' : 'note-') + ctx._id }";
    let scripted = format!("painless: {{documents: any, script: {}}}", json!(script));
    let second = SECOND.replace("rekey: {id: \"{_index}-{_id}\"}", &scripted);
    assert_ne!(second, SECOND);
    let pack = pack_with(&second);
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        beside_writes(&shop, Box::pin(upgrade_with(&stand.session(), &pack))).await?;
        shop.check_all(&[], true).await?;
        shop.close().await
    })
}

fn under_writes(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        let session = stand.session();
        beside_writes(&shop, Box::pin(upgrade(&session))).await?;
        assert!(shop.check(&[]).await? > 500);
        let (_, verdict) = session.verify(SHOP).await?;
        assert!(verdict.is_clean() && verdict.expected > 0, "{verdict:?}");
        let back = session.rollback(&pack()).await;
        assert!(matches!(back, Err(EngineError::NoWayBack { .. })), "{back:?}");
        assert_eq!(stand.indices("lockstep-envelopes-*").await?.len(), 12);
        session.finalize(SHOP).await?;
        assert_eq!(stand.indices("lockstep-envelopes-*").await?.len(), 0);
        session.verify(SHOP).await?;
        shop.close().await
    })
}

fn stopped(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        let upgrading = async {
            for attempt in 0..COMMANDS_MAX {
                // Stopped where the command before was, and a bit later.
                let events = Arc::new(std::sync::atomic::AtomicUsize::new(0));
                let last = if attempt + 1 == COMMANDS_MAX { usize::MAX } else { 3 + attempt * 4 };
                let session = stand.session_with(move |_, stop| {
                    if events.fetch_add(1, Ordering::Relaxed) >= last {
                        stop.cancel();
                    }
                });
                match session.upgrade(&pack(), &wish("2.0")).await {
                    Ok(Ending::Switched { .. }) => return Ok(()),
                    Err(EngineError::Interrupted) => {}
                    other => return Err(format!("{other:?}").into()),
                }
            }
            Err("it never ended".into())
        };
        beside_writes(&shop, Box::pin(upgrading)).await?;
        shop.check(&[]).await?;
        shop.close().await
    })
}

/// Every kind of request that a delivery makes, by method and path, and the first one that is its own or soon after.
const REQUESTS: [(&str, &str, u32); 7] = [
    ("POST", "/_bulk", 8),
    ("POST", "/_msearch", 8),
    ("POST", "*/_search", 30),
    ("POST", "*/_refresh", 20),
    ("GET", "*/_stats/*", 20),
    ("PUT", "/lockstep-journal/_doc/*", 6),
    ("PUT", "/lockstep-journal/_create/*", 8),
];

fn faults(runtime: &Runtime, stand: &Stand) -> Outcome {
    let pocket = stand.pocket.as_ref().ok_or("faults are the pocket cluster's")?;
    runtime.block_on(async {
        for (method, path, first) in REQUESTS {
            let fault = |nth| Fault::new(path, FaultKind::Disconnect).on(method).nth(nth).times(2);
            // Of what only looks, an answer that is lost is a request that never came.
            let is_effect = path == "/_bulk" || method == "PUT";
            let after = is_effect.then(|| fault(first + 3).after());
            for fault in [Some(fault(first)), after].into_iter().flatten() {
                let shop = Shop::open(stand, DOCUMENTS_FEW).await?;
                pocket.plan_fault(fault.clone());
                let session = impatient(stand)?;
                let mut is_switched = false;
                for _ in 0..COMMANDS_MAX {
                    match session.upgrade(&pack(), &wish("2.0")).await {
                        Ok(Ending::Switched { .. }) => {
                            is_switched = true;
                            break;
                        }
                        Err(EngineError::Cluster(_) | EngineError::LeaseLost) => {}
                        other => return Err(format!("{fault:?}: {other:?}").into()),
                    }
                }
                assert!(is_switched, "{fault:?}");
                assert_eq!(pocket.pending_faults(), [], "it never came to that");
                pocket.clear_faults();
                shop.check(&[]).await?;
                shop.close().await?;
            }
        }
        Ok(())
    })
}

fn clash(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        let session = stand.session();
        // Without a new key, note 5 and memo 5 are one document.
        let alike = pack_with(
            &SECOND.replace("rekey: {id: \"{_index}-{_id}\"}", "set: {field: seen, value: true}"),
        );
        let halted = session.upgrade(&alike, &wish("2.0")).await;
        let Err(EngineError::Halted(problem)) = halted else {
            return Err(format!("{halted:?}").into());
        };
        assert_eq!(problem.code, "R0405", "{problem:?}");
        assert_eq!(problem.documents.len(), 2, "{problem:?}");
        assert!(problem.message.contains("both become"), "{problem:?}");
        session.abort(SHOP).await?;
        assert_eq!(stand.indices("lockstep-envelopes-*").await?, Vec::<String>::new());
        assert_eq!(stand.indices("*-v2.0").await?, Vec::<String>::new());
        upgrade(&session).await?;
        shop.check(&[]).await?;
        shop.close().await
    })
}

fn rejected(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        for id in ["odd", "even"] {
            let items = json!([{"count": 1}, {"count": "a lot"}]);
            let order = json!({"state": "open", "items": items});
            shop.ask("PUT", &format!("/acme-order-v1.0/_doc/{id}?refresh=true"), order).await?;
        }
        let session = stand.session();
        let halted = session.upgrade(&pack(), &wish("2.0")).await;
        assert!(matches!(halted, Err(EngineError::Halted(_))), "{halted:?}");
        let entries = list(&session.cluster, SHOP).await?.entries;
        assert_eq!(entries.len(), 2, "{entries:#?}");
        for entry in &entries {
            assert!(
                entry
                    .reason
                    .starts_with(&format!("`{}-1` in `acme-position-v2.0`", entry.document)),
                "{entry:?}"
            );
            assert!(matches!(entry.rejected_by, RejectedBy::Mapping { .. }), "{entry:?}");
        }
        // One is mended in the application, the other one is left out.
        let mended = json!({"state": "open", "items": [{"count": 1}, {"count": 100}]});
        shop.ask("PUT", "/acme-order-v1.0/_doc/even?refresh=true", mended).await?;
        let decision = Decision::Discard { reason: "test data".to_owned() };
        let odd: Vec<String> = entries
            .iter()
            .filter(|entry| entry.document == "odd")
            .map(|entry| entry.key.clone())
            .collect();
        decide(&session.cluster, SHOP, (&Chosen::Keys(odd), &decision), "anna@test").await?;
        upgrade(&session).await?;
        shop.check(&["odd"]).await?;
        shop.close().await
    })
}

/// All of the documents, and a few of each index, into throw-away envelopes and from there into throw-away indices; then an order
/// that the last index rejects.
fn rehearsed(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        let session = stand.session();
        for sample in [None, Some(50)] {
            let upgrade = wish("2.0");
            let wished = RehearsalWish { upgrade, sample, shows_documents: false };
            let Rehearsed::Done(report) = session.rehearse(&pack(), &wished).await? else {
                return Err("nothing to migrate".into());
            };
            assert!(report.is_ready() && report.repaired == 0, "{report:#?}");
            assert_eq!(report.verified, Some(report.copied.written), "{sample:?}");
            assert_eq!(stand.indices("lockstep-rehearsal-*").await?, Vec::<String>::new());
        }
        let order = json!({"state": "open", "items": [{"count": "a lot"}]});
        shop.ask("PUT", "/acme-order-v1.0/_doc/odd?refresh=true", order).await?;
        let upgrade = wish("2.0");
        let wished = RehearsalWish { upgrade, sample: None, shows_documents: true };
        let Rehearsed::Done(report) = session.rehearse(&pack(), &wished).await? else {
            return Err("nothing to migrate".into());
        };
        assert_eq!((report.is_ready(), report.rejected), (false, 1), "{report:#?}");
        shop.close().await
    })
}

/// Somebody writes into a new index while the run holds: what is not addressed to it goes, what was changed is put right.
fn strangers(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let shop = Shop::open(stand, DOCUMENTS).await?;
        let url = stand.cluster.url.clone();
        let is_done = AtomicBool::new(false);
        let session = stand.session_with(move |event, _| {
            let is_held = matches!(event, Event::Entered { state: RunState::Holding { .. }, .. });
            if is_held && !is_done.swap(true, Ordering::Relaxed) {
                meddle(
                    "PUT",
                    format!("{url}/acme-refund-v2.0/_doc/stranger"),
                    json!({"who": "me"}),
                );
            }
        });
        upgrade(&session).await?;
        shop.check(&[]).await?;
        shop.close().await
    })
}

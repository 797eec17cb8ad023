//! Steps with scripts: the demo's steps, some of their operations written in Painless instead. What comes out must be the same, so
//! the same oracle judges it.

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    run::quarantine::{Decision, RejectedBy},
};
use lockstep_engine::{
    EngineError,
    quarantine::{Chosen, decide, list},
    session::Ending,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    back::there_and_back,
    quarantine::APPLICATION,
    stand::{Stand, Trouble, wish},
};

/// A pocket cluster runs no scripts, which it has to say.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    let refused =
        scenario("a_script_that_the_engine_does_not_take_is_refused_before_anything", refused);
    if stand == "pocket" {
        return vec![refused];
    }
    vec![
        refused,
        scenario("scripts_hop_by_hop_make_what_operations_make", hop_by_hop),
        scenario("what_scripts_reject_is_set_aside_with_the_reason", rejected),
        scenario("a_script_that_is_never_the_same_is_never_switched", never_the_same),
        Scenario {
            load: Load::Heavy,
            ..scenario("scripts_under_live_writes_lose_nothing_there_and_back", under_traffic)
        },
    ]
}

/// Operations of the demo's steps and the scripts that do the same, by release.
pub(crate) const SCRIPTS: [(&str, &str, &str); 5] = [
    (
        "1.1",
        "- cast: {field: duration, to: long}",
        "def it = ctx._source.duration; if (it instanceof String) { ctx._source.duration = Long.parseLong(it) }",
    ),
    (
        "1.1",
        "- split: {field: name, separator: \" \", into: [first_name, last_name]}",
        "def name = ctx._source.remove('name'); if (name != null) { int at = name.indexOf(' '); \
         ctx._source.first_name = at < 0 ? name : name.substring(0, at); \
         if (at >= 0) { ctx._source.last_name = name.substring(at + 1) } }",
    ),
    (
        "1.1",
        "- join: {fields: [first_name, last_name], separator: \" \", into: name}",
        "def names = []; for (key in params.names) { def one = ctx._source.remove(key); if (one != null) { names.add(one) } } \
         if (names.size() > 0) { ctx._source.name = String.join(' ', names) }",
    ),
    (
        "2.0",
        "- cast: {field: customer_id, to: string}",
        "if (ctx._source.customer_id != null) { ctx._source.customer_id = ctx._source.customer_id.toString() }",
    ),
    (
        "2.0",
        "- cast: {field: pinned, to: boolean, otherwise: remove}",
        "def it = ctx._source.pinned; if (it instanceof String) { if (it == 'true' || it == 'false') { \
         ctx._source.pinned = it == 'true' } else { ctx._source.remove('pinned') } } \
         else if (it != null && !(it instanceof Boolean)) { ctx._source.remove('pinned') }",
    ),
];

/// The demo's pack with scripts in the place of operations.
pub(crate) fn scripted_pack(scripts: &[(&str, &str, &str)]) -> Pack {
    let mut files = PackFiles { files: lockstep_demo::pack_files().into_iter().collect() };
    for (release, operation, script) in scripts {
        let file = format!("releases/{release}/release.yaml");
        let content = files.files.get_mut(&file).expect("the demo has the release");
        let text = String::from_utf8(content.clone()).expect("text");
        assert_eq!(text.matches(operation).count(), 1, "{operation}");
        let painless = json!({"script": script, "params": {"names": ["first_name", "last_name"]}});
        *content = text.replace(operation, &format!("- painless: {painless}")).into_bytes();
    }
    lockstep_engine::pack_folder::check(&files).unwrap_or_else(|error| panic!("{error:?}"))
}

fn refused(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(100).await?;
        let [good, ..] = SCRIPTS;
        let bad = (good.0, good.1, "ctx._source.duration = ");
        let before = stand.indices("*").await?;
        let upgrade = stand.session().upgrade(&scripted_pack(&[bad]), &wish("2.0")).await;
        let Err(EngineError::Refused { plan }) = upgrade else {
            return Err(format!("{upgrade:?}").into());
        };
        let found: Vec<_> = plan.findings.iter().filter(|finding| finding.is_refusal()).collect();
        let [finding] = found.as_slice() else { return Err(format!("{found:?}").into()) };
        assert_eq!((finding.code.as_str(), finding.subject.as_str()), ("F0601", "event"));
        let expected =
            if stand.pocket.is_some() { "not supported [painless]" } else { "compile error" };
        let place = "the script of operation 2:";
        assert!(
            finding.message.contains(expected) && finding.message.contains(place),
            "{finding:?}"
        );
        assert_eq!(stand.indices("*").await?, before);
        stand.clean().await
    })
}

fn hop_by_hop(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(2_000).await?;
        let pack = scripted_pack(&SCRIPTS);
        for version in ["1.1", "2.0"] {
            let ending = stand.session().upgrade(&pack, &wish(version)).await?;
            assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
            stand.session().finalize(APPLICATION).await?;
        }
        stand.check_switched().await?;
        stand.clean().await
    })
}

fn under_traffic(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(there_and_back(stand, (&stand.session(), &scripted_pack(&SCRIPTS)), 80))
}

/// Scripts that do what can't be taken over, each for the document with that id.
const NAUGHTY: &str = "def id = ctx._id; \
    if (id == 'fails') { ctx._source.name = ctx._source.nothing.at } \
    if (id == 'drops') { ctx.op = 'noop' } \
    if (id == 'moves') { ctx._routing = 'elsewhere' } \
    if (id == 'strays') { ctx.stray = 1 } \
    if (id == 'empties') { ctx._source = null } \
    if (id == 'deepens') { for (int i = 0; i < 130; i++) { def m = new HashMap(); m.put('a', ctx._source.name); ctx._source.name = m } } \
    if (id == 'works-with-a-number') { ctx._source.attributes.n = ctx._source.attributes.n + ' EUR' }";

fn rejected(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(400).await?;
        let cases = [
            ("deepens", "T0204", "nested deeper than 128 levels"),
            ("drops", "T0202", ""),
            ("empties", "T0204", ""),
            ("fails", "T0201", "null_pointer_exception"),
            ("moves", "T0203", ""),
            ("strays", "T0204", "`stray`"),
            ("works-with-a-number", "T0206", "can't hold exactly"),
        ];
        for (id, _, _) in cases {
            let number = if id == "works-with-a-number" { "18446744073709551616" } else { "1" };
            let put = put_profile(stand, id, number).await?;
            assert!(put["result"].is_string(), "{put}");
        }
        let [_, (release, operation, _), ..] = SCRIPTS;
        let script = format!("{}{NAUGHTY}", SCRIPTS[1].2);
        let pack = scripted_pack(&[(release, operation, &script)]);
        let halted = stand.session().upgrade(&pack, &wish("2.0")).await;
        assert!(matches!(halted, Err(EngineError::Halted(_))), "{halted:?}");
        let cluster = stand.session().cluster;
        let mut entries = list(&cluster, APPLICATION).await?.entries;
        entries.sort_by(|one, other| one.document.cmp(&other.document));
        assert_eq!(entries.len(), cases.len(), "{entries:#?}");
        for (entry, (id, code, reason)) in entries.iter().zip(cases) {
            assert_eq!(entry.document, id);
            assert!(entry.reason.contains(reason), "{entry:?}");
            let RejectedBy::Step { code: found, operation, .. } = &entry.rejected_by else {
                return Err(format!("{entry:?}").into());
            };
            assert_eq!(
                (found.as_str(), operation.as_deref()),
                (code, Some("painless")),
                "{entry:?}"
            );
        }
        let decision = Decision::Discard { reason: "test data".to_owned() };
        decide(&cluster, APPLICATION, (&Chosen::Undecided, &decision), "anna@test").await?;
        let ending = stand.session().upgrade(&pack, &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        missing(stand, &cases.map(|(id, _, _)| id)).await?;
        stand.clean().await
    })
}

/// Writes a profile with a number as it is spelt, which a JSON tree would change.
async fn put_profile(stand: &Stand, id: &str, number: &str) -> Result<Value, Trouble> {
    let url = format!("{}/acme-profile-v1.0/_doc/{id}?refresh=true", stand.cluster.url);
    let body = format!(r#"{{"name":"Na Me","newsletter":"true","attributes":{{"n":{number}}}}}"#);
    let put = reqwest::Client::new().put(url).header("content-type", "application/json").body(body);
    Ok(serde_json::from_str(&put.send().await?.text().await?)?)
}

fn never_the_same(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(100).await?;
        let [_, (release, operation, script), ..] = SCRIPTS;
        let script = format!("{script} ctx._source.first_name = '' + Math.random();");
        let pack = scripted_pack(&[(release, operation, &script)]);
        let upgrade = stand.session().upgrade(&pack, &wish("2.0")).await;
        let Err(EngineError::Halted(problem)) = upgrade else {
            return Err(format!("{upgrade:?}").into());
        };
        assert_eq!(problem.code, "R0401", "{problem:?}");
        assert!(problem.documents[0].reason.contains("`first_name` should be"), "{problem:?}");
        stand.session().abort(APPLICATION).await?;
        stand.clean().await
    })
}

/// Exactly these documents are not in the new set.
async fn missing(stand: &Stand, ids: &[&str]) -> Result<(), Trouble> {
    let count = |index: &'static str| async move {
        let found = stand.send("GET", &format!("/{index}/_count"), Value::Null).await?;
        Ok::<_, Trouble>(found["count"].as_u64().unwrap_or_default())
    };
    stand.send("POST", "/acme-profile-v2.0/_refresh", Value::Null).await?;
    let (old, new) = (count("acme-profile-v1.0").await?, count("acme-profile-v2.0").await?);
    assert_eq!(old - ids.len() as u64, new);
    for id in ids {
        let found =
            stand.send("GET", &format!("/acme-profile-v2.0/_doc/{id}"), Value::Null).await?;
        assert_eq!(found["found"], false, "{found}");
    }
    Ok(())
}

//! Steps with programs in jq: the demo's steps, some of their operations written in jq instead. What comes out must be the same,
//! so the same oracle judges it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use lockstep_core::{
    pack::{PackFiles, model::Pack},
    run::quarantine::{Decision, RejectedBy},
};
use lockstep_engine::{
    EngineError, JqHosts, Session,
    quarantine::{Chosen, decide, list},
    session::Ending,
};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    back::there_and_back,
    quarantine::APPLICATION,
    stand::{Stand, Trouble, program, wish},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, play| Scenario { name, load: Load::Light, is_pocket_only: false, play };
    vec![
        scenario("jq_hop_by_hop_and_fused_makes_what_operations_make", hop_by_hop),
        Scenario {
            is_pocket_only: true,
            ..scenario("what_jq_rejects_is_set_aside_with_the_reason", rejected)
        },
        Scenario {
            load: Load::Heavy,
            ..scenario("jq_with_killed_hosts_under_live_writes_loses_nothing", under_traffic)
        },
    ]
}

/// Operations of the demo's steps and what does the same with programs in jq, by release.
const PROGRAMS: [(&str, &str, &str); 5] = [
    (
        "1.1",
        "- cast: {field: duration, to: long}",
        r#"{"field": "duration", "program": "if type == \"string\" then tonumber end"}"#,
    ),
    (
        "1.1",
        "- split: {field: name, separator: \" \", into: [first_name, last_name]}",
        r#"{"program": "if has(\"name\") then .name as $name | del(.name) | if $name == null then . else ($name | index(\" \")) as $at | if $at == null then .first_name = $name else .first_name = $name[:$at] | .last_name = $name[$at + 1:] end end end"}"#,
    ),
    (
        "1.1",
        "- join: {fields: [first_name, last_name], separator: \" \", into: name}",
        r#"{"program": "([.first_name, .last_name] | map(values)) as $names | del(.first_name, .last_name) | if $names == [] then . else .name = ($names | join(\" \")) end"}"#,
    ),
    (
        "2.0",
        "- cast: {field: customer_id, to: string}",
        r#"{"field": "customer_id", "program": "if type == \"number\" then tostring end"}"#,
    ),
    (
        "2.0",
        "- cast: {field: pinned, to: boolean, otherwise: remove}",
        r#"{"program": "if .pinned == \"true\" or .pinned == \"false\" then .pinned |= (. == \"true\") elif .pinned == null or (.pinned | type) == \"boolean\" then . else del(.pinned) end"}"#,
    ),
];

/// The demo's pack with programs in the place of operations.
fn pack(programs: &[(&str, &str, &str)]) -> Pack {
    let mut files = PackFiles { files: lockstep_demo::pack_files().into_iter().collect() };
    for (release, operation, jq) in programs {
        let file = format!("releases/{release}/release.yaml");
        let content = files.files.get_mut(&file).expect("the demo has the release");
        let text = String::from_utf8(content.clone()).expect("text");
        assert_eq!(text.matches(operation).count(), 1, "{operation}");
        *content = text.replace(operation, &format!("- jq: {jq}")).into_bytes();
    }
    lockstep_engine::pack_folder::check(&files).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Somebody whose programs run in processes of the program as it is built.
fn session(stand: &Stand) -> Result<Session, Trouble> {
    Ok(Session { jq: JqHosts::of(program()?), ..stand.session() })
}

fn hop_by_hop(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        let (session, pack) = (session(stand)?, pack(&PROGRAMS));
        for chain in [&["1.1", "2.0"][..], &["2.0"]] {
            stand.seed(1_000).await?;
            for version in chain {
                let ending = session.upgrade(&pack, &wish(version)).await?;
                assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
                session.finalize(APPLICATION).await?;
            }
            stand.check_switched().await?;
            stand.clean().await?;
        }
        Ok(())
    })
}

/// Each host is gone after half a second, whatever it is at.
fn under_traffic(runtime: &Runtime, stand: &Stand) -> Outcome {
    let folder = tempfile::tempdir()?;
    let host = folder.path().join("host");
    let script = format!(
        "#!/bin/sh\nme=$$\n(sleep 0.5; kill -9 $me) >/dev/null 2>&1 </dev/null &\nexec {} \"$@\"\n",
        program()?.display()
    );
    fs::write(&host, script)?;
    fs::set_permissions(&host, fs::Permissions::from_mode(0o755))?;
    let session = Session { jq: JqHosts::of(host), ..stand.session() };
    runtime.block_on(there_and_back(stand, (&session, &pack(&PROGRAMS)), 80))
}

/// Does what can't be taken over, for people of these names.
const NAUGHTY: &str = "if .name == \"loops\" then def f: f; f \
    elif .name == \"falls\" then def f: 1 + f; f \
    elif .name == \"drops\" then empty \
    elif .name == \"fails\" then error(\"no such person\") \
    elif .name == \"shrinks\" then 1 end";

fn rejected(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(400).await?;
        let cases = [
            ("drops", "T0302", "the program gives nothing"),
            ("fails", "T0301", "the program gives an error: \"no such person\""),
            // On a slow machine it is out of time before it is out of its stack.
            ("falls", "T030", "the program "),
            ("loops", "T0304", "takes longer than 1000 ms"),
            ("shrinks", "T0303", "something else than an object"),
        ];
        for (id, _, _) in cases {
            let path = format!("acme-profile-v1.0/_doc/{id}?refresh=true");
            let url = format!("{}/{path}", stand.cluster.url);
            let put = reqwest::Client::new()
                .put(url)
                .header("content-type", "application/json")
                .body(json!({"name": id, "newsletter": "true"}).to_string());
            put.send().await?.error_for_status()?;
        }
        let [_, (release, operation, _), ..] = PROGRAMS;
        let naughty = json!({"program": NAUGHTY}).to_string();
        // Beside the operation, whose work is still to be done.
        let both = format!("{naughty}\n          {operation}");
        let (session, pack) = (session(stand)?, pack(&[(release, operation, &both)]));
        let halted = session.upgrade(&pack, &wish("2.0")).await;
        assert!(matches!(halted, Err(EngineError::Halted(_))), "{halted:?}");
        let mut entries = list(&session.cluster, APPLICATION).await?.entries;
        entries.sort_by(|one, other| one.document.cmp(&other.document));
        assert_eq!(entries.len(), cases.len(), "{entries:#?}");
        for (entry, (id, code, reason)) in entries.iter().zip(cases) {
            assert_eq!(entry.document, id);
            assert!(entry.reason.contains(reason), "{entry:?}");
            let RejectedBy::Step { code: found, operation, .. } = &entry.rejected_by else {
                return Err(format!("{entry:?}").into());
            };
            assert!(found.starts_with(code) && operation.as_deref() == Some("jq"), "{entry:?}");
        }
        let decision = Decision::Discard { reason: "test data".to_owned() };
        decide(&session.cluster, APPLICATION, (&Chosen::Undecided, &decision), "anna@test").await?;
        let ending = session.upgrade(&pack, &wish("2.0")).await?;
        assert!(matches!(ending, Ending::Switched { .. }), "{ending:?}");
        stand.clean().await
    })
}

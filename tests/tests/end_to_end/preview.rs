//! The new set is read before the switch, under names of its own, while the run goes on.

use lockstep_engine::{EngineError, Session, session::Ending};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::{
    Load, Outcome, Scenario,
    quarantine::APPLICATION,
    stand::{Stand, Trouble, demo_pack, wish},
};

/// Of the real engines the oldest one is enough: it has the least that guards aliases.
pub(crate) fn scenarios(stand: &str) -> Vec<Scenario> {
    if stand.starts_with("opensearch-") {
        return Vec::new();
    }
    vec![Scenario {
        name: "the_new_set_is_read_before_the_switch_and_not_written",
        load: Load::Light,
        is_pocket_only: false,
        play: before_the_switch,
    }]
}

fn before_the_switch(runtime: &Runtime, stand: &Stand) -> Outcome {
    runtime.block_on(async {
        stand.seed(300).await?;
        let session = stand.session();
        let early = session.preview(APPLICATION, "try-").await;
        assert!(matches!(early, Err(EngineError::NoRun { .. })), "{early:?}");
        let mut held = wish("2.0");
        held.is_held = true;
        let pack = demo_pack();
        let looking = async {
            stand.wait_until_held(APPLICATION).await?;
            let seen = look(stand, &session).await;
            session.order(APPLICATION, |orders| orders.is_held = false).await?;
            seen
        };
        let (ending, seen) = tokio::join!(Box::pin(session.upgrade(&pack, &held)), looking);
        seen?;
        assert!(matches!(ending?, Ending::Switched { .. }));
        assert_eq!(previewed(stand).await?, [""; 0], "they go with the switch");
        let late = session.preview(APPLICATION, "try-").await;
        assert!(late.is_err(), "{late:?}");
        stand.check_switched().await?;
        stand.clean().await
    })
}

/// Shows it, reads it, tries to write it.
async fn look(stand: &Stand, session: &Session) -> Outcome {
    let taken = session.preview(APPLICATION, "").await;
    assert!(matches!(taken, Err(EngineError::PreviewTaken { .. })), "{taken:?}");
    assert_eq!(previewed(stand).await?, [""; 0], "nothing was changed");
    session.preview(APPLICATION, "try-first-").await?;
    let preview = session.preview(APPLICATION, "try-").await?;
    let again = session.preview(APPLICATION, "try-").await?;
    assert_eq!(preview, again);
    let names: Vec<String> = preview.aliases.keys().cloned().collect();
    assert_eq!(previewed(stand).await?, names, "those of the first prefix are gone");
    assert!(names.contains(&"try-acme-rejection".to_owned()), "{names:?}");
    let count = async |index: &str| -> Result<Value, Trouble> {
        let path = format!("/{index}/_count");
        Ok(stand.send("GET", &path, Value::Null).await?["count"].clone())
    };
    assert_eq!(count("try-acme-profile").await?, count("acme-profile-v1.0").await?);
    let document = json!({"first_name": "Nobody"});
    let refused = stand.send("PUT", "/try-acme-profile/_doc/nobody", document).await?;
    assert_eq!(refused["status"], json!(400), "{refused}");
    assert_eq!(session.end_preview(APPLICATION).await?, names.len());
    assert_eq!(session.end_preview(APPLICATION).await?, 0);
    assert_eq!(previewed(stand).await?, [""; 0]);
    session.preview(APPLICATION, "try-").await?;
    Ok(())
}

/// All aliases of previews that are there.
async fn previewed(stand: &Stand) -> Result<Vec<String>, Trouble> {
    let found = stand.send("GET", "/_alias", Value::Null).await?;
    let indices = found.as_object().ok_or("no indices")?.values();
    let mut names: Vec<String> = indices
        .filter_map(|index| index["aliases"].as_object())
        .flat_map(|aliases| aliases.keys().cloned())
        .filter(|alias| alias.starts_with("try-"))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

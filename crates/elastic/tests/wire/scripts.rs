//! Scripts over documents: a document that the engine can't read is found among the others, a script that it doesn't take fails
//! the call.

use lockstep_elastic::{ScriptDocument, ScriptText, Scripted, Wanted};
use serde_json::{Map, Value, json};

use crate::server::{Reply, Seen, Server};

/// An engine that can't read documents with `bad` in them, and takes no script but `good`.
fn answer(seen: &Seen) -> Reply {
    let body: Value = serde_json::from_str(&seen.text()).unwrap();
    let scripts = body["pipeline"]["processors"].as_array().unwrap();
    let refusal = |reason: &str| {
        Reply::json(
            400,
            &json!({"error": {"type": "any", "reason": reason}, "status": 400}).to_string(),
        )
    };
    if scripts.iter().any(|script| script["script"]["source"] != "good") {
        return refusal("compile error");
    }
    let documents = body["docs"].as_array().unwrap();
    if documents.iter().any(|document| document["_source"]["_source"]["bad"].is_boolean()) {
        return refusal("unexpected value");
    }
    let outcomes: Vec<Value> = documents.iter().map(|document| json!({"doc": document})).collect();
    Reply::json(200, &json!({ "docs": outcomes }).to_string())
}

/// What became of documents, `g` for a good and `b` for a bad one.
async fn told(letters: &str, script: &str) -> Result<String, String> {
    let server = Server::start(answer);
    let ids: Vec<String> = (0..letters.len()).map(|number| number.to_string()).collect();
    let documents: Vec<ScriptDocument<'_>> = letters
        .chars()
        .zip(&ids)
        .map(|(letter, id)| {
            let source: &[u8] = if letter == 'b' { br#"{"bad":true}"# } else { br#"{"n":1}"# };
            ScriptDocument { index: "i", id, routing: Some("r"), source }
        })
        .collect();
    let scripts = [ScriptText { source: script, params: &Map::new() }];
    let outcomes = server.cluster().run_scripts(&scripts, &documents).await;
    let outcomes = outcomes.map_err(|failure| failure.to_string())?;
    let letter = |outcome: &Scripted| match outcome {
        Scripted::Made(made) => {
            assert!(made.is_in_place && made.wanted == Wanted::Indexed, "{made:?}");
            assert_eq!(made.source.as_deref(), Some(br#"{"n":1}"#.as_slice()));
            'g'
        }
        Scripted::Failed { script_index, reason } => {
            assert_eq!((*script_index, reason.as_str()), (None, "unexpected value"));
            'b'
        }
    };
    Ok(outcomes.iter().map(letter).collect())
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_told_from_those_beside_it() {
    for letters in ["", "g", "b", "gb", "bg", "ggbgg", "bbbb", "gbgbgbgbgg", "ggggggggb"] {
        assert_eq!(told(letters, "good").await.as_deref(), Ok(letters));
    }
}

#[tokio::test]
async fn a_script_that_is_not_taken_fails_all() {
    let failure = told("gg", "other").await.unwrap_err();
    assert!(failure.contains("compile error"), "{failure}");
}

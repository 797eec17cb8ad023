//! Scripts that were written for `_reindex`, run over documents that are then given back instead of written.
//!
//! The engine runs them in a pipeline that it only simulates (`_ingest/pipeline/_simulate`), so nothing is made or left behind.
//! A script of `_reindex` finds the document in `ctx._source`, one of a pipeline in `ctx` itself. So each document is sent as the
//! one field `_source` of another: the script finds it where it looks for it, and `ctx.op` beside it. What runs in the engine is
//! the author's text, unchanged. Contract suite: `46-scripts.yaml`.
//!
//! What the engine does to a document on the way: numbers are read as Java's. Whole ones keep their digits up to 64 bits, and
//! beyond that the engine refuses the document; others become the nearest double. Keys may come in another order. Who needs more
//! than that puts something else in the place of such numbers.

use serde::Deserialize;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use bytes::Bytes;
use http::Method;

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::path::Path;
use crate::reason::EngineError;
use crate::transport::{Answer, Effect, Request};

/// What `ctx.op` is while a document is to be indexed, as in `_reindex`.
const OP_INDEX: &str = "index";
/// Bytes of documents that one request takes, unless a single document has more.
const REQUEST_BYTES_MAX: usize = 2 << 20;

/// A script in Painless.
#[derive(Debug, Clone, Copy)]
pub struct ScriptText<'a> {
    /// Its text.
    pub source: &'a str,
    /// What it finds in `params`.
    pub params: &'a Map<String, Value>,
}

/// A document for scripts.
#[derive(Debug, Clone, Copy)]
pub struct ScriptDocument<'a> {
    /// `ctx._index`.
    pub index: &'a str,
    /// `ctx._id`.
    pub id: &'a str,
    /// `ctx._routing`.
    pub routing: Option<&'a str>,
    /// `ctx._source`: a JSON object.
    pub source: &'a [u8],
}

/// What scripts did with a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scripted {
    /// They went through.
    Made(Made),
    /// One of them failed.
    Failed {
        /// Which one, from 0, where that can be told.
        script_index: Option<usize>,
        /// Why, in the engine's words.
        reason: String,
    },
}

/// What scripts want done with a document, by `ctx.op`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `index`, as it was.
    Indexed,
    /// `noop` or `delete`: it is to be left out.
    LeftOut,
    /// Something that `_reindex` doesn't know either.
    Unknown,
}

/// A document that scripts went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// What is to be done with it. A script that wants anything but indexing is the last one to run.
    pub wanted: Wanted,
    /// Whether index, id and routing are what they were.
    pub is_in_place: bool,
    /// `ctx._index` as the scripts left it.
    pub index: Option<String>,
    /// `ctx._id` as the scripts left it.
    pub id: Option<String>,
    /// `ctx._routing` as the scripts left it.
    pub routing: Option<String>,
    /// Names that a script put beside `ctx._source`.
    pub strays: Vec<String>,
    /// `ctx._source` as the scripts left it, JSON; `None` when it is gone.
    pub source: Option<Vec<u8>>,
}

#[derive(Deserialize)]
struct SimulateAnswer<'a> {
    #[serde(borrow)]
    docs: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(borrow)]
    doc: Option<OutcomeDocument<'a>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OutcomeDocument<'a> {
    #[serde(rename = "_index")]
    index: Option<String>,
    #[serde(rename = "_id")]
    id: Option<String>,
    #[serde(rename = "_routing")]
    routing: Option<String>,
    #[serde(rename = "_source", borrow)]
    context: std::collections::BTreeMap<String, &'a RawValue>,
}

#[derive(Serialize)]
struct SimulateDocument<'a> {
    #[serde(rename = "_index")]
    index: &'a str,
    #[serde(rename = "_id")]
    id: &'a str,
    #[serde(rename = "_routing", skip_serializing_if = "Option::is_none")]
    routing: Option<&'a str>,
    #[serde(rename = "_source")]
    context: Context<'a>,
}

#[derive(Serialize)]
struct Context<'a> {
    op: &'a str,
    #[serde(rename = "_source")]
    source: &'a RawValue,
}

impl Cluster {
    /// Runs scripts one after the other over each of some documents, and gives what became of each, in order. Changes nothing.
    ///
    /// # Errors
    /// [`Failure`] when it can't be done at all: with status 400 when a script doesn't compile, or when the engine has no
    /// Painless.
    pub async fn run_scripts(
        &self,
        scripts: &[ScriptText<'_>],
        documents: &[ScriptDocument<'_>],
    ) -> Result<Vec<Scripted>, Failure> {
        let pipeline = pipeline(scripts);
        let mut outcomes = Vec::with_capacity(documents.len());
        // What is left to do, the next part last.
        let mut parts = vec![documents];
        while let Some(part) = parts.pop() {
            let (batch, others) = part.split_at(batch_len(part));
            if !others.is_empty() {
                parts.push(others);
            }
            if batch.is_empty() {
                continue;
            }
            let answer = match self.send(&simulate(&pipeline, batch)?).await {
                Ok(answer) => answer,
                // A document that the engine can't read fails all that came with it. It is looked for by halves.
                Err(failure) if failure.status() == Some(400) => {
                    self.compile_scripts(scripts).await?;
                    if batch.len() == 1 {
                        let reason = failure.reason().to_owned();
                        outcomes.push(Scripted::Failed { script_index: None, reason });
                    } else {
                        let (first, second) = batch.split_at(batch.len() / 2);
                        parts.extend([second, first]);
                    }
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            outcomes.extend(read(&answer, batch, scripts)?);
        }
        Ok(outcomes)
    }

    /// Has scripts compiled, and runs none.
    ///
    /// # Errors
    /// [`Failure`]; with status 400 when one doesn't compile, or when the engine has no Painless.
    pub async fn compile_scripts(&self, scripts: &[ScriptText<'_>]) -> Result<(), Failure> {
        let body = json!({
            "pipeline": pipeline(scripts),
            "docs": [{"_index": "none", "_id": "none", "_source": {"op": "none"}}],
        });
        let request = Request::new(Method::POST, path(), Effect::Read).json(&body);
        self.send(&request).await.map(|_answer| ())
    }
}

fn path() -> Path {
    Path::fixed("/_ingest/pipeline/_simulate")
}

/// A script runs only while the document is to be indexed: `_reindex` would not look at it again either.
fn pipeline(scripts: &[ScriptText<'_>]) -> Value {
    let processors: Vec<Value> = scripts
        .iter()
        .map(|script| {
            json!({"script": {
                "lang": "painless",
                "if": "ctx.op == 'index'",
                "source": script.source,
                "params": script.params,
            }})
        })
        .collect();
    json!({ "processors": processors })
}

/// How many of these documents go into one request: at least one, if there is one.
fn batch_len(documents: &[ScriptDocument<'_>]) -> usize {
    let mut bytes = 0;
    let fitting = documents.iter().take_while(|document| {
        bytes += document.source.len();
        bytes <= REQUEST_BYTES_MAX
    });
    fitting.count().max(1).min(documents.len())
}

fn simulate(pipeline: &Value, documents: &[ScriptDocument<'_>]) -> Result<Request, Failure> {
    let path = path();
    let unreadable = |id: &str, error: &serde_json::Error| {
        let reason = format!("the document {id:?} is no JSON: {error}");
        Failure::new(crate::FailureKind::InvalidRequest, "POST _simulate", reason)
    };
    let mut body = format!(r#"{{"pipeline":{pipeline},"docs":["#).into_bytes();
    for (position, document) in documents.iter().enumerate() {
        if position > 0 {
            body.push(b',');
        }
        let source: &RawValue = serde_json::from_slice(document.source)
            .map_err(|error| unreadable(document.id, &error))?;
        let sent = SimulateDocument {
            index: document.index,
            id: document.id,
            routing: document.routing,
            context: Context { op: OP_INDEX, source },
        };
        serde_json::to_writer(&mut body, &sent).map_err(|error| unreadable(document.id, &error))?;
    }
    body.extend_from_slice(b"]}");
    Ok(Request::new(Method::POST, path, Effect::Read).json_bytes(Bytes::from(body)).transfer())
}

fn read(
    answer: &Answer,
    documents: &[ScriptDocument<'_>],
    scripts: &[ScriptText<'_>],
) -> Result<Vec<Scripted>, Failure> {
    let unreadable = |error: serde_json::Error| answer.unreadable(&error.to_string());
    let seen: SimulateAnswer<'_> = serde_json::from_slice(&answer.bytes).map_err(unreadable)?;
    if seen.docs.len() != documents.len() {
        let reason = format!("{} outcomes of {} documents", seen.docs.len(), documents.len());
        return Err(answer.unreadable(&reason));
    }
    let mut outcomes = Vec::with_capacity(documents.len());
    for (raw, document) in seen.docs.iter().zip(documents) {
        let outcome: Outcome<'_> = serde_json::from_str(raw.get()).map_err(unreadable)?;
        outcomes.push(match outcome {
            Outcome { doc: Some(doc), error: None } => Scripted::Made(made(doc, document)),
            Outcome { error: Some(error), .. } => failed(error, scripts),
            Outcome { doc: None, error: None } => {
                return Err(answer.unreadable(&format!("no outcome of {:?}", document.id)));
            }
        });
    }
    Ok(outcomes)
}

fn made(mut found: OutcomeDocument<'_>, sent: &ScriptDocument<'_>) -> Made {
    let is_in_place = found.index.as_deref() == Some(sent.index)
        && found.id.as_deref() == Some(sent.id)
        && found.routing.as_deref() == sent.routing;
    let wanted = match found.context.remove("op").map(RawValue::get) {
        Some(r#""index""#) => Wanted::Indexed,
        Some(r#""noop""# | r#""delete""#) => Wanted::LeftOut,
        _ => Wanted::Unknown,
    };
    let source = found.context.remove("_source").map(|source| source.get().as_bytes().to_vec());
    let strays = found.context.into_keys().collect();
    let OutcomeDocument { index, id, routing, context: _ } = found;
    Made { wanted, is_in_place, index, id, routing, strays, source }
}

#[derive(Deserialize)]
struct FailedScript {
    script: Option<String>,
}

fn failed(error: &RawValue, scripts: &[ScriptText<'_>]) -> Scripted {
    let failed = serde_json::from_str::<FailedScript>(error.get()).ok();
    let script_index = failed
        .and_then(|failed| failed.script)
        .and_then(|text| scripts.iter().position(|script| script.source == text));
    Scripted::Failed { script_index, reason: EngineError::of_error(error.get()).reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn documents<'a>() -> Vec<ScriptDocument<'a>> {
        let document = |id, routing| ScriptDocument { index: "i", id, routing, source: b"{}" };
        vec![document("1", None), document("2", Some("r")), document("3", None)]
    }

    fn told(answer: &str) -> Result<Vec<Scripted>, Failure> {
        let answer = Answer { bytes: Bytes::from(answer.to_owned()), request: "POST".to_owned() };
        let params = &Map::new();
        let scripts = ["a", "b"].map(|source| ScriptText { source, params });
        read(&answer, &documents(), &scripts)
    }

    #[test]
    fn every_outcome_belongs_to_its_document() {
        let outcomes = told(
            r#"{"docs":[
                {"doc":{"_index":"i","_id":"1","_source":{"op":"index","_source":{"a":1e3}},"_ingest":{}}},
                {"doc":{"_index":"i","_id":"2","_source":{"op":"noop","x":1}}},
                {"error":{"type":"script_exception","reason":"runtime error","script":"b","script_stack":[" line ","^"],
                    "caused_by":{"type":"null_pointer_exception","reason":"null"}}}]}"#,
        );
        let made = |id: &str, wanted, strays: &[&str], source: Option<&str>| {
            Scripted::Made(Made {
                wanted,
                is_in_place: id == "1",
                index: Some("i".to_owned()),
                id: Some(id.to_owned()),
                routing: None,
                strays: strays.iter().map(ToString::to_string).collect(),
                source: source.map(|source| source.as_bytes().to_vec()),
            })
        };
        let failed = Scripted::Failed {
            script_index: Some(1),
            reason: "runtime error [null_pointer_exception: null] at `line`".to_owned(),
        };
        let expected = vec![
            made("1", Wanted::Indexed, &[], Some(r#"{"a":1e3}"#)),
            // Its routing is gone.
            made("2", Wanted::LeftOut, &["x"], None),
            failed,
        ];
        assert_eq!(outcomes.unwrap(), expected);
    }

    #[test]
    fn an_answer_that_lacks_an_outcome_is_refused() {
        for answer in [r#"{"docs":[]}"#, r#"{"docs":[null,null,null]}"#, r#"{"docs":[{},{},{}]}"#] {
            assert!(told(answer).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_request_takes_documents_up_to_its_bound_and_at_least_one() {
        let large = vec![b' '; REQUEST_BYTES_MAX];
        let document = |source| ScriptDocument { index: "i", id: "1", routing: None, source };
        assert_eq!(batch_len(&[document(&large), document(b"{}")]), 1);
        assert_eq!(batch_len(&[document(b"{}"), document(b"{}"), document(&large)]), 2);
        let larger = vec![b' '; REQUEST_BYTES_MAX + 1];
        assert_eq!(batch_len(&[document(&larger), document(b"{}")]), 1);
        assert_eq!(batch_len(&[]), 0);
    }
}

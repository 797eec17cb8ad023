//! The passage of documents through the parts of a transform: operations here, programs in jq in processes of their own,
//! scripts in an engine.
//!
//! A part finds all documents that the one before made, whichever documents they were made of, and makes none, one or several
//! of each. A document counts as a whole: when a part rejects something that was made of it, it is rejected.

use lockstep_core::{
    json::{DEPTH_MAX, Scanner, text_of},
    transform::{
        Document, JqPart, MADE_BYTES_MAX, Made, Program, Rejection, RejectionCode, ScriptPart,
        StandIns, Workspace, made_too_much, not_a_destination, not_an_id, operation::Documents,
    },
};
use lockstep_elastic::{Made as ScriptMade, ScriptDocument, Scripted, Wanted};

use super::steps::ScriptHost;
use crate::{error::EngineError, jq::JqHosts, scripts::script_text};

/// What a part makes of one document.
type Outcome = Result<Vec<Made>, Rejection>;

/// A document on its way.
#[derive(Debug)]
pub(super) struct Passing {
    id: String,
    routing: Option<String>,
    /// All that has been made of it so far.
    pub(super) outcome: Outcome,
}

impl Passing {
    pub(super) fn of(document: Document<'_>) -> Self {
        Self {
            id: document.id.to_owned(),
            routing: document.routing.map(str::to_owned),
            outcome: Ok(vec![Made::of(document)]),
        }
    }

    /// Where it came from; its source is not there any more.
    pub(super) fn document(&self) -> Document<'_> {
        Document { index: None, id: &self.id, routing: self.routing.as_deref(), source: b"" }
    }
}

/// Everything that has been made so far of all documents, in order.
fn take_made(passing: &mut [Passing]) -> (Vec<usize>, Vec<Made>) {
    let (mut owners, mut all) = (Vec::new(), Vec::new());
    for (owner, one) in passing.iter_mut().enumerate() {
        let Ok(made) = &mut one.outcome else { continue };
        owners.extend(made.iter().map(|_| owner));
        all.append(made);
    }
    (owners, all)
}

/// Gives everything that a part made back to the documents that it was made of.
///
/// Of several rejections that of the earliest operation counts, and there the first one: what steps one by one would say.
fn give_back(passing: &mut [Passing], owners: &[usize], outcomes: Vec<Outcome>) {
    for (owner, outcome) in owners.iter().zip(outcomes) {
        let Some(one) = passing.get_mut(*owner) else { continue };
        match (&mut one.outcome, outcome) {
            (Ok(all), Ok(made)) => {
                all.extend(made);
                if all.iter().map(Made::bytes).sum::<usize>() > MADE_BYTES_MAX {
                    one.outcome = Err(made_too_much());
                }
            }
            (Err(first), Err(rejection)) if first.operation_index > rejection.operation_index => {
                *first = rejection;
            }
            (Err(_), _) => {}
            (Ok(_), Err(rejection)) => one.outcome = Err(rejection),
        }
    }
}

pub(super) async fn through_program(
    program: &Program,
    mut passing: Vec<Passing>,
) -> Result<Vec<Passing>, EngineError> {
    let program = program.clone();
    apart(move || {
        let mut workspace = Workspace::default();
        let (owners, all) = take_made(&mut passing);
        let through = |one: Made| {
            let mut made = Vec::new();
            let emit = &mut |document: Document<'_>| made.push(Made::of(document));
            program.apply(&mut workspace, one.document(), emit).map(|()| made)
        };
        let outcomes = all.into_iter().map(through).collect();
        give_back(&mut passing, &owners, outcomes);
        passing
    })
    .await
}

/// Off the threads that wait for the network.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| EngineError::Bug(error.to_string()))
}

pub(super) async fn through_jq(
    hosts: &JqHosts,
    jq: &JqPart,
    mut passing: Vec<Passing>,
) -> Result<Vec<Passing>, EngineError> {
    let taking = jq.clone();
    let (mut passing, owners, taken, values) = apart(move || {
        let mut workspace = Workspace::default();
        let (owners, all) = take_made(&mut passing);
        let mut values = Vec::new();
        let mut take = |one: Made| {
            let own = taking.take(&mut workspace, &one.source)?;
            let count = own.len();
            values.extend(own);
            Ok((one, count))
        };
        let taken: Vec<Result<(Made, usize), Rejection>> = all.into_iter().map(&mut take).collect();
        (passing, owners, taken, values)
    })
    .await?;
    let made = hosts.run(&jq.program(), &values).await?;
    let putting = jq.clone();
    apart(move || {
        let mut workspace = Workspace::default();
        let mut made = made.into_iter();
        let put = |one: Result<(Made, usize), Rejection>| {
            let (document, count) = one?;
            // All of a document's values are taken out, also when the first one failed.
            let own: Vec<_> = made.by_ref().take(count).collect();
            let own: Result<Vec<_>, _> = own.into_iter().collect();
            own.map_err(|failure| putting.failed(failure))
                .and_then(|own| putting.put(&mut workspace, document, own))
        };
        let outcomes = taken.into_iter().map(put).collect();
        give_back(&mut passing, &owners, outcomes);
        passing
    })
    .await
}

pub(super) async fn through_script(
    host: &impl ScriptHost,
    script: &ScriptPart,
    (index, mut passing): (&str, Vec<Passing>),
) -> Result<Vec<Passing>, EngineError> {
    let (owners, mut all) = take_made(&mut passing);
    let stand_ins: Vec<Result<Option<StandIns>, Rejection>> =
        all.iter_mut().map(put_stand_ins).collect();
    let sent: Vec<ScriptDocument<'_>> = all
        .iter()
        .zip(&stand_ins)
        .filter(|(_, stand_ins)| stand_ins.is_ok())
        .map(|(one, _)| ScriptDocument {
            index,
            id: &one.id,
            routing: one.routing.as_deref(),
            source: &one.source,
        })
        .collect();
    let mut scripted = host.run(script_text(&script.script), &sent).await?.into_iter();
    let mut outcomes = Vec::with_capacity(all.len());
    for (one, stand_ins) in all.iter().zip(stand_ins) {
        outcomes.push(match stand_ins {
            Err(rejection) => Err(rejection),
            Ok(stand_ins) => {
                let scripted = scripted.next().ok_or_else(|| {
                    EngineError::Bug(format!("no script was run for `{}` of `{index}`", one.id))
                })?;
                outcome(script, (index, one), scripted)
                    .and_then(|made| restore(script.index, made, stand_ins.as_ref()))
            }
        });
    }
    give_back(&mut passing, &owners, outcomes);
    Ok(passing)
}

/// Puts texts in the place of numbers that scripts can't hold.
fn put_stand_ins(one: &mut Made) -> Result<Option<StandIns>, Rejection> {
    match StandIns::put(&one.source) {
        Ok(None) => Ok(None),
        Ok(Some((source, stand_ins))) => {
            one.source = source;
            Ok(Some(stand_ins))
        }
        Err(error) => {
            let message = format!("the document can't be read: {error}");
            Err(Rejection::of_script(RejectionCode::NotAnObject, None, message))
        }
    }
}

fn restore(index: usize, made: Vec<Made>, stand_ins: Option<&StandIns>) -> Outcome {
    let Some(stand_ins) = stand_ins else { return Ok(made) };
    let restored = made.into_iter().map(|one| {
        let source = stand_ins.restore(&one.source).map_err(|error| {
            Rejection::of_script(RejectionCode::ScriptNumber, Some(index), error.to_string())
        })?;
        Ok(Made { source, ..one })
    });
    restored.collect()
}

/// What a script made of a document: one at its place, unless its step says that there may be any. `sent` is the document with
/// the name of the index that the script found it in.
fn outcome(script: &ScriptPart, sent: (&str, &Made), scripted: Scripted) -> Outcome {
    let rejected =
        |code, message: String| Err(Rejection::of_script(code, Some(script.index), message));
    let made = match scripted {
        Scripted::Failed { script_index: _, reason } => {
            return rejected(RejectionCode::ScriptFailed, reason);
        }
        Scripted::Made(made) => made,
    };
    let may_spread = script.script.documents == Documents::Any;
    match (made.wanted, may_spread) {
        (Wanted::Indexed, _) => {}
        (Wanted::LeftOut, true) => return Ok(Vec::new()),
        (Wanted::LeftOut | Wanted::Unknown, false) => {
            let message =
                "it sets `ctx.op`; write `documents: any` beside it if it leaves documents out";
            return rejected(RejectionCode::ScriptDropped, message.to_owned());
        }
        (Wanted::Unknown, true) => {
            let message = "it sets `ctx.op` to something else than `index`, `noop` or `delete`";
            return rejected(RejectionCode::ScriptDropped, message.to_owned());
        }
    }
    if !made.is_in_place && !may_spread {
        let message = "it changes `ctx._id`, `ctx._routing` or `ctx._index`; write `documents: any` beside it if it moves documents";
        return rejected(RejectionCode::ScriptMoved, message.to_owned());
    }
    let ScriptMade { strays, source, .. } = &made;
    if !strays.is_empty() {
        let message = format!("it puts `{}` beside `ctx._source`", strays.join("`, `"));
        return rejected(RejectionCode::ScriptResult, message);
    }
    let Some(source) = source.as_ref().filter(|source| source.starts_with(b"{")) else {
        let message = "it leaves no object in `ctx._source`";
        return rejected(RejectionCode::ScriptResult, message.to_owned());
    };
    // An engine takes more levels than any document may have that is compared.
    if let Err(fault) = text_of(source).and_then(|text| Scanner::new(text).value(DEPTH_MAX)) {
        let message = format!("what it leaves can't be read: {fault}");
        return rejected(RejectionCode::ScriptResult, message);
    }
    let source = source.clone();
    place(script, sent, &made).map(|place| vec![Made { source, ..place }])
}

/// Where a script left a document.
fn place(
    script: &ScriptPart,
    (index, sent): (&str, &Made),
    made: &ScriptMade,
) -> Result<Made, Rejection> {
    let rejected =
        |code, message: String| Err(Rejection::of_script(code, Some(script.index), message));
    let key = match made.index.as_deref() {
        Some(key) if key != index => {
            if let Some(message) = not_a_destination(&script.script.to, key) {
                return rejected(RejectionCode::Destination, message);
            }
            Some(key.to_owned())
        }
        Some(_) | None => sent.index.clone(),
    };
    // Of one that is gone an engine makes a new one with every run; the source's own is the same every time.
    let id = made.id.clone().unwrap_or_else(|| sent.id.clone());
    if let Some(message) = not_an_id(&id) {
        return rejected(RejectionCode::Place, message);
    }
    Ok(Made { index: key, id, routing: made.routing.clone(), source: Vec::new() })
}

#[cfg(test)]
mod tests {
    use lockstep_core::transform::operation::Script;

    use super::*;

    const SENT: &str = "orders-v1";

    fn script(documents: Documents) -> ScriptPart {
        let script = Script {
            script: "not run here".to_owned(),
            params: serde_json::Map::new(),
            documents,
            to: vec!["other".to_owned()],
        };
        ScriptPart { index: 1, script }
    }

    /// What becomes of a document `1` that was sent with the routing `r`.
    fn told(documents: Documents, scripted: Scripted) -> String {
        let sent = Made {
            index: None,
            id: "1".to_owned(),
            routing: Some("r".to_owned()),
            source: Vec::new(),
        };
        let told = |one: Made| {
            let index = one.index.map(|index| format!("{index}/")).unwrap_or_default();
            let routing = one.routing.map(|routing| format!("@{routing}")).unwrap_or_default();
            format!("{index}{}{routing} {}", one.id, String::from_utf8(one.source).expect("text"))
        };
        match outcome(&script(documents), (SENT, &sent), scripted) {
            Ok(made) => made.into_iter().map(told).collect::<Vec<_>>().join(" | "),
            Err(rejection) => rejection.to_string(),
        }
    }

    fn made(place: (&str, Option<&str>, Option<&str>), source: Option<&str>) -> ScriptMade {
        let (index, id, routing) = place;
        ScriptMade {
            wanted: Wanted::Indexed,
            is_in_place: place == (SENT, Some("1"), Some("r")),
            index: Some(index.to_owned()),
            id: id.map(str::to_owned),
            routing: routing.map(str::to_owned),
            strays: Vec::new(),
            source: source.map(|source| source.as_bytes().to_vec()),
        }
    }

    /// A document of this many levels.
    fn levels(count: usize) -> String {
        format!("{}1{}", r#"{"a":"#.repeat(count), "}".repeat(count))
    }

    #[test]
    fn only_what_stays_one_document_at_its_place_goes_on() {
        let there = (SENT, Some("1"), Some("r"));
        let one = |made| told(Documents::One, Scripted::Made(made));
        let left_out = ScriptMade { wanted: Wanted::LeftOut, ..made(there, Some("{}")) };
        let strays = vec!["x".to_owned(), "y".to_owned()];
        let rows = [
            (one(made(there, Some(r#"{"a":1}"#))), r#"1@r {"a":1}"#),
            (
                one(left_out),
                "T0202: operation 2 (`painless`): it sets `ctx.op`; write `documents: any` beside it if it leaves documents out",
            ),
            (
                one(made((SENT, Some("2"), Some("r")), Some("{}"))),
                "T0203: operation 2 (`painless`): it changes `ctx._id`, `ctx._routing` or `ctx._index`; write `documents: any` beside it if it moves documents",
            ),
            (
                one(ScriptMade { strays, ..made(there, Some("{}")) }),
                "T0204: operation 2 (`painless`): it puts `x`, `y` beside `ctx._source`",
            ),
            (
                one(made(there, Some("[1]"))),
                "T0204: operation 2 (`painless`): it leaves no object in `ctx._source`",
            ),
            (
                one(made(there, None)),
                "T0204: operation 2 (`painless`): it leaves no object in `ctx._source`",
            ),
            (
                told(
                    Documents::One,
                    Scripted::Failed { script_index: None, reason: "null".to_owned() },
                ),
                "T0201: operation 2 (`painless`): null",
            ),
            (one(made(there, Some(&levels(128)))), &format!("1@r {}", levels(128))),
            (
                one(made(there, Some(&levels(129)))),
                "T0204: operation 2 (`painless`): what it leaves can't be read: not JSON at byte 640: nested deeper than 128 levels",
            ),
        ];
        for (shown, expected) in rows {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn where_there_may_be_any_a_script_moves_and_leaves_out() {
        let any = |made| told(Documents::Any, Scripted::Made(made));
        let there = (SENT, Some("1"), Some("r"));
        let wanted = |wanted| ScriptMade { wanted, ..made(there, None) };
        let rows = [
            (any(made(there, Some("{}"))), "1@r {}"),
            // Without an id the source's own.
            (any(made((SENT, None, None), Some("{}"))), "1 {}"),
            (any(made(("other", Some("2"), Some("s")), Some("{}"))), "other/2@s {}"),
            (any(wanted(Wanted::LeftOut)), ""),
            (
                any(wanted(Wanted::Unknown)),
                "T0202: operation 2 (`painless`): it sets `ctx.op` to something else than `index`, `noop` or `delete`",
            ),
            (
                any(made(("third", Some("1"), Some("r")), Some("{}"))),
                "T0406: operation 2 (`painless`): it is sent to `third`, which the step doesn't name; add the key of an index of the release to `to`",
            ),
            (
                any(made((SENT, Some(""), Some("r")), Some("{}"))),
                "T0404: operation 2 (`painless`): its id would be empty",
            ),
        ];
        for (shown, expected) in rows {
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_document_counts_as_a_whole() {
        let document = |id: &str| Made {
            index: None,
            id: id.to_owned(),
            routing: None,
            source: b"{}".to_vec(),
        };
        let passing = |ids: &[&str]| Passing {
            id: "1".to_owned(),
            routing: None,
            outcome: Ok(ids.iter().map(|id| document(id)).collect()),
        };
        let mut all =
            vec![passing(&["a", "b"]), passing(&[]), passing(&["c", "d", "e"]), passing(&["f"])];
        let (owners, made) = take_made(&mut all);
        assert_eq!(owners, [0, 0, 2, 2, 2, 3]);
        assert_eq!(made.len(), 6);
        let rejected = |index| Err(Rejection::of_script(RejectionCode::ScriptFailed, index, "no"));
        let outcomes = vec![
            Ok(vec![document("x"), document("y")]),
            Ok(Vec::new()),
            Ok(vec![document("z")]),
            rejected(Some(4)),
            rejected(Some(2)),
            Ok(vec![document("w")]),
        ];
        give_back(&mut all, &owners, outcomes);
        let told = |one: &Passing| match &one.outcome {
            Ok(made) => made.iter().map(|one| one.id.clone()).collect::<String>(),
            Err(rejection) => format!("{:?}", rejection.operation_index),
        };
        assert_eq!(all.iter().map(told).collect::<Vec<_>>(), ["xy", "", "Some(2)", "w"]);
    }
}

//! What came of the cases of a pack, as people and programs read it.

use lockstep_core::{
    compare::{FieldDifference, FieldDifferences},
    pack::cases::{AFTER, BACK, BACK_ERROR, BEFORE, Case},
    trial::{Back, Passage, Problem},
    version::Version,
};
use lockstep_elastic::Identity;
use serde::Serialize;
use serde_json::{Value, json};

use super::{BOLD, DIM, GREEN, RED, Text, YELLOW, quantity::counted, styled};

/// All cases that were tried, and where.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// The application.
    pub(crate) pack: &'a str,
    /// The engine whose mappings were asked.
    pub(crate) identity: &'a Identity,
    /// Whether that is the embedded cluster.
    pub(crate) pocket: bool,
    /// One for each case.
    pub(crate) reports: Vec<CaseReport<'a>>,
}

/// What came of one case.
#[derive(Debug)]
pub(crate) struct CaseReport<'a> {
    /// The case.
    pub(crate) case: &'a Case,
    /// In a word.
    pub(crate) state: State,
    /// What came of the way back.
    pub(crate) back: Back,
    /// What is not as the case says.
    pub(crate) problems: Vec<Problem>,
    /// Mappings that refused a document.
    pub(crate) refusals: Vec<MappingRefusal>,
    /// Why the engine takes a script of the step not at all, in its words.
    pub(crate) script_refusal: Option<String>,
    /// Files that were written, or removed where there is no content.
    pub(crate) updates: Vec<(&'static str, Option<String>)>,
}

/// What came of a case, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Everything is as it says.
    Passed,
    /// Its files were written.
    Updated,
    /// Something is not as it says.
    Failed,
    /// It needs an engine that runs scripts.
    NotRun,
    /// It was left out, as asked.
    LeftOut,
}

/// A document that a mapping refuses.
#[derive(Debug, Serialize)]
pub(crate) struct MappingRefusal {
    /// The file that the document belongs to.
    pub(crate) file: &'static str,
    /// The release of the mapping.
    pub(crate) release: Version,
    /// The index there.
    pub(crate) index: String,
    /// Whether even the index could not be made.
    pub(crate) is_index_refused: bool,
    /// Why, in the engine's words.
    pub(crate) reason: String,
}

impl<'a> CaseReport<'a> {
    /// A case that was not tried.
    pub(crate) fn not_tried(case: &'a Case, state: State) -> Self {
        let (problems, refusals, updates) = (Vec::new(), Vec::new(), Vec::new());
        let (back, script_refusal) = (Back::NotTried, None);
        Self { case, state, back, problems, refusals, script_refusal, updates }
    }
}

impl Report<'_> {
    /// How many cases came out in a way.
    pub(crate) fn count(&self, state: State) -> u64 {
        self.reports.iter().filter(|report| report.state == state).count() as u64
    }
}

/// As text: a line for each case, what is wrong below it, then a sum.
pub(crate) fn to_text(report: &Report<'_>) -> Text {
    let mut text = Text::default();
    for one in &report.reports {
        let (style, word) = match one.state {
            State::Passed => (GREEN, "ok"),
            State::Updated => (YELLOW, "updated"),
            State::Failed => (RED, "FAILED"),
            State::NotRun => (YELLOW, "not run"),
            State::LeftOut => (DIM, "left out"),
        };
        let case = one.case;
        let name = format!("{}/{}/{}", case.release, case.index, case.name);
        let word = styled(style, format_args!("{word:<8}"));
        text.line(format_args!("{word}  {}{}", styled(BOLD, name), remark(one)));
        if let Some(reason) = &one.script_refusal {
            let place = format!("{}/{BEFORE}", case.folder);
            text.line(format_args!("  {place}: the engine does not take a script of the step"));
            text.line(format_args!("    {reason}"));
        }
        for problem in &one.problems {
            add_problem(&mut text, case, problem);
        }
        for refusal in &one.refusals {
            add_refusal(&mut text, case, refusal);
        }
    }
    text.line("");
    text.line(sum(report));
    if report.count(State::Failed) > 0 {
        text.advice(
            "next",
            "mend the step or the case; `lockstep pack test --update` takes what came of it as right",
        );
    }
    if report.count(State::NotRun) > 0 {
        text.advice(
            "next",
            "scripts in Painless run in an engine only: --cluster URL names one, --without-painless leaves these cases out",
        );
    }
    text
}

fn remark(report: &CaseReport<'_>) -> String {
    match report.state {
        State::Failed if report.updates.is_empty() => String::new(),
        State::Failed | State::Updated => {
            let files = report.updates.iter().map(|(file, content)| match content {
                Some(_) => format!("{file} written"),
                None => format!("{file} removed"),
            });
            format!(": {}", files.collect::<Vec<_>>().join(", "))
        }
        State::NotRun | State::LeftOut => ": a script in Painless needs --cluster".to_owned(),
        State::Passed => match &report.back {
            Back::NotTried => ", rejected".to_owned(),
            Back::Same => ", and back".to_owned(),
            Back::Other(Passage::Rejected(_)) => ", rejected on the way back".to_owned(),
            Back::Other(Passage::Document(_) | Passage::Documents(_)) => {
                format!(", and back as {BACK} says")
            }
            Back::None { reason: _ } => ", no way back".to_owned(),
        },
    }
}

fn sum(report: &Report<'_>) -> String {
    let counts = [
        (State::Passed, "passed"),
        (State::Updated, "updated"),
        (State::Failed, "failed"),
        (State::NotRun, "not run"),
        (State::LeftOut, "left out"),
    ];
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(state, word)| (report.count(state), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let all = counted(report.reports.len() as u64, "case", "cases");
    let engine = report.identity.engine.as_str();
    let place = if report.pocket {
        "the embedded cluster".to_owned()
    } else {
        format!("{engine} {}", report.identity.version)
    };
    format!("{}: {all}, {}; mappings of {place}", report.pack, parts.join(", "))
}

fn add_problem(text: &mut Text, case: &Case, problem: &Problem) {
    let at = |file: &str| format!("{}/{file}", case.folder);
    match problem {
        Problem::Unwritten => text
            .line(format_args!("  {}: nothing says what is to become of the document", at(AFTER))),
        Problem::Differs { file, fields } => {
            text.line(format_args!("  {}: {}", at(file), differing(fields)));
            add_fields(text, fields);
        }
        Problem::Rejected { file, rejection } => {
            text.line(format_args!("  {}: the document was rejected instead", at(file)));
            text.line(format_args!("    {rejection}"));
        }
        Problem::Taken { file } => {
            text.line(format_args!("  {}: the document was not rejected", at(file)));
        }
        Problem::RejectedOtherwise { file, lines } => {
            text.line(format_args!("  {}: the document was rejected otherwise", at(file)));
            for line in lines {
                text.line(format_args!(
                    "    {}: expected {}, found {}",
                    line.line, line.expected, line.found
                ));
            }
        }
        Problem::BackDiffers { fields } => {
            text.line(format_args!(
                "  {}: the way back gives another document, and there is no {BACK}: {}",
                at(BEFORE),
                differing(fields)
            ));
            add_fields(text, fields);
        }
        Problem::BackRejected { rejection } => {
            text.line(format_args!(
                "  {}: the way back rejects the document, and there is no {BACK_ERROR}",
                at(BEFORE)
            ));
            text.line(format_args!("    {rejection}"));
        }
        Problem::NoWayBack { file, reason } => {
            text.line(format_args!("  {}: there is no way back: {reason}", at(file)));
        }
        Problem::Several { count } => text.line(format_args!(
            "  {}: {count} documents came back of it instead of one",
            at(BEFORE)
        )),
    }
}

fn differing(fields: &FieldDifferences) -> String {
    let count = fields.fields.len() as u64 + fields.more_count;
    counted(count, "field differs", "fields differ")
}

fn add_fields(text: &mut Text, fields: &FieldDifferences) {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    for FieldDifference { path, expected, found } in &fields.fields {
        let path = if path.is_empty() { "the document" } else { path };
        text.line(format_args!(
            "    {}: expected {}, found {}",
            styled(BOLD, path),
            shown(expected),
            shown(found)
        ));
    }
    if fields.more_count > 0 {
        text.line(format_args!("    and {}", counted(fields.more_count, "more", "more")));
    }
}

fn add_refusal(text: &mut Text, case: &Case, refusal: &MappingRefusal) {
    let MappingRefusal { file, release, index, is_index_refused, reason } = refusal;
    let what = match (*is_index_refused, *file) {
        (true, _) => "the engine makes no index with this mapping and these settings",
        (false, BEFORE) => "the mapping refuses the document, so the release before can't have it",
        (false, BACK) => "the mapping refuses what comes back",
        (false, _) => "the mapping refuses what the step makes of the document",
    };
    text.line(format_args!("  {}/{file}: `{index}` of {release}: {what}", case.folder));
    text.line(format_args!("    {reason}"));
}

/// As JSON.
pub(crate) fn to_json(report: &Report<'_>) -> Value {
    let cases: Vec<Value> = report.reports.iter().map(case_json).collect();
    json!({
        "pack": report.pack,
        "engine": {
            "name": report.identity.engine.as_str(),
            "version": report.identity.version,
            "embedded": report.pocket,
        },
        "passed": report.count(State::Passed),
        "updated": report.count(State::Updated),
        "failed": report.count(State::Failed),
        "not_run": report.count(State::NotRun),
        "left_out": report.count(State::LeftOut),
        "cases": cases,
    })
}

fn case_json(report: &CaseReport<'_>) -> Value {
    let CaseReport { case, state, back, problems, refusals, script_refusal, updates } = report;
    let (back, reason) = match back {
        Back::NotTried => ("not_tried", None),
        Back::None { reason } => ("none", Some(reason)),
        Back::Same => ("same", None),
        Back::Other(Passage::Rejected(_)) => ("rejected", None),
        Back::Other(Passage::Document(_) | Passage::Documents(_)) => ("other", None),
    };
    let of = |is_written: bool| -> Vec<&str> {
        let files = updates.iter().filter(|(_, content)| content.is_some() == is_written);
        files.map(|(file, _)| *file).collect()
    };
    json!({
        "release": case.release,
        "index": case.index,
        "case": case.name,
        "folder": case.folder,
        "outcome": state,
        "way_back": {"outcome": back, "reason": reason},
        "problems": problems,
        "mapping_refusals": refusals,
        "script_refusal": script_refusal,
        "written": of(true),
        "removed": of(false),
    })
}

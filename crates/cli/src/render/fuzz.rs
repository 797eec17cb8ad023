//! What came of documents that nobody thought of, as people and programs read it.

use lockstep_core::{compare::FieldDifference, pack::model::Pack, trial::Passage};
use lockstep_elastic::Identity;
use lockstep_engine::fuzz::{self, Finding, Subject, Trouble};
use serde_json::{Value, json};

use super::{BOLD, DIM, GREEN, RED, Text, YELLOW, quantity::counted, styled};

/// Bytes of a document that are shown.
const SHOWN_MAX: usize = 600;

/// All steps that were tried, and where.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// The pack.
    pub(crate) pack: &'a Pack,
    /// The engine whose mappings were asked.
    pub(crate) identity: &'a Identity,
    /// Whether that is the embedded cluster.
    pub(crate) pocket: bool,
    /// What the documents were drawn from.
    pub(crate) seed: u64,
    /// One for each step of an index.
    pub(crate) steps: Vec<StepReport<'a>>,
}

/// What came of the step of one index.
#[derive(Debug)]
pub(crate) struct StepReport<'a> {
    /// The step.
    pub(crate) subject: Subject<'a>,
    /// What came of it; `None` where its scripts can't run.
    pub(crate) outcome: Option<fuzz::Report>,
    /// Live documents that the profile was made of.
    pub(crate) sampled: Option<u64>,
    /// The case of each finding, where they are kept.
    pub(crate) written: Vec<Written>,
}

/// A case that keeps a finding.
#[derive(Debug)]
pub(crate) struct Written {
    /// Its folder in the pack.
    pub(crate) folder: String,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
}

impl StepReport<'_> {
    fn findings(&self) -> impl Iterator<Item = (&Finding, Option<&Written>)> {
        let findings = self.outcome.iter().flat_map(|outcome| &outcome.findings);
        findings.enumerate().map(|(position, finding)| (finding, self.written.get(position)))
    }

    fn failure_count(&self) -> u64 {
        self.findings().filter(|(finding, _)| finding.trouble.is_failure()).count() as u64
    }

    fn name(&self) -> String {
        let Subject { pack, position, index, from: _ } = self.subject;
        let version = pack.releases.get(position).map(|release| release.version.as_str());
        format!("{}/{index}", version.unwrap_or_default())
    }
}

impl Report<'_> {
    /// Kinds of failures.
    pub(crate) fn failure_count(&self) -> u64 {
        self.steps.iter().map(StepReport::failure_count).sum()
    }

    /// Steps whose scripts can't run.
    pub(crate) fn left_out_count(&self) -> u64 {
        self.steps.iter().filter(|step| step.outcome.is_none()).count() as u64
    }
}

/// As text: a line for each step, its findings below it, then a sum.
pub(crate) fn to_text(report: &Report<'_>) -> Text {
    let mut text = Text::default();
    for step in &report.steps {
        let (style, word) = match (&step.outcome, step.failure_count()) {
            (None, _) => (DIM, "left out"),
            (Some(_), 0) => (GREEN, "ok"),
            (Some(_), _) => (RED, "FAILED"),
        };
        let word = styled(style, format_args!("{word:<8}"));
        text.line(format_args!("{word}  {}: {}", styled(BOLD, step.name()), remark(step)));
        for (finding, written) in step.findings() {
            add_finding(&mut text, finding, written);
        }
    }
    text.line("");
    text.line(sum(report));
    if report.failure_count() > 0 {
        text.advice(
            "next",
            "mend the step or the mapping; --write keeps the documents as test cases",
        );
    }
    if report.left_out_count() > 0 {
        text.advice("next", "scripts in Painless run in an engine only: --cluster URL names one");
    }
    text
}

fn remark(step: &StepReport<'_>) -> String {
    let Some(outcome) = &step.outcome else {
        return "a script in Painless needs --cluster".to_owned();
    };
    let tried = (outcome.drawn_count - outcome.impossible_count) as u64;
    let tried = counted(tried, "document", "documents");
    let impossible = match outcome.impossible_count {
        0 => String::new(),
        count => format!(", {count} more that the old mapping refuses"),
    };
    let like = step.sampled.map(|count| counted(count, "live one", "live ones"));
    let like = like.map(|ones| format!("; drawn like {ones}")).unwrap_or_default();
    format!("{tried}{impossible}{like}")
}

fn sum(report: &Report<'_>) -> String {
    let place = if report.pocket {
        "the embedded cluster".to_owned()
    } else {
        format!("{} {}", report.identity.engine.as_str(), report.identity.version)
    };
    let steps = counted(report.steps.len() as u64, "step", "steps");
    let failures = counted(report.failure_count(), "kind of failure", "kinds of failures");
    format!("{}: {steps}, {failures}; seed {}, mappings of {place}", report.pack.name, report.seed)
}

fn add_finding(text: &mut Text, finding: &Finding, written: Option<&Written>) {
    let Finding { trouble, count, document, outcome } = finding;
    let (style, word) = if trouble.is_failure() { (RED, "failure") } else { (YELLOW, "rejected") };
    let times = counted(*count as u64, "time", "times");
    text.line(format_args!("  {}, {times}: {}", styled(style, word), told(trouble)));
    for line in details(trouble) {
        text.line(format_args!("    {line}"));
    }
    text.line(format_args!("    of {}", shown(document)));
    if let (true, Passage::Document(made)) = (trouble.is_failure(), &outcome.up) {
        text.line(format_args!("    it makes {}", shown(&String::from_utf8_lossy(made))));
    }
    match written {
        Some(Written { folder, is_new: true }) => text.line(format_args!("    kept in {folder}")),
        Some(Written { folder, is_new: false }) => {
            text.line(format_args!("    not kept: {folder} is there already"));
        }
        None => {}
    }
}

fn told(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Rejected(rejection) => rejection.to_string(),
        Trouble::Panicked => "a defect of Lockstep; please report it with this document".to_owned(),
        Trouble::Unreadable => "what the step makes of it is no document".to_owned(),
        Trouble::Refused { sent_to: None, reason } => {
            format!("the new mapping refuses what the step makes of it: {reason}")
        }
        Trouble::Refused { sent_to: Some(index), reason } => {
            format!("the mapping of `{index}` refuses what the step sends there: {reason}")
        }
        Trouble::UnknownRefused { sent_to: None, reason } => format!(
            "a field that the old mapping doesn't name, and that the new one refuses: {reason}"
        ),
        Trouble::UnknownRefused { sent_to: Some(index), reason } => format!(
            "a field that the old mapping doesn't name, and that the one of `{index}` refuses, where the step sends it: {reason}"
        ),
        Trouble::BackRejected(rejection) => format!("the way back rejects it: {rejection}"),
        Trouble::BackDiffers(_) => "the way back is derived and gives another document".to_owned(),
        Trouble::BackRefused { reason } => {
            format!("the old mapping refuses what comes back: {reason}")
        }
        Trouble::NoIndex { reason } => {
            format!("the engine makes no index with a mapping of the pack: {reason}")
        }
    }
}

fn details(trouble: &Trouble) -> Vec<String> {
    let Trouble::BackDiffers(differences) = trouble else { return Vec::new() };
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let line = |field: &FieldDifference| {
        format!(
            "{}: was {}, comes back as {}",
            field.path,
            value(&field.expected),
            value(&field.found)
        )
    };
    differences.fields.iter().map(line).collect()
}

fn shown(document: &str) -> String {
    if document.len() <= SHOWN_MAX {
        return document.to_owned();
    }
    let cut = document.floor_char_boundary(SHOWN_MAX);
    format!("{}… ({} bytes)", document.get(..cut).unwrap_or_default(), document.len())
}

/// As JSON.
pub(crate) fn to_json(report: &Report<'_>) -> Value {
    let steps: Vec<Value> = report.steps.iter().map(step_json).collect();
    json!({
        "pack": report.pack.name,
        "engine": {
            "name": report.identity.engine.as_str(),
            "version": report.identity.version,
            "embedded": report.pocket,
        },
        "seed": report.seed,
        "failures": report.failure_count(),
        "left_out": report.left_out_count(),
        "steps": steps,
    })
}

fn step_json(step: &StepReport<'_>) -> Value {
    let findings: Vec<Value> = step.findings().map(finding_json).collect();
    json!({
        "step": step.name(),
        "is_left_out": step.outcome.is_none(),
        "drawn": step.outcome.as_ref().map(|outcome| outcome.drawn_count),
        "refused_by_the_old_mapping": step.outcome.as_ref().map(|outcome| outcome.impossible_count),
        "sampled": step.sampled,
        "findings": findings,
    })
}

fn finding_json((finding, written): (&Finding, Option<&Written>)) -> Value {
    let Finding { trouble, count, document, outcome } = finding;
    let made = match &outcome.up {
        Passage::Document(made) => Some(String::from_utf8_lossy(made).into_owned()),
        Passage::Rejected(_) | Passage::Documents(_) => None,
    };
    json!({
        "is_failure": trouble.is_failure(),
        "what": told(trouble),
        "details": details(trouble),
        "count": count,
        "document": document,
        "made": made,
        "case": written.map(|written| &written.folder),
        "is_kept": written.is_some_and(|written| written.is_new),
    })
}

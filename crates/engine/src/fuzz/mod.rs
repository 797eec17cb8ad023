//! Takes documents that nobody thought of through a step and back, and keeps a small one of each kind of trouble.
//!
//! Drawing and making smaller is `lockstep_core::fuzz`. Nothing is written but into throw-away indices ([`crate::fitting`]).

mod on_the_way;

use std::collections::BTreeMap;

use lockstep_core::{
    compare::FieldDifferences,
    fuzz::{Dice, Json, Shape, document, smaller},
    pack::{
        cases::Case,
        model::{Down, IndexStep, LogicalIndex, Pack},
    },
    plan::model::WayBack,
    transform::{Document, Made, Rejection, RejectionCode, operation::Operation},
    trial::{Outcome, Passage, needs_scripts, up_operations, way_back},
};
use lockstep_elastic::Cluster;
use tokio_util::sync::CancellationToken;

use self::on_the_way::{Trial, open};
use crate::{
    error::EngineError,
    fitting::{Fit, Fitter},
    jq::JqHosts,
    trial::take,
};

/// Documents that are tried together; between two such a stop is looked for.
const TOGETHER: usize = 100;
/// Times that a document is made smaller: more than any drawn one needs.
const ROUNDS_MAX: usize = 60;

/// A step of one index.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The pack.
    pub pack: &'a Pack,
    /// Position of the release that the step leads to, at least 1.
    pub position: usize,
    /// Key of the index there.
    pub index: &'a str,
    /// Key of the index that its documents come from.
    pub from: &'a str,
}

/// Where documents are taken through and mappings are asked.
#[derive(Debug)]
pub struct Fuzzer {
    /// The cluster that runs scripts.
    pub cluster: Cluster,
    /// What runs programs in jq.
    pub jq: JqHosts,
    /// The same cluster, which is asked about mappings.
    pub fitter: Fitter,
}

/// What became of all documents of a step.
#[derive(Debug, Default)]
pub struct Report {
    /// Documents that were drawn.
    pub drawn_count: usize,
    /// Those of them that the old mapping doesn't take: no document of the release before looks like that.
    pub impossible_count: usize,
    /// Rejections by the step, which are told and no failure, and failures; each kind once.
    pub findings: Vec<Finding>,
}

/// A kind of trouble.
#[derive(Debug)]
pub struct Finding {
    /// What it is, of the small document.
    pub trouble: Trouble,
    /// How many of the drawn documents showed it.
    pub count: usize,
    /// A small document that shows it.
    pub document: String,
    /// What became of that document.
    pub outcome: Outcome,
}

/// What may become of a document besides coming out well.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The step rejects it. An upgrade sets it aside and goes on, so this is no failure.
    Rejected(Rejection),
    /// A defect of Lockstep.
    Panicked,
    /// What the step makes of it is no document.
    Unreadable,
    /// The new mapping refuses what the step makes of it.
    Refused {
        /// Key of the other index whose mapping it is, where the document was sent there.
        sent_to: Option<String>,
        /// Why, in the engine's words.
        reason: String,
    },
    /// The same of a document with a field that the old mapping doesn't name. Whether there are such documents only a look at
    /// live ones tells, so this is no failure.
    UnknownRefused {
        /// Key of the other index whose mapping it is, where the document was sent there.
        sent_to: Option<String>,
        /// Why, in the engine's words.
        reason: String,
    },
    /// The way back rejects what was made of it.
    BackRejected(Rejection),
    /// A derived way back makes another document.
    BackDiffers(FieldDifferences),
    /// The old mapping refuses what comes back.
    BackRefused {
        /// Why, in the engine's words.
        reason: String,
    },
    /// An engine makes no index with the old or the new mapping.
    NoIndex {
        /// Why, in the engine's words.
        reason: String,
    },
}

/// What tells kinds of trouble apart.
type Kind = (u8, Option<RejectionCode>, Option<usize>, Option<String>);

impl Trouble {
    /// Whether somebody has to mend the step.
    pub fn is_failure(&self) -> bool {
        !matches!(self, Self::Rejected(_) | Self::UnknownRefused { .. })
    }

    fn kind(&self) -> Kind {
        let of = |number, rejection: &Rejection| {
            (number, Some(rejection.code), rejection.operation_index, rejection.field.clone())
        };
        match self {
            Self::Rejected(rejection) => of(0, rejection),
            Self::Panicked => (1, None, None, None),
            Self::Unreadable => (2, None, None, None),
            Self::Refused { sent_to, reason: _ } => (3, None, None, sent_to.clone()),
            Self::BackRejected(rejection) => of(4, rejection),
            Self::BackDiffers(_) => (5, None, None, None),
            Self::BackRefused { reason: _ } => (6, None, None, None),
            Self::NoIndex { reason: _ } => (7, None, None, None),
            Self::UnknownRefused { sent_to, reason: _ } => (8, None, None, sent_to.clone()),
        }
    }
}

/// What became of one document.
#[derive(Debug)]
enum Verdict {
    Impossible,
    Fine,
    Trouble(Box<(Trouble, Outcome)>),
}

impl<'a> Subject<'a> {
    /// Every step of a pack that changes documents, in order.
    pub fn all(pack: &'a Pack) -> Vec<Self> {
        let mut subjects = Vec::new();
        for (position, release) in pack.releases.iter().enumerate() {
            for (index, step) in release.step.iter().flat_map(|step| &step.indices) {
                if let IndexStep::Migrate { from, partition: _, operations: _, down: _ } = step {
                    let of = |from| Self { pack, position, index, from };
                    subjects.extend(from.iter().map(|from| of(from)));
                }
            }
        }
        subjects
    }

    /// Whether scripts take part, which run in an engine only.
    pub fn needs_scripts(&self) -> bool {
        needs_scripts(self.pack, &self.case(""))
    }

    /// The index that documents come from, as the release before has it.
    pub fn old(&self) -> Option<&'a LogicalIndex> {
        self.pack.releases.get(self.position.checked_sub(1)?)?.indices.get(self.from)
    }

    fn newer(&self, index: &str) -> Option<&'a LogicalIndex> {
        self.pack.releases.get(self.position)?.indices.get(index)
    }

    /// A test case of this step with a document.
    pub fn case(&self, before: &str) -> Case {
        let release = self.pack.releases.get(self.position).map(|release| release.version.clone());
        Case {
            release: release.expect("a subject is made of a release of its pack"),
            position: self.position,
            index: self.index.to_owned(),
            from: self.from.to_owned(),
            name: "fuzz".to_owned(),
            folder: String::new(),
            before: before.to_owned(),
            expected: None,
            back: None,
        }
    }

    /// Names of fields that a document of a loose mapping may have as well, and that are worth trying.
    pub fn names(&self) -> Vec<String> {
        let mut names = vec!["lockstep_unknown".to_owned()];
        let properties = self.newer(self.index).and_then(|index| index.mapping.get("properties"));
        names.extend(
            properties
                .and_then(serde_json::Value::as_object)
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone()),
        );
        names
    }

    fn is_back_derived(&self) -> bool {
        let release = self.pack.releases.get(self.position);
        let step = release.and_then(|release| release.step.as_ref()?.indices.get(self.index));
        matches!(step, Some(IndexStep::Migrate { down: Down::Unwritten, .. }))
    }
}

impl Fuzzer {
    /// Draws documents of a shape and tries them.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when it should stop; [`EngineError::Cluster`] when a mapping can't be asked or a script
    /// can't be run, with status 400 when one doesn't compile.
    pub async fn run(
        &self,
        subject: Subject<'_>,
        shape: &Shape,
        (case_count, seed): (usize, u64),
        stop: &CancellationToken,
    ) -> Result<Report, EngineError> {
        let mut dice = Dice::new(seed);
        let mut report = Report::default();
        let mut kinds: BTreeMap<Kind, (Json, Trouble, Outcome, usize)> = BTreeMap::new();
        while report.drawn_count < case_count {
            if stop.is_cancelled() {
                return Err(EngineError::Interrupted);
            }
            let count = TOGETHER.min(case_count - report.drawn_count);
            let drawn: Vec<Json> = (0..count).map(|_| document(shape, &mut dice)).collect();
            report.drawn_count += count;
            let verdicts = self.judged((subject, shape), &drawn).await?;
            for (document, verdict) in drawn.iter().zip(verdicts) {
                match verdict {
                    Verdict::Impossible => report.impossible_count += 1,
                    Verdict::Fine => {}
                    Verdict::Trouble(found) => {
                        let (trouble, outcome) = *found;
                        kinds
                            .entry(trouble.kind())
                            .and_modify(|(_, _, _, count)| *count += 1)
                            .or_insert_with(|| (document.clone(), trouble, outcome, 1));
                    }
                }
            }
        }
        for (document, trouble, outcome, count) in kinds.into_values() {
            let found = (document, trouble, outcome);
            let (document, trouble, outcome) = self.shrunk((subject, shape), found, stop).await?;
            let document = document.to_string();
            report.findings.push(Finding { trouble, count, document, outcome });
        }
        Ok(report)
    }

    /// Makes a document smaller as long as it shows trouble of the same kind.
    async fn shrunk(
        &self,
        of: (Subject<'_>, &Shape),
        mut best: (Json, Trouble, Outcome),
        stop: &CancellationToken,
    ) -> Result<(Json, Trouble, Outcome), EngineError> {
        let kind = best.1.kind();
        for _round in 0..ROUNDS_MAX {
            let mut better = None;
            for some in smaller(&best.0).chunks(TOGETHER) {
                if stop.is_cancelled() {
                    return Err(EngineError::Interrupted);
                }
                let verdicts = self.judged(of, some).await?.into_iter();
                better = some.iter().zip(verdicts).find_map(|(document, verdict)| match verdict {
                    Verdict::Trouble(found) if found.0.kind() == kind => {
                        Some((document.clone(), found.0, found.1))
                    }
                    Verdict::Trouble(_) | Verdict::Fine | Verdict::Impossible => None,
                });
                if better.is_some() {
                    break;
                }
            }
            let Some(better) = better else { break };
            best = better;
        }
        Ok(best)
    }

    async fn judged(
        &self,
        (subject, shape): (Subject<'_>, &Shape),
        documents: &[Json],
    ) -> Result<Vec<Verdict>, EngineError> {
        let Some(old) = subject.old() else {
            return Err(EngineError::Bug(format!("no step leads to `{}`", subject.index)));
        };
        let mut trials: Vec<Trial> =
            documents.iter().map(|document| Trial::new(document, shape)).collect();
        let before = |trial: &Trial| Some(trial.before.clone().into_bytes());
        for (trial, fit) in self.fits(subject, (old, &mut trials), before).await? {
            trial.verdict = match fit {
                Fit::Taken => None,
                Fit::Refused { reason: _ } => Some(Verdict::Impossible),
                Fit::NoIndex { reason } => Some(trial.trouble(Trouble::NoIndex { reason })),
            };
        }
        let case = subject.case("");
        let operations = up_operations(subject.pack, &case);
        for (trial, passage) in self.passages(subject, (operations, &mut trials), before).await? {
            trial.go_up(passage);
        }
        let up = |trial: &Trial| trial.up_document().map(<[u8]>::to_vec);
        self.ask_new(subject, &mut trials).await?;
        if let WayBack::Program { operations } = way_back(subject.pack, &case) {
            for (trial, passage) in self.passages(subject, (operations, &mut trials), up).await? {
                trial.come_back(passage, &subject);
            }
            let back = |trial: &Trial| trial.back_document().map(<[u8]>::to_vec);
            for (trial, fit) in self.fits(subject, (old, &mut trials), back).await? {
                match fit {
                    Fit::Taken => {}
                    Fit::Refused { reason } | Fit::NoIndex { reason } => {
                        trial.ends(Trouble::BackRefused { reason });
                    }
                }
            }
        }
        Ok(trials.into_iter().map(|trial| trial.verdict.unwrap_or(Verdict::Fine)).collect())
    }

    /// Asks about everything that was made of the trials that are still open, each document of the mapping of its own index.
    async fn ask_new(&self, subject: Subject<'_>, trials: &mut [Trial]) -> Result<(), EngineError> {
        // With the positions of the trials that they were made of.
        let mut by_index: BTreeMap<&str, (Vec<usize>, Vec<&[u8]>)> = BTreeMap::new();
        let open = trials.iter().enumerate().filter(|(_, trial)| trial.verdict.is_none());
        for (position, (sent_to, document)) in
            open.flat_map(|(position, trial)| trial.made().map(move |made| (position, made)))
        {
            let (owners, documents) = by_index.entry(sent_to.unwrap_or(subject.index)).or_default();
            owners.push(position);
            documents.push(document);
        }
        let mut refused = Vec::new();
        for (index, (owners, documents)) in by_index {
            let Some(logical) = subject.newer(index) else {
                return Err(EngineError::Bug(format!("the release has no index `{index}`")));
            };
            let fits = self.fitter.fit_each(subject.pack, logical, &documents).await?;
            let sent_to = (index != subject.index).then(|| index.to_owned());
            refused.extend(
                owners.into_iter().zip(fits).map(|(owner, fit)| (owner, sent_to.clone(), fit)),
            );
        }
        for (owner, sent_to, fit) in refused {
            // The first of several says enough.
            let open = trials.get_mut(owner).filter(|trial| trial.verdict.is_none());
            let Some(trial) = open else { continue };
            match fit {
                Fit::Taken => {}
                Fit::Refused { reason } if trial.is_known => {
                    trial.ends(Trouble::Refused { sent_to, reason });
                }
                Fit::Refused { reason } => trial.ends(Trouble::UnknownRefused { sent_to, reason }),
                Fit::NoIndex { reason } => trial.ends(Trouble::NoIndex { reason }),
            }
        }
        Ok(())
    }

    /// Asks a mapping about a document of each trial that is still open and has one.
    async fn fits<'t>(
        &self,
        subject: Subject<'_>,
        (logical, trials): (&LogicalIndex, &'t mut [Trial]),
        document: impl Fn(&Trial) -> Option<Vec<u8>>,
    ) -> Result<Vec<(&'t mut Trial, Fit)>, EngineError> {
        let (open, documents) = open(trials, document);
        let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
        let fits = self.fitter.fit_each(subject.pack, logical, &documents).await?;
        Ok(open.into_iter().zip(fits).collect())
    }

    /// Takes a document of each trial that is still open and has one through operations; `None` for one that no operation
    /// may be done to without a panic.
    async fn passages<'t>(
        &self,
        subject: Subject<'_>,
        (operations, trials): (Vec<Operation>, &'t mut [Trial]),
        document: impl Fn(&Trial) -> Option<Vec<u8>>,
    ) -> Result<Vec<(&'t mut Trial, Option<Passage>)>, EngineError> {
        let (open, documents) = open(trials, document);
        let documents: Vec<Document<'_>> = documents
            .iter()
            .map(|source| Document { index: None, id: "fuzz", routing: None, source })
            .collect();
        let mut passages = Vec::with_capacity(documents.len());
        match take((&self.cluster, &self.jq), operations.clone(), (subject.from, &documents)).await
        {
            Ok(taken) => passages.extend(
                taken
                    .into_iter()
                    .zip(&documents)
                    .map(|(one, document)| Some(passage((subject.from, *document), one))),
            ),
            // Something panicked: each one apart, to find out on which document.
            Err(EngineError::Bug(_)) => {
                for document in documents {
                    let taken = take(
                        (&self.cluster, &self.jq),
                        operations.clone(),
                        (subject.from, &[document]),
                    )
                    .await;
                    passages.push(match taken {
                        Ok(mut taken) => {
                            taken.pop().map(|one| passage((subject.from, document), one))
                        }
                        Err(EngineError::Bug(_)) => None,
                        Err(error) => return Err(error),
                    });
                }
            }
            Err(error) => return Err(error),
        }
        Ok(open.into_iter().zip(passages).collect())
    }
}

fn passage(place: (&str, Document<'_>), taken: Result<Vec<Made>, Rejection>) -> Passage {
    taken.map_or_else(Passage::Rejected, |made| Passage::of(place, made))
}

//! One side of a comparison: the live set through the steps, or the new set as it is.

use std::{collections::BTreeMap, sync::Arc};

use lockstep_core::{
    compare::{
        BucketedDigest, EntryHashes, bucket_of, document_hash, entry_hash, fields_differing,
    },
    run::task::Stretch,
    transform::{Document, Workspace},
};
use lockstep_elastic::{Cluster, Hit, Page};

use super::{
    CopyPair, Course,
    quarantine::Withheld,
    steps::Steps,
    window::{WindowReader, WindowWidth},
};
use crate::error::EngineError;

/// Fields of one document that are named.
const FIELDS_NAMED: usize = 5;

/// Which side.
#[derive(Debug, Clone)]
pub(super) enum Side {
    /// What the new set should hold: an index of the live set through a program.
    Expected {
        /// The index of the live set.
        index: String,
        /// What the steps do.
        course: Arc<Course>,
        /// What is read of each document.
        depth: Depth,
        /// What is left out.
        withheld: Withheld,
    },
    /// What the new set holds.
    Found {
        /// The index of the new set.
        index: String,
        /// What is read of each document.
        depth: Depth,
        /// What is left out: on the way back, what was discarded and is in the old set only.
        withheld: Withheld,
    },
}

/// What is compared of each document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Id, routing and content.
    Contents,
    /// Id and routing: enough to find what was deleted, and several times as fast.
    Identities,
}

impl Side {
    pub(super) fn index(&self) -> &str {
        match self {
            Self::Expected { index, .. } | Self::Found { index, .. } => index,
        }
    }

    pub(super) fn depth(&self) -> Depth {
        match self {
            Self::Expected { depth, .. } | Self::Found { depth, .. } => *depth,
        }
    }

    fn withheld(&self) -> Withheld {
        match self {
            Self::Expected { withheld, .. } | Self::Found { withheld, .. } => withheld.clone(),
        }
    }

    /// How the documents of a page of this side get to be what is compared. Steps change neither ids nor routing, and drop no
    /// document, so that those who compare no more than that need none.
    async fn steps(&self, cluster: &Cluster, page: &Page) -> Result<Steps, EngineError> {
        match (self, self.depth()) {
            (Self::Expected { course, index, .. }, Depth::Contents) => {
                Steps::of(cluster, course, (index, page)).await
            }
            (Self::Expected { .. }, Depth::Identities) | (Self::Found { .. }, _) => {
                Ok(Steps::Skipped)
            }
        }
    }
}

/// The digest of one window.
#[derive(Debug)]
pub(super) struct DigestPart {
    pub(super) digest: BucketedDigest,
    pub(super) documents: u64,
    pub(super) bytes: u64,
}

/// Reads a range of one side, window by window.
#[derive(Debug)]
pub(super) struct SideReader<'a> {
    cluster: &'a Cluster,
    windows: WindowReader<'a>,
    side: &'a Side,
}

impl<'a> SideReader<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        side: &'a Side,
        range: Stretch,
        width: WindowWidth,
    ) -> Self {
        let place = (side.index(), range.shard);
        let windows = WindowReader::new(cluster, place, (range.first, range.last), width);
        Self { cluster, windows: windows.at_depth(side.depth()), side }
    }

    /// The digest of the next window; `None` at the end.
    pub(super) async fn next_digest(&mut self) -> Result<Option<DigestPart>, EngineError> {
        let Some((page, _)) = self.windows.next().await? else { return Ok(None) };
        let (steps, depth) = (self.side.steps(self.cluster, &page).await?, self.side.depth());
        let (index, withheld) = (self.side.index().to_owned(), self.side.withheld());
        let work = move || {
            let mut part = DigestPart {
                digest: BucketedDigest::new(),
                documents: page.len() as u64,
                bytes: page.hits().map(|hit| hit.source.len() as u64).sum(),
            };
            let what = (&steps, depth, &withheld);
            each_entry(&page, what, &index, &mut |id, hash| {
                part.digest.add(id, hash);
            })?;
            Ok(part)
        };
        finish(tokio::task::spawn_blocking(work).await).map(Some)
    }

    /// The entries of the next window that fall into these buckets; `None` at the end.
    pub(super) async fn next_entries(
        &mut self,
        buckets: &[u16],
    ) -> Result<Option<EntryHashes>, EngineError> {
        let Some((page, _)) = self.windows.next().await? else { return Ok(None) };
        let (steps, depth) = (self.side.steps(self.cluster, &page).await?, self.side.depth());
        let (index, withheld) = (self.side.index().to_owned(), self.side.withheld());
        let buckets = buckets.to_vec();
        let work = move || {
            let mut entries = EntryHashes::new();
            let what = (&steps, depth, &withheld);
            each_entry(&page, what, &index, &mut |id, hash| {
                if buckets.binary_search(&bucket_of(id)).is_ok() {
                    entries.add(id, hash);
                }
            })?;
            Ok(entries)
        };
        finish(tokio::task::spawn_blocking(work).await).map(Some)
    }
}

fn finish<T>(
    joined: Result<Result<T, EngineError>, tokio::task::JoinError>,
) -> Result<T, EngineError> {
    joined.map_err(|error| EngineError::Bug(error.to_string()))?
}

/// Stands for the content of a document that the steps reject and that isn't in quarantine yet: nothing in the new set is
/// like it, so it is looked at, carried, and set aside.
const REJECTED: u128 = u128::MAX;

/// The hash of the entry of a document that the steps reject.
pub(super) fn rejected_hash(hit: &Hit<'_>) -> u128 {
    entry_hash(&hit.id, hit.routing.as_deref(), REJECTED)
}

/// Hands id and hash of every document that a page gives, as the steps make it.
fn each_entry(
    page: &Page,
    (steps, depth, withheld): (&Steps, Depth, &Withheld),
    index: &str,
    take: &mut dyn FnMut(&str, u128),
) -> Result<(), EngineError> {
    let mut workspace = Workspace::default();
    for (position, hit) in page.hits().enumerate() {
        if withheld.has(&hit) {
            continue;
        }
        if depth == Depth::Identities {
            take(&hit.id, entry_hash(&hit.id, hit.routing.as_deref(), 0));
            continue;
        }
        let is_taken = for_documents((position, &hit), steps, &mut workspace, &mut |made| {
            let hash = document_hash(made.source)
                .map_err(|error| unreadable(index, made.id, &error.to_string()))?;
            take(made.id, entry_hash(made.id, made.routing, hash));
            Ok(())
        })?;
        if !is_taken {
            take(&hit.id, rejected_hash(&hit));
        }
    }
    Ok(())
}

/// Hands every document that a hit becomes; with it comes its place in the page. `false` when a step rejects it; then nothing was handed.
pub(super) fn for_documents(
    hit: (usize, &Hit<'_>),
    steps: &Steps,
    workspace: &mut Workspace,
    take: &mut dyn FnMut(Document<'_>) -> Result<(), EngineError>,
) -> Result<bool, EngineError> {
    let mut outcome = Ok(());
    let applied = steps.take(hit, workspace, &mut |made| {
        if outcome.is_ok() {
            outcome = take(made);
        }
    });
    outcome.map(|()| applied.is_ok())
}

/// A document that the engine keeps and that is no JSON text, or nested too deeply, to those who compare it.
pub(super) fn unreadable(index: &str, id: &str, reason: &str) -> EngineError {
    EngineError::Halted(Box::new(super::problem(
        "R0402",
        format!("document `{id}` of `{index}` can't be compared: {reason}"),
        "mend this document, then run the same command again",
    )))
}

/// Tells field by field how documents differ from what the steps make of the live ones.
pub(super) async fn explain(
    cluster: &Cluster,
    pair: &CopyPair,
    ids: &[&String],
) -> Result<BTreeMap<String, String>, EngineError> {
    let mut reasons = BTreeMap::new();
    if ids.is_empty() {
        return Ok(reasons);
    }
    let found: BTreeMap<String, Vec<u8>> = cluster
        .documents(&pair.target, ids)
        .await?
        .hits()
        .map(|hit| (hit.id.clone().into_owned(), hit.source.to_vec()))
        .collect();
    let mut workspace = Workspace::default();
    let page = cluster.documents(&pair.source.index, ids).await?;
    let steps = Steps::of(cluster, &pair.course, (&pair.source.index, &page)).await?;
    for hit in page.hits().enumerate() {
        let hit = (hit.0, &hit.1);
        // One that a step rejects has nothing to be told field by field.
        let _is_taken = for_documents(hit, &steps, &mut workspace, &mut |made| {
            let Some(found) = found.get(made.id) else { return Ok(()) };
            let Ok(differences) = fields_differing(made.source, found, FIELDS_NAMED) else {
                return Ok(());
            };
            let fields: Vec<String> = differences
                .fields
                .iter()
                .map(|field| {
                    let show = |value: &Option<String>| {
                        value.clone().unwrap_or_else(|| "nothing".to_owned())
                    };
                    format!(
                        "`{}` should be {} and is {}",
                        field.path,
                        show(&field.expected),
                        show(&field.found)
                    )
                })
                .collect();
            let text =
                if fields.is_empty() { "differs in routing".to_owned() } else { fields.join("; ") };
            reasons.insert(made.id.to_owned(), text);
            Ok(())
        })?;
    }
    Ok(reasons)
}

//! What a rehearsal tells: gathered before it is removed.

use std::collections::BTreeMap;

use lockstep_core::{
    inventory::Inventory,
    plan::{
        finding::{Finding, Severity},
        model::{Plan, Strategy},
    },
    rehearsal::{
        cause::Group,
        forecast::{FenceMeasure, Forecast, IndexMeasure, NodeRoom, forecast},
    },
    run::{state::Problem, task::Tally},
};
use lockstep_elastic::Cluster;
use serde::Serialize;

use super::RehearsalWish;
use crate::{drive::Drive, error::EngineError, stage::StageContext, status::status};

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RehearsalReport {
    /// The application.
    pub application: String,
    /// From which version.
    pub from: String,
    /// To which version.
    pub to: String,
    /// The rehearsal's id, which was part of the names of its indices.
    pub run: String,
    /// Documents of each index that were aimed at; nothing where all were taken.
    pub sample: Option<u64>,
    /// Tenants.
    pub tenants: u64,
    /// Indices of the new set.
    pub indices: u64,
    /// Documents of the live set when it began.
    pub documents: u64,
    /// Documents that were copied, and their bytes.
    pub copied: Tally,
    /// Documents that the application wrote meanwhile, carried over.
    pub followed: u64,
    /// Documents that both sets had in common; nothing where it didn't come to a comparison.
    pub verified: Option<u64>,
    /// Documents that a comparison put right although they had been carried over.
    pub repaired: u64,
    /// Documents that a step or the new mapping rejected.
    pub rejected: u64,
    /// The same by cause, the most frequent one first.
    pub causes: Vec<Group>,
    /// Documents that an upgrade sets aside at the most.
    pub quarantine_max: u64,
    /// What an upgrade would have halted for; it ended there.
    pub problem: Option<Problem>,
    /// What an upgrade will need; nothing where it didn't come to the fence.
    pub forecast: Option<Forecast>,
    /// How long writes would be blocked; nothing where it didn't come to that.
    pub fence: Option<FenceMeasure>,
    /// How long they may be, in milliseconds.
    pub fence_ms_max: u64,
    /// What the plan warns of.
    pub warnings: Vec<Finding>,
}

impl RehearsalReport {
    /// Whether the upgrade has nothing to wait for: it was gone through, no document was rejected, and the fence was short
    /// enough.
    pub fn is_ready(&self) -> bool {
        self.problem.is_none()
            && self.rejected == 0
            && self.fence.is_some_and(|fence| fence.total_ms() <= self.fence_ms_max)
    }
}

/// Gathers what was measured and found. The plan is the upgrade's.
pub(super) async fn gather(
    drive: &Drive,
    (plan, inventory, wish): (&Plan, &Inventory, &RehearsalWish),
    problem: Option<Problem>,
) -> Result<RehearsalReport, EngineError> {
    let context = &drive.context;
    let journalled = status(&context.cluster, &context.plan.application).await?.run;
    let (followed, verdict) =
        journalled.map(|run| (run.followed.unwrap_or_default(), run.verdict)).unwrap_or_default();
    let mut causes = context.quarantine.causes();
    if wish.shows_documents {
        show_documents(&context.cluster, &mut causes).await?;
    }
    let mut copied = Tally::default();
    for one in context.measures.all_copied().values() {
        copied.add(one.tally);
    }
    let fence = context.measures.fence();
    // Of an upgrade that halts, nobody can say how long it takes.
    let forecast = fence
        .map(|_| forecast(&measured(context, plan), &context.measures.times(), &rooms(inventory)));
    Ok(RehearsalReport {
        application: plan.application.clone(),
        from: plan.from.to_string(),
        to: plan.to.to_string(),
        run: context.run.clone(),
        sample: wish.sample,
        tenants: plan.tenants.len() as u64,
        indices: plan.targets().count() as u64,
        documents: plan.document_count(),
        copied,
        followed: followed.carried.read,
        verified: verdict.map(|verdict| verdict.documents),
        repaired: followed.repaired,
        rejected: causes.iter().map(|group| group.document_count).sum(),
        causes,
        quarantine_max: u64::from(plan.limits.quarantine_max),
        problem,
        forecast,
        fence,
        fence_ms_max: plan.limits.fence_ms_max,
        warnings: warnings(plan),
    })
}

fn warnings(plan: &Plan) -> Vec<Finding> {
    plan.findings.iter().filter(|finding| finding.severity == Severity::Warn).cloned().collect()
}

/// What was measured of every index that was copied.
fn measured(context: &StageContext, plan: &Plan) -> Vec<IndexMeasure> {
    let (copied, sizes) = (context.measures.all_copied(), context.measures.targets());
    let both = plan.indices.iter().zip(&context.plan.indices).enumerate();
    both.filter_map(|(position, (planned, rehearsed))| {
        let Strategy::Copy { source, target, clone, program: _, delivery: _ } = &planned.strategy
        else {
            return None;
        };
        let Strategy::Copy { target: thrown_away, .. } = &rehearsed.strategy else { return None };
        let done = copied.get(&position).copied().unwrap_or_default();
        let size = sizes.get(&thrown_away.index).copied().unwrap_or_default();
        Some(IndexMeasure {
            logical: planned.logical.clone(),
            documents: source.documents,
            taken: done.tally.read,
            bytes: done.tally.bytes,
            time: done.time,
            target_documents: size.documents,
            target_bytes: size.bytes,
            shards: target.shards,
            replicas: target.replicas,
            is_cloned: clone.is_some(),
        })
    })
    .collect()
}

/// The data nodes as they were before anything was made.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "disk sizes are compared roughly"
)]
fn rooms(inventory: &Inventory) -> Vec<NodeRoom> {
    let cluster = &inventory.cluster;
    let room = |node: &lockstep_core::inventory::NodeFacts| NodeRoom {
        name: node.name.clone(),
        disk_bytes: node.disk_bytes,
        free_bytes: node.disk_free_bytes,
        used_bytes_max: (node.disk_bytes as f64 * cluster.disk_used_share_max) as u64,
    };
    cluster.data_nodes.iter().map(room).collect()
}

/// Adds the documents themselves to the examples, as they are in the live set now.
async fn show_documents(cluster: &Cluster, causes: &mut [Group]) -> Result<(), EngineError> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for example in causes.iter().flat_map(|group| &group.examples) {
        wanted.entry(example.index.clone()).or_default().push(example.id.clone());
    }
    for (index, ids) in wanted {
        let page = cluster.documents(&index, &ids).await?;
        for hit in page.hits() {
            let routing = hit.routing.as_deref();
            let meant = causes.iter_mut().flat_map(|group| &mut group.examples).filter(|one| {
                one.index == index && one.id == hit.id && one.routing.as_deref() == routing
            });
            for example in meant {
                example.source = Some(String::from_utf8_lossy(hit.source).into_owned());
            }
        }
    }
    Ok(())
}

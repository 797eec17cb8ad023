//! A pack and an inventory become a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    aliases, clone, delivery,
    finding::Finding,
    live::{LiveError, live_release},
    model::{
        ClusterReference, Delivery, IndexPlan, Limits, PLAN_FORMAT, Plan, Schema, SourcePlan,
        Strategy, TargetPlan, TenantPlan, UpgradeKind,
    },
    origin::{Nowhere, Origin, Places, Way, origins},
    preflight, schema,
    tenants::{self, ExcludedTenant, TenantChoice},
    way_back,
};
use crate::{
    inventory::{IndexFacts, Inventory},
    names::{Recognised, ReleaseNames},
    pack::model::{LogicalIndex, Pack, Partitions, Release, SwitchMode},
    version::Version,
};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The application.
    pub pack: &'a Pack,
    /// The cluster.
    pub inventory: &'a Inventory,
    /// The version that is asked for.
    pub to: &'a Version,
    /// The version that is live, when the journal or the operator says so.
    pub from: Option<&'a Version>,
    /// Which tenants it is for.
    pub tenants: &'a TenantChoice,
    /// Bounds on what the run may use.
    pub limits: &'a Limits,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The pack has no release with the data version of the one that is asked for (or live).
    #[error("the pack has no release for version {version}; it has {}", known.join(", "))]
    UnknownVersion {
        /// The version.
        version: Version,
        /// The pack's releases.
        known: Vec<String>,
    },
    /// An older version was asked for.
    #[error("version {to} is older than {from}, which is live")]
    Downgrade {
        /// Live.
        from: Version,
        /// Asked for.
        to: Version,
    },
    /// The chain must not be fused across a release.
    #[error("the way to {to} has to stop at {at}: its step says `required_stop`")]
    RequiredStop {
        /// Asked for.
        to: Version,
        /// Where to stop.
        at: Version,
    },
    /// A tenant was named that the live release doesn't have.
    #[error("the live release has no tenant `{tenant}`; it has {}", known.join(", "))]
    UnknownTenant {
        /// Who was named.
        tenant: String,
        /// Who is there.
        known: Vec<String>,
    },
    /// Every tenant was left out.
    #[error("every tenant is left out: nothing would be upgraded")]
    NoTenantLeft,
    /// It can't be told which release is live.
    #[error(transparent)]
    Live(#[from] LiveError),
}

impl PlanError {
    /// Stable code, see `docs/design/error-codes.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownVersion { .. } => "N0101",
            Self::Downgrade { .. } => "N0102",
            Self::RequiredStop { .. } => "N0103",
            Self::Live(LiveError::NothingLive { .. }) => "N0104",
            Self::Live(LiveError::Ambiguous { .. }) => "N0105",
            Self::Live(LiveError::Names(_)) => "N0106",
            Self::UnknownTenant { .. } => "N0107",
            Self::NoTenantLeft => "N0108",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownVersion { .. } => {
                "ask for a version of one of these releases, or add the missing release folder to the pack".to_owned()
            }
            Self::Downgrade { .. } => {
                "an upgrade only goes forward; before the switch `lockstep abort` gives a run up".to_owned()
            }
            Self::RequiredStop { at, .. } => {
                format!("run `lockstep upgrade --to {at}` first, start that release, then ask again")
            }
            Self::Live(LiveError::NothingLive { .. }) => {
                "look at the cluster's address and at the pack's naming; `lockstep plan` names what it looks for"
                    .to_owned()
            }
            Self::Live(LiveError::Ambiguous { .. }) => "say which one is live with `--from VERSION`".to_owned(),
            Self::Live(LiveError::Names(_)) => "mend the naming in pack.yaml".to_owned(),
            Self::UnknownTenant { .. } => "name tenants as the live release does".to_owned(),
            Self::NoTenantLeft => "leave at least one tenant in".to_owned(),
        }
    }
}

/// Makes the plan.
///
/// # Errors
/// [`PlanError`] when there is no way from the live release to the one asked for. Everything else that forbids a run is
/// a finding of the plan, so that all of it is seen at once.
pub fn build(request: PlanRequest<'_>) -> Result<Plan, PlanError> {
    let PlanRequest { pack, inventory, to, from, tenants, limits } = request;
    let from = match from {
        Some(version) => version.clone(),
        None => live_release(pack, inventory)?,
    };
    let (from_position, source_release) = find_release(pack, &from)?;
    let (to_position, target_release) = find_release(pack, to)?;
    if to_position < from_position || (to_position == from_position && *to < from) {
        return Err(PlanError::Downgrade { from, to: to.clone() });
    }
    let between = pack.releases.get(from_position + 1..to_position).unwrap_or_default();
    if let Some(stop) =
        between.iter().find(|release| release.step.as_ref().is_some_and(|step| step.required_stop))
    {
        return Err(PlanError::RequiredStop { to: to.clone(), at: stop.version.clone() });
    }
    let chain = pack.releases.get(from_position..=to_position).unwrap_or_default();
    let kind = if from_position == to_position { UpgradeKind::Minor } else { UpgradeKind::Major };
    let mut plan = Plan {
        format: PLAN_FORMAT,
        application: pack.name.clone(),
        pack_digest: pack.digest.clone(),
        cluster: cluster_reference(inventory),
        kind,
        mode: pack.mode,
        from,
        to: to.clone(),
        chain: chain.iter().map(|release| release.version.clone()).collect(),
        tenants: Vec::new(),
        excluded: Vec::new(),
        programs: BTreeMap::new(),
        ways_back: BTreeMap::new(),
        schemas: BTreeMap::new(),
        indices: Vec::new(),
        templates: Vec::new(),
        aliases: Vec::new(),
        limits: limits.clone(),
        findings: Vec::new(),
        rehearsal: None,
    };
    let names = ReleaseNames::new(pack, source_release).map_err(LiveError::from)?;
    plan.excluded = tenants::excluded(tenants, &names, inventory)?;
    let names = names.without(plan.excluded.iter().map(|excluded| excluded.tenant.clone()));
    look_at_excluded(&mut plan);
    let live = LiveSet::recognise(names, source_release, inventory, &mut plan.findings);
    plan.tenants = pair_tenants(&live, source_release, target_release, &mut plan.findings);
    if kind == UpgradeKind::Minor {
        return Ok(plan);
    }
    let origins = origins(chain);
    let builder = Builder {
        pack,
        inventory,
        target_release,
        names: ReleaseNames::new(pack, target_release).map_err(LiveError::from)?,
        live: &live,
        delivered: delivered(&origins, source_release),
        origins,
    };
    builder.schemas(&mut plan);
    plan.ways_back = way_back::ways_back(chain);
    for tenant in plan.tenants.clone() {
        builder.tenant_indices(&tenant, &mut plan);
    }
    delivery::look(&mut plan, &builder.delivered);
    aliases::plan(&mut plan, inventory, &builder.names, &live);
    aliases::plan_templates(&mut plan, inventory, &builder.names, target_release);
    way_back::look(&mut plan);
    preflight::look(&mut plan, inventory);
    Ok(plan)
}

/// Says who is left out, and what that means.
fn look_at_excluded(plan: &mut Plan) {
    let serves = match plan.mode {
        SwitchMode::Alias => "its aliases stay where they are",
        SwitchMode::Versioned => "an application of the new release finds nothing of it",
    };
    for ExcludedTenant { tenant, reason } in &plan.excluded {
        plan.findings.push(Finding::warn(
            "F0106",
            tenant,
            format!("is left out ({reason}): it stays on release {}, and {serves}", plan.from),
            format!(
                "bring it over later with `lockstep upgrade --from {} --to {} --only-tenant {tenant}`",
                plan.from, plan.to
            ),
        ));
    }
}

fn find_release<'a>(pack: &'a Pack, version: &Version) -> Result<(usize, &'a Release), PlanError> {
    pack.release(version).ok_or_else(|| PlanError::UnknownVersion {
        version: version.clone(),
        known: pack.releases.iter().map(|release| release.version.to_string()).collect(),
    })
}

fn cluster_reference(inventory: &Inventory) -> ClusterReference {
    ClusterReference {
        uuid: inventory.cluster.uuid.clone(),
        name: inventory.cluster.name.clone(),
        engine: inventory.cluster.engine,
        version: inventory.cluster.version.clone(),
        alias_must_exist: inventory.cluster.alias_must_exist,
    }
}

/// One index of the live set, by what its name says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LiveKey {
    pub(super) tenant: String,
    pub(super) logical: String,
    pub(super) partition: Option<String>,
}

/// The live set: every index of the release that is live.
#[derive(Debug)]
pub(super) struct LiveSet {
    pub(super) names: ReleaseNames,
    pub(super) indices: BTreeMap<LiveKey, String>,
}

impl LiveSet {
    fn recognise(
        names: ReleaseNames,
        release: &Release,
        inventory: &Inventory,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut indices = BTreeMap::new();
        for index in inventory.indices.keys() {
            match names.recognise(index) {
                Recognised::Known { key, tenant, partition } => {
                    indices.insert(LiveKey { tenant, logical: key, partition }, index.clone());
                }
                Recognised::Unknown { .. } => findings.push(Finding::refuse(
                    "F0101",
                    index,
                    format!(
                        "fits the naming of release {}, but the pack has no such index: its documents would be left behind",
                        release.version
                    ),
                    "add it to the release's `indices`, or to `ignore` in pack.yaml if it may be left behind",
                )),
                Recognised::Ambiguous(keys) => findings.push(Finding::refuse(
                    "F0102",
                    index,
                    format!("fits several indices of release {}: {}", release.version, keys.join(", ")),
                    "make the names or the tenants' pattern in the pack tell them apart",
                )),
                Recognised::Ignored | Recognised::Foreign => {}
            }
        }
        Self { names, indices }
    }

    fn partitions(&self, tenant: &str, logical: &str) -> Vec<(Option<String>, String)> {
        self.indices
            .iter()
            .filter(|(key, _)| key.tenant == tenant && key.logical == logical)
            .map(|(key, index)| (key.partition.clone(), index.clone()))
            .collect()
    }
}

fn pair_tenants(
    live: &LiveSet,
    source: &Release,
    target: &Release,
    findings: &mut Vec<Finding>,
) -> Vec<TenantPlan> {
    let sources: BTreeSet<&String> = live.indices.keys().map(|key| &key.tenant).collect();
    let mut taken = BTreeMap::new();
    let mut tenants = Vec::new();
    for name in sources {
        let renamed = (source.default_tenant.as_ref() == Some(name))
            .then_some(target.default_tenant.as_ref())
            .flatten();
        let target_name = renamed.unwrap_or(name).clone();
        if let Some(other) = taken.insert(target_name.clone(), name.clone()) {
            findings.push(Finding::refuse(
                "F0103",
                &target_name,
                format!("tenants `{other}` and `{name}` would both be called `{target_name}` in the new release"),
                "rename one of them, or leave one out with `tenants.ignore` in pack.yaml",
            ));
        }
        tenants.push(TenantPlan { source: name.clone(), target: target_name });
    }
    tenants
}

/// The logical indices of the new release that are filled from envelopes.
fn delivered(origins: &BTreeMap<String, Origin>, source: &Release) -> BTreeSet<String> {
    let (mut programs, mut gathering) = (BTreeMap::new(), BTreeSet::new());
    let live =
        |key: &str| source.indices.get(key).map_or(Partitions::NONE, |index| index.partitions);
    for (key, origin) in origins {
        let ways = origin.ways(key);
        if ways.len() > 1 {
            gathering.insert(key.clone());
        }
        for Way { program, places, operations } in ways {
            programs.insert(program, operations.to_vec());
            if places.are_put_together(live(&places.key)) {
                gathering.insert(key.clone());
            }
        }
    }
    delivery::delivered_keys(&programs, &gathering)
}

struct Builder<'a> {
    pack: &'a Pack,
    inventory: &'a Inventory,
    target_release: &'a Release,
    names: ReleaseNames,
    live: &'a LiveSet,
    origins: BTreeMap<String, Origin>,
    /// The logical indices that are filled from envelopes.
    delivered: BTreeSet<String>,
}

/// The indices of one tenant that are filled from envelopes, with the first live index that each is like.
type DeliveredTo<'a> = BTreeMap<(String, Option<String>), Option<&'a IndexFacts>>;

impl Builder<'_> {
    fn schemas(&self, plan: &mut Plan) {
        for (key, logical) in &self.target_release.indices {
            let engine = self.inventory.cluster.engine;
            let (schema, translated) =
                schema::translate(logical, engine, &self.pack.type_equivalents);
            if !translated.is_empty() {
                plan.findings.push(Finding::note(
                    "F0901",
                    key,
                    format!("types as {} calls them: {}", engine.as_str(), translated.join(", ")),
                ));
            }
            plan.schemas.insert(key.clone(), schema);
            let ways = self.origins.get(key).map(|origin| origin.ways(key)).unwrap_or_default();
            if self.delivered.contains(key) && !ways.is_empty() {
                let all = ways.iter().flat_map(|way| delivery::destinations(key, way.operations));
                let schema = delivery::envelope_schema(&all.collect());
                plan.schemas.insert(delivery::schema_key(key), schema);
            }
            for Way { program, operations, places: _ } in ways {
                plan.programs.insert(program, operations.to_vec());
            }
        }
    }

    fn tenant_indices(&self, tenant: &TenantPlan, plan: &mut Plan) {
        let mut carried = BTreeSet::new();
        let mut delivered_to = DeliveredTo::new();
        for (key, logical) in &self.target_release.indices {
            let indices = match self.origins.get(key) {
                Some(origin @ (Origin::From { .. } | Origin::Gathered(_)))
                    if self.delivered.contains(key) =>
                {
                    let ways = origin.ways(key);
                    carried.extend(ways.iter().map(|way| way.places.key.clone()));
                    let each = ways.into_iter().flat_map(|way| {
                        self.enveloped(tenant, (key, way), (plan, &mut delivered_to))
                    });
                    each.collect()
                }
                Some(Origin::From { places, operations: _ }) => {
                    carried.insert(places.key.clone());
                    self.copied(tenant, (places, key), logical, plan)
                }
                Some(Origin::Like(places)) => self.empty_like(tenant, (key, places), plan),
                Some(Origin::New { partition: Some(partition) }) => {
                    vec![self.empty(tenant, key, Some(partition.clone()))]
                }
                Some(Origin::New { partition: None }) | None if logical.partitions.is_none() => {
                    if self.delivered.contains(key) {
                        delivered_to.entry((key.clone(), None)).or_insert(None);
                        Vec::new()
                    } else {
                        vec![self.empty(tenant, key, None)]
                    }
                }
                // What comes from several indices is always delivered.
                Some(Origin::New { partition: None } | Origin::Gathered(_)) | None => Vec::new(),
            };
            plan.indices.extend(indices);
        }
        for ((key, partition), facts) in delivered_to {
            let target = self.target(tenant, &key, partition.as_deref(), facts);
            let (tenant, strategy) = (tenant.target.clone(), Strategy::Deliver { target });
            plan.indices.push(IndexPlan { tenant, logical: key, partition, strategy });
        }
        for (live_key, index) in &self.live.indices {
            if live_key.tenant == tenant.source && !carried.contains(&live_key.logical) {
                let Some(facts) = self.inventory.indices.get(index) else { continue };
                plan.indices.push(IndexPlan {
                    tenant: tenant.target.clone(),
                    logical: live_key.logical.clone(),
                    partition: live_key.partition.clone(),
                    strategy: Strategy::Drop { source: source_plan(index, facts) },
                });
            }
        }
    }

    fn copied(
        &self,
        tenant: &TenantPlan,
        (places, key): (&Places, &str),
        logical: &LogicalIndex,
        plan: &mut Plan,
    ) -> Vec<IndexPlan> {
        let sources = self.sources(tenant, places);
        if sources.is_empty() && logical.partitions.is_none() {
            let source_key = &places.key;
            plan.findings.push(Finding::warn(
                "F0104",
                &tenant.source,
                format!("has no index `{source_key}` in the live release; `{key}` starts empty"),
                "nothing, if this tenant never had it",
            ));
            return vec![self.empty(tenant, key, None)];
        }
        sources
            .into_iter()
            .filter_map(|Found { index, partition: _, becomes }| {
                let facts = self.inventory.indices.get(&index)?;
                let Ok(partition) = becomes else {
                    plan.findings.push(nowhere(&index, key));
                    return None;
                };
                let target = self.target(tenant, key, partition.as_deref(), Some(facts));
                let source = source_plan(&index, facts);
                let clone = clone::start(plan, &self.inventory.cluster, (facts, &source, &target));
                let strategy = Strategy::Copy {
                    source,
                    target,
                    program: key.to_owned(),
                    clone,
                    delivery: None,
                };
                Some(IndexPlan {
                    tenant: tenant.target.clone(),
                    logical: key.to_owned(),
                    partition,
                    strategy,
                })
            })
            .collect()
    }

    /// The live indices whose documents are put into envelopes, and where they are delivered from there.
    fn enveloped<'a>(
        &'a self,
        tenant: &TenantPlan,
        (key, way): (&str, Way<'_>),
        (plan, delivered_to): (&mut Plan, &mut DeliveredTo<'a>),
    ) -> Vec<IndexPlan> {
        let Way { program, places, operations } = way;
        let destinations = delivery::destinations(key, operations);
        let is_in_one_piece = |key: &str| {
            self.target_release.indices.get(key).is_none_or(|index| index.partitions.is_none())
        };
        // They are there whether or not a document goes there.
        for key in destinations.iter().filter(|key| is_in_one_piece(key)) {
            delivered_to.entry((key.clone(), None)).or_insert(None);
        }
        let mut indices = Vec::new();
        for Found { index, partition, becomes } in self.sources(tenant, places) {
            let Some(facts) = self.inventory.indices.get(&index) else { continue };
            let mut to = BTreeMap::new();
            for destination in &destinations {
                let partitions = self.target_release.indices.get(destination);
                let partitions = partitions.map_or(Partitions::NONE, |index| index.partitions);
                let place = if destination == key {
                    becomes.clone()
                } else {
                    let own = becomes.as_ref().ok().and_then(Option::as_ref);
                    let within = |suffix: &String| delivery::partition_within(suffix, partitions);
                    match own.or(partition.as_ref()).filter(|_| !partitions.is_none()) {
                        Some(suffix) => within(suffix).map(Some).ok_or(Nowhere),
                        None => Ok(None),
                    }
                };
                let is_one_of_many = !partitions.is_none();
                let Some(place) = place.ok().filter(|place| place.is_some() || !is_one_of_many)
                else {
                    plan.findings.push(nowhere(&index, destination));
                    continue;
                };
                let target = self.target(tenant, destination, place.as_deref(), Some(facts));
                to.insert(destination.clone(), target.index);
                let like = delivered_to.entry((destination.clone(), place)).or_insert(None);
                if destination == key || like.is_none() {
                    *like = Some(facts);
                }
            }
            let strategy = Strategy::Copy {
                source: source_plan(&index, facts),
                target: delivery::envelope_target(key, &index, facts.replicas),
                program: program.clone(),
                clone: None,
                delivery: Some(Delivery { to }),
            };
            let (tenant, logical) = (tenant.target.clone(), key.to_owned());
            indices.push(IndexPlan { tenant, logical, partition, strategy });
        }
        indices
    }

    fn empty(&self, tenant: &TenantPlan, key: &str, partition: Option<String>) -> IndexPlan {
        let target = self.target(tenant, key, partition.as_deref(), None);
        let strategy = Strategy::Empty { target };
        IndexPlan { tenant: tenant.target.clone(), logical: key.to_owned(), partition, strategy }
    }

    fn empty_like(
        &self,
        tenant: &TenantPlan,
        (key, places): (&str, &Places),
        plan: &mut Plan,
    ) -> Vec<IndexPlan> {
        let mut partitions = BTreeSet::new();
        for Found { index, partition: _, becomes } in self.sources(tenant, places) {
            match becomes {
                Ok(partition) => {
                    partitions.insert(partition);
                }
                Err(Nowhere) => plan.findings.push(nowhere(&index, key)),
            }
        }
        partitions.into_iter().map(|partition| self.empty(tenant, key, partition)).collect()
    }

    /// The live indices of a tenant in some places.
    fn sources(&self, tenant: &TenantPlan, places: &Places) -> Vec<Found> {
        let found = self.live.partitions(&tenant.source, &places.key).into_iter();
        let sources = found.map(|(live, index)| Found {
            becomes: places.follow(live.as_deref()),
            partition: places.partition.clone().or(live),
            index,
        });
        sources.collect()
    }

    fn target(
        &self,
        tenant: &TenantPlan,
        key: &str,
        partition: Option<&str>,
        source: Option<&IndexFacts>,
    ) -> TargetPlan {
        let logical = self.target_release.indices.get(key);
        let grammar = self.names.grammar(key);
        let mapping = grammar
            .zip(logical)
            .map(|(grammar, logical)| grammar.mapping(&logical.mapping, &tenant.target));
        let meta = mapping.and_then(|mapping| mapping.get("_meta").cloned());
        let shards =
            logical.and_then(|logical| logical.shards).or(source.map(|facts| facts.primaries));
        let replicas =
            logical.and_then(|logical| logical.replicas).or(source.map(|facts| facts.replicas));
        TargetPlan {
            index: grammar
                .map(|grammar| grammar.render(&tenant.target, partition))
                .unwrap_or_default(),
            schema: key.to_owned(),
            meta,
            shards: shards.unwrap_or(1),
            replicas: replicas.unwrap_or(1),
            table: logical
                .and_then(|logical| logical.table.as_ref())
                .map(|table| table.for_tenant(&tenant.target)),
        }
    }
}

/// A live index.
struct Found {
    index: String,
    /// Its own suffix, or the one that the pack gives it.
    partition: Option<String>,
    /// What that becomes in the new release.
    becomes: Result<Option<String>, Nowhere>,
}

/// Nothing says into which partition documents of an index belong.
fn nowhere(index: &str, destination: &str) -> Finding {
    Finding::refuse(
        "F0506",
        index,
        format!("its documents go to `{destination}`, and it lies in no single partition of that"),
        "give the step a `partition`, or let the new index have partitions of a longer time, or be of one piece",
    )
}

fn source_plan(index: &str, facts: &IndexFacts) -> SourcePlan {
    SourcePlan {
        index: index.to_owned(),
        uuid: facts.uuid.clone(),
        documents: facts.document_count,
        bytes: facts.bytes,
        shards: facts.shards.clone(),
    }
}

impl Schema {
    /// Whether documents with unknown fields are rejected.
    pub fn is_strict(&self) -> bool {
        self.mapping.get("dynamic").and_then(serde_json::Value::as_str) == Some("strict")
    }
}

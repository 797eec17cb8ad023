//! A plan as people read it.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_core::{
    pack::model::SwitchMode,
    plan::{
        finding::{Finding, Severity},
        model::{IndexPlan, Plan, SourcePlan, Strategy, TargetPlan, UpgradeKind},
    },
};

use super::{
    BOLD, CYAN, DIM, RED, YELLOW, fact,
    program::operation_lines,
    quantity::{bytes, count, counted},
    styled,
    table::{Column, table},
};

/// More lines than this are put together, tenants and partitions that look alike in one.
const LINES_MAX: usize = 24;
/// More tenants than this are counted, not named.
const TENANTS_NAMED: usize = 12;

/// How a plan is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlanView<'a> {
    /// Show every index in a line of its own.
    pub(crate) all: bool,
    /// Columns of the terminal.
    pub(crate) width: Option<u16>,
    /// The command that carries it out.
    pub(crate) next: &'a str,
}

/// A plan as text.
pub(crate) fn render(plan: &Plan, view: PlanView<'_>) -> String {
    let mut text = header(plan);
    if plan.kind == UpgradeKind::Major {
        text.push('\n');
        text.push_str(&indices(plan, view));
        text.push_str(&programs(plan));
        text.push('\n');
        text.push_str(&totals(plan));
    }
    if !plan.findings.is_empty() {
        text.push('\n');
        text.push_str(&findings(&plan.findings));
    }
    text.push('\n');
    text.push_str(&next(plan, view.next));
    text
}

fn header(plan: &Plan) -> String {
    let title = format!("{} {} → {}", plan.application, plan.from, plan.to);
    let mut text = format!("{}\n", styled(BOLD, title));
    text.push_str(&fact("upgrade", upgrade_kind(plan)));
    text.push_str(&fact("switch", switch_mode(plan.mode)));
    let cluster = &plan.cluster;
    text.push_str(&fact(
        "cluster",
        format!("{} ({} {})", cluster.name, cluster.engine.as_str(), cluster.version),
    ));
    text.push_str(&fact("tenants", tenants(plan)));
    text
}

fn upgrade_kind(plan: &Plan) -> String {
    if plan.kind == UpgradeKind::Minor {
        return "minor: nothing to migrate, only the image changes".to_owned();
    }
    let chain: Vec<String> = plan.chain.iter().map(ToString::to_string).collect();
    match chain.len().saturating_sub(1) {
        0 | 1 => "major: one step".to_owned(),
        steps => format!("major: {steps} steps in one pass, {}", chain.join(" → ")),
    }
}

fn switch_mode(mode: SwitchMode) -> &'static str {
    match mode {
        SwitchMode::Alias => "alias: the aliases of all tenants move in one call",
        SwitchMode::Versioned => {
            "versioned: the new set is published, then the new image uses its names"
        }
    }
}

fn tenants(plan: &Plan) -> String {
    let number = plan.tenants.len();
    if number == 0 || number > TENANTS_NAMED {
        return count(number as u64);
    }
    let names: Vec<String> = plan
        .tenants
        .iter()
        .map(|tenant| match &tenant.source {
            source if *source == tenant.target => source.clone(),
            source => format!("{source} → {}", tenant.target),
        })
        .collect();
    format!("{number}: {}", names.join(", "))
}

/// One line of the table: one index, or several that look alike.
#[derive(Debug, Default)]
struct Line {
    indices: u64,
    tenants: BTreeSet<String>,
    documents: u64,
    bytes: u64,
    shards: u64,
}

/// What indices have in common that stand in one line: logical index, strategy, source and target.
type LineKey = (String, &'static str, String, String);

fn indices(plan: &Plan, view: PlanView<'_>) -> String {
    let is_collapsed = !view.all && plan.indices.len() > LINES_MAX;
    let mut lines: Vec<(LineKey, Line)> = Vec::new();
    let mut places: BTreeMap<LineKey, usize> = BTreeMap::new();
    for index in &plan.indices {
        let key = line_key(plan, index, is_collapsed);
        let place = *places.entry(key.clone()).or_insert(lines.len());
        if place == lines.len() {
            lines.push((key, Line::default()));
        }
        if let Some((_, line)) = lines.get_mut(place) {
            line.add(index);
        }
    }
    let mut columns = vec![
        Column::Words("INDEX"),
        Column::Words("STRATEGY"),
        Column::Words("FROM"),
        Column::Words("TO"),
    ];
    if is_collapsed {
        columns.extend([Column::Numbers("TENANTS"), Column::Numbers("INDICES")]);
    }
    columns.extend([
        Column::Numbers("DOCUMENTS"),
        Column::Numbers("SIZE"),
        Column::Numbers("SHARDS"),
    ]);
    let rows = lines.into_iter().map(|(key, line)| line.cells(key, is_collapsed)).collect();
    let mut text = table(&columns, rows, view.width);
    if is_collapsed {
        let hint =
            "tenants and partitions that look alike stand in one line; --all shows every index";
        text.push_str(&format!("  {}\n", styled(DIM, hint)));
    }
    text
}

fn line_key(plan: &Plan, index: &IndexPlan, is_collapsed: bool) -> LineKey {
    let (source, target) = source_and_target(&index.strategy);
    let strategy = match &index.strategy {
        Strategy::Copy { .. } => "copy",
        Strategy::Empty { .. } => "empty",
        Strategy::Drop { .. } => "left behind",
    };
    let source_tenant = plan
        .tenants
        .iter()
        .find(|tenant| tenant.target == index.tenant)
        .map_or(index.tenant.as_str(), |tenant| tenant.source.as_str());
    let name = |name: Option<&str>, tenant: &str| match name {
        None => "-".to_owned(),
        Some(name) if is_collapsed => pattern(name, tenant, index.partition.as_deref()),
        Some(name) => name.to_owned(),
    };
    let from = name(source.map(|source| source.index.as_str()), source_tenant);
    let to = name(target.map(|target| target.index.as_str()), &index.tenant);
    (index.logical.clone(), strategy, from, to)
}

fn source_and_target(strategy: &Strategy) -> (Option<&SourcePlan>, Option<&TargetPlan>) {
    match strategy {
        Strategy::Copy { source, target, program: _ } => (Some(source), Some(target)),
        Strategy::Empty { target } => (None, Some(target)),
        Strategy::Drop { source } => (Some(source), None),
    }
}

/// A name with its tenant and partition made recognisable.
fn pattern(name: &str, tenant: &str, partition: Option<&str>) -> String {
    let name =
        if tenant.is_empty() { name.to_owned() } else { name.replacen(tenant, "{tenant}", 1) };
    let partition = partition.filter(|partition| !partition.is_empty());
    match partition.and_then(|partition| name.rsplit_once(partition)) {
        Some((before, after)) => format!("{before}{{partition}}{after}"),
        None => name,
    }
}

impl Line {
    fn add(&mut self, index: &IndexPlan) {
        let (source, target) = source_and_target(&index.strategy);
        self.indices += 1;
        self.tenants.insert(index.tenant.clone());
        self.documents += source.map_or(0, |source| source.documents);
        self.bytes += source.map_or(0, |source| source.bytes);
        let target_shards = target.map(|target| u64::from(target.shards));
        let source_shards = source.map(|source| source.shards.len() as u64);
        self.shards += target_shards.or(source_shards).unwrap_or_default();
    }

    fn cells(&self, (logical, strategy, from, to): LineKey, is_collapsed: bool) -> Vec<String> {
        let mut cells = vec![logical, strategy.to_owned(), from, to];
        if is_collapsed {
            cells.extend([count(self.tenants.len() as u64), count(self.indices)]);
        }
        cells.extend([count(self.documents), bytes(self.bytes), count(self.shards)]);
        cells
    }
}

fn programs(plan: &Plan) -> String {
    let mut text = String::new();
    for (key, operations) in &plan.programs {
        let title = match operations.len() {
            0 => "as it is".to_owned(),
            number => counted(number as u64, "operation", "operations"),
        };
        if text.is_empty() {
            text.push_str(&format!("\n {}\n", styled(BOLD, "OPERATIONS")));
        }
        text.push_str(&fact(key, title));
        for line in operation_lines(operations) {
            text.push_str(&format!("             {line}\n"));
        }
    }
    text
}

fn totals(plan: &Plan) -> String {
    let mut read = Line::default();
    let mut left = Line::default();
    for index in &plan.indices {
        match index.strategy {
            Strategy::Copy { .. } => read.add(index),
            Strategy::Drop { .. } => left.add(index),
            Strategy::Empty { .. } => {}
        }
    }
    let new = plan.targets().count() as u64;
    let primaries: u64 = plan.targets().map(|target| u64::from(target.shards)).sum();
    let all: u64 = plan
        .targets()
        .map(|target| u64::from(target.shards) * (u64::from(target.replicas) + 1))
        .sum();
    let mut text = fact(
        "copied",
        format!(
            "{}, {} in {}",
            counted(read.documents, "document", "documents"),
            bytes(read.bytes),
            counted(read.indices, "index", "indices")
        ),
    );
    text.push_str(&fact(
        "made",
        format!(
            "{} with {}, {} with replicas",
            counted(new, "index", "indices"),
            counted(primaries, "primary shard", "primary shards"),
            count(all)
        ),
    ));
    if left.indices > 0 {
        text.push_str(&fact(
            "left",
            format!(
                "{} with {} stay where they are, and are not carried on",
                counted(left.indices, "index", "indices"),
                counted(left.documents, "document", "documents")
            ),
        ));
    }
    text.push_str(&fact("aliases", format!("{} in one call", count(plan.aliases.len() as u64))));
    let there = plan.templates.iter().filter(|template| template.exists).count();
    let templates = match there {
        0 => count(plan.templates.len() as u64),
        there => format!("{}, of which {there} are there already", plan.templates.len()),
    };
    text.push_str(&fact("templates", templates));
    text
}

/// Findings, the gravest first.
pub(crate) fn findings(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    sorted.into_iter().map(finding).collect()
}

fn finding(finding: &Finding) -> String {
    let style = match finding.severity {
        Severity::Refuse => RED,
        Severity::Warn => YELLOW,
        Severity::Note => CYAN,
    };
    let label = styled(style, format_args!("{}[{}]", finding.severity, finding.code));
    let mut text = format!("{label}: {}: {}\n", styled(BOLD, &finding.subject), finding.message);
    if !finding.fix.is_empty() {
        text.push_str(&format!("  {}: {}\n", styled(CYAN, "fix"), finding.fix));
    }
    text
}

fn next(plan: &Plan, command: &str) -> String {
    let refusals = plan.findings.iter().filter(|finding| finding.is_refusal()).count() as u64;
    let label = styled(CYAN, "next");
    if refusals > 0 {
        let things = counted(refusals, "thing forbids", "things forbid");
        return format!(
            "{label}: {things} this upgrade; mend what is marked `refused` above, then plan again\n"
        );
    }
    match plan.kind {
        UpgradeKind::Minor => format!("{label}: start the image of {}\n", plan.to),
        UpgradeKind::Major => format!("{label}: {command}\n"),
    }
}

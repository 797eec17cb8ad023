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
    BOLD, CYAN, DIM, RED, Text, YELLOW,
    program::{operation_lines, title},
    quantity::{bytes, count, counted},
    styled,
    table::{Column, table},
};

/// More lines than this are put together, tenants and partitions that look alike in one.
const LINES_MAX: usize = 24;
/// More tenants than this are counted, not named.
const TENANTS_NAMED: usize = 12;
/// More subjects of one finding than this are counted, not named.
pub(crate) const SUBJECTS_NAMED: usize = 5;

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
pub(crate) fn render(plan: &Plan, view: PlanView<'_>) -> Text {
    let mut text = header(plan);
    if plan.kind == UpgradeKind::Major {
        text.line("");
        text.add(&indices(plan, view));
        text.add(&programs(plan));
        text.line("");
        text.add(&totals(plan));
    }
    if !plan.findings.is_empty() {
        text.line("");
        let subjects_max = if view.all { usize::MAX } else { SUBJECTS_NAMED };
        text.add(&findings(&plan.findings, subjects_max));
    }
    text.line("");
    text.add(&next(plan, view.next));
    text
}

fn header(plan: &Plan) -> Text {
    let mut text = Text::default();
    text.line(styled(BOLD, format_args!("{} {} → {}", plan.application, plan.from, plan.to)));
    text.fact("upgrade", upgrade_kind(plan));
    text.fact("switch", switch_mode(plan.mode));
    let cluster = &plan.cluster;
    text.fact(
        "cluster",
        format_args!("{} ({} {})", cluster.name, cluster.engine.as_str(), cluster.version),
    );
    text.fact("tenants", tenants(plan));
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
    let left_out = match plan.excluded.len() {
        0 => String::new(),
        excluded => format!("; {} left out", count(excluded as u64)),
    };
    if number == 0 || number > TENANTS_NAMED {
        return format!("{}{left_out}", count(number as u64));
    }
    let names: Vec<String> = plan
        .tenants
        .iter()
        .map(|tenant| match &tenant.source {
            source if *source == tenant.target => source.clone(),
            source => format!("{source} → {}", tenant.target),
        })
        .collect();
    format!("{number}: {}{left_out}", names.join(", "))
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

fn indices(plan: &Plan, view: PlanView<'_>) -> Text {
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
        text.line(format_args!("  {}", styled(DIM, hint)));
    }
    text
}

fn line_key(plan: &Plan, index: &IndexPlan, is_collapsed: bool) -> LineKey {
    let (source, target) = source_and_target(&index.strategy);
    let strategy = match &index.strategy {
        Strategy::Copy { clone: Some(_), .. } => "clone",
        Strategy::Copy { delivery: Some(_), .. } => "envelope",
        Strategy::Copy { .. } => "copy",
        Strategy::Deliver { .. } => "deliver",
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
        Strategy::Copy { source, target, .. } => (Some(source), Some(target)),
        Strategy::Empty { target } | Strategy::Deliver { target } => (None, Some(target)),
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

fn programs(plan: &Plan) -> Text {
    let mut text = Text::default();
    for (key, operations) in &plan.programs {
        if text.is_empty() {
            text.line(format_args!("\n {}", styled(BOLD, "OPERATIONS")));
        }
        text.fact(key, title(operations, plan.ways_back.get(key)));
        for line in operation_lines(operations) {
            text.line(format_args!("             {line}"));
        }
    }
    text
}

fn totals(plan: &Plan) -> Text {
    let mut text = Text::default();
    let mut read = Line::default();
    let mut cloned = Line::default();
    let mut left = Line::default();
    for index in &plan.indices {
        match index.strategy {
            Strategy::Copy { clone: Some(_), .. } => cloned.add(index),
            Strategy::Copy { .. } => read.add(index),
            Strategy::Drop { .. } => left.add(index),
            Strategy::Empty { .. } | Strategy::Deliver { .. } => {}
        }
    }
    let documents = counted(read.documents, "document", "documents");
    let indices = counted(read.indices, "index", "indices");
    text.fact("copied", format_args!("{documents}, {} in {indices}", bytes(read.bytes)));
    if cloned.indices > 0 {
        let documents = counted(cloned.documents, "document", "documents");
        let indices = counted(cloned.indices, "index", "indices");
        text.fact("cloned", format_args!("{documents}, {} in {indices}", bytes(cloned.bytes)));
    }
    let made = counted(plan.targets().count() as u64, "index", "indices");
    let shards = |target: &TargetPlan| u64::from(target.shards);
    let primaries = counted(plan.targets().map(shards).sum(), "primary shard", "primary shards");
    let all = plan.targets().map(|target| shards(target) * (u64::from(target.replicas) + 1)).sum();
    text.fact("made", format_args!("{made} with {primaries}, {} with replicas", count(all)));
    if left.indices > 0 {
        let indices = counted(left.indices, "index", "indices");
        let documents = counted(left.documents, "document", "documents");
        text.fact("left", format_args!("{indices} with {documents} stay where they are"));
    }
    text.fact("aliases", format_args!("{} in one call", count(plan.aliases.len() as u64)));
    let there = plan.templates.iter().filter(|template| template.exists).count();
    let templates = count(plan.templates.len() as u64);
    match there {
        0 => text.fact("templates", templates),
        there => {
            text.fact("templates", format_args!("{templates}, {there} of them there already"));
        }
    }
    text
}

/// Findings, the gravest first; those that say the same of several things stand together, `subjects_max` named.
pub(crate) fn findings(findings: &[Finding], subjects_max: usize) -> Text {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let is_alike =
            |group: &&mut Vec<&Finding>| group.first().is_some_and(|first| alike(first, finding));
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups.sort_by_key(|group| group.first().map(|first| first.severity));
    let mut text = Text::default();
    for group in groups {
        let Some(first) = group.first() else { continue };
        let style = match first.severity {
            Severity::Refuse => RED,
            Severity::Warn => YELLOW,
            Severity::Note => CYAN,
        };
        let label = styled(style, format_args!("{}[{}]", first.severity, first.code));
        let subjects: Vec<String> =
            group.iter().take(subjects_max).map(|finding| styled(BOLD, &finding.subject)).collect();
        let more = match group.len().saturating_sub(subjects_max) {
            0 => String::new(),
            more => format!(" and {} more", count(more as u64)),
        };
        text.line(format_args!("{label}: {}{more}: {}", subjects.join(", "), first.message));
        if !first.fix.is_empty() {
            text.line(format_args!("  {}: {}", styled(CYAN, "fix"), first.fix));
        }
    }
    text
}

/// Whether two findings say the same of different things.
fn alike(one: &Finding, other: &Finding) -> bool {
    let Finding { code, severity, subject: _, message, fix } = one;
    (code, severity, message, fix) == (&other.code, &other.severity, &other.message, &other.fix)
}

fn next(plan: &Plan, command: &str) -> Text {
    let mut text = Text::default();
    let refusals = plan.findings.iter().filter(|finding| finding.is_refusal()).count() as u64;
    if refusals > 0 {
        let things = counted(refusals, "thing forbids", "things forbid");
        let advice = "mend what is marked `refused` above, then plan again";
        text.advice("next", format_args!("{things} this upgrade; {advice}"));
        return text;
    }
    match plan.kind {
        UpgradeKind::Minor => text.advice("next", format_args!("start the image of {}", plan.to)),
        UpgradeKind::Major => text.advice("next", command),
    }
    text
}

//! The pack as text: `pack.yaml`, a `release.yaml` for each release, and the mappings.

use std::collections::BTreeMap;

use lockstep_core::pack::model::Partition;

use crate::{
    index_list::Partitioning,
    mend::KEPT,
    migration::Worker,
    release::{Contexts, Release},
    rows::{Other, Rows, Source},
    step::{Carried, Fate, Set, Slot, Step, partitions},
    yaml,
};

const PACK: &str = r#"# Tracardi, an open-source customer data platform. Written by `lockstep pack import tracardi`; README.md says what it did.
#
# Tracardi reads through aliases and writes to concrete indices whose names carry the version, so every release has its own set and
# the switch publishes the new one.
format: 1
name: tracardi
data_parts: 3
mode: versioned
naming:
  # Data of the test context, called staging in requests. 0.7, which has this one context only, replaces this.
  default:
    index: "{version}.{tenant}.{name}"
    partitioned: "{version}.{tenant}.{name}-{partition}"
    alias: "{tenant}.{name}"
    template: "template.{version}.{tenant}.{name}"
    template_pattern: "{version}.{tenant}.{name}-*-*"
  # Data of the production context, since 0.8.0.
  production:
    index: "prod-{version}.{tenant}.{name}"
    partitioned: "prod-{version}.{tenant}.{name}-{partition}"
    alias: "prod-{tenant}.{name}"
    template: "prod-template.{version}.{tenant}.{name}"
    template_pattern: "prod-{version}.{tenant}.{name}-*-*"
  # Shared by both contexts, since 0.8.0; never partitioned.
  static:
    index: "static-{version}.{tenant}.{name}"
    alias: "static-{tenant}.{name}"
tenants:
  # The first five hex digits of the version's MD5, or a name that the environment gives. One with dashes doesn't begin with `prod-` or
  # `static-`, which takes the longer part to say: a tenant `prod-acme` would have the production aliases of `acme`.
  pattern: "(?:[a-z0-9_]+|(?:[0-9_a-oqrt-z][a-z0-9_]*|p(?:[0-9_a-qs-z][a-z0-9_]*|r(?:[0-9_a-np-z][a-z0-9_]*|o(?:[0-9_a-ce-z][a-z0-9_]*|d(?:[0-9_a-z][a-z0-9_]*))?)?)?|s(?:[0-9_a-su-z][a-z0-9_]*|t(?:[0-9_b-z][a-z0-9_]*|a(?:[0-9_a-su-z][a-z0-9_]*|t(?:[0-9_a-hj-z][a-z0-9_]*|i(?:[0-9_abd-z][a-z0-9_]*|c(?:[0-9_a-z][a-z0-9_]*))?)?)?)?)?)(?:-[a-z0-9_]+)+)"
types:
  flattened: {opensearch: flat_object}
"#;

/// The database of the releases that have one.
pub(crate) const DATABASE: &str = "main";

const DATABASES: &str = "databases:
  # Since 0.9.0. Its address comes from the environment, see docs/tables.md of Lockstep.
  main: {kind: mysql}
";

const NAMING_WITH_DATABASE: &str = r#"naming:
  # Aliases carry the version. An index of one piece has none: it would be called like its index.
  default:
    index: "{version}.{tenant}.{name}"
    partitioned: "{version}.{tenant}.{name}-{partition}"
    alias: "{version}.{tenant}.{name}"
    template: "template.{version}.{tenant}.{name}"
    template_pattern: "{version}.{tenant}.{name}-*-*"
  single:
    index: "{version}.{tenant}.{name}"
  production:
    index: "prod-{version}.{tenant}.{name}"
    partitioned: "prod-{version}.{tenant}.{name}-{partition}"
    alias: "prod-{version}.{tenant}.{name}"
    template: "prod-template.{version}.{tenant}.{name}"
    template_pattern: "prod-{version}.{tenant}.{name}-*-*"
  production-single:
    index: "prod-{version}.{tenant}.{name}"
  static:
    index: "static-{version}.{tenant}.{name}"
"#;

const NAMING_OF_ONE_CONTEXT: &str = r#"naming:
  default:
    index: "{version}.{tenant}.{name}"
    partitioned: "{version}.{tenant}.{name}-{partition}"
    alias: "{tenant}.{name}"
    # Without the version, unlike later releases: a second version installed under the same name replaces it.
    template: "template.{tenant}.{name}"
    template_pattern: "{version}.{tenant}.{name}-*-*"
"#;

/// The files of the pack, by path below its folder.
pub(crate) fn files(releases: &[Release], steps: &[Step<'_>]) -> BTreeMap<String, String> {
    let has_database = releases.iter().any(|release| !release.tables.is_empty());
    let pack = format!("{PACK}{}", if has_database { DATABASES } else { "" });
    let mut files = BTreeMap::from([("pack.yaml".to_owned(), pack)]);
    for release in releases {
        let folder = format!("releases/{}", release.version);
        let step = steps.iter().find(|step| step.release.version == release.version);
        files.insert(format!("{folder}/release.yaml"), release_file(release, step));
        for index in &release.indices {
            let mut mapping = format!("{:#}", index.mapping);
            mapping.push('\n');
            files.insert(format!("{folder}/mappings/{}.json", index.key), mapping);
        }
    }
    files
}

fn release_file(release: &Release, step: Option<&Step<'_>>) -> String {
    let mut lines = vec![
        format!("# Tracardi {}: {} logical indices.", release.version, release.indices.len()),
        format!("label: \"{}\"", release.label),
        format!("default_tenant: \"{}\"", release.default_tenant),
    ];
    if release.contexts == Contexts::One {
        lines.push(NAMING_OF_ONE_CONTEXT.trim_end().to_owned());
    }
    if !release.tables.is_empty() {
        lines.push(NAMING_WITH_DATABASE.trim_end().to_owned());
    }
    lines.push("indices:".to_owned());
    let mut headings = Headings { contexts: release.contexts, indent: "  ", told: None };
    for slot in release.slots() {
        headings.tell(slot.set, &mut lines);
        let (key, fields) = (yaml::text(&slot.key()), index_fields(release, slot));
        match slot.index.rows(slot.set) {
            None => lines.push(format!("  {key}: {{{}}}", fields.join(", "))),
            Some(rows) => {
                lines.push(format!("  {key}:"));
                lines.extend(fields.iter().map(|field| format!("    {field}")));
                table_lines(rows, slot.set, &mut lines);
            }
        }
    }
    if let Some(step) = step {
        step_lines(step, &mut lines);
    }
    lines.push(String::new());
    lines.join("\n")
}

/// Comments over the indices of a context, where there are several.
struct Headings {
    contexts: Contexts,
    indent: &'static str,
    told: Option<Set>,
}

impl Headings {
    fn tell(&mut self, set: Set, lines: &mut Vec<String>) {
        if self.contexts == Contexts::TestAndProduction && self.told != Some(set) {
            lines.push(format!("{}# {}", self.indent, heading(set)));
            self.told = Some(set);
        }
    }
}

fn heading(set: Set) -> &'static str {
    match set {
        Set::Test => "The test context.",
        Set::Static => "Shared by both contexts.",
        Set::Production => "The production context.",
    }
}

/// The table that documents of an index lead to.
fn table_lines(rows: &Rows, set: Set, lines: &mut Vec<String>) {
    let name = |text: &str| yaml::text(text);
    let key: Vec<String> = rows.key.iter().map(|column| name(column)).collect();
    lines.extend([
        "    table:".to_owned(),
        format!("      database: {DATABASE}"),
        format!("      name: {}", name(&rows.table.name)),
        format!("      key: [{}]", key.join(", ")),
        "      columns:".to_owned(),
    ]);
    for column in &rows.columns {
        let source = match &column.source {
            Source::Id => "from: _id".to_owned(),
            Source::Tenant => "from: _tenant".to_owned(),
            Source::Production => format!("value: {}", set == Set::Production),
            Source::Field(path) => format!("from: {}", name(path)),
        };
        lines.push(format!(
            "        - {{name: {}, type: {}, {source}}}",
            name(&column.name),
            column.column_type
        ));
    }
}

fn index_fields(release: &Release, slot: Slot<'_>) -> Vec<String> {
    let Slot { set, index } = slot;
    let mut fields = vec![format!("name: {}", yaml::text(&index.name))];
    let is_single = index.partitioning == Partitioning::No && !release.tables.is_empty();
    match (set, is_single) {
        (Set::Test, false) => {}
        (Set::Test, true) => fields.push("naming: single".to_owned()),
        (Set::Static, _) => fields.push("naming: static".to_owned()),
        (Set::Production, false) => fields.push("naming: production".to_owned()),
        (Set::Production, true) => fields.push("naming: production-single".to_owned()),
    }
    fields.push(format!("mapping: {}", yaml::text(&format!("{}.json", index.key))));
    let kinds: Vec<&str> = partitions(index).kinds().map(Partition::word).collect();
    match kinds.as_slice() {
        [] => {}
        [only] => fields.push(format!("partition: {only}")),
        _ => fields.push(format!("partition: [{}]", kinds.join(", "))),
    }
    if let Some(shards) = index.shards {
        fields.push(format!("shards: {shards}"));
    }
    if !index.settings.is_empty() {
        let settings = index.settings.iter();
        let settings: Vec<String> = settings
            .map(|(name, value)| format!("{}: {}", yaml::text(name), yaml::value(value)))
            .collect();
        fields.push(format!("settings: {{{}}}", settings.join(", ")));
    }
    fields
}

fn step_lines(step: &Step<'_>, lines: &mut Vec<String>) {
    lines.push("step:".to_owned());
    lines.push(format!("  from: \"{}\"", step.before.version));
    lines.push("  indices:".to_owned());
    let mut headings = Headings { contexts: step.release.contexts, indent: "    ", told: None };
    for (slot, fate) in &step.fates {
        headings.tell(slot.set, lines);
        let key = slot.key();
        let shown = yaml::text(&key);
        match fate {
            Fate::New => lines.push(format!("    {shown}: new")),
            Fate::NewLike(like) => {
                lines.push(format!("    {shown}: {{new_like: {}}}", yaml::text(like)));
            }
            Fate::Carried(carried) => carried_lines(*slot, carried, lines),
        }
    }
    if !step.dropped.is_empty() {
        lines.push("    # These end here; their documents stay in the old set.".to_owned());
    }
    for (slot, _) in &step.dropped {
        lines.push(format!("    {}: dropped", yaml::text(&slot.key())));
    }
}

fn carried_lines(slot: Slot<'_>, carried: &Carried<'_>, lines: &mut Vec<String>) {
    let Carried { source, entry, partition, removed, kept, renamed } = carried;
    let key = slot.key();
    let mut fields = Vec::new();
    if source.key() != key {
        fields.push(format!("from: {}", yaml::text(&source.key())));
    }
    if let Some(partition) = partition {
        fields.push(format!("partition: \"{partition}\""));
    }
    let script = entry.as_ref().and_then(|entry| entry.script.as_deref());
    let keeps_token = entry.as_ref().is_some_and(|entry| entry.worker == Worker::UserReindex);
    let key = yaml::text(&key);
    if let Some(rows) = slot.index.rows(slot.set) {
        return row_lines((&key, &fields), rows, lines);
    }
    if script.is_none() && removed.is_empty() && renamed.is_empty() && !keeps_token {
        if fields.is_empty() && source.index.mapping == slot.index.mapping {
            lines.push(format!("    {key}: unchanged"));
            return;
        }
        fields.push("operations: []".to_owned());
        lines.push(format!("    {key}: {{migrate: {{{}}}}}", fields.join(", ")));
        return;
    }
    lines.extend([format!("    {key}:"), "      migrate:".to_owned()]);
    lines.extend(fields.iter().map(|field| format!("        {field}")));
    lines.push("        operations:".to_owned());
    // Only a script loses fields, so there is one where some are kept.
    if !kept.is_empty() {
        lines.push("          # The script loses these fields.".to_owned());
    }
    let beside = |position: usize| format!("{KEPT}.field_{}", position + 1);
    lines.extend(kept.iter().enumerate().map(|(position, (from, _))| {
        format!("          - copy: {{from: {from}, to: {}}}", beside(position))
    }));
    if let Some(script) = script {
        lines.push("          - painless:".to_owned());
        lines.push(format!("              script:{}", yaml::block(script, "                ")));
        if may_spread(script) {
            lines.push("              documents: any".to_owned());
        }
    }
    let put_back = kept.iter().enumerate().map(|(position, (_, to))| (beside(position), to));
    let renamed = renamed.iter().map(|(from, to)| ((*from).to_owned(), to));
    lines.extend(
        put_back.chain(renamed).map(|(from, to)| {
            format!("          - move: {{from: {from}, to: {to}, existing: keep}}")
        }),
    );
    if keeps_token {
        lines.push("          - default: {field: token, value: null}".to_owned());
    }
    if !removed.is_empty() {
        let fields: Vec<String> = removed.iter().map(|field| yaml::text(field)).collect();
        lines.push(format!("          - remove: {{fields: [{}]}}", fields.join(", ")));
    }
    let reason = match script {
        Some(_) => "nobody can tell what Tracardi's script did",
        None => "what the step takes away is lost",
    };
    lines.push(format!("        irreversible: {}", yaml::text(reason)));
}

/// Whether a script may leave documents out or move them. A text search: what only looks like it is taken for one as well.
fn may_spread(script: &str) -> bool {
    ["ctx.op", "ctx._id", "ctx._routing", "ctx._index"].iter().any(|name| script.contains(name))
}

/// The step of documents that become rows.
fn row_lines((key, fields): (&str, &[String]), rows: &Rows, lines: &mut Vec<String>) {
    lines.extend([format!("    {key}:"), "      migrate:".to_owned()]);
    lines.extend(fields.iter().map(|field| format!("        {field}")));
    let operations = row_operations(rows);
    if operations.is_empty() {
        lines.push("        operations: []".to_owned());
    } else {
        lines.push("        operations:".to_owned());
        lines.extend(operations.iter().map(|line| format!("          {line}")));
    }
    let reason = "Tracardi writes to the table after the switch, and rows can't be followed";
    lines.push(format!("        irreversible: {}", yaml::text(reason)));
}

fn row_operations(rows: &Rows) -> Vec<String> {
    let mut lines = Vec::new();
    for field in &rows.decoded {
        lines.extend([
            format!("- when: {{field: {field}, equals: \"\"}}"),
            format!("  then: [remove: {{fields: [{field}]}}]"),
            format!("- decode: {{field: {field}, from: base64-gzip-json}}"),
        ]);
    }
    for field in &rows.joined {
        lines.push(format!(
            "- join: {{fields: [{field}], separator: \",\", into: {field}, lists: join}}"
        ));
    }
    for other in &rows.others {
        match other {
            Other::Contrary { from, to } => lines.extend([
                format!("- copy: {{from: {from}, to: {to}}}"),
                format!(
                    "- map: {{field: {to}, values: [{{from: true, to: false}}, {{from: false, to: true}}]}}"
                ),
                format!("- default: {{field: {to}, value: false}}"),
            ]),
            Other::Renamed { field, values } => {
                let pairs: Vec<String> =
                    values.iter().map(|(from, to)| format!("{from}: {to}")).collect();
                lines.push(format!(
                    "- map: {{field: {field}, values: {{{}}}, otherwise: keep}}",
                    pairs.join(", ")
                ));
            }
            Other::Version { object, fields, version } => {
                lines.push(format!("- when: {{field: {object}, exists: true}}"));
                lines.push("  then:".to_owned());
                lines.extend(fields.iter().map(|field| {
                    let version = yaml::text(version);
                    format!("    - set: {{field: {object}.{field}, value: {version}}}")
                }));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::may_spread;

    #[test]
    fn scripts_that_leave_documents_out_or_move_them_are_told() {
        for script in [
            "if (ctx._source.a == null) { ctx.op = 'noop' }",
            "ctx._id = ctx._source.id;",
            "ctx._routing = 'a'",
            "ctx._index = 'b'",
        ] {
            assert!(may_spread(script), "{script}");
        }
        assert!(!may_spread("ctx._source.operation = 'a'; ctx._source.id = 1;"));
    }
}

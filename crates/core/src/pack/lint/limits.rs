//! L3, second part: mappings that engines refuse by themselves, whatever the documents are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    definitions::Schema,
    passage,
    rule::{self, Rule},
};
use crate::pack::{
    diagnostic::Findings, draft::Draft, load::PackFiles, place::Place, wire::IndexWire,
};

pub(super) fn check(draft: &Draft, files: &PackFiles, findings: &mut Findings) {
    for release in draft.made() {
        // Indices that share a mapping and its limits share what is told of it.
        let mut seen = BTreeSet::new();
        for (key, index) in release.indices() {
            let Some(mapping) = release.mappings.get(key) else { continue };
            let Some(schema) = passage::schema(files, (release, index), mapping) else { continue };
            let limits = LIMITS.map(|limit| limit.of(index));
            if !seen.insert((index.mapping.as_ref().map(|name| &name.value), limits)) {
                continue;
            }
            let place = index.mapping.as_ref().map_or(&index.place, |name| &name.place);
            Body { key, index, place, schema }.check(findings);
        }
    }
}

/// A limit that engines set to a mapping.
struct Limit {
    rule: &'static Rule,
    setting: &'static str,
    /// What holds where the setting is not written.
    default: u64,
    /// What is counted.
    what: &'static str,
}

const LIMITS: [Limit; 3] = [
    Limit {
        rule: rule::TOTAL_FIELDS,
        setting: "mapping.total_fields.limit",
        default: 1000,
        what: "fields",
    },
    Limit {
        rule: rule::DEPTH,
        setting: "mapping.depth.limit",
        default: 20,
        what: "levels of objects",
    },
    Limit {
        rule: rule::NESTED_FIELDS,
        setting: "mapping.nested_fields.limit",
        default: 50,
        what: "nested objects",
    },
];

impl Limit {
    fn of(&self, index: &IndexWire) -> u64 {
        let written = index.settings.get(self.setting).map(|setting| &setting.value);
        let number =
            written.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
        number.unwrap_or(self.default)
    }
}

struct Body<'a> {
    key: &'a str,
    index: &'a IndexWire,
    /// Where the release names the mapping.
    place: &'a Place,
    schema: Schema<'a>,
}

impl Body<'_> {
    fn check(&self, findings: &mut Findings) {
        let counts = [self.field_count(), self.depth(), self.nested_count()];
        for (limit, count) in LIMITS.iter().zip(counts) {
            let most = limit.of(self.index);
            if count > most {
                let place = self
                    .index
                    .settings
                    .get(limit.setting)
                    .map_or(self.place, |setting| &setting.place);
                let message = format!(
                    "the mapping of `{}` has {count} {}, but engines take no more than {most}",
                    self.key, limit.what
                );
                let fix = format!(
                    "write `settings: {{\"{}\": {}}}`, or make the mapping smaller",
                    limit.setting,
                    room_for(count)
                );
                findings.lint((limit.rule, self.key.to_owned()), place, message, fix);
            }
        }
        self.check_room(counts[0], findings);
        self.check_names(findings);
    }

    /// As engines count: fields, objects, multi-fields and other names.
    fn field_count(&self) -> u64 {
        let multi: usize =
            self.schema.fields.values().map(|field| field.multi_fields().count()).sum();
        (self.schema.fields.len() + multi) as u64
    }

    /// The documents themselves are the first level, so an object is one level deeper than its path is long.
    fn depth(&self) -> u64 {
        let levels = self.schema.fields.iter().map(|(path, definition)| {
            let is_object = matches!(definition.kind(), "object" | "nested");
            path.split('.').count() as u64 + u64::from(is_object)
        });
        levels.max().unwrap_or_default()
    }

    fn nested_count(&self) -> u64 {
        self.schema.fields.values().filter(|field| field.kind() == "nested").count() as u64
    }

    /// A dynamic mapping grows by what documents bring, until the limit refuses them.
    fn check_room(&self, count: u64, findings: &mut Findings) {
        let [total, ..] = &LIMITS;
        let most = total.of(self.index);
        let is_dynamic = matches!(self.schema.root.get("dynamic"), None | Some(Value::Bool(true)))
            || self.schema.root.get("dynamic").and_then(Value::as_str) == Some("true");
        if is_dynamic && count <= most && count * 10 > most * 8 {
            let message = format!(
                "the mapping of `{}` is dynamic and has {count} of {most} fields: documents with new ones are soon refused",
                self.key
            );
            let fix = format!(
                "write `settings: {{\"{}\": {}}}`, or `\"dynamic\": false`",
                total.setting,
                room_for(count)
            );
            findings.lint((rule::DYNAMIC_ROOM, self.key.to_owned()), self.place, message, fix);
        }
    }

    fn check_names(&self, findings: &mut Findings) {
        for (path, definition) in &self.schema.fields {
            let is_own = !path.contains('.') && ENGINE_FIELDS.contains(&path.as_str());
            let problem = if is_own {
                "has a name that engines keep for themselves"
            } else if path.split('.').any(str::is_empty) {
                "has a part without a name"
            } else {
                continue;
            };
            let place = self.schema.place(definition, None);
            let message = format!("the field `{path}` {problem}: engines refuse it");
            findings.lint(
                (rule::FIELD_NAME, format!("{}.{path}", self.key)),
                &place,
                message,
                "give it another name".to_owned(),
            );
        }
    }
}

/// A round number with a reserve.
fn room_for(count: u64) -> u64 {
    (count * 3 / 2).div_ceil(10) * 10
}

/// What engines add to every document by themselves.
const ENGINE_FIELDS: [&str; 8] =
    ["_id", "_index", "_source", "_routing", "_seq_no", "_version", "_field_names", "_ignored"];

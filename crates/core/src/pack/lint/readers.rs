//! L2: readers of the release before that no longer find what they look for, where an alias leads them to the new index.

use serde_json::{Map, Value};

use super::{
    definitions::Definition,
    passage::{Pair, Passage},
    rule,
};
use crate::pack::{diagnostic::Findings, nearest::listed};

/// Fields whose name both mappings know, and those that are gone.
pub(super) fn check(passage: &Passage<'_>, findings: &mut Findings) {
    for (path, old) in &passage.old.fields {
        match passage.new.fields.get(path) {
            Some(new) => Pair { passage, path, old, new }.check_readers(findings),
            None => note_unmapped(passage, (path, old), findings),
        }
    }
    check_gone(passage, findings);
    check_analysis(passage, findings);
    check_refresh(passage, findings);
}

impl Pair<'_, '_> {
    fn check_readers(&self, findings: &mut Findings) {
        if self.old.kind() == "alias" || self.new.kind() == "alias" {
            self.check_alias(findings);
            return;
        }
        self.check_type(findings);
        self.check_switched_off(findings);
        self.check_format(findings);
        self.check_analyzers(findings);
        self.check_multi_fields(findings);
        self.check_copy_to(findings);
    }

    fn check_type(&self, findings: &mut Findings) {
        let (path, old, new) = (self.path, self.old.kind(), self.new.kind());
        match (family(old), family(new)) {
            (Family::Keyword, Family::Text) => {
                let message = format!(
                    "`{path}` was {old} and is {new} now: exact matches, sorting and aggregations by it fail"
                );
                let fix = "keep the keyword and add the text as a multi-field below `fields`";
                self.tell((rule::KEYWORD_TO_TEXT, Some("type")), (message, fix), findings);
            }
            (Family::Text, Family::Keyword) => {
                let message = format!(
                    "`{path}` was {old} and is {new} now: searches for single words of it find nothing"
                );
                let fix = "keep the text and add the keyword as a multi-field below `fields`";
                self.tell((rule::TEXT_TO_KEYWORD, Some("type")), (message, fix), findings);
            }
            (Family::Object, Family::Nested) | (Family::Nested, Family::Object) => {
                let message = format!(
                    "`{path}` was {old} and is {new} now: queries for fields in it need another form"
                );
                let fix = "keep it, or change the queries together with the switch";
                let parameter = self.new.parameter("type").map(|_| "type");
                self.tell((rule::NESTED, parameter), (message, fix), findings);
            }
            (Family::Other, _) | (_, Family::Other) => {}
            (before, after) if before != after => {
                let message = format!(
                    "`{path}` was {old} and is {new} now: queries, sorting and results by it change"
                );
                let fix = "keep the type and add the new one beside it, under another name or as a multi-field";
                let parameter = self.new.parameter("type").map(|_| "type");
                self.tell((rule::TYPE_FAMILY, parameter), (message, fix), findings);
            }
            _ => {}
        }
    }

    fn check_switched_off(&self, findings: &mut Findings) {
        let path = self.path;
        let is_off = |parameter| {
            self.new.flag(parameter) == Some(false) && self.old.flag(parameter) != Some(false)
        };
        if is_off("index") {
            let message = format!("`{path}` can't be searched by any more: `index` is false");
            let fix = "leave `index` as it was, unless nobody searches by the field";
            self.tell((rule::INDEX_OFF, Some("index")), (message, fix), findings);
        }
        if is_off("doc_values") {
            let message = format!(
                "`{path}` can't be sorted or aggregated by any more: `doc_values` is false"
            );
            let fix = "leave `doc_values` as it was, unless nobody sorts by the field";
            self.tell((rule::DOC_VALUES_OFF, Some("doc_values")), (message, fix), findings);
        }
        if is_off("enabled") && self.had_content() {
            let message =
                format!("what is in `{path}` can't be searched by any more: `enabled` is false");
            let fix = "leave `enabled` as it was, unless nobody searches by fields in it";
            self.tell((rule::ENABLED_OFF, Some("enabled")), (message, fix), findings);
        }
    }

    /// Whether something in the object could be searched by.
    fn had_content(&self) -> bool {
        let inner = format!("{}.", self.path);
        let has_fields = self.passage.old.fields.keys().any(|path| path.starts_with(&inner));
        has_fields || Unknown::of(self.passage.old.root, &format!("{inner}*")) == Unknown::TakenUp
    }

    fn check_format(&self, findings: &mut Findings) {
        if family(self.old.kind()) != Family::Date || family(self.new.kind()) != Family::Date {
            return;
        }
        let formats = |definition: &Definition<'_>| {
            let written = definition.text("format").unwrap_or(DATE_FORMAT_DEFAULT).to_owned();
            written.split("||").map(|format| format.trim().to_owned()).collect::<Vec<_>>()
        };
        let new = formats(self.new);
        let gone: Vec<String> = formats(self.old)
            .into_iter()
            .filter(|format| !new.iter().any(|other| takes_as_well(other, format)))
            .collect();
        if !gone.is_empty() {
            let message = format!(
                "`{}` no longer takes dates as `{}`: queries and documents that write them so are refused",
                self.path,
                gone.join("||")
            );
            let fix = "put the new format before the old one, with `||` between them";
            let parameter = self.new.parameter("format").map(|_| "format");
            self.tell((rule::DATE_FORMAT, parameter), (message, fix), findings);
        }
    }

    fn check_analyzers(&self, findings: &mut Findings) {
        if family(self.old.kind()) != family(self.new.kind()) {
            return;
        }
        for parameter in ["analyzer", "search_analyzer", "normalizer"] {
            let (old, new) = (self.old.parameter(parameter), self.new.parameter(parameter));
            if old == new {
                continue;
            }
            let word = |value: Option<&Value>| {
                value.map_or_else(
                    || "the default".to_owned(),
                    |value| format!("`{}`", value.as_str().unwrap_or_default()),
                )
            };
            let message = format!(
                "the {parameter} of `{}` was {} and is {} now: the same words find other documents",
                self.path,
                word(old),
                word(new)
            );
            let fix = "keep it, or add a multi-field with the new one";
            self.tell((rule::ANALYSIS, new.map(|_| parameter)), (message, fix), findings);
        }
    }

    fn check_multi_fields(&self, findings: &mut Findings) {
        let gone = self
            .old
            .multi_fields()
            .filter(|(name, _)| self.new.multi_fields().all(|(other, _)| other != *name));
        for (name, _) in gone {
            let path = self.path;
            let message = format!(
                "the multi-field `{path}.{name}` is gone: searching, sorting and aggregations by it find nothing"
            );
            let fix = format!("keep `\"fields\": {{\"{name}\": …}}`");
            self.tell((rule::MULTI_FIELD_GONE, None), (message, &fix), findings);
        }
    }

    fn check_copy_to(&self, findings: &mut Findings) {
        let targets = |definition: &Definition<'_>| -> Vec<String> {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            match definition.parameter("copy_to") {
                Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
                one => one.and_then(text).into_iter().collect(),
            }
        };
        let new = targets(self.new);
        for target in targets(self.old).into_iter().filter(|target| !new.contains(target)) {
            let message = format!(
                "`{}` is no longer copied to `{target}`: searches there miss its values",
                self.path
            );
            let fix = "keep it in `copy_to`";
            let parameter = self.new.parameter("copy_to").map(|_| "copy_to");
            self.tell((rule::COPY_TO_GONE, parameter), (message, fix), findings);
        }
    }

    fn check_alias(&self, findings: &mut Findings) {
        let (old, new) = (self.old.text("path"), self.new.text("path"));
        if let Some(old) = old
            && new.is_some_and(|new| new != old)
            && self.passage.new.fields.contains_key(old)
        {
            let message =
                format!("`{}` was another name of `{old}` and leads elsewhere now", self.path);
            let fix = "keep its `path`, or give the other field a name of its own";
            self.tell((rule::FIELD_ALIAS, Some("path")), (message, fix), findings);
        }
    }
}

/// Whether every date of one format is one of another.
fn takes_as_well(format: &str, other: &str) -> bool {
    format == other
        || other.strip_prefix("strict_") == Some(format)
        || format.strip_suffix("_nanos") == Some(other)
}

/// How dates are written where a mapping does not say.
const DATE_FORMAT_DEFAULT: &str = "strict_date_optional_time||epoch_millis";

/// Types that answer the same queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Keyword,
    Text,
    Number,
    Boolean,
    Date,
    Address,
    Object,
    Nested,
    /// What is not compared.
    Other,
}

fn family(kind: &str) -> Family {
    match kind {
        "keyword" | "constant_keyword" | "wildcard" => Family::Keyword,
        "text" | "match_only_text" | "search_as_you_type" => Family::Text,
        "long" | "integer" | "short" | "byte" | "unsigned_long" | "double" | "float"
        | "half_float" | "scaled_float" => Family::Number,
        "boolean" => Family::Boolean,
        "date" | "date_nanos" => Family::Date,
        "ip" => Family::Address,
        "object" => Family::Object,
        "nested" => Family::Nested,
        _ => Family::Other,
    }
}

/// A field that documents keep, in a mapping that does not know it: it is there and nothing finds it.
fn note_unmapped(
    passage: &Passage<'_>,
    (path, old): (&str, &Definition<'_>),
    findings: &mut Findings,
) {
    if old.kind() == "alias" {
        let message = format!(
            "`{path}`, another name of `{}`, is gone: searches by it find nothing",
            old.text("path").unwrap_or_default()
        );
        let fix = "keep the field of type `alias` while somebody uses the name";
        passage.tell((rule::FIELD_ALIAS, path), &passage.entry.place, (message, fix), findings);
        return;
    }
    let mut origins = passage.trace.origins();
    let stays = origins.any(|(origin, places)| origin == path && places.contains(path));
    let was_searchable = old.flag("index") != Some(false) && old.flag("enabled") != Some(false);
    if stays && was_searchable && Unknown::of(passage.new.root, path) == Unknown::Ignored {
        let message = format!(
            "documents keep `{path}`, but the mapping of {} does not know it: nothing finds it any more",
            passage.hop.release.version
        );
        let fix = format!(
            "keep the field in the mapping, or take it out of the documents with `remove: {{fields: [{path}]}}`"
        );
        passage.tell((rule::FIELD_UNMAPPED, path), &passage.entry.place, (message, fix), findings);
    }
}

/// What becomes of a field in a document that the mapping does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It can be searched by from then on.
    TakenUp,
    /// It stays in the document, and nothing finds it.
    Ignored,
    /// The document is refused.
    Refused,
    /// It lies in something that the mapping does not look into.
    Hidden,
}

impl Unknown {
    fn of(root: &Map<String, Value>, path: &str) -> Self {
        let (mut object, mut fate) = (root, Self::TakenUp.overridden(root));
        for name in path.split('.') {
            let properties = object.get("properties");
            let inner = properties.and_then(|all| all.get(name)).and_then(Value::as_object);
            let Some(inner) = inner else { break };
            let is_object = matches!(
                inner.get("type").and_then(Value::as_str),
                None | Some("object" | "nested")
            );
            if !is_object || inner.get("enabled") == Some(&Value::Bool(false)) {
                return Self::Hidden;
            }
            (object, fate) = (inner, fate.overridden(inner));
        }
        fate
    }

    /// What an object says itself goes before what is said around it.
    fn overridden(self, object: &Map<String, Value>) -> Self {
        match object.get("dynamic") {
            Some(Value::Bool(false)) => Self::Ignored,
            Some(Value::String(word)) if word == "false" => Self::Ignored,
            Some(Value::String(word)) if word == "strict" => Self::Refused,
            Some(Value::Bool(true) | Value::String(_)) => Self::TakenUp,
            None | Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                self
            }
        }
    }
}

/// Fields whose values are elsewhere now, or nowhere, under an alias that still leads here.
fn check_gone(passage: &Passage<'_>, findings: &mut Findings) {
    let gone: Vec<&str> = passage
        .trace
        .origins()
        .filter(|(origin, places)| {
            !places.contains(*origin) && !passage.new.fields.contains_key(*origin)
        })
        .map(|(origin, _)| origin)
        .collect();
    if gone.is_empty() {
        return;
    }
    let fields = listed(gone);
    let message = format!(
        "after the switch the alias of `{}` leads to documents without {fields}: what was written for {} finds nothing there",
        passage.key, passage.hop.before.version
    );
    let fix = "keep the old name for one more release, by `copy` or as a field of type `alias`, or say how readers change together with the switch";
    passage.tell((rule::FIELD_GONE, ""), &passage.entry.place, (message, fix), findings);
}

fn check_analysis(passage: &Passage<'_>, findings: &mut Findings) {
    let names = passage.old_index.settings.keys().chain(passage.new_index.settings.keys());
    let mut names: Vec<&String> = names.filter(|name| name.starts_with("analysis.")).collect();
    names.sort();
    names.dedup();
    // What was not there before is used by nobody yet.
    let changed = names.into_iter().find(|name| {
        let (old, new) = passage.setting(name);
        old.is_some() && old != new
    });
    if let Some(name) = changed {
        let message = format!(
            "the setting `{name}` is another one than in {}: the same words find other documents",
            passage.hop.before.version
        );
        let fix = "keep it, and define a new analyzer under a name of its own";
        passage.tell((rule::ANALYSIS, ""), passage.setting_place(name), (message, fix), findings);
    }
}

fn check_refresh(passage: &Passage<'_>, findings: &mut Findings) {
    let is_off = |value: Option<&Value>| {
        value.is_some_and(|value| value.as_str() == Some("-1") || value.as_i64() == Some(-1))
    };
    let (old, new) = passage.setting("refresh_interval");
    if is_off(new) && !is_off(old) {
        let message = format!(
            "`{}` is never refreshed: what the application writes is not found by searches",
            passage.key
        );
        let fix = "write an interval such as 1s; while documents are copied Lockstep switches refreshes off by itself";
        passage.tell(
            (rule::REFRESH_OFF, ""),
            passage.setting_place("refresh_interval"),
            (message, fix),
            findings,
        );
    }
}

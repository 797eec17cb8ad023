//! Reads `pack.yaml`.

use std::collections::BTreeMap;

use super::{AllowWire, DatabaseWire, NamingWire, PackFile};
use crate::pack::{
    code,
    diagnostic::Findings,
    fields::{Fields, boolean, map_of, number, text, texts, word},
    model::SwitchMode,
    nearest::suggestion,
    place::Place,
    yaml::{Entry, Node},
};

/// The format that this version reads.
const FORMAT: u32 = 1;

const MODES: [(&str, SwitchMode); 2] =
    [("alias", SwitchMode::Alias), ("versioned", SwitchMode::Versioned)];

impl PackFile {
    /// Reads the file; `None` when it is not even a mapping, or of another format.
    pub(crate) fn read(node: &Node, file: &Place, findings: &mut Findings) -> Option<Self> {
        let mut fields = Fields::open(node, ("a pack", file), findings)?;
        let format =
            fields.required(("format", "1"), findings).and_then(|entry| number(entry, findings));
        if let Some(format) = format.filter(|format| format.value != FORMAT) {
            let message = format!("this version of Lockstep does not read format {}", format.value);
            let fix = format!(
                "write `format: {FORMAT}`, or use the Lockstep that the pack was written for"
            );
            findings.error(code::FORMAT, &format.place, message, fix);
            return None;
        }
        let name = fields.required(("name", "my-application"), findings);
        let data_parts = fields.required(("data_parts", "2"), findings);
        let mode = fields.required(("mode", "alias"), findings);
        let naming = fields
            .required(("naming", "{default: {index: \"{tenant}-{name}-v{version}\"}}"), findings);
        let tenants = fields.optional("tenants").map(|entry| Tenants::read(entry, findings));
        let ignored = fields.optional("ignore");
        let types = fields.optional("types");
        let databases = fields.optional("databases");
        let allow = fields.optional("allow");
        fields.finish(findings);
        let tenants = tenants.unwrap_or_default();
        Some(Self {
            name: name.and_then(|entry| text(entry, findings)),
            data_parts: data_parts.and_then(|entry| number(entry, findings)),
            mode: mode.and_then(|entry| word(entry, &MODES, findings)),
            naming_place: naming.map_or_else(|| file.clone(), |entry| entry.key.place.clone()),
            naming: naming.map(|entry| NamingWire::read_all(entry, findings)).unwrap_or_default(),
            tenant_pattern: tenants.pattern,
            tenants_ignored: tenants.ignored,
            indices_ignored: ignored.and_then(|entry| texts(entry, findings)).unwrap_or_default(),
            types: types.map(|entry| read_types(entry, findings)).unwrap_or_default(),
            databases: databases
                .map(|entry| DatabaseWire::read_all(entry, findings))
                .unwrap_or_default(),
            allow: allow.map(|entry| AllowWire::read_all(entry, findings)).unwrap_or_default(),
        })
    }
}

impl NamingWire {
    /// Reads all variants.
    pub(crate) fn read_all(entry: &Entry, findings: &mut Findings) -> BTreeMap<String, Self> {
        map_of(entry, "`naming`", findings, Self::read)
    }

    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let place = &entry.key.place;
        let mut fields = Fields::open(&entry.node, ("a naming variant", place), findings)?;
        let index = fields.required(("index", "\"{tenant}-{name}-v{version}\""), findings);
        let mut optional = |name, findings: &mut Findings| {
            fields.optional(name).and_then(|entry| text(entry, findings))
        };
        let naming = Self {
            place: place.clone(),
            index: index.and_then(|entry| text(entry, findings)),
            partitioned: optional("partitioned", findings),
            alias: optional("alias", findings),
            template: optional("template", findings),
            template_pattern: optional("template_pattern", findings),
        };
        fields.finish(findings);
        Some(naming)
    }
}

/// The field `tenants`.
#[derive(Default)]
struct Tenants {
    pattern: Option<crate::pack::place::At<String>>,
    ignored: Vec<crate::pack::place::At<String>>,
}

impl Tenants {
    fn read(entry: &Entry, findings: &mut Findings) -> Self {
        let Some(mut fields) = Fields::open(&entry.node, ("`tenants`", &entry.key.place), findings)
        else {
            return Self::default();
        };
        let pattern = fields.optional("pattern").and_then(|entry| text(entry, findings));
        let ignored = fields.optional("ignore").and_then(|entry| texts(entry, findings));
        fields.finish(findings);
        Self { pattern, ignored: ignored.unwrap_or_default() }
    }
}

const ENGINES: [&str; 2] = ["elasticsearch", "opensearch"];

fn read_types(
    entry: &Entry,
    findings: &mut Findings,
) -> BTreeMap<String, BTreeMap<String, String>> {
    map_of(entry, "`types`", findings, |entry, findings| {
        let by_engine = map_of(entry, "a type's names by engine", findings, |entry, findings| {
            let engine = entry.key.value.as_str();
            if !ENGINES.contains(&engine) {
                let message = format!("there is no engine `{engine}`");
                findings.error(
                    code::WORD_UNKNOWN,
                    &entry.key.place,
                    message,
                    suggestion(engine, ENGINES),
                );
            }
            text(entry, findings).map(|text| text.value)
        });
        Some(by_engine)
    })
}

/// A field that is `true` or `false`, and `false` when it is not written.
pub(super) fn flag(entry: Option<&Entry>, findings: &mut Findings) -> bool {
    entry.and_then(|entry| boolean(entry, findings)).unwrap_or_default()
}

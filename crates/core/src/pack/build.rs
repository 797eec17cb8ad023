//! Turns a draft without mistakes into a pack.

use std::collections::BTreeMap;

use super::{
    draft::{Draft, DraftRelease},
    model::{Down, IndexStep, LogicalIndex, Naming, Pack, Release, Step},
    place::At,
    wire::{Fate, NamingWire, Operations, StepWire, TableWire, WayBackWire},
};
use crate::{
    table::{Column, Table},
    transform::operation::Operation,
};

/// The pack; `None` when something is missing, which was found before.
pub(crate) fn pack(draft: Draft) -> Option<Pack> {
    let releases: Option<Vec<Release>> =
        draft.releases.iter().map(|release| build_release(&draft, release)).collect();
    let (releases, tenant_pattern) = (releases?, draft.tenant_pattern().to_owned());
    let file = draft.pack?;
    Some(Pack {
        name: file.name?.value,
        data_parts: usize::try_from(file.data_parts?.value).ok()?,
        mode: file.mode?.value,
        tenant_pattern,
        tenants_ignored: file.tenants_ignored.into_iter().map(|tenant| tenant.value).collect(),
        indices_ignored: file.indices_ignored.into_iter().map(|glob| glob.value).collect(),
        type_equivalents: file.types,
        releases,
        digest: draft.digest,
    })
}

fn build_release(draft: &Draft, release: &DraftRelease) -> Option<Release> {
    let file = release.file.as_ref()?;
    let mut naming = BTreeMap::new();
    for (variant, wire) in draft.naming(release) {
        naming.insert(variant.to_owned(), build_naming(wire)?);
    }
    let mut indices = BTreeMap::new();
    for (key, index) in release.indices() {
        let logical = LogicalIndex {
            name: index.name(key).to_owned(),
            naming: index.naming().to_owned(),
            mapping: release.mappings.get(key)?.clone(),
            settings: index
                .settings
                .iter()
                .map(|(name, setting)| (name.clone(), setting.value.clone()))
                .collect(),
            shards: index.shards.as_ref().map(|shards| shards.value),
            replicas: index.replicas.as_ref().map(|replicas| replicas.value),
            partitions: index.partitions?,
            table: match &index.table {
                Some(wire) => Some(build_table(draft, wire)?),
                None => None,
            },
        };
        indices.insert(key.to_owned(), logical);
    }
    let step = match &file.step {
        Some(wire) => Some(build_step(wire)?),
        None => None,
    };
    Some(Release {
        version: release.version.clone(),
        label: release.label().to_owned(),
        default_tenant: file.default_tenant.as_ref().map(|tenant| tenant.value.clone()),
        naming,
        indices,
        step,
    })
}

fn build_table(draft: &Draft, wire: &TableWire) -> Option<Table> {
    let database = &wire.database.as_ref()?.value;
    let kind = draft.pack.as_ref()?.databases.get(database)?.kind?;
    let key: &[At<String>] = wire.key.as_ref()?;
    let columns = wire.columns.iter().map(|column| Column {
        name: column.name.value.clone(),
        kind: column.column_type.value,
        content: column.content.value.clone(),
        required: column.is_required,
    });
    Some(Table {
        database: database.clone(),
        kind,
        name: wire.name.as_ref()?.value.clone(),
        key: key.iter().map(|name| name.value.clone()).collect(),
        columns: columns.collect(),
    })
}

fn build_naming(wire: &NamingWire) -> Option<Naming> {
    let text = |text: &Option<At<String>>| text.as_ref().map(|text| text.value.clone());
    Some(Naming {
        index: text(&wire.index)?,
        partitioned: text(&wire.partitioned),
        alias: text(&wire.alias),
        template: text(&wire.template),
        template_pattern: text(&wire.template_pattern),
    })
}

fn build_step(wire: &StepWire) -> Option<Step> {
    let mut indices = BTreeMap::new();
    let mut dropped = Vec::new();
    for (key, entry) in &wire.indices {
        let step = match entry.fate.as_ref()? {
            Fate::Dropped => {
                dropped.push(key.clone());
                continue;
            }
            Fate::Unchanged => IndexStep::Unchanged,
            Fate::New => IndexStep::New,
            Fate::NewLike { like } => IndexStep::NewLike { like: like.value.clone() },
            Fate::Migrate { from, partition, operations, way_back } => IndexStep::Migrate {
                from: match from.as_slice() {
                    [] => vec![key.clone()],
                    from => from.iter().map(|from| from.value.clone()).collect(),
                },
                partition: partition.as_ref().map(|partition| partition.value.clone()),
                operations: build_operations(operations),
                down: build_down(way_back),
            },
        };
        indices.insert(key.clone(), step);
    }
    let from = wire.from.as_ref()?.value.clone();
    Some(Step { from, required_stop: wire.required_stop.value, indices, dropped })
}

fn build_operations(wire: &Operations) -> Vec<Operation> {
    wire.all.iter().map(|wire| wire.operation.clone()).collect()
}

fn build_down(wire: &WayBackWire) -> Down {
    let WayBackWire { down, irreversible } = wire;
    match (down, irreversible) {
        (Some(down), _) => Down::Written(build_operations(&down.operations)),
        (None, Some(reason)) => Down::Irreversible { reason: reason.value.clone() },
        (None, None) => Down::Unwritten,
    }
}

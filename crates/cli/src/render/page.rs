//! A pack as a page in Markdown: its releases and indices, its steps, and what leads back.

use std::collections::BTreeMap;

use lockstep_core::{
    names::spellings,
    pack::model::{
        Down, IndexStep, LogicalIndex, Naming, Pack, Partition, Partitions, Release, Step,
        SwitchMode,
    },
    plan::{model::WayBack, ways_back},
    transform::operation::Operation,
};
use serde_json::Value;

use super::{Text, program::operation_lines};

/// The whole page, the newest release first.
pub(crate) fn markdown(pack: &Pack) -> Text {
    let mut text = Text::default();
    text.line(format_args!("# {}", pack.name));
    text.line("");
    let mode = match pack.mode {
        SwitchMode::Alias => {
            "The application finds its indices by aliases, which the switch moves."
        }
        SwitchMode::Versioned => {
            "The application finds its indices by names that hold the version."
        }
    };
    text.line(mode);
    let parts = match pack.data_parts {
        1 => "The first number of a version is".to_owned(),
        count => format!("The first {count} numbers of a version are"),
    };
    text.line(format_args!(
        "{parts} its data version: only when they change is there something to migrate."
    ));
    text.line(format_args!("A tenant's name fits {}.", code(&pack.tenant_pattern)));
    let before = std::iter::once(None).chain(pack.releases.iter().map(Some));
    let pairs: Vec<_> = pack.releases.iter().zip(before).collect();
    for (release, before) in pairs.into_iter().rev() {
        add_release(&mut text, release);
        if let (Some(step), Some(before)) = (&release.step, before) {
            add_step(&mut text, step, release, &ways_back(&[before.clone(), release.clone()]));
        }
    }
    text
}

fn add_release(text: &mut Text, release: &Release) {
    text.line("");
    text.line(format_args!("## Release {}", release.version));
    text.line("");
    text.line("| index | its name in the cluster | alias | cut by | unknown fields |");
    text.line("| --- | --- | --- | --- | --- |");
    for (key, index) in &release.indices {
        let naming = release.naming.get(&index.naming);
        let filled = |text: Option<&String>| match text {
            Some(text) => {
                cell(&text.replace("{name}", &index.name).replace("{version}", &release.label))
            }
            None => "none".to_owned(),
        };
        let name = filled(naming.and_then(|naming| name_text(naming, index)));
        let alias = filled(naming.and_then(|naming| naming.alias.as_ref()));
        let cut = kinds(index.partitions);
        text.line(format_args!(
            "| {} | {name} | {alias} | {cut} | {} |",
            cell(key),
            dynamic(index)
        ));
    }
}

fn name_text<'a>(naming: &'a Naming, index: &LogicalIndex) -> Option<&'a String> {
    if index.partitions.is_none() { Some(&naming.index) } else { naming.partitioned.as_ref() }
}

fn kinds(partitions: Partitions) -> String {
    let kind = |kind: Partition| {
        let spelling = partitions.spelling(kind);
        let example = spellings(kind).find(|(own, _)| Some(*own) == spelling);
        example.map_or_else(
            || kind.word().to_owned(),
            |(_, example)| format!("{} (`{example}`)", kind.word()),
        )
    };
    partitions.kinds().map(kind).collect::<Vec<_>>().join(", ")
}

fn dynamic(index: &LogicalIndex) -> String {
    match index.mapping.get("dynamic") {
        None | Some(Value::Bool(true)) => "are added".to_owned(),
        Some(Value::Bool(false)) => "are ignored".to_owned(),
        Some(Value::String(word)) if word == "strict" => "are refused".to_owned(),
        Some(Value::String(word)) if word == "true" => "are added".to_owned(),
        Some(Value::String(word)) if word == "false" => "are ignored".to_owned(),
        Some(other) => cell(&other.to_string()),
    }
}

fn add_step(text: &mut Text, step: &Step, release: &Release, ways: &BTreeMap<String, WayBack>) {
    text.line("");
    text.line(format_args!("### The step from {}", step.from));
    if step.required_stop {
        text.line("");
        text.line(format_args!(
            "Every upgrade stops at {} and starts again from there.",
            release.version
        ));
    }
    let keys = |is_meant: &dyn Fn(&IndexStep) -> bool| -> Vec<String> {
        let meant = step.indices.iter().filter(|(_, index)| is_meant(index));
        meant.map(|(key, _)| code(key)).collect()
    };
    let unchanged = keys(&|index| matches!(index, IndexStep::Unchanged));
    let new = keys(&|index| matches!(index, IndexStep::New | IndexStep::NewLike { like: _ }));
    let dropped = step.dropped.iter().map(|key| code(key)).collect();
    let lists = [
        ("Carried over as they are", unchanged),
        ("Start empty, and stay behind on the way back", new),
        ("End here, and their documents with them", dropped),
    ];
    for (title, keys) in lists.into_iter().filter(|(_, keys)| !keys.is_empty()) {
        text.line("");
        text.line(format_args!("{title}: {}.", keys.join(", ")));
    }
    for (key, index) in &step.indices {
        if let IndexStep::Migrate { from, partition, operations, down } = index {
            text.line("");
            let title = if from.iter().all(|from| from == key) {
                code(key)
            } else {
                let from: Vec<String> = from.iter().map(|from| code(from)).collect();
                format!("{} from {}", code(key), from.join(", "))
            };
            text.line(format_args!("#### {title}"));
            if let Some(partition) = partition {
                text.line("");
                text.line(format_args!("It becomes the partition {}.", code(partition)));
            }
            add_operations(text, "On the way up", operations);
            add_way_back(text, ways.get(key), down);
        }
    }
}

fn add_way_back(text: &mut Text, way: Option<&WayBack>, down: &Down) {
    match (way, down) {
        (Some(WayBack::Program { operations }), Down::Written(_)) => {
            add_operations(text, "On the way back, as the pack says", operations);
        }
        (Some(WayBack::Program { operations }), Down::Unwritten | Down::Irreversible { .. }) => {
            add_operations(text, "On the way back, derived", operations);
        }
        (Some(WayBack::None { step: _, reason }), _) => {
            text.line("");
            text.line(format_args!("No way back: {reason}."));
        }
        (None, _) => {}
    }
}

fn add_operations(text: &mut Text, title: &str, operations: &[Operation]) {
    text.line("");
    if operations.is_empty() {
        text.line(format_args!("{title}: documents stay as they are."));
        return;
    }
    text.line(format_args!("{title}:"));
    text.line("");
    for (index, line) in operation_lines(operations).iter().enumerate() {
        text.line(format_args!("{}. {}", index + 1, code(line)));
    }
}

/// A text as Markdown shows it letter by letter.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// The same within a table, where a bar would end the cell.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

//! Operations as people read them, one line each.

use lockstep_core::transform::operation::{
    CastType, Existing, FieldPath, Operation, Otherwise, Relocation,
};

/// One line for each operation.
pub(crate) fn operation_lines(operations: &[Operation]) -> Vec<String> {
    operations.iter().map(operation_line).collect()
}

fn operation_line(operation: &Operation) -> String {
    let name = operation.name();
    match operation {
        Operation::Rename(relocation)
        | Operation::Move(relocation)
        | Operation::Copy(relocation) => {
            format!("{name} {}", relocated(relocation))
        }
        Operation::Remove(removal) => format!("{name} {}", listed(&removal.fields)),
        Operation::Set(assignment) => format!("{name} {} = {}", assignment.field, assignment.value),
        Operation::Default(assignment) => {
            format!("{name} {} = {}, where it is missing", assignment.field, assignment.value)
        }
        Operation::Cast(casting) => {
            format!(
                "{name} {} to {}{}",
                casting.field,
                cast_type(casting.to),
                otherwise(casting.otherwise)
            )
        }
        Operation::Split(splitting) => {
            format!(
                "{name} {} at {:?} into {}",
                splitting.field,
                splitting.separator,
                listed(&splitting.into)
            )
        }
        Operation::Join(joining) => {
            format!(
                "{name} {} with {:?} into {}",
                listed(&joining.fields),
                joining.separator,
                joining.into
            )
        }
    }
}

fn relocated(relocation: &Relocation) -> String {
    let existing = match relocation.existing {
        Existing::Reject => "",
        Existing::Overwrite => ", over what is there",
        Existing::Keep => ", unless something is there",
    };
    format!("{} → {}{existing}", relocation.from, relocation.to)
}

fn listed(fields: &[FieldPath]) -> String {
    fields.iter().map(FieldPath::as_str).collect::<Vec<_>>().join(", ")
}

fn cast_type(to: CastType) -> &'static str {
    match to {
        CastType::String => "string",
        CastType::Long => "long",
        CastType::Double => "double",
        CastType::Boolean => "boolean",
    }
}

fn otherwise(otherwise: Otherwise) -> &'static str {
    match otherwise {
        Otherwise::Reject => "",
        Otherwise::Keep => ", or keep it",
        Otherwise::Remove => ", or remove it",
        Otherwise::Null => ", or make it null",
    }
}

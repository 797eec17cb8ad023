//! Tables of a plan: whether their databases answer and rows fit into them, before anything is begun.

use lockstep_core::{
    plan::{finding::Finding, model::Plan},
    table::{RowMaker, Table},
};
use lockstep_tables::{Database, TableError};

use crate::{databases::Databases, error::EngineError};

/// Looks at every table of a plan, and adds a refusal for each that rows can't go to.
///
/// # Errors
/// [`EngineError::Bug`] when the plan says what no pack can.
pub(crate) async fn probe(databases: &Databases, plan: &mut Plan) -> Result<(), EngineError> {
    let mut findings = Vec::new();
    for target in plan.targets() {
        let Some(table) = &target.table else { continue };
        findings.push(Finding::note(
            "F0905",
            &target.index,
            format!(
                "each of its documents becomes a row of the table `{}` in the database `{}` ({})",
                table.name,
                table.database,
                table.kind.word()
            ),
        ));
        let maker = RowMaker::new(table.clone()).map_err(EngineError::Bug)?;
        match databases.connected(&table.database, table.kind).await {
            Ok(database) => match look(&database, &maker).await {
                Ok(found) => findings.extend(found),
                Err(error) => findings.push(refusal(table, &error)),
            },
            Err(error) => findings.push(refusal(table, &error)),
        }
    }
    // Several indices may have their tables in one database, which is told once.
    for finding in findings {
        if !plan.findings.contains(&finding) {
            plan.findings.push(finding);
        }
    }
    Ok(())
}

/// What is wrong with a table that is there; nothing with one that is not.
async fn look(database: &Database, maker: &RowMaker) -> Result<Vec<Finding>, TableError> {
    let table = maker.table();
    let Some(found) = database.table(&table.name).await? else { return Ok(Vec::new()) };
    let misfits = found.misfits(table);
    if !misfits.is_empty() {
        let misfits = misfits.iter().map(|misfit| {
            Finding::refuse(
                "F0704",
                table.full_name(),
                format!("rows don't fit into the table that is there: {misfit}"),
                "change the table or the pack; a table that isn't there is made as the pack says",
            )
        });
        return Ok(misfits.collect());
    }
    let count = database.row_count(maker).await?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let scope: Vec<String> = maker
        .scope()
        .into_iter()
        .map(|(column, value)| format!("{} = {value}", column.name))
        .collect();
    let place =
        if scope.is_empty() { "it".to_owned() } else { format!("it with {}", scope.join(", ")) };
    Ok(vec![Finding::refuse(
        "F0705",
        table.full_name(),
        format!(
            "{count} rows are in {place} that Lockstep didn't write; they would be deleted or written over"
        ),
        "find out whose they are and move or delete them, or leave this tenant out",
    )])
}

fn refusal(table: &Table, error: &TableError) -> Finding {
    let (code, fix) = match error {
        TableError::Address { .. } => (
            "F0701",
            format!(
                "say where it is with {}, or in the file that {}_FILE names",
                variable(&table.database),
                variable(&table.database)
            ),
        ),
        TableError::Unreachable { .. } | TableError::Busy { .. } => {
            ("F0702", "look at the address, and whether the database runs".to_owned())
        }
        TableError::Credentials { .. } => (
            "F0703",
            "look at user, password and rights: tables are made, read and written".to_owned(),
        ),
        TableError::Row { .. }
        | TableError::Reference { .. }
        | TableError::Refused { .. }
        | TableError::CheckpointGone => ("F0706", "look at what the database says".to_owned()),
    };
    Finding::refuse(code, &table.database, format!("can't be worked with: {error}"), fix)
}

/// The variable of the environment that holds the address of a database.
pub fn variable(database: &str) -> String {
    format!("LOCKSTEP_DATABASE_{}", database.to_ascii_uppercase())
}

//! Tables without lines, as wide as the terminal at the most.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table, presets};

use super::Text;

/// A column's title, and whether it holds numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// Numbers, to the right.
    Numbers(&'static str),
}

/// A table; `width` is the number of columns of the terminal, `None` for as wide as needed.
pub(crate) fn table(columns: &[Column], rows: Vec<Vec<String>>, width: Option<u16>) -> Text {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    let titles = columns.iter().map(|column| match column {
        Column::Words(title) | Column::Numbers(title) => (*title).to_owned(),
    });
    table.add_row(row(columns, titles));
    for cells in rows {
        table.add_row(row(columns, cells));
    }
    let mut text = Text::default();
    for line in table.lines() {
        text.line(format_args!(" {}", line.trim_end()));
    }
    text
}

fn row(columns: &[Column], cells: impl IntoIterator<Item = String>) -> Row {
    let cells = columns.iter().zip(cells).map(|(column, text)| {
        let alignment = match column {
            Column::Words(_) => CellAlignment::Left,
            Column::Numbers(_) => CellAlignment::Right,
        };
        Cell::new(text).set_alignment(alignment)
    });
    Row::from(cells.collect::<Vec<Cell>>())
}

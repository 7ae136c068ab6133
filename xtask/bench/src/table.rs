//! Columns of text, two spaces apart.

use comfy_table::{ContentArrangement, Table, TableStyle};

const GAP: u16 = 2;

/// Rows of cells as text, each column as wide as its widest cell.
pub(crate) fn text<R: Into<comfy_table::Row>>(rows: impl IntoIterator<Item = R>) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled)
        .add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    format!("{}\n", table.trim_fmt())
}

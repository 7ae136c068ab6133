//! Tables: aligned columns of text, two spaces apart, without borders.

use std::collections::BTreeMap;

use comfy_table::{ContentArrangement, Table, TableStyle};
use xtask::output;

const GAP: u16 = 2;

pub(crate) fn outputs(outputs: &BTreeMap<String, String>) -> String {
    let lines = outputs.iter().map(|(name, value)| [name, value]);
    text(lines.map(|line| line.map(String::clone)))
}

/// Formats a table. Each column is as wide as its widest cell. No cell is wrapped or cut, so that
/// `grep` finds all text. Line breaks in cells are escaped.
pub(crate) fn text<const COLUMNS: usize>(
    lines: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Disabled)
        .add_rows(lines.into_iter().map(|line| line.map(output::cell)));
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    let mut text = table.trim_fmt();
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(cells: &[[&str; 3]]) -> String {
        text(cells.iter().map(|line| line.map(str::to_owned)))
    }

    #[test]
    fn columns_are_aligned_two_spaces_apart_and_no_line_ends_in_spaces() {
        assert_eq!(
            lines(&[["KEY ID", "NAME", ""], ["a", "a watch in Zürich", "x"]]),
            "KEY ID  NAME\na       a watch in Zürich  x\n"
        );
    }

    #[test]
    fn a_table_without_lines_is_empty() {
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn a_cell_neither_ends_its_line_nor_moves_another_cell() {
        assert_eq!(
            lines(&[["a", "first\nsecond\u{1b}[2J", "x"], ["b", "c\td", "y"]]),
            "a  first\\nsecond\\u{1b}[2J  x\nb  c\\td                    y\n"
        );
    }

    #[test]
    fn a_long_cell_stays_on_one_line() {
        let long = "x".repeat(10_000);
        assert_eq!(lines(&[["a", &long, "b"]]), format!("a  {long}  b\n"));
    }
}

//! Columns that stand under each other.

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// A table of text, with a head.
#[derive(Debug)]
pub(super) struct Table {
    sides: Vec<Side>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns by their heads; one that begins with `<` is aligned to the left, others to the right.
    pub(super) fn new(heads: &[&str]) -> Self {
        let side = |head: &&str| if head.starts_with('<') { Side::Left } else { Side::Right };
        let head = heads.iter().map(|head| head.trim_start_matches('<').to_owned()).collect();
        Self { sides: heads.iter().map(side).collect(), rows: vec![head] }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The lines, the head first, without spaces at their ends.
    pub(super) fn lines(&self) -> Vec<String> {
        let widths: Vec<usize> = (0..self.sides.len()).map(|column| self.width(column)).collect();
        self.rows.iter().map(|row| self.line(row, &widths)).collect()
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }

    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), side) in row.iter().zip(widths).zip(&self.sides) {
            let pad = " ".repeat(width - cell.chars().count());
            let (before, after) = if *side == Side::Left { ("", pad.as_str()) } else { (pad.as_str(), "") };
            line.extend([before, cell, after, "  "]);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.lines().iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_stand_under_each_other() {
        let mut table = Table::new(&["<member", "slots", "<state"]);
        table.row(vec!["a".into(), "16384".into(), "up".into()]);
        table.row(vec!["löng-name".into(), "0".into(), String::new()]);
        assert_eq!(table.to_string(), "member     slots  state\na          16384  up\nlöng-name      0\n");
    }
}

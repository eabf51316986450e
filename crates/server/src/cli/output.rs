//! What people see: tables, colours where a terminal shows them, JSON where asked for.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;

/// A colour or weight, as the terminal names it (ECMA-48 SGR).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Cyan => "36",
        }
    }
}

/// Whether to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// Where standard output is a terminal and NO_COLOR is not set (no-color.org).
    pub(crate) fn for_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(io::stdout().is_terminal() && !unwanted)
    }

    /// `text`, painted.
    pub(crate) fn paint(self, style: Style, text: impl Display) -> String {
        match (self.0, style) {
            (false, _) | (true, Style::Plain) => text.to_string(),
            (true, style) => format!("\x1b[{}m{text}\x1b[0m", style.code()),
        }
    }
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn say(text: impl Display) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Writes to standard error.
pub(crate) fn complain(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Writes one JSON document.
pub(crate) fn say_json(value: &impl Serialize) {
    say(serde_json::to_string_pretty(value).expect("our rows are plain data"));
}

/// Control characters escaped: what a remote wrote must not move our cursor (attacks A31).
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// Rows in aligned columns under a heading.
pub(crate) struct Table {
    heading: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heading: &[&'static str]) -> Self {
        Self { heading: heading.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell)).collect());
    }

    /// Writes the table, or that there is nothing.
    pub(crate) fn say(&self, nothing: &str) {
        if self.rows.is_empty() { say(nothing) } else { say(self.render(Paint::for_stdout())) }
    }

    pub(crate) fn render(&self, paint: Paint) -> String {
        let widths = self.widths();
        let heading = self.heading.iter().map(|cell| cell.to_uppercase()).collect::<Vec<_>>();
        let mut lines = vec![paint.paint(Style::Dim, line(&heading, &widths))];
        lines.extend(self.rows.iter().map(|row| line(row, &widths)));
        lines.join("\n")
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([self.heading[column].len()]).max().unwrap_or(0)
        };
        (0..self.heading.len()).map(width).collect()
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_controls_are_escaped() {
        let mut table = Table::new(&["name", "mail"]);
        table.row(["a".into(), "many\x1b[2J".into()]);
        table.row(["longer".into(), "3".into()]);
        assert_eq!(table.render(Paint(false)), "NAME    MAIL\na       many\\u{1b}[2J\nlonger  3");
        assert!(table.render(Paint(true)).starts_with("\x1b[2mNAME"));
    }
}

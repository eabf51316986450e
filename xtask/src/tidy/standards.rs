//! Every RFC that the code cites stands in `docs/rfc.md`, with what is done of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::source::Source;

const PAGE: &str = "docs/rfc.md";

/// Compares the citations in our crates with the page.
pub(crate) fn check(root: &Path, sources: &[Source]) -> Result<Vec<String>, String> {
    let page = fs::read_to_string(root.join(PAGE)).map_err(|error| format!("{PAGE}: {error}"))?;
    let listed = listed(&page);
    let mut missing: BTreeMap<&str, String> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        for (at, number) in cited(&source.text) {
            if !listed.contains(number) {
                missing.entry(number).or_insert_with(|| source.place(at));
            }
        }
    }
    Ok(missing
        .iter()
        .map(|(number, place)| format!("{place}: cites RFC {number}, which {PAGE} does not list"))
        .collect())
}

/// Numbers in the first cells of the page's tables.
fn listed(page: &str) -> BTreeSet<&str> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    cells.flat_map(|cell| cell.split(',')).map(str::trim).filter(|number| is_number(number)).collect()
}

/// `RFC 5321` with its position.
fn cited(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("RFC ").filter_map(|(at, word)| {
        let rest = &text[at + word.len()..];
        let number = &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()];
        is_number(number).then_some((at, number))
    })
}

fn is_number(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_and_tables_are_read() {
        assert_eq!(
            cited("// RFC 5321 §4.5 and RFC 999, not RFC x").map(|(_, n)| n).collect::<Vec<_>>(),
            ["5321", "999"]
        );
        assert_eq!(listed("| 5321, 2034 | a | 9999 |\n| RFC | b |"), BTreeSet::from(["5321", "2034"]));
    }
}

//! `cargo xtask tidy`: the map and the tree are the same, and the house's bans hold.

mod bans;
mod leftovers;
mod length;
mod map;
mod standards;

use crate::source::{self, Source};
use crate::workspace;

/// Runs every check and says what is wrong, one finding a line. `lower` writes shorter lengths to the ratchet.
pub(crate) fn run(lower: bool) -> Result<Vec<String>, String> {
    let root = workspace::root();
    let crates = workspace::crates()?;
    let map = map::read(&root)?;
    let mut sources: Vec<Source> = Vec::new();
    for own in &crates {
        sources.extend(source::read_tree(&root, &own.directory)?);
    }
    let mut findings = map::check(&map, &crates);
    findings.extend(map::check_manifests(&root, &crates));
    for source in &sources {
        findings.extend(bans::check(source, &map));
        findings.extend(leftovers::check(source));
    }
    findings.extend(length::check(&root, &sources, lower)?);
    findings.extend(standards::check(&root, &sources)?);
    println!(
        "tidy: {} crates, {} files, {} functions, {} finding(s)",
        crates.len(),
        sources.len(),
        sources.iter().map(|source| length::functions(source).len()).sum::<usize>(),
        findings.len()
    );
    Ok(findings)
}

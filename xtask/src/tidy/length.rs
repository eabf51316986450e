//! Function length, by ratchet: 70 lines, and what is longer today may only become shorter. Tests may be long tables.
//!
//! `xtask/long-functions.txt` names each longer function with its length. A new entry is a decision that a person
//! writes by hand; `--lower` only takes away.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::source::{Source, body_start, closing_brace, is_name, words};

/// Lines from `fn` to the closing brace that need no entry.
const LINES_MAX: usize = 70;

const RATCHET: &str = "xtask/long-functions.txt";

/// One function: its name, the place where it begins, its length in lines.
pub(crate) struct Function {
    name: String,
    at: usize,
    lines: usize,
}

/// Compares every function with the limit and the ratchet.
pub(crate) fn check(root: &Path, sources: &[Source], lower: bool) -> Result<Vec<String>, String> {
    let allowed =
        read(&fs::read_to_string(root.join(RATCHET)).map_err(|error| format!("{RATCHET}: {error}"))?)?;
    let mut long = BTreeMap::new();
    let mut findings = Vec::new();
    for source in sources {
        for function in functions(source).iter().filter(|function| function.lines > LINES_MAX) {
            let key = format!("{} {}", source.path, function.name);
            let limit = allowed.get(&key).copied().unwrap_or(LINES_MAX);
            if function.lines > limit {
                let (place, name, lines) = (source.place(function.at), &function.name, function.lines);
                findings.push(format!("{place}: `{name}` has {lines} lines, at most {limit}"));
            }
            let longest = long.entry(key).or_insert(0);
            *longest = function.lines.max(*longest);
        }
    }
    let lowered: BTreeMap<String, usize> = allowed
        .iter()
        .filter_map(|(key, limit)| long.get(key).map(|lines| (key.clone(), *lines.min(limit))))
        .collect();
    if lower {
        fs::write(root.join(RATCHET), write(&lowered)).map_err(|error| format!("{RATCHET}: {error}"))?;
    } else if lowered != allowed {
        findings.push(format!("{RATCHET}: functions became shorter: run `cargo xtask tidy --lower`"));
    }
    Ok(findings)
}

/// All functions with a body in one file, tests aside.
pub(crate) fn functions(source: &Source) -> Vec<Function> {
    words(&source.product, "fn").filter_map(|at| function(source, at)).collect()
}

fn function(source: &Source, at: usize) -> Option<Function> {
    let code = &source.product;
    let name: String =
        code[at + 2..].trim_start().bytes().take_while(|byte| is_name(*byte)).map(char::from).collect();
    let body = body_start(code, at)?;
    if name.is_empty() || code.as_bytes()[body] == b';' {
        return None;
    }
    let end = closing_brace(code, body)?;
    Some(Function { name, at, lines: 1 + source.line(end) - source.line(at) })
}

fn read(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (number, key) = line.split_once(' ').ok_or_else(|| format!("{RATCHET}: {line}"))?;
            Ok((key.to_owned(), number.parse().map_err(|_| format!("{RATCHET}: {line}"))?))
        })
        .collect()
}

fn write(allowed: &BTreeMap<String, usize>) -> String {
    let head = "# Functions longer than 70 lines: `lines path name`. Numbers may only go down (cargo xtask tidy --lower).\n";
    let lines = allowed.iter().map(|(key, lines)| format!("{lines} {key}\n"));
    std::iter::once(head.to_owned()).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_from_fn_to_brace() {
        let source = Source::new(
            "a.rs",
            "trait A {\n  fn none(x: [u8; 3]);\n}\npub fn b(\n) {\n  let x = |y: fn()| {};\n}\n",
        );
        let found: Vec<(String, usize)> =
            functions(&source).into_iter().map(|function| (function.name, function.lines)).collect();
        assert_eq!(found, [("b".to_owned(), 4)]);
    }

    #[test]
    fn the_ratchet_reads_what_it_writes() {
        let allowed = BTreeMap::from([("a.rs b".to_owned(), 90)]);
        assert_eq!(read(&write(&allowed)), Ok(allowed));
    }
}

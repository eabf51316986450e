//! `cargo xtask licences`: each dependency's licence is on the list of `deny.toml`, and comes from the registry.
//!
//! `cargo deny` checks the same and the advisories besides; this needs no network and no installation, so `./test`
//! can always run it. The list is read from `deny.toml`: there is one truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use toml::Table;

use crate::workspace;

/// What `deny.toml` allows.
struct Policy {
    allowed: BTreeSet<String>,
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

/// Checks all packages of the lock file.
pub(crate) fn run() -> Result<Vec<String>, String> {
    let policy = read_policy()?;
    let metadata = workspace::metadata(true)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    let foreign: Vec<&Value> = packages.iter().filter(|package| !package["source"].is_null()).collect();
    let findings: Vec<String> = foreign.iter().flat_map(|package| check(package, &policy)).collect();
    println!("licences: {} packages, {} finding(s)", foreign.len(), findings.len());
    Ok(findings)
}

fn read_policy() -> Result<Policy, String> {
    let text = fs::read_to_string(workspace::root().join("deny.toml"))
        .map_err(|error| format!("deny.toml: {error}"))?;
    let table: Table = text.parse().map_err(|error| format!("deny.toml: {error}"))?;
    let licences = table.get("licenses").and_then(toml::Value::as_table).ok_or("deny.toml: no [licenses]")?;
    let exceptions = licences.get("exceptions").and_then(toml::Value::as_array);
    let exceptions = exceptions.into_iter().flatten().filter_map(|exception| {
        Some((exception.get("crate")?.as_str()?.to_owned(), strings(exception.get("allow")?)))
    });
    let allowed = licences.get("allow").map(strings).unwrap_or_default();
    Ok(Policy { allowed, exceptions: exceptions.collect() })
}

fn strings(value: &toml::Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn check(package: &Value, policy: &Policy) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let place = format!("{name} {}", package["version"].as_str().unwrap_or_default());
    let mut findings = Vec::new();
    let source = package["source"].as_str().unwrap_or_default();
    if !source.contains("crates.io-index") && !source.contains("index.crates.io") {
        findings.push(format!("{place}: comes from {source}, not from the registry"));
    }
    let extra = policy.exceptions.get(name);
    let allows = |id: &str| policy.allowed.contains(id) || extra.is_some_and(|extra| extra.contains(id));
    match package["license"].as_str() {
        None => findings.push(format!("{place}: names no licence")),
        Some(licence) if is_satisfied(licence, &allows) => {}
        Some(licence) => {
            findings.push(format!("{place}: licence `{licence}` is not on the list in deny.toml"));
        }
    }
    findings
}

/// Whether a licence expression (SPDX) can be met by allowed licences alone.
fn is_satisfied(expression: &str, allows: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = tokens.as_slice();
    any_of(&mut rest, allows) && rest.is_empty()
}

/// `all OR all OR …`
fn any_of(rest: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all_of(rest, allows);
    while let ["OR", after @ ..] = rest {
        *rest = after;
        met |= all_of(rest, allows);
    }
    met
}

/// `one AND one AND …`
fn all_of(rest: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(rest, allows);
    while let ["AND", after @ ..] = rest {
        *rest = after;
        met &= one(rest, allows);
    }
    met
}

/// A licence, a licence `WITH` an exception, or an expression in parentheses.
fn one(rest: &mut &[&str], allows: &dyn Fn(&str) -> bool) -> bool {
    match rest {
        ["(", after @ ..] => {
            *rest = after;
            let met = any_of(rest, allows);
            *rest = rest.strip_prefix(&[")"]).unwrap_or(&[]);
            met
        }
        [licence, "WITH", exception, after @ ..] => {
            let met = allows(&format!("{licence} WITH {exception}"));
            *rest = after;
            met
        }
        [licence, after @ ..] => {
            let met = allows(licence);
            *rest = after;
            met
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_met_by_allowed_licences_alone() {
        let allows = |id: &str| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&id);
        let cases = [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT/Apache-2.0", true),
            ("ISC AND (GPL-2.0 OR MIT)", true),
            ("ISC AND GPL-2.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true),
            ("", false),
        ];
        for (expression, expected) in cases {
            assert_eq!(is_satisfied(expression, &allows), expected, "{expression}");
        }
    }
}

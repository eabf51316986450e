//! The table of rooms in `docs/architecture.md`: every crate once, and whom each may use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::workspace::Crate;

/// Shelves from top to bottom: a room uses rooms on shelves above its own, and on its own only where named below.
const SHELVES: [&str; 7] = ["words", "protocols", "judgement", "state", "flow", "edge", "proof"];

/// Edges inside one shelf that the design names: (room, room it may use).
const NAMED: [(&str, &str); 9] = [
    ("world", "mail"),
    ("message", "mail"),
    ("mailbox", "store"),
    ("directory", "store"),
    ("queue", "store"),
    ("journey", "store"),
    ("reports", "store"),
    ("server", "web"),
    ("store-cluster", "store"),
];

/// One room of the map.
pub(crate) struct Room {
    /// Its shelf, by index in `SHELVES`.
    pub(crate) shelf: usize,
    /// Rooms it may use.
    pub(crate) uses: BTreeSet<String>,
}

impl Room {
    /// Whether the room speaks a protocol and therefore knows no I/O, clock or async.
    pub(crate) fn is_protocol(&self) -> bool {
        SHELVES[self.shelf] == "protocols"
    }
}

/// Rooms by name.
pub(crate) type Map = BTreeMap<String, Room>;

/// Reads the table: lines of the form ``| shelf | `room` | duty | uses |``.
pub(crate) fn read(root: &Path) -> Result<Map, String> {
    let path = "docs/architecture.md";
    let text = fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))?;
    let mut map = Map::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let ["", shelf, room, _duty, uses, ""] = cells.as_slice() else { continue };
        let Some(shelf) = SHELVES.iter().position(|name| name == shelf) else { continue };
        let Some(room) = room.strip_prefix('`').and_then(|room| room.strip_suffix('`')) else { continue };
        let uses = uses.split_whitespace().filter(|word| *word != "-").map(str::to_owned).collect();
        if map.insert(room.to_owned(), Room { shelf, uses }).is_some() {
            return Err(format!("{path}: room `{room}` stands twice on the map"));
        }
    }
    if map.is_empty() { Err(format!("{path}: no table of rooms found")) } else { Ok(map) }
}

/// Compares the map with the crates that are there, and each edge with the one allowed.
pub(crate) fn check(map: &Map, crates: &[Crate]) -> Vec<String> {
    let rooms: Vec<&Crate> = crates.iter().filter(|own| own.directory.starts_with("crates/")).collect();
    let by_package: BTreeMap<&str, &str> =
        rooms.iter().map(|own| (own.package.as_str(), own.room())).collect();
    let mut findings: Vec<String> = map
        .keys()
        .filter(|name| !rooms.iter().any(|own| own.room() == *name))
        .map(|name| format!("docs/architecture.md: room `{name}` has no crate at crates/{name}"))
        .collect();
    for own in rooms {
        match map.get(own.room()) {
            None => findings.push(format!("{}: not on the map in docs/architecture.md", own.directory)),
            Some(room) => findings.extend(check_edges(own, room, &by_package)),
        }
    }
    findings.extend(map.iter().flat_map(|(name, room)| check_shelves(map, name, room)));
    findings
}

fn check_edges(own: &Crate, room: &Room, by_package: &BTreeMap<&str, &str>) -> Vec<String> {
    let used: BTreeSet<&str> =
        own.dependencies.iter().filter_map(|package| by_package.get(package.as_str()).copied()).collect();
    let forbidden = used
        .iter()
        .filter(|name| !room.uses.contains(**name))
        .map(|name| format!("{}: uses `{name}`, which the map does not allow", own.directory));
    let idle = room
        .uses
        .iter()
        .filter(|name| !used.contains(name.as_str()))
        .map(|name| format!("docs/architecture.md: `{}` may use `{name}` but does not", own.room()));
    forbidden.chain(idle).collect()
}

fn check_shelves(map: &Map, name: &str, room: &Room) -> Vec<String> {
    let wrong = room.uses.iter().filter(|used| {
        let above = map.get(*used).is_some_and(|used| used.shelf < room.shelf);
        let pure = !(room.is_protocol() && *used == "world");
        !((above && pure) || NAMED.contains(&(name, used)))
    });
    wrong
        .map(|used| format!("docs/architecture.md: `{name}` may not use `{used}`: only shelves above it"))
        .collect()
}

/// Every crate of ours takes the workspace's lints, so that `unsafe` is forbidden and documentation asked for.
pub(crate) fn check_manifests(root: &Path, crates: &[Crate]) -> Vec<String> {
    let lints_missing = |own: &&Crate| {
        let manifest = fs::read_to_string(root.join(&own.directory).join("Cargo.toml")).unwrap_or_default();
        !manifest.contains("[lints]\nworkspace = true")
    };
    let crates = crates.iter().filter(lints_missing);
    crates.map(|own| format!("{}/Cargo.toml: lacks `[lints] workspace = true`", own.directory)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(shelf: usize, uses: &[&str]) -> Room {
        Room { shelf, uses: uses.iter().map(|name| (*name).to_owned()).collect() }
    }

    fn own(name: &str, dependencies: &[&str]) -> Crate {
        let dependencies = dependencies.iter().map(|name| (*name).to_owned()).collect();
        Crate { package: name.to_owned(), directory: format!("crates/{name}"), dependencies }
    }

    #[test]
    fn an_edge_that_is_not_on_the_map_is_found() {
        let map = Map::from([("mail".to_owned(), room(0, &[])), ("smtp".to_owned(), room(1, &["mail"]))]);
        assert_eq!(check(&map, &[own("mail", &[]), own("smtp", &["mail", "bytes"])]), Vec::<String>::new());
        assert_eq!(check(&map, &[own("mail", &["smtp"]), own("smtp", &["mail"])]).len(), 1);
        assert_eq!(check(&map, &[own("mail", &[]), own("smtp", &[])]).len(), 1);
    }

    #[test]
    fn a_room_without_crate_and_a_crate_without_room_are_found() {
        let map = Map::from([("mail".to_owned(), room(0, &[]))]);
        assert_eq!(check(&map, &[]).len(), 1);
        assert_eq!(check(&map, &[own("mail", &[]), own("pop3", &[])]).len(), 1);
    }

    #[test]
    fn shelves_are_used_downwards_only() {
        let map = Map::from([
            ("world".to_owned(), room(0, &[])),
            ("imap".to_owned(), room(1, &["world"])),
            ("queue".to_owned(), room(3, &["mta"])),
            ("mta".to_owned(), room(4, &["world"])),
        ]);
        let found: Vec<String> =
            map.iter().flat_map(|(name, room)| check_shelves(&map, name, room)).collect();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}

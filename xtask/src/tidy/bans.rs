//! Words that only some rooms may say: tokio, files, sockets, time, random.
//!
//! Clippy's `disallowed-methods` sees calls; this sees names, so an import alone is found too. Tests are free.

use super::map::Map;
use crate::source::{Source, words};

/// A path that only `world` may name, and what to use instead.
const OUTSIDE: [(&str, &str); 12] = [
    ("std::fs", "world::Disk"),
    ("std::net::TcpStream", "world::Net"),
    ("std::net::TcpListener", "world::Net"),
    ("std::net::UdpSocket", "world::Net"),
    ("std::os::unix::net", "world::Net"),
    ("Instant::now", "world::Clock"),
    ("SystemTime::now", "world::Clock"),
    ("thread::sleep", "world::Clock"),
    ("aws_lc_rs::rand", "world::Rng"),
    ("SystemRandom", "world::Rng"),
    ("getrandom", "world::Rng"),
    ("RandomState", "a BTreeMap"),
];

/// Words that make a protocol session impure.
const IMPURE: [(&str, &str); 5] = [
    ("tokio", "events and answers"),
    ("async", "events and answers"),
    ("await", "events and answers"),
    ("Instant", "mail::Mono, handed in"),
    ("SystemTime", "mail::Wall, handed in"),
];

/// Rooms that may name tokio beyond `tokio::sync`.
const NAME_TOKIO: [&str; 4] = ["world", "server", "web", "store-cluster"];

/// Checks one file of ours; files outside `crates/` are tools and free.
pub(crate) fn check(source: &Source, map: &Map) -> Vec<String> {
    let mut parts = source.path.split('/');
    let (Some("crates"), Some(room)) = (parts.next(), parts.next()) else { return Vec::new() };
    let mut findings = Vec::new();
    if room != "world" {
        findings.extend(OUTSIDE.iter().flat_map(|(name, instead)| named(source, name, instead)));
    }
    if map.get(room).is_some_and(super::map::Room::is_protocol) {
        findings.extend(IMPURE.iter().flat_map(|(name, instead)| named(source, name, instead)));
    } else if !NAME_TOKIO.contains(&room) {
        findings.extend(tokio_beyond_sync(source));
    }
    findings
}

fn named(source: &Source, name: &str, instead: &str) -> Vec<String> {
    let found = words(&source.product, name);
    found.map(|at| format!("{}: names `{name}`; here use {instead}", source.place(at))).collect()
}

fn tokio_beyond_sync(source: &Source) -> Vec<String> {
    let code = &source.product;
    let found = words(code, "tokio").filter(|at| !code[*at..].starts_with("tokio::sync"));
    found
        .map(|at| format!("{}: names tokio beyond `tokio::sync`; use world's doors", source.place(at)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::map::Room;

    fn findings(path: &str, text: &str) -> usize {
        let room = |shelf| Room { shelf, uses: std::collections::BTreeSet::new() };
        let map = Map::from([("smtp".to_owned(), room(1)), ("mta".to_owned(), room(4))]);
        check(&Source::new(path, text), &map).len()
    }

    #[test]
    fn each_room_says_only_its_words() {
        let cases = [
            ("crates/world/src/a.rs", "use std::fs; tokio::spawn(x)", 0),
            ("crates/mta/src/a.rs", "use std::fs;", 1),
            ("crates/mta/src/a.rs", "use tokio::sync::mpsc; async fn a() {}", 0),
            ("crates/mta/src/a.rs", "tokio::spawn(x)", 1),
            ("crates/smtp/src/a.rs", "async fn a() {}", 1),
            ("crates/smtp/src/a.rs", "// async\nfn a() -> &str { \"tokio\" }", 0),
            ("crates/smtp/src/a.rs", "#[cfg(test)]\nmod tests { use std::fs; }", 0),
            ("xtask/src/a.rs", "use std::fs;", 0),
        ];
        for (path, text, expected) in cases {
            assert_eq!(findings(path, text), expected, "{path}: {text}");
        }
    }
}

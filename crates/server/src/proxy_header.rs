//! The header with which a proxy tells whose connection it passes on: PROXY protocol, versions 1 and 2. Pure; uses only
//! the standard library, so that it can be fuzzed by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of a header of version 1, CRLF included.
const TEXT_LENGTH: usize = 107;
/// Bytes that every header has: version 1 is no shorter than `PROXY UNKNOWN` with its CRLF.
const SHORTEST: usize = 15;
/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 before what its length counts.
const FIXED: usize = 16;

/// What became of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The header goes on. So many more bytes belong to it for certain: to read more would be to take the client's.
    More(usize),
    /// All bytes were the header.
    Whole(Told),
    /// No header, or one that is not for us, for the log.
    Bad(&'static str),
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The proxy's own (a health check), or of somebody unknown: the connection's ends are the true ones.
    Itself,
    /// Of this client, to this address.
    Ends {
        /// The client.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
}

/// Looks at all bytes read so far, none of them beyond what was asked for. `longest` bounds version 2.
pub(crate) fn parse(bytes: &[u8], longest: usize) -> Progress {
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        binary(bytes, longest)
    } else if begins(b"PROXY ") {
        text(bytes)
    } else {
        Progress::Bad("no PROXY header")
    }
}

/// Version 2.
fn binary(bytes: &[u8], longest: usize) -> Progress {
    let Some(fixed) = bytes.first_chunk::<FIXED>() else {
        // Not yet known whether it is version 1, which may be one byte shorter.
        let known = if bytes.len() < SIGNATURE.len() { SHORTEST } else { FIXED };
        return Progress::More(known - bytes.len());
    };
    let whole = FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if whole > longest {
        return Progress::Bad("the PROXY header is too long");
    }
    if bytes.len() < whole {
        return Progress::More(whole - bytes.len());
    }
    match (fixed[12], fixed[13], &bytes[FIXED..]) {
        // LOCAL: whatever the rest says.
        (0x20, _, _) | (0x21, 0x00, _) => Progress::Whole(Told::Itself),
        (0x21, 0x11, ends) => binary_ends::<4>(ends),
        (0x21, 0x21, ends) => binary_ends::<16>(ends),
        (0x20..=0x2f, _, _) => Progress::Bad("the PROXY header is of a kind that is not TCP"),
        _ => Progress::Bad("the PROXY header is of an unknown version"),
    }
}

/// Two addresses of `N` bytes, two ports; what follows are TLVs, which say nothing that we need.
fn binary_ends<const N: usize>(bytes: &[u8]) -> Progress
where
    [u8; N]: Into<IpAddr>,
{
    let parts = || {
        let (source, rest) = bytes.split_first_chunk::<N>()?;
        let (destination, rest) = rest.split_first_chunk::<N>()?;
        let (from, rest) = rest.split_first_chunk::<2>()?;
        let (to, _) = rest.split_first_chunk::<2>()?;
        let end = |ip: [u8; N], port| SocketAddr::new(ip.into(), u16::from_be_bytes(port));
        Some(Told::Ends { source: end(*source, *from), destination: end(*destination, *to) })
    };
    parts().map_or(Progress::Bad("the PROXY header is too short for its addresses"), Progress::Whole)
}

/// Version 1: `PROXY TCP4 192.0.2.7 192.0.2.1 50000 25` and CRLF.
fn text(bytes: &[u8]) -> Progress {
    if bytes.len() > TEXT_LENGTH {
        return Progress::Bad("the PROXY header does not end");
    }
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        return match bytes.len() {
            TEXT_LENGTH => Progress::Bad("the PROXY header does not end"),
            _ if bytes.contains(&b'\n') => Progress::Bad("the PROXY header must end in CRLF"),
            short if short < SHORTEST => Progress::More(SHORTEST - short),
            _ => Progress::More(1),
        };
    };
    match std::str::from_utf8(line).ok().and_then(text_told) {
        Some(told) => Progress::Whole(told),
        None => Progress::Bad("the PROXY header is malformed"),
    }
}

fn text_told(line: &str) -> Option<Told> {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        // What else the line says is to be ignored.
        ["PROXY", "UNKNOWN", ..] => Some(Told::Itself),
        ["PROXY", family, source, destination, from, to] => {
            let ip = |text: &str| match family {
                "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
                "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
                _ => None,
            };
            let source = SocketAddr::new(ip(source)?, port(from)?);
            Some(Told::Ends { source, destination: SocketAddr::new(ip(destination)?, port(to)?) })
        }
        _ => None,
    }
}

/// Digits without leading zeros.
fn port(text: &str) -> Option<u16> {
    let plain = text == "0" || !text.starts_with(['0', '+']);
    plain.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;

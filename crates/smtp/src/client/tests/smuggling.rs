//! Attacks A1, outwards: whatever we pass on is one message to every reader, also to a careless one.

use super::*;
use crate::body::FALSE_ENDS;

/// The lines that a reader sees.
type Reader = fn(&[u8]) -> Vec<Vec<u8>>;

/// How a careless server takes lines apart; each has been seen somewhere.
const READERS: [(&str, Reader); 8] = [
    ("CRLF alone ends a line", |wire| split(wire, |rest| rest.starts_with(b"\r\n").then_some(2))),
    ("LF ends a line, a CR before it is dropped", |wire| {
        split(wire, |rest| match rest {
            [b'\r', b'\n', ..] => Some(2),
            [b'\n', ..] => Some(1),
            _ => None,
        })
    }),
    ("CR, LF and CRLF end a line", |wire| {
        split(wire, |rest| match rest {
            [b'\r', b'\n', ..] => Some(2),
            [b'\r' | b'\n', ..] => Some(1),
            _ => None,
        })
    }),
    ("LF ends a line, all CRs are dropped", |wire| split(&without(wire, b"\r"), lf)),
    ("LF ends a line, all CRs and NULs are dropped", |wire| split(&without(wire, b"\r\0"), lf)),
    ("any CRs before LF", |wire| {
        split(wire, |rest| {
            let crs = rest.iter().take_while(|byte| **byte == b'\r').count();
            (rest.get(crs) == Some(&b'\n')).then_some(crs + 1)
        })
    }),
    ("LF and CR in either order", |wire| {
        split(wire, |rest| match rest {
            [b'\r', b'\n', ..] | [b'\n', b'\r', ..] => Some(2),
            [b'\n', ..] => Some(1),
            _ => None,
        })
    }),
    ("space at the end of a line does not count", |wire| {
        let lines = split(&without(wire, b"\0"), lf);
        lines.iter().map(|line| line.trim_ascii_end().to_vec()).collect()
    }),
];

fn lf(rest: &[u8]) -> Option<usize> {
    rest.starts_with(b"\n").then_some(1)
}

fn without(wire: &[u8], bytes: &[u8]) -> Vec<u8> {
    wire.iter().copied().filter(|byte| !bytes.contains(byte)).collect()
}

fn split(wire: &[u8], end: impl Fn(&[u8]) -> Option<usize>) -> Vec<Vec<u8>> {
    let (mut lines, mut line, mut at) = (Vec::new(), Vec::new(), 0);
    while at < wire.len() {
        if let Some(length) = end(&wire[at..]) {
            lines.push(std::mem::take(&mut line));
            at += length;
        } else {
            line.push(wire[at]);
            at += 1;
        }
    }
    lines
}

/// What stands on the wire behind 354 for a message that comes from our store in pieces.
fn sent(message: &[u8], size: usize) -> Vec<u8> {
    let now = Mono::default();
    let mut session = Session::new(config(), now);
    session.handle_input(b"220 hi\r\n", now);
    // Also where CHUNKING is offered, as from BDAT a laxer server behind that one would make DATA.
    session.handle_input(b"250-mx.test\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n", now);
    session.send(envelope("a@x.test", &["b@y.test"]), 1, true, now);
    session.handle_input(b"250 ok\r\n250 ok\r\n354 go\r\n", now);
    session.poll_output();
    message.chunks(size).for_each(|piece| session.body(piece, now));
    session.body_end(now);
    session.poll_output().expect("at least a dot")
}

#[test]
fn a1_no_reader_sees_two_messages() {
    for false_end in FALSE_ENDS {
        let smuggled = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nfalse\r\n";
        for message in [
            format!("first{false_end}{smuggled}"),
            format!("{false_end}{smuggled}"),
            format!("first\r\n{false_end}{smuggled}{false_end}"),
        ] {
            for size in [1, 2, 3, 1000] {
                let wire = sent(message.as_bytes(), size);
                for (name, reader) in READERS {
                    let lines = reader(&wire);
                    let ends = lines.iter().filter(|line| *line == b".").count();
                    assert_eq!(ends, 1, "{name}: {false_end:?} in pieces of {size}: {}", wire.escape_ascii());
                    assert_eq!(lines.last().map(Vec::as_slice), Some(&b"."[..]), "{name}: {false_end:?}");
                }
            }
        }
    }
}

/// The readers are careless indeed: each but the first takes some message for two as it stands in the store.
#[test]
fn a1_the_readers_are_careless() {
    for (name, reader) in &READERS[1..] {
        let fooled = FALSE_ENDS.iter().any(|false_end| {
            let wire = format!("first{false_end}second\r\n.\r\n");
            reader(wire.as_bytes()).iter().filter(|line| *line == b".").count() > 1
        });
        assert!(fooled, "{name}");
    }
}

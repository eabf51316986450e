//! What strangers can send costs time by its length, never by the square of it (attacks A5, A13, A24).

use std::hint::black_box;
use std::time::{Duration, Instant};

use mailauth::dkim::Draft;
use mailauth::report::{aggregate, feedback, tls};
use mailauth::{dmarc, results, sts};
use message::{Parser, header};

/// How much longer the long input is.
const FACTOR: u32 = 8;
/// Bytes of the short one.
const SHORT: usize = 32 << 10;
/// What takes less is not told from noise.
const LEAST: Duration = Duration::from_micros(100);

/// A header field of `n` bytes made of one piece, and a body.
fn field(name: &str, piece: &str, n: usize) -> Vec<u8> {
    format!("From: a@x.test\r\n{name}: {}\r\n\r\nbody\r\n", piece.repeat(n / piece.len())).into_bytes()
}

fn body(start: &str, piece: &str, n: usize) -> Vec<u8> {
    format!("From: a@x.test\r\n{start}\r\n\r\n{}", piece.repeat(n / piece.len())).into_bytes()
}

fn parse(bytes: &[u8]) {
    let summary = black_box(Parser::parse(bytes));
    black_box(summary.encode());
}

fn fields(bytes: &[u8]) {
    black_box(header::fields(bytes).map(|field| header::unfold(field.value).len()).sum::<usize>());
    drop(black_box(dmarc::author_domain(bytes)));
}

fn sign(bytes: &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a header") + 2;
    let mut draft = Draft::new(&bytes[..end]);
    draft.feed(&bytes[end + 2..]);
    drop(black_box(draft.finish()));
}

fn value(bytes: &[u8]) {
    black_box(results::parse(bytes));
    drop(black_box(sts::Policy::parse(bytes)));
    drop(black_box(dmarc::Record::parse(bytes)));
    drop(black_box(aggregate::read(bytes)));
    drop(black_box(tls::read(bytes)));
    black_box(feedback::read(bytes, None));
    let found = std::str::from_utf8(bytes)
        .map(|text| mta::replies::advice("mx.x.test", &mail::Reply::plain(550, text)));
    black_box(found.is_ok_and(|found| found.is_some()));
}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
fn least(work: fn(&[u8]), input: &[u8]) -> Duration {
    let once = || {
        let begin = Instant::now();
        work(input);
        begin.elapsed()
    };
    (0..4).map(|_| once()).min().unwrap_or_default()
}

/// How often something is looked at that seems slow: another program may have had the machine meanwhile.
const LOOKS: u32 = 8;

/// The times for both lengths, if they grow too much each time.
fn too_slow(work: fn(&[u8]), short: &[u8], long: &[u8]) -> Option<(Duration, Duration)> {
    let mut seen = None;
    for _ in 0..LOOKS {
        let (one, many) = (least(work, short).max(LEAST), least(work, long));
        // The square would be 64; limits make it less than linear for many.
        if many <= one * (4 * FACTOR) {
            return None;
        }
        seen = Some((one, many));
    }
    seen
}

/// What it is, what makes so many bytes of it, and what reads them.
type Case = (&'static str, fn(usize) -> Vec<u8>, fn(&[u8]));

#[test]
fn a24_time_grows_by_the_length_alone() {
    let cases: [Case; 28] = [
        ("short fields", |n| body(&"a: b\r\n".repeat(n / 6), "x", 10), parse),
        ("folded lines", |n| field("Subject", "x\r\n ", n), parse),
        ("open comments", |n| field("To", "(", n), parse),
        ("closed comments", |n| field("To", "(x)", n), parse),
        ("backslashes", |n| field("To", "\\", n), parse),
        ("quotes", |n| field("To", "\"", n), parse),
        ("addresses", |n| field("To", "a@b.test,", n), parse),
        ("groups", |n| field("To", "g:a;", n), parse),
        ("at signs", |n| field("To", "@", n), parse),
        ("angles", |n| field("To", "<", n), parse),
        ("encoded words", |n| field("Subject", "=?utf-8?q?=C3?= ", n), parse),
        ("begun encoded words", |n| field("Subject", "=?", n), parse),
        ("parameters", |n| field("Content-Type", "text/plain; a*0*=b;", n), parse),
        ("semicolons", |n| field("Content-Type", ";", n), parse),
        ("message ids", |n| field("References", "<a@b> ", n), parse),
        ("boundaries", |n| body("Content-Type: multipart/mixed; boundary=b", "--b\r\n", n), parse),
        (
            "nested boundaries",
            |n| {
                body(
                    "Content-Type: multipart/mixed; boundary=b",
                    "--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
                    n,
                )
            },
            parse,
        ),
        (
            "nearly boundaries",
            |n| body("Content-Type: multipart/mixed; boundary=bbbbbbbbbbbb", "--bbbbbbbbbbb\r\n", n),
            parse,
        ),
        (
            "messages in messages",
            |n| body("Content-Type: message/rfc822", "Content-Type: message/rfc822\r\n\r\n", n),
            parse,
        ),
        ("a line without end", |n| body("Subject: x", "x", n), parse),
        ("many From", |n| body(&"From: a@x.test\r\n".repeat(n / 16), "x", 10), fields),
        ("a long From", |n| field("From", "(\"a\" ", n), fields),
        ("spaces at ends", |n| body("Subject: x", "x    \r\n", n), sign),
        ("empty lines", |n| body("Subject: x", "\r\n", n), sign),
        ("spaces", |n| body("Subject: x", " \t", n), sign),
        ("results", |n| format!("x.test; {}", "spf=pass (a(b)) x.y=z; ".repeat(n / 23)).into_bytes(), value),
        ("elements", |n| format!("<feedback>{}", "<a>".repeat(n / 3)).into_bytes(), value),
        ("brackets", |n| "[".repeat(n).into_bytes(), value),
    ];
    let mut slow = Vec::new();
    for (name, make, work) in cases {
        let (short, long) = (make(SHORT), make(SHORT * FACTOR as usize));
        if let Some((one, many)) = too_slow(work, &short, &long) {
            slow.push(format!("{name}: {one:?} for {} bytes, {many:?} for {}", short.len(), long.len()));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}

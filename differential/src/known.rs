//! The differences that are known, each with the condition under which it may appear. README.md tells of them.

use crate::Case;
use crate::ours::split;

/// A difference: its name, and whether it may explain a case.
pub type Known = (&'static str, fn(&Case<'_>) -> bool);

/// All of them.
pub const KNOWN: [Known; 5] = [
    ("no-field", |case| has_line_without_name(split(case.message).0)),
    ("bare-line-ends", |case| has_bare_line_end(split(case.message).1)),
    ("white-lines-at-the-end", |case| case.relaxed_body && ends_in_white(split(case.message).1)),
    ("part-of-body", |case| case.length && case.they_pass && case.we.starts_with("only the first")),
    ("raw-length", |case| case.length && !is_canonical(case.signed_body, case.relaxed_body)),
];

/// Whether a body is its own canonical form.
fn is_canonical(body: &[u8], relaxed: bool) -> bool {
    let has = |text: &[u8]| body.windows(text.len()).any(|window| window == text);
    let one_line_end = body.ends_with(b"\r\n") && !body.ends_with(b"\r\n\r\n") && body != b"\r\n";
    one_line_end && !(relaxed && (has(b"\t") || has(b"  ") || has(b" \r\n")))
}

fn has_bare_line_end(body: &[u8]) -> bool {
    let pairs = body.windows(2).filter(|pair| *pair == b"\r\n").count();
    body.iter().filter(|b| **b == b'\r').count() != pairs
        || body.iter().filter(|b| **b == b'\n').count() != pairs
}

/// A line of the header section that is neither a field nor the continuation of one.
fn has_line_without_name(header: &[u8]) -> bool {
    let lines = header.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let name = |line: &[u8]| line.split(|b| *b == b':').next().map(<[u8]>::to_vec);
    let mut starts = lines.filter(|line| !matches!(line.first(), Some(b' ' | b'\t')));
    starts.any(|line| {
        !line.contains(&b':') || name(line).is_none_or(|name| name.is_empty() || !name.is_ascii())
    })
}

/// White space after the last line that is not empty.
fn ends_in_white(body: &[u8]) -> bool {
    let content = body.trim_ascii_end();
    body[content.len()..].iter().any(|b| matches!(b, b' ' | b'\t'))
}

//! The differences that are known, each with the condition under which it may appear. README.md tells of them.

use crate::Case;
use crate::ours::split;

/// A difference: its name, and whether it may explain a case.
pub type Known = (&'static str, fn(&Case<'_>) -> bool);

/// All of them.
pub const KNOWN: [Known; 5] = [
    ("bare-line-ends", |case| has_bare_line_end(split(case.message).1)),
    ("white-lines-at-the-end", |case| case.relaxed_body && ends_in_white(split(case.message).1)),
    ("raw-length", |case| case.length && case.we.starts_with("only the first") || case.we.starts_with("more bytes")),
    ("raw-length-hash", |case| case.length && case.relaxed_body),
    ("lenient-tags", |case| case.changed && case.they_pass && is_syntax(&case.we)),
];

fn has_bare_line_end(body: &[u8]) -> bool {
    let pairs = body.windows(2).filter(|pair| *pair == b"\r\n").count();
    body.iter().filter(|b| **b == b'\r').count() != pairs || body.iter().filter(|b| **b == b'\n').count() != pairs
}

/// White space after the last line that is not empty.
fn ends_in_white(body: &[u8]) -> bool {
    let content = body.trim_ascii_end();
    body[content.len()..].iter().any(|b| matches!(b, b' ' | b'\t'))
}

fn is_syntax(reason: &str) -> bool {
    reason.contains("malformed") || reason.contains("cannot be read") || reason.contains("has no")
}

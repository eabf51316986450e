use aws_lc_rs::digest::{SHA256, digest};
use message::header;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn canonical(form: Canonicalization, chunks: &[&[u8]]) -> Vec<u8> {
    let (mut body, mut out) = (Body::new(form), Vec::new());
    for chunk in chunks {
        body.feed(chunk, &mut |piece| out.extend_from_slice(piece));
    }
    body.finish(&mut |piece| out.extend_from_slice(piece));
    out
}

/// The rules as the standard words them, on a body that is all there.
fn by_the_book(form: Canonicalization, body: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = vec![Vec::new()];
    let mut bytes = body.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\r' && bytes.next_if_eq(&b'\n').is_some() {
            lines.push(Vec::new());
        } else {
            lines.last_mut().expect("there is one").push(byte);
        }
    }
    if form == Canonicalization::Relaxed {
        for line in &mut lines {
            let words = line.split(|b| matches!(b, b' ' | b'\t'));
            let leading = matches!(line.first(), Some(b' ' | b'\t'));
            let joined = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(&b' ');
            let indent: &[u8] = if leading && !joined.is_empty() { b" " } else { b"" };
            *line = [indent, &joined].concat();
        }
    }
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
    let text: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\r\n"[..]].concat()).collect();
    if text.is_empty() && form == Canonicalization::Simple { b"\r\n".to_vec() } else { text }
}

#[test]
fn bodies_of_the_standard_and_their_edges() {
    for (body, simple, relaxed) in [
        // RFC 6376 §3.4.5.
        (&b" C \r\nD \t E\r\n\r\n\r\n"[..], &b" C \r\nD \t E\r\n"[..], &b" C\r\nD E\r\n"[..]),
        (b"", b"\r\n", b""),
        (b"\r\n\r\n", b"\r\n", b""),
        (b" \t\r\n \r\n", b" \t\r\n \r\n", b""),
        (b"a", b"a\r\n", b"a\r\n"),
        (b"a \t", b"a \t\r\n", b"a\r\n"),
        (b"a\r\n\t \r\n\r\n", b"a\r\n\t \r\n", b"a\r\n"),
        (b"\r\n\r\na", b"\r\n\r\na\r\n", b"\r\n\r\na\r\n"),
        (b"a\r\n\r\n b", b"a\r\n\r\n b\r\n", b"a\r\n\r\n b\r\n"),
        // A CR or an LF alone is content.
        (b"a\rb\nc \r\r\n", b"a\rb\nc \r\r\n", b"a\rb\nc \r\r\n"),
        (b"a\r", b"a\r\r\n", b"a\r\r\n"),
        (b"\n", b"\n\r\n", b"\n\r\n"),
        (b"a\r \r\n", b"a\r \r\n", b"a\r\r\n"),
    ] {
        let text = body.escape_ascii();
        assert_eq!(canonical(Canonicalization::Simple, &[body]), simple, "{text}");
        assert_eq!(canonical(Canonicalization::Relaxed, &[body]), relaxed, "{text}");
    }
}

#[test]
fn fields_of_the_standard_and_their_edges() {
    for (raw, simple, relaxed) in [
        // RFC 6376 §3.4.5.
        (&b"A: X\r\n"[..], &b"A: X\r\n"[..], &b"a:X\r\n"[..]),
        (b"B : Y\t\r\n\tZ  \r\n", b"B : Y\t\r\n\tZ  \r\n", b"b:Y Z\r\n"),
        (b"C:\r\n", b"C:\r\n", b"c:\r\n"),
        (b"C: \r\n\t\r\n", b"C: \r\n\t\r\n", b"c:\r\n"),
        (b"No-End: x", b"No-End: x\r\n", b"no-end:x\r\n"),
        (b"Lf: x\n y\n", b"Lf: x\n y\r\n", b"lf:x y\r\n"),
        (b"Cr: x\ry\r\n", b"Cr: x\ry\r\n", b"cr:x\ry\r\n"),
        (b"U: gr\xc3\xa5 \xff\r\n", b"U: gr\xc3\xa5 \xff\r\n", b"u:gr\xc3\xa5 \xff\r\n"),
    ] {
        let field = header::fields(raw).next().expect("a field");
        for (form, want) in [(Canonicalization::Simple, simple), (Canonicalization::Relaxed, relaxed)] {
            let mut out = Vec::new();
            form.header_field(&field, &mut out);
            assert_eq!(out, want, "{form:?} {}", raw.escape_ascii());
        }
    }
}

#[test]
fn endless_empty_lines_cost_no_memory() {
    let mut hasher = BodyHasher::new(Canonicalization::Simple, []);
    let chunk = b"\r\n".repeat(8192);
    for _ in 0..64 {
        hasher.feed(&chunk);
    }
    hasher.feed(b"x");
    assert!(hasher.digester_capacity() <= 4096);
    assert_eq!(hasher.finish().length, 64 * 16384 + 3);
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    vec(vec(select(b"a \t\r\n\r\n".to_vec()), 0..8), 0..12)
}

proptest! {
    #[test]
    fn any_chunks_give_the_form_by_the_book(pieces in pieces()) {
        let chunks: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let whole = pieces.concat();
        for form in [Canonicalization::Simple, Canonicalization::Relaxed] {
            prop_assert_eq!(canonical(form, &chunks), by_the_book(form, &whole), "{:?} {}", form, whole.escape_ascii());
        }
    }

    #[test]
    fn hashes_are_those_of_the_canonical_bytes(pieces in pieces(), lengths in vec(0u64..40, 0..4)) {
        for form in [Canonicalization::Simple, Canonicalization::Relaxed] {
            let text = by_the_book(form, &pieces.concat());
            let mut hasher = BodyHasher::new(form, lengths.iter().copied());
            for piece in &pieces {
                hasher.feed(piece);
            }
            let hash = hasher.finish();
            prop_assert_eq!(hash.length, text.len() as u64);
            prop_assert_eq!(hash.whole.to_vec(), digest(&SHA256, &text).as_ref().to_vec());
            for length in &lengths {
                let want = text.get(..*length as usize).map(|start| digest(&SHA256, start).as_ref().to_vec());
                prop_assert_eq!(hash.starts.get(length).map(|found| found.to_vec()), want);
            }
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::body::FALSE_ENDS;

const REFUSE: Rules = Rules { repair: false, binary: false, max_size: 1 << 30 };
const REPAIR: Rules = Rules { repair: true, binary: false, max_size: 1 << 30 };

/// What a decoder made of a stream: the message, the fault, and what was left behind the end (if it ended).
#[derive(Debug, PartialEq)]
struct Outcome {
    message: Vec<u8>,
    fault: Option<Fault>,
    left: Option<usize>,
}

fn decode(rules: Rules, stream: &[u8], sizes: &[usize]) -> Outcome {
    let (mut decoder, mut message, mut at) = (Decoder::new(rules), Vec::new(), 0);
    for size in sizes.iter().copied().cycle() {
        let chunk = &stream[at..stream.len().min(at + size)];
        let fed = decoder.feed_data(chunk, &mut message);
        at += fed.used;
        if fed.end || at == stream.len() {
            let left = fed.end.then_some(stream.len() - at);
            return Outcome { message, fault: decoder.fault(), left };
        }
    }
    unreachable!("the sizes cycle")
}

#[test]
fn dots_are_removed_and_the_end_is_found() {
    for (stream, message, left) in [
        (".\r\n", "", Some(0)),
        ("\r\n.\r\n", "\r\n", Some(0)),
        ("a\r\n.\r\nQUIT\r\n", "a\r\n", Some(6)),
        ("..\r\n.\r\n", ".\r\n", Some(0)),
        ("...a\r\n.\r\n", "..a\r\n", Some(0)),
        (".a\r\n.\r\n", "a\r\n", Some(0)),
        ("a.\r\n.b\r\n.\r\n", "a.\r\nb\r\n", Some(0)),
        ("a\0b\u{80}\r\n.\r\n", "a\0b\u{80}\r\n", Some(0)),
        ("a\r\n.", "a\r\n", None),
    ] {
        let expected = Outcome { message: message.into(), fault: None, left };
        for size in 1..=stream.len() {
            assert_eq!(decode(REFUSE, stream.as_bytes(), &[size]), expected, "{stream:?} by {size}");
        }
    }
}

#[test]
fn false_ends_neither_end_nor_pass() {
    for false_end in FALSE_ENDS {
        let smuggled = "MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nfalse\r\n";
        let stream = format!("first{false_end}{smuggled}.\r\n");
        for size in [1, 2, 3, 1000] {
            let refused = decode(REFUSE, stream.as_bytes(), &[size]);
            assert_eq!((refused.fault, refused.left), (Some(Fault::BareNewline), Some(0)), "{false_end:?}");
            let repaired = decode(REPAIR, stream.as_bytes(), &[size]);
            assert_eq!((repaired.fault, repaired.left), (None, Some(0)), "{false_end:?}");
            let text = String::from_utf8(repaired.message).expect("ASCII");
            assert!(text.ends_with(smuggled), "{text:?}");
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
        }
    }
}

#[test]
fn sizes_and_lines_are_limited_and_swallowed() {
    let small = Rules { repair: false, binary: false, max_size: 10 };
    let fault = |rules, stream: &[u8]| decode(rules, stream, &[4096]).fault;
    assert_eq!(fault(small, b"12345678\r\n.\r\n"), None);
    assert_eq!(fault(small, b"123456789\r\n.\r\nX"), Some(Fault::TooLarge));
    assert_eq!(decode(small, b"..345678\r\n.\r\n", &[3]).fault, None);

    let mut line = vec![b'x'; limits::MESSAGE_LINE_LENGTH];
    line.extend_from_slice(b"\r\n.\r\n");
    assert_eq!(fault(REFUSE, &line), None);
    line.insert(0, b'x');
    assert_eq!(decode(REFUSE, &line, &[usize::MAX >> 1]).fault, Some(Fault::LineTooLong));
    assert_eq!(fault(REFUSE, &line), Some(Fault::LineTooLong));

    let mut decoder = Decoder::new(small);
    let mut out = Vec::new();
    for _ in 0..300 {
        decoder.feed_data(&[b'x'; 4096], &mut out);
    }
    assert!(decoder.is_absurd() && out.is_empty());
}

#[test]
fn chunks_may_end_anywhere_but_in_half_a_line_end() {
    let run = |chunks: &[&str]| {
        let (mut decoder, mut out) = (Decoder::new(REFUSE), Vec::new());
        for chunk in chunks {
            decoder.feed_chunk(chunk.as_bytes(), &mut out);
        }
        decoder.finish(&mut out);
        (String::from_utf8(out).expect("ASCII"), decoder.fault())
    };
    assert_eq!(run(&["a\r", "\n.", "\r\n..b"]), ("a\r\n.\r\n..b".into(), None));
    assert_eq!(run(&["a\r"]).1, Some(Fault::BareNewline));
    assert_eq!(run(&["a\n"]).1, Some(Fault::BareNewline));
}

/// The rules once more, byte by byte and over the whole stream.
fn model(rules: Rules, stream: &[u8]) -> Outcome {
    let (mut message, mut fault, mut at, mut line_start) = (Vec::new(), None, 0, true);
    while at < stream.len() {
        let rest = &stream[at..];
        if line_start && rest.starts_with(b".\r\n") {
            return Outcome { message, fault, left: Some(rest.len() - 3) };
        }
        if line_start && rest[0] == b'.' {
            at += 1;
            line_start = false;
        } else if rest.starts_with(b"\r\n") {
            message.extend_from_slice(b"\r\n");
            at += 2;
            line_start = true;
        } else {
            line_start = false;
            at += 1;
            match rest[0] {
                b'\r' | b'\n' if rules.repair => message.extend_from_slice(b"\r\n"),
                b'\r' | b'\n' => fault = Some(Fault::BareNewline),
                other => message.push(other),
            }
        }
    }
    Outcome { message, fault, left: None }
}

fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => Just(b"\r\n".to_vec()),
        2 => Just(b".".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\n".to_vec()),
        4 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => proptest::collection::vec(Just(b'x'), 200..700),
        2 => Just(b"a line of text without anything odd in it\r\n".repeat(9)),
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_stream_in_any_chunks_is_as_the_model_says(
        mut stream in streams(),
        sizes in proptest::collection::vec(1usize..600, 1..8),
        repair in any::<bool>(),
    ) {
        let rules = if repair { REPAIR } else { REFUSE };
        stream.extend_from_slice(b"\r\n.\r\n");
        let (ours, expected) = (decode(rules, &stream, &sizes), model(rules, &stream));
        prop_assert_eq!((ours.fault, ours.left), (expected.fault, expected.left));
        if expected.fault.is_none() {
            prop_assert_eq!(ours.message, expected.message);
        }
    }
}

//! The message parser: the same however the bytes arrive, every range inside, the summary survives being kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::section::{self, Section, What};
use message::text::{Decoder, Encoding, decode_body};
use message::{Parser, Part, Summary};

fn is_inside(part: &Part, outer: &std::ops::Range<u64>) {
    assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
    assert!(part.body.start <= part.body.end);
    assert!(outer.start <= part.header.start && part.body.end <= outer.end, "{part:?} is not in {outer:?}");
    assert!(part.lines <= part.body.end - part.body.start);
    part.children.iter().for_each(|child| is_inside(child, &part.body));
}

fn parts_decode(part: &Part, message: &[u8], seed: u8) {
    let body = &message[part.body.start as usize..part.body.end as usize];
    let encoding = Encoding::from_name(&part.encoding);
    let (mut decoder, mut out) = (Decoder::new(encoding), Vec::new());
    fuzz::cuts(seed, body).into_iter().for_each(|piece| decoder.feed(piece, &mut out));
    decoder.finish(&mut out);
    assert_eq!(out, decode_body(encoding, body), "it matters how the body is cut");
    let text = message::text::to_utf8(&part.parameter("charset").unwrap_or_default(), &out);
    message::text::html_to_text(&text);
    part.file_name();
    part.children.iter().for_each(|child| parts_decode(child, message, seed));
}

fn sections_are_inside(summary: &Summary, path: &mut Vec<u32>) {
    for what in [What::Whole, What::Header, What::Text, What::Mime] {
        if let Some(range) = section::locate(summary, &Section { path: path.clone(), what }) {
            assert!(range.start <= range.end && range.end <= summary.size);
        }
    }
    for number in 1..=3 {
        path.push(number);
        if path.len() < 5 && section::find_part(summary, path).is_some() {
            sections_are_inside(summary, path);
        }
        path.pop();
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[seed], message)) = data.split_first_chunk::<1>() else { return };
    let mut summary = Parser::parse(message);
    let mut parser = Parser::new();
    fuzz::cuts(seed, message).into_iter().for_each(|piece| parser.feed(piece));
    assert_eq!(parser.finish(), summary, "it matters how the message is cut");
    assert_eq!(summary.size, message.len() as u64);
    is_inside(&summary.root, &(0..summary.size));
    parts_decode(&summary.root, message, seed);
    sections_are_inside(&summary, &mut Vec::new());
    assert_eq!(Summary::decode(&summary.encode()).expect("it was just written"), summary);
    message::subject::base(summary.envelope.subject.as_deref().unwrap_or_default());
    let _ = (summary.message_id(), summary.subject(), summary.from_addresses(), summary.is_auto_submitted());
    summary.prepend(b"Received: by x\r\nDelivered-To: a@b.test\r\n");
    let parsed = Parser::parse(&[b"Received: by x\r\nDelivered-To: a@b.test\r\n", message].concat());
    assert_eq!((summary.size, summary.root.header.clone()), (parsed.size, parsed.root.header.clone()));
    is_inside(&summary.root, &(0..summary.size));
});

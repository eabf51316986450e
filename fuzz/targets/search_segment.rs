//! Files of the search index: damaged ones are none, and ones that were made wrong answer something, never with a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use search::{Likeness, Phrase, Segment, Verdict, Zones};

/// The length of a file's header, which ends with a checksum of what follows and one of itself.
const HEADER: usize = 40;

/// The same bytes with checksums that hold, as a file has them that was made wrong.
fn sealed(data: &[u8]) -> Option<Vec<u8>> {
    let mut file = data.to_vec();
    let body = crc32fast::hash(file.get(HEADER..)?);
    file[32..36].copy_from_slice(&body.to_le_bytes());
    let header = crc32fast::hash(&file[..36]);
    file[36..HEADER].copy_from_slice(&header.to_le_bytes());
    Some(file)
}

fn check(file: Vec<u8>) {
    let length = file.len();
    let Some(segment) = Segment::open(file) else { return };
    assert_eq!(segment.bytes(), length);
    assert_eq!(segment.documents().count(), segment.len());
    assert_eq!(segment.uids().is_none(), segment.is_empty());
    let long = "x".repeat(100);
    for text in ["a", "hello", "hello world", " b", "a-b-c", "--", "\u{898b}", "\u{1}", &long] {
        for zones in [Zones::BODY, Zones::SUBJECT, Zones::ALL] {
            let hits = segment.find(&Phrase::new(text), zones);
            for place in 0..segment.len() {
                let verdict = hits.of(place);
                assert!(verdict != Verdict::Yes || !text.contains(' '), "two words are looked for in the text");
            }
            if let Some(likeness) = Likeness::new(text, zones) {
                let scores = segment.find_like(&likeness);
                assert_eq!(scores.len(), segment.len());
                assert!(scores.iter().all(|score| *score <= 100));
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    check(data.to_vec());
    if let Some(file) = sealed(data) {
        check(file);
    }
});

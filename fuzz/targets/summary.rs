//! Kept summaries: damaged bytes are an error or another summary, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::section::{self, Section, What};
use message::{Parser, Summary};

/// A summary as it is kept, with up to two bytes changed.
fn damaged(data: &[u8]) -> Option<Vec<u8>> {
    let (&[a, b, by_a, by_b], message) = data.split_first_chunk::<4>()?;
    let mut kept = Parser::parse(message).encode();
    let length = kept.len();
    kept[usize::from(a) % length] ^= by_a;
    kept[length - 1 - usize::from(b) % length] ^= by_b;
    Some(kept)
}

fn check(bytes: &[u8]) {
    let Ok(summary) = Summary::decode(bytes) else { return };
    assert_eq!(Summary::decode(&summary.encode()).expect("it was just written"), summary);
    for path in [vec![], vec![1], vec![2], vec![1, 1], vec![2, 1], vec![1, 2, 1]] {
        for what in [What::Whole, What::Header, What::Text, What::Mime] {
            section::locate(&summary, &Section { path: path.clone(), what });
        }
    }
    let _ = (summary.message_id(), summary.subject(), summary.from_addresses(), summary.is_auto_submitted());
    summary.root.file_name();
}

fuzz_target!(|data: &[u8]| {
    check(data);
    if let Some(kept) = damaged(data) {
        check(&kept);
    }
});

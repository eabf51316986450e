//! Kept summaries: damaged bytes are an error or another summary, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use message::Summary;
use message::section::{self, Section, What};

fuzz_target!(|data: &[u8]| {
    let Ok(summary) = Summary::decode(data) else { return };
    assert_eq!(Summary::decode(&summary.encode()).expect("it was just written"), summary);
    for path in [vec![], vec![1], vec![2], vec![1, 1], vec![2, 1], vec![1, 2, 1]] {
        for what in [What::Whole, What::Header, What::Text, What::Mime] {
            section::locate(&summary, &Section { path: path.clone(), what });
        }
    }
    let _ = (summary.message_id(), summary.subject(), summary.from_addresses(), summary.is_auto_submitted());
    summary.root.file_name();
});

//! A PROXY header: it asks for what belongs to it only, always for something, and never for more than it may have.
#![no_main]

#[allow(dead_code, clippy::all)]
#[path = "../../crates/server/src/proxy_header.rs"]
mod proxy_header;

use libfuzzer_sys::fuzz_target;
use proxy_header::{Progress, parse};

const LONGEST: usize = 600;

fuzz_target!(|data: &[u8]| {
    let mut at = 0;
    while let Some(bytes) = data.get(..at) {
        match parse(bytes, LONGEST) {
            Progress::More(count) => {
                assert!(count > 0, "it waits for nothing");
                at += count;
                assert!(at <= LONGEST, "it waits for too much");
            }
            whole => {
                assert_eq!(parse(bytes, LONGEST), whole);
                return;
            }
        }
    }
});

//! Reports of anybody, packed or not: read within bounds, and what was read is written and reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::limits;
use mailauth::report::{aggregate, feedback, incoming, tls, unpack};

fuzz_target!(|data: &[u8]| {
    if let Ok(content) = unpack::unpack(data) {
        assert!(content.len() as u64 <= limits::REPORT_LENGTH);
        assert_eq!(unpack::unpack(&unpack::gzip(&content)).as_ref(), Ok(&content));
    }
    if let Ok(mut report) = aggregate::read(data) {
        assert!(report.rows.len() <= limits::REPORT_ROWS);
        report.truncated = false;
        assert_eq!(aggregate::read(report.to_xml().as_bytes()), Ok(report));
    }
    if let Ok(mut report) = tls::read(data) {
        report.truncated = false;
        assert_eq!(tls::read(report.to_json().as_bytes()), Ok(report));
    }
    if let Some(report) = feedback::read(data, Some(data)) {
        assert!(report.incidents > 0);
    }
    drop(incoming::find(data));
});

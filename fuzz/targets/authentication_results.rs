//! Authentication-Results of anybody: what was read is written as one field and reads the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{Domain, limits};
use mailauth::results;

fuzz_target!(|data: &[u8]| {
    let ours = Domain::new("mx.here.test").expect("a domain");
    for claim in results::claims(data, std::slice::from_ref(&ours)) {
        assert!(data[claim.range].to_ascii_lowercase().starts_with(b"authentication-results"));
    }
    let Some(read) = results::parse(data) else { return };
    assert!(read.results.len() <= limits::AUTHENTICATION_RESULTS);
    let field = results::write(&ours, &read.results);
    assert!(field.is_ascii() && field.lines().all(|line| line.len() < 998));
    assert_eq!(message::header::fields(field.as_bytes()).count(), 1);
    let value = &field.as_bytes()["Authentication-Results:".len()..];
    let again = results::parse(value).expect("it has our name");
    assert_eq!((again.id.as_str(), again.results.len()), (ours.as_str(), read.results.len()));
    assert_eq!(results::write(&ours, &again.results), field);
});

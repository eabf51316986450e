//! The words of the envelope: what is read and written again is the same, and can break no line.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use mail::{Address, Domain, EnhancedCode, Host, Id, Keyword, MailboxName, ReversePath, Wall};

fn again<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert!(!written.contains(['\r', '\n', '\0']), "{written:?}");
        assert!(written.parse::<T>().is_ok_and(|read| read == value), "{text:?} became {written:?}");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    again::<Domain>(text);
    again::<Host>(text);
    again::<Address>(text);
    again::<ReversePath>(text);
    again::<EnhancedCode>(text);
    again::<Id>(text);
    if let Ok(address) = Address::new(text, Host::Domain(Domain::new("b.test").expect("a domain"))) {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(name) = MailboxName::new(text) {
        assert_eq!(MailboxName::new(name.as_str()).as_ref(), Ok(&name));
        assert_eq!(
            imap::utf7::decode(imap::utf7::encode(name.as_str()).as_bytes()).as_deref(),
            Some(name.as_str())
        );
        assert!(name.parent().is_none_or(|parent| name.is_below(&parent)));
    }
    if let Some(keyword) = Keyword::new(text) {
        assert!(keyword.as_str().is_ascii());
    }
    if let Some(bytes) = data.first_chunk::<8>() {
        let civil = Wall::from_millis(i64::from_le_bytes(*bytes)).civil();
        assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day));
    }
});

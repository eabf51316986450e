//! IMAP's small languages: commands without a session, sequence sets, mailbox names in modified UTF-7.
#![no_main]

use imap::command::Command;
use imap::grammar::Place;
use imap::url::MessageUrl;
use imap::{Numbers, SequenceSet, Text, grammar, utf7};
use libfuzzer_sys::fuzz_target;

fn set_is_sound(set: &SequenceSet, largest: u32) {
    let numbers = set.resolve(largest, &Numbers::default());
    for pair in numbers.ranges().windows(2) {
        assert!(pair[0].1.checked_add(1).is_some_and(|next| next < pair[1].0), "ranges touch");
    }
    for &(low, high) in numbers.ranges() {
        assert!(low <= high && high > 0);
        assert!(numbers.contains(low) && numbers.contains(high));
        assert!(low == 0 || low == 1 || !numbers.contains(low - 1));
        assert!(high == u32::MAX || !numbers.contains(high + 1));
    }
    assert_eq!(numbers.is_empty(), numbers.ranges().is_empty());
}

fn names_go_both_ways(bytes: &[u8]) {
    if let Some(name) = utf7::decode(bytes) {
        assert_eq!(utf7::encode(&name).as_bytes(), bytes, "two forms of one name");
    }
    if let Ok(name) = std::str::from_utf8(bytes) {
        let wire = utf7::encode(name);
        assert!(wire.is_ascii());
        assert_eq!(utf7::decode(wire.as_bytes()).as_deref(), Some(name));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((&[largest], text)) = data.split_first_chunk::<1>() else { return };
    names_go_both_ways(text);
    let fetch = [b"a FETCH ", text, b" FLAGS\r\n"].concat();
    if let Ok(Command::Fetch(fetch)) = grammar::parse(&fetch).map(|request| request.command) {
        set_is_sound(&fetch.set, u32::from(largest));
        set_is_sound(&fetch.set, u32::MAX);
        fetch.set.largest_written();
    }
    let line = [text, b"\r\n"].concat();
    for bytes in [text, &line, &[b"a ".as_slice(), &line].concat()] {
        grammar::tag_of(bytes);
        for form in [Text::Ascii, Text::Utf8] {
            let _ = grammar::parse_in(form, bytes);
            let _ = grammar::append_start(form, bytes);
            for place in [Place::Message, Place::Behind, Place::Parts(0), Place::Parts(1), Place::Utf8] {
                let _ = grammar::append_more(form, bytes, place, false);
            }
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            let _ = MessageUrl::parse(text);
        }
    }
});

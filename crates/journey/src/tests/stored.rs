//! Events in the store.

use proptest::prelude::*;

use super::{accepted, all_kinds, at};
use crate::{Event, What, record};

fn events() -> Vec<Event> {
    all_kinds().into_iter().enumerate().map(|(n, what)| Event { at: at(n as i64), what }).collect()
}

#[test]
fn all_kinds_come_back_as_they_were() {
    assert_eq!(record::decode(&record::encode(&events())), Ok(events()));
}

#[test]
fn long_texts_are_cut() {
    let long = "ä".repeat(5000);
    let what = accepted("s@a.test", &[], &long, &long);
    let stored = record::encode(&[Event { at: at(0), what }]);
    assert!(stored.len() < 2000);
    let read = record::decode(&stored).expect("events");
    let What::Accepted(accepted) = &read[0].what else { panic!("{read:?}") };
    assert_eq!(accepted.subject.as_ref().map(|s| s.chars().count()), Some(200));
}

proptest! {
    #[test]
    fn damaged_events_are_errors(at in 0usize..600, with in any::<u8>(), cut in 0usize..700) {
        let mut bytes = record::encode(&events());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        bytes.truncate(bytes.len().min(cut));
        drop(record::decode(&bytes));
    }
}

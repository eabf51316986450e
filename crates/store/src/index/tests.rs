//! Both indexes keep the same rules.

use std::sync::Arc;

use super::{Change, Index, MapIndex, Pins, View};
use crate::{Key, Version};

fn change(key: &str, value: Option<&str>, version: u64) -> Change {
    Change {
        key: key.as_bytes().to_vec().into(),
        value: value.map(|value| value.as_bytes().to_vec().into()),
        version: Version(version),
    }
}

fn text(index: &dyn Index, at: u64, back: bool) -> String {
    let all = Key::from_bytes(Vec::new()).prefix_range();
    let found = index.range(&all, 100, back, at).expect("the index works");
    let entry = |(key, found): &(Key, crate::Versioned)| {
        let value = String::from_utf8_lossy(&found.value).into_owned();
        format!("{}={value}@{}", String::from_utf8_lossy(key.as_bytes()), found.version.0)
    };
    found.iter().map(entry).collect::<Vec<String>>().join(" ")
}

#[test]
fn a_view_does_not_change_and_what_nobody_sees_is_forgotten() {
    let pins = Arc::new(Pins::default());
    let index: Arc<dyn Index> = Arc::new(MapIndex::new(Arc::clone(&pins)));
    index.apply(1, &[change("a", Some("1"), 1), change("b", Some("1"), 1)]);
    pins.show(1);
    let view = View::new(Arc::clone(&index), Arc::clone(&pins));
    index.apply(2, &[change("a", None, 2), change("b", Some("2"), 1), change("c", Some("2"), 2)]);
    assert_eq!(text(index.as_ref(), 1, false), "a=1@1 b=1@1");
    pins.show(2);
    assert_eq!(text(index.as_ref(), view.at, false), "a=1@1 b=1@1");
    assert_eq!(text(index.as_ref(), 2, true), "c=2@2 b=2@1");
    drop(view);
    index.apply(3, &[]);
    assert_eq!(text(index.as_ref(), 3, false), "b=2@1 c=2@2");
    assert_eq!(text(index.as_ref(), 1, false), "", "the old moment is gone");
}

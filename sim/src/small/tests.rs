use super::*;
use crate::actors::remote::{Act, Stage};

#[test]
fn without_trouble_all_is_well() {
    let images = Images::default();
    for to in To::ALL {
        for large in [false, true] {
            let case = Case { to, large, script: Vec::new(), trouble: Trouble::None, seed: 1 };
            let outcome = case.play(&images, Trace::quiet());
            assert_eq!(outcome.violations, [], "{}", case.name());
            assert!(outcome.operations > 5 && outcome.polls > 20, "{} {}", outcome.operations, outcome.polls);
        }
    }
}

#[test]
fn a_word_that_was_lost_makes_a_second_copy_and_no_complaint() {
    let script = vec![(Stage::End, Act::DropAfter)];
    let case = Case { to: To::LocalRemote, large: false, script, trouble: Trouble::None, seed: 1 };
    let outcome = case.play(&Images::default(), Trace::quiet());
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.coverage.get("remote.accepted-in-doubt"), Some(&1), "{:?}", outcome.coverage);
    assert_eq!(outcome.coverage.get("remote.accepted"), Some(&1), "{:?}", outcome.coverage);
}

#[test]
fn nothing_is_lost_in_the_small_worlds() {
    let images = Images::default();
    let summary = play(&images, &cases(&images, Depth::Quick), |_| {});
    assert!(summary.failures.is_empty(), "{:#?}", &summary.failures[..summary.failures.len().min(5)]);
    assert!(summary.cases > 100, "{summary:?}");
}

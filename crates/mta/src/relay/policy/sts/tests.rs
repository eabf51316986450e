//! What is remembered of failures.

use super::*;

#[test]
fn a_domain_that_failed_is_left_alone_for_a_while() {
    let domain = |n: usize| Domain::new(&format!("d{n}.test")).expect("a name");
    let at = |seconds| Mono::from_start(Duration::from_secs(seconds));
    let policies = Policies::default();
    assert!(policies.may_fetch(&domain(0), at(0)));
    policies.failed(&domain(0), at(0));
    assert!(!policies.may_fetch(&domain(0), at(299)));
    assert!(policies.may_fetch(&domain(0), at(300)));
    // There is room for so many.
    for n in 0..=limits::STS_FAILURES {
        policies.failed(&domain(n), at(10));
    }
    assert!(!policies.may_fetch(&domain(limits::STS_FAILURES - 1), at(11)));
    assert!(policies.may_fetch(&domain(limits::STS_FAILURES), at(11)));
    policies.failed(&domain(limits::STS_FAILURES), at(400));
    assert!(!policies.may_fetch(&domain(limits::STS_FAILURES), at(401)));
}

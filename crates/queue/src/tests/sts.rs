//! Policies that are kept.

use std::time::Duration;

use mail::Domain;
use store::Batch;

use super::{Office, at};
use crate::KeptPolicy;

fn domain(name: &str) -> Domain {
    Domain::new(name).expect("a name")
}

#[tokio::test]
async fn policies_are_kept_replaced_listed_and_forgotten() {
    let office = Office::new(1).await;
    let policy = |id: &str| KeptPolicy {
        id: id.into(),
        text: "version: STSv1\n".into(),
        fetched: at(1),
        max_age: Duration::from_mins(10),
        used: at(2),
    };
    let mut batch = Batch::new();
    for (name, id) in [("a.test", "1"), ("a.test", "2"), ("c.test", "3"), ("b.test", "4")] {
        office.queue.keep_policy(&mut batch, &domain(name), &policy(id));
    }
    office.commit(batch).await;
    assert_eq!(office.queue.policy(&domain("a.test")).await, Ok(Some(policy("2"))));
    assert_eq!(office.queue.policy(&domain("x.a.test")).await, Ok(None));
    let first = office.queue.policies(None, 2).await.expect("a page");
    assert_eq!(first, [(domain("a.test"), policy("2")), (domain("b.test"), policy("4"))]);
    let rest = office.queue.policies(Some(&domain("b.test")), 2).await.expect("a page");
    assert_eq!(rest, [(domain("c.test"), policy("3"))]);
    let mut batch = Batch::new();
    office.queue.forget_policy(&mut batch, &domain("a.test"));
    office.commit(batch).await;
    assert_eq!(office.queue.policy(&domain("a.test")).await, Ok(None));
}

#[test]
fn a_policy_holds_for_its_time() {
    let policy = KeptPolicy {
        id: String::new(),
        text: String::new(),
        fetched: at(1),
        max_age: Duration::from_mins(10),
        used: at(1),
    };
    for (now, holds) in [(1, true), (10, true), (11, false), (12, false), (-5, true)] {
        assert_eq!(policy.holds(at(now)), holds, "{now}");
    }
}

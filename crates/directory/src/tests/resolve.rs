//! Where mail goes.

use super::{House, address};
use crate::{Error, Resolution, Target};

/// Targets as text: `account+detail` by address, or the remote address.
async fn resolved(house: &House, to: &str) -> String {
    let shown = |target: Target| match target {
        Target::Account { address, detail, .. } => format!("{address}({})", detail.unwrap_or_default()),
        Target::Remote(address) => format!("->{address}"),
    };
    match house.directory.resolve(&address(to)).await {
        Ok(Resolution::NotLocal) => "not local".into(),
        Ok(Resolution::NoSuchUser) => "nobody".into(),
        Ok(Resolution::Targets(targets)) => targets.into_iter().map(shown).collect::<Vec<_>>().join(" "),
        Err(error) => format!("error: {error}"),
    }
}

#[tokio::test]
async fn addresses_lead_where_they_should() {
    let house = House::new().await;
    house.account("Ann@x.test", None).await;
    house.account("bob@x.test", None).await;
    for (alias, targets) in [
        ("team@x.test", &["ann@x.test", "BOB+team@x.test", "c@far.test"][..]),
        ("all@x.test", &["team@x.test", "ann@x.test"]),
        ("grün@x.test", &["bob@x.test"]),
        ("ghost@x.test", &["nobody@x.test"]),
        ("half@x.test", &["nobody@x.test", "ann@x.test"]),
    ] {
        house.alias(alias, targets).await.expect(alias);
    }
    for (to, goes) in [
        ("ann@x.test", "Ann@x.test()"),
        ("ANN@X.TEST", "Ann@x.test()"),
        ("ann+a+b@x.test", "Ann@x.test(a+b)"),
        ("GRÜN@x.test", "bob@x.test()"),
        ("team@x.test", "Ann@x.test() bob@x.test(team) ->c@far.test"),
        ("all@x.test", "Ann@x.test() bob@x.test(team) ->c@far.test"),
        ("ghost@x.test", "nobody"),
        ("half@x.test", "Ann@x.test()"),
        ("nobody@x.test", "nobody"),
        ("+x@x.test", "nobody"),
        ("postmaster@x.test", "Ann@x.test()"),
        ("PostMaster@x.test", "Ann@x.test()"),
        ("ann@y.test", "not local"),
        ("ann@[127.0.0.1]", "not local"),
        // Attack A22: what looks like a route is a local-part.
        ("ann%y.test@x.test", "nobody"),
        ("\"ann@y.test\"@x.test", "nobody"),
        ("\"ann\"@x.test", "Ann@x.test()"),
    ] {
        assert_eq!(resolved(&house, to).await, goes, "{to}");
    }
    house.alias("*@x.test", &["bob@x.test"]).await.expect("a catch-all");
    assert_eq!(resolved(&house, "whoever@x.test").await, "bob@x.test()");
    assert_eq!(resolved(&house, "ann@x.test").await, "Ann@x.test()");
}

#[tokio::test]
async fn circles_are_refused_and_survived() {
    let house = House::new().await;
    house.alias("a@x.test", &["b@x.test"]).await.expect("b has nobody yet");
    let refused = house.alias("b@x.test", &["c@far.test", "A@x.test"]).await;
    assert_eq!(refused, Err(Error::AliasLimit("b@x.test".into())));
    assert_eq!(house.alias("c@x.test", &[]).await, Err(Error::NoTargets));
    let depth = mail::limits::ALIAS_DEPTH;
    house.account("end@x.test", None).await;
    house.alias(&format!("l{depth}@x.test"), &["end@x.test"]).await.expect("a free address");
    for level in (1..depth).rev() {
        let next = format!("l{}@x.test", level + 1);
        house.alias(&format!("l{level}@x.test"), &[&next]).await.expect("within the depth");
    }
    assert_eq!(resolved(&house, "l1@x.test").await, "end@x.test()");
    assert_eq!(house.alias("l0@x.test", &["l1@x.test"]).await, Err(Error::AliasLimit("l0@x.test".into())));
}

#[tokio::test]
async fn senders_are_those_whom_the_address_leads_to() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", None).await;
    let bob = house.account("bob@x.test", None).await;
    house.alias("team@x.test", &["ann@x.test"]).await.expect("a free address");
    for (who, as_whom, may) in [
        (ann, "ANN@x.test", true),
        (ann, "ann+shop@x.test", true),
        (ann, "team@x.test", true),
        (bob, "team@x.test", false),
        (bob, "ann@x.test", false),
        (ann, "ann@far.test", false),
        (ann, "nobody@x.test", false),
    ] {
        assert_eq!(house.directory.may_send_as(who, &address(as_whom)).await, Ok(may), "{who} {as_whom}");
    }
    let mut batch = store::Batch::new();
    house.directory.set_enabled(&mut batch, ann, false).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(house.directory.may_send_as(ann, &address("ann@x.test")).await, Ok(false));
    assert_eq!(resolved(&house, "ann@x.test").await, "ann@x.test()", "its mail is still taken");
}

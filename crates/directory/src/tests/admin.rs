//! Adding, removing and listing.

use mail::{AccountId, Wall};
use store::Batch;

use super::{House, address};
use crate::{Error, RemovedAccount};

/// When accounts are removed.
const NOW: Wall = Wall::from_secs(1_800_000_000);

#[tokio::test]
async fn an_address_has_one_owner() {
    let house = House::new().await;
    house.account("ann@x.test", None).await;
    let taken = |name: &str| Err(Error::AddressTaken(address(name)));
    assert_eq!(house.alias("Ann@x.test", &["b@far.test"]).await, taken("Ann@x.test"));
    let mut batch = Batch::new();
    let again = house.directory.add_account(&mut batch, &address("ANN@x.test"), None).await;
    assert_eq!(again, Err(Error::AddressTaken(address("ANN@x.test"))));
    let strange = house.directory.add_account(&mut batch, &address("ann@y.test"), None).await;
    assert_eq!(strange, Err(Error::NoSuchDomain("y.test".into())));
}

#[tokio::test]
async fn two_operators_conflict_rather_than_mix() {
    let house = House::new().await;
    let (mut first, mut second) = (Batch::new(), Batch::new());
    let one = house.directory.add_account(&mut first, &address("a@x.test"), None).await;
    let two = house.directory.add_account(&mut second, &address("b@x.test"), None).await;
    assert_eq!((one, two), (Ok(AccountId(1)), Ok(AccountId(1))));
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await, Err(store::Error::Conflict));
}

#[tokio::test]
async fn a_domain_goes_only_when_empty() {
    let house = House::new().await;
    let domain = "x.test".parse().expect("a domain");
    let id = house.account("ann@x.test", None).await;
    let mut batch = Batch::new();
    let used = house.directory.remove_domain(&mut batch, &domain).await;
    assert_eq!(used, Err(Error::DomainInUse(domain.clone())));
    house.directory.remove_account(&mut batch, id, NOW).await.expect("an account");
    house.commit(batch).await;
    let (mut gone, mut late) = (Batch::new(), Batch::new());
    house.directory.remove_domain(&mut gone, &domain).await.expect("an empty domain");
    house.directory.add_account(&mut late, &address("b@x.test"), None).await.expect("still ours");
    house.commit(late).await;
    assert_eq!(house.store.commit(gone).await, Err(store::Error::Conflict), "someone came in between");
}

#[tokio::test]
async fn numbers_are_not_used_again() {
    let house = House::new().await;
    let id = house.account("ann@x.test", None).await;
    let mut batch = Batch::new();
    house.directory.remove_account(&mut batch, id, NOW).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(house.directory.account(id).await, Ok(None));
    assert!(house.account("ann@x.test", None).await > id);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let house = House::new().await;
    for name in ["a@x.test", "b@x.test", "c@x.test"] {
        house.account(name, None).await;
        house.alias(&format!("alias-{name}"), &[name]).await.expect("a free address");
    }
    let first = house.directory.accounts(None, None, 2).await.expect("a list");
    let rest = house.directory.accounts(None, first.last().map(|a| a.id), 2).await.expect("a list");
    let names: Vec<String> = first.iter().chain(&rest).map(|a| a.address.to_string()).collect();
    assert_eq!(names, ["a@x.test", "b@x.test", "c@x.test"]);
    let first = house.directory.aliases(None, None, 2).await.expect("a list");
    let rest = house.directory.aliases(None, first.last().map(|a| &a.address), 2).await.expect("a list");
    let names: Vec<String> = first.iter().chain(&rest).map(|a| a.address.to_string()).collect();
    assert_eq!(names, ["alias-a@x.test", "alias-b@x.test", "alias-c@x.test"]);
    assert_eq!(house.directory.domains(None, 9).await.map(|d| d.len()), Ok(1));
}

#[tokio::test]
async fn a_removed_account_comes_back_where_its_address_is_free() {
    let house = House::new().await;
    let id = house.account("Ann@x.test", Some("correct horse")).await;
    let kept = house.store.snapshot().get(&crate::keys::credential(id)).await.expect("a healthy store");
    let mut batch = Batch::new();
    house.directory.set_shared(&mut batch, id, true).await.expect("an account");
    house.commit(batch).await;
    let mut batch = Batch::new();
    house.directory.remove_account(&mut batch, id, NOW).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(house.directory.account_by_login("ann@x.test").await, Ok(None));
    let removed = house.directory.removed_accounts(None, 9).await.expect("a list");
    assert_eq!(removed, [RemovedAccount { id, address: address("Ann@x.test"), at: NOW }]);

    let other = house.account("ann@x.test", None).await;
    assert!(other > id, "someone new, with nothing of the old one's");
    let mut batch = Batch::new();
    let taken = house.directory.restore_account(&mut batch, id, &address("ann@x.test")).await;
    assert_eq!(taken, Err(Error::AddressTaken(address("ann@x.test"))));
    let mut batch = Batch::new();
    house
        .directory
        .restore_account(&mut batch, id, &address("ann.old@x.test"))
        .await
        .expect("a free address");
    house.commit(batch).await;
    let back = house.directory.account_by_login("ann.old@x.test").await.expect("an answer");
    assert!(back.is_some_and(|it| it.id == id && it.enabled && it.has_password && it.shared));
    let again = house.store.snapshot().get(&crate::keys::credential(id)).await.expect("a healthy store");
    assert_eq!(again.map(|found| found.value), kept.map(|found| found.value));
    assert_eq!(house.directory.removed_accounts(None, 9).await, Ok(vec![]));

    let mut batch = Batch::new();
    house.directory.remove_account(&mut batch, id, NOW).await.expect("an account");
    house.commit(batch).await;
    let mut batch = Batch::new();
    house.directory.forget_account(&mut batch, id);
    house.commit(batch).await;
    let gone = house.directory.restore_account(&mut Batch::new(), id, &address("ann.old@x.test")).await;
    assert!(matches!(gone, Err(Error::NoSuchAccount(_))));
}

/// Being disabled and being shared leave each other alone, and are not changed at the same time.
#[tokio::test]
async fn an_account_is_marked_as_shared() {
    let house = House::new().await;
    let id = house.account("team@x.test", None).await;
    for (enabled, shared) in
        [(None, Some(true)), (Some(false), None), (None, Some(false)), (Some(true), Some(true))]
    {
        for change in [enabled.map(|yes| (true, yes)), shared.map(|yes| (false, yes))].into_iter().flatten() {
            let mut batch = Batch::new();
            match change {
                (true, yes) => house.directory.set_enabled(&mut batch, id, yes).await.expect("an account"),
                (false, yes) => house.directory.set_shared(&mut batch, id, yes).await.expect("an account"),
            }
            house.commit(batch).await;
        }
        let account = house.directory.account(id).await.expect("an answer").expect("an account");
        assert!(enabled.is_none_or(|yes| account.enabled == yes));
        assert!(shared.is_none_or(|yes| account.shared == yes));
    }
    let (mut first, mut second) = (Batch::new(), Batch::new());
    house.directory.set_enabled(&mut first, id, false).await.expect("an account");
    house.directory.set_shared(&mut second, id, false).await.expect("an account");
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await.err(), Some(store::Error::Conflict));
    let nobody = house.directory.set_shared(&mut Batch::new(), AccountId(77), true).await;
    assert!(matches!(nobody, Err(Error::NoSuchAccount(_))));
}

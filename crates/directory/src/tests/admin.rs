//! Adding, removing and listing.

use mail::AccountId;
use store::Batch;

use super::{House, address};
use crate::Error;

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
    house.directory.remove_account(&mut batch, id).await.expect("an account");
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
    house.directory.remove_account(&mut batch, id).await.expect("an account");
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

use mail::{Domain, Wall};
use store::Batch;

use super::House;
use crate::{KeyState, SigningKey};

fn key(selector: &str) -> SigningKey {
    SigningKey {
        selector: selector.into(),
        algorithm: "ed25519-sha256".into(),
        pkcs8: vec![1, 2, 3],
        record: "v=DKIM1; k=ed25519; p=AQID".into(),
        state: KeyState::Waiting,
        since: Wall::from_civil(2026, 1, 2, 3, 4, 5),
        version: None,
    }
}

async fn put(house: &House, domain: &Domain, key: &SigningKey) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    house.directory.put_signing_key(&mut batch, domain, key);
    house.store.commit(batch).await.map(drop)
}

#[tokio::test]
async fn keys_come_back_as_they_were_put() {
    let house = House::new().await;
    let domain: Domain = "x.test".parse().expect("a domain");
    for selector in ["b", "a"] {
        put(&house, &domain, &key(selector)).await.expect("a free selector");
    }
    let mut found = house.directory.signing_keys(&domain).await.expect("readable");
    assert_eq!(found.iter().map(|key| key.selector.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let first = found.remove(0);
    assert_eq!(SigningKey { version: None, ..first.clone() }, key("a"));
    assert!(!format!("{first:?}").contains("pkcs8"), "a private key is never printed");

    let active = SigningKey { state: KeyState::Active, ..first.clone() };
    put(&house, &domain, &active).await.expect("nobody else changed it");
    assert_eq!(put(&house, &domain, &first).await, Err(store::Error::Conflict), "a change of what was");
    assert_eq!(put(&house, &domain, &key("a")).await, Err(store::Error::Conflict), "a taken selector");
}

#[tokio::test]
async fn secrets_are_one_for_each_purpose_and_stay() {
    let house = House::new().await;
    let [a, b] = [b"a", b"b"].map(|purpose| house.directory.secret_for(purpose));
    let (a, b) = (a.await.expect("readable"), b.await.expect("readable"));
    assert_ne!(a, b);
    assert_eq!(house.directory.secret_for(b"a").await, Ok(a));
}

#[tokio::test]
async fn a_domain_takes_its_keys_along() {
    let house = House::new().await;
    let domain: Domain = "x.test".parse().expect("a domain");
    let other: Domain = "y.test".parse().expect("a domain");
    assert_eq!(put(&house, &other, &key("a")).await, Err(store::Error::Conflict), "not our domain");
    put(&house, &domain, &key("a")).await.expect("our domain");
    let mut batch = Batch::new();
    house.directory.remove_domain(&mut batch, &domain).await.expect("nobody has an address there");
    house.commit(batch).await;
    assert_eq!(house.directory.signing_keys(&domain).await.expect("readable"), []);
}

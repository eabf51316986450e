//! Tests over the store in memory.

mod admin;
mod app_password;
mod bearer;
mod login;
mod resolve;
mod signing;

use std::sync::Arc;
use std::time::Duration;

use mail::{AccountId, Address};
use store::{Batch, Store};

use crate::{Directory, Password};

/// A directory in memory with the domain x.test.
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

impl House {
    pub(crate) async fn new() -> Self {
        let world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        let store = store::memory::open(&world);
        let directory = Directory::new(store.clone(), world)
            .with_iterations(4096.try_into().expect("not zero"))
            .with_refusal_delay(Duration::ZERO);
        let house = Self { store, directory: Arc::new(directory) };
        let mut batch = Batch::new();
        let domain = "x.test".parse().expect("a domain");
        house.directory.add_domain(&mut batch, &domain).await.expect("a new domain");
        house.commit(batch).await;
        house
    }

    pub(crate) async fn commit(&self, batch: Batch) {
        self.store.commit(batch).await.expect("no conflict");
    }

    pub(crate) async fn account(&self, name: &str, password: Option<&str>) -> AccountId {
        let mut batch = Batch::new();
        let password = password.map(|p| Password::new(p).expect("a good password"));
        let id = self.directory.add_account(&mut batch, &address(name), password.as_ref()).await;
        self.commit(batch).await;
        id.expect("a free address")
    }

    pub(crate) async fn alias(&self, name: &str, targets: &[&str]) -> Result<(), crate::Error> {
        let mut batch = Batch::new();
        let targets: Vec<Address> = targets.iter().map(|t| address(t)).collect();
        self.directory.add_alias(&mut batch, &address(name), &targets).await?;
        self.commit(batch).await;
        Ok(())
    }
}

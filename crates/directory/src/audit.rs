//! Looking at everything: whether all records can be read and lead to each other.

use std::collections::BTreeMap;

use mail::AccountId;
use store::Snapshot;

use crate::lookup::folded;
use crate::record::{AccountRecord, Credential, Owner};
use crate::{Directory, Error, app_password, keys, lookup, signing};

impl Directory {
    /// Checks all domains, accounts and addresses. Gives the accounts' addresses, and tells what is not as it should be,
    /// in words for people.
    pub async fn audit(
        snapshot: &Snapshot,
        mut tell: impl FnMut(String),
    ) -> Result<BTreeMap<AccountId, String>, Error> {
        let mut accounts = BTreeMap::new();
        let mut records = Vec::new();
        snapshot
            .each(keys::accounts(), |key, found| {
                match (keys::account_of(key), AccountRecord::decode(&found.value)) {
                    (Some(id), Ok(record)) => {
                        accounts.insert(id, record.address.to_string());
                        records.push((id, record));
                    }
                    (id, _) => tell(format!("the record of account {id:?} cannot be read")),
                }
                Ok(())
            })
            .await?;
        for (id, record) in &records {
            check_account(snapshot, *id, record, &mut tell).await?;
        }
        check_addresses(snapshot, &accounts, &mut tell).await?;
        Ok(accounts)
    }
}

async fn check_account(
    snapshot: &Snapshot,
    id: AccountId,
    record: &AccountRecord,
    tell: &mut impl FnMut(String),
) -> Result<(), Error> {
    let owner = match folded(&record.address) {
        Some((domain, local)) => lookup::owner(snapshot, domain, &local).await,
        None => Ok(None),
    };
    if !matches!(owner, Ok(Some((Owner::Account(owner), _))) if owner == id) {
        tell(format!("the address {} does not lead to its account", record.address));
    }
    let credential = snapshot.get(&keys::credential(id)).await?;
    if credential.is_some_and(|found| Credential::decode(&found.value).is_err()) {
        tell(format!("the credential of {} cannot be read", record.address));
    }
    if matches!(app_password::read(snapshot, id).await, Err(Error::Store(store::Error::Damaged(_)))) {
        tell(format!("the app passwords of {} cannot be read", record.address));
    }
    Ok(())
}

async fn check_addresses(
    snapshot: &Snapshot,
    accounts: &BTreeMap<AccountId, String>,
    tell: &mut impl FnMut(String),
) -> Result<(), Error> {
    let mut domains = Vec::new();
    snapshot
        .each(keys::domains(), |key, _| {
            match keys::domain_of(key) {
                Some(domain) => domains.push(domain),
                None => tell("the key of a domain cannot be read".into()),
            }
            Ok(())
        })
        .await?;
    for domain in domains {
        if signing::read(snapshot, &domain).await.is_err() {
            tell(format!("a signing key of {domain} cannot be read"));
        }
        let mut addresses = 0;
        snapshot
            .each(keys::addresses(Some(&domain)), |_, found| {
                addresses += 1;
                match Owner::decode(&found.value) {
                    Ok(Owner::Account(id)) if !accounts.contains_key(&id) => {
                        tell(format!("an address of {domain} leads to account {id}, which is not there"));
                    }
                    Ok(_) => {}
                    Err(_) => tell(format!("the record of an address of {domain} cannot be read")),
                }
                Ok(())
            })
            .await?;
        let counter = snapshot.counter(&keys::address_count(&domain)).await?;
        if counter != addresses {
            tell(format!("{domain} has {addresses} addresses, but its counter says {counter}"));
        }
    }
    Ok(())
}

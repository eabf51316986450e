//! Removed accounts: out of reach at once, kept for a while, and brought back if someone asks in time.

use mail::{AccountId, Address, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Expect};

use crate::lookup::folded;
use crate::record::{AccountRecord, Owner};
use crate::{Directory, Error, keys};

/// An account that was removed and can still be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovedAccount {
    /// Its number, which no other account gets.
    pub id: AccountId,
    /// The address that it had. Someone else may have it now.
    pub address: Address,
    /// When it was removed.
    pub at: Wall,
}

/// What is kept: when, the account's record, its credential and its app passwords as stored.
struct Record {
    at: Wall,
    account: AccountRecord,
    credential: Option<Vec<u8>>,
    app_passwords: Option<Vec<u8>>,
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new(2);
        w.wall(self.at).bytes(&self.account.encode());
        for kept in [&self.credential, &self.app_passwords] {
            w.option(kept.as_deref(), |w, kept| {
                w.bytes(kept);
            });
        }
        w.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Self, store::Error> {
        let (mut r, version) = Reader::new(bytes, 2, "a removed account's record")?;
        let (at, account) = (r.wall()?, AccountRecord::decode(r.bytes()?)?);
        let mut kept = || r.option(|r| r.bytes().map(<[u8]>::to_vec));
        let credential = kept()?;
        // The first version knew no app passwords.
        let app_passwords = if version < 2 { None } else { kept()? };
        Ok(Self { at, account, credential, app_passwords })
    }
}

impl Directory {
    /// Removes an account at `now`: nobody logs in to it, no mail comes to it, its address is free. What is needed to
    /// bring it back is kept until [`forget_account`](Self::forget_account). The caller takes its mailboxes away in the same
    /// batch. Aliases to it stay.
    pub async fn remove_account(&self, batch: &mut Batch, id: AccountId, now: Wall) -> Result<(), Error> {
        let account = self.existing(id).await?;
        let (domain, local) = folded(&account.address).ok_or_else(keys::damaged)?;
        let address = keys::address(domain, &local);
        let snapshot = self.store.snapshot();
        let credential = snapshot.get(&keys::credential(id)).await?;
        let app_passwords = snapshot.get(&keys::app_passwords(id)).await?;
        let record = Record {
            at: now,
            account: AccountRecord {
                address: account.address.clone(),
                enabled: account.enabled,
                shared: account.shared,
            },
            credential: credential.map(|found| found.value.to_vec()),
            app_passwords: app_passwords.map(|found| found.value.to_vec()),
        };
        batch.expect(keys::account(id), Expect::Present);
        batch.expect(address.clone(), Expect::Present);
        batch.delete(keys::account(id));
        batch.delete(keys::credential(id));
        batch.delete(keys::app_passwords(id));
        batch.delete(address);
        batch.put(keys::removed(id), record.encode());
        batch.count(keys::address_count(domain), -1);
        batch.notify(store::Topic::Directory);
        batch.notify(store::Topic::Sharing(AccountId(0)));
        Ok(())
    }

    /// Accounts that can be brought back, by number, behind `after`, at most `limit`.
    pub async fn removed_accounts(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<RemovedAccount>, Error> {
        let all = keys::all_removed();
        let range = after.map_or(all.clone(), |after| all.after(&keys::removed(after)));
        let found = self.store.snapshot().range(&range, limit).await?;
        let read = |(key, found): &(store::Key, store::Versioned)| {
            let id = keys::account_of(key).ok_or_else(keys::damaged)?;
            let record = Record::decode(&found.value)?;
            Ok(RemovedAccount { id, address: record.account.address, at: record.at })
        };
        found.iter().map(read).collect()
    }

    /// Brings an account back with its passwords, under `address`, which must be free. The caller brings its mailboxes back
    /// in the same batch.
    pub async fn restore_account(
        &self,
        batch: &mut Batch,
        id: AccountId,
        address: &Address,
    ) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let gone = || Error::NoSuchAccount(format!("number {id}, among those removed"));
        let found = snapshot.get(&keys::removed(id)).await?.ok_or_else(gone)?;
        let record = Record::decode(&found.value)?;
        self.claim(&snapshot, batch, address, &Owner::Account(id)).await?;
        batch.expect(keys::removed(id), Expect::Version(found.version));
        batch.delete(keys::removed(id));
        let account = AccountRecord { address: address.clone(), ..record.account };
        batch.put(keys::account(id), account.encode());
        batch.notify(store::Topic::Sharing(AccountId(0)));
        if let Some(credential) = record.credential {
            batch.put(keys::credential(id), credential);
        }
        if let Some(app_passwords) = record.app_passwords {
            batch.put(keys::app_passwords(id), app_passwords);
        }
        Ok(())
    }

    /// Forgets a removed account for good; fine if it is forgotten already.
    pub fn forget_account(&self, batch: &mut Batch, id: AccountId) {
        batch.delete(keys::removed(id));
    }
}

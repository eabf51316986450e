//! Accounts.

use mail::{AccountId, Address, Domain};
use store::{Batch, Expect, Snapshot, Topic};

use crate::lookup::folded;
use crate::record::{AccountRecord, Owner};
use crate::{Directory, Error, Password, app_password, credential, keys, lookup, prepare};

/// Accounts read at a time.
const PAGE: usize = 1000;

/// Someone who logs in and owns mailboxes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its main address: the login name.
    pub address: Address,
    /// Whether it may log in. Mail for a disabled account is still taken.
    pub enabled: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// Whether it belongs to nobody in particular: what is shared of it is seen in the shared namespace (RFC 2342 §4).
    pub shared: bool,
}

impl Directory {
    /// The account of that number.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        read(&self.store.snapshot(), id).await
    }

    /// The account that logs in as `login`: its main address, without regard to case in the local-part.
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, Error> {
        by_login(&self.store.snapshot(), login).await
    }

    /// Accounts by number, behind `after`, at most `limit`; of one domain if given.
    pub async fn accounts(
        &self,
        domain: Option<&Domain>,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, Error> {
        let snapshot = self.store.snapshot();
        let mut range = keys::accounts();
        if let Some(after) = after {
            range = range.after(&keys::account(after));
        }
        let mut accounts = Vec::new();
        while accounts.len() < limit {
            let page = snapshot.range(&range, PAGE).await?;
            for (key, found) in &page {
                let id = keys::account_of(key).ok_or_else(keys::damaged)?;
                let record = AccountRecord::decode(&found.value)?;
                if domain.is_none_or(|domain| record.address.domain() == Some(domain)) {
                    accounts.push(complete(&snapshot, id, record).await?);
                }
            }
            match page.last() {
                Some((last, _)) if page.len() == PAGE => range = range.after(last),
                _ => break,
            }
        }
        accounts.truncate(limit);
        Ok(accounts)
    }

    /// Adds an account; without a password nobody can log in. The caller provisions its mailboxes in the same batch.
    /// At most one account a batch.
    pub async fn add_account(
        &self,
        batch: &mut Batch,
        address: &Address,
        password: Option<&Password>,
    ) -> Result<AccountId, Error> {
        let snapshot = self.store.snapshot();
        let number = keys::number();
        let seen =
            snapshot.get(&number).await?.map_or(Expect::Absent, |found| Expect::Version(found.version));
        let last = u32::try_from(snapshot.counter(&number).await?).map_err(|_| keys::damaged())?;
        let id = AccountId(last.checked_add(1).ok_or_else(keys::damaged)?);
        self.claim(&snapshot, batch, address, &Owner::Account(id)).await?;
        batch.expect(number.clone(), seen);
        batch.count(number, 1);
        let record = AccountRecord { address: address.clone(), enabled: true, shared: false };
        batch.put(keys::account(id), record.encode());
        if let Some(password) = password {
            let salt = credential::salt(&self.world);
            let credential = credential::hash(&self.world, password, &salt, self.iterations).await?;
            batch.put(keys::credential(id), credential.encode());
        }
        Ok(id)
    }

    /// Sets the password; logins with the old one end at once. Where there are app passwords, salt and iterations are
    /// theirs: SCRAM has one salt for all passwords of an account.
    pub async fn set_password(
        &self,
        batch: &mut Batch,
        id: AccountId,
        password: &Password,
    ) -> Result<(), Error> {
        self.existing(id).await?;
        let (apps, expected) = app_password::read(&self.store.snapshot(), id).await?;
        let (salt, iterations) = match apps.filter(|apps| !apps.entries.is_empty()) {
            Some(apps) => (apps.salt, apps.iterations),
            None => (credential::salt(&self.world), self.iterations),
        };
        let credential = credential::hash(&self.world, password, &salt, iterations).await?;
        batch.expect(keys::account(id), Expect::Present);
        batch.expect(keys::app_passwords(id), expected);
        batch.put(keys::credential(id), credential.encode());
        batch.notify(Topic::Directory);
        Ok(())
    }

    /// Forbids (`false`) or allows logging in.
    pub async fn set_enabled(&self, batch: &mut Batch, id: AccountId, enabled: bool) -> Result<(), Error> {
        self.change_record(batch, id, |record| record.enabled = enabled).await?;
        batch.notify(Topic::Directory);
        Ok(())
    }

    /// Marks an account as a shared one, or no longer: see [`Account::shared`].
    pub async fn set_shared(&self, batch: &mut Batch, id: AccountId, shared: bool) -> Result<(), Error> {
        self.change_record(batch, id, |record| record.shared = shared).await?;
        batch.notify(Topic::Sharing(AccountId(0)));
        Ok(())
    }

    /// Conflicts with every other change of the record.
    async fn change_record(
        &self,
        batch: &mut Batch,
        id: AccountId,
        change: impl FnOnce(&mut AccountRecord),
    ) -> Result<(), Error> {
        let found = self.store.snapshot().get(&keys::account(id)).await?;
        let found = found.ok_or_else(|| no_such(id))?;
        let mut record = AccountRecord::decode(&found.value)?;
        change(&mut record);
        batch.expect(keys::account(id), Expect::Version(found.version));
        batch.put(keys::account(id), record.encode());
        Ok(())
    }

    pub(crate) async fn existing(&self, id: AccountId) -> Result<Account, Error> {
        self.account(id).await?.ok_or_else(|| no_such(id))
    }

    /// Gives a free address of one of our domains to `owner`.
    pub(crate) async fn claim(
        &self,
        snapshot: &Snapshot,
        batch: &mut Batch,
        address: &Address,
        owner: &Owner,
    ) -> Result<(), Error> {
        let no_domain = || Error::NoSuchDomain(address.host().to_string());
        let (domain, local) = folded(address).ok_or_else(no_domain)?;
        if !lookup::is_ours(snapshot, domain).await? {
            return Err(no_domain());
        }
        if lookup::owner(snapshot, domain, &local).await?.is_some() {
            return Err(Error::AddressTaken(address.clone()));
        }
        let key = keys::address(domain, &local);
        batch.expect(keys::domain(domain), Expect::Present);
        batch.expect(key.clone(), Expect::Absent);
        batch.put(key, owner.encode());
        batch.count(keys::address_count(domain), 1);
        batch.notify(Topic::Directory);
        Ok(())
    }
}

fn no_such(id: AccountId) -> Error {
    Error::NoSuchAccount(format!("number {id}"))
}

pub(crate) async fn read(snapshot: &Snapshot, id: AccountId) -> Result<Option<Account>, Error> {
    let Some(found) = snapshot.get(&keys::account(id)).await? else { return Ok(None) };
    complete(snapshot, id, AccountRecord::decode(&found.value)?).await.map(Some)
}

/// The account that has this name: as it is written, else as it is prepared (RFC 4013), for old ones may have names that are
/// not.
pub(crate) async fn by_login(snapshot: &Snapshot, login: &str) -> Result<Option<Account>, Error> {
    let prepared = prepare(login).filter(|prepared| prepared != login);
    for name in std::iter::once(login).chain(prepared.as_deref()) {
        let Ok(address) = name.parse::<Address>() else { continue };
        if let Some(account) = by_address(snapshot, &address).await? {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

/// The account whose main address this is.
pub(crate) async fn by_address(snapshot: &Snapshot, address: &Address) -> Result<Option<Account>, Error> {
    let Some((domain, local)) = folded(address) else { return Ok(None) };
    match lookup::owner(snapshot, domain, &local).await? {
        Some((Owner::Account(id), _)) => read(snapshot, id).await,
        _ => Ok(None),
    }
}

async fn complete(snapshot: &Snapshot, id: AccountId, record: AccountRecord) -> Result<Account, Error> {
    let has_password = snapshot.get(&keys::credential(id)).await?.is_some();
    let AccountRecord { address, enabled, shared } = record;
    Ok(Account { id, address, enabled, has_password, shared })
}

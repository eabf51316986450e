//! Accounts.

use mail::{AccountId, Address, Domain};
use store::Batch;

use crate::{Directory, Error, Password};

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
}

impl Directory {
    /// The account of that number.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, Error> {
        let _ = id;
        todo!()
    }

    /// The account that logs in as `login`: its main address, without regard to case in the local-part.
    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, Error> {
        let _ = login;
        todo!()
    }

    /// Accounts by number, behind `after`, at most `limit`; of one domain if given.
    pub async fn accounts(
        &self,
        domain: Option<&Domain>,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<Account>, Error> {
        let _ = (domain, after, limit);
        todo!()
    }

    /// Adds an account; without a password nobody can log in. The caller provisions its mailboxes in the same batch.
    /// At most one account a batch.
    pub async fn add_account(
        &self,
        batch: &mut Batch,
        address: &Address,
        password: Option<&Password>,
    ) -> Result<AccountId, Error> {
        let _ = (batch, address, password);
        todo!()
    }

    /// Sets the password; logins with the old one end at once.
    pub async fn set_password(
        &self,
        batch: &mut Batch,
        id: AccountId,
        password: &Password,
    ) -> Result<(), Error> {
        let _ = (batch, id, password);
        todo!()
    }

    /// Forbids (`false`) or allows logging in.
    pub async fn set_enabled(&self, batch: &mut Batch, id: AccountId, enabled: bool) -> Result<(), Error> {
        let _ = (batch, id, enabled);
        todo!()
    }

    /// Removes an account with its credential. The caller removes its mailboxes in the same batch. Aliases to it stay.
    pub async fn remove_account(&self, batch: &mut Batch, id: AccountId) -> Result<(), Error> {
        let _ = (batch, id);
        todo!()
    }
}

//! Removed accounts.

use directory::RemovedAccount;
use mail::{AccountId, Address, Wall};
use store::Batch;

use super::{Office, PAGE, RemovedRow, Reply, Request, Trouble, address, time};
use crate::retain;

impl Office {
    pub(super) async fn account_remove(&self, batch: &mut Batch, who: &str) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let now = self.world.clock.wall();
        self.mailboxes.retire(batch, account.id, now).await?;
        self.directory.remove_account(batch, account.id, now).await?;
        let address = account.address;
        Ok(Reply::Done {
            text: if self.keeps_accounts() {
                format!(
                    "{address} is removed; until {} it can be brought back: posthouse account restore {address}",
                    time(self.kept_until(now))
                )
            } else {
                format!("{address} and its mail are gone")
            },
        })
    }

    fn keeps_accounts(&self) -> bool {
        !self.mailboxes.retention().accounts.is_zero()
    }

    fn kept_until(&self, removed: Wall) -> Wall {
        removed + self.mailboxes.retention().accounts
    }

    /// Removes an account, if it is there still, and all of that address that were removed before, with all their mail.
    pub(super) async fn account_remove_now(&self, who: &str) -> Result<Reply, Trouble> {
        let which = address(who)?;
        let is_there = self.directory.account_by_login(&which.to_string()).await?.is_some();
        if is_there {
            self.change(&Request::AccountRemove { address: who.into(), now: false }).await?;
        }
        let removed = self.removed_of(&which).await?;
        if removed.is_empty() && !is_there {
            return Err(Trouble::Said(directory::Error::NoSuchAccount(which.to_string()).to_string()));
        }
        for account in &removed {
            let mut batch = Batch::new();
            self.mailboxes.forsake(&mut batch, account.id).await?;
            self.store.commit(batch).await?;
        }
        retain::sweep(self).await?;
        Ok(Reply::Done { text: format!("{which} and its mail are gone") })
    }

    /// Brings back the account of that address that was removed last, under another address if `to` gives one.
    pub(super) async fn account_restore(
        &self,
        batch: &mut Batch,
        who: &str,
        to: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let (which, to) = (address(who)?, to.map(address).transpose()?);
        let mut removed = self.removed_of(&which).await?;
        removed.sort_by_key(|account| (account.at, account.id));
        let Some(account) = removed.pop() else {
            return Err(Trouble::Said(format!(
                "no removed account {which} is kept; see: posthouse account list --removed"
            )));
        };
        let to = to.unwrap_or(account.address);
        self.directory.restore_account(batch, account.id, &to).await.map_err(|error| match error {
            directory::Error::AddressTaken(_) => Trouble::Said(format!(
                "{to} belongs to someone else now; bring the removed account back under another address: \
                 posthouse account restore {which} --as OTHER@{}",
                to.host()
            )),
            other => other.into(),
        })?;
        self.mailboxes.revive(batch, account.id).await?;
        let more = match removed.len() {
            0 => String::new(),
            more => format!("; {more} removed before it under that address are still kept"),
        };
        Ok(Reply::Done { text: format!("{to} is back with its mail and its password{more}") })
    }

    pub(super) async fn account_removed(&self, after: Option<u32>) -> Result<Reply, Trouble> {
        let found = self.directory.removed_accounts(after.map(AccountId), PAGE).await?;
        let row = |account: &RemovedAccount| RemovedRow {
            id: account.id.0,
            address: account.address.to_string(),
            removed: time(account.at),
            until: time(self.kept_until(account.at)),
        };
        let rows: Vec<RemovedRow> = found.iter().map(row).collect();
        let next = if rows.len() < PAGE { None } else { rows.last().map(|row| row.id) };
        Ok(Reply::RemovedAccounts { rows, next })
    }

    /// All removed accounts that had an address, compared as the directory does.
    async fn removed_of(&self, which: &Address) -> Result<Vec<RemovedAccount>, Trouble> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.directory.removed_accounts(after, PAGE).await?;
            let full = page.len() == PAGE;
            after = page.last().map(|account| account.id);
            all.extend(page.into_iter().filter(|account| is_same(&account.address, which)));
            if !full {
                return Ok(all);
            }
        }
    }
}

fn is_same(a: &Address, b: &Address) -> bool {
    a.host() == b.host() && a.local().to_lowercase() == b.local().to_lowercase()
}

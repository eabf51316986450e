//! Under which names the mailboxes of others are seen (RFC 2342 §4).
//!
//! They are `Other Users/<address>/<name there>`, and those of accounts that the operator has marked as shared
//! `Shared Folders/<address>/<name there>`. The mark comes and goes, so both names are understood; only the right one is told.

use std::collections::BTreeSet;

use directory::Account;
use imap::command::MailboxFilter;
use mail::{AccountId, MailboxName, Rights};
use mailbox::{MailboxInfo, Shared};

use super::connection::Connection;
use super::place::store_error;
use super::stop::Stop;
use crate::turn::take_turn;

/// Other sessions of this thread get their turn after this many names.
pub(super) const TURN: usize = 64;

/// A mailbox under the name that this client knows.
pub(super) struct Listed {
    pub(super) owner: AccountId,
    pub(super) rights: Rights,
    pub(super) info: MailboxInfo,
}

/// The account of an address that was looked up last.
type Last = Option<(String, Option<Account>)>;

/// What an account's mailbox is called by others: `Other Users/bob@example.org/INBOX`, or `Shared Folders/…` for an account that is marked as
/// shared. `None` if such a name cannot be: it would be too long, or the address has a `/` in it.
pub fn shown(owner: &Account, name: &MailboxName) -> Option<MailboxName> {
    below(&root(owner), Some(name.as_str())).filter(|_| is_one_level(owner))
}

/// Below what an account's mailboxes are seen by others: also the name of its quota root for them.
pub(super) fn root(owner: &Account) -> String {
    root_as(owner, owner.shared)
}

fn root_as(owner: &Account, shared: bool) -> String {
    let namespace = if shared { MailboxName::SHARED } else { MailboxName::OTHER_USERS };
    format!("{namespace}/{}", owner.address)
}

fn below(root: &str, name: Option<&str>) -> Option<MailboxName> {
    match name {
        Some(name) => MailboxName::new(&format!("{root}/{name}")).ok(),
        None => MailboxName::new(root).ok(),
    }
}

/// An address with a `/` in it would be two levels.
fn is_one_level(owner: &Account) -> bool {
    !owner.address.to_string().contains(MailboxName::SEPARATOR)
}

/// The address in a name in one of the namespaces of others, and the name there, as far as it has them.
fn parts(name: &MailboxName) -> Option<(&str, Option<&str>)> {
    let mut levels = name.as_str().splitn(3, MailboxName::SEPARATOR).skip(1);
    let login = levels.next().filter(|_| name.is_of_others())?;
    Some((login, levels.next()))
}

impl Connection<'_> {
    /// Whose mailbox a name in one of the namespaces of others means, and its name there.
    pub(super) async fn of_other(&self, name: &MailboxName) -> Result<Option<(Account, MailboxName)>, Stop> {
        let Some((login, Some(rest))) = parts(name) else { return Ok(None) };
        let Ok(name) = MailboxName::new(rest) else { return Ok(None) };
        Ok(self.other_by_login(login).await?.map(|account| (account, name)))
    }

    /// The account of that address, unless it is one's own.
    async fn other_by_login(&self, login: &str) -> Result<Option<Account>, Stop> {
        let found = self.parts().directory.account_by_login(login).await.map_err(store_error)?;
        Ok(found.filter(|account| account.id != self.account()))
    }

    /// Whose quota root that is.
    pub(super) async fn owner_of_root(&self, root: &str) -> Result<Option<AccountId>, Stop> {
        let name = MailboxName::new(root).ok();
        match name.as_ref().and_then(parts) {
            Some((login, None)) => Ok(self.other_by_login(login).await?.map(|account| account.id)),
            _ => Ok(None),
        }
    }

    /// A name as it is told now. In `last` is who was looked up last, so that names in order look up each account once.
    async fn told_now(&self, name: MailboxName, last: &mut Last) -> Result<MailboxName, Stop> {
        let Some((login, rest)) = parts(&name) else { return Ok(name) };
        if last.as_ref().is_none_or(|(known, _)| known != login) {
            *last = Some((login.to_owned(), self.other_by_login(login).await?));
        }
        let owner = last.as_ref().and_then(|(_, account)| account.as_ref()).filter(|it| is_one_level(it));
        // INBOX there is INBOX in any case.
        let rest = rest.map(|rest| MailboxName::new(rest).map_or(rest.into(), |name| name.to_string()));
        let now = owner.and_then(|owner| below(&root(owner), rest.as_deref()));
        Ok(now.unwrap_or(name))
    }

    /// All subscribed names; those of mailboxes of others as they are told now.
    pub(super) async fn subscriptions(&self) -> Result<BTreeSet<MailboxName>, Stop> {
        let (mut names, mut last) = (BTreeSet::new(), None);
        for name in self.mailboxes().subscriptions(self.account()).await? {
            names.insert(self.told_now(name, &mut last).await?);
        }
        Ok(names)
    }

    /// Puts the names of a filter as they are told now.
    pub(super) async fn filter_now(&self, filter: &mut MailboxFilter) -> Result<(), Stop> {
        let mut last = None;
        for name in filter.names_mut().iter_mut().flatten() {
            *name = self.told_now(name.clone(), &mut last).await?;
        }
        Ok(())
    }

    /// All names under which a mailbox may have been subscribed.
    pub(super) async fn all_names(&self, name: MailboxName) -> Result<Vec<MailboxName>, Stop> {
        let Some((account, there)) = self.of_other(&name).await? else { return Ok(vec![name]) };
        let names = [account.shared, !account.shared].map(|shared| root_as(&account, shared));
        let mut names: Vec<_> = names.iter().filter_map(|root| below(root, Some(there.as_str()))).collect();
        if names.is_empty() {
            names.push(name);
        }
        Ok(names)
    }

    /// The mailboxes of others with which one may do something, by owner.
    pub(super) async fn of_others(&self, subscriptions: &BTreeSet<MailboxName>) -> Result<Vec<Listed>, Stop> {
        let (mut listed, mut owner) = (Vec::new(), None);
        let shared = self.mailboxes().shared_with(self.account()).await?;
        for (at, Shared { owner: id, mailbox, rights }) in shared.into_iter().enumerate() {
            if at % TURN == TURN - 1 {
                take_turn().await;
            }
            if owner.as_ref().is_none_or(|(known, _)| *known != id) {
                owner = Some((id, self.parts().directory.account(id).await.map_err(store_error)?));
            }
            let Some((_, Some(account))) = &owner else { continue };
            let Some(name) = shown(account, &mailbox.name) else { continue };
            let subscribed = subscriptions.contains(&name);
            // What the owner uses it for is not what others use it for.
            let info = MailboxInfo { name, subscribed, special_use: None, ..mailbox };
            listed.push(Listed { owner: id, rights, info });
        }
        Ok(listed)
    }
}

//! Accounts.

use directory::{Account, Password};
use mail::{AccountId, MailboxName};
use mailbox::{Own, Resource};
use store::Batch;

use super::{
    AccountDetail, AccountRow, Limit, MailboxRow, NewPassword, Office, PAGE, QuotaFigure, QuotaFigures,
    Reply, SendingFigures, SuspendedRow, Trouble, address, domain, time,
};

impl Office {
    pub(super) async fn account_add(
        &self,
        batch: &mut Batch,
        who: &str,
        password: &NewPassword,
    ) -> Result<Reply, Trouble> {
        let who = address(who)?;
        let set = self.password(password)?;
        let id = self.directory.add_account(batch, &who, set.as_ref()).await?;
        self.mailboxes.provision(batch, id);
        Ok(match (password, set) {
            (NewPassword::Generate, Some(made)) => {
                Reply::Generated { address: who.to_string(), password: made.as_str().into() }
            }
            (_, Some(_)) => Reply::Done { text: format!("{who} can log in now") },
            (_, None) => Reply::Done {
                text: format!(
                    "{who} takes mail now; nobody can log in until: posthouse account password {who}"
                ),
            },
        })
    }

    pub(super) async fn account_password(
        &self,
        batch: &mut Batch,
        who: &str,
        password: &NewPassword,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let set = self.password(password)?.ok_or_else(|| "no password was given".to_owned())?;
        self.directory.set_password(batch, account.id, &set).await?;
        Ok(match password {
            NewPassword::Generate => {
                Reply::Generated { address: account.address.to_string(), password: set.as_str().into() }
            }
            _ => Reply::Done { text: format!("{} has a new password", account.address) },
        })
    }

    fn password(&self, from: &NewPassword) -> Result<Option<Password>, Trouble> {
        match from {
            NewPassword::None => Ok(None),
            NewPassword::Generate => Ok(Some(Password::generate(self.world.rng.as_ref()))),
            NewPassword::Given(text) => {
                Password::new(text).map(Some).map_err(|why| Trouble::Said(why.to_string()))
            }
        }
    }

    pub(super) async fn account_enable(
        &self,
        batch: &mut Batch,
        who: &str,
        enabled: bool,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        self.directory.set_enabled(batch, account.id, enabled).await?;
        let state = if enabled { "can log in again" } else { "can no longer log in; mail is still taken" };
        Ok(Reply::Done { text: format!("{} {state}", account.address) })
    }

    pub(super) async fn account_shared(
        &self,
        batch: &mut Batch,
        who: &str,
        shared: bool,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        self.directory.set_shared(batch, account.id, shared).await?;
        let account = Account { shared, ..account };
        let Some(inbox) = access::imapd::shown(&account, &MailboxName::inbox()) else {
            return Err(Trouble::Said(format!(
                "{} cannot be shared: its address is no level of a mailbox name, because it is too long or has a / in it",
                account.address
            )));
        };
        Ok(Reply::Done {
            text: format!("who is given rights to the INBOX of {} finds it as \"{inbox}\"", account.address),
        })
    }

    pub(super) async fn account_quota(
        &self,
        batch: &mut Batch,
        who: &str,
        storage: Option<Limit>,
        messages: Option<Limit>,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let mut own = self.mailboxes.own_quota(account.id).await?;
        own.storage = storage.map_or(own.storage, Own::from);
        own.messages = messages.map_or(own.messages, Own::from);
        self.mailboxes.set_own_quota(batch, account.id, own);
        Ok(Reply::Done { text: format!("the quota of {} is changed", account.address) })
    }

    async fn quota_figures(&self, id: AccountId) -> Result<QuotaFigures, Trouble> {
        let (quota, usage) = (self.mailboxes.quota(id).await?, self.mailboxes.usage(id).await?);
        let own = self.mailboxes.own_quota(id).await?;
        let figure = |resource| QuotaFigure {
            used: usage.of(resource),
            limit: quota.of(resource),
            own: own.of(resource) != Own::Default,
        };
        Ok(QuotaFigures { storage: figure(Resource::Storage), messages: figure(Resource::Messages) })
    }

    pub(super) async fn account_list(&self, of: Option<&str>, after: Option<u32>) -> Result<Reply, Trouble> {
        let of = of.map(domain).transpose()?;
        let found = self.directory.accounts(of.as_ref(), after.map(AccountId), PAGE).await?;
        let rows: Vec<AccountRow> = found.iter().map(row).collect();
        let next = if rows.len() < PAGE { None } else { rows.last().map(|row| row.id) };
        Ok(Reply::Accounts { rows, next })
    }

    pub(super) async fn account_show(&self, who: &str) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let mut mailboxes = Vec::new();
        for mailbox in self.mailboxes.list(account.id).await? {
            let status = self.mailboxes.status(account.id, mailbox.id).await?;
            mailboxes.push(MailboxRow {
                name: mailbox.name.to_string(),
                messages: status.messages,
                unseen: status.unseen,
                size: status.size,
            });
        }
        let sending = Some(self.sending(account.id).await?);
        let quota = Some(self.quota_figures(account.id).await?);
        Ok(Reply::Account { account: AccountDetail { account: row(&account), mailboxes, sending, quota } })
    }

    async fn sending(&self, id: AccountId) -> Result<SendingFigures, Trouble> {
        let sent = self.queue.sent(id, self.world.clock.wall()).await?;
        let suspended = self.queue.suspension(id).await?;
        let suspended = suspended.map(|s| SuspendedRow { since: time(s.since), reason: s.reason });
        Ok(SendingFigures { hour: sent.hour, day: sent.day, suspended })
    }

    /// Ends the suspension of an account.
    pub(super) async fn account_resume(&self, batch: &mut Batch, who: &str) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        if self.queue.suspension(account.id).await?.is_none() {
            return Err(Trouble::Said(format!("{} is not suspended", account.address)));
        }
        self.queue.resume(batch, account.id);
        Ok(Reply::Done { text: format!("{} may send mail again", account.address) })
    }

    pub(crate) async fn account(&self, who: &str) -> Result<Account, Trouble> {
        let who = address(who)?.to_string();
        let found = self.directory.account_by_login(&who).await?;
        found.ok_or_else(|| Trouble::Said(directory::Error::NoSuchAccount(who).to_string()))
    }
}

impl From<Limit> for Own {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Default => Self::Default,
            Limit::Unlimited => Self::Unlimited,
            Limit::AtMost(limit) => Self::AtMost(limit),
        }
    }
}

fn row(account: &Account) -> AccountRow {
    AccountRow {
        id: account.id.0,
        address: account.address.to_string(),
        enabled: account.enabled,
        has_password: account.has_password,
        shared: account.shared,
    }
}

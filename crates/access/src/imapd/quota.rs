//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208): one quota root for all of an account's mailboxes: one's own is
//! `""`.

use imap::Code;
use imap::command::Mailbox;
use mail::{AccountId, Right};
use mailbox::{Each, Resource};
use store::Batch;

use super::connection::Connection;
use super::place::{missing, valid};
use super::stop::{Done, Stop};

/// STORAGE is counted in these (RFC 9208 §5.1).
const UNIT: u64 = 1024;

impl Connection<'_> {
    pub(super) async fn get_quota(&mut self, root: &[u8]) -> Done {
        let Some(owner) = self.readable_owner(root).await? else {
            return Err(Stop::no(Code::NonExistent, "There is no such quota root"));
        };
        self.report_quota(owner, root).await?;
        Self::done("Quota told")
    }

    /// RFC 9208 §4.1.2: the mailbox need not be there.
    pub(super) async fn get_quota_root(&mut self, mailbox: Mailbox) -> Done {
        let named = self.named(valid(mailbox)?).await?.ok_or_else(missing)?;
        // RFC 9208 §6: what the account has says something of the mailbox.
        let root = if named.owner == self.account() {
            named.root
        } else {
            self.existing(Ok(named.shown.clone())).await?.demand(Right::Read)?;
            named.root
        };
        let mut out = self.session.out();
        out.text("* QUOTAROOT ").mailbox(&named.shown).text(" ").string(root.as_bytes()).end();
        self.report_quota(named.owner, root.as_bytes()).await?;
        Self::done("Quota roots told")
    }

    /// Whose quota root that is: one's own, or that of who lets one read some mailbox.
    async fn readable_owner(&self, root: &[u8]) -> Result<Option<AccountId>, Stop> {
        if root.is_empty() {
            return Ok(Some(self.account()));
        }
        let root = std::str::from_utf8(root).unwrap_or_default();
        let Some(owner) = self.owner_of_root(root).await? else { return Ok(None) };
        let shared = self.mailboxes().shared_with(self.account()).await?;
        let may = shared.iter().any(|it| it.owner == owner && it.rights.has(Right::Read));
        Ok(may.then_some(owner))
    }

    pub(super) fn set_quota() -> Done {
        Err(Stop::no(Code::NoPerm, "Quotas are set by the operator"))
    }

    /// RFC 9208 §4.2.1: what is not limited is not named.
    async fn report_quota(&mut self, owner: AccountId, root: &[u8]) -> Result<(), Stop> {
        let quota = self.mailboxes().quota(owner).await?;
        let usage = self.mailboxes().usage(owner).await?;
        let mut out = self.session.out();
        out.text("* QUOTA ").string(root).text(" (");
        let mut first = true;
        for resource in Resource::ALL {
            let Some(limit) = quota.of(resource) else { continue };
            let (word, used, limit) = match resource {
                // A client that has used some of a unit has used it.
                Resource::Storage => ("STORAGE", usage.storage.div_ceil(UNIT), limit / UNIT),
                Resource::Messages => ("MESSAGE", usage.messages, limit),
            };
            out.keyword(word, &mut first).text(" ").number(used).text(" ").number(limit.min(i64::MAX as u64));
        }
        out.text(")").end();
        Ok(())
    }

    /// RFC 9208 §4.3.1: `NO [OVERQUOTA]` if so much more is too much. The commit of `batch` makes sure of it.
    pub(super) async fn demand_room(
        &self,
        batch: &mut Batch,
        owner: AccountId,
        messages: u64,
        bytes: u64,
    ) -> Result<(), Stop> {
        let more = Each { storage: bytes, messages };
        Ok(self.mailboxes().make_sure_of_room(batch, owner, more).await?)
    }
}

//! GETQUOTA, GETQUOTAROOT and SETQUOTA (RFC 9208): one quota root for all of an account's mailboxes.

use imap::Code;
use imap::command::Mailbox;
use mailbox::{Each, Resource};
use store::Batch;

use super::connection::Connection;
use super::select::valid;
use super::stop::{Done, Stop};

/// STORAGE is counted in these (RFC 9208 §5.1).
const UNIT: u64 = 1024;

impl Connection<'_> {
    pub(super) async fn get_quota(&mut self, root: &[u8]) -> Done {
        if !root.is_empty() {
            return Err(Stop::no(Code::NonExistent, "The one quota root is \"\""));
        }
        self.report_quota().await?;
        Self::done("Quota told")
    }

    /// RFC 9208 §4.1.2: the mailbox need not be there.
    pub(super) async fn get_quota_root(&mut self, mailbox: Mailbox) -> Done {
        let name = valid(mailbox)?;
        self.session.out().text("* QUOTAROOT ").mailbox(&name).text(" \"\"").end();
        self.report_quota().await?;
        Self::done("Quota roots told")
    }

    pub(super) fn set_quota() -> Done {
        Err(Stop::no(Code::NoPerm, "Quotas are set by the operator"))
    }

    /// RFC 9208 §4.2.1: what is not limited is not named.
    async fn report_quota(&mut self) -> Result<(), Stop> {
        let quota = self.mailboxes().quota(self.account()).await?;
        let usage = self.mailboxes().usage(self.account()).await?;
        let mut out = self.session.out();
        out.text("* QUOTA \"\" (");
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

    /// RFC 9208 §4.3.1: NO [OVERQUOTA] if so much more is too much. The commit of `batch` makes sure of it.
    pub(super) async fn demand_room(&self, batch: &mut Batch, messages: u64, bytes: u64) -> Result<(), Stop> {
        let more = Each { storage: bytes, messages };
        Ok(self.mailboxes().make_sure_of_room(batch, self.account(), more).await?)
    }
}

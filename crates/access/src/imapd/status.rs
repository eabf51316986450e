//! STATUS (RFC 3501 §6.3.10, RFC 9051 §6.3.11, RFC 8438, RFC 7162 §3.1.7, RFC 8474 §4.3): from counters, without opening the
//! mailbox; all but DELETED and DELETED-STORAGE (RFC 9208 §4.1.4), which few ask for.

use imap::command::{Mailbox, StatusItem};
use mail::{Flag, MailboxName, Right};

use super::connection::Connection;
use super::object::mailbox_id;
use super::place::At;
use super::stop::{Done, Stop};

impl Connection<'_> {
    pub(super) async fn status(&mut self, mailbox: Mailbox, items: &[StatusItem]) -> Done {
        let place = self.existing(mailbox).await?;
        place.demand(Right::Read)?;
        self.report_status(place.at(), &place.shown, items).await?;
        Self::done("Status told")
    }

    pub(super) async fn report_status(
        &mut self,
        at: At,
        name: &MailboxName,
        items: &[StatusItem],
    ) -> Result<(), Stop> {
        let status = self.mailboxes().status(at.0, at.1).await?;
        let limit = self.parts().settings.message_size;
        let object = mailbox_id(at.0, status.object);
        let (deleted, deleted_storage) = self.deleted(at, items).await?;
        let mut out = self.session.out();
        out.text("* STATUS ").mailbox(name).text(" (");
        for (i, item) in items.iter().enumerate() {
            out.text(if i > 0 { " " } else { "" }).text(item.name()).text(" ");
            let value = match item {
                StatusItem::MailboxId => {
                    out.text("(").text(&object).text(")");
                    continue;
                }
                StatusItem::Messages => u64::from(status.messages),
                StatusItem::Recent => u64::from(status.recent),
                StatusItem::UidNext => u64::from(status.uid_next.get()),
                StatusItem::UidValidity => u64::from(status.uid_validity.0.get()),
                StatusItem::Unseen => u64::from(status.unseen),
                StatusItem::Size => status.size,
                StatusItem::AppendLimit => limit,
                StatusItem::Deleted => deleted,
                StatusItem::DeletedStorage => deleted_storage,
                StatusItem::HighestModSeq => status.highest_modseq.0,
            };
            out.number(value);
        }
        out.text(")").end();
        Ok(())
    }

    /// Messages marked \Deleted, and their bytes (RFC 9208 §4.1.4). The only figures for which the mailbox is looked into.
    async fn deleted(&self, at: At, items: &[StatusItem]) -> Result<(u64, u64), Stop> {
        if !items.iter().any(|item| matches!(item, StatusItem::Deleted | StatusItem::DeletedStorage)) {
            return Ok((0, 0));
        }
        let view = self.mailboxes().view(at.0, at.1).await?;
        let deleted = view.iter().filter(|(_, entry)| view.flags(entry.flags).contains(Flag::Deleted));
        Ok(deleted.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.size())))
    }
}

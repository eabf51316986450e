//! Reading one message.

use bytes::Bytes;
use mail::{AccountId, MailboxId, Uid};

use crate::{Entry, Error, Mailboxes, keys, record};

impl Mailboxes {
    /// The parsed structure that came with [`NewEmail::summary`](crate::NewEmail::summary).
    pub async fn summary(&self, account: AccountId, mailbox: MailboxId, uid: Uid) -> Result<Bytes, Error> {
        let text = self.text(account, mailbox, uid).await?;
        let (_, summary) = record::decode_text(&text)?;
        Ok(text.slice_ref(summary))
    }

    /// Up to `length` bytes of the whole message (prefix, then body) from `offset`; fewer only at its end. May
    /// stop at the border of prefix and body: read on until nothing comes.
    pub async fn read(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        email: &Entry,
        offset: u64,
        length: usize,
    ) -> Result<Bytes, Error> {
        let prefix_length = u64::from(email.prefix_length);
        if offset >= prefix_length {
            let offset = offset - prefix_length;
            let length =
                length.min(usize::try_from(email.blob_length.saturating_sub(offset)).unwrap_or(length));
            return Ok(self.store.read_blob(email.blob, offset, length).await?);
        }
        let text = self.text(account, mailbox, email.uid).await?;
        let (prefix, _) = record::decode_text(&text)?;
        let rest = prefix.get(offset as usize..).unwrap_or_default();
        Ok(text.slice_ref(&rest[..rest.len().min(length)]))
    }

    async fn text(&self, account: AccountId, mailbox: MailboxId, uid: Uid) -> Result<Bytes, Error> {
        let found = self.store.snapshot().get(&keys::text(account, mailbox, uid)).await?;
        Ok(found.ok_or(Error::NoSuchMessage)?.value)
    }
}

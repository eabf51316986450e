//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7).

use imap::command::Mailbox;
use store::Batch;

use super::connection::Connection;
use super::select::valid;
use super::stop::Done;

impl Connection<'_> {
    /// Only mailboxes that are there can be subscribed; the subscription outlives them (§6.3.6).
    pub(super) async fn subscribe(&mut self, mailbox: Mailbox, subscribe: bool) -> Done {
        let mut batch = Batch::new();
        let name = if subscribe { self.existing(mailbox).await?.1 } else { valid(mailbox)? };
        if subscribe {
            self.mailboxes().subscribe(&mut batch, self.account(), &name);
        } else {
            self.mailboxes().unsubscribe(&mut batch, self.account(), &name);
        }
        self.commit(batch).await?;
        self.own_names_changed(&[&name]).await;
        Self::done(if subscribe { "Subscribed" } else { "Unsubscribed" })
    }
}

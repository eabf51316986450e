//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7).

use imap::command::Mailbox;
use mail::Right;
use store::Batch;

use super::connection::Connection;
use super::place::valid;
use super::stop::Done;

impl Connection<'_> {
    /// Only mailboxes that are there can be subscribed; the subscription outlives them (§6.3.6).
    pub(super) async fn subscribe(&mut self, mailbox: Mailbox, subscribe: bool) -> Done {
        let mut batch = Batch::new();
        let name = if subscribe {
            let place = self.existing(mailbox).await?;
            place.demand(Right::Lookup)?;
            place.shown
        } else {
            let name = valid(mailbox)?;
            // Of a mailbox that is gone it may be kept in another normal form.
            self.mailboxes().unsubscribe(&mut batch, self.account(), &name);
            self.named(name.clone()).await?.map_or(name, |named| named.shown)
        };
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

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
        let names = if subscribe {
            let place = self.existing(mailbox).await?;
            place.demand(Right::Lookup)?;
            self.mailboxes().subscribe(&mut batch, self.account(), &place.shown);
            vec![place.shown]
        } else {
            let name = valid(mailbox)?;
            let mut names = self.all_names(name.clone()).await?;
            // Of a mailbox that is gone it may be kept in another normal form.
            names.extend(
                self.named(name).await?.map(|named| named.shown).filter(|name| !names.contains(name)),
            );
            for name in &names {
                self.mailboxes().unsubscribe(&mut batch, self.account(), name);
            }
            names
        };
        self.commit(batch).await?;
        self.own_names_changed(&names.iter().collect::<Vec<_>>()).await;
        Self::done(if subscribe { "Subscribed" } else { "Unsubscribed" })
    }
}

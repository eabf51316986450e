//! CREATE (RFC 3501 §6.3.3, RFC 6154 §3). Missing mailboxes above the new one are created too, so that there are no names without
//! a mailbox after it.

use imap::command::{self, Mailbox};
use imap::{Code, Completion};
use mail::SpecialUse;
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::object::mailbox_id;
use super::place::At;
use super::stop::{Done, Stop};

impl Connection<'_> {
    pub(super) async fn create(&mut self, mailbox: Mailbox, special_uses: &[String]) -> Done {
        let named = self.to_create(mailbox).await?;
        let special_use = special_use(special_uses)?;
        if special_use.is_some() && named.owner != self.account() {
            return Err(Stop::no(Code::UseAttr, "Only mailboxes of one's own have a special use"));
        }
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let created = self.mailboxes().create(&mut batch, named.owner, &named.name, special_use).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                self.own_names_changed(&[&named.shown]).await;
                self.tell_renamed(&named.shown).await?;
                return self.created((named.owner, created)).await;
            }
        }
    }

    /// RFC 8474 §4.1.
    async fn created(&self, (owner, mailbox): At) -> Done {
        match self.mailboxes().info(owner, mailbox).await {
            Ok(Some(info)) => {
                let code = Code::MailboxId(mailbox_id(owner, info.object));
                Ok(Completion::ok_with(code, "Mailbox created"))
            }
            // Deleted right after: there is nothing to name.
            _ => Self::done("Mailbox created"),
        }
    }
}

/// RFC 6154 §3: a mailbox that cannot have the special use is not created without it.
fn special_use(attributes: &[String]) -> Result<Option<SpecialUse>, Stop> {
    let refused = |text: String| Err(Stop::Answer(Completion::no(Code::UseAttr, text)));
    let mut chosen = None;
    for attribute in attributes {
        match command::special_use(attribute) {
            None => return refused(format!("{attribute} is not supported")),
            special_use if chosen.is_none() || chosen == special_use => chosen = special_use,
            _ => return refused("A mailbox has one special use at most".into()),
        }
    }
    Ok(chosen)
}

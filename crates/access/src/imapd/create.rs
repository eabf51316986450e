//! CREATE (RFC 3501 §6.3.3, RFC 6154 §3). Missing mailboxes above the new one are created too, so that there are no names without
//! a mailbox after it.

use imap::command::{self, Mailbox};
use imap::{Code, Completion};
use mail::{MailboxId, SpecialUse};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::object::mailbox_id;
use super::select::valid;
use super::stop::{Done, Stop};

impl Connection<'_> {
    pub(super) async fn create(&mut self, mailbox: Mailbox, special_uses: &[String]) -> Done {
        let name = valid(mailbox)?;
        let special_use = special_use(special_uses)?;
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let created = self.mailboxes().create(&mut batch, self.account(), &name, special_use).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                self.own_names_changed(&[&name]).await;
                self.tell_renamed(&name).await?;
                return self.created(created).await;
            }
        }
    }

    /// RFC 8474 §4.1.
    async fn created(&self, mailbox: MailboxId) -> Done {
        match self.mailboxes().info(self.account(), mailbox).await {
            Ok(Some(info)) => {
                let code = Code::MailboxId(mailbox_id(self.account(), info.object));
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

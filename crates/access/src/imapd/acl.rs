//! SETACL, DELETEACL, GETACL, LISTRIGHTS and MYRIGHTS (RFC 4314 §3).
//!
//! Identifiers are `anyone` and the addresses of accounts, and the same behind a dash. The owner has every right and
//! keeps them.

use imap::command::{Mailbox, StoreHow};
use imap::{Code, Completion};
use mail::{Right, Rights};
use mailbox::{Grant, RightsChange, Who};
use store::Batch;

use super::change::Attempts;
use super::connection::Connection;
use super::place::{Place, store_error, write_rights};
use super::stop::{Done, Stop};

const ANYONE: &str = "anyone";

/// RFC 4314 §3.7, §2.1.1: what may be given by itself, each once; `c` and `d` are not tied to anything else.
const OPTIONAL: &str = " l r s w i p k x t e a c d";

impl Connection<'_> {
    pub(super) async fn get_acl(&mut self, mailbox: Mailbox) -> Done {
        let place = self.administered(mailbox).await?;
        let mut entries = vec![(place.address.to_string(), Rights::ALL)];
        for grant in self.mailboxes().acl(place.owner, place.mailbox).await? {
            let name = match grant.who {
                Who::Anyone => ANYONE.to_owned(),
                Who::Account(id) => {
                    // Of a removed account that can come back nothing is told.
                    match self.parts().directory.account(id).await.map_err(store_error)? {
                        Some(account) => account.address.to_string(),
                        None => continue,
                    }
                }
            };
            entries.push((if grant.negative { format!("-{name}") } else { name }, grant.rights));
        }
        let mut out = self.session.out();
        out.text("* ACL ").mailbox(&place.shown);
        for (name, rights) in entries {
            out.text(" ").astring(name.as_bytes()).text(" ").astring(rights.to_string().as_bytes());
        }
        out.end();
        Self::done("Access control list told")
    }

    pub(super) async fn set_acl(
        &mut self,
        mailbox: Mailbox,
        identifier: &str,
        how: StoreHow,
        rights: Rights,
    ) -> Done {
        let change = match how {
            StoreHow::Replace => RightsChange::Replace,
            StoreHow::Add => RightsChange::Add,
            StoreHow::Remove => RightsChange::Remove,
        };
        self.change_acl(mailbox, identifier, change, rights).await?;
        Self::done("Access control list changed")
    }

    /// An identifier without rights is no longer in the list.
    pub(super) async fn delete_acl(&mut self, mailbox: Mailbox, identifier: &str) -> Done {
        self.change_acl(mailbox, identifier, RightsChange::Replace, Rights::NONE).await?;
        Self::done("Access control list changed")
    }

    async fn change_acl(
        &mut self,
        mailbox: Mailbox,
        identifier: &str,
        change: RightsChange,
        rights: Rights,
    ) -> Result<(), Stop> {
        let place = self.administered(mailbox).await?;
        let (who, negative) = self.identified(identifier).await?;
        if who == Who::Account(place.owner) {
            return Err(Stop::no(Code::Cannot, "The owner has every right"));
        }
        if self.is_for_nobody(who, negative) && change != RightsChange::Remove && !rights.is_empty() {
            return Err(Stop::no(Code::NoPerm, "Nothing is shared with anyone on this server"));
        }
        let entry = Grant { who, negative, rights };
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            self.mailboxes().set_acl(&mut batch, place.owner, &[place.mailbox], entry, change).await?;
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                outcome?;
                return Ok(());
            }
            if self.mailboxes().info(place.owner, place.mailbox).await?.is_none() {
                return Err(super::place::missing());
            }
        }
    }

    /// §3.7: the identifier as the client wrote it.
    pub(super) async fn list_rights(&mut self, mailbox: Mailbox, identifier: &str) -> Done {
        let place = self.administered(mailbox).await?;
        let (who, negative) = self.identified(identifier).await?;
        let is_owner = who == Who::Account(place.owner);
        let no_rights = self.is_for_nobody(who, negative);
        let required = if is_owner && !negative { Rights::ALL } else { Rights::NONE };
        let mut out = self.session.out();
        out.text("* LISTRIGHTS ").mailbox(&place.shown).text(" ").astring(identifier.as_bytes());
        out.text(" ").astring(required.to_string().as_bytes());
        out.text(if is_owner || no_rights { "" } else { OPTIONAL }).end();
        Self::done("Rights listed")
    }

    pub(super) async fn my_rights(&mut self, mailbox: Mailbox) -> Done {
        let place = self.existing(mailbox).await?;
        write_rights(&mut self.session.out(), place.shown.as_str(), place.rights);
        Self::done("Rights told")
    }

    /// Whether the operator does not let that be given.
    fn is_for_nobody(&self, who: Who, negative: bool) -> bool {
        who == Who::Anyone && !negative && !self.mailboxes().shares_with_anyone()
    }

    async fn administered(&self, mailbox: Mailbox) -> Result<Place, Stop> {
        let place = self.existing(mailbox).await?;
        place.demand(Right::Administer)?;
        Ok(place)
    }

    /// Whom an identifier means, and whether rights are taken away from them. RFC 4314 §3: BAD if it cannot be prepared.
    async fn identified(&self, identifier: &str) -> Result<(Who, bool), Stop> {
        let bad = || Stop::Answer(Completion::bad("That is no identifier"));
        let prepared = directory::prepare(identifier).ok_or_else(bad)?;
        let (negative, name) = match prepared.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, prepared.as_str()),
        };
        if name.is_empty() {
            return Err(bad());
        }
        if name.eq_ignore_ascii_case(ANYONE) {
            return Ok((Who::Anyone, negative));
        }
        match self.parts().directory.account_by_login(name).await.map_err(store_error)? {
            Some(account) => Ok((Who::Account(account.id), negative)),
            None => Err(Stop::no(Code::Cannot, "There is no such user")),
        }
    }
}

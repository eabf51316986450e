//! Which mailbox a name means, whose it is, and what may be done with it: the one place that knows (RFC 2342 §4, RFC 4314 §4).
//!
//! What others share is seen in the namespaces of `namespaces.rs`. A mailbox with which one may do nothing is as one that is
//! not there: no answer tells them apart (RFC 4314 §6).

use directory::Account;
use imap::command::Mailbox;
use imap::response::Writer;
use imap::{Code, Completion};
use mail::{AccountId, Address, MailboxId, MailboxName, Right, Rights};

use super::connection::Connection;
use super::namespaces::{root, shown};
use super::stop::Stop;

/// A mailbox in its account.
pub(super) type At = (AccountId, MailboxId);

/// Any of these lets one know that a mailbox is there (RFC 4314 §4 MYRIGHTS).
const ANY: [Right; 6] =
    [Right::Lookup, Right::Read, Right::Insert, Right::Create, Right::DeleteMailbox, Right::Administer];

/// With one of these a mailbox is not read-only: its flags are shared (RFC 4314 §5.2).
pub(super) const CHANGING: [Right; 5] =
    [Right::Insert, Right::Expunge, Right::Seen, Right::Write, Right::DeleteMessage];

/// A name, whether or not a mailbox has it.
pub(super) struct Named {
    /// In whose account.
    pub(super) owner: AccountId,
    /// Its main address.
    pub(super) address: Address,
    /// What it has is seen below this; nothing where it is one's own.
    pub(super) root: String,
    /// The name there.
    pub(super) name: MailboxName,
    /// The name that this client knows.
    pub(super) shown: MailboxName,
}

/// A mailbox that is there.
pub(crate) struct Place {
    pub(super) owner: AccountId,
    pub(super) address: Address,
    pub(super) mailbox: MailboxId,
    /// As [`Named::name`].
    pub(super) name: MailboxName,
    /// As [`Named::shown`].
    pub(super) shown: MailboxName,
    /// What this client may do with it.
    pub(super) rights: Rights,
}

impl Place {
    pub(super) fn at(&self) -> At {
        (self.owner, self.mailbox)
    }

    /// `NO [NOPERM]` without the right; to who may not even see the mailbox it is not there.
    pub(super) fn demand(&self, right: Right) -> Result<(), Stop> {
        if self.rights.has(right) {
            Ok(())
        } else if self.rights.has(Right::Lookup) {
            Err(refused())
        } else {
            Err(missing())
        }
    }
}

pub(super) fn missing() -> Stop {
    Stop::no(Code::NonExistent, "There is no such mailbox")
}

pub(super) fn refused() -> Stop {
    Stop::no(Code::NoPerm, "You may not do that with this mailbox")
}

/// The name of a mailbox that may be created; `NO [CANNOT]` where it may not.
pub(super) fn valid(mailbox: Mailbox) -> Result<MailboxName, Stop> {
    mailbox.map_err(|why| Stop::Answer(Completion::no(Code::Cannot, why.to_string())))
}

/// `* MYRIGHTS "INBOX" lrs` (RFC 4314 §3.8)
pub(super) fn write_rights(out: &mut Writer<'_>, name: &str, rights: Rights) {
    out.text("* MYRIGHTS ").mailbox_text(name).text(" ").astring(rights.to_string().as_bytes()).end();
}

impl Connection<'_> {
    /// Whose name that is, and by which name the mailbox is known; `None` where it can name nothing.
    pub(super) async fn named(&self, name: MailboxName) -> Result<Option<Named>, Stop> {
        if name.is_of_others() {
            if let Some((account, name)) = self.of_other(&name).await? {
                let name = self.mailboxes().known_name(account.id, &name).await?;
                let (shown, root) = (shown(&account, &name), root(&account));
                let Account { id: owner, address, .. } = account;
                return Ok(shown.map(|shown| Named { owner, address, root, name, shown }));
            }
            // A mailbox of one's own may be older than the rule that there are none.
            if self.mailboxes().named(self.account(), &name).await?.is_none() {
                return Ok(None);
            }
        }
        let (owner, address) = (self.account(), self.address());
        let name = self.mailboxes().known_name(owner, &name).await?;
        Ok(Some(Named { owner, address, root: String::new(), shown: name.clone(), name }))
    }

    /// The mailbox of a name, if it is there for this client.
    pub(super) async fn place(&self, name: MailboxName) -> Result<Option<Place>, Stop> {
        let Some(named) = self.named(name).await? else { return Ok(None) };
        let Named { owner, address, name, shown, .. } = named;
        let Some(mailbox) = self.mailboxes().named(owner, &name).await? else { return Ok(None) };
        let rights = self.mailboxes().rights(self.account(), owner, mailbox).await?;
        Ok(rights.has_any(&ANY).then_some(Place { owner, address, mailbox, name, shown, rights }))
    }

    /// The mailbox a command names, which must be there. A name that no mailbox can have names none.
    pub(super) async fn existing(&self, mailbox: Mailbox) -> Result<Place, Stop> {
        let name = mailbox.map_err(|_| missing())?;
        self.place(name).await?.ok_or_else(missing)
    }

    /// Where messages are to go: RFC 3501 §7.1 TRYCREATE, where the client could go on if it created the mailbox.
    pub(super) async fn target(&self, mailbox: Mailbox) -> Result<Place, Stop> {
        let name = valid(mailbox)?;
        if let Some(place) = self.place(name.clone()).await? {
            place.demand(Right::Insert)?;
            return Ok(place);
        }
        match self.named(name).await? {
            Some(named) if self.may_create(&named).await? => {
                Err(Stop::no(Code::TryCreate, "There is no such mailbox; create it first"))
            }
            _ => Err(missing()),
        }
    }

    /// The name of a mailbox that is to be: `NO [NOPERM]` where this client creates none.
    pub(super) async fn to_create(&self, mailbox: Mailbox) -> Result<Named, Stop> {
        match self.named(valid(mailbox)?).await? {
            Some(named) if self.may_create(&named).await? => Ok(named),
            _ => Err(Stop::no(Code::NoPerm, "You may not create a mailbox there")),
        }
    }

    /// RFC 4314 §4 CREATE: it takes the right on the nearest mailbox above. On the first level of others nobody has it.
    async fn may_create(&self, named: &Named) -> Result<bool, Stop> {
        if named.owner == self.account() {
            return Ok(true);
        }
        let Some(above) = self.mailboxes().nearest_above(named.owner, &named.name).await? else {
            return Ok(false);
        };
        Ok(self.mailboxes().rights(self.account(), named.owner, above).await?.has(Right::Create))
    }

    /// The main address of who is logged in.
    pub(super) fn address(&self) -> Address {
        self.login.as_ref().expect("the session asks for login first").address.clone()
    }

    /// Who did something, for the journeys of mail in that account.
    pub(super) fn by(&self, owner: AccountId) -> String {
        if owner == self.account() { "imap".into() } else { format!("imap {}", self.address()) }
    }

    /// Looks again at what may be done with the selected mailbox, if it is another's (RFC 4314 §5.1.1). The connection ends
    /// with the right to read it.
    pub(super) async fn refresh_rights(&mut self) -> Result<(), Stop> {
        let Some(selected) = &self.selected else { return Ok(()) };
        let (owner, mailbox) = selected.at();
        if owner == self.account() {
            return Ok(());
        }
        let rights = self.mailboxes().rights(self.account(), owner, mailbox).await?;
        if !rights.has(Right::Read) {
            return Err(self.mailbox_gone("The mailbox is no longer there"));
        }
        if let Some(selected) = self.selected.as_mut().filter(|selected| selected.rights != rights) {
            selected.rights = rights;
            self.report_flags();
        }
        Ok(())
    }
}

/// The directory's trouble is the store's.
pub(super) fn store_error(error: directory::Error) -> Stop {
    match error {
        directory::Error::Store(error) => error.into(),
        error => {
            tracing::error!(%error, "could not look up an account");
            Stop::no(Code::ServerBug, "Internal error")
        }
    }
}

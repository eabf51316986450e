//! GETMETADATA and SETMETADATA (RFC 5464), and the annotations in LIST (RFC 9590).
//!
//! Private annotations of the server are the account's own. Shared ones are the operator's: there is the one that says how
//! to reach the administrator.

use imap::command::{Depth, GetMetadata, Mailbox};
use imap::{Code, Completion};
use mail::{AccountId, MailboxId, ModSeq, Right, Rights, limits};
use mailbox::Annotation;
use store::Batch;

use super::change::Attempts;
use super::connection::{Connection, WRITE_AT};
use super::place::{At, refused};
use super::stop::{Done, Stop};

/// RFC 5464 §3.2.1.1: a URI for reaching the administrator.
const ADMIN: &str = "/shared/admin";

type Value = (String, Option<Vec<u8>>);

impl Connection<'_> {
    pub(super) async fn get_metadata(&mut self, get: GetMetadata) -> Done {
        let (owner, id, name) = self.annotated(get.mailbox, None).await?;
        let mut found = chosen(&self.annotations(owner, id).await?, &get.entries, get.depth);
        let fits = |value: &Value| {
            let length = value.1.as_ref().map_or(0, Vec::len) as u64;
            get.max_size.is_none_or(|most| length <= most.into())
        };
        let longest = found.iter().filter(|value| !fits(value)).filter_map(|(_, value)| value.as_ref());
        let longest = longest.map(Vec::len).max();
        found.retain(fits);
        self.tell_metadata(&name, &found).await?;
        let text = "Annotations told";
        Ok(match longest {
            // §4.2.1.
            Some(length) => Completion::ok_with(Code::MetadataLongEntries(length as u64), text),
            None => Completion::ok(text),
        })
    }

    /// RFC 5464 §4.3: all or none.
    pub(super) async fn set_metadata(&mut self, mailbox: Option<Mailbox>, values: &[Value]) -> Done {
        let (owner, id, _) = self.annotated(mailbox, Some(Right::Write)).await?;
        if owner != self.account() && values.iter().any(|(name, _)| is_private(name)) {
            return Err(Stop::no(Code::MetadataNoPrivate, "Only the owner has private annotations there"));
        }
        if id.is_none() && values.iter().any(|(name, _)| name.starts_with("/shared/")) {
            return Err(Stop::no(Code::NoPerm, "Shared annotations of the server are the operator's"));
        }
        if values.iter().any(|(_, value)| value.as_ref().is_some_and(|v| v.len() > limits::ANNOTATION_VALUE))
        {
            let code = Code::MetadataMaxSize(limits::ANNOTATION_VALUE as u64);
            return Err(Stop::no(code, "The value is too long"));
        }
        let mut attempts = Attempts::default();
        loop {
            let mut batch = Batch::new();
            let modseq = match self.mailboxes().annotate(&mut batch, owner, id, values).await {
                Err(mailbox::Error::Limit(_)) => {
                    return Err(Stop::no(Code::MetadataTooMany, "There are too many annotations"));
                }
                added => added?,
            };
            let outcome = self.commit(batch).await;
            if !attempts.again(&outcome) {
                self.own_annotations_changed(owner, ModSeq(outcome?.number(modseq) as u64));
                return Self::done("Annotations set");
            }
            if let Some(id) = id
                && self.mailboxes().info(owner, id).await?.is_none()
            {
                return Err(Stop::no(Code::NonExistent, "There is no such mailbox"));
            }
        }
    }

    /// RFC 9590 §3: for a mailbox that LIST has told.
    pub(super) async fn list_metadata(&mut self, at: At, name: &str, entries: &[String]) -> Result<(), Stop> {
        let found = chosen(&self.annotations(at.0, Some(at.1)).await?, entries, Depth::Zero);
        self.tell_metadata(name, &found).await
    }

    /// Whose annotations are meant: a mailbox, or the server. `also`: a right that it takes beside those of RFC 5464 §3.3.
    async fn annotated(
        &self,
        mailbox: Option<Mailbox>,
        also: Option<Right>,
    ) -> Result<(AccountId, Option<MailboxId>, String), Stop> {
        match mailbox {
            None => Ok((self.account(), None, String::new())),
            Some(mailbox) => {
                let place = self.existing(mailbox).await?;
                place.demand(Right::Lookup)?;
                if !may_annotate(place.rights) || also.is_some_and(|right| !place.rights.has(right)) {
                    return Err(refused());
                }
                Ok((place.owner, Some(place.mailbox), place.shown.to_string()))
            }
        }
    }

    /// Private annotations are the owner's.
    async fn annotations(&self, owner: AccountId, of: Option<MailboxId>) -> Result<Vec<Value>, Stop> {
        let mut found = self.mailboxes().annotations(owner, of).await?;
        found.retain(|annotation| owner == self.account() || !is_private(&annotation.name));
        let mut values: Vec<Value> =
            found.into_iter().map(|Annotation { name, value, .. }| (name, value)).collect();
        if of.is_none() {
            let host = self.login.as_ref().expect("the session asks for login first").address.host();
            values.push((ADMIN.into(), Some(format!("mailto:postmaster@{host}").into_bytes())));
        }
        Ok(values)
    }

    /// `* METADATA "INBOX" (/shared/comment "…")` (RFC 5464 §4.4.1)
    async fn tell_metadata(&mut self, name: &str, values: &[Value]) -> Result<(), Stop> {
        for (n, (entry, value)) in values.iter().enumerate() {
            let mut out = self.session.out();
            match n {
                0 => out.text("* METADATA ").mailbox_text(name).text(" ("),
                _ => out.text(" "),
            };
            out.astring(entry.as_bytes()).text(" ").value(value.as_deref());
            if self.session.output_length() >= WRITE_AT {
                self.flush().await?;
            }
        }
        if !values.is_empty() {
            self.session.out().text(")").end();
        }
        Ok(())
    }
}

/// Whether an annotation is for its owner's eyes alone (RFC 5464 §3.2).
pub(super) fn is_private(name: &str) -> bool {
    name.starts_with("/private/")
}

/// RFC 5464 §3.3: beside the right to see it, any of these.
pub(super) fn may_annotate(rights: Rights) -> bool {
    rights.has_any(&[Right::Read, Right::Seen, Right::Write, Right::Insert, Right::Post])
}

/// What is asked of `all`, each once. A name of its own that has no value is told as NIL (RFC 9590 §4); what is above others,
/// only if it has one (RFC 5464 §4.2.2).
fn chosen(all: &[Value], entries: &[String], depth: Depth) -> Vec<Value> {
    let mut chosen: Vec<Value> = Vec::new();
    for entry in entries {
        let is_meant = |name: &str| match name.strip_prefix(entry.as_str()) {
            Some("") => true,
            Some(below) => match (below.strip_prefix('/'), depth) {
                (None, _) | (_, Depth::Zero) => false,
                (Some(rest), Depth::One) => !rest.contains('/'),
                (Some(_), Depth::Infinity) => true,
            },
            None => false,
        };
        let before = chosen.len();
        for value in all.iter().filter(|(name, _)| is_meant(name)) {
            if !chosen.contains(value) {
                chosen.push(value.clone());
            }
        }
        if depth == Depth::Zero && chosen.len() == before && chosen.iter().all(|(name, _)| name != entry) {
            chosen.push((entry.clone(), None));
        }
    }
    chosen
}

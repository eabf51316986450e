//! What copies get on their way that others do not: our signature (DKIM), what we found and sealed (ARC) and a reverse-path of
//! ours (SRS) where an alias leads elsewhere, Junk instead of INBOX.

use mail::{Domain, Envelope, ReversePath, SpecialUse, Wall};
use mailauth::dkim::{Draft, Hashed};
use message::Summary;
use queue::Destination;

use super::plan::{Copy, Leg, Plan};
use crate::authenticate::Authentication;
use crate::{Mta, forwarding, signing};

/// What is known of a message that decides about that.
pub(crate) struct Dress<'a> {
    /// Nothing where it is not to be signed, or cannot be: no From, endless headers.
    hashed: Option<Hashed>,
    /// The author's domain, if the message is ours to sign.
    author: Option<Domain>,
    authentication: Option<&'a Authentication>,
    at: Wall,
}

impl<'a> Dress<'a> {
    pub(crate) fn new(
        summary: &Summary,
        draft: Option<Draft>,
        ours: bool,
        authentication: Option<&'a Authentication>,
        at: Wall,
    ) -> Self {
        let from = if ours { summary.from_addresses() } else { Vec::new() };
        let author = from.first().and_then(|address| address.domain().cloned());
        Self { hashed: draft.and_then(|draft| draft.finish().ok()), author, authentication, at }
    }

    /// The fields in front of what goes along a leg.
    async fn front(&self, mta: &Mta, leg: &Leg) -> Result<String, directory::Error> {
        let Some(hashed) = &self.hashed else { return Ok(String::new()) };
        if let Some(author) = &self.author {
            let signers = mta.signers.for_author(author).await?;
            return Ok(signing::sign(hashed, &signers, self.at));
        }
        let forwarder = leg.forwarded_for.as_ref().and_then(|address| address.domain());
        let (Some(found), Some(forwarder)) = (self.authentication, forwarder) else {
            return Ok(String::new());
        };
        let signers = mta.signers.of(forwarder).await?;
        Ok(signing::seal(hashed, &found.arc, found.results(), &signers, self.at))
    }

    /// The reverse-path of what goes along a leg, if it is another one. Where we did not look, the sender's domain may say
    /// who sends for it.
    async fn reverse_path(
        &self,
        mta: &Mta,
        leg: &Leg,
        path: &ReversePath,
    ) -> Result<Option<ReversePath>, directory::Error> {
        let forwarder = leg.forwarded_for.as_ref().and_then(|address| address.domain());
        match forwarder {
            Some(forwarder) if self.authentication.is_none_or(|found| found.has_spf) => {
                forwarding::reverse_path(mta, path, forwarder, self.at).await.map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Plan {
    /// Dresses what leaves.
    pub(crate) async fn dress(
        &mut self,
        mta: &Mta,
        envelope: &Envelope,
        dress: &Dress<'_>,
    ) -> Result<(), directory::Error> {
        for (leg, copy) in &mut self.remote {
            copy.front = dress.front(mta, leg).await?;
            copy.reverse_path = dress.reverse_path(mta, leg, &envelope.reverse_path).await?;
        }
        Ok(())
    }

    /// Puts fields in front of everything that leaves.
    pub(crate) fn put_in_front(&mut self, fields: &str) {
        for copy in self.remote.values_mut() {
            copy.front.push_str(fields);
        }
    }

    /// Sends the copies for our own accounts to the mailbox that each has for junk, if it has one (RFC 6154).
    pub(crate) async fn put_into_junk(&mut self, mta: &Mta) -> Result<(), mailbox::Error> {
        let later = |leg: &Leg| leg.destination == Destination::Local;
        let moved: Vec<(Leg, Copy)> = self.remote.extract_if(.., |leg, _| later(leg)).collect();
        let junk = |(leg, copy)| (Leg { destination: Destination::Junk, ..leg }, copy);
        self.remote.extend(moved.into_iter().map(junk));
        for local in &mut self.local {
            let mailboxes = mta.mailboxes.list(local.id).await?;
            if let Some(junk) = mailboxes.into_iter().find(|m| m.special_use == Some(SpecialUse::Junk)) {
                (local.mailbox, local.mailbox_name) = (junk.id, junk.name.to_string());
            }
        }
        Ok(())
    }
}

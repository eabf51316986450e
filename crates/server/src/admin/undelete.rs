//! Bringing back what was expunged, or deleted with its mailbox.

use std::collections::BTreeMap;

use directory::Account;
use journey::{Event, What};
use mail::{AccountId, MailboxId, MailboxName, ModSeq, Uid, Wall};
use mailbox::{Lost, Place};
use message::Summary;
use store::Batch;

use super::trace::point_in_time;
use super::{ATTEMPTS, BroughtBack, LostFilter, LostPlace, LostRow, Office, PAGE, Reply, Trouble, time};

/// Messages that one commit brings back.
const AT_ONCE: usize = 200;

/// A filter, understood.
struct Wanted {
    mailbox: Option<MailboxName>,
    since: Option<Wall>,
    subject: Option<String>,
    uids: Vec<u32>,
}

/// What came of bringing back.
#[derive(Default)]
struct Tally {
    mailboxes: BTreeMap<MailboxName, u64>,
    unreadable: u64,
}

impl Office {
    /// One page of what can be brought back. Rows may be fewer than a page although more follow.
    pub(super) async fn lost(
        &self,
        who: &str,
        filter: &LostFilter,
        after: Option<LostPlace>,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let wanted = Wanted::read(filter, self.world.clock.wall())?;
        let after = after.as_ref().map(place).transpose()?;
        let page = self.mailboxes.lost(account.id, after, PAGE).await?;
        let next = if page.len() < PAGE { None } else { page.last().map(|last| cursor(last.place)) };
        let mut rows = Vec::new();
        for lost in page.iter().filter(|lost| wanted.matches(lost)) {
            let summary = self.lost_summary(account.id, lost).await?;
            if wanted.matches_subject(summary.as_ref()) {
                rows.push(row(lost, summary.as_ref()));
            }
        }
        Ok(Reply::Lost { rows, next })
    }

    /// Brings back all that matches, into the mailboxes where it was or into `to`.
    pub(super) async fn bring_back(
        &self,
        who: &str,
        filter: &LostFilter,
        to: Option<&str>,
    ) -> Result<Reply, Trouble> {
        let account = self.account(who).await?;
        let wanted = Wanted::read(filter, self.world.clock.wall())?;
        let to = to.map(mailbox_name).transpose()?;
        let mut tally = Tally::default();
        let mut after = None;
        loop {
            let page = self.mailboxes.lost(account.id, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|last| last.place);
            let mut chosen: BTreeMap<MailboxName, Vec<Lost>> = BTreeMap::new();
            for lost in page.into_iter().filter(|lost| wanted.matches(lost)) {
                let needs_summary = wanted.subject.is_some();
                let summary = if needs_summary { self.lost_summary(account.id, &lost).await? } else { None };
                if wanted.matches_subject(summary.as_ref()) {
                    let name = to.clone().unwrap_or_else(|| lost.name.clone());
                    chosen.entry(name).or_default().push(lost);
                }
            }
            for (name, lost) in chosen {
                for some in lost.chunks(AT_ONCE) {
                    self.bring_back_into(&account, &name, some, &mut tally).await?;
                }
            }
            if is_last {
                return Ok(tally.reply());
            }
        }
    }

    /// Brings messages back into one mailbox, which is created if it is gone. One that cannot be read does not keep the
    /// others from it.
    async fn bring_back_into(
        &self,
        account: &Account,
        name: &MailboxName,
        lost: &[Lost],
        tally: &mut Tally,
    ) -> Result<(), Trouble> {
        let target = self.mailbox_named(account.id, name).await?;
        let brought = tally.mailboxes.entry(name.clone()).or_default();
        match self.commit_back(account, name, target, lost).await {
            Ok(true) => {
                *brought += lost.len() as u64;
                return Ok(());
            }
            Ok(false) | Err(Trouble::Conflict) => {}
            Err(other) => return Err(other),
        }
        for one in lost {
            match self.commit_back(account, name, target, std::slice::from_ref(one)).await {
                Ok(true) => *brought += 1,
                Ok(false) => tally.unreadable += 1,
                // Someone else has brought it back.
                Err(Trouble::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Whether all could be read; nothing is changed otherwise.
    async fn commit_back(
        &self,
        account: &Account,
        name: &MailboxName,
        target: MailboxId,
        lost: &[Lost],
    ) -> Result<bool, Trouble> {
        let mut batch = Batch::new();
        let now = self.world.clock.wall();
        match self.mailboxes.bring_back(&mut batch, account.id, lost, target, now).await {
            Ok(_) => {}
            Err(mailbox::Error::NoSuchMessage) => return Ok(false),
            Err(other) => return Err(other.into()),
        }
        let action = format!("brought back to {name} of {}", account.address);
        let event = Event { at: now, what: What::Operator { action, item: None } };
        for it in lost {
            self.journeys.record(&mut batch, it.entry.id, std::slice::from_ref(&event));
        }
        self.store.commit(batch).await?;
        Ok(true)
    }

    /// The mailbox of that name, made if there is none.
    pub(crate) async fn mailbox_named(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<MailboxId, Trouble> {
        for _ in 0..ATTEMPTS {
            let name = &self.mailboxes.known_name(account, name).await?;
            if let Some(id) = self.mailboxes.named(account, name).await? {
                return Ok(id);
            }
            let mut batch = Batch::new();
            let id = self.mailboxes.create(&mut batch, account, name, None).await?;
            match self.store.commit(batch).await {
                Ok(_) => return Ok(id),
                Err(store::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Trouble::Conflict)
    }

    /// What is known of a message; `None` if that cannot be read.
    async fn lost_summary(&self, account: AccountId, lost: &Lost) -> Result<Option<Summary>, Trouble> {
        match self.mailboxes.summary(account, lost.place.mailbox, lost.place.uid).await {
            Ok(bytes) => Ok(Summary::decode(&bytes).ok()),
            Err(mailbox::Error::NoSuchMessage | mailbox::Error::Store(store::Error::Damaged(_))) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

impl Wanted {
    fn read(filter: &LostFilter, now: Wall) -> Result<Self, Trouble> {
        Ok(Self {
            mailbox: filter.mailbox.as_deref().map(mailbox_name).transpose()?,
            since: filter.since.as_deref().map(|text| point_in_time(text, now)).transpose()?,
            subject: filter.subject.as_deref().map(str::to_lowercase),
            uids: filter.uids.clone(),
        })
    }

    fn matches(&self, lost: &Lost) -> bool {
        self.mailbox.as_ref().is_none_or(|name| name.is_same(&lost.name))
            && self.since.is_none_or(|since| lost.at >= since)
            && (self.uids.is_empty() || self.uids.contains(&lost.place.uid.get()))
    }

    fn matches_subject(&self, summary: Option<&Summary>) -> bool {
        let Some(part) = &self.subject else { return true };
        let subject = summary.and_then(Summary::subject).unwrap_or_default();
        subject.to_lowercase().contains(part)
    }
}

impl Tally {
    fn reply(self) -> Reply {
        let mailboxes = self.mailboxes.iter().map(|(name, count)| (name.to_string(), *count)).collect();
        let count = self.mailboxes.values().sum();
        Reply::BroughtBack { outcome: BroughtBack { count, unreadable: self.unreadable, mailboxes } }
    }
}

/// A mailbox's name as an operator wrote it.
pub(crate) fn mailbox_name(text: &str) -> Result<MailboxName, Trouble> {
    MailboxName::new(text).map_err(|why| Trouble::Said(format!("{text:?}: {why}")))
}

fn place(cursor: &LostPlace) -> Result<Place, Trouble> {
    let uid = Uid::new(cursor.uid).ok_or_else(|| Trouble::Said("the list cannot go on there".into()))?;
    let (mailbox, modseq) = (MailboxId(cursor.mailbox), ModSeq(cursor.modseq));
    Ok(Place { with_mailbox: cursor.with_mailbox, mailbox, modseq, uid })
}

fn cursor(place: Place) -> LostPlace {
    LostPlace {
        with_mailbox: place.with_mailbox,
        mailbox: place.mailbox.0,
        modseq: place.modseq.0,
        uid: place.uid.get(),
    }
}

fn row(lost: &Lost, summary: Option<&Summary>) -> LostRow {
    LostRow {
        mailbox: lost.name.to_string(),
        uid: lost.place.uid.get(),
        removed: time(lost.at),
        with_mailbox: lost.place.with_mailbox,
        date: time(lost.entry.internal_date),
        size: lost.entry.size(),
        from: summary.and_then(|s| Some(s.envelope.from.first()?.spec())),
        subject: summary.and_then(Summary::subject),
        message: lost.entry.id.to_string(),
    }
}

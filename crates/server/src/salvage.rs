//! One account's mail, or one message of it, out of a backup into the store that is in use.
//!
//! The backup is only read. What is there still is not added again: a message is the same if it came in at the same
//! second, has the same length, and the same id, Message-ID or text. So a second run adds nothing, and mail that its owner has
//! moved meanwhile is not doubled.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use directory::Directory;
use journey::{Event, What};
use mail::{AccountId, Flag, Flags, MailboxId, MailboxName};
use mailbox::{Entry, Mailboxes, NewEmail};
use message::Summary;
use store::embedded::backup::Choice;
use store::{Batch, Store};

use crate::admin::{Office, SalvageQuery, Salvaged, Trouble, mailbox_name, point_in_time};

/// Messages that one commit adds, and bytes of their bodies after which it ends.
const AT_ONCE: usize = 100;
const BYTES_AT_ONCE: u64 = 8 << 20;
/// Bytes of a body that are in memory at once.
const CHUNK: usize = 256 * 1024;
/// Times a commit is tried when others change the same things.
const ATTEMPTS: usize = 20;

/// A restore of some mail that is under way.
pub(crate) struct Salvage {
    backup: Arc<dyn Store>,
    /// The backup's.
    mailboxes: Mailboxes,
    from: AccountId,
    to: AccountId,
    address: String,
    /// What is missing, in reverse order.
    missing: Vec<Missing>,
    outcome: Salvaged,
    /// Where the backup's index is; removed at the end.
    scratch: PathBuf,
}

/// A message of the backup that is not in the store.
struct Missing {
    target: MailboxName,
    mailbox: MailboxId,
    entry: Entry,
    flags: Flags,
}

/// A message of one of the two.
#[derive(Clone, Copy)]
struct Copy {
    /// Of its mailbox, in the list of names.
    name: usize,
    mailbox: MailboxId,
    entry: Entry,
}

/// All messages of an account.
struct Stock {
    names: Vec<MailboxName>,
    copies: Vec<(Copy, Flags)>,
}

impl Drop for Salvage {
    fn drop(&mut self) {
        // Only an index that was made for this: what is left of it does no harm.
        drop(world::real::remove_tree(&self.scratch));
    }
}

impl Salvage {
    /// Opens the backup and finds out what is missing.
    pub(crate) async fn open(office: &Office, query: &SalvageQuery) -> Result<Self, Trouble> {
        let choice = match (&query.to, query.checkpoint) {
            (Some(to), _) => Choice::Time(point_in_time(to, office.world.clock.wall())?),
            (None, Some(number)) => Choice::Checkpoint(number),
            (None, None) => Choice::Newest,
        };
        let account = office.account(&query.account).await?;
        let scratch = std::env::temp_dir().join(format!(
            "posthouse-restore-{}-{}",
            std::process::id(),
            office.store.next_id()
        ));
        let opened = store::embedded::open_read_only_at(&office.world, &query.dir, choice, &scratch).await;
        let (backup, _) = opened.map_err(|error| {
            drop(world::real::remove_tree(&scratch));
            Trouble::from(format!("cannot read the backup in {}: {error}", query.dir.display()))
        })?;
        let mut salvage = Self {
            mailboxes: Mailboxes::new(Arc::clone(&backup)),
            backup,
            from: account.id,
            to: account.id,
            address: account.address.to_string(),
            missing: Vec::new(),
            outcome: Salvaged::default(),
            scratch,
        };
        let directory = Directory::new(Arc::clone(&salvage.backup), office.world.clone());
        let Some(then) = directory.account_by_login(&query.account).await? else {
            return Err(Trouble::from(format!(
                "there was no account {} when that backup was made",
                query.account
            )));
        };
        salvage.from = then.id;
        salvage.find_missing(office, query).await?;
        Ok(salvage)
    }

    async fn find_missing(&mut self, office: &Office, query: &SalvageQuery) -> Result<(), Trouble> {
        let (then, now) =
            (Stock::of(&self.mailboxes, self.from).await?, Stock::of(&office.mailboxes, self.to).await?);
        let is_missing = self.compare(office, &then, &now).await?;
        let into = query.into.as_deref().map(mailbox_name).transpose()?;
        for ((copy, flags), is_missing) in then.copies.iter().zip(is_missing) {
            if !self.is_wanted(query, &then, copy).await? {
                continue;
            }
            self.outcome.matched += 1;
            if is_missing {
                let target = into.clone().unwrap_or_else(|| then.names[copy.name].clone());
                let (mailbox, entry, flags) = (copy.mailbox, copy.entry, flags.clone());
                self.missing.push(Missing { target, mailbox, entry, flags });
            }
        }
        self.outcome.total = self.missing.len() as u64;
        self.missing.reverse();
        Ok(())
    }

    async fn is_wanted(&self, query: &SalvageQuery, then: &Stock, copy: &Copy) -> Result<bool, Trouble> {
        if let Some(name) = query.mailbox.as_deref()
            && !then.names[copy.name].is_same(&mailbox_name(name)?)
        {
            return Ok(false);
        }
        if query.uid.is_some_and(|uid| uid != copy.entry.uid.get()) {
            return Ok(false);
        }
        if let Some(validity) = query.uidvalidity {
            let info = self.mailboxes.info(self.from, copy.mailbox).await?;
            if info.is_none_or(|info| info.uid_validity.0.get() != validity) {
                return Ok(false);
            }
        }
        let Some(wanted) = query.message_id.as_deref() else { return Ok(true) };
        let id = message_id(&self.mailboxes, self.from, copy).await?;
        Ok(id.is_some_and(|id| bare(&id) == bare(wanted)))
    }

    /// For each message of the backup, whether the store has no copy of it. A copy in the mailbox of the same name counts
    /// first; then one in any other, to which it was moved. Each copy counts once.
    async fn compare(&self, office: &Office, then: &Stock, now: &Stock) -> Result<Vec<bool>, Trouble> {
        let mut alike: BTreeMap<(i64, u64), Vec<(Copy, bool)>> = BTreeMap::new();
        for (copy, _) in &now.copies {
            alike.entry(likeness(&copy.entry)).or_default().push((*copy, false));
        }
        let mut missing = vec![true; then.copies.len()];
        for same_mailbox in [true, false] {
            for (at, (copy, _)) in
                then.copies.iter().enumerate().filter(|(at, _)| missing[*at]).collect::<Vec<_>>()
            {
                let Some(candidates) = alike.get_mut(&likeness(&copy.entry)) else { continue };
                for (candidate, taken) in candidates.iter_mut().filter(|(_, taken)| !taken) {
                    let same_name = then.names[copy.name] == now.names[candidate.name];
                    if same_name == same_mailbox && self.is_same(office, copy, candidate).await? {
                        (*taken, missing[at]) = (true, false);
                        break;
                    }
                }
            }
        }
        Ok(missing)
    }

    async fn is_same(&self, office: &Office, then: &Copy, now: &Copy) -> Result<bool, Trouble> {
        if then.entry.id == now.entry.id {
            return Ok(true);
        }
        let old = message_id(&self.mailboxes, self.from, then).await?;
        let new = message_id(&office.mailboxes, self.to, now).await?;
        if old.is_some() || new.is_some() {
            return Ok(old == new);
        }
        let mut offset = 0;
        while offset < then.entry.size() {
            let old = self.mailboxes.read(self.from, then.mailbox, &then.entry, offset, CHUNK).await?;
            let new = office.mailboxes.read(self.to, now.mailbox, &now.entry, offset, CHUNK).await?;
            let common = old.len().min(new.len());
            if common == 0 || old[..common] != new[..common] {
                return Ok(false);
            }
            offset += common as u64;
        }
        Ok(true)
    }

    /// Adds the next messages, in one commit. How far it is; `finished` when nothing is left.
    pub(crate) async fn go_on(&mut self, office: &Office) -> Result<Salvaged, Trouble> {
        let Some(target) = self.missing.last().map(|next| next.target.clone()) else {
            self.outcome.finished = true;
            return Ok(self.outcome.clone());
        };
        let (mut some, mut bytes) = (Vec::new(), 0);
        while some.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            let Some(next) = self.missing.pop_if(|next| next.target == target) else { break };
            bytes += next.entry.size();
            some.push(next);
        }
        for _ in 0..ATTEMPTS {
            match self.add(office, &target, &some).await {
                Ok(added) => {
                    self.outcome.done += some.len() as u64;
                    self.outcome.added += added;
                    self.outcome.unreadable += some.len() as u64 - added;
                    *self.outcome.mailboxes.entry(target.to_string()).or_default() += added;
                    return Ok(self.outcome.clone());
                }
                Err(Trouble::Conflict) => {}
                Err(other) => return Err(other),
            }
        }
        Err(Trouble::Conflict)
    }

    /// Adds messages to one mailbox, which is created if it is gone. How many could be read.
    async fn add(&self, office: &Office, target: &MailboxName, some: &[Missing]) -> Result<u64, Trouble> {
        let mailbox = office.mailbox_named(self.to, target).await?;
        let mut batch = Batch::new();
        let action = format!("restored from a backup to {target} of {}", self.address);
        let event = Event { at: office.world.clock.wall(), what: What::Operator { action, item: None } };
        let mut added = 0;
        for it in some {
            match self.email(office, &mut batch, it).await {
                Ok(email) => {
                    office.mailboxes.append(&mut batch, self.to, mailbox, &email);
                    office.journeys.record(&mut batch, email.id, std::slice::from_ref(&event));
                    added += 1;
                }
                // Damage stays with the message that has it (P4).
                Err(Unread::There(why)) => {
                    tracing::error!(uid = it.entry.uid.get(), why, "a message in the backup cannot be read");
                }
                Err(Unread::Here(trouble)) => return Err(trouble),
            }
        }
        office.store.commit(batch).await?;
        Ok(added)
    }

    /// Copies a message's body into the store.
    async fn email(&self, office: &Office, batch: &mut Batch, it: &Missing) -> Result<NewEmail, Unread> {
        let there = |error: store::Error| Unread::There(error.to_string());
        let here = |error: store::Error| Unread::Here(error.into());
        let snapshot = self.backup.snapshot();
        let text = Mailboxes::text_in(&snapshot, self.from, it.mailbox, it.entry.uid).await.map_err(there)?;
        let (prefix, summary) = text.ok_or_else(|| Unread::There("its headers are missing".into()))?;
        let mut writer = office.store.stage();
        let mut offset = 0;
        while offset < it.entry.blob_length {
            let bytes = self.backup.read_blob(it.entry.blob, offset, CHUNK).await.map_err(there)?;
            if bytes.is_empty() {
                return Err(Unread::There("its text ends too early".into()));
            }
            offset += bytes.len() as u64;
            writer.write(&bytes).await.map_err(here)?;
        }
        let staged = writer.finish().await.map_err(here)?;
        let mut flags = it.flags.clone();
        flags.remove(&[Flag::Deleted].into_iter().collect());
        Ok(NewEmail {
            prefix: prefix.into(),
            blob_length: staged.len(),
            blob: batch.blob(staged),
            internal_date: it.entry.internal_date,
            saved: office.world.clock.wall(),
            flags,
            summary: summary.into(),
            id: it.entry.id,
            // The backup may be another store's, in which that number named something else.
            content: office.store.next_id(),
        })
    }
}

/// Why a message was not copied.
enum Unread {
    /// The backup cannot give it.
    There(String),
    /// The store cannot take it.
    Here(Trouble),
}

impl Stock {
    async fn of(mailboxes: &Mailboxes, account: AccountId) -> Result<Self, Trouble> {
        let mut stock = Self { names: Vec::new(), copies: Vec::new() };
        for info in mailboxes.list(account).await? {
            let view = mailboxes.view(account, info.id).await?;
            let name = stock.names.len();
            stock.names.push(info.name);
            let copy = |entry: &Entry| Copy { name, mailbox: info.id, entry: *entry };
            let copies = view.iter().map(|(_, entry)| (copy(entry), view.flags(entry.flags).clone()));
            stock.copies.extend(copies);
        }
        Ok(stock)
    }
}

/// What two copies of a message have in common, whichever way each of them came.
fn likeness(entry: &Entry) -> (i64, u64) {
    (entry.internal_date.secs(), entry.size())
}

async fn message_id(
    mailboxes: &Mailboxes,
    account: AccountId,
    copy: &Copy,
) -> Result<Option<String>, Trouble> {
    match mailboxes.summary(account, copy.mailbox, copy.entry.uid).await {
        Ok(bytes) => Ok(Summary::decode(&bytes).ok().and_then(|summary| summary.envelope.message_id)),
        Err(mailbox::Error::NoSuchMessage | mailbox::Error::Store(store::Error::Damaged(_))) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// A Message-ID without its angle brackets.
fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

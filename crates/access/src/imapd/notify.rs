//! NOTIFY (RFC 5465): news of all mailboxes, as they happen.
//!
//! As with IDLE, the session watches its account, and the accounts of others whose mailboxes are meant: only then is it woken, and it
//! compares what it has told with what there is. Changes that come faster than that melt into one.

mod known;
mod names;
mod others;

use imap::Code;
use imap::command::{EventGroup, Events, FetchItem, MailboxFilter, Notify, StatusItem};
use mail::{AccountId, MailboxName, ModSeq, Uid, limits};
use store::{Topic, Watch};

use super::connection::Connection;
use super::fetch::Told;
use super::metadata::is_private;
use super::place::At;
use super::stop::{Done, Stop};
use super::sync::Moment;
use known::{Known, KnownMailbox};
use others::Watched;

/// What a client has asked for.
#[derive(Default)]
pub(crate) struct Notified {
    groups: Vec<EventGroup>,
    known: Known,
    watched: Watched,
    /// Changes of annotations that this client made itself.
    own_annotations: Vec<(AccountId, ModSeq)>,
}

impl Notified {
    /// What is told of the selected mailbox, and whether EXPUNGE waits for a command.
    fn of_selected(&self) -> Option<(&Events, bool)> {
        self.groups.iter().find_map(|group| match group.filter {
            MailboxFilter::Selected { delayed } => Some((&group.events, delayed)),
            _ => None,
        })
    }

    /// What is told of a mailbox that is not selected: all that any group asks for it.
    fn of_other(&self, name: &MailboxName, own: bool, subscribed: bool) -> Events {
        let mut all = Events::default();
        for group in &self.groups {
            if group.filter.matches(name, own, subscribed) {
                all.add(&group.events);
            }
        }
        all
    }

    fn of_mailbox(&self, mailbox: &KnownMailbox) -> Events {
        self.of_other(&mailbox.name, mailbox.own, mailbox.subscribed)
    }

    /// What wakes the session beside its own account.
    pub(super) fn watches(&mut self) -> impl Iterator<Item = &mut Watch> {
        self.watched.watches()
    }
}

const TOO_MUCH: &str = "Too much happens; NOTIFY is over";

impl Connection<'_> {
    pub(super) async fn notify(&mut self, notify: Notify) -> Done {
        let (status, groups) = match notify {
            Notify::None => {
                self.stop_notifying();
                return Self::done("Nothing is told");
            }
            // §3.1: the code lists what there is.
            Notify::Set { supported: false, .. } => return Err(Stop::no(Code::BadEvent, "Unknown event")),
            Notify::Set { status, groups, .. } => (status, groups),
        };
        let mut groups = groups;
        let names: usize = groups.iter().map(|group| group.filter.names().len()).sum();
        if names > limits::NOTIFY_MAILBOXES {
            return Err(Stop::no(Code::NotificationOverflow, "Too many mailboxes"));
        }
        // Watches before it looks, so that nothing falls between.
        let watch = self.parts().store.watch(Topic::Account(self.account()));
        for group in &mut groups {
            self.filter_now(&mut group.filter).await?;
        }
        let mut watched = Watched::default();
        let Some(known) = self.look(&groups, &Known::default(), &mut watched).await? else {
            return Err(Stop::no(Code::NotificationOverflow, "There are too many mailboxes"));
        };
        // §3.1: an implicit NOOP, by the rules that held up to here.
        self.sync(Moment::NumbersMay).await?;
        let notified = Notified { groups, known, watched, own_annotations: Vec::new() };
        self.tell_not_accessible(&notified).await?;
        if status {
            self.tell_first_status(&notified).await?;
        }
        (self.notified, self.watch) = (Some(Box::new(notified)), Some(watch));
        Self::done("News will be told")
    }

    /// What NOTIFY NONE asks for.
    fn stop_notifying(&mut self) {
        self.notified = Some(Box::default());
        if !self.idling {
            self.watch = None;
        }
    }

    /// Whether anything is told beside commands.
    pub(super) fn is_notified(&self) -> bool {
        self.notified.as_ref().is_some_and(|notified| !notified.groups.is_empty())
    }

    /// The event that the account's watch told of.
    pub(super) async fn noticed(&mut self) -> std::io::Result<()> {
        let delayed =
            self.notified.as_ref().and_then(|n| n.of_selected()).is_some_and(|(_, delayed)| delayed);
        // §6.1.2: while a client idles, numbers may change.
        let moment = if delayed && !self.idling { Moment::NumbersStay } else { Moment::NumbersMay };
        let synced = match self.refresh_rights().await {
            Ok(()) => self.sync(moment).await,
            refused => refused,
        };
        // The store's troubles with the selected mailbox are told at the next command.
        if let Err(Stop::Gone(error)) = synced {
            return Err(error);
        }
        self.tell_how_far();
        if !self.session.is_closed()
            && let Err(Stop::Gone(error)) = self.tell_others().await
        {
            return Err(error);
        }
        Ok(())
    }

    /// Whether changes of the selected mailbox are told at all (§3.1), and those of flags.
    pub(super) fn tells_selected(&self) -> (bool, bool) {
        match &self.notified {
            None => (true, true),
            Some(notified) => notified
                .of_selected()
                .map_or((false, false), |(events, _)| (events.message_new, events.flag_change)),
        }
    }

    /// What a client wants to see of new messages (§5.2); not of those that it made itself.
    pub(super) async fn tell_arrived(&mut self, arrived: &[Uid]) -> Result<(), Stop> {
        let items = self.notified.as_ref().and_then(|notified| notified.of_selected());
        let items: Vec<FetchItem> = items.map(|(events, _)| events.fetch.clone()).unwrap_or_default();
        if items.is_empty() {
            return Ok(());
        }
        if arrived.len() > limits::NOTIFY_EVENTS {
            self.overflow(TOO_MUCH);
            return Ok(());
        }
        let Some(selected) = self.selected.as_mut() else { return Ok(()) };
        let own = std::mem::take(&mut selected.own_new);
        let view = selected.view.clone();
        for (number, entry) in arrived.iter().filter_map(|uid| view.by_uid(*uid)) {
            if own.contains(&entry.modseq) {
                continue;
            }
            let recent = self.selected.as_ref().is_some_and(|s| s.is_recent(entry.uid));
            let flags = view.flags(entry.flags).clone();
            let told = Told { number, entry: *entry, flags, recent, flags_changed: false };
            self.fetch_message_quietly(&told, &items).await?;
        }
        Ok(())
    }

    /// §5.8: the client is told that it will hear no more, so that it looks for itself.
    fn overflow(&mut self, why: &str) {
        self.session.out().untagged("OK", Some(&Code::NotificationOverflow), why);
        self.stop_notifying();
    }

    /// Tells what happened to other mailboxes, to names, subscriptions and annotations.
    async fn tell_others(&mut self) -> Result<(), Stop> {
        if !self.is_notified() {
            return Ok(());
        }
        let Some(mut notified) = self.notified.take() else { return Ok(()) };
        let told = self.tell_news(&mut notified).await;
        self.notified = Some(notified);
        match told {
            Ok(Some(())) => {}
            Ok(None) => self.overflow(TOO_MUCH),
            // What was to be told is not known any more.
            Err(Stop::Answer(_)) => self.overflow("The server is in trouble; NOTIFY is over"),
            Err(gone) => return Err(gone),
        }
        Ok(())
    }

    /// `None` if that is too much.
    async fn tell_news(&mut self, notified: &mut Notified) -> Result<Option<()>, Stop> {
        for group in &mut notified.groups {
            self.filter_now(&mut group.filter).await?;
        }
        let Notified { groups, known, watched, .. } = notified;
        // One look is enough for all news so far.
        watched.watches().for_each(Watch::catch_up);
        let Some(now) = self.look(groups, known, watched).await? else { return Ok(None) };
        let before = std::mem::replace(known, now);
        let told = self.tell_differences(notified, &before).await;
        notified.own_annotations.clear();
        Ok((told? <= limits::NOTIFY_EVENTS).then_some(()))
    }

    fn selected_at(&self) -> Option<At> {
        self.selected.as_ref().map(super::selected::Selected::at)
    }

    /// How many events there were.
    async fn tell_differences(&mut self, notified: &Notified, before: &Known) -> Result<usize, Stop> {
        let names = self.tell_names(notified, before).await?;
        let mut events = names;
        let selected = self.selected_at();
        let condstore = self.session.enabled().condstore;
        for (at, mailbox) in &notified.known.mailboxes {
            if Some(*at) == selected {
                continue;
            }
            let wanted = notified.of_mailbox(mailbox);
            let items = mailbox.news(before.mailboxes.get(at), &wanted, condstore);
            if items.is_empty() {
                continue;
            }
            events += 1;
            if events > limits::NOTIFY_EVENTS {
                return Ok(events);
            }
            self.tell_status_of(*at, &mailbox.name, &items).await?;
        }
        Ok(events + self.tell_annotated(notified, before).await?)
    }

    /// STATUS of a mailbox that may be gone by now: then nothing.
    async fn tell_status_of(&mut self, at: At, name: &MailboxName, items: &[StatusItem]) -> Result<(), Stop> {
        match self.report_status(at, name, items).await {
            Err(Stop::Answer(_)) => Ok(()),
            told => told,
        }
    }

    /// §3.1: how things stand, before the tagged OK.
    async fn tell_first_status(&mut self, notified: &Notified) -> Result<(), Stop> {
        let selected = self.selected_at();
        for (at, mailbox) in &notified.known.mailboxes {
            let wanted = notified.of_mailbox(mailbox);
            if Some(*at) == selected || !wanted.message_new || !mailbox.is_readable() {
                continue;
            }
            let mut items = vec![StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity];
            items.extend(wanted.flag_change.then_some(StatusItem::HighestModSeq));
            self.tell_status_of(*at, &mailbox.name, &items).await?;
        }
        Ok(())
    }

    /// §5.6, §5.7: names only, also of what was taken away.
    async fn tell_annotated(&mut self, notified: &Notified, before: &Known) -> Result<usize, Stop> {
        let mut told = 0;
        for (owner, last) in &notified.known.annotated {
            // Of an account that was not looked at before, it is not known what is news.
            if let Some(known) = before.annotated.get(owner).filter(|known| *known != last) {
                told += self.tell_annotated_of(notified, *owner, *known).await?;
            }
        }
        Ok(told)
    }

    async fn tell_annotated_of(
        &mut self,
        notified: &Notified,
        owner: AccountId,
        known: ModSeq,
    ) -> Result<usize, Stop> {
        let own = owner == self.account();
        let mut told = 0;
        for (of, entry) in self.mailboxes().annotated_since(owner, known).await? {
            let is_secret = !own && (of.is_none() || is_private(&entry.name));
            if is_secret || notified.own_annotations.contains(&(owner, entry.modseq)) {
                continue;
            }
            let name = match of.map(|id| notified.known.mailboxes.get(&(owner, id))) {
                None if notified.groups.iter().any(|group| group.events.server_metadata) => "",
                Some(Some(mailbox))
                    if mailbox.is_readable() && notified.of_mailbox(mailbox).mailbox_metadata =>
                {
                    mailbox.name.as_str()
                }
                _ => continue,
            };
            told += 1;
            let mut out = self.session.out();
            out.text("* METADATA ").mailbox_text(name).text(" ").astring(entry.name.as_bytes()).end();
        }
        Ok(told)
    }

    /// Changes of this client's own are not told to it (§5). What others did meanwhile still is.
    pub(super) async fn own_names_changed(&mut self, names: &[&MailboxName]) {
        if !self.is_notified() {
            return;
        }
        let Some(mut notified) = self.notified.take() else { return };
        let Notified { groups, known, .. } = &mut *notified;
        // Who is watched stays: news that waits is told by the next look.
        if let Ok(Some(now)) = self.look(groups, known, &mut Watched::default()).await {
            known.take_over_names(&now, names);
        }
        self.notified = Some(notified);
    }

    /// The same of annotations.
    pub(super) fn own_annotations_changed(&mut self, owner: AccountId, modseq: ModSeq) {
        if let Some(notified) = self.notified.as_mut().filter(|notified| !notified.groups.is_empty()) {
            notified.own_annotations.push((owner, modseq));
        }
    }

    /// The same of `count` messages that came into a mailbox by the change `modseq`, if nobody else changed it.
    pub(super) async fn own_messages_came(&mut self, at: At, count: u32, modseq: ModSeq) {
        if let Some(selected) = self.selected.as_mut().filter(|selected| selected.at() == at) {
            // Only who is told of others' new messages must know its own.
            if self.notified.as_ref().and_then(|n| n.of_selected()).is_some_and(|(e, _)| !e.fetch.is_empty())
            {
                selected.own_new.push(modseq);
            }
            return;
        }
        if !self.is_notified() {
            return;
        }
        let Ok(status) = self.mailboxes().status(at.0, at.1).await else { return };
        if let Some(known) = self.notified.as_mut().and_then(|n| n.known.mailboxes.get_mut(&at)) {
            known.take_over_own(&status, count, modseq);
        }
    }
}

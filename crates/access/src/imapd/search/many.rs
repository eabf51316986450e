//! ESEARCH: one search of several mailboxes (RFC 7377).

use imap::command::{Esearch, MailboxFilter, Search};
use imap::{Code, Completion, Numbers};
use mail::{AccountId, Rights, limits};
use mailbox::MailboxInfo;

use super::super::connection::{Connection, WRITE_AT};
use super::super::place::{At, shown, store_error};
use super::super::progress::Progress;
use super::super::selected::Selected;
use super::super::stop::{Done, Stop};
use super::super::sync::Moment;
use super::Found;
use super::plan::{Plan, charset};
use crate::turn::take_turn;

/// One of the mailboxes that are searched.
struct Source {
    owner: AccountId,
    info: MailboxInfo,
}

impl Connection<'_> {
    pub(in super::super) async fn esearch(&mut self, esearch: Esearch) -> Done {
        let Esearch { sources, search } = esearch;
        self.sync(Moment::NumbersStay).await?;
        let saves = search.returns.is_some_and(|returns| returns.save);
        let done = self.search_mailboxes(&sources, &search).await;
        // RFC 5182 §2.1: a search that fails leaves no result.
        if let (true, Err(_), Some(selected)) = (saves, &done, self.selected.as_mut()) {
            selected.saved = Numbers::default();
        }
        done
    }

    async fn search_mailboxes(&mut self, sources: &[MailboxFilter], search: &Search) -> Done {
        if charset(search.charset.as_deref().unwrap_or("US-ASCII")).is_none() {
            return Err(Stop::no(Code::BadCharset, "That charset is not known"));
        }
        let mailboxes = self.sources(sources).await?;
        // RFC 7377 §2.4.
        if mailboxes.len() > limits::ESEARCH_MAILBOXES {
            return Err(Stop::no(Code::Limit, "Those are too many mailboxes; name fewer of them"));
        }
        let mut progress = self.begin_progress(self.messages_in(&mailboxes).await?);
        let mut rest = self.message_limit();
        let asks_modseq = search.key.asks_modseq();
        for Source { owner, info } in mailboxes {
            take_turn().await;
            let at = (owner, info.id);
            let Some((found, messages)) = self.search_one(at, search, rest, &mut progress).await? else {
                continue;
            };
            progress.pass(messages);
            let of = Some((&info.name, info.uid_validity));
            let returns = search.returns.unwrap_or_default();
            self.tell_extended(true, returns, &found.hits, asks_modseq, of);
            if self.session.output_length() >= WRITE_AT {
                self.flush().await?;
            }
            rest = rest.saturating_sub(u32::try_from(found.searched).unwrap_or(u32::MAX));
            if found.reached.is_some() {
                return Ok(Completion::ok_with(
                    Code::Limit,
                    "Searched some of it; there are too many messages",
                ));
            }
        }
        Self::done("Searched")
    }

    /// The mailboxes that are meant, by name, each once. What is not there is not searched. Another's mailbox is searched while
    /// it is selected.
    async fn sources(&self, sources: &[MailboxFilter]) -> Result<Vec<Source>, Stop> {
        let (owner, selected) = (self.account(), self.selected.as_ref().map(Selected::at));
        let is_meant = |info: &MailboxInfo| {
            sources.iter().any(|source| match source {
                MailboxFilter::Selected { .. } => Some((owner, info.id)) == selected,
                named => named.matches(&info.name, info.subscribed),
            })
        };
        let own = self.mailboxes().list(owner).await?.into_iter().filter(is_meant);
        let mut all: Vec<_> = own.map(|info| Source { owner, info }).collect();
        if sources.iter().any(|source| matches!(source, MailboxFilter::Selected { .. }))
            && let Some(at) = selected.filter(|at| at.0 != owner)
        {
            all.extend(self.source_of_other(at).await?);
        }
        Ok(all)
    }

    /// Another's mailbox, by the name that it has here.
    async fn source_of_other(&self, at: At) -> Result<Option<Source>, Stop> {
        let Some(mut info) = self.mailboxes().info(at.0, at.1).await? else { return Ok(None) };
        let owner = self.parts().directory.account(at.0).await.map_err(store_error)?;
        let Some(name) = owner.and_then(|owner| shown(&owner.address, &info.name)) else { return Ok(None) };
        info.name = name;
        Ok(Some(Source { owner: at.0, info }))
    }

    /// How many messages there are in all of them.
    async fn messages_in(&self, mailboxes: &[Source]) -> Result<usize, Stop> {
        let mut messages = 0;
        for Source { owner, info } in mailboxes {
            match self.mailboxes().status(*owner, info.id).await {
                Ok(status) => messages += status.messages as usize,
                Err(mailbox::Error::NoSuchMailbox(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(messages)
    }

    /// What one of them has, and how many messages are in it. `None` if it was deleted meanwhile.
    async fn search_one(
        &mut self,
        at: At,
        search: &Search,
        limit: u32,
        progress: &mut Progress,
    ) -> Result<Option<(Found, usize)>, Stop> {
        let own = self.selected.take_if(|selected| selected.at() == at);
        let is_own = own.is_some();
        let mailbox = match own {
            Some(selected) => selected,
            None => match self.mailboxes().view(at.0, at.1).await {
                Ok(view) => Selected::new(view, true, Rights::ALL, None),
                Err(mailbox::Error::NoSuchMailbox(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let messages = mailbox.view.len();
        let now = self.world().clock.wall();
        let charset = search.charset.as_deref().unwrap_or("US-ASCII");
        let found = match Plan::new(search.key.clone(), charset, &mailbox, now) {
            Some(plan) => self.found_in(&mailbox, &plan, limit, progress).await,
            None => Err(Stop::no(Code::BadCharset, "That charset is not known")),
        };
        if is_own {
            self.selected = Some(mailbox);
        }
        found.map(|found| Some((found, messages)))
    }
}

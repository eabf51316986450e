//! ESEARCH: one search of several mailboxes (RFC 7377).

use imap::command::{Esearch, MailboxFilter, Search};
use imap::{Code, Completion, Numbers};
use mail::{Right, Rights, limits};

use super::super::connection::{Connection, WRITE_AT};
use super::super::namespaces::Listed;
use super::super::place::At;
use super::super::progress::Progress;
use super::super::selected::Selected;
use super::super::stop::{Done, Stop};
use super::super::sync::Moment;
use super::Found;
use super::plan::{Plan, charset};
use crate::turn::take_turn;

impl Connection<'_> {
    pub(in super::super) async fn esearch(&mut self, esearch: Esearch) -> Done {
        let Esearch { mut sources, search } = esearch;
        self.sync(Moment::NumbersStay).await?;
        let saves = search.returns.is_some_and(|returns| returns.save);
        let done = self.search_mailboxes(&mut sources, &search).await;
        // RFC 5182 §2.1: a search that fails leaves no result.
        if let (true, Err(_), Some(selected)) = (saves, &done, self.selected.as_mut()) {
            selected.saved = Numbers::default();
        }
        done
    }

    async fn search_mailboxes(&mut self, sources: &mut [MailboxFilter], search: &Search) -> Done {
        if charset(search.charset.as_deref().unwrap_or("US-ASCII")).is_none() {
            return Err(Stop::no(Code::BadCharset, "That charset is not known"));
        }
        for source in sources.iter_mut() {
            self.filter_now(source).await?;
        }
        let mailboxes = self.sources(sources).await?;
        // RFC 7377 §2.4.
        if mailboxes.len() > limits::ESEARCH_MAILBOXES {
            return Err(Stop::no(Code::Limit, "Those are too many mailboxes; name fewer of them"));
        }
        let mut progress = self.begin_progress(self.messages_in(&mailboxes).await?);
        let mut rest = self.message_limit();
        let asks_modseq = search.key.asks_modseq();
        for Listed { owner, info, .. } in mailboxes {
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

    /// The mailboxes that are meant, one's own by name before those of others, each once. What is not there, or may not be read, is
    /// not searched; what is not named itself must be seen, too (RFC 7377 §2.2).
    async fn sources(&self, sources: &[MailboxFilter]) -> Result<Vec<Listed>, Stop> {
        let (account, selected) = (self.account(), self.selected.as_ref().map(Selected::at));
        let is_meant = |listed: &Listed| {
            let Listed { owner, rights, info } = listed;
            let own = *owner == account;
            rights.has(Right::Read)
                && sources.iter().any(|source| match source {
                    MailboxFilter::Selected { .. } => Some((*owner, info.id)) == selected,
                    MailboxFilter::Mailboxes(_) => source.matches(&info.name, own, info.subscribed),
                    _ => rights.has(Right::Lookup) && source.matches(&info.name, own, info.subscribed),
                })
        };
        let own = self.mailboxes().list(account).await?.into_iter();
        let own = own.map(|info| Listed { owner: account, rights: Rights::ALL, info });
        let mut all: Vec<Listed> = own.filter(is_meant).collect();
        let others =
            selected.is_some_and(|at| at.0 != account) || sources.iter().any(MailboxFilter::may_match_others);
        if others {
            let others = self.of_others(&self.subscriptions().await?).await?;
            all.extend(others.into_iter().filter(is_meant));
        }
        Ok(all)
    }

    /// How many messages there are in all of them.
    async fn messages_in(&self, mailboxes: &[Listed]) -> Result<usize, Stop> {
        let mut messages = 0;
        for Listed { owner, info, .. } in mailboxes {
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

//! What operators ask for: the same functions whether the command reaches a running server or opens the store itself.

mod account;
mod alias;
mod app_password;
mod backup;
mod domain;
mod queue;
mod removed;
mod reply;
mod reports;
mod request;
mod rights;
mod status;
mod suppress;
mod trace;
mod undelete;
mod verify;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use ::reports::Reports;
use directory::Directory;
use journey::Journeys;
use mail::Domain;
use mailbox::{Mailboxes, Retention};
use store::{Batch, Store};
use world::World;

use crate::config::Limits;
use crate::retain;

pub(crate) use backup::Conversation;
pub(crate) use reply::{
    AccountDetail, AccountRow, AdviceRow, AliasRow, AppPasswordRow, BroughtBack, ConnectionFigures,
    CountedRow, DaneFigures, DiskFigures, DnsRecord, HeldFile, HeldMoment, JourneyEvent, JourneyRow, KeyRow,
    ListenerRow, LostRow, MailboxRow, QueueFigures, QueueRecipient, QueueRow, QuotaFigure, QuotaFigures,
    RemovedRow, Reply, ReportRow, ReportSource, RightsRow, Salvaged, SendingFigures, Status, StoreFigures,
    SuppressedRow, SuspendedRow,
};
pub(crate) use request::{
    Limit, LostFilter, LostPlace, NewPassword, QueueAction, QueueFilter, Request, SalvageQuery, TraceQuery,
};
pub(crate) use status::Running;
pub(crate) use trace::{journey_row, point_in_time};
pub(crate) use undelete::mailbox_name;

/// Rows of one page of a list.
const PAGE: usize = 1000;
/// Times a change is tried when others change the same things.
const ATTEMPTS: usize = 20;

/// What operators' functions work with.
pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) queue: Arc<::queue::Queue>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) hostname: Domain,
    verification: Arc<verify::Verification>,
    /// Where these are a running server's; a command that opens the store itself has none.
    running: Option<Running>,
}

/// Why a change was not made.
pub(crate) enum Trouble {
    /// Another change came first: try again.
    Conflict,
    /// Said to the operator.
    Said(String),
}

impl From<String> for Trouble {
    fn from(said: String) -> Self {
        Self::Said(said)
    }
}

impl From<store::Error> for Trouble {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Conflict => Self::Conflict,
            other => Self::Said(other.to_string()),
        }
    }
}

impl From<directory::Error> for Trouble {
    fn from(error: directory::Error) -> Self {
        match error {
            directory::Error::Store(error) => error.into(),
            other => Self::Said(other.to_string()),
        }
    }
}

impl From<mailbox::Error> for Trouble {
    fn from(error: mailbox::Error) -> Self {
        match error {
            mailbox::Error::Store(error) => error.into(),
            other => Self::Said(other.to_string()),
        }
    }
}

impl From<Trouble> for String {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Conflict => store::Error::Conflict.to_string(),
            Trouble::Said(said) => said,
        }
    }
}

impl Office {
    pub(crate) fn new(world: World, store: Arc<dyn Store>, hostname: Domain) -> Self {
        Self {
            directory: Arc::new(Directory::new(Arc::clone(&store), world.clone())),
            mailboxes: Arc::new(Mailboxes::new(Arc::clone(&store))),
            queue: Arc::new(::queue::Queue::new(Arc::clone(&store))),
            journeys: Arc::new(Journeys::new(Arc::clone(&store))),
            reports: Arc::new(Reports::new(Arc::clone(&store))),
            world,
            store,
            hostname,
            verification: Arc::default(),
            running: None,
        }
    }

    /// With these PBKDF2 iterations for passwords set from now on; `None` changes nothing.
    #[must_use]
    pub(crate) fn tuned(self, password_iterations: Option<NonZeroU32>) -> Self {
        let Some(iterations) = password_iterations else { return self };
        let directory = Directory::new(Arc::clone(&self.store), self.world.clone());
        Self { directory: Arc::new(directory.with_iterations(iterations)), ..self }
    }

    /// Keeping views of so many messages and more in files in `dir`.
    #[must_use]
    pub(crate) fn keeping_views(self, dir: &Path, least: Option<usize>) -> Self {
        let least = least.unwrap_or(Mailboxes::KEPT_VIEW);
        let mailboxes = Mailboxes::new(Arc::clone(&self.store)).keeping_views(&self.world, dir, least);
        Self { mailboxes: Arc::new(mailboxes), ..self }
    }

    /// Keeping what is removed for so long, and so much for each account.
    #[must_use]
    pub(crate) fn keeping(self, retention: Retention, limits: &Limits) -> Self {
        self.mailboxes.set_retention(retention);
        self.mailboxes.set_default_quota(limits.quota);
        self.mailboxes.share_with_anyone(limits.share_with_anyone);
        self
    }

    /// Those of a running server.
    #[must_use]
    pub(crate) fn of(self, running: Running) -> Self {
        Self { running: Some(running), ..self }
    }

    /// Does what is asked, or says why not.
    pub(crate) async fn carry_out(&self, request: Request) -> Result<Reply, String> {
        match request {
            Request::DomainList { after } => self.domain_list(after.as_deref()).await,
            Request::DomainDns { name } => self.domain_dns(&name).await,
            Request::DomainKeys { name } => self.domain_keys(&name).await,
            Request::AccountList { domain, after } => self.account_list(domain.as_deref(), after).await,
            Request::AccountShow { address } => self.account_show(&address).await,
            Request::RightsList { address, mailbox, after } => {
                self.rights_list(&address, mailbox.as_deref(), after.as_deref()).await
            }
            Request::AppPasswordList { address } => self.app_password_list(&address).await,
            Request::AliasList { domain, after } => {
                self.alias_list(domain.as_deref(), after.as_deref()).await
            }
            Request::QueueList { filter, after } => self.queue_list(&filter, after.as_deref()).await,
            Request::SuppressList { domain, after } => {
                self.suppress_list(domain.as_deref(), after.as_deref()).await
            }
            Request::ReportList { domain, after } => {
                self.report_list(domain.as_deref(), after.as_deref()).await
            }
            Request::ReportShow { id } => self.report_show(&id).await,
            Request::ReportPending => self.report_pending().await,
            Request::ReportSend => self.report_send(),
            Request::QueueShow { id } => self.queue_show(&id).await,
            Request::QueueAct { action, filter } => self.queue_act(&action, &filter).await,
            Request::Trace { query } => self.trace(&query).await,
            Request::Status => self.status().await,
            Request::Verify { start } => self.verify(start),
            Request::AccountRemove { address, now: true } => self.account_remove_now(&address).await,
            Request::AccountRemoved { after } => self.account_removed(after).await,
            Request::LostList { address, filter, after } => self.lost(&address, &filter, after).await,
            Request::BringBack { address, filter, into } => {
                self.bring_back(&address, &filter, into.as_deref()).await
            }
            change => self.change(&change).await,
        }
        .map_err(String::from)
    }

    /// Makes one change, again where another came between.
    async fn change(&self, request: &Request) -> Result<Reply, Trouble> {
        for _ in 0..ATTEMPTS {
            let mut batch = Batch::new();
            let prepared = self.prepare(request, &mut batch).await;
            let outcome = match prepared {
                Ok(reply) => self.store.commit(batch).await.map(|_| reply).map_err(Trouble::from),
                Err(trouble) => Err(trouble),
            };
            match outcome {
                Err(Trouble::Conflict) => {}
                Ok(reply) => {
                    self.after(request).await?;
                    return Ok(reply);
                }
                said => return said,
            }
        }
        Err(Trouble::Conflict)
    }

    /// Puts a change into `batch`, with the reply for when it is committed.
    async fn prepare(&self, request: &Request, batch: &mut Batch) -> Result<Reply, Trouble> {
        match request {
            Request::DomainAdd { name } => self.domain_add(batch, name).await,
            Request::DomainRemove { name } => self.domain_remove(batch, name).await,
            Request::DomainRotate { name, now } => self.domain_rotate(batch, name, *now).await,
            Request::AccountAdd { address, password } => self.account_add(batch, address, password).await,
            Request::AccountPassword { address, password } => {
                self.account_password(batch, address, password).await
            }
            Request::AccountEnable { address, enabled } => {
                self.account_enable(batch, address, *enabled).await
            }
            Request::AccountQuota { address, storage, messages } => {
                self.account_quota(batch, address, *storage, *messages).await
            }
            Request::AccountShared { address, shared } => self.account_shared(batch, address, *shared).await,
            Request::RightsChange { .. } => self.rights_change(batch, request).await,
            Request::AccountRemove { address, .. } => self.account_remove(batch, address).await,
            Request::AccountRestore { address, to } => {
                self.account_restore(batch, address, to.as_deref()).await
            }
            Request::AccountResume { address } => self.account_resume(batch, address).await,
            Request::AppPasswordAdd { address, name, scopes } => {
                self.app_password_add(batch, address, name, scopes).await
            }
            Request::AppPasswordRemove { address, name } => {
                self.app_password_remove(batch, address, name).await
            }
            Request::SuppressAdd { address } => self.suppress_add(batch, address).await,
            Request::SuppressRemove { address } => self.suppress_remove(batch, address).await,
            Request::AliasAdd { address, targets } => self.alias_add(batch, address, targets).await,
            Request::AliasRemove { address } => self.alias_remove(batch, address).await,
            other => Err(Trouble::Said(format!("{other:?} changes nothing"))),
        }
    }

    /// What a change leaves to be done once it is committed.
    async fn after(&self, request: &Request) -> Result<(), Trouble> {
        if matches!(request, Request::AccountRemove { .. }) {
            // Gone at once where nothing is kept.
            retain::sweep(self).await?;
        }
        Ok(())
    }
}

/// A domain name as an operator wrote it.
fn domain(text: &str) -> Result<Domain, Trouble> {
    Domain::new(text).map_err(|why| Trouble::Said(format!("{text:?}: {why}")))
}

/// An address as an operator wrote it.
fn address(text: &str) -> Result<mail::Address, Trouble> {
    text.parse().map_err(|why| Trouble::Said(format!("{text:?}: {why}")))
}

/// A time as JSON and tables show it: RFC 3339 in UTC.
pub(crate) fn time(at: mail::Wall) -> String {
    at.to_rfc3339()
}

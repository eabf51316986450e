//! The table: which command is carried out where, and what may be told at its end.

use std::io;

use imap::command::{Sort, Thread};
use imap::{Command, Completion};

use super::connection::Connection;
use super::stop::{Done, Stop};
use super::sync::Moment;

impl Connection<'_> {
    pub(super) async fn carry_out(&mut self, command: Command) -> io::Result<()> {
        let moment = moment(&command);
        let done = match self.refresh_rights().await {
            Ok(()) => self.dispatch(command).await,
            Err(stop) => Err(stop),
        };
        self.finish(done, moment).await
    }

    async fn dispatch(&mut self, command: Command) -> Done {
        match command {
            Command::Select(select) => self.select(select).await,
            Command::Create { mailbox, special_uses } => self.create(mailbox, &special_uses).await,
            Command::Delete(mailbox) => self.delete(mailbox).await,
            Command::Rename { from, to } => self.rename(from, to).await,
            Command::Subscribe(mailbox) => self.subscribe(mailbox, true).await,
            Command::Unsubscribe(mailbox) => self.subscribe(mailbox, false).await,
            Command::List(list) => self.list(list).await,
            Command::Lsub { reference, pattern } => self.lsub(&reference, &pattern).await,
            Command::Status { mailbox, items } => self.status(mailbox, &items).await,
            Command::Notify(notify) => self.notify(notify).await,
            Command::GetMetadata(get) => self.get_metadata(get).await,
            Command::SetMetadata { mailbox, values } => self.set_metadata(mailbox, &values).await,
            Command::GetQuota(root) => self.get_quota(&root).await,
            Command::GetQuotaRoot(mailbox) => self.get_quota_root(mailbox).await,
            Command::SetQuota => Self::set_quota(),
            Command::GetAcl(mailbox) => self.get_acl(mailbox).await,
            Command::SetAcl { mailbox, identifier, how, rights } => {
                self.set_acl(mailbox, &identifier, how, rights).await
            }
            Command::DeleteAcl { mailbox, identifier } => self.delete_acl(mailbox, &identifier).await,
            Command::ListRights { mailbox, identifier } => self.list_rights(mailbox, &identifier).await,
            Command::MyRights(mailbox) => self.my_rights(mailbox).await,
            Command::Noop | Command::Check => self.noop(),
            Command::Close => self.close(true).await,
            Command::Unselect => self.close(false).await,
            Command::Expunge { uids } => self.expunge(uids.as_ref()).await,
            Command::Search(search) => self.search(search).await,
            Command::Esearch(esearch) => self.esearch(esearch).await,
            Command::Sort(sort) => self.sort(sort).await,
            Command::Thread(thread) => self.thread(thread).await,
            Command::UidBatches { size, batches } => self.uid_batches(size, batches).await,
            Command::Fetch(fetch) => self.fetch(fetch).await,
            Command::Store(store) => self.store(store).await,
            Command::Copy { uid, set, mailbox, and_remove } => {
                self.copy(uid, &set, mailbox, and_remove).await
            }
            _ => {
                debug_assert!(false, "the session answers all others by itself");
                Err(Stop::Answer(Completion::bad("Unknown command")))
            }
        }
    }
}

/// RFC 3501 §7.4.1, RFC 5256 §3: no EXPUNGE while FETCH, STORE, SEARCH, SORT or THREAD is answered; the UID commands are
/// different ones.
fn moment(command: &Command) -> Moment {
    match command {
        Command::Fetch(fetch) if !fetch.uid => Moment::NumbersStay,
        Command::Store(store) if !store.uid => Moment::NumbersStay,
        Command::Search(search)
        | Command::Sort(Sort { search, .. })
        | Command::Thread(Thread { search, .. })
            if !search.uid =>
        {
            Moment::NumbersStay
        }
        Command::Expunge { .. } | Command::Copy { and_remove: true, .. } => Moment::Asked,
        _ => Moment::NumbersMay,
    }
}

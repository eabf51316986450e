//! IDLE (RFC 2177): what happens in the mailbox is told as it happens.

use std::io;

use imap::Completion;
use store::Topic;

use super::connection::Connection;
use super::stop::Stop;
use super::sync::Moment;

impl Connection<'_> {
    /// Watches before it looks, so that nothing falls between.
    pub(super) async fn idle_start(&mut self) -> io::Result<()> {
        self.watch = Some(self.parts().store.watch(Topic::Account(self.account())));
        self.idle_notice().await
    }

    /// IDLE is a command in progress that is neither FETCH, STORE nor SEARCH: numbers may change.
    pub(super) async fn idle_notice(&mut self) -> io::Result<()> {
        // The store's troubles are told at the next command.
        if let Err(Stop::Gone(error)) = self.sync(Moment::NumbersMay).await {
            return Err(error);
        }
        self.tell_how_far();
        Ok(())
    }

    pub(super) async fn idle_end(&mut self) -> io::Result<()> {
        self.watch = None;
        self.finish(Ok(Completion::ok("Idle no more")), Moment::NumbersMay).await
    }
}

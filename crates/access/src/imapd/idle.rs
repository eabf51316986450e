//! IDLE (RFC 2177): what happens in the mailbox is told as it happens. After NOTIFY it is what that asked for (RFC 5465 §4).

use std::io;

use imap::Completion;
use store::Topic;

use super::connection::Connection;
use super::sync::Moment;

impl Connection<'_> {
    /// Watches before it looks, so that nothing falls between.
    pub(super) async fn idle_start(&mut self) -> io::Result<()> {
        self.idling = true;
        if self.watch.is_none() {
            self.watch = Some(self.parts().store.watch(Topic::Account(self.account())));
        }
        self.noticed().await
    }

    pub(super) async fn idle_end(&mut self) -> io::Result<()> {
        self.idling = false;
        if !self.is_notified() {
            self.watch = None;
        }
        self.finish(Ok(Completion::ok("Idle no more")), Moment::NumbersMay).await
    }
}

//! LOGIN, AUTHENTICATE and UNAUTHENTICATE (RFC 3501 §6.2.2, §6.2.3, RFC 8437).

use std::io;

use directory::Scope;
use directory::sasl::{Failure, Login, Progress};
use imap::{Code, Completion};

use super::connection::Connection;
use crate::login;

impl Connection<'_> {
    pub(super) async fn login(&mut self, user: &str, password: &str) -> io::Result<()> {
        let channel = login::channel(self.stream()?, self.port).serving(Scope::Imap);
        match self.parts().directory.login(&channel, user, password).await {
            Ok(login) => self.logged_in(login),
            Err(failure) => self.login_failed(&failure, Some(user)),
        }
    }

    pub(super) async fn auth_start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> io::Result<()> {
        let channel = login::channel(self.stream()?, self.port).serving(Scope::Imap);
        let progress = self.dialogue.start(&self.daemon.parts.directory, channel, mechanism, initial).await;
        self.auth_progress(progress)
    }

    pub(super) async fn auth_response(&mut self, response: &[u8]) -> io::Result<()> {
        let progress = self.dialogue.respond(response).await;
        self.auth_progress(progress)
    }

    fn auth_progress(&mut self, progress: Progress) -> io::Result<()> {
        match progress {
            Progress::Challenge(challenge) => {
                self.session.challenge(&challenge);
                Ok(())
            }
            Progress::Done(login) => self.logged_in(login),
            Progress::Failed { failure, name } => self.login_failed(&failure, name.as_deref()),
            Progress::NotUnderWay => self.login_failed(&Failure::Malformed, None),
            Progress::NotOffered => {
                self.session.complete(Completion::no(Code::Cannot, "That mechanism is not offered"));
                Ok(())
            }
        }
    }

    /// RFC 8437 §2: a selected mailbox is left without an expunge.
    pub(super) fn leave_account(&mut self) {
        (self.selected, self.login, self.watch) = (None, None, None);
        self.notified = None;
        self.session.logged_out();
    }

    fn logged_in(&mut self, login: Login) -> io::Result<()> {
        login::succeeded("imap", self.stream()?, &login);
        self.session.set_account(|| login.address.to_string());
        self.login = Some(login);
        self.session.logged_in();
        Ok(())
    }

    /// The same words whoever it was and whatever was wrong (attack A11).
    fn login_failed(&mut self, failure: &Failure, name: Option<&str>) -> io::Result<()> {
        self.session.complete(match failure {
            Failure::Refused => Completion::no(Code::AuthenticationFailed, "Name or password is wrong"),
            Failure::Throttled => {
                Completion::no(Code::Unavailable, "Too many failed logins; try again later")
            }
            Failure::Malformed => Completion::bad("The response is not of the mechanism's form"),
            Failure::Unavailable(why) => {
                tracing::error!(%why, "could not check a login");
                Completion::no(Code::Unavailable, "Logins do not work at the moment; try again later")
            }
        });
        if login::counts(failure) {
            let mut failures = std::mem::take(&mut self.failures);
            let enough = failures.add("imap", self.stream()?, name, failure);
            self.failures = failures;
            if enough {
                self.session.bye(None, "Too many failed logins");
            }
        }
        Ok(())
    }
}

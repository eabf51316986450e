//! USER and PASS (RFC 1939 §7), AUTH (RFC 5034), and opening the maildrop.

use std::io;

use directory::Scope;
use directory::sasl::{Failure, Login, Progress};
use pop3::LoginFailure;

use super::connection::Connection;
use super::maildrop::Open;
use crate::login;

impl Connection<'_> {
    pub(super) async fn login(&mut self, user: &str, password: &str) -> io::Result<()> {
        let channel = login::channel(self.stream()?, self.port).serving(Scope::Pop3);
        match self.parts().directory.login(&channel, user, password).await {
            Ok(login) => self.logged_in(&login).await,
            Err(failure) => self.login_failed(&failure, Some(user)),
        }
    }

    pub(super) async fn auth_start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> io::Result<()> {
        let channel = login::channel(self.stream()?, self.port).serving(Scope::Pop3);
        let progress = self.dialogue.start(&self.daemon.parts.directory, channel, mechanism, initial).await;
        self.auth_progress(progress).await
    }

    pub(super) async fn auth_response(&mut self, response: &[u8]) -> io::Result<()> {
        let progress = self.dialogue.respond(response).await;
        self.auth_progress(progress).await
    }

    async fn auth_progress(&mut self, progress: Progress) -> io::Result<()> {
        match progress {
            Progress::Challenge(challenge) => {
                self.session.challenge(&challenge);
                Ok(())
            }
            Progress::Done(login) => self.logged_in(&login).await,
            Progress::Failed { failure, name } => self.login_failed(&failure, name.as_deref()),
            Progress::NotUnderWay => self.login_failed(&Failure::Malformed, None),
            Progress::NotOffered => {
                self.session.login_failed(LoginFailure::Malformed, self.now());
                Ok(())
            }
        }
    }

    /// The maildrop is INBOX as it is now; its lock lasts as long as the connection.
    async fn logged_in(&mut self, login: &Login) -> io::Result<()> {
        let Some(lock) = self.daemon.open.take(login.account) else {
            self.session.login_failed(LoginFailure::InUse, self.now());
            return Ok(());
        };
        match self.parts().mailboxes.view(login.account, mailbox::INBOX).await {
            Ok(view) => {
                login::succeeded("pop3", self.stream()?, login);
                let open = Open::new(lock, view);
                self.session.logged_in(open.uid_validity(), open.messages(), self.now());
                self.open = Some(open);
            }
            Err(error) => {
                tracing::error!(account = %login.address, %error, "could not open a maildrop");
                self.session.login_failed(LoginFailure::Unavailable, self.now());
            }
        }
        Ok(())
    }

    /// The same words whoever it was and whatever was wrong (attack A11).
    fn login_failed(&mut self, failure: &Failure, name: Option<&str>) -> io::Result<()> {
        if let Failure::Unavailable(why) = failure {
            tracing::error!(%why, "could not check a login");
        }
        let enough = if login::counts(failure) {
            let mut failures = std::mem::take(&mut self.failures);
            let enough = failures.add("pop3", self.stream()?, name, failure);
            self.failures = failures;
            enough
        } else {
            false
        };
        let told = match failure {
            Failure::Refused => LoginFailure::Refused,
            Failure::Malformed => LoginFailure::Malformed,
            Failure::Throttled => LoginFailure::Throttled,
            Failure::Unavailable(_) => LoginFailure::Unavailable,
        };
        self.session.login_failed(told, self.now());
        if enough {
            self.session.bye("Too many failed logins");
        }
        Ok(())
    }
}

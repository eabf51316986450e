//! Checking a name and a password.

use mail::limits;

use super::{Channel, Failure, Login};
use crate::app_password::{AppPasswords, Entry};
use crate::record::Credential;
use crate::{Directory, Error, account, app_password, credential, keys, password, prepare};

/// Whom a name may stand for, and what proves it. For unknown and disabled users, and those without a password, the
/// credential is a dummy that nothing fits: the work and the answers are the same.
pub(crate) struct Candidate {
    pub(crate) credential: Credential,
    /// Further passwords, under the credential's salt.
    pub(crate) apps: Option<AppPasswords>,
    pub(crate) login: Option<Login>,
}

impl Directory {
    /// Checks a name and a password as IMAP's LOGIN and POP3's USER and PASS send them.
    pub async fn login(&self, channel: &Channel, name: &str, password: &str) -> Result<Login, Failure> {
        self.admit(channel, name)?;
        let checked = self.check(channel, name, password).await;
        match &checked {
            Ok(_) => self.welcome(channel, name),
            Err(failure) => self.slow_down(channel, name, failure).await,
        }
        checked
    }

    /// Refuses whoever has failed too often.
    pub(super) fn admit(&self, channel: &Channel, name: &str) -> Result<(), Failure> {
        let admitted = self.guard.admits(channel.peer, name, self.world.clock.mono());
        if admitted { Ok(()) } else { Err(Failure::Throttled) }
    }

    /// Remembers that a login was good.
    pub(super) fn welcome(&self, channel: &Channel, name: &str) {
        self.guard.succeeded(channel.peer, name, self.world.clock.mono());
    }

    /// Counts a failure, and lets whoever was refused wait.
    pub(super) async fn slow_down(&self, channel: &Channel, name: &str, failure: &Failure) {
        if *failure == Failure::Refused {
            let failures = self.guard.failed(channel.peer, name, self.world.clock.mono());
            let longer = 2u32.saturating_pow(failures.saturating_sub(1).min(16));
            let delay = (self.refusal_delay * longer).min(limits::LOGIN_DELAY.max(self.refusal_delay));
            self.world.clock.sleep(delay).await;
        }
    }

    /// Checks a name and a password, which may be an app password.
    pub(super) async fn check(
        &self,
        channel: &Channel,
        name: &str,
        password: &str,
    ) -> Result<Login, Failure> {
        let forms = password::forms(password).ok_or(Failure::Refused)?;
        let candidate = self.candidate(name).await?;
        for password in forms {
            match self.check_form(channel, &candidate, &password).await {
                Err(Failure::Refused) => {}
                checked => return checked,
            }
        }
        Err(Failure::Refused)
    }

    /// Checks a password in one of its forms.
    async fn check_form(
        &self,
        channel: &Channel,
        candidate: &Candidate,
        password: &str,
    ) -> Result<Login, Failure> {
        if let (Some(app), Some(login)) = (candidate.app(password), &candidate.login) {
            let good = self.is_in_scope(login.account, app, channel.service);
            return if good { Ok(login.clone()) } else { Err(Failure::Refused) };
        }
        let now = self.world.clock.mono();
        let fingerprint = candidate
            .login
            .as_ref()
            .map(|login| self.verified.fingerprint(login.account, &candidate.credential, password));
        if fingerprint.is_some_and(|f| self.verified.contains(&f, now)) {
            return candidate.login.clone().ok_or(Failure::Refused);
        }
        let good = credential::is_password(&self.world, &candidate.credential, password).await;
        let good = good.ok_or_else(|| Failure::Unavailable(Error::Hashing.to_string()))?;
        match (good, &candidate.login, fingerprint) {
            (true, Some(login), Some(fingerprint)) => {
                self.verified.remember(fingerprint, now);
                Ok(login.clone())
            }
            _ => Err(Failure::Refused),
        }
    }

    /// Whom `name` may stand for.
    pub(crate) async fn candidate(&self, name: &str) -> Result<Candidate, Failure> {
        let prepared = prepare(name).ok_or(Failure::Refused)?.to_lowercase();
        self.look_up(name, &prepared).await.map_err(|error| Failure::Unavailable(error.to_string()))
    }

    async fn look_up(&self, name: &str, prepared: &str) -> Result<Candidate, Error> {
        let snapshot = self.store.snapshot();
        let secret = self.secret_in(&snapshot).await?;
        let dummy = credential::dummy(&secret, prepared, self.iterations, &*self.world.rng);
        let unknown = Candidate { credential: dummy.clone(), apps: None, login: None };
        let Some(account) = account::by_login(&snapshot, name).await? else { return Ok(unknown) };
        let main = snapshot.get(&keys::credential(account.id)).await?;
        let (apps, _) = app_password::read(&snapshot, account.id).await?;
        let apps = apps.filter(|apps| !apps.entries.is_empty());
        let credential = match (main, &apps) {
            _ if !account.enabled => return Ok(unknown),
            (Some(found), _) => Credential::decode(&found.value)?,
            (None, Some(apps)) => {
                Credential { salt: apps.salt.clone(), iterations: apps.iterations, keys: dummy.keys }
            }
            (None, None) => return Ok(unknown),
        };
        let login = Some(Login { account: account.id, address: account.address });
        Ok(Candidate { credential, apps, login })
    }
}

impl Candidate {
    /// The app password that `password` is. One hash, whether there are some or not.
    fn app(&self, password: &str) -> Option<&Entry> {
        if self.apps.is_none() {
            std::hint::black_box(app_password::verifier(&self.credential.salt, password));
        }
        self.apps.as_ref()?.find(password)
    }
}

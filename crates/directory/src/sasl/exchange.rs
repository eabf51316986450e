//! One login attempt, step by step.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::scram::{self, Fault, ServerFirst};
use super::{Channel, Failure, Login, Step, bearer};
use crate::Directory;
use crate::sasl::verify::Candidate;

/// One login attempt.
pub struct Exchange {
    directory: Arc<Directory>,
    mechanism: &'static str,
    channel: Channel,
    name: Option<String>,
    state: State,
}

/// What the client's next message is.
enum State {
    Plain,
    LoginName,
    LoginPassword,
    ScramFirst,
    ScramFinal(Box<ServerFirst>, Candidate),
    /// The empty answer to the mechanism's last message.
    ScramEnd(Login),
    Bearer,
    /// Whatever the client says to the challenge that tells why its token was refused.
    BearerRefused,
    Over,
}

impl Directory {
    /// Begins a login by `mechanism` (compared without regard to case); `None` if it is not offered on this channel.
    pub fn sasl(self: &Arc<Self>, mechanism: &str, channel: Channel) -> Option<Exchange> {
        let mechanism = self.mechanisms(&channel).into_iter().find(|m| m.eq_ignore_ascii_case(mechanism))?;
        let state = match mechanism {
            "PLAIN" => State::Plain,
            "LOGIN" => State::LoginName,
            "OAUTHBEARER" | "XOAUTH2" => State::Bearer,
            _ => State::ScramFirst,
        };
        Some(Exchange { directory: self.clone(), mechanism, channel, name: None, state })
    }
}

impl Exchange {
    /// The mechanism, as registered.
    pub fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    /// The name the client gave, once it is known; for logs. Never a password.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The first step, with the client's initial response if it sent one (an empty one is `Some`).
    pub async fn start(&mut self, initial: Option<&[u8]>) -> Step {
        match (initial, &self.state) {
            (Some(response), _) => self.step(response).await,
            (None, State::LoginName) => Step::Challenge(b"Username:".to_vec()),
            (None, _) => Step::Challenge(Vec::new()),
        }
    }

    /// The next step, with the client's response to the last challenge.
    pub async fn step(&mut self, response: &[u8]) -> Step {
        let stepped = match std::mem::replace(&mut self.state, State::Over) {
            State::Plain => self.plain(response).await,
            State::LoginName => self.login_name(response),
            State::LoginPassword => self.login_password(response).await,
            State::ScramFirst => self.scram_first(response).await,
            State::ScramFinal(server, candidate) => self.scram_final(&server, &candidate, response),
            State::Bearer => self.bearer(response).await,
            // RFC 7628 §3.2.3. It was counted before.
            State::BearerRefused => return Step::Failed(Failure::Refused),
            State::ScramEnd(login) if response.is_empty() => Ok(Step::Done(login)),
            State::ScramEnd(_) | State::Over => Err(Failure::Malformed),
        };
        let name = self.name.as_deref().unwrap_or_default();
        match &stepped {
            Ok(Step::Done(_)) => self.directory.welcome(&self.channel, name),
            Ok(_) => {}
            Err(failure) => self.directory.slow_down(&self.channel, name, failure).await,
        }
        stepped.unwrap_or_else(Step::Failed)
    }

    /// RFC 4616 §2: `message = [authzid] UTF8NUL authcid UTF8NUL passwd`.
    async fn plain(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let text = std::str::from_utf8(response).map_err(|_| Failure::Malformed)?;
        let parts: Vec<&str> = text.split('\0').collect();
        let &[authorization, name, password] = parts.as_slice() else { return Err(Failure::Malformed) };
        if name.is_empty() || password.is_empty() {
            return Err(Failure::Malformed);
        }
        self.name = Some(name.to_owned());
        self.directory.admit(&self.channel, name)?;
        let login = self.directory.check(&self.channel, name, password).await?;
        only_as_oneself(Some(authorization).filter(|a| !a.is_empty()), name)?;
        Ok(Step::Done(login))
    }

    fn login_name(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let name = std::str::from_utf8(response).map_err(|_| Failure::Malformed)?;
        self.name = Some(name.to_owned());
        self.state = State::LoginPassword;
        Ok(Step::Challenge(b"Password:".to_vec()))
    }

    async fn login_password(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let password = std::str::from_utf8(response).map_err(|_| Failure::Malformed)?;
        let name = self.name.clone().unwrap_or_default();
        self.directory.admit(&self.channel, &name)?;
        self.directory.check(&self.channel, &name, password).await.map(Step::Done)
    }

    /// RFC 7628 §3.2: good, or a challenge that says what is wrong. The client may abort at that, so the failure counts
    /// before it.
    async fn bearer(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let request = bearer::request(self.mechanism, response).map_err(failure)?;
        self.name.clone_from(&request.user);
        let counted = request.user.clone().unwrap_or_else(|| self.directory.name_of_token(request.token));
        self.directory.admit(&self.channel, &counted)?;
        match self.directory.login_by_token(&request).await {
            Ok(login) => {
                self.name.get_or_insert_with(|| login.address.to_string());
                Ok(Step::Done(login))
            }
            Err(Failure::Refused) => {
                self.directory.slow_down(&self.channel, &counted, &Failure::Refused).await;
                self.state = State::BearerRefused;
                Ok(Step::Challenge(self.directory.token_refused(self.mechanism)))
            }
            Err(failure) => Err(failure),
        }
    }

    async fn scram_first(&mut self, response: &[u8]) -> Result<Step, Failure> {
        let plus = self.mechanism.ends_with("-PLUS");
        let first = scram::client_first(response, plus, &self.channel).map_err(failure)?;
        self.name = Some(first.name.clone());
        only_as_oneself(first.authorization.as_deref(), &first.name)?;
        self.directory.admit(&self.channel, &first.name)?;
        let candidate = self.directory.candidate(&first.name).await?;
        let mut nonce = [0; 18];
        self.directory.world.rng.fill(&mut nonce);
        let others = candidate.apps.iter().flat_map(|apps| &apps.entries).map(|entry| entry.keys.clone());
        let (message, server) = first.answer(&BASE64.encode(nonce), candidate.credential.clone(), others);
        self.state = State::ScramFinal(Box::new(server), candidate);
        Ok(Step::Challenge(message.into_bytes()))
    }

    fn scram_final(
        &mut self,
        server: &ServerFirst,
        candidate: &Candidate,
        response: &[u8],
    ) -> Result<Step, Failure> {
        let (message, place) = server.finish(response).map_err(failure)?;
        let login = candidate.login.clone().ok_or(Failure::Refused)?;
        let app = place.checked_sub(1).and_then(|place| candidate.apps.as_ref()?.entries.get(place));
        let service = self.channel.service;
        if app.is_some_and(|app| !self.directory.is_in_scope(login.account, app, service)) {
            return Err(Failure::Refused);
        }
        self.state = State::ScramEnd(login);
        Ok(Step::Challenge(message.into_bytes()))
    }
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Malformed => Failure::Malformed,
        Fault::Refused => Failure::Refused,
    }
}

/// Nobody may act as somebody else: an authorization identity is the name itself or nothing.
fn only_as_oneself(authorization: Option<&str>, name: &str) -> Result<(), Failure> {
    match authorization {
        Some(other) if other.to_lowercase() != name.to_lowercase() => Err(Failure::Refused),
        _ => Ok(()),
    }
}

//! OAUTHBEARER (RFC 7628) and XOAUTH2, the older form that many clients have: instead of a password, a token of an
//! authorization server. What it is worth only that one knows: the [`Issuer`], which is asked (RFC 7662). Asking is a
//! matter of HTTP, which is not done in this room; who puts the server together gives one that does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{Mono, Wall, limits};
use world::BoxFuture;

use super::scram::{Fault, sasl_name};
use super::{Failure, Login};
use crate::Directory;
use crate::credential::hmac_sha256;

/// The mechanisms, which are offered under TLS only (RFC 7628 §3) and where there is an issuer.
pub(super) const MECHANISMS: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];

/// Whether a mechanism carries a bearer token, and so must never be used in clear.
pub fn is_bearer(mechanism: &str) -> bool {
    MECHANISMS.iter().any(|bearer| bearer.eq_ignore_ascii_case(mechanism))
}

/// Who knows what a token is worth.
pub trait Issuer: Send + Sync {
    /// Asks about a token: whose it is, or nothing if it is worth nothing here. An error says, for the log, why there was
    /// no answer. It takes its time, but not for ever.
    fn introspect<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Grant>, String>>;

    /// What a client is told whose token is worth nothing (RFC 7628 §3.2.2); XOAUTH2 has another form.
    fn challenge(&self, mechanism: &str) -> Vec<u8>;

    /// How long an answer holds, at most.
    fn lifetime(&self) -> Duration;
}

/// What a good token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The login name.
    pub user: String,
    /// When the token ends.
    pub until: Option<Wall>,
}

/// Tokens that were good lately, under a key that dies with the process, and who is asked about others.
pub(crate) struct Bearer {
    key: [u8; 32],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    issuer: Option<Arc<dyn Issuer>>,
    granted: BTreeMap<Fingerprint, (String, Mono)>,
}

type Fingerprint = [u8; 32];

impl Bearer {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key, state: Mutex::default() }
    }

    fn fingerprint(&self, token: &str) -> Fingerprint {
        hmac_sha256(&self.key, token.as_bytes())
    }

    fn issuer(&self) -> Option<Arc<dyn Issuer>> {
        self.state.lock().expect("no holder panics").issuer.clone()
    }

    fn granted(&self, token: &Fingerprint, now: Mono) -> Option<String> {
        let state = self.state.lock().expect("no holder panics");
        state.granted.get(token).filter(|(_, until)| *until > now).map(|(user, _)| user.clone())
    }

    /// Remembers what `issuer` said, if that is still who is asked.
    fn remember(&self, issuer: &Arc<dyn Issuer>, token: Fingerprint, user: &str, now: Mono, until: Mono) {
        let mut state = self.state.lock().expect("no holder panics");
        if !state.issuer.as_ref().is_some_and(|current| Arc::ptr_eq(current, issuer)) {
            return;
        }
        if state.granted.len() >= limits::TOKENS_REMEMBERED {
            state.granted.retain(|_, (_, until)| *until > now);
        }
        if state.granted.len() >= limits::TOKENS_REMEMBERED {
            state.granted.pop_first();
        }
        state.granted.insert(token, (user.to_owned(), until));
    }
}

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// As whom it wants to log in, if it says that.
    pub(super) user: Option<String>,
    pub(super) token: &'a str,
}

/// A client's only message, in the form of its mechanism.
pub(super) fn request<'a>(mechanism: &str, message: &'a [u8]) -> Result<Request<'a>, Fault> {
    let text = std::str::from_utf8(message).map_err(|_| Fault::Malformed)?;
    if mechanism == "XOAUTH2" {
        let (user, pairs) = text.split_once('\x01').ok_or(Fault::Malformed)?;
        let user = user.strip_prefix("user=").ok_or(Fault::Malformed)?;
        return Ok(Request { user: Some(user.to_owned()), token: token(pairs)? });
    }
    // RFC 7628 §3.1: client-resp = gs2-header kvsep *kvpair kvsep. There is nothing to bind to a channel.
    let (header, pairs) = text.split_once('\x01').ok_or(Fault::Malformed)?;
    let mut parts = header.split(',');
    let (Some("n" | "y"), Some(user), Some(""), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::Malformed);
    };
    let user = match user {
        "" => None,
        given => Some(sasl_name(given.strip_prefix("a=").ok_or(Fault::Malformed)?)?),
    };
    Ok(Request { user, token: token(pairs)? })
}

/// The bearer token among the pairs (RFC 7628 §3.1, RFC 6750 §2.1). What else there is means nothing here: `host` and
/// `port` may be names of the server that it does not know.
fn token(pairs: &str) -> Result<&str, Fault> {
    let pairs = pairs.strip_suffix("\x01\x01").ok_or(Fault::Malformed)?;
    let mut found = None;
    for pair in pairs.split('\x01') {
        let (key, value) = pair.split_once('=').ok_or(Fault::Malformed)?;
        let is_value = |b: u8| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n');
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphabetic()) || !value.bytes().all(is_value) {
            return Err(Fault::Malformed);
        }
        if key == "auth" && found.replace(value).is_some() {
            return Err(Fault::Malformed);
        }
    }
    let (scheme, token) = found.and_then(|value| value.split_once(' ')).ok_or(Fault::Malformed)?;
    let token = token.trim_start_matches(' ');
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let good = scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty() && token.bytes().all(is_token);
    if good && token.len() <= limits::BEARER_TOKEN { Ok(token) } else { Err(Fault::Malformed) }
}

impl Directory {
    /// Takes bearer tokens from now on, as `issuer` says what they are worth; with `None` none at all.
    pub fn set_issuer(&self, issuer: Option<Arc<dyn Issuer>>) {
        *self.bearer.state.lock().expect("no holder panics") = State { issuer, granted: BTreeMap::new() };
    }

    /// Whether bearer tokens are taken.
    pub(super) fn takes_tokens(&self) -> bool {
        self.bearer.issuer().is_some()
    }

    /// What a token is counted as where the client names nobody: failures with one must not count against those with another.
    pub(super) fn name_of_token(&self, token: &str) -> String {
        let fingerprint = self.bearer.fingerprint(token);
        format!("token {:x}", u64::from_be_bytes(*fingerprint.first_chunk().unwrap_or(&[0; 8])))
    }

    /// The challenge that tells a client that its token is worth nothing.
    pub(super) fn token_refused(&self, mechanism: &str) -> Vec<u8> {
        self.bearer.issuer().map(|issuer| issuer.challenge(mechanism)).unwrap_or_default()
    }

    /// Whom a token stands for. The user that the client names must be the same.
    pub(super) async fn login_by_token(&self, request: &Request<'_>) -> Result<Login, Failure> {
        let owner = self.owner_of(request.token).await?;
        let found = self.login_named(&owner).await?;
        let login = found.ok_or(Failure::Refused)?;
        if let Some(user) = &request.user
            && self.login_named(user).await?.as_ref() != Some(&login)
        {
            return Err(Failure::Refused);
        }
        Ok(login)
    }

    /// Whose a token is, as its issuer says or said.
    async fn owner_of(&self, token: &str) -> Result<String, Failure> {
        let fingerprint = self.bearer.fingerprint(token);
        if let Some(user) = self.bearer.granted(&fingerprint, self.world.clock.mono()) {
            return Ok(user);
        }
        let issuer = self.bearer.issuer().ok_or(Failure::Refused)?;
        let grant = issuer.introspect(token).await.map_err(Failure::Unavailable)?.ok_or(Failure::Refused)?;
        let (now, mono) = (self.world.clock.wall(), self.world.clock.mono());
        let mut lifetime = issuer.lifetime();
        if let Some(until) = grant.until {
            let left = u64::try_from(until.millis() - now.millis()).unwrap_or(0);
            if left == 0 {
                return Err(Failure::Refused);
            }
            lifetime = lifetime.min(Duration::from_millis(left));
        }
        self.bearer.remember(&issuer, fingerprint, &grant.user, mono, mono + lifetime);
        Ok(grant.user)
    }

    /// The account of that name, if it may log in.
    async fn login_named(&self, name: &str) -> Result<Option<Login>, Failure> {
        let found = self.account_by_login(name).await;
        let found = found.map_err(|error| Failure::Unavailable(error.to_string()))?;
        let found = found.filter(|account| account.enabled);
        Ok(found.map(|account| Login { account: account.id, address: account.address }))
    }
}

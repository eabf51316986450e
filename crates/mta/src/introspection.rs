//! Asking an authorization server what a bearer token is worth (RFC 7662), by the HTTP client of the hooks. Users' servers
//! and submission log in by the directory, which asks through [`directory::sasl::Issuer`]: HTTP stays in this room.

use std::sync::Arc;
use std::time::Duration;

use directory::sasl::{Grant, Issuer};
use mail::{Wall, limits};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use world::tls::Connector;
use world::{BoxFuture, World};

use crate::filters::Url;
use crate::http::{self, post};

/// The authorization server, as the operator chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Its introspection endpoint.
    pub url: Url,
    /// Our name and password there (RFC 6749 §2.3.1).
    pub credentials: Option<(String, String)>,
    /// The member of the answer that has the login name, which is an account's address.
    pub username: String,
    /// What a token must be for, one of the words of its `scope`.
    pub scope: Option<String>,
    /// Whom a token must be for, one of its `aud`.
    pub audience: Option<String>,
    /// Where clients learn how to get a token (RFC 7628 §3.2.2, `openid-configuration`).
    pub discovery: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// How long an answer holds, at most.
    pub lifetime: Duration,
}

impl Introspection {
    /// At `url`, with everything else as it usually is.
    pub fn new(url: Url) -> Self {
        Self {
            url,
            credentials: None,
            username: "username".into(),
            scope: None,
            audience: None,
            discovery: None,
            timeout: limits::INTROSPECTION_WAIT,
            lifetime: Duration::from_mins(1),
        }
    }

    /// Who asks it, with `connector` for https.
    pub fn issuer(self, world: World, connector: Option<Connector>) -> Arc<dyn Issuer> {
        Arc::new(Asker { chosen: self, world, connector, at_once: Semaphore::new(limits::INTROSPECTIONS) })
    }

    /// What an answer means at `now` (RFC 7662 §2.2).
    fn grant(&self, answer: &[u8], now: Wall) -> Result<Option<Grant>, String> {
        let answer: Map<String, Value> =
            serde_json::from_slice(answer).map_err(|_| "its answer is not a JSON object".to_owned())?;
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(None),
            _ => return Err("its answer does not say whether the token is active".into()),
        }
        let times = (seconds(&answer, "nbf")?, seconds(&answer, "exp")?);
        let is_wrong = |why: &str| {
            tracing::info!(why, "a token is good, but not here");
            Ok(None)
        };
        if times.0.is_some_and(|from| now < from) || times.1.is_some_and(|until| until <= now) {
            return is_wrong("its time has not come or is over");
        }
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        if let Some(scope) = &self.scope
            && !strings(answer.get("scope")).iter().any(|text| words(text).contains(scope))
        {
            return is_wrong("its scope is another");
        }
        if let Some(audience) = &self.audience
            && !strings(answer.get("aud")).contains(&audience.as_str())
        {
            return is_wrong("its audience is another");
        }
        match answer.get(&self.username) {
            Some(Value::String(user)) => Ok(Some(Grant { user: user.clone(), until: times.1 })),
            _ => Err(format!("its answer has no {:?} that is a string", self.username)),
        }
    }

    /// The request's body (RFC 7662 §2.1), and its header fields beside the usual ones.
    fn question(&self, token: &str) -> (String, String) {
        let authorization = self.credentials.as_ref().map_or_else(String::new, |(name, password)| {
            let pair = format!("{}:{}", encoded(name), encoded(password));
            format!("Authorization: Basic {}\r\n", ::filter::hook::encode(pair.as_bytes()))
        });
        let body = format!("token={}&token_type_hint=access_token", encoded(token));
        (body, format!("{authorization}Content-Type: application/x-www-form-urlencoded\r\n"))
    }
}

/// RFC 7662 §2.2: seconds since 1970; a fraction, which some write, is left out.
fn seconds(answer: &Map<String, Value>, name: &str) -> Result<Option<Wall>, String> {
    /// A thousand years; beyond is no time.
    const MOST: f64 = 32e9;
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(seconds) if (0.0..MOST).contains(&seconds) => Ok(Some(Wall::from_secs(seconds as i64))),
            _ => Err(format!("its answer has no good {name:?}")),
        },
    }
}

/// One string, or a list of them (RFC 7662 §2.2 `aud`; some write `scope` so, too).
fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// `application/x-www-form-urlencoded`.
fn encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            other => {
                let digit = |half: u8| char::from(HEX[usize::from(half)]);
                encoded.extend(['%', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
    encoded
}

struct Asker {
    chosen: Introspection,
    world: World,
    connector: Option<Connector>,
    at_once: Semaphore,
}

impl Asker {
    async fn ask(&self, token: &str) -> Result<Option<Grant>, String> {
        let _turn = self.at_once.acquire().await.map_err(|error| error.to_string())?;
        let (body, fields) = self.chosen.question(token);
        let length = body.len() as u64;
        let mut stream =
            post(&self.world, self.connector.as_ref(), &self.chosen.url, &fields, length).await?;
        stream.write_all(body.as_bytes()).await.map_err(http::lost)?;
        let response = http::read(&mut stream, limits::INTROSPECTION_ANSWER).await?;
        if response.code != 200 {
            return Err(format!("its answer is {} instead of 200", response.code));
        }
        self.chosen.grant(&response.body, self.world.clock.wall())
    }
}

impl Issuer for Asker {
    fn introspect<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Grant>, String>> {
        Box::pin(async move {
            let answer = self.world.clock.within(self.chosen.timeout, self.ask(token)).await;
            let answer = answer.unwrap_or_else(|| Err("it does not answer".into()));
            answer.map_err(|why| format!("the authorization server at {}: {why}", self.chosen.url))
        })
    }

    fn challenge(&self, mechanism: &str) -> Vec<u8> {
        let mut error = if mechanism == "XOAUTH2" {
            json!({ "status": "401", "schemes": "bearer" })
        } else {
            json!({ "status": "invalid_token" })
        };
        let members = [("scope", &self.chosen.scope), ("openid-configuration", &self.chosen.discovery)];
        for (name, value) in members {
            if let Some(value) = value {
                error[name] = value.as_str().into();
            }
        }
        error.to_string().into_bytes()
    }

    fn lifetime(&self) -> Duration {
        self.chosen.lifetime
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen() -> Introspection {
        Introspection::new("http://localhost/introspect".parse().expect("a URL"))
    }

    /// RFC 7662 §2.2.
    #[test]
    fn answers_mean_something() {
        let strict = Introspection { scope: Some("mail".into()), audience: Some("mx".into()), ..chosen() };
        let good = r#"{"active":true,"username":"a@x.test","scope":"openid mail","aud":["web","mx"]}"#;
        let granted = |until| Ok(Some(Grant { user: "a@x.test".into(), until }));
        for (chosen, answer, wanted) in [
            (chosen(), r#"{"active":true,"username":"a@x.test"}"#, granted(None)),
            (
                chosen(),
                r#"{"active":true,"username":"a@x.test","exp":2000.9,"nbf":1000}"#,
                granted(Some(Wall::from_secs(2000))),
            ),
            (chosen(), r#"{"active":true,"username":"a@x.test","exp":1000}"#, Ok(None)),
            (chosen(), r#"{"active":true,"username":"a@x.test","nbf":1001}"#, Ok(None)),
            (chosen(), r#"{"active":false,"username":"a@x.test"}"#, Ok(None)),
            (strict.clone(), good, granted(None)),
            (strict.clone(), &good.replace("openid mail", "email"), Ok(None)),
            (strict.clone(), &good.replace(r#"["web","mx"]"#, r#""mxx""#), Ok(None)),
            (strict.clone(), r#"{"active":true,"username":"a@x.test"}"#, Ok(None)),
            (
                Introspection { username: "email".into(), ..chosen() },
                r#"{"active":true,"username":"a","email":"a@x.test"}"#,
                granted(None),
            ),
        ] {
            assert_eq!(chosen.grant(answer.as_bytes(), Wall::from_secs(1000)), wanted, "{answer}");
        }
        for answer in [
            "",
            "[]",
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":true}"#,
            r#"{"active":true,"username":7}"#,
            r#"{"active":true,"username":"a@x.test","exp":"soon"}"#,
            r#"{"active":true,"username":"a@x.test","exp":-1}"#,
            r#"{"active":true,"username":"a@x.test","exp":1e300}"#,
        ] {
            assert!(chosen().grant(answer.as_bytes(), Wall::from_secs(1000)).is_err(), "{answer}");
        }
    }

    #[test]
    fn questions_carry_anything() {
        let chosen = Introspection { credentials: Some(("mail server".into(), "a:b&c".into())), ..chosen() };
        let (body, fields) = chosen.question("a+b/c=");
        assert_eq!(body, "token=a%2Bb%2Fc%3D&token_type_hint=access_token");
        let expected = ::filter::hook::encode(b"mail%20server:a%3Ab%26c");
        assert_eq!(
            fields,
            format!("Authorization: Basic {expected}\r\nContent-Type: application/x-www-form-urlencoded\r\n")
        );
    }
}

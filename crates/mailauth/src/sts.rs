//! MTA-STS (RFC 8461): what a domain says of the TLS of its mail hosts, in DNS and over HTTPS. Reading only; where
//! the text comes from is the flow of mail's business.

use std::fmt;
use std::time::Duration;

use mail::{Domain, limits};

/// A policy (RFC 8461 §3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What to do with it.
    pub mode: Mode,
    /// Names of hosts that mail may be given to.
    pub mx: Vec<Pattern>,
    /// How long it may be kept; at most [`limits::STS_MAX_AGE`].
    pub max_age: Duration,
}

/// What to do with a policy (RFC 8461 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Mail goes to hosts that it names and that prove who they are, or it waits.
    Enforce,
    /// It is only reported what would not have been good enough.
    Testing,
    /// There is no policy (any more).
    None,
}

impl Mode {
    /// As the policy writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Testing => "testing",
            Self::None => "none",
        }
    }
}

/// The name of a mail host, or all names one label below a domain (RFC 8461 §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    domain: Domain,
    /// Whether exactly one label stands before it.
    below: bool,
}

impl std::str::FromStr for Pattern {
    type Err = mail::AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        Ok(Self { domain: Domain::new(name)?, below })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.below { "*." } else { "" }, self.domain)
    }
}

impl Pattern {
    /// Whether it means this host. `*.` stands for exactly one label, at the left (RFC 8461 §4.1).
    pub fn matches(&self, host: &Domain) -> bool {
        let name = match (self.below, host.as_str().split_once('.')) {
            (false, _) => host.as_str(),
            (true, Some((_, rest))) => rest,
            (true, None) => return false,
        };
        name == self.domain.as_str()
    }
}

impl Policy {
    /// Reads a policy file. Lines end in CRLF or LF; unknown fields are passed over, and of fields that may stand there
    /// once only the first counts (RFC 8461 §3.2).
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        if text.len() > limits::STS_POLICY_LENGTH {
            return Err("the policy is too long");
        }
        let text = std::str::from_utf8(text).map_err(|_| "the policy is not text")?;
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':').ok_or("a line of the policy has no colon")?;
            let value = value.trim();
            match key {
                "version" => drop(version.get_or_insert(value)),
                "mode" => drop(mode.get_or_insert(value)),
                "max_age" => drop(max_age.get_or_insert(value)),
                "mx" => mx.push(value.parse().map_err(|_| "an mx of the policy is no host name")?),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("the policy's version is not STSv1");
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err("the policy's mode is none of enforce, testing and none"),
        };
        if mx.is_empty() && mode != Mode::None {
            return Err("the policy names no mx");
        }
        Ok(Self { mode, mx, max_age: age(max_age.ok_or("the policy has no max_age")?)? })
    }

    /// What it says, line by line, as reports about TLS quote it (RFC 8460 §4.4).
    pub fn lines(&self) -> Vec<String> {
        let start = ["version: STSv1".to_owned(), format!("mode: {}", self.mode.as_str())];
        let mx = self.mx.iter().map(|pattern| format!("mx: {pattern}"));
        let end = [format!("max_age: {}", self.max_age.as_secs())];
        start.into_iter().chain(mx).chain(end).collect()
    }

    /// Whether mail may be given to this host.
    pub fn names(&self, host: &Domain) -> bool {
        self.mx.iter().any(|pattern| pattern.matches(host))
    }
}

/// 1 to 10 digits (RFC 8461 §3.2).
fn age(text: &str) -> Result<Duration, &'static str> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let seconds =
        text.parse().ok().filter(|_| digits).ok_or("the policy's max_age is no number of seconds")?;
    Ok(Duration::from_secs(seconds).min(limits::STS_MAX_AGE))
}

/// The id in the TXT records at `_mta-sts.domain`; `None` where they announce no policy (RFC 8461 §3.1).
pub fn id(records: &[Vec<u8>]) -> Option<String> {
    let mut ours = records.iter().filter(|record| announces(record));
    let record = std::str::from_utf8(ours.next()?).ok()?;
    if ours.next().is_some() {
        return None;
    }
    let mut fields = record.split(';').map(str::trim).skip(1);
    let id = fields.find_map(|field| field.strip_prefix("id="))?;
    let good = (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| id.to_owned())
}

/// Whether the record begins with `v=STSv1;`.
fn announces(record: &[u8]) -> bool {
    let behind = record.strip_prefix(b"v=STSv1").map(<[u8]>::trim_ascii_start);
    behind.is_some_and(|behind| behind.starts_with(b";"))
}

#[cfg(test)]
mod tests;

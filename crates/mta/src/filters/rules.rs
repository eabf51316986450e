//! What an operator may choose about filters outside of this process. Pure data.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use filter::hook::Stage;
use mail::{Domain, limits};
use smtp::server::Service;

/// One filter.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What it speaks.
    pub kind: Kind,
    /// How long one answer may take.
    pub timeout: Duration,
    /// What is done without its answer.
    pub on_failure: OnFailure,
    /// For mail that comes in there.
    pub services: Vec<Service>,
}

impl Filter {
    /// With the defaults: mail from anyone and from users, 451 without an answer.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            timeout: limits::FILTER_WAIT,
            on_failure: OnFailure::TempFail,
            services: vec![Service::Mx, Service::Submission],
        }
    }
}

impl fmt::Display for Filter {
    /// As the journey and logs name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Milter(address) => write!(f, "milter {address}"),
            Kind::Hook(hook) => write!(f, "hook {}", hook.url),
        }
    }
}

/// What a filter speaks.
#[derive(Clone, Debug)]
pub enum Kind {
    /// The milter protocol.
    Milter(Socket),
    /// JSON over HTTP.
    Hook(Hook),
}

/// What is done without a filter's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// 451: the client tries again (F36).
    TempFail,
    /// The mail passes, and the journey says so.
    Accept,
}

/// An HTTP hook.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Where it is.
    pub url: Url,
    /// When it is asked.
    pub stages: BTreeSet<Stage>,
    /// Bytes of a message that it gets at most.
    pub message_size: u64,
}

/// A host by address or name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Its address.
    Ip(IpAddr),
    /// Its name.
    Name(Domain),
}

impl FromStr for Host {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        match bare.parse() {
            Ok(ip) => Ok(Self::Ip(ip)),
            Err(_) => {
                Domain::new(text).map(Self::Name).map_err(|_| "the host is neither an address nor a name")
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// Where a milter listens: `inet:port@host` or `unix:/path`, as libmilter and other servers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// TCP.
    Inet(Host, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Socket {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "must be inet:PORT@HOST, such as inet:11332@127.0.0.1, or unix:/PATH";
        let (kind, rest) = text.split_once(':').ok_or(bad)?;
        match kind {
            "unix" | "local" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "inet" | "inet6" => {
                let (port, host) = rest.split_once('@').ok_or(bad)?;
                let port = port.parse().ok().filter(|port| *port > 0).ok_or(bad)?;
                Ok(Self::Inet(host.parse()?, port))
            }
            _ => Err(bad),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet(host, port) => write!(f, "inet:{port}@{host}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `http://` or `https://`, a host, perhaps a port, and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    pub(crate) tls: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) path: String,
}

impl Url {
    /// Whether nobody on the way can read what is sent there: by https, or on this machine.
    pub fn is_private(&self) -> bool {
        self.tls
            || match &self.host {
                Host::Ip(ip) => ip.is_loopback(),
                Host::Name(name) => name.as_str() == "localhost",
            }
    }
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "must be http://HOST:PORT/PATH or https://HOST/PATH";
        let (scheme, rest) = text.split_once("://").ok_or(bad)?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(bad),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let printable = path.bytes().all(|b| b.is_ascii_graphic() && b != b'#');
        if !printable || authority.contains('@') {
            return Err(bad);
        }
        let colon = authority.rfind(':').filter(|colon| !authority[*colon..].contains(']'));
        let (host, port) = authority.split_at(colon.unwrap_or(authority.len()));
        let port = match port.strip_prefix(':') {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(bad)?,
        };
        let host: Host = host.parse()?;
        if tls && matches!(host, Host::Ip(_)) {
            return Err("https needs a name that a certificate can be for");
        }
        Ok(Self { tls, host, port, path: if path.is_empty() { "/".into() } else { path.into() } })
    }
}

impl fmt::Display for Url {
    /// Without the path, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_urls_are_read() {
        for good in ["inet:11332@127.0.0.1", "inet:8891@localhost", "inet:1@[::1]", "unix:/run/x.sock"] {
            assert_eq!(good.parse::<Socket>().map(|socket| socket.to_string()).as_deref(), Ok(good));
        }
        for bad in ["", "inet:x@y", "inet:1", "unix:x", "inet:0@a", "tcp:1@a", "inet:1@a b"] {
            assert!(bad.parse::<Socket>().is_err(), "{bad}");
        }
        for (text, shown, path) in [
            ("http://127.0.0.1:8080/hook?key=1", "http://127.0.0.1:8080", "/hook?key=1"),
            ("http://localhost", "http://localhost:80", "/"),
            ("http://[::1]/x", "http://[::1]:80", "/x"),
            ("https://filter.example/", "https://filter.example:443", "/"),
        ] {
            let url: Url = text.parse().expect(text);
            assert_eq!((url.to_string().as_str(), url.path.as_str()), (shown, path));
        }
        for bad in [
            "",
            "ftp://a/",
            "http://",
            "http://a:0/",
            "http://u:p@a/",
            "https://127.0.0.1/",
            "http://a/ b",
            "http://a/\r\n",
        ] {
            assert!(bad.parse::<Url>().is_err(), "{bad}");
        }
    }
}

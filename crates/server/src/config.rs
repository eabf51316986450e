//! The configuration file: what it may say, with the defaults. Reading it is [`read`]'s business.
//!
//! Every problem is told, not only the first, each with file, line and key. Nothing here touches the outside:
//! files that the configuration names are read by whoever uses them.

mod nearest;
mod problem;
mod read;
mod section;
pub(crate) mod units;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directory::sasl::Mechanisms;
use mail::{Domain, Network, limits};
use mailbox::Retention;
use mta::{Authentication, Match, Pace, Rate, Retry, Sending, SmarthostTls, TlsRules};
use world::real::{NameServers, TrustAd};

pub use problem::Problems;

/// Where the configuration is looked for without `--config` and `POSTHOUSE_CONFIG`.
pub(crate) const DEFAULT_PATH: &str = "/etc/posthouse/posthouse.toml";

/// The whole configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// What we say in EHLO and trace headers.
    pub(crate) hostname: Domain,
    /// Everything we keep.
    pub(crate) data_dir: PathBuf,
    /// What we listen on.
    pub(crate) listeners: Vec<Listener>,
    /// Certificate files; without them one of our own is made.
    pub(crate) tls: Option<CertificateFiles>,
    /// Name servers to ask; empty for the system's.
    pub(crate) dns_servers: Vec<SocketAddr>,
    /// `[dns] dnssec`: whose word on signatures is believed.
    pub(crate) dnssec: TrustAd,
    /// How mail leaves.
    pub(crate) outbound: Outbound,
    /// `[smtp] xclient`: proxies that may tell of their clients.
    pub(crate) xclient: Vec<Network>,
    /// For whom else we take mail.
    pub(crate) relay: Relay,
    /// What is done about who a message is really from.
    pub(crate) authentication: Authentication,
    /// `[imap]` and `[[imap_client]]`.
    pub(crate) imap: Imap,
    /// `[oauth]`: who says what bearer tokens are worth.
    pub(crate) oauth: Option<OAuth>,
    /// `[reports]`
    pub(crate) reports: Reports,
    /// What clients may use up.
    pub(crate) limits: Limits,
    /// `[[milter]]` and `[[hook]]`.
    pub(crate) filters: Vec<mta::filters::Filter>,
    /// `[smtp]`, `[[dnsbl]]`, `[greylist]` and parts of `[limits]`: what strangers may do.
    pub(crate) gate: mta::gate::Rules,
    /// `[store] segment_size`: bytes by which the log grows.
    pub(crate) segment_size: u64,
    /// `[store] scrub`: how the store is read in the background.
    pub(crate) scrub: Scrub,
    /// `[store] keep_expunged, keep_removed_accounts`: how long what is removed can be brought back.
    pub(crate) retention: Retention,
}

/// One `[[listener]]`.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) service: Service,
    /// At least one.
    pub(crate) bind: Vec<SocketAddr>,
    pub(crate) logins: Logins,
    /// `proxy_protocol`: peers that tell by a PROXY header whose connection it is; nobody else may connect then.
    /// Empty for a listener that clients connect to themselves.
    pub(crate) proxies: Vec<Network>,
}

/// How one logs in at a listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Logins {
    /// `plaintext_auth = "loopback"`: clients on loopback may send passwords without TLS.
    pub(crate) plaintext_auth_on_loopback: bool,
    /// `auth_mechanisms`: the ways that are offered.
    pub(crate) mechanisms: Mechanisms,
}

/// What is spoken on a listener, and whether TLS comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// Mail from other servers, in clear or after STARTTLS (RFC 5321).
    Smtp,
    /// Mail from users, after STARTTLS (RFC 6409).
    Submission,
    /// Mail from users under TLS (RFC 8314).
    Submissions,
    /// Mail from a server in front of this one (RFC 2033).
    Lmtp,
    /// Reading mail, after STARTTLS (RFC 9051).
    Imap,
    /// Reading mail under TLS.
    Imaps,
    /// Fetching mail, after STLS (RFC 1939).
    Pop3,
    /// Fetching mail under TLS.
    Pop3s,
}

impl Service {
    pub(crate) const ALL: [Self; 8] = [
        Self::Smtp,
        Self::Submission,
        Self::Submissions,
        Self::Lmtp,
        Self::Imap,
        Self::Imaps,
        Self::Pop3,
        Self::Pop3s,
    ];

    /// As the configuration and the ready line name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Lmtp => "lmtp",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }

    /// Whether the handshake comes before the first word (RFC 8314 §3).
    pub(crate) fn implicit_tls(self) -> bool {
        matches!(self, Self::Submissions | Self::Imaps | Self::Pop3s)
    }

    /// Whether users log in there.
    pub(crate) fn has_logins(self) -> bool {
        !matches!(self, Self::Smtp | Self::Lmtp)
    }

    /// The ALPN name of what is spoken.
    pub(crate) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Smtp | Self::Submission | Self::Submissions => b"smtp",
            Self::Lmtp => b"lmtp",
            Self::Imap | Self::Imaps => b"imap",
            Self::Pop3 | Self::Pop3s => b"pop3",
        }
    }
}

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
}

/// `[imap]` and `[[imap_client]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Imap {
    /// How often a client that idles hears something; zero for never.
    pub(crate) keepalive: Duration,
    /// What some clients are not told of.
    pub(crate) hidden: Vec<imap::Hidden>,
}

impl Default for Imap {
    fn default() -> Self {
        Self { keepalive: limits::IMAP_KEEPALIVE, hidden: Vec::new() }
    }
}

/// `[oauth]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OAuth {
    /// Whom to ask, without our credentials there.
    pub(crate) introspection: mta::Introspection,
    /// Our name there, and the file whose first line is our password.
    pub(crate) credentials: Option<(String, PathBuf)>,
}

/// `[reports]`
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    /// What the flow of mail does about them.
    pub(crate) reporting: mta::Reporting,
    /// Days for which reports from others are kept.
    pub(crate) days: usize,
}

impl Default for Reports {
    fn default() -> Self {
        Self { reporting: mta::Reporting::default(), days: 400 }
    }
}

/// `[outbound]`
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    /// The port tried on MX hosts.
    pub(crate) port: u16,
    /// Every `[[route]]`, in order.
    pub(crate) routes: Vec<Route>,
    pub(crate) smarthost: Option<Smarthost>,
    pub(crate) retry: Retry,
    /// Whether MX hosts may have private addresses; `None` asks [`Config::is_on_loopback_only`].
    pub(crate) allow_private: Option<bool>,
    /// Our ends of connections, of both families.
    pub(crate) sources: Vec<IpAddr>,
    /// What we call ourselves from some of them.
    pub(crate) source_names: BTreeMap<IpAddr, Domain>,
    pub(crate) concurrency: usize,
    pub(crate) concurrency_per_destination: usize,
    pub(crate) rate: Option<Rate>,
    /// Whether addresses that bounced on several days are refused to our users.
    pub(crate) suppression: bool,
    pub(crate) connect_timeout: Duration,
    /// How connections to MX hosts are secured.
    pub(crate) tls: TlsRules,
    /// Certificates of issuers that are trusted beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `[[route]]`
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) to: Vec<Match>,
    pub(crate) from: Vec<Match>,
    /// `None` for the recipients' mail hosts.
    pub(crate) host: Option<Smarthost>,
    pub(crate) sources: Vec<IpAddr>,
    pub(crate) retry: Retry,
    pub(crate) pace: Pace,
}

/// `[outbound] smarthost`, or the host of a route.
#[derive(Clone, Debug)]
pub(crate) struct Smarthost {
    pub(crate) host: Domain,
    /// See [`Smarthost::port`].
    port: Option<u16>,
    /// User name, and the file whose first line is the password.
    pub(crate) credentials: Option<(String, PathBuf)>,
    pub(crate) tls: SmarthostTls,
    pub(crate) lmtp: bool,
}

/// `[relay]`
#[derive(Clone, Debug, Default)]
pub(crate) struct Relay {
    pub(crate) domains: Vec<Domain>,
    pub(crate) networks: Vec<Network>,
}

/// `[store] scrub` and `scrub_rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scrub {
    /// How often everything is read; `None` for never.
    pub(crate) every: Option<Duration>,
    /// Bytes a second that it reads at most.
    pub(crate) rate: u64,
}

impl Default for Scrub {
    fn default() -> Self {
        Self { every: Some(Duration::from_hours(7 * 24)), rate: 8 << 20 }
    }
}

/// `[limits]`
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of one message.
    pub(crate) message_size: u64,
    /// Messages that one IMAP command works on.
    pub(crate) messages_per_command: u32,
    /// Recipients of one transaction.
    pub(crate) recipients: usize,
    /// How long a submitted message may be held for its sender; zero for not at all.
    pub(crate) future_release: Duration,
    /// Connections at once, over all listeners.
    pub(crate) connections: usize,
    /// Connections at once from one IPv4 address or IPv6 /64.
    pub(crate) connections_per_ip: usize,
    /// Connections from one address in a minute.
    pub(crate) connections_per_minute: u32,
    /// Connections from one IPv4 /24 or IPv6 /48 in a minute.
    pub(crate) connections_per_minute_network: u32,
    /// Messages from one address in a minute, on port 25.
    pub(crate) messages_per_minute: u32,
    /// Unknown recipients that one address may name within ten minutes.
    pub(crate) unknown_recipients: u32,
    /// Failed logins of one address within an hour.
    pub(crate) failed_logins: u32,
    /// Networks that the limits per address and network do not hold for.
    pub(crate) exempt: Vec<Network>,
    /// How long sessions may go on after SIGTERM.
    pub(crate) shutdown_deadline: Duration,
    /// Days after which a journey in which nothing more happened is forgotten.
    pub(crate) journey_days: usize,
    /// What one account may send.
    pub(crate) sending: Sending,
    /// What one account may have, where nothing else was said of it.
    pub(crate) quota: mailbox::Quota,
    /// Whether users may share mailboxes with all accounts.
    pub(crate) share_with_anyone: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let network = |text: &str| text.parse().expect("a network");
        Self {
            message_size: limits::MESSAGE_SIZE,
            messages_per_command: limits::IMAP_MESSAGES,
            recipients: limits::RECIPIENTS,
            future_release: limits::FUTURE_RELEASE,
            connections: 10_000,
            connections_per_ip: 50,
            connections_per_minute: limits::CONNECTIONS_PER_MINUTE,
            connections_per_minute_network: limits::CONNECTIONS_PER_MINUTE_NETWORK,
            messages_per_minute: limits::MESSAGES_PER_MINUTE,
            unknown_recipients: limits::UNKNOWN_RECIPIENTS,
            failed_logins: limits::FAILED_LOGINS,
            exempt: vec![network("127.0.0.0/8"), network("::1")],
            shutdown_deadline: Duration::from_secs(20),
            journey_days: 90,
            sending: Sending::default(),
            quota: mailbox::Quota::default(),
            share_with_anyone: false,
        }
    }
}

impl Config {
    /// Reads the text of a configuration file. Relative paths in it are relative to the file's directory.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Problems> {
        read::config(text, file)
    }

    /// Which name servers are asked, and what they are believed.
    pub(crate) fn name_servers(&self) -> NameServers {
        NameServers { servers: self.dns_servers.clone(), trust: self.dnssec }
    }

    /// How long sessions may go on after the server was asked to end.
    pub fn shutdown_deadline(&self) -> Duration {
        self.limits.shutdown_deadline
    }

    /// Whether nobody outside this machine can reach the server: a test, a sandbox. Such a server has nothing to
    /// protect this machine from by refusing to send to it (F13).
    pub(crate) fn is_on_loopback_only(&self) -> bool {
        self.listeners.iter().flat_map(|listener| &listener.bind).all(|bind| bind.ip().is_loopback())
    }
}

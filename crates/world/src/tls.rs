//! TLS over any [`Stream`]: rustls with the aws-lc provider, and nothing of it visible above this module.

use std::fmt;
use std::io;
use std::sync::Arc;

use mail::Domain;

use crate::dns::Tlsa;
use crate::{BoxFuture, Stream};

/// What a handshake agreed on.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// As the registry names it, e.g. `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// ALPN, if any.
    pub alpn: Option<Vec<u8>>,
    /// The server name the client asked for.
    pub server_name: Option<String>,
    /// `tls-exporter` channel binding (RFC 9266); `None` below TLS 1.3.
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` channel binding: hash of the server's certificate (RFC 5929 §4).
    pub server_end_point: Option<Vec<u8>>,
    /// On the client's side: what came of looking at the server's certificate.
    pub judged: Judged,
}

/// What came of looking at the other side's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was not looked at: there is none on the server's side.
    Not,
    /// A trusted root vouches for it and it is valid for the name (RFC 5280, RFC 9525).
    Pkix,
    /// A TLSA record with usage 3 names it or its key (RFC 7671 §5.1).
    DaneEe,
    /// A TLSA record with usage 2 names its issuer, and it is valid for a name (RFC 7671 §5.2).
    DaneTa,
    /// It is not good; a [`Demand`] would have ended the connection.
    Bad(Fault),
}

impl Judged {
    /// Whether the certificate is good.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Pkix | Self::DaneEe | Self::DaneTa)
    }
}

/// Why a certificate is not good. [`Connector::connect`]'s error carries one where the handshake itself went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// For people.
    pub text: String,
}

/// What can be wrong with a certificate, as far as reports tell it apart (RFC 8460 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It is for other names.
    HostMismatch,
    /// Its time is over, or has not come.
    Expired,
    /// Nobody who is trusted vouches for it; with DANE, no TLSA record matches.
    NotTrusted,
    /// Anything else.
    Other,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// The fault that an error of [`Connector::connect`] carries.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// The server's side: certificates that may be replaced while it runs. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    pub(crate) inner: Arc<crate::real::tls::ServerSide>,
}

/// What a client demands of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Any certificate at all: opportunistic TLS (RFC 7435).
    Nothing,
    /// A chain to a trusted root, valid for the name.
    TrustedFor(Domain),
    /// A chain that one of these records vouches for: with usage 3 whatever its names and dates are, with usage 2 valid
    /// for one of the names (RFC 7672 §3). Records of other usages never match.
    Dane {
        /// Of the server, proven by DNSSEC.
        records: Vec<Tlsa>,
        /// What the server may be called.
        names: Vec<Domain>,
    },
}

/// The client's side. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    inner: Arc<dyn Handshakes>,
}

/// Whoever performs the client's side of handshakes: [`Connector::new`]'s is rustls; a world without cryptography has
/// another.
pub trait Handshakes: Send + Sync {
    /// See [`Connector::connect`].
    fn connect<'a>(
        &'a self,
        stream: Stream,
        name: &'a Domain,
        demand: Demand,
    ) -> BoxFuture<'a, io::Result<Stream>>;
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Acceptor {
    /// From a PEM certificate chain (end-entity first) and its PEM private key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        crate::real::tls::ServerSide::from_pem(chain, key).map(|s| Self { inner: Arc::new(s) })
    }

    /// Replaces the certificate for handshakes from now on; keeps the old one if the new one is wrong.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), String> {
        self.inner.replace(chain, key)
    }

    /// Performs the server's side of a handshake. Any bytes the peer sent before must not exist: the caller
    /// refuses STARTTLS with bytes behind it (attacks A3). `alpn` names the protocol of this port; a client
    /// that offers only others is refused (attack A6).
    pub async fn accept(&self, stream: Stream, alpn: &'static [u8]) -> io::Result<Stream> {
        crate::real::tls::accept(&self.inner, stream, alpn).await
    }
}

impl Connector {
    /// Trusts the system's roots and those in `extra_roots` (PEM).
    pub fn new(extra_roots: &[u8]) -> Result<Self, String> {
        crate::real::tls::ClientSide::new(extra_roots).map(|side| Self::through(Arc::new(side)))
    }

    /// Handshakes of another kind.
    pub fn through(door: Arc<dyn Handshakes>) -> Self {
        Self { inner: door }
    }

    /// Performs the client's side of a handshake, with `name` as server name. An error is the handshake's, or a
    /// [`Fault`] of the certificate.
    pub async fn connect(&self, stream: Stream, name: &Domain, demand: Demand) -> io::Result<Stream> {
        self.inner.connect(stream, name, demand).await
    }
}

/// A self-signed certificate and its key, both PEM, for `names`, valid for ten years.
pub fn self_signed(names: &[String]) -> Result<(String, String), String> {
    crate::real::tls::self_signed(names)
}

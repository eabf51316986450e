//! TLS without cryptography: a client says which name it asks for, the server shows a certificate or breaks off, and both go
//! on in clear on the simulated wire.
//!
//! What a certificate is worth is judged here in a few lines of their own, from the standards; what follows from that - policies,
//! falling back, deferring - is the product's code.

use std::io;

use mail::Domain;
use serde::{Deserialize, Serialize};
use world::dns::Tlsa;
use world::tls::{Demand, Facts, Fault, FaultKind, Handshakes, Judged};
use world::{BoxFuture, Stream};

use crate::trace::hash_bytes;

/// Bytes of the line with which each side greets.
const LINE: usize = 1000;
/// What a client says first, before the name.
pub const GREETING: &str = "TLS ";

/// What a server shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Which key it is about.
    pub key: u64,
    /// For which names.
    pub names: Vec<String>,
    /// Whether somebody whom everybody trusts vouches for it.
    pub trusted: bool,
    /// Whether its time is over.
    pub expired: bool,
}

/// How a server is about TLS at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Posture {
    /// As it should be.
    #[default]
    Good,
    /// It does not offer it, or somebody in between strips the offer.
    NotOffered,
    /// It offers it and refuses it when asked (454).
    Refused,
    /// It breaks off in the handshake.
    Broken,
    /// It shows a certificate for other names.
    WrongName,
    /// It shows one whose time is over.
    Expired,
    /// It shows one of its own making, with another key: somebody in between does that.
    Untrusted,
    /// It shows a good one with another key, which no TLSA record names.
    OtherKey,
}

impl Posture {
    /// All that is not as it should be.
    pub const BAD: [Self; 7] = [
        Self::NotOffered,
        Self::Refused,
        Self::Broken,
        Self::WrongName,
        Self::Expired,
        Self::Untrusted,
        Self::OtherKey,
    ];

    /// The certificate that is shown instead of `own`; nothing where it does not come to that.
    pub fn shows(self, own: &Certificate) -> Option<Certificate> {
        let own = own.clone();
        Some(match self {
            Self::Good => own,
            Self::NotOffered | Self::Refused | Self::Broken => return None,
            Self::WrongName => Certificate { names: vec!["elsewhere.test".into()], ..own },
            Self::Expired => Certificate { expired: true, ..own },
            Self::Untrusted => Certificate { trusted: false, key: !own.key, ..own },
            Self::OtherKey => Certificate { key: !own.key, ..own },
        })
    }
}

impl Certificate {
    /// A good one.
    pub fn of(host: &str) -> Self {
        let names = vec![host.to_owned()];
        Self { key: hash_bytes(host.as_bytes()), names, trusted: true, expired: false }
    }

    /// What an owner publishes of its key: DANE-EE(3), SPKI(1), SHA2-256(1).
    pub fn record(&self) -> Tlsa {
        Tlsa { usage: 3, selector: 1, matching: 1, data: self.key.to_be_bytes().repeat(4) }
    }

    /// Whether everybody who looks at it must find it good for a name (RFC 5280, RFC 9525).
    pub fn is_good_for(&self, name: &str) -> bool {
        self.fault(name).is_none()
    }

    fn fault(&self, name: &str) -> Option<FaultKind> {
        if !self.trusted {
            Some(FaultKind::NotTrusted)
        } else if self.expired {
            Some(FaultKind::Expired)
        } else if !self.names.iter().any(|known| known == name) {
            Some(FaultKind::HostMismatch)
        } else {
            None
        }
    }

    /// As it goes over the wire.
    pub fn line(&self) -> String {
        let Self { key, names, trusted, expired } = self;
        format!("CERTIFICATE {key} {trusted} {expired} {}\r\n", names.join(","))
    }

    fn read(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("CERTIFICATE ")?.split(' ');
        let (key, trusted) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let expired = words.next()?.parse().ok()?;
        Some(Self { key, trusted, expired, names: words.next()?.split(',').map(str::to_owned).collect() })
    }
}

/// The client's side.
pub struct Client;

impl Handshakes for Client {
    fn connect<'a>(
        &'a self,
        mut stream: Stream,
        name: &'a Domain,
        demand: Demand,
    ) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            stream.write_all(format!("{GREETING}{name}\r\n").as_bytes()).await?;
            let shown = Certificate::read(&line(&mut stream).await?);
            let shown = shown.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no handshake"))?;
            let judged = match (judge(&shown, name, &demand), demand) {
                (Ok(judged), _) => judged,
                (Err(fault), Demand::Nothing) => Judged::Bad(fault),
                (Err(fault), _) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
            };
            Ok(stream.secured(facts(name, judged)))
        })
    }
}

/// What a certificate is worth to somebody with such a demand.
fn judge(shown: &Certificate, name: &Domain, demand: &Demand) -> Result<Judged, Fault> {
    let bad = |kind| Fault { kind, text: format!("the certificate of key {} is not good", shown.key) };
    let trusted = |name: &Domain| shown.fault(name.as_str()).map_or(Ok(Judged::Pkix), |kind| Err(bad(kind)));
    match demand {
        Demand::Nothing => trusted(name),
        Demand::TrustedFor(wanted) => trusted(wanted),
        // RFC 7671 §5.1: names and dates do not matter.
        Demand::Dane { records, .. } if records.contains(&shown.record()) => Ok(Judged::DaneEe),
        Demand::Dane { .. } => Err(bad(FaultKind::NotTrusted)),
    }
}

fn facts(name: &Domain, judged: Judged) -> Facts {
    Facts {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256".into(),
        alpn: None,
        server_name: Some(name.to_string()),
        exporter: None,
        server_end_point: None,
        judged,
    }
}

/// A line, and not a byte of what comes behind it.
async fn line(stream: &mut Stream) -> io::Result<String> {
    let mut line = Vec::new();
    while line.len() < LINE {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_worth_what_the_standards_say() {
        let own = Certificate::of("mx.b.test");
        assert_eq!(Certificate::read(own.line().trim_end()), Some(own.clone()));
        let name: Domain = "mx.b.test".parse().expect("a name");
        let dane = Demand::Dane { records: vec![own.record()], names: Vec::new() };
        let pkix = Demand::TrustedFor(name.clone());
        for (posture, by_name, by_key) in [
            (Posture::Good, None, true),
            (Posture::WrongName, Some(FaultKind::HostMismatch), true),
            (Posture::Expired, Some(FaultKind::Expired), true),
            (Posture::Untrusted, Some(FaultKind::NotTrusted), false),
            (Posture::OtherKey, None, false),
        ] {
            let shown = posture.shows(&own).expect("it is shown");
            assert_eq!(judge(&shown, &name, &pkix).err().map(|fault| fault.kind), by_name, "{posture:?}");
            assert_eq!(judge(&shown, &name, &dane).is_ok(), by_key, "{posture:?}");
        }
        assert_eq!(Posture::Broken.shows(&own), None);
    }
}

//! The client's side of a handshake.
//!
//! A handshake always proves that the server has the key of the certificate it shows. Whether that certificate is
//! good is judged right after, before a byte of ours is sent: so opportunistic and demanding connections take one
//! way, and the journey can tell of an opportunistic one whether it was verified.

use std::io;
use std::sync::{Arc, OnceLock};

use mail::Domain;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use tokio_rustls::TlsConnector;

use super::{certificate, dane, facts, invalid, provider};
use crate::tls::{Demand, Fault, FaultKind, Handshakes, Judged};
use crate::{BoxFuture, Stream};

/// What is trusted, and how to greet.
pub(crate) struct ClientSide {
    config: Arc<ClientConfig>,
    extra_roots: Vec<CertificateDer<'static>>,
    /// Made when first needed: reading the system's roots takes milliseconds and memory.
    judge: OnceLock<Result<Arc<WebPkiServerVerifier>, String>>,
}

impl ClientSide {
    pub(crate) fn new(extra_roots: &[u8]) -> Result<Self, String> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider())))
            .with_no_client_auth();
        // A resumed session shows no certificate, and there would be nothing to judge.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            extra_roots: certificate::certificates(extra_roots)?,
            judge: OnceLock::new(),
        })
    }

    #[cfg(test)]
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    /// Whether the shown chain leads to a trusted root and is valid for `name`.
    fn verify(&self, chain: &[CertificateDer<'_>], name: &ServerName<'_>) -> Result<Judged, Fault> {
        let other = |text: &str| Fault { kind: FaultKind::Other, text: text.to_owned() };
        let judge = self.judge.get_or_init(|| build_judge(&self.extra_roots));
        let judge = judge.as_ref().map_err(|why| other(why))?;
        let (end_entity, intermediates) =
            chain.split_first().ok_or_else(|| other("the server showed no certificate"))?;
        match judge.verify_server_cert(end_entity, intermediates, name, &[], UnixTime::now()) {
            Ok(_) => Ok(Judged::Pkix),
            Err(e) => Err(Fault {
                kind: kind_of(&e),
                text: format!("the server's certificate is not good for {}: {e}", name.to_str()),
            }),
        }
    }
}

fn kind_of(error: &Error) -> FaultKind {
    use CertificateError as Bad;
    let Error::InvalidCertificate(bad) = error else { return FaultKind::Other };
    match bad {
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => FaultKind::HostMismatch,
        Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            FaultKind::Expired
        }
        Bad::UnknownIssuer => FaultKind::NotTrusted,
        _ => FaultKind::Other,
    }
}

fn build_judge(extra_roots: &[CertificateDer<'static>]) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(extra_roots.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|e| format!("there are no root certificates to trust ({e}); install ca-certificates"))
}

impl Handshakes for ClientSide {
    fn connect<'a>(
        &'a self,
        stream: Stream,
        name: &'a Domain,
        demand: Demand,
    ) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(connect(self, stream, name, demand))
    }
}

async fn connect(side: &ClientSide, stream: Stream, name: &Domain, demand: Demand) -> io::Result<Stream> {
    let server_name = server_name(name)?;
    let Stream { io, peer, local, .. } = stream;
    let io = TlsConnector::from(Arc::clone(&side.config)).connect(server_name.clone(), io).await?;
    let connection = io.get_ref().1;
    let chain = connection.peer_certificates().unwrap_or_default();
    let verdict = match &demand {
        Demand::Nothing => side.verify(chain, &server_name),
        Demand::TrustedFor(wanted) => side.verify(chain, &self::server_name(wanted)?),
        Demand::Dane { records, names } => {
            let names: Vec<_> = names.iter().map(self::server_name).collect::<Result<_, _>>()?;
            dane::verify(chain, records, &names, UnixTime::now())
        }
    };
    let judged = match (verdict, demand) {
        (Ok(judged), _) => judged,
        (Err(fault), Demand::Nothing) => Judged::Bad(fault),
        (Err(fault), _) => return Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
    };
    let mut facts = facts(connection, chain.first());
    facts.judged = judged;
    facts.server_name = Some(name.as_str().to_owned());
    Ok(Stream { io: Box::new(io), peer, local, tls: Some(facts) })
}

fn server_name(name: &Domain) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.as_str().to_owned()).map_err(|e| invalid(format!("{name}: {e}")))
}

/// Takes any certificate, but checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

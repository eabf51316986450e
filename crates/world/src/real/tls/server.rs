//! The server's side of a handshake.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::TlsAcceptor;

use super::{certificate, facts, invalid, provider};
use crate::Stream;

/// A certificate that may be replaced, and a configuration per protocol.
pub(crate) struct ServerSide {
    current: Mutex<Current>,
}

struct Current {
    key: Arc<CertifiedKey>,
    /// One for each protocol, so that a session ticket of one port is worth nothing on another (attacks A6).
    configs: BTreeMap<&'static [u8], Arc<ServerConfig>>,
}

impl ServerSide {
    pub(crate) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        Ok(Self { current: Mutex::new(Current::new(chain, key)?) })
    }

    pub(crate) fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), String> {
        let new = Current::new(chain, key)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// The configuration for a protocol, with the certificate in it.
    fn config(&self, alpn: &'static [u8]) -> Result<(Arc<ServerConfig>, CertificateDer<'static>), String> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let certificate = current.key.cert.first().cloned().ok_or("there is no certificate")?;
        if let Some(config) = current.configs.get(alpn) {
            return Ok((Arc::clone(config), certificate));
        }
        let config = Arc::new(server_config(&current.key, alpn)?);
        current.configs.insert(alpn, Arc::clone(&config));
        Ok((config, certificate))
    }
}

impl Current {
    fn new(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        Ok(Self { key: Arc::new(certificate::certified_key(chain, key)?), configs: BTreeMap::new() })
    }
}

fn server_config(key: &Arc<CertifiedKey>, alpn: &'static [u8]) -> Result<ServerConfig, String> {
    let resolver = SingleCertAndKey::from(Arc::clone(key));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.ticketer = Ticketer::new().map_err(|e| format!("TLS cannot be set up: {e}"))?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    if !alpn.is_empty() {
        // rustls refuses a client that offers only others, and takes one that offers none.
        config.alpn_protocols = vec![alpn.to_vec()];
    }
    Ok(config)
}

/// See [`crate::tls::Acceptor::accept`].
pub(crate) async fn accept(side: &ServerSide, stream: Stream, alpn: &'static [u8]) -> io::Result<Stream> {
    let (config, certificate) = side.config(alpn).map_err(invalid)?;
    let Stream { io, peer, local, .. } = stream;
    let io = TlsAcceptor::from(config).accept(io).await?;
    let connection = io.get_ref().1;
    let mut facts = facts(connection, Some(&certificate));
    facts.server_name = connection.server_name().map(str::to_owned);
    Ok(Stream { io: Box::new(io), peer, local, tls: Some(facts) })
}

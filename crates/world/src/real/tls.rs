//! rustls with the aws-lc provider.

mod certificate;
mod client;
mod dane;
mod server;

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{CommonState, ConnectionCommon, ProtocolVersion};

pub(crate) use certificate::self_signed;
pub(crate) use client::ClientSide;
pub(crate) use server::{ServerSide, accept};

use crate::tls::{Facts, Judged};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What a finished handshake agreed on, apart from what only one side knows.
fn facts<Side>(connection: &ConnectionCommon<Side>, certificate: Option<&CertificateDer<'_>>) -> Facts {
    let state: &CommonState = connection;
    let new_enough = state.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    Facts {
        version: if new_enough { "TLSv1.3" } else { "TLSv1.2" },
        cipher: cipher_name(state),
        alpn: state.alpn_protocol().map(<[u8]>::to_vec),
        server_name: None,
        exporter: if new_enough { exporter(connection) } else { None },
        server_end_point: certificate.and_then(|c| certificate::end_point_binding(c)),
        judged: Judged::Not,
    }
}

/// As the registry names it; rustls marks its TLS 1.3 suites with `TLS13_` instead of `TLS_`.
fn cipher_name(state: &CommonState) -> String {
    let suite = state.negotiated_cipher_suite().map(|s| s.suite());
    let name = suite.and_then(|s| s.as_str()).unwrap_or("unknown");
    name.replacen("TLS13_", "TLS_", 1)
}

/// RFC 9266 §2: the exporter with this label, no context, 32 bytes.
fn exporter<Side>(connection: &ConnectionCommon<Side>) -> Option<[u8; 32]> {
    connection.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b"")).ok()
}

fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}

#[cfg(test)]
mod tests;

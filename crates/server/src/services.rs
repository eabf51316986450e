//! Who serves which port.

use std::sync::Arc;

use mta::{Mta, Port};
use world::Stream;
use world::tls::Acceptor;

use crate::config::Service;

/// All services on one store.
pub(crate) struct Services {
    pub(crate) acceptor: Acceptor,
    pub(crate) mta: Arc<Mta>,
}

impl Services {
    /// Serves one connection to its end. Under implicit TLS the handshake has been done.
    pub(crate) async fn serve(&self, stream: Stream, service: Service, plaintext_auth_on_loopback: bool) {
        match service {
            Service::Smtp => self.mail(stream, mta::Service::Mx, plaintext_auth_on_loopback).await,
            Service::Submission | Service::Submissions => {
                self.mail(stream, mta::Service::Submission, plaintext_auth_on_loopback).await;
            }
            Service::Lmtp => self.mail(stream, mta::Service::Lmtp, plaintext_auth_on_loopback).await,
            Service::Imap | Service::Imaps | Service::Pop3 | Service::Pop3s => drop(stream),
        }
    }

    async fn mail(&self, stream: Stream, service: mta::Service, plaintext_auth_on_loopback: bool) {
        let port = Port { service, plaintext_auth_on_loopback };
        Box::pin(Arc::clone(&self.mta).serve(stream, port)).await;
    }

    /// Tells all sessions to end at the next moment that loses nothing.
    pub(crate) fn shutdown(&self) {
        self.mta.shutdown();
    }
}

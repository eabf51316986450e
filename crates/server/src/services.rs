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
        let port = |service| Port { service, plaintext_auth_on_loopback };
        match service {
            Service::Smtp => Arc::clone(&self.mta).serve(stream, port(mta::Service::Mx)).await,
            Service::Submission | Service::Submissions => {
                Arc::clone(&self.mta).serve(stream, port(mta::Service::Submission)).await;
            }
            Service::Lmtp => Arc::clone(&self.mta).serve(stream, port(mta::Service::Lmtp)).await,
            Service::Imap | Service::Imaps | Service::Pop3 | Service::Pop3s => drop(stream),
        }
    }

    /// Tells all sessions to end at the next moment that loses nothing.
    pub(crate) fn shutdown(&self) {
        self.mta.shutdown();
    }
}

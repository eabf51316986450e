//! Who serves which port.

use std::sync::Arc;

use access::imapd::Imapd;
use access::pop3d::Pop3d;
use mta::{Mta, Port};
use search::Shelf;
use world::Stream;
use world::tls::Acceptor;

use crate::config::{Config, Logins, Service};

/// All services on one store.
pub(crate) struct Services {
    pub(crate) acceptor: Acceptor,
    pub(crate) mta: Arc<Mta>,
    imapd: Arc<Imapd>,
    pop3d: Arc<Pop3d>,
}

impl Services {
    /// All on the same parts.
    pub(crate) fn new(acceptor: Acceptor, parts: mta::Parts, search: Arc<Shelf>, config: &Config) -> Self {
        let access = access::Parts {
            world: parts.world.clone(),
            store: Arc::clone(&parts.store),
            directory: Arc::clone(&parts.directory),
            mailboxes: Arc::clone(&parts.mailboxes),
            journeys: Arc::clone(&parts.journeys),
            search,
            acceptor: Some(acceptor.clone()),
            settings: access::Settings {
                hostname: parts.settings.hostname.clone(),
                message_size: config.limits.message_size,
                message_limit: config.limits.messages_per_command,
                keepalive: config.imap.keepalive,
                hidden: config.imap.hidden.as_slice().into(),
            },
        };
        Self { acceptor, imapd: Imapd::new(access.clone()), pop3d: Pop3d::new(access), mta: Mta::new(parts) }
    }

    /// Serves one connection to its end. Under implicit TLS the handshake has been done.
    pub(crate) async fn serve(&self, stream: Stream, service: Service, logins: Logins) {
        let Logins { plaintext_auth_on_loopback, mechanisms } = logins;
        let port = access::Port { plaintext_auth_on_loopback, mechanisms };
        match service {
            Service::Smtp => self.mail(stream, mta::Service::Mx, logins).await,
            Service::Submission | Service::Submissions => {
                self.mail(stream, mta::Service::Submission, logins).await;
            }
            Service::Lmtp => self.mail(stream, mta::Service::Lmtp, logins).await,
            Service::Imap | Service::Imaps => {
                Box::pin(Arc::clone(&self.imapd).serve(stream, port)).await;
            }
            Service::Pop3 | Service::Pop3s => {
                Box::pin(Arc::clone(&self.pop3d).serve(stream, port)).await;
            }
        }
    }

    async fn mail(&self, stream: Stream, service: mta::Service, logins: Logins) {
        let Logins { plaintext_auth_on_loopback, mechanisms } = logins;
        let port = Port { service, plaintext_auth_on_loopback, mechanisms };
        Box::pin(Arc::clone(&self.mta).serve(stream, port)).await;
    }

    /// Tells all sessions to end at the next moment that loses nothing.
    pub(crate) fn shutdown(&self) {
        self.mta.shutdown();
        self.imapd.shutdown();
        self.pop3d.shutdown();
    }
}

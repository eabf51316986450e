//! Tests over the store in memory.

mod lines;
mod search;
mod stored;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::{AccountId, Address, EnhancedCode, Id, Reply, Uid, Wall};
use store::{Batch, Store};

use crate::{
    Accepted, Attempted, Event, Journeys, Refused, Tls, TlsFailure, TlsPolicy, TlsResult, Verified, What,
};

pub(crate) fn address(text: &str) -> Address {
    text.parse().expect("an address")
}

pub(crate) fn at(minutes: i64) -> Wall {
    Wall::from_civil(2026, 11, 23, 10, 0, 0) + Duration::from_secs(minutes as u64 * 60)
}

pub(crate) fn accepted(from: &str, to: &[&str], subject: &str, message_id: &str) -> What {
    What::Accepted(Box::new(Accepted {
        service: "smtp".into(),
        client: Some("192.0.2.1".parse().expect("an IP address")),
        helo: "mx.a.test".into(),
        tls: Some(Tls { version: "TLSv1.3".into(), cipher: "X".into(), verified: Verified::No }),
        account: None,
        reverse_path: from.parse().expect("a path"),
        recipients: to.iter().map(|to| address(to)).collect(),
        size: 12_345,
        subject: Some(subject.into()),
        message_id: Some(message_id.into()),
    }))
}

/// One of each kind.
pub(crate) fn all_kinds() -> Vec<What> {
    let reply = Reply::new(550, EnhancedCode(5, 1, 1), "no such user");
    let ann = || address("ann@x.test");
    let me = || "imap".to_owned();
    vec![
        accepted("s@a.test", &["ann@x.test", "b@y.test"], "Hello", "<1@a.test>"),
        What::Refused(Box::new(Refused {
            stage: "RCPT".into(),
            service: "smtp".into(),
            client: Some("2001:db8::1".parse().expect("an IP address")),
            helo: "evil\u{1b}[2J".into(),
            reverse_path: Some(mail::ReversePath(None)),
            recipients: vec![ann()],
            reply: reply.clone(),
        })),
        What::Delivered {
            recipient: address("team@x.test"),
            account: ann(),
            mailbox: "INBOX".into(),
            uid: Uid::new(7),
        },
        What::Delivered { recipient: ann(), account: ann(), mailbox: "INBOX".into(), uid: None },
        What::Queued { item: Id(1), destination: "y.test".into(), recipients: vec![address("b@y.test")] },
        What::Attempted(Box::new(Attempted {
            item: Id(1),
            host: "mx.y.test".into(),
            ip: Some("192.0.2.9".parse().expect("an IP address")),
            tls: Some(Tls { version: "TLSv1.3".into(), cipher: "X".into(), verified: Verified::Certificate }),
            results: vec![(address("b@y.test"), reply)],
            took: Duration::from_millis(1234),
        })),
        What::Deferred { item: Id(1), until: at(5) },
        What::Expired { item: Id(1), recipients: vec![address("b@y.test")] },
        What::Reported { kind: "failed".into(), recipients: vec![address("b@y.test")], dsn: Id(2) },
        What::NotReported { recipients: vec![], reason: "the sender is null".into() },
        What::Operator { action: "held".into(), item: Some(Id(1)) },
        What::Moved {
            account: AccountId(1),
            from: "INBOX".into(),
            to: "Trash".into(),
            copied: false,
            by: me(),
        },
        What::Expunged { account: AccountId(1), mailbox: "Trash".into(), by: me() },
        What::TlsFailed(Box::new(TlsFailure {
            item: Id(1),
            policy: TlsPolicy::Sts,
            domain: "y.test".into(),
            host: "mx.y.test".into(),
            ip: Some(IpAddr::from([192, 0, 2, 9])),
            source: Some(IpAddr::from([192, 0, 2, 1])),
            result: TlsResult::CertificateHostMismatch,
            detail: "the certificate is for others".into(),
            enforced: true,
        })),
        What::Noted("seen\nbefore".into()),
    ]
}

/// Journeys in memory.
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) journeys: Journeys,
}

impl House {
    pub(crate) fn new() -> Self {
        let world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        let store = store::memory::open(&world);
        Self { journeys: Journeys::new(store.clone()), store }
    }

    pub(crate) async fn record(&self, message: Id, events: &[Event]) {
        let mut batch = Batch::new();
        self.journeys.record(&mut batch, message, events);
        self.store.commit(batch).await.expect("no conflict");
    }
}

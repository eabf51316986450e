//! Whole sessions over a connection in memory, on a store in memory.

use std::sync::Arc;
use std::time::Duration;

use directory::sasl::Mechanisms;
use mail::Flags;
use mailbox::{FlagChange, INBOX, Retention};
use store::Batch;

use world::Stream;
use world::tls::{Acceptor, Connector, Demand};

use crate::imapd::tests::{House, PASSWORD};
use crate::pop3d::Pop3d;
use crate::{Parts, Port};

const LOOPBACK: Port = Port { plaintext_auth_on_loopback: true, mechanisms: Mechanisms::ALL };

/// Both ends of a connection that holds `capacity` bytes on their way.
fn connection(capacity: usize) -> (Stream, Stream) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    let address = "127.0.0.1:1110".parse().expect("an address");
    (Stream::new(Box::new(ours), address, address), Stream::new(Box::new(theirs), address, address))
}

/// A client and what it has not looked at yet.
struct Client {
    stream: Stream,
    came: Vec<u8>,
}

impl Client {
    async fn connect(pop3d: &Arc<Pop3d>, parts: &Parts, port: Port) -> Self {
        let (ours, theirs) = connection(4096);
        parts.world.tasks.spawn(Box::pin(pop3d.clone().serve(theirs, port)));
        let mut client = Self { stream: ours, came: Vec::new() };
        assert_eq!(client.line().await, "+OK mx.test POP3 server ready");
        client
    }

    async fn send(&mut self, command: &str) {
        self.stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("an open connection");
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let length = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.came.extend_from_slice(&buffer[..length]);
        length > 0
    }

    /// What came up to and with `end`; all there was if the connection ends before.
    async fn until(&mut self, end: &str) -> String {
        let mut looked_at = 0;
        loop {
            let found = self.came[looked_at..].windows(end.len()).position(|w| w == end.as_bytes());
            if let Some(at) = found {
                let rest = self.came.split_off(looked_at + at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.came, rest)).expect("ASCII");
            }
            looked_at = self.came.len().saturating_sub(end.len());
            if !self.more().await {
                return String::from_utf8(std::mem::take(&mut self.came)).expect("ASCII");
            }
        }
    }

    async fn line(&mut self) -> String {
        self.until("\r\n").await.trim_end().to_owned()
    }

    /// Sends a command and compares its response, of one line or (if the expectation has more) several.
    async fn check(&mut self, command: &str, expected: &str) {
        self.send(command).await;
        let end = if expected.contains('\n') { "\r\n.\r\n" } else { "\r\n" };
        let expected: String = expected.lines().map(|l| l.trim_start().to_owned() + "\r\n").collect();
        assert_eq!(self.until(end).await, expected, "{command}");
    }

    async fn log_in(&mut self) {
        self.check("USER u@x.test", "+OK Now the password").await;
        self.send(&format!("PASS {PASSWORD}")).await;
        let reply = self.line().await;
        assert!(reply.starts_with("+OK "), "{reply}");
    }

    /// Breaks the connection off and lets the server see it.
    async fn vanish(self) {
        drop(self);
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
}

/// INBOX's UIDs.
async fn uids(house: &House) -> Vec<u32> {
    let view = house.parts.mailboxes.view(house.account, INBOX).await.expect("a working store");
    view.iter().map(|(_, entry)| entry.uid.get()).collect()
}

async fn serve(house: &House) -> (Arc<Pop3d>, Client) {
    let pop3d = Pop3d::new(house.parts.clone());
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.log_in().await;
    (pop3d, client)
}

#[tokio::test]
async fn a_maildrop_is_read() {
    let house = House::new().await;
    house
        .deliver_with("INBOX", "Delivered-To: u@x.test\r\n", "A: b\r\n\r\n.one\r\ntwo\r\n", Flags::new())
        .await;
    house.fill(1).await;
    let (_pop3d, mut client) = serve(&house).await;
    let validity = house.parts.mailboxes.view(house.account, INBOX).await.expect("a view").uid_validity();
    client.check("STAT", "+OK 2 65").await;
    client.check("LIST", "+OK 2 messages (65 octets)\n1 43\n2 22\n.").await;
    client.check("UIDL 2", &format!("+OK 2 {validity}.2")).await;
    client.check("RETR 1", "+OK 43 octets\nDelivered-To: u@x.test\nA: b\n\n..one\ntwo\n.").await;
    client.check("TOP 1 1", "+OK The beginning follows\nDelivered-To: u@x.test\nA: b\n\n..one\n.").await;
    client.check("RETR 3", "-ERR There is no such message").await;
    client.check("QUIT", "+OK Goodbye").await;
    assert!(!client.more().await, "the connection ends");
    assert_eq!(uids(&house).await, [1, 2]);
}

/// RFC 6856 §2.1, RFC 6858 §2: UTF-8 in header fields is for clients that have said UTF8; others get it in ASCII.
#[tokio::test]
async fn header_fields_in_utf8() {
    let house = House::new().await;
    let message = "Subject: gr\u{fc}\u{df}e\r\nFrom: \u{fc}@x.test\r\n\r\nb\u{f6}dy\r\n";
    house.deliver("INBOX", message, Flags::new()).await;
    let long = format!("{}Subject: \u{fc}\r\n\r\nb\r\n", "X: y\r\n".repeat(20_000));
    house.deliver("INBOX", &long, Flags::new()).await;
    house.deliver("INBOX", &"X: \u{fc}\r\n".repeat(300_000), Flags::new()).await;
    let (pop3d, mut client) = serve(&house).await;
    let shown = "Subject: =?utf-8?B?Z3LDvMOfZQ==?=\n\
                 From: =?utf-8?B?w7xAeC50ZXN0?= <invalid@internationalized-address.invalid>\n";
    client.check("RETR 1", &format!("+OK 120 octets\n{shown}\nb\u{f6}dy\n.")).await;
    client.check("TOP 1 0", &format!("+OK The beginning follows\n{shown}\n.")).await;
    client.send("RETR 2").await;
    let reply = client.until("\r\n.\r\n").await;
    assert!(
        reply.ends_with("X: y\r\nSubject: =?utf-8?B?w7w=?=\r\n\r\nb\r\n.\r\n"),
        "{}",
        &reply[reply.len() - 100..]
    );
    assert!(
        reply.starts_with(&format!(
            "+OK {} octets\r\n",
            reply.find("\r\n").map_or(0, |at| reply.len() - at - 5)
        ))
    );
    client.check("RETR 3", "-ERR [UTF8] Only for clients that say UTF8 before they log in").await;
    client.check("QUIT", "+OK Goodbye").await;
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.check("UTF8", "+OK UTF-8 it is").await;
    client.log_in().await;
    let lines = message.trim_end().replace("\r\n", "\n");
    client.check("RETR 1", &format!("+OK {} octets\n{lines}\n.", message.len())).await;
}

/// RFC 6858 §2: header fields of parts, and of messages within, are shown in ASCII as those of the message are.
#[tokio::test]
async fn header_fields_of_parts() {
    let house = House::new().await;
    let filler = "x\u{f6}\r\n".repeat(40_000);
    let message = |subject: &str, second: &str, name: &str, inner: &str| {
        format!(
            "Subject: {subject}\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n{filler}\r\n--a\r\n\
             Content-Type: application/pdf{name}\r\n{second}\r\npdf\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n\
             {inner}\r\nb\u{f6}dy\r\n--a--\r\n"
        )
    };
    let sent = message(
        "plain",
        "Content-Disposition: attachment;\r\n filename=\"gr\u{fc}n.pdf\"\r\nContent-Description: gr\u{fc}n\r\n",
        "; name=\"gr\u{fc}n.pdf\"; x=y",
        "From: \u{fc}@x.test\r\nSubject: gr\u{fc}\u{df}e\r\n",
    );
    let shown = message(
        "plain",
        "Content-Disposition: attachment\r\n",
        ";\r\n x=y",
        "From: =?utf-8?B?w7xAeC50ZXN0?= <invalid@internationalized-address.invalid>\r\nSubject: =?utf-8?B?Z3LDvMOfZQ==?=\r\n",
    );
    house.deliver("INBOX", &sent, Flags::new()).await;
    let (pop3d, mut client) = serve(&house).await;
    client.send("RETR 1").await;
    assert_eq!(client.until("\r\n.\r\n").await, format!("+OK {} octets\r\n{shown}.\r\n", shown.len()));
    client.send("TOP 1 40007").await;
    let top = client.until("\r\n.\r\n").await;
    assert!(top.ends_with(
        "\r\n--a\r\nContent-Type: application/pdf;\r\n x=y\r\nContent-Disposition: attachment\r\n.\r\n"
    ));
    client.check("QUIT", "+OK Goodbye").await;
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.check("UTF8", "+OK UTF-8 it is").await;
    client.log_in().await;
    client.send("RETR 1").await;
    assert_eq!(client.until("\r\n.\r\n").await, format!("+OK {} octets\r\n{sent}.\r\n", sent.len()));
}

#[tokio::test]
async fn messages_go_at_quit_and_only_then() {
    let house = House::new().await;
    house.fill(4).await;
    let (pop3d, mut client) = serve(&house).await;
    client.check("DELE 1", "+OK Will be removed at QUIT").await;
    client.check("DELE 3", "+OK Will be removed at QUIT").await;
    client.vanish().await;
    assert_eq!(uids(&house).await, [1, 2, 3, 4]);

    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.log_in().await;
    client.check("DELE 1", "+OK Will be removed at QUIT").await;
    client.check("DELE 3", "+OK Will be removed at QUIT").await;
    // Another program changes a flag of one and another arrives: neither hinders the update.
    let view = house.parts.mailboxes.view(house.account, INBOX).await.expect("a view");
    let first = *view.get(1).expect("a message");
    let (mut batch, seen) = (Batch::new(), Flags::from_parts(mail::Flag::Seen as u8, []));
    house
        .parts
        .mailboxes
        .store_flags(&mut batch, &view, &[first], FlagChange::Add, &seen)
        .expect("good flags");
    house.parts.store.commit(batch).await.expect("a commit");
    house.fill(1).await;
    client.check("STAT", "+OK 2 44").await;
    client.check("QUIT", "+OK Goodbye").await;
    assert_eq!(uids(&house).await, [2, 4, 5]);

    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.log_in().await;
    let validity = view.uid_validity();
    let expected = format!("+OK 3 messages (66 octets)\n1 {validity}.2\n2 {validity}.4\n3 {validity}.5\n.");
    client.check("UIDL", &expected).await;
}

#[tokio::test]
async fn one_session_at_a_time() {
    let house = House::new().await;
    let (pop3d, first) = serve(&house).await;
    let mut second = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    second.check("USER u@x.test", "+OK Now the password").await;
    let refusal = "-ERR [IN-USE] Another session has this mailbox open";
    second.check(&format!("PASS {PASSWORD}"), refusal).await;
    first.vanish().await;
    second.log_in().await;
}

#[tokio::test]
async fn what_others_removed_can_be_read_only_while_it_is_kept() {
    let house = House::new().await;
    house.fill(2).await;
    let (_pop3d, mut client) = serve(&house).await;
    let view = house.parts.mailboxes.view(house.account, INBOX).await.expect("a view");
    let mut batch = Batch::new();
    let first = *view.get(1).expect("a message");
    house.parts.mailboxes.expunge(&mut batch, &view, &[first], house.parts.world.clock.wall());
    house.parts.store.commit(batch).await.expect("a commit");
    // As RFC 2180 §4.1.3 likes it for IMAP.
    client.send("RETR 1").await;
    assert!(client.until("\r\n.\r\n").await.starts_with("+OK "));
    house.parts.mailboxes.set_retention(Retention { expunged: Duration::ZERO, ..Retention::default() });
    let mut batch = Batch::new();
    house.parts.mailboxes.sweep(&mut batch, 9).await.expect("a healthy store");
    house.parts.store.commit(batch).await.expect("a commit");
    client.check("RETR 1", "-ERR Another program has removed this message").await;
    client.check("DELE 1", "+OK Will be removed at QUIT").await;
    client.check("QUIT", "+OK Goodbye").await;
    assert_eq!(uids(&house).await, [2]);
}

#[tokio::test]
async fn sasl_with_an_initial_response() {
    let house = House::new().await;
    let pop3d = Pop3d::new(house.parts.clone());
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client
        .check("AUTH NONSENSE", "-ERR That mechanism is not offered, or the response is not of its form")
        .await;
    // NUL u@x.test NUL correct horse
    client.check("AUTH PLAIN AHVAeC50ZXN0AGNvcnJlY3QgaG9yc2U=", "+OK 0 messages (0 octets)").await;
}

#[tokio::test]
async fn failed_logins_end_the_session() {
    let house = House::new().await;
    let pop3d = Pop3d::new(house.parts.clone());
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    for _ in 0..mail::limits::LOGIN_FAILURES {
        client.check("USER u@x.test", "+OK Now the password").await;
        client.send("PASS wrong").await;
        let reply = {
            let reply = client.line();
            tokio::pin!(reply);
            loop {
                // The answer to a failed login waits for the clock, once the password has been checked.
                house.advance(Duration::from_millis(100));
                let turn = async { tokio::task::yield_now().await };
                match world::race(reply.as_mut(), turn).await {
                    world::Either::Left(reply) => break reply,
                    world::Either::Right(()) => {}
                }
            }
        };
        assert_eq!(reply, "-ERR [AUTH] Name or password is wrong");
    }
    assert_eq!(client.line().await, "-ERR Too many failed logins");
    assert!(!client.more().await, "the connection ends");
}

#[tokio::test]
async fn a_large_message_comes_through_a_small_pipe() {
    let house = House::new().await;
    let line = |n| format!(".line {n} of a long message\r\n");
    let message = "Subject: large\r\n\r\n".to_owned() + &(0..60_000).map(line).collect::<Vec<_>>().concat();
    house.deliver("INBOX", &message, Flags::new()).await;
    let (_pop3d, mut client) = serve(&house).await;
    client.send("RETR 1").await;
    assert_eq!(client.line().await, format!("+OK {} octets", message.len()));
    let body = client.until("\r\n.\r\n").await;
    assert!(body == message.replace("\r\n.", "\r\n..") + ".\r\n", "the same bytes, dots stuffed");
    client.check("NOOP", "+OK Still here").await;
}

#[tokio::test]
async fn stls_comes_before_passwords() {
    let house = House::new().await;
    let (chain, key) = world::tls::self_signed(&["mx.test".into()]).expect("a certificate");
    let acceptor = Acceptor::from_pem(chain.as_bytes(), key.as_bytes()).expect("a good certificate");
    let parts = Parts { acceptor: Some(acceptor), ..house.parts.clone() };
    let pop3d = Pop3d::new(parts.clone());
    let mut client = Client::connect(&pop3d, &parts, Port::default()).await;
    client.check("USER u@x.test", "-ERR Use STLS first: passwords are not accepted in clear").await;
    client.check("STLS", "+OK Begin TLS now").await;
    let connector = Connector::new(b"").expect("roots or none");
    let name = "mx.test".parse().expect("a domain");
    let stream = connector.connect(client.stream, &name, Demand::Nothing).await.expect("a handshake");
    let mut client = Client { stream, came: Vec::new() };
    client.log_in().await;
    client.check("STLS", "-ERR You are logged in already").await;
}

#[tokio::test]
async fn silence_and_shutdown_remove_nothing() {
    let house = House::new().await;
    house.fill(1).await;
    let (pop3d, mut client) = serve(&house).await;
    client.check("DELE 1", "+OK Will be removed at QUIT").await;
    house.advance(mail::limits::POP3_IDLE_TIMEOUT);
    assert!(!client.more().await, "RFC 1939 §3: closed without a response");
    let mut client = Client::connect(&pop3d, &house.parts, LOOPBACK).await;
    client.log_in().await;
    client.check("DELE 1", "+OK Will be removed at QUIT").await;
    pop3d.shutdown();
    assert_eq!(client.line().await, "-ERR [SYS/TEMP] The server is going down; come back soon");
    assert!(!client.more().await, "the connection ends");
    assert_eq!(uids(&house).await, [1]);
}

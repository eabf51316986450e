//! Mail is taken over: where each copy goes, and what is put in front of it.

use directory::sasl::Mechanisms;
use mta::Service;
use queue::Destination;

use crate::office::{Office, Plan, message};
use crate::world::Outside;

/// Runs a test on a fresh world.
pub(crate) fn run<F>(test: impl FnOnce(Outside) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let outside = Outside::new();
    let time = outside.time.clone();
    time.run(test(outside));
}

#[test]
fn local_mail_is_in_the_mailbox_when_the_sender_reads_250() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut client = office.client(25).await;
        assert!(client.greeting.starts_with("220 mx.alpha.test"), "{}", client.greeting);
        client.say("EHLO there.test").await;
        let reply = client
            .mail("who@there.test", &["ann@alpha.test"], &message("who@there.test", "ann", "one"))
            .await;
        assert!(reply.starts_with("250 2.0.0 Ok: delivered as "), "{reply}");
        let id = reply.rsplit(' ').next().expect("an id").to_owned();
        let inbox = office.inbox("ann@alpha.test").await;
        let [mail] = &inbox[..] else { panic!("one message, not {}", inbox.len()) };
        let head = "Return-Path: <who@there.test>\r\nDelivered-To: ann@alpha.test\r\n\
                    Received: from there.test ([198.51.100.7])\r\n";
        assert!(mail.starts_with(head), "{mail}");
        assert!(mail.contains(&format!("by mx.alpha.test with ESMTP id {id}")), "{mail}");
        assert!(mail.ends_with("\r\n\r\nHello.\r\n"), "{mail}");
        assert!(office.queued().await.is_empty());
        let told = office.told().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].lines().count(), 2, "accepted and delivered: {told:?}");
    });
}

#[test]
fn one_commit_takes_over_local_and_remote_recipients() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        let before = office.store.statistics().commits;
        let to = ["abe@alpha.test", "x@one.test", "y@one.test", "x@one.test", "z@two.test"];
        let reply = user.mail("ann@alpha.test", &to, &message("ann@alpha.test", "all", "all")).await;
        assert!(reply.starts_with("250 2.0.0 Ok: queued as "), "{reply}");
        assert_eq!(office.store.statistics().commits - before, 1);
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1);
        let items = office.queued().await;
        let of = |domain: &str| {
            let destination = Destination::Domain(domain.parse().expect("a domain"));
            let item = items.iter().find(|item| item.destination == destination).expect(domain);
            item.recipients.iter().map(|r| r.recipient.address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(items.len(), 2);
        assert_eq!(
            (of("one.test"), of("two.test")),
            (vec!["x@one.test".into(), "y@one.test".into()], vec!["z@two.test".into()])
        );
    });
}

#[test]
fn aliases_give_one_copy_to_each_account() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.add_alias("away@alpha.test", &["far@else.test"]).await;
        office.add_alias("*@alpha.test", &["abe@alpha.test"]).await;
        let mut client = office.client(25).await;
        client.say("EHLO there.test").await;
        let to = [
            "both@alpha.test",
            "ANN@alpha.test",
            "ann+tag@alpha.test",
            "postmaster@alpha.test",
            "away@alpha.test",
        ];
        let reply = client.mail("who@there.test", &to, &message("who@there.test", "b", "b")).await;
        assert!(reply.starts_with("250"), "{reply}");
        assert_eq!(office.inbox("ann@alpha.test").await.len(), 1);
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1);
        // RFC 8474 §5.1: one message, but other fields in front of each copy.
        let (ann, abe) =
            (office.first_in_inbox("ann@alpha.test").await, office.first_in_inbox("abe@alpha.test").await);
        assert!(ann.0 == abe.0 && ann.1 != abe.1, "{ann:?} {abe:?}");
        let items = office.queued().await;
        let [item] = &items[..] else { panic!("one item, not {items:?}") };
        assert_eq!(item.prefix, b"Delivered-To: away@alpha.test\r\n");
        assert_eq!(item.recipients[0].recipient.original.as_deref(), Some("rfc822;away@alpha.test"));
        let reply =
            client.mail("who@there.test", &["nobody@alpha.test"], &message("who@there.test", "b", "c")).await;
        assert!(reply.starts_with("250"), "caught: {reply}");
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 2);
    });
}

#[test]
fn submitted_mail_is_mended() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        let bare = "From: Ann <ann@alpha.test>\r\nBcc: secret@else.test,\r\n more@else.test\r\nSubject: s\r\n\r\nBcc: body\r\n";
        let reply = user.mail("ann@alpha.test", &["abe@alpha.test"], bare).await;
        assert!(reply.starts_with("250"), "{reply}");
        let inbox = office.inbox("abe@alpha.test").await;
        let mail = &inbox[0];
        assert!(!mail.contains("secret@else.test") && !mail.contains("more@else.test"), "{mail}");
        assert!(
            mail.contains("\r\nDate: Fri, 15 Jan 2027 08:00:") && mail.contains("\r\nMessage-ID: <"),
            "{mail}"
        );
        assert!(mail.contains("with ESMTPA id") && mail.ends_with("\r\n\r\nBcc: body\r\n"), "{mail}");
    });
}

#[test]
fn trusted_networks_and_backup_domains_are_relayed() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |settings| {
            settings.relay_networks = vec!["198.51.100.0/25".parse().expect("a network")];
            settings.relay_domains = ["partner.test".parse().expect("a domain")].into();
        })
        .await;
        for (from, to, expected) in [
            ("198.51.100.7", "x@else.test", "250"),
            ("198.51.100.200", "x@else.test", "550 5.7.1"),
            ("198.51.100.200", "x@partner.test", "250"),
            ("198.51.100.200", "x@sub.partner.test", "550 5.7.1"),
        ] {
            let mut client = office.client_from(from, 25).await;
            client.say("EHLO there.test").await;
            let reply = client.mail("who@there.test", &[to], &message("who@there.test", "x", "r")).await;
            assert!(reply.starts_with(expected), "{from} {to}: {reply}");
        }
    });
}

#[test]
fn lmtp_answers_for_each_recipient() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.listen(24, Service::Lmtp);
        let mut client = office.client(24).await;
        client.say("LHLO neighbour.test").await;
        client.say("MAIL FROM:<>").await;
        client.say("RCPT TO:<ann@alpha.test>").await;
        assert!(client.say("RCPT TO:<x@else.test>").await.starts_with("550 5.7.1"));
        client.say("RCPT TO:<abe@alpha.test>").await;
        let first = client.data(&message("a@b.test", "ann", "l")).await;
        let second = client.reply().await;
        assert!(first.starts_with("250 2.0.0") && second.starts_with("250 2.0.0"), "{first} {second}");
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1);
    });
}

#[test]
fn who_goes_away_between_rcpt_and_dot_is_reported_not_dropped() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        user.say("MAIL FROM:<ann@alpha.test>").await;
        user.say("RCPT TO:<abe@alpha.test>").await;
        user.say("RCPT TO:<x@else.test>").await;
        office.remove_account("abe@alpha.test").await;
        let reply = user.data(&message("ann@alpha.test", "abe", "gone")).await;
        assert!(reply.starts_with("250"), "{reply}");
        let inbox = office.inbox("ann@alpha.test").await;
        assert_eq!(inbox.len(), 1, "a report");
        assert!(inbox[0].contains("Final-Recipient: rfc822; abe@alpha.test"), "{}", inbox[0]);
        assert!(inbox[0].contains("Status: 5.1.1"), "{}", inbox[0]);
        // Alone, it is refused: the sender still has it.
        user.say("MAIL FROM:<ann@alpha.test>").await;
        assert!(user.say("RCPT TO:<abe@alpha.test>").await.starts_with("550 5.1.1"));
    });
}

#[test]
fn shutdown_says_421_and_loses_nothing() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut idle = office.client(25).await;
        idle.say("EHLO idle.test").await;
        let mut busy = office.client(25).await;
        busy.say("EHLO busy.test").await;
        busy.say("MAIL FROM:<a@b.test>").await;
        busy.say("RCPT TO:<ann@alpha.test>").await;
        busy.say("DATA").await;
        office.mta.shutdown();
        assert!(idle.reply().await.starts_with("421 4.3.2"));
        busy.send(&message("a@b.test", "ann", "late")).await;
        assert!(busy.say(".").await.starts_with("250"));
        assert!(busy.reply().await.starts_with("421 4.3.2"));
        assert_eq!(office.inbox("ann@alpha.test").await.len(), 1);
    });
}

#[test]
fn a_connection_costs_little_memory_beside_its_buffer() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let (ours, _theirs) = tokio::io::duplex(64);
        let peer = "192.0.2.3:1".parse().expect("an address");
        let stream = world::Stream::new(Box::new(ours), peer, peer);
        let mechanisms = directory::sasl::Mechanisms::ALL;
        let port = mta::Port { service: Service::Mx, plaintext_auth_on_loopback: false, mechanisms };
        let size = size_of_val(&std::sync::Arc::clone(&office.mta).serve(stream, port));
        assert!(size < 8192, "{size} bytes");
    });
}

#[test]
fn bytes_arrive_as_they_were_sent() {
    run(|outside| async move {
        outside.zones.add("beta.test A 192.0.2.2");
        let alpha = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let beta = Office::open(&outside, &Plan::beta(), |_| {}).await;
        alpha.start_queue();
        let head = "From: <ann@alpha.test>\r\nDate: now\r\nMessage-ID: <m@x>\r\nSubject: s\r\n";
        let bodies = [
            String::new(),
            "\r\n".to_owned(),
            "\r\n.dot\r\n..two\r\n...\r\n .\r\n".to_owned(),
            "\r\nGrüße, 日本\r\n".to_owned(),
            format!("\r\n{}\r\n", "long ".repeat(20_000)),
            format!("\r\n{}", "a line of text\r\n.\u{7f}x\r\n".repeat(40_000)),
        ];
        for (n, body) in bodies.iter().enumerate() {
            let mut user = alpha.user("ann@alpha.test").await;
            let sent = format!("{head}{body}");
            let stuffed = sent.replace("\r\n.", "\r\n..");
            let reply = user.mail("ann@alpha.test", &["bob@beta.test"], &stuffed).await;
            assert!(reply.starts_with("250"), "{n}: {reply}");
            alpha.world.clock.sleep(std::time::Duration::from_secs(5)).await;
            let inbox = beta.inbox("bob@beta.test").await;
            assert_eq!(inbox.len(), n + 1);
            assert!(inbox[n].ends_with(&sent), "{n}: {}", inbox[n].len());
        }
    });
}

#[test]
fn users_log_in_under_starttls_and_not_before() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let mut client = office.client(587).await;
        let hello = client.say("EHLO laptop.test").await;
        assert!(hello.contains("STARTTLS") && !hello.contains("AUTH"), "{hello}");
        assert!(client.say("STARTTLS").await.starts_with("220"));
        let mut client = client.start_tls("mx.alpha.test").await;
        let hello = client.say("EHLO laptop.test").await;
        assert!(!hello.contains("STARTTLS") && hello.contains("SCRAM-SHA-256-PLUS"), "{hello}");
        let reply = client.say(&crate::office::auth_plain("ann@alpha.test")).await;
        assert!(reply.starts_with("235"), "{reply}");
        let text = message("ann@alpha.test", "abe", "tls");
        let reply = client.mail("ann@alpha.test", &["abe@alpha.test"], &text).await;
        assert!(reply.starts_with("250"), "{reply}");
        assert!(office.inbox("abe@alpha.test").await[0].contains("with ESMTPSA id"));
    });
}

#[test]
fn users_log_in_by_what_the_door_offers() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let some = Mechanisms::NONE.with("SCRAM-SHA-256").with("PLAIN");
        office.listen_offering(2587, Service::Submission, some);
        let mut client = office.client(2587).await;
        client.say("EHLO laptop.test").await;
        client.say("STARTTLS").await;
        let mut client = client.start_tls("mx.alpha.test").await;
        let hello = client.say("EHLO laptop.test").await;
        assert!(hello.lines().any(|line| line.ends_with("AUTH SCRAM-SHA-256 PLAIN")), "{hello}");
        for not in ["LOGIN", "SCRAM-SHA-256-PLUS"] {
            let reply = client.say(&format!("AUTH {not}")).await;
            assert!(reply.starts_with("504"), "{reply}");
        }
        let reply = client.say(&crate::office::auth_plain("ann@alpha.test")).await;
        assert!(reply.starts_with("235"), "{reply}");
    });
}

#[test]
fn bytes_behind_starttls_end_the_connection() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO evil.test").await;
        let reply = client.say("STARTTLS\r\nMAIL FROM:<a@b.test>").await;
        assert!(!reply.starts_with("220"), "{reply}");
        assert_eq!(client.reply().await, "", "closed");
    });
}

#[test]
fn silent_clients_are_sent_away() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO slow.test").await;
        assert!(client.reply().await.starts_with("421 4.4.2"));
        assert_eq!(outside.time.elapsed().as_secs(), 300);
    });
}

//! REQUIRETLS and `TLS-Required: No` (RFC 8689) on the whole way.

use mail::TlsRequired;

use crate::office::{Client, Office, Plan, message};
use crate::outgoing::wait;
use crate::remote::Remote;
use crate::taking::run;
use crate::world::Outside;

const NAME: &str = "mx.alpha.test";

/// An office under TLS that trusts these, with its queue running.
async fn alpha(outside: &Outside, trusts: &'static [&'static str]) -> Office {
    let office = Office::open(outside, &Plan { tls: true, trusts, ..Plan::alpha() }, |_| {}).await;
    office.start_queue();
    office
}

/// Beta with its names in DNS.
async fn beta(outside: &Outside) -> Office {
    outside.zones.add("beta.test MX 10 mx.beta.test");
    outside.zones.add("mx.beta.test A 192.0.2.2");
    // That it is beta's host is for DNSSEC to say (RFC 8689 §4.2.1).
    outside.zones.add("beta.test SIGNED");
    let office = Office::open(outside, &Plan { tls: true, ..Plan::beta() }, |_| {}).await;
    office.start_queue();
    office
}

fn remote(outside: &Outside, offers: &str) -> Remote {
    outside.zones.add("r.test MX 10 mx.r.test");
    outside.zones.add("mx.r.test A 192.0.2.9");
    Remote::bind(outside, "192.0.2.9:25", &[("EHLO", offers), ("STARTTLS", "220 go on")])
}

async fn send(user: &mut Client, parameters: &str, to: &str, header: &str) {
    let reply = user.say(&format!("MAIL FROM:<ann@alpha.test> {parameters}")).await;
    assert!(reply.starts_with("250"), "{reply}");
    assert!(user.say(&format!("RCPT TO:<{to}>")).await.starts_with("250"));
    let text = format!("{header}{}", message("ann@alpha.test", to, "hello"));
    assert!(user.data(&text).await.starts_with("250"));
}

#[test]
fn it_is_passed_on_to_who_promises_it() {
    run(|outside| async move {
        let alpha = alpha(&outside, &["mx.beta.test"]).await;
        let beta = beta(&outside).await;
        let remote = remote(&outside, "250-remote.test\r\n250 PIPELINING");
        beta.add_alias("out@beta.test", &["x@r.test"]).await;
        let mut user = alpha.user_under_tls("ann@alpha.test", NAME).await;
        send(&mut user, "REQUIRETLS", "bob@beta.test", "").await;
        send(&mut user, "REQUIRETLS", "out@beta.test", "").await;
        wait(&alpha, 60).await;
        assert_eq!(beta.inbox("bob@beta.test").await.len(), 1);
        // Beta was told, too: where it forwards to there is no TLS. Its report cannot go back under TLS here, and is
        // rather sent without than lost (§5).
        assert_eq!((remote.taken().len(), beta.queued().await.len()), (0, 0));
        let told = beta.told().await.join("\n");
        assert!(told.contains("5.7.10"), "{told}");
    });
}

#[test]
fn it_is_rather_returned_than_sent_without() {
    for (what, trusts, offers, to, status) in [
        ("nobody knows the certificate", &[][..], None, "bob@beta.test", "5.7.10"),
        ("no TLS", &[], Some("250-remote.test\r\n250 PIPELINING"), "x@r.test", "5.7.10"),
        ("a promise in clear", &[], Some("250-remote.test\r\n250 REQUIRETLS"), "x@r.test", "5.7.10"),
        ("a handshake that fails", &[], Some("250-remote.test\r\n250 STARTTLS"), "x@r.test", "5.7.10"),
    ] {
        let (trusts, offers) = (trusts as &'static [&'static str], offers.map(str::to_owned));
        run(move |outside| async move {
            let alpha = alpha(&outside, trusts).await;
            let beta = beta(&outside).await;
            let remote = remote(&outside, offers.as_deref().unwrap_or("250 remote.test"));
            let mut user = alpha.user_under_tls("ann@alpha.test", NAME).await;
            send(&mut user, "REQUIRETLS RET=FULL", to, "").await;
            wait(&alpha, 60).await;
            assert!(beta.inbox("bob@beta.test").await.is_empty() && remote.taken().is_empty(), "{what}");
            let reports = alpha.inbox("ann@alpha.test").await;
            assert_eq!((reports.len(), alpha.queued().await.len()), (1, 0), "{what}");
            assert!(reports[0].contains(&format!("Status: {status}")), "{what}: {}", reports[0]);
            assert!(!reports[0].contains("Hello."), "{what}: RET=FULL does not count (§5)");
        });
    }
}

#[test]
fn a_host_that_does_not_promise_it_takes_other_mail_only() {
    run(|outside| async move {
        let alpha = alpha(&outside, &["mx.beta.test"]).await;
        // Beta without REQUIRETLS: an acceptor in front of a scripted remote.
        outside.zones.add("beta.test MX 10 mx.beta.test");
        outside.zones.add("mx.beta.test A 192.0.2.2");
        outside.zones.add("beta.test SIGNED");
        let remote = Remote::bind_tls(&outside, "192.0.2.2:25", "mx.beta.test");
        let mut user = alpha.user_under_tls("ann@alpha.test", NAME).await;
        send(&mut user, "REQUIRETLS", "bob@beta.test", "").await;
        send(&mut user, "", "bea@beta.test", "").await;
        wait(&alpha, 60).await;
        let taken: Vec<_> = remote.taken().into_iter().flat_map(|taken| taken.to).collect();
        assert_eq!(taken, ["bea@beta.test"]);
        let reports = alpha.inbox("ann@alpha.test").await;
        assert_eq!(reports.len(), 1);
        assert!(reports[0].contains("Status: 5.7.30"), "{}", reports[0]);
    });
}

#[test]
fn the_header_field_is_kept_where_mail_says_nothing() {
    run(|outside| async move {
        let alpha = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let mut user = alpha.user_under_tls("ann@alpha.test", NAME).await;
        send(&mut user, "", "a@r.test", "").await;
        send(&mut user, "", "b@r.test", "TLS-Required: No\r\n").await;
        send(&mut user, "REQUIRETLS", "c@r.test", "TLS-Required: No\r\n").await;
        let tags: Vec<_> = alpha.queued().await.iter().map(|item| item.tls_required).collect();
        assert_eq!(tags, [TlsRequired::Unsaid, TlsRequired::No, TlsRequired::Yes]);
    });
}

#[test]
fn it_is_neither_offered_nor_taken_in_clear() {
    run(|outside| async move {
        let alpha = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let mut client = alpha.client(25).await;
        assert!(!client.say("EHLO c.test").await.contains("REQUIRETLS"));
        let reply = client.say("MAIL FROM:<a@x.test> REQUIRETLS").await;
        assert!(reply.starts_with("555 5.5.4"), "{reply}");
    });
}

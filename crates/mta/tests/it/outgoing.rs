//! Mail goes out: routes, remote replies, retries, and what the queue is left with.

use std::time::Duration;

use store::Batch;

use crate::office::{Office, Plan, message};
use crate::remote::Remote;
use crate::taking::run;
use crate::world::Outside;

const REMOTE: &str = "192.0.2.9:25";

/// An office with a user, a running queue, and `r.test` handled by a scripted remote.
pub(crate) async fn office_and_remote(outside: &Outside, script: &[(&str, &str)]) -> (Office, Remote) {
    outside.zones.add("r.test MX 10 mx.r.test");
    outside.zones.add("mx.r.test A 192.0.2.9");
    let remote = Remote::bind(outside, REMOTE, script);
    let office = Office::open(outside, &Plan::alpha(), |_| {}).await;
    office.start_queue();
    (office, remote)
}

/// Ann sends one message to these; the office takes it.
pub(crate) async fn send(office: &Office, to: &[&str]) {
    let mut user = office.user("ann@alpha.test").await;
    let reply = user.mail("ann@alpha.test", to, &message("ann@alpha.test", to[0], "hello")).await;
    assert!(reply.starts_with("250"), "{reply}");
    user.say("QUIT").await;
}

pub(crate) async fn wait(office: &Office, seconds: u64) {
    office.world.clock.sleep(Duration::from_secs(seconds)).await;
}

/// What is left: taken by the remote / waiting / reports to the sender.
pub(crate) async fn state(office: &Office, remote: &Remote) -> String {
    let waiting: usize = office.queued().await.iter().map(|item| item.pending().count()).sum();
    let taken: usize = remote.taken().iter().map(|taken| taken.to.len()).sum();
    format!("taken {taken} waiting {waiting} reports {}", office.inbox("ann@alpha.test").await.len())
}

#[test]
fn two_offices_talk_under_tls() {
    run(|outside| async move {
        outside.zones.add("beta.test MX 10 mx.beta.test");
        outside.zones.add("mx.beta.test A 192.0.2.2");
        let alpha = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        let beta = Office::open(&outside, &Plan { tls: true, ..Plan::beta() }, |_| {}).await;
        alpha.start_queue();
        send(&alpha, &["bob@beta.test"]).await;
        wait(&alpha, 1).await;
        let inbox = beta.inbox("bob@beta.test").await;
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].starts_with("Return-Path: <ann@alpha.test>\r\nDelivered-To: bob@beta.test\r\n"));
        assert!(inbox[0].contains("with ESMTPS id") && inbox[0].contains("with ESMTPA id"), "{}", inbox[0]);
        assert!(alpha.queued().await.is_empty());
        assert!(alpha.told().await.join("\n").contains("TLSv1.3"));
    });
}

#[test]
fn remote_replies_decide_what_becomes_of_each_recipient() {
    let two: &[&str] = &["a@r.test", "b@r.test"];
    for (what, script, to, expected) in [
        ("all fine", &[][..], two, "taken 2 waiting 0 reports 0"),
        ("4xx greeting", &[("connect", "421 4.3.2 later")], two, "taken 0 waiting 2 reports 0"),
        ("5xx greeting", &[("connect", "554 5.7.1 never")], two, "taken 0 waiting 0 reports 1"),
        ("no greeting", &[("connect", "drop")], two, "taken 0 waiting 2 reports 0"),
        ("junk greeting", &[("connect", "hello there")], two, "taken 0 waiting 2 reports 0"),
        ("EHLO unknown", &[("EHLO", "502 5.5.1 what")], two, "taken 2 waiting 0 reports 0"),
        ("EHLO and HELO 4xx", &[("EHLO", "451 no"), ("HELO", "451 no")], two, "taken 0 waiting 2 reports 0"),
        ("MAIL 4xx", &[("MAIL", "451 4.3.0 no")], two, "taken 0 waiting 2 reports 0"),
        ("MAIL 5xx", &[("MAIL", "550 5.7.1 no")], two, "taken 0 waiting 0 reports 1"),
        ("RCPT mixed 5xx", &[("RCPT TO:<a@", "550 5.1.1 no")], two, "taken 1 waiting 0 reports 1"),
        ("RCPT mixed 4xx", &[("RCPT TO:<a@", "450 4.2.1 no")], two, "taken 1 waiting 1 reports 0"),
        ("RCPT all 5xx", &[("RCPT", "550 5.1.1 no")], two, "taken 0 waiting 0 reports 1"),
        (
            "RCPT 4xx and 5xx",
            &[("RCPT TO:<a@", "450 no"), ("RCPT TO:<b@", "550 no")],
            two,
            "taken 0 waiting 1 reports 1",
        ),
        ("DATA 4xx", &[("DATA", "451 4.3.0 no")], two, "taken 0 waiting 2 reports 0"),
        ("DATA 5xx", &[("DATA", "554 5.6.0 no")], two, "taken 0 waiting 0 reports 1"),
        ("dot 4xx", &[(".", "451 4.3.0 no")], two, "taken 0 waiting 2 reports 0"),
        ("dot 5xx", &[(".", "554 5.6.0 no")], two, "taken 0 waiting 0 reports 1"),
        ("drop at MAIL", &[("MAIL", "drop")], two, "taken 0 waiting 2 reports 0"),
        ("drop at DATA", &[("DATA", "drop")], two, "taken 0 waiting 2 reports 0"),
        ("drop after dot", &[(".", "take and drop")], two, "taken 2 waiting 2 reports 0"),
        ("421 at RCPT", &[("RCPT", "421 4.3.2 bye")], two, "taken 0 waiting 2 reports 0"),
    ] {
        let script: Vec<(String, String)> = script.iter().map(|(a, b)| ((*a).into(), (*b).into())).collect();
        run(move |outside| async move {
            let script: Vec<(&str, &str)> = script.iter().map(|(a, b)| (&**a, &**b)).collect();
            let (office, remote) = office_and_remote(&outside, &script).await;
            send(&office, to).await;
            wait(&office, 60).await;
            assert_eq!(state(&office, &remote).await, expected, "{what}");
        });
    }
}

#[test]
fn what_was_deferred_is_delivered_when_the_remote_recovers() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("RCPT", "450 4.2.1 greylisted")]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 60).await;
        remote.follow(&[]);
        wait(&office, 6 * 60).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
    });
}

#[test]
fn a_second_copy_is_possible_after_a_lost_reply_and_said_so() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[(".", "take and drop")]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 60).await;
        remote.follow(&[]);
        wait(&office, 6 * 60).await;
        assert_eq!(remote.taken().len(), 2);
        assert!(office.told().await.join("\n").contains("a copy is possible"));
    });
}

/// Seed 1007817: what was said before the end of the message was sent does not answer it (RFC 5321 §4.1.1.4), and neither
/// does what began before it.
#[test]
fn a_reply_before_the_end_of_the_message_accepts_nothing() {
    for (early, late) in [
        ("250 2.0.0 taken\r\n", "drop"),
        ("250-2.0.0 taken\r\n", "50 2.0.0 taken"),
        ("250-2.0.0", " taken\r\n250 2.0.0 taken"),
        ("2", "50 2.0.0 taken"),
    ] {
        run(move |outside| async move {
            let script = [("body", early), (".", late)];
            let (office, remote) = office_and_remote(&outside, &script).await;
            let mut user = office.user("ann@alpha.test").await;
            let long = message("ann@alpha.test", "a", "long") + &"0123456789\r\n".repeat(30_000);
            user.mail("ann@alpha.test", &["a@r.test"], &long).await;
            wait(&office, 60).await;
            assert_eq!(state(&office, &remote).await, "taken 0 waiting 1 reports 0", "{early:?}");
            remote.follow(&[]);
            wait(&office, 6 * 60).await;
            assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0", "{early:?}");
        });
    }
}

#[test]
fn the_next_host_is_tried_when_the_first_does_not_serve() {
    for first in [("connect", "421 busy"), ("connect", "554 no"), ("connect", "drop"), ("MAIL", "drop")] {
        run(move |outside| async move {
            outside.zones.add("r.test MX 5 mx1.r.test");
            outside.zones.add("mx1.r.test A 192.0.2.8");
            let bad = Remote::bind(&outside, "192.0.2.8:25", &[first]);
            let (office, remote) = office_and_remote(&outside, &[]).await;
            send(&office, &["a@r.test"]).await;
            wait(&office, 60).await;
            assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0", "{first:?}");
            assert_eq!(bad.connections(), 1);
        });
    }
}

#[test]
fn a_silent_host_costs_its_timeout_and_not_the_mail() {
    run(|outside| async move {
        outside.zones.add("r.test MX 5 mx1.r.test");
        outside.zones.add("mx1.r.test A 192.0.2.8");
        outside.wires.make_silent("192.0.2.8:25".parse().expect("an address"));
        let (office, remote) = office_and_remote(&outside, &[]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 29).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 1 reports 0");
        wait(&office, 2).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
    });
}

#[test]
fn a_broken_address_family_costs_two_seconds() {
    run(|outside| async move {
        outside.zones.add("r.test MX 5 mx.r.test");
        outside.zones.add("mx.r.test AAAA 2001:db8::9");
        outside.wires.make_silent("[2001:db8::9]:25".parse().expect("an address"));
        let (office, remote) = office_and_remote(&outside, &[]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 3).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
        let tried: Vec<_> = outside.wires.tried().into_iter().filter(|a| a.port() == 25).collect();
        assert_eq!(tried[0].to_string(), "[2001:db8::9]:25", "{tried:?}");
    });
}

#[test]
fn messages_for_one_destination_share_a_connection() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, REMOTE, &[]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        for _ in 0..50 {
            send(&office, &["a@r.test"]).await;
        }
        office.start_queue();
        wait(&office, 60).await;
        assert_eq!(state(&office, &remote).await, "taken 50 waiting 0 reports 0");
        let used = remote.connections();
        assert!(used <= 5, "{used} connections for 50 messages");
    });
}

/// F22: nobody knows yet that they are dead.
#[test]
fn many_dead_destinations_met_at_once_do_not_delay_those_that_answered() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, REMOTE, &[]);
        let office = Office::open(&outside, &Plan::alpha(), |s| s.outbound.concurrency = 8).await;
        office.start_queue();
        outside.wires.make_silent("192.0.2.66:25".parse().expect("an address"));
        send(&office, &["before@r.test"]).await;
        wait(&office, 1).await;
        for n in 0..40 {
            outside.zones.add(&format!("dead{n}.test A 192.0.2.66"));
            send(&office, &[&format!("x@dead{n}.test")]).await;
        }
        send(&office, &["after@r.test"]).await;
        wait(&office, 2).await;
        assert_eq!(state(&office, &remote).await, "taken 2 waiting 40 reports 0");
    });
}

#[test]
fn a_dead_destination_does_not_delay_others() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        outside.zones.add("dead.test A 192.0.2.66");
        outside.wires.make_silent("192.0.2.66:25".parse().expect("an address"));
        for _ in 0..50 {
            send(&office, &["x@dead.test"]).await;
        }
        send(&office, &["a@r.test"]).await;
        wait(&office, 1).await;
        assert_eq!(remote.taken().len(), 1);
        wait(&office, 120).await;
        let tried = outside.wires.tried().iter().filter(|a| a.ip().to_string() == "192.0.2.66").count();
        assert!(tried <= 5, "{tried} attempts at a dead host");
        assert_eq!(office.queued().await.len(), 50);
    });
}

#[test]
fn opportunistic_tls_falls_back_to_clear_once() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let offer = [("EHLO", "250-remote.test\r\n250 STARTTLS"), ("STARTTLS", "220 go")];
        let remote = Remote::bind(&outside, REMOTE, &offer);
        let office = Office::open(&outside, &Plan { tls: true, ..Plan::alpha() }, |_| {}).await;
        office.start_queue();
        send(&office, &["a@r.test"]).await;
        wait(&office, 60).await;
        assert_eq!((remote.taken().len(), remote.connections()), (1, 2));
    });
}

#[test]
fn a_smarthost_gets_everything_but_never_a_password_in_clear() {
    run(|outside| async move {
        outside.zones.add("smart.test A 10.0.0.1");
        let remote = Remote::bind(&outside, "10.0.0.1:587", &[]);
        let smarthost = mta::Smarthost {
            host: "smart.test".parse().expect("a host"),
            port: 587,
            credentials: None,
            tls: mta::SmarthostTls::Opportunistic,
            lmtp: false,
        };
        let office = Office::open(&outside, &Plan::alpha(), |settings| {
            settings.outbound.smarthost = Some(smarthost.clone());
        })
        .await;
        office.start_queue();
        send(&office, &["a@one.test", "b@two.test"]).await;
        wait(&office, 10).await;
        let taken = remote.taken();
        assert_eq!(taken.len(), 1, "one transaction for both");
        assert_eq!(taken[0].to, ["a@one.test", "b@two.test"]);
        let mut settings = mta::Settings::new("mx.alpha.test".parse().expect("a host"));
        let credentials = Some(("user".to_owned(), "password".to_owned()));
        settings.outbound.smarthost = Some(mta::Smarthost { credentials, ..smarthost });
        office.mta.reload(settings);
        send(&office, &["c@one.test"]).await;
        wait(&office, 60).await;
        assert_eq!(remote.taken().len(), 1);
        let commands = remote.ledger.lock().expect("no panics").commands.join("\n");
        assert!(!commands.contains("AUTH"), "{commands}");
        assert_eq!(office.queued().await.len(), 1);
    });
}

#[test]
fn what_dns_says_decides_before_any_connection() {
    for (zones, waiting, reports, status) in [
        (&["x.test A 192.0.2.9"][..], 0, 1, "5.1.2"),
        (&["r.test MX 0 ."], 0, 1, "5.1.10"),
        (&["r.test SERVFAIL x"], 1, 0, ""),
        (&["r.test MX 10 mx.alpha.test"], 0, 1, "5.4.6"),
        (&["r.test A 192.0.2.1"], 0, 1, "5.4.6"),
        (&["r.test A 127.0.0.1"], 0, 1, "5.4.4"),
        (&["r.test MX 1 gone.r.test"], 0, 1, "5.4.4"),
    ] {
        let zones = zones.to_vec();
        run(move |outside| async move {
            for record in &zones {
                outside.zones.add(record);
            }
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            office.start_queue();
            send(&office, &["a@r.test"]).await;
            wait(&office, 30).await;
            let inbox = office.inbox("ann@alpha.test").await;
            assert_eq!((office.queued().await.len(), inbox.len()), (waiting, reports), "{zones:?}");
            assert!(
                inbox.iter().all(|mail| mail.contains(&format!("Status: {status}\r\n"))),
                "{zones:?} {inbox:?}"
            );
        });
    }
}

#[test]
fn held_items_wait_for_their_release() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("RCPT", "450 4.2.1 later")]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 10).await;
        let mut batch = Batch::new();
        office.queue.hold(&mut batch, &office.queued().await[0]);
        office.store.commit(batch).await.expect("held");
        remote.follow(&[]);
        wait(&office, 3600).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 1 reports 0");
        let mut batch = Batch::new();
        office.queue.release(&mut batch, &office.queued().await[0], office.world.clock.wall());
        office.store.commit(batch).await.expect("released");
        wait(&office, 10).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
    });
}

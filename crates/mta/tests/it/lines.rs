//! How hosts, addresses and connections of a destination are used, and what changes meanwhile.

use std::time::Duration;

use store::Batch;

use crate::office::{Office, Plan, message};
use crate::outgoing::{office_and_remote, send, state, wait};
use crate::remote::Remote;
use crate::taking::run;

/// RFC 5321 §5.1: each address of a host is tried, not only one that happens to take a connection.
#[test]
fn every_address_of_a_host_is_tried() {
    for refusal in [("connect", "554 no"), ("connect", "421 busy"), ("EHLO", "drop"), ("MAIL", "drop")] {
        run(move |outside| async move {
            for last in 10..17 {
                outside.zones.add(&format!("mx.r.test A 192.0.2.{last}"));
                Remote::bind(&outside, &format!("192.0.2.{last}:25"), &[refusal]);
            }
            let (office, remote) = office_and_remote(&outside, &[]).await;
            send(&office, &["a@r.test"]).await;
            wait(&office, 60).await;
            assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0", "{refusal:?}");
        });
    }
}

/// RFC 5321 §4.5.3.1.10: who has room for some recipients gets the others in the next transaction, not hours later.
#[test]
fn recipients_without_room_in_one_transaction_go_in_the_next() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        remote.ledger.lock().expect("no panics").room = Some(10);
        let to: Vec<String> = (0..25).map(|n| format!("r{n}@r.test")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        send(&office, &to).await;
        wait(&office, 60).await;
        assert_eq!(state(&office, &remote).await, "taken 25 waiting 0 reports 0");
        assert_eq!((remote.taken().len(), remote.connections()), (3, 1));
        remote.ledger.lock().expect("no panics").room = Some(0);
        send(&office, &to).await;
        wait(&office, 60).await;
        assert_eq!(state(&office, &remote).await, "taken 25 waiting 25 reports 0", "no room at all: later");
    });
}

/// A host that bears few connections at once is not a dead one: mail goes on over those that it bears.
#[test]
fn a_host_that_limits_connections_gets_its_mail_over_few() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, "192.0.2.9:25", &[(".", "slow 250 ok")]);
        remote.ledger.lock().expect("no panics").at_once = Some(2);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        for _ in 0..50 {
            send(&office, &["a@r.test"]).await;
        }
        office.start_queue();
        wait(&office, 290).await;
        let late = office.queued().await.iter().filter(|item| item.attempts > 0).count();
        assert!(late <= 5, "{late} of 50 messages wait for their next attempt");
        assert!(remote.taken().len() >= 40, "{} taken", remote.taken().len());
    });
}

#[test]
fn a_line_that_never_rests_uses_new_settings() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let old = Remote::bind(&outside, "192.0.2.9:25", &[(".", "slow 250 ok")]);
        let new = Remote::bind(&outside, "192.0.2.9:2525", &[(".", "slow 250 ok")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        for _ in 0..30 {
            send(&office, &["a@r.test"]).await;
        }
        office.start_queue();
        wait(&office, 5).await;
        let mut settings = mta::Settings::new("mx.alpha.test".parse().expect("a host"));
        settings.outbound.port = 2525;
        office.mta.reload(settings);
        wait(&office, 300).await;
        assert_eq!((old.taken().len(), new.taken().len()), (1, 29));
    });
}

/// P2, F5: between a remote's word and our record of it stands nothing that the remote can draw out.
#[test]
fn results_are_recorded_before_the_connection_is_tidied_up() {
    run(|outside| async move {
        let script = [("RCPT", "550 5.1.1 no"), ("RSET", "slow 250 ok")];
        let (office, remote) = office_and_remote(&outside, &script).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 1).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 0 reports 1");
    });
}

/// F18: mail that was to be tried again at a time that is now far away is not frozen until then.
#[test]
fn a_clock_that_goes_back_delays_no_mail() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("RCPT", "450 4.2.1 greylisted")]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 10).await;
        outside.time.put_back(Duration::from_hours(24 * 3650));
        remote.follow(&[]);
        wait(&office, 600).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
    });
}

/// P3: what a remote said is told, also if an operator took the item away meanwhile.
#[test]
fn an_item_cancelled_during_its_attempt_still_tells_what_came_of_it() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[(".", "slow 250 2.0.0 mine now")]).await;
        send(&office, &["a@r.test"]).await;
        wait(&office, 5).await;
        let mut batch = Batch::new();
        office.queue.cancel(&mut batch, &office.queued().await[0]);
        office.store.commit(batch).await.expect("cancelled");
        wait(&office, 60).await;
        assert_eq!(remote.taken().len(), 1);
        let told = office.told().await.join("\n");
        assert!(told.contains("mine now"), "{told}");
    });
}

/// RFC 6531 §3.3: SMTPUTF8 is for mail that needs it. Some clients always ask for it.
#[test]
fn plain_mail_goes_to_hosts_without_smtputf8_whatever_the_client_asked() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("EHLO", "250 remote.test")]).await;
        let mut user = office.user("ann@alpha.test").await;
        user.say("MAIL FROM:<ann@alpha.test> SMTPUTF8 BODY=8BITMIME").await;
        user.say("RCPT TO:<a@r.test>").await;
        let reply = user.data(&message("ann@alpha.test", "a@r.test", "hello")).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&office, 10).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 0");
    });
}

/// F12, F22: a domain whose name servers do not answer costs one question and not one for each message.
#[test]
fn dns_that_does_not_answer_is_asked_once_for_all() {
    run(|outside| async move {
        outside.zones.add("r.test SERVFAIL x");
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        for _ in 0..50 {
            send(&office, &["a@r.test"]).await;
        }
        office.start_queue();
        wait(&office, 60).await;
        assert!(office.queued().await.iter().all(|item| item.attempts == 1));
        assert!(outside.zones.asked() <= 3, "{} questions", outside.zones.asked());
    });
}

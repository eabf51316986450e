//! What users may send: limits, suspension, addresses that do not exist.

use std::time::Duration;

use mail::limits;
use mta::{Sending, Settings};
use queue::Suppressed;
use store::Batch;

use crate::office::{Client, Office, Plan, message};
use crate::outgoing::{office_and_remote, send, wait};
use crate::remote::Remote;
use crate::taking::run;

const ANN: &str = "ann@alpha.test";
const HOUR: u64 = 3600;

fn limited(per_hour: u64, per_day: u64) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.sending = Sending { per_hour: Some(per_hour), per_day: Some(per_day), suspend: true };
    }
}

async fn rcpt(user: &mut Client, to: &str) -> String {
    user.say(&format!("RCPT TO:<{to}>")).await
}

async fn mail(user: &mut Client) -> String {
    user.say(&format!("MAIL FROM:<{ANN}>")).await
}

async fn submit(user: &mut Client, to: &[&str]) -> String {
    user.mail(ANN, to, &message(ANN, to[0], "hello")).await
}

#[test]
fn an_account_has_so_many_recipients_in_a_time() {
    run(|outside| async move {
        let mut office = Office::open(&outside, &Plan::alpha(), limited(5, 8)).await;
        let mut user = office.user(ANN).await;
        assert!(submit(&mut user, &["a@r.test", "b@r.test", "abe@alpha.test"]).await.starts_with("250"));
        // What is under way counts, in whichever session.
        let mut other = office.user(ANN).await;
        mail(&mut other).await;
        assert!(rcpt(&mut other, "c@r.test").await.starts_with("250"));
        mail(&mut user).await;
        assert!(rcpt(&mut user, "d@r.test").await.starts_with("250"));
        let reply = rcpt(&mut user, "e@r.test").await;
        assert!(reply.starts_with("450 4.7.1") && reply.contains("5 recipients within an hour"), "{reply}");
        // And no longer once it is given up.
        other.say("RSET").await;
        assert!(rcpt(&mut user, "e@r.test").await.starts_with("250"));
        assert!(user.data(&message(ANN, "d@r.test", "x")).await.starts_with("250"));
        // A crash forgets nothing.
        office.restart().await;
        office.mta.reload({
            let mut settings = Settings::new("mx.alpha.test".parse().expect("a host"));
            limited(5, 8)(&mut settings);
            settings
        });
        let mut user = office.user(ANN).await;
        mail(&mut user).await;
        assert!(rcpt(&mut user, "f@r.test").await.starts_with("450 4.7.1"));
        let mut abe = office.user("abe@alpha.test").await;
        abe.say("MAIL FROM:<abe@alpha.test>").await;
        assert!(rcpt(&mut abe, "f@r.test").await.starts_with("250"), "others are not concerned");
        wait(&office, 2 * HOUR).await;
        let mut user = office.user(ANN).await;
        assert!(submit(&mut user, &["g@r.test", "h@r.test", "i@r.test"]).await.starts_with("250"));
        mail(&mut user).await;
        let reply = rcpt(&mut user, "j@r.test").await;
        assert!(reply.starts_with("450 4.7.1") && reply.contains("8 recipients within 24 hours"), "{reply}");
        wait(&office, 25 * HOUR).await;
        let mut user = office.user(ANN).await;
        assert!(submit(&mut user, &["j@r.test"]).await.starts_with("250"));
    });
}

async fn suspended(office: &Office) -> Option<String> {
    let account = office.directory.account_by_login(ANN).await.expect("an answer").expect("an account");
    office.queue.suspension(account.id).await.expect("an answer").map(|suspension| suspension.reason)
}

#[test]
fn an_account_that_goes_on_and_on_is_suspended_and_people_are_told() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), limited(1, 10)).await;
        let mut user = office.user(ANN).await;
        assert!(submit(&mut user, &["a@r.test"]).await.starts_with("250"));
        for n in 1..=limits::SENDING_OVER {
            assert!(suspended(&office).await.is_none(), "after {n}");
            assert!(mail(&mut user).await.starts_with("250"));
            for _ in 0..3 {
                assert!(rcpt(&mut user, "b@r.test").await.starts_with("450 4.7.1"));
            }
            user.say("RSET").await;
        }
        assert!(suspended(&office).await.expect("a reason").contains("after its limit was reached"));
        let reply = mail(&mut user).await;
        assert!(
            reply.starts_with("550 5.7.1") && reply.contains("may not send mail since 2027-01-15"),
            "{reply}"
        );
        // Its owner is the domain's postmaster here: one copy.
        let inbox = office.inbox(ANN).await;
        assert_eq!(inbox.len(), 1);
        for part in [
            "Return-Path: <>\r\n",
            "Subject: This account may not send mail now\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "posthouse account resume ann@alpha.test\r\n",
        ] {
            assert!(inbox[0].contains(part), "{part} in {}", inbox[0]);
        }
        assert!(office.told().await.join("\n").contains("ann@alpha.test may not send mail: it went on"));
        // Mail comes in as before, and the postmaster lifts it.
        let mut stranger = office.client(25).await;
        stranger.say("EHLO there.test").await;
        assert!(stranger.mail("x@r.test", &[ANN], &message("x@r.test", ANN, "hi")).await.starts_with("250"));
        let account = office.directory.account_by_login(ANN).await.expect("an answer").expect("an account");
        let mut batch = Batch::new();
        office.queue.resume(&mut batch, account.id);
        office.store.commit(batch).await.expect("a commit");
        wait(&office, 2 * HOUR).await;
        let mut user = office.user(ANN).await;
        assert!(submit(&mut user, &["a@r.test"]).await.starts_with("250"));
    });
}

#[test]
fn an_account_that_guesses_addresses_is_suspended() {
    run(|outside| async move {
        let (office, _) = office_and_remote(&outside, &[("RCPT", "550 5.1.1 no such user")]).await;
        let half = limits::SENDING_UNKNOWN / 2;
        // Half of them elsewhere, half of them here.
        for n in 0..half {
            send(&office, &[&format!("x{n}@r.test")]).await;
        }
        wait(&office, 60).await;
        assert!(suspended(&office).await.is_none());
        let mut user = office.user(ANN).await;
        mail(&mut user).await;
        for n in 0..half {
            assert!(rcpt(&mut user, &format!("y{n}@alpha.test")).await.starts_with("550 5.1.1"));
        }
        assert!(suspended(&office).await.expect("a reason").contains("do not exist"));
    });
}

/// Somebody who writes in Ann's name from outside cannot have her suspended.
#[test]
fn bounces_of_others_do_not_count_against_an_account() {
    run(|outside| async move {
        let (office, _) = office_and_remote(&outside, &[("RCPT", "550 5.1.1 no such user")]).await;
        office.add_alias("away@alpha.test", &["x@r.test"]).await;
        for n in 0..=limits::SENDING_UNKNOWN {
            let mut stranger = office.client(25).await;
            stranger.say("EHLO there.test").await;
            let text = message(ANN, "away@alpha.test", &format!("s{n}"));
            assert!(stranger.mail(ANN, &["away@alpha.test"], &text).await.starts_with("250"));
            stranger.say("QUIT").await;
        }
        wait(&office, 60).await;
        assert!(suspended(&office).await.is_none());
    });
}

async fn known(office: &Office, address: &str) -> Option<Suppressed> {
    let address = address.parse().expect("an address");
    office.queue.suppressed(&address, office.world.clock.wall()).await.expect("an answer")
}

#[test]
fn who_does_not_exist_for_days_is_no_longer_written_to() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("RCPT", "550 5.1.1 no such user")]).await;
        for day in 1..=3 {
            let mut user = office.user(ANN).await;
            // Twice a day is one day.
            for to in ["Gone@r.test", "gone@r.test"] {
                let reply = submit(&mut user, &[to]).await;
                assert!(reply.starts_with("250"), "day {day}: {reply}");
            }
            wait(&office, 24 * HOUR).await;
            let found = known(&office, "gone@r.test").await.expect("noted");
            assert_eq!((found.days, found.bounces), (day, 2 * day));
        }
        let before = remote.connections();
        let mut user = office.user(ANN).await;
        mail(&mut user).await;
        let reply = rcpt(&mut user, "GONE@r.test").await;
        for part in ["550 5.1.1", "its server said so on 3 days, on 2027-01-17", "no such user"] {
            assert!(reply.contains(part), "{part} in {reply}");
        }
        assert_eq!(remote.connections(), before);
        // Mail that is only passed on is not held up, and one that is taken ends it.
        office.add_alias("away@alpha.test", &["gone@r.test"]).await;
        remote.follow(&[]);
        let mut stranger = office.client(25).await;
        stranger.say("EHLO there.test").await;
        let text = message("x@y.test", "away@alpha.test", "forwarded");
        assert!(stranger.mail("x@y.test", &["away@alpha.test"], &text).await.starts_with("250"));
        wait(&office, 60).await;
        assert_eq!(known(&office, "gone@r.test").await, None);
        assert!(rcpt(&mut user, "gone@r.test").await.starts_with("250"));
    });
}

#[test]
fn old_news_of_an_address_is_forgotten_and_policy_is_no_news() {
    run(|outside| async move {
        let script = [
            ("RCPT TO:<gone@", "550 5.1.1 no such user"),
            ("RCPT TO:<full@", "552 5.2.2 full"),
            ("RCPT TO:<policy@", "550 5.1.1 blocked by policy"),
        ];
        let (office, _) = office_and_remote(&outside, &script).await;
        send(&office, &["gone@r.test", "full@r.test", "policy@r.test"]).await;
        send(&office, &["x@nowhere.test"]).await;
        wait(&office, 60).await;
        assert!(known(&office, "gone@r.test").await.is_some());
        for fine in ["full@r.test", "policy@r.test", "x@nowhere.test"] {
            assert_eq!(known(&office, fine).await, None, "{fine}");
        }
        wait(&office, 31 * 24 * HOUR).await;
        assert_eq!(known(&office, "gone@r.test").await, None);
        let mut batch = Batch::new();
        let now = office.world.clock.wall();
        assert_eq!(office.queue.prune_suppressed(&mut batch, None, 10, now).await, Ok(None));
        office.store.commit(batch).await.expect("a commit");
        let page =
            office.queue.list_suppressed(None, None, 10, mail::Wall::from_secs(0)).await.expect("a page");
        assert!(page.rows.is_empty(), "{page:?}");
    });
}

#[test]
fn an_operators_word_holds_until_it_is_taken_back() {
    run(|outside| async move {
        let (office, _) = office_and_remote(&outside, &[("RCPT", "550 5.1.1 no such user")]).await;
        let address = "x@r.test".parse().expect("an address");
        let mut batch = Batch::new();
        office.queue.suppress(&mut batch, &address, office.world.clock.wall());
        office.store.commit(batch).await.expect("a commit");
        wait(&office, 31 * 24 * HOUR).await;
        let mut user = office.user(ANN).await;
        mail(&mut user).await;
        let reply = rcpt(&mut user, "x@r.test").await;
        assert!(reply.starts_with("550 5.1.1") && reply.contains("your postmaster put it"), "{reply}");
        // Not for a server that does not want it.
        let mut settings = Settings::new("mx.alpha.test".parse().expect("a host"));
        settings.outbound.suppression = false;
        office.mta.reload(settings);
        let mut user = office.user(ANN).await;
        mail(&mut user).await;
        assert!(rcpt(&mut user, "x@r.test").await.starts_with("250"));
        let mut batch = Batch::new();
        office.queue.free_suppressed(&mut batch, &address);
        office.store.commit(batch).await.expect("a commit");
        assert_eq!(known(&office, "x@r.test").await, None);
    });
}

/// What is known of a reply goes to the sender.
#[test]
fn a_report_says_what_the_sender_can_do() {
    run(|outside| async move {
        outside.zones.add("r.test MX 1 mx.google.com");
        outside.zones.add("mx.google.com A 192.0.2.9");
        Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", "550 5.7.25 no PTR record")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        send(&office, &["a@r.test"]).await;
        office.world.clock.sleep(Duration::from_secs(10)).await;
        let inbox = office.inbox(ANN).await;
        let text = "What you can do: The server that sends your mail is not set up";
        assert!(inbox[0].contains(text), "{}", inbox[0]);
    });
}

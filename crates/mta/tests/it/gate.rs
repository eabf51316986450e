//! The gate: lists, rates, greylisting, and those who do not wait for the greeting.

use std::sync::Arc;
use std::time::Duration;

use filter::dnsbl::Kind;
use filter::greylist::Rule;
use filter::rate::Rate;
use mta::Settings;
use mta::gate::{Action, List, Rules};

use crate::office::{Client, Office, Plan, message};
use crate::taking::run;

const ANN: &str = "ann@alpha.test";

fn list(zone: &str, kind: Kind, action: Action) -> List {
    List { zone: zone.parse().expect("a zone"), kind, answers: Vec::new(), action }
}

fn lists() -> Vec<List> {
    vec![
        list("allow.test", Kind::Address, Action::Allow),
        list("block.test", Kind::Address, Action::Refuse),
        list("soft.test", Kind::Address, Action::TempFail),
        list("note.test", Kind::Address, Action::Note),
        list("senders.test", Kind::Domain, Action::Refuse),
    ]
}

fn guarded(rules: Rules) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.relay_networks = vec!["203.0.113.0/24".parse().expect("a network")];
        settings.gate = Arc::new(rules);
    }
}

async fn hello(office: &Office, ip: &str) -> Client {
    let mut client = office.client_from(ip, 25).await;
    client.say("EHLO there.test").await;
    client
}

/// The reply to RCPT, or to MAIL if that is refused.
async fn recipient(client: &mut Client, from: &str, to: &str) -> String {
    client.say("RSET").await;
    let reply = client.say(&format!("MAIL FROM:<{from}>")).await;
    if reply.starts_with("250") { client.say(&format!("RCPT TO:<{to}>")).await } else { reply }
}

#[test]
fn lists_decide_at_rcpt_and_never_stop_mail_by_failing() {
    run(|outside| async move {
        let zones = &outside.zones;
        for record in [
            "1.2.0.192.block.test A 127.0.0.2",
            "1.2.0.192.block.test TXT spam, see https://block.test",
            "2.2.0.192.soft.test A 127.0.0.3",
            "3.2.0.192.note.test A 127.0.0.4",
            "4.2.0.192.allow.test A 127.0.10.1",
            "4.2.0.192.block.test A 127.0.0.2",
            "5.2.0.192.block.test SERVFAIL ",
            "6.2.0.192.block.test A 127.255.255.254",
            "7.2.0.192.block.test A 198.51.100.1",
            "8.2.0.192.block.test SILENT ",
            "5.0.113.0.203.block.test A 127.0.0.2",
            "5.113.0.203.block.test A 127.0.0.2",
            "bad.test.senders.test A 127.0.1.2",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.block.test A 127.0.0.2",
        ] {
            zones.add(record);
        }
        let rules = Rules { lists: lists(), ..Rules::default() };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        for (ip, from, to, expected) in [
            (
                "192.0.2.1",
                "a@b.test",
                ANN,
                "550 5.7.1 192.0.2.1 is listed by block.test: spam, see https://block.test",
            ),
            // Nobody learns from a listed address who exists.
            ("192.0.2.1", "a@b.test", "nobody@alpha.test", "550 5.7.1"),
            // RFC 5321 §4.5.1.
            ("192.0.2.1", "a@b.test", "postmaster@alpha.test", "250"),
            ("192.0.2.2", "a@b.test", ANN, "450 4.7.1 192.0.2.2 is listed by soft.test"),
            ("192.0.2.3", "a@b.test", ANN, "250"),
            ("192.0.2.4", "a@b.test", ANN, "250"),
            ("192.0.2.5", "a@b.test", ANN, "250"),
            ("192.0.2.6", "a@b.test", ANN, "250"),
            ("192.0.2.7", "a@b.test", ANN, "250"),
            ("192.0.2.9", "a@bad.test", ANN, "550 5.7.1 bad.test is listed by senders.test"),
            ("192.0.2.4", "a@bad.test", ANN, "250"),
            ("192.0.2.9", "", ANN, "250"),
            ("2001:db8::1", "a@b.test", ANN, "550 5.7.1"),
            ("203.0.113.5", "a@b.test", ANN, "250"),
        ] {
            let mut client = hello(&office, ip).await;
            let reply = recipient(&mut client, from, to).await;
            assert!(reply.starts_with(expected), "{ip} {from} {to}: {reply}");
        }
        // Time was lost on nobody: a list that says nothing costs the time that all may take, once.
        let before = office.world.clock.mono();
        let mut client = hello(&office, "192.0.2.8").await;
        for _ in 0..3 {
            assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("250"));
        }
        assert_eq!(office.world.clock.mono().since(before), mail::limits::LISTS_WAIT);
    });
}

#[test]
fn what_lists_note_is_in_the_journey() {
    run(|outside| async move {
        outside.zones.add("3.2.0.192.note.test A 127.0.0.4");
        let rules = Rules { lists: lists(), ..Rules::default() };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        let mut client = hello(&office, "192.0.2.3").await;
        let reply = client.mail("a@b.test", &[ANN], &message("a@b.test", "ann", "noted")).await;
        assert!(reply.starts_with("250"), "{reply}");
        let told = office.told().await.join("\n");
        assert!(told.contains("192.0.2.3 is listed by note.test (127.0.0.4)"), "{told}");
    });
}

#[test]
fn one_address_sends_so_many_messages_a_minute() {
    run(|outside| async move {
        let rules = Rules {
            messages: Rate::per_minute(3),
            exempt: vec!["198.51.100.0/24".parse().expect("a network")],
            ..Rules::default()
        };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        for (ip, expected) in [
            ("192.0.2.1", "250"),
            ("192.0.2.1", "250"),
            ("192.0.2.1", "250"),
            ("192.0.2.1", "450 4.7.1"),
            ("192.0.2.2", "250"),
            ("198.51.100.1", "250"),
            ("198.51.100.1", "250"),
            ("198.51.100.1", "250"),
            ("198.51.100.1", "250"),
        ] {
            let mut client = hello(&office, ip).await;
            let reply = recipient(&mut client, "a@b.test", ANN).await;
            assert!(reply.starts_with(expected), "{ip}: {reply}");
        }
        office.world.clock.sleep(Duration::from_secs(20)).await;
        let mut client = hello(&office, "192.0.2.1").await;
        assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("250"));
        assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("450"));
        office.mta.flush().await;
        assert!(office.told().await.join("\n").contains("too many messages from your address"));
    });
}

/// Attack A11: whoever guesses names becomes slow, then learns nothing more, on any connection.
#[test]
fn guessing_recipients_ends_soon() {
    run(|outside| async move {
        let rules = Rules {
            unknown_recipients: Rate { events: 6, per: Duration::from_mins(10) },
            ..Rules::default()
        };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        for (guess, seconds) in [0, 0, 0, 3, 3, 3].into_iter().enumerate() {
            let mut client = hello(&office, "192.0.2.1").await;
            let before = office.world.clock.mono();
            let reply = recipient(&mut client, "a@b.test", &format!("guess{guess}@alpha.test")).await;
            assert!(reply.starts_with("550 5.1.1"), "{reply}");
            assert_eq!(office.world.clock.mono().since(before).as_secs(), seconds, "guess {guess}");
        }
        for to in [ANN, "nobody@alpha.test"] {
            let mut client = hello(&office, "192.0.2.1").await;
            let reply = recipient(&mut client, "a@b.test", to).await;
            assert!(reply.starts_with("421 4.7.0"), "{to}: {reply}");
            assert_eq!(client.reply().await, "", "it is closed");
        }
        let mut other = hello(&office, "192.0.2.2").await;
        assert!(recipient(&mut other, "a@b.test", ANN).await.starts_with("250"));
        let mut trusted = hello(&office, "203.0.113.1").await;
        for _ in 0..10 {
            assert!(recipient(&mut trusted, "a@b.test", "no@alpha.test").await.starts_with("550 5.1.1"));
        }
        office.world.clock.sleep(Duration::from_secs(100)).await;
        let mut client = hello(&office, "192.0.2.1").await;
        assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("250"));
    });
}

#[test]
fn greylisted_mail_passes_when_it_comes_again_also_after_a_restart() {
    run(|outside| async move {
        let rules = || Rules {
            greylist: Some(Rule { passes: 2, ..Rule::default() }),
            lists: vec![list("allow.test", Kind::Address, Action::Allow)],
            ..Rules::default()
        };
        outside.zones.add("1.100.51.198.allow.test A 127.0.0.2");
        let mut office = Office::open(&outside, &Plan::alpha(), guarded(rules())).await;
        let sleep = |minutes| office.world.clock.sleep(Duration::from_mins(minutes));
        let mut client = hello(&office, "192.0.2.1").await;
        let reply = recipient(&mut client, "a@b.test", ANN).await;
        assert_eq!(reply, "451 4.7.1 you are new here: please try again in 300 s");
        let commits = office.store.statistics().commits;
        for to in [ANN, "abe@alpha.test", "both@alpha.test"] {
            assert!(recipient(&mut client, "a@b.test", to).await.starts_with("451"), "{to}");
        }
        // Those whom nobody puts off: unknown recipients, the postmaster, allow lists, trusted networks.
        assert!(recipient(&mut client, "a@b.test", "nobody@alpha.test").await.starts_with("550 5.1.1"));
        for ip in ["198.51.100.1", "203.0.113.1"] {
            let mut client = hello(&office, ip).await;
            assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("250"), "{ip}");
        }
        assert_eq!(office.store.statistics().commits, commits, "nobody waits for the disk");
        sleep(1).await;
        assert!(office.store.statistics().commits <= commits + 2);
        office.mta.flush().await;
        office.restart_with(guarded(rules())).await;
        office.world.clock.sleep(Duration::from_mins(4)).await;
        // A neighbour of the first client.
        let mut client = hello(&office, "192.0.2.200").await;
        assert!(recipient(&mut client, "A@b.test", ANN).await.starts_with("250"));
        assert!(recipient(&mut client, "a@b.test", "abe@alpha.test").await.starts_with("250"));
        // Two have passed: the client is known now.
        assert!(recipient(&mut client, "new@b.test", ANN).await.starts_with("250"));
        let mut other = hello(&office, "192.0.3.1").await;
        assert!(recipient(&mut other, "a@b.test", ANN).await.starts_with("451"));
    });
}

#[test]
fn what_greylisting_no_longer_needs_goes_away() {
    run(|outside| async move {
        let rules = Rules { greylist: Some(Rule::default()), ..Rules::default() };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        let kept = || async {
            let all = store::Key::build(store::Space::Gate).key().prefix_range();
            office.store.snapshot().range(&all, 100).await.expect("entries").len()
        };
        for from in ["a@b.test", "c@d.test"] {
            let mut client = hello(&office, "192.0.2.1").await;
            assert!(recipient(&mut client, from, ANN).await.starts_with("451"));
        }
        office.world.clock.sleep(Duration::from_mins(6)).await;
        assert_eq!(kept().await, 2);
        let mut client = hello(&office, "192.0.2.1").await;
        assert!(recipient(&mut client, "a@b.test", ANN).await.starts_with("250"));
        office.world.clock.sleep(Duration::from_hours(25)).await;
        let mut client = hello(&office, "192.0.2.1").await;
        assert!(recipient(&mut client, "e@f.test", ANN).await.starts_with("451"));
        office.world.clock.sleep(Duration::from_mins(1)).await;
        assert_eq!(kept().await, 3, "the triplet and the client that passed, and the new triplet");
    });
}

/// RFC 5321 §4.3.1.
#[test]
fn who_speaks_before_the_greeting_is_refused() {
    run(|outside| async move {
        let rules = Rules { greeting_delay: Duration::from_secs(5), ..Rules::default() };
        let office = Office::open(&outside, &Plan::alpha(), guarded(rules)).await;
        let mut worm = office.dial("192.0.2.1", 25);
        worm.send("EHLO worm.test\r\n").await;
        assert_eq!(worm.reply().await, "554 5.5.1 you spoke before the greeting");
        assert_eq!(worm.reply().await, "");
        let before = office.world.clock.mono();
        let mut patient = hello(&office, "192.0.2.1").await;
        assert_eq!(office.world.clock.mono().since(before), Duration::from_secs(5));
        assert!(recipient(&mut patient, "a@b.test", ANN).await.starts_with("250"));
        for (ip, port) in [("203.0.113.1", 25), ("192.0.2.1", 587)] {
            let before = office.world.clock.mono();
            office.client_from(ip, port).await;
            assert_eq!(office.world.clock.mono().since(before), Duration::ZERO, "{ip} {port}");
        }
        office.mta.flush().await;
        assert!(office.told().await.join("\n").contains("you spoke before the greeting"));
    });
}

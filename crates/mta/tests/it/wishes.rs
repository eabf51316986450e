//! What senders want of time and priority: FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852), MT-PRIORITY (RFC 6710).

use crate::office::{Client, Office, Plan, message};
use crate::outgoing::{office_and_remote, state, wait};
use crate::remote::Remote;
use crate::taking::run;

const ANN: &str = "ann@alpha.test";

/// Hands over a message with these parameters of MAIL.
async fn send(user: &mut Client, parameters: &str, to: &[&str], notify: &str) {
    let reply = user.say(&format!("MAIL FROM:<{ANN}> {parameters}")).await;
    assert!(reply.starts_with("250"), "{reply}");
    for to in to {
        assert!(user.say(&format!("RCPT TO:<{to}>{notify}")).await.starts_with("250"));
    }
    let reply = user.data(&message(ANN, to[0], "hello")).await;
    assert!(reply.starts_with("250"), "{reply}");
}

fn commands(remote: &Remote, verb: &str) -> Vec<String> {
    let ledger = remote.ledger.lock().expect("no panics");
    ledger.commands.iter().filter(|line| line.starts_with(verb)).cloned().collect()
}

#[test]
fn mail_is_not_seen_before_its_time_here_or_elsewhere() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        let mut user = office.user(ANN).await;
        assert!(user.say("EHLO again.test").await.contains("FUTURERELEASE 604800 "));
        send(&mut user, "HOLDFOR=3600", &["abe@alpha.test", "x@r.test"], " NOTIFY=SUCCESS").await;
        wait(&office, 3590).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 2 reports 0");
        assert!(office.inbox("abe@alpha.test").await.is_empty());
        wait(&office, 60).await;
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 2");
        let inbox = office.inbox("abe@alpha.test").await;
        assert_eq!(inbox.len(), 1);
        assert!(
            inbox[0]
                .starts_with(&format!("Return-Path: <{ANN}>\r\nDelivered-To: abe@alpha.test\r\nReceived:"))
        );
        let reports = office.inbox(ANN).await.join("\n");
        assert!(reports.contains("Action: delivered") && reports.contains("Action: relayed"), "{reports}");
        assert_eq!(reports.matches("Future-Release-Request: for;3600").count(), 2, "{reports}");
        assert!(
            commands(&remote, "MAIL").iter().all(|line| !line.contains("HOLD")),
            "it was waited for here"
        );
    });
}

#[test]
fn who_is_there_when_the_time_comes_gets_it() {
    run(|outside| async move {
        let (mut office, remote) = office_and_remote(&outside, &[]).await;
        let mut user = office.user(ANN).await;
        send(&mut user, "HOLDUNTIL=2000-01-01T00:00:00Z", &["both@alpha.test"], "").await;
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1, "a time that is over holds nothing");
        office.add_alias("out@alpha.test", &["x@r.test"]).await;
        let to = ["abe@alpha.test", "both@alpha.test", "out@alpha.test"];
        send(&mut user, "HOLDFOR=86400", &to, "").await;
        drop(user);
        office.remove_account("abe@alpha.test").await;
        // The promise holds over a restart.
        office.restart().await;
        wait(&office, 86_400).await;
        assert_eq!(office.queued().await.len(), 0);
        assert_eq!(state(&office, &remote).await, "taken 1 waiting 0 reports 3");
        let inbox = office.inbox(ANN).await.join("\n");
        assert!(inbox.contains("Final-Recipient: rfc822; abe@alpha.test"), "{inbox}");
        assert!(inbox.contains("Status: 5.1.1"), "{inbox}");
    });
}

#[test]
fn what_cannot_be_held_is_refused() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user(ANN).await;
        for parameters in
            ["HOLDFOR=604801", "HOLDUNTIL=2999-01-01T00:00:00Z", "HOLDFOR=60 BY=59;N", "HOLDFOR=60 BY=1;R"]
        {
            let reply = user.say(&format!("MAIL FROM:<{ANN}> {parameters}")).await;
            assert!(reply.starts_with("501 5.5.4"), "{parameters}: {reply}");
        }
        assert!(user.say(&format!("MAIL FROM:<{ANN}> HOLDFOR=60 BY=61;N")).await.starts_with("250"));
        let mut other = office.client(25).await;
        let offered = other.say("EHLO c.test").await;
        assert!(
            !["FUTURERELEASE", "DELIVERBY", "MT-PRIORITY"].iter().any(|word| offered.contains(word)),
            "{offered}"
        );
        let none = Office::open(&outside, &Plan::beta(), |settings| {
            settings.future_release = std::time::Duration::ZERO
        })
        .await;
        let mut user = none.user("bob@beta.test").await;
        let reply = user.say("MAIL FROM:<bob@beta.test> HOLDFOR=1").await;
        assert!(reply.starts_with("555"), "{reply}");
    });
}

#[test]
fn what_is_late_is_returned_or_told_of() {
    for (by, expected, action, status) in [
        ("BY=600;R", "taken 0 waiting 0 reports 1", "failed", "5.4.7"),
        ("BY=600;N", "taken 0 waiting 1 reports 1", "delayed", "4.4.7"),
    ] {
        run(move |outside| async move {
            let offers = "250-r\r\n250 DELIVERBY";
            let (office, remote) =
                office_and_remote(&outside, &[("EHLO", offers), ("RCPT", "450 4.2.1 no")]).await;
            let mut user = office.user(ANN).await;
            send(&mut user, by, &["x@r.test"], "").await;
            wait(&office, 590).await;
            assert_eq!(state(&office, &remote).await, "taken 0 waiting 1 reports 0", "{by}");
            let attempts = commands(&remote, "MAIL").len();
            wait(&office, 15).await;
            assert_eq!(state(&office, &remote).await, expected, "{by}");
            let again = commands(&remote, "MAIL").len() - attempts;
            assert_eq!(again, usize::from(action == "delayed"), "{by}: no attempt after the time");
            let report = &office.inbox(ANN).await[0];
            assert!(report.contains(&format!("Action: {action}")), "{report}");
            assert!(report.contains(&format!("Status: {status}")), "{report}");
            assert!(report.contains("Deliver-By-Date: "), "{report}");
            wait(&office, 3600).await;
            assert_eq!(office.inbox(ANN).await.len(), 1, "{by}: told once");
        });
    }
}

#[test]
fn time_and_priority_are_passed_on_to_who_keeps_them() {
    for (offers, by, to, state_then, mail) in [
        (
            "250-r\r\n250-DELIVERBY\r\n250 MT-PRIORITY",
            "BY=600;R MT-PRIORITY=5",
            "",
            "taken 1 waiting 0 reports 0",
            "BY=600;R MT-PRIORITY=5",
        ),
        ("250-r\r\n250 DELIVERBY", "BY=600;NT", "", "taken 1 waiting 0 reports 1", "BY=600;NT"),
        ("250-r\r\n250 DELIVERBY", "BY=600;NT", " NOTIFY=NEVER", "taken 1 waiting 0 reports 0", "BY=600;NT"),
        ("250 r", "BY=600;N MT-PRIORITY=-1", "", "taken 1 waiting 0 reports 1", ""),
        ("250 r", "BY=600;N", " NOTIFY=NEVER", "taken 1 waiting 0 reports 0", ""),
        ("250 r", "BY=600;R", "", "taken 0 waiting 0 reports 1", ""),
        ("250-r\r\n250 DELIVERBY 900", "BY=600;R", "", "taken 0 waiting 0 reports 1", ""),
    ] {
        run(move |outside| async move {
            let (office, remote) = office_and_remote(&outside, &[("EHLO", offers)]).await;
            let mut user = office.user(ANN).await;
            send(&mut user, by, &["x@r.test"], to).await;
            wait(&office, 60).await;
            assert_eq!(state(&office, &remote).await, state_then, "{offers} {by}");
            let sent = commands(&remote, "MAIL").pop().unwrap_or_default();
            assert!(sent.ends_with(mail), "{sent}");
            if remote.taken().is_empty() {
                assert!(office.inbox(ANN).await[0].contains("Status: 5.3.3"));
            }
        });
    }
}

#[test]
fn limits_of_a_host_are_kept() {
    run(|outside| async move {
        let offers = "250-r\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=2 MAILMAX=2";
        let (office, remote) = office_and_remote(&outside, &[("EHLO", offers)]).await;
        remote.ledger.lock().expect("no panics").room = Some(2);
        let mut user = office.user(ANN).await;
        let to = ["a@r.test", "b@r.test", "c@r.test", "d@r.test", "e@r.test"];
        send(&mut user, "", &to, "").await;
        wait(&office, 600).await;
        let taken: Vec<usize> = remote.taken().iter().map(|taken| taken.to.len()).collect();
        assert_eq!(taken, [2, 2, 1]);
        assert_eq!(commands(&remote, "RCPT").len(), 5, "nobody is asked for in vain");
        assert_eq!(remote.connections(), 2, "two messages each");
    });
}

#[test]
fn the_trace_header_tells_the_priority() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user(ANN).await;
        send(&mut user, "MT-PRIORITY=4", &["abe@alpha.test"], "").await;
        assert!(office.inbox("abe@alpha.test").await[0].contains("\r\n\tPRIORITY 4;\r\n"));
        assert!(office.told().await.join("\n").contains("priority 4"));
    });
}

//! What the sender hears: when, how often, and in what form.

use std::time::Duration;

use crate::office::{Client, Office, Plan, message};
use crate::remote::Remote;
use crate::taking::run;

const HOUR: u64 = 3600;

async fn wait(office: &Office, seconds: u64) {
    office.world.clock.sleep(Duration::from_secs(seconds)).await;
}

async fn submit(office: &Office, rcpt: &str, from: &str) -> Client {
    let mut user = office.user("ann@alpha.test").await;
    assert!(user.say(&format!("MAIL FROM:<{from}> ENVID=QQ314159")).await.starts_with("250"));
    assert!(user.say(&format!("RCPT TO:{rcpt}")).await.starts_with("250"));
    let reply = user.data(&message("ann@alpha.test", "x@r.test", "hello")).await;
    assert!(reply.starts_with("250"), "{reply}");
    user
}

#[test]
fn a_failure_comes_back_as_a_standard_report() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", "550-5.1.1 no such\r\n550 5.1.1 person here")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        submit(&office, "<x@r.test> ORCPT=rfc822;first@r.test", "ann@alpha.test").await;
        wait(&office, 5).await;
        let inbox = office.inbox("ann@alpha.test").await;
        let [report] = &inbox[..] else { panic!("one report, not {inbox:?}") };
        for part in [
            "Return-Path: <>\r\nDelivered-To: ann@alpha.test\r\n",
            "Content-Type: multipart/report",
            "report-type=delivery-status",
            "Auto-Submitted: auto-replied",
            "Reporting-MTA: dns;mx.alpha.test",
            "Original-Envelope-Id: QQ314159",
            "Original-Recipient: rfc822;first@r.test",
            "Final-Recipient: rfc822;x@r.test",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: dns;r.test",
            "Diagnostic-Code: smtp;550",
            "person here",
            "Subject: hello",
        ] {
            let loose = |text: &str| text.replace("; ", ";").to_lowercase();
            assert!(loose(report).contains(&loose(part)), "{part} in {report}");
        }
        assert!(office.queued().await.is_empty());
        assert!(!report.contains("\r\nHello.\r\n"), "headers only: {report}");
    });
}

#[test]
fn a_delay_is_told_once_and_the_end_of_the_lifetime_too() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", "450 4.2.2 mailbox full")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        submit(&office, "<x@r.test>", "ann@alpha.test").await;
        wait(&office, 3 * HOUR).await;
        assert_eq!(office.inbox("ann@alpha.test").await.len(), 0);
        wait(&office, 6 * HOUR).await;
        let inbox = office.inbox("ann@alpha.test").await;
        assert_eq!(inbox.len(), 1);
        assert!(
            inbox[0].contains("Action: delayed") && inbox[0].contains("Will-Retry-Until: "),
            "{}",
            inbox[0]
        );
        wait(&office, 4 * 24 * HOUR).await;
        assert_eq!(office.inbox("ann@alpha.test").await.len(), 1);
        let attempts = remote.connections();
        assert!((25..40).contains(&attempts), "{attempts} attempts in four and a half days");
        wait(&office, 24 * HOUR).await;
        let inbox = office.inbox("ann@alpha.test").await;
        assert_eq!(inbox.len(), 2);
        assert!(inbox[1].contains("Action: failed"), "{}", inbox[1]);
        assert!(inbox[1].contains("Status: 5.4.7"), "{}", inbox[1]);
        assert!(inbox[1].contains("mailbox full"), "{}", inbox[1]);
        assert!(office.queued().await.is_empty());
        assert!(office.told().await.join("\n").contains("ailbox full"));
    });
}

#[test]
fn never_a_report_about_a_report() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", "550 5.1.1 no")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.start_queue();
        submit(&office, "<x@r.test>", "").await;
        wait(&office, 60).await;
        assert!(office.holds_no_mail(&["ann@alpha.test", "abe@alpha.test"]).await);
        let told = office.told().await;
        assert_eq!(told.len(), 1, "no second journey: {told:?}");
    });
}

#[test]
fn a_remote_sender_gets_its_report_through_the_queue() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, "192.0.2.9:25", &[]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.add_alias("away@alpha.test", &["x@nowhere.test"]).await;
        office.start_queue();
        let mut client = office.client(25).await;
        client.say("EHLO there.test").await;
        let reply =
            client.mail("who@r.test", &["away@alpha.test"], &message("who@r.test", "away", "f")).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&office, 60).await;
        let taken = remote.taken();
        assert_eq!(taken.len(), 1);
        assert_eq!((taken[0].from.as_str(), &taken[0].to[..]), ("", &["who@r.test".to_owned()][..]));
        assert!(taken[0].data.contains("Status: 5.1.2"), "{}", taken[0].data);
        assert!(office.queued().await.is_empty());
    });
}

#[test]
fn notify_is_honoured() {
    for (notify, reply, reports) in [
        ("NEVER", "550 5.1.1 no", 0),
        ("FAILURE", "550 5.1.1 no", 1),
        ("DELAY", "550 5.1.1 no", 0),
        ("SUCCESS", "550 5.1.1 no", 0),
        ("SUCCESS", "250 ok", 1),
        ("FAILURE", "250 ok", 0),
    ] {
        run(move |outside| async move {
            outside.zones.add("r.test A 192.0.2.9");
            Remote::bind(&outside, "192.0.2.9:25", &[("RCPT", reply)]);
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            office.start_queue();
            submit(&office, &format!("<x@r.test> NOTIFY={notify}"), "ann@alpha.test").await;
            wait(&office, 60).await;
            let inbox = office.inbox("ann@alpha.test").await;
            assert_eq!(inbox.len(), reports, "{notify} {reply}");
            let told = office.told().await.join("\n");
            let silenced = told.contains("asked not to be told");
            assert_eq!(silenced, reply.starts_with('5') && reports == 0, "{notify} {reply}: {told}");
            if reply.starts_with('2') && reports == 1 {
                assert!(inbox[0].contains("Action: relayed"), "{}", inbox[0]);
            }
        });
    }
}

#[test]
fn local_success_is_reported_when_asked_for() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        submit(&office, "<abe@alpha.test> NOTIFY=SUCCESS", "ann@alpha.test").await;
        let inbox = office.inbox("ann@alpha.test").await;
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].contains("Action: delivered"), "{}", inbox[0]);
    });
}

/// P3: one copy for an account, and still a word about each recipient that led there; none twice.
#[test]
fn each_recipient_of_one_mailbox_is_accounted_for() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = office.user("ann@alpha.test").await;
        user.say("MAIL FROM:<ann@alpha.test>").await;
        for to in ["abe@alpha.test", "abe+x@alpha.test", "both@alpha.test"] {
            user.say(&format!("RCPT TO:<{to}> NOTIFY=SUCCESS")).await;
        }
        user.data(&message("ann@alpha.test", "abe@alpha.test", "s")).await;
        assert_eq!(office.inbox("abe@alpha.test").await.len(), 1);
        let told = office.told().await.remove(0);
        for recipient in [
            "abe@alpha.test,",
            "abe@alpha.test for abe+x@",
            "abe@alpha.test for both@",
            "ann@alpha.test for both@",
        ] {
            assert!(told.contains(&format!("delivered to {recipient}")), "{recipient} {told}");
        }
        let inbox = office.inbox("ann@alpha.test").await;
        let report = inbox.iter().find(|mail| mail.contains("Action: delivered")).expect("a report");
        assert_eq!(report.matches("Action: delivered").count(), 3, "{report}");
    });
}

/// P2, P3: a sender whose aliases go in a circle cannot be told; what was delivered is not delivered again for that.
#[test]
fn a_sender_whose_aliases_circle_stops_nothing() {
    run(|outside| async move {
        outside.zones.add("r.test A 192.0.2.9");
        let remote = Remote::bind(&outside, "192.0.2.9:25", &[("RCPT TO:<b@", "550 5.1.1 no")]);
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        office.add_alias("*@alpha.test", &["ghost@alpha.test"]).await;
        office.add_alias("team@alpha.test", &["a@r.test", "b@r.test"]).await;
        office.start_queue();
        let mut client = office.client(25).await;
        client.say("EHLO there.test").await;
        let text = message("circle@alpha.test", "team@alpha.test", "s");
        let reply = client.mail("circle@alpha.test", &["team@alpha.test"], &text).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&office, 3600).await;
        assert_eq!((remote.taken().len(), office.queued().await.len()), (1, 0));
        let told = office.told().await.join("\n");
        assert!(told.contains("did not tell the sender of b@r.test"), "{told}");
    });
}

#[test]
fn mail_that_circles_between_two_offices_ends() {
    run(|outside| async move {
        outside.zones.add("alpha.test A 192.0.2.1");
        outside.zones.add("beta.test A 192.0.2.2");
        let alpha = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let beta = Office::open(&outside, &Plan::beta(), |_| {}).await;
        alpha.add_alias("round@alpha.test", &["round@beta.test"]).await;
        beta.add_alias("round@beta.test", &["round@alpha.test"]).await;
        alpha.start_queue();
        beta.start_queue();
        let mut user = alpha.user("ann@alpha.test").await;
        let reply =
            user.mail("ann@alpha.test", &["round@alpha.test"], &message("ann@alpha.test", "r", "r")).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&alpha, 60).await;
        let inbox = alpha.inbox("ann@alpha.test").await;
        assert_eq!(inbox.len(), 1, "one report and then silence");
        assert!(inbox[0].contains("Status: 5.4.6"), "{}", inbox[0]);
        assert!(alpha.queued().await.is_empty() && beta.queued().await.is_empty());
    });
}

/// One row of the tables of RFC 3461 §5.2 and RFC 3464 §2.
struct Case {
    /// Behind MAIL and RCPT of the submission.
    mail: &'static str,
    rcpt: &'static str,
    /// Whether the next hop offers DSN, and what it says to RCPT.
    dsn: bool,
    says: &'static str,
    hours: u64,
    /// What the next hop was told.
    passed: &'static str,
    /// Each report to the sender, as the fields that it has.
    reports: &'static [&'static [&'static str]],
    /// What no report has.
    never: &'static [&'static str],
}

const CASES: &[Case] = &[
    // §5.2.2: a next hop that knows DSN gets all parameters as they came, and reports success itself.
    Case {
        mail: "RET=HDRS ENVID=QQ+2B1",
        rcpt: "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+40r.test",
        dsn: true,
        says: "250 2.1.5 ok",
        hours: 1,
        passed: "MAIL FROM:<ann@alpha.test> RET=HDRS ENVID=QQ+2B1|\
                 RCPT TO:<x@r.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;first+40r.test",
        reports: &[],
        never: &[],
    },
    // §5.2.1: what was not asked for is not asked for in the sender's name.
    Case {
        mail: "",
        rcpt: "",
        dsn: true,
        says: "250 2.1.5 ok",
        hours: 1,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[],
        never: &[],
    },
    // §5.2.3: to one that does not know DSN, it is "relayed"; no parameter goes there.
    Case {
        mail: "RET=HDRS ENVID=QQ314159",
        rcpt: "NOTIFY=SUCCESS ORCPT=rfc822;first+40r.test",
        dsn: false,
        says: "250 2.1.5 ok",
        hours: 1,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[&[
            "Original-Envelope-Id: QQ314159",
            "Original-Recipient: rfc822;first@r.test",
            "Final-Recipient: rfc822;x@r.test",
            "Action: relayed",
            "Status: 2.",
            "Content-Type: text/rfc822-headers",
        ]],
        never: &["Will-Retry-Until", "Hello."],
    },
    // RFC 3464 §2.3.6: the remote's words, with whose they are.
    Case {
        mail: "RET=FULL",
        rcpt: "NOTIFY=FAILURE",
        dsn: true,
        says: "550 5.1.1 nobody",
        hours: 1,
        passed: "MAIL FROM:<ann@alpha.test> RET=FULL|RCPT TO:<x@r.test> NOTIFY=FAILURE",
        reports: &[&[
            "Reporting-MTA: dns;mx.alpha.test",
            "Arrival-Date: ",
            "Action: failed",
            "Status: 5.1.1",
            "Remote-MTA: dns;r.test",
            "Diagnostic-Code: smtp;550 5.1.1 nobody",
            "Last-Attempt-Date: ",
            "Content-Type: message/rfc822",
            "Hello.",
        ]],
        never: &["Original-Envelope-Id", "Original-Recipient", "Will-Retry-Until"],
    },
    // §4.3: without RET it is up to us; the header section tells enough.
    Case {
        mail: "",
        rcpt: "",
        dsn: false,
        says: "550 5.1.1 nobody",
        hours: 1,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[&["Action: failed", "Content-Type: text/rfc822-headers"]],
        never: &["Hello."],
    },
    // §4.1: the default is failure and delay. RFC 3464 §2.3.9: how long it is tried further.
    Case {
        mail: "RET=FULL",
        rcpt: "",
        dsn: false,
        says: "450 4.2.2 full",
        hours: 9,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[&[
            "Action: delayed",
            "Status: 4.2.2",
            "Will-Retry-Until: ",
            "Diagnostic-Code: smtp;450 4.2.2 full",
            "Content-Type: text/rfc822-headers",
        ]],
        never: &["Hello."],
    },
    Case {
        mail: "",
        rcpt: "NOTIFY=SUCCESS,FAILURE",
        dsn: false,
        says: "450 4.2.2 full",
        hours: 9,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[],
        never: &[],
    },
    Case {
        mail: "",
        rcpt: "NOTIFY=DELAY",
        dsn: false,
        says: "450 4.2.2 full",
        hours: 6 * 24,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[&["Action: delayed"]],
        never: &["Action: failed"],
    },
    // RFC 3464 §2.3.4: the class of the status fits the action, also where the last word was a 4xx.
    Case {
        mail: "",
        rcpt: "NOTIFY=FAILURE",
        dsn: false,
        says: "450 4.2.2 full",
        hours: 6 * 24,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test>",
        reports: &[&["Action: failed", "Status: 5.4.7", "Diagnostic-Code: smtp;450 4.2.2 full"]],
        never: &["Action: delayed", "Will-Retry-Until"],
    },
    Case {
        mail: "",
        rcpt: "NOTIFY=NEVER",
        dsn: true,
        says: "450 4.2.2 full",
        hours: 6 * 24,
        passed: "MAIL FROM:<ann@alpha.test>|RCPT TO:<x@r.test> NOTIFY=NEVER",
        reports: &[],
        never: &[],
    },
];

#[test]
fn what_the_standards_tables_say() {
    for case in CASES {
        run(move |outside| async move {
            outside.zones.add("r.test A 192.0.2.9");
            let offers = if case.dsn { "250-remote.test\r\n250 DSN" } else { "250-remote.test\r\n250 SIZE" };
            let script = [("RCPT", case.says), ("EHLO", offers)];
            let remote = Remote::bind(&outside, "192.0.2.9:25", &script);
            let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
            office.start_queue();
            let mut user = office.user("ann@alpha.test").await;
            let named = format!("{} / {} / {}", case.mail, case.rcpt, case.says);
            for line in [
                format!("MAIL FROM:<ann@alpha.test> {}", case.mail),
                format!("RCPT TO:<x@r.test> {}", case.rcpt),
            ] {
                assert!(user.say(line.trim_end()).await.starts_with("250"), "{named}");
            }
            assert!(user.data(&message("ann@alpha.test", "x@r.test", "hello")).await.starts_with("250"));
            wait(&office, case.hours * HOUR).await;
            let told = remote.ledger.lock().expect("no panics").commands.clone();
            let first = |verb: &str| {
                let line = told.iter().find(|line| line.starts_with(verb)).cloned().unwrap_or_default();
                // SIZE and BODY are other standards' business.
                let words: Vec<&str> = line.split(' ').filter(|word| !word.starts_with("SIZE=")).collect();
                words.join(" ")
            };
            assert_eq!(format!("{}|{}", first("MAIL"), first("RCPT")), case.passed, "{named}");
            let inbox = office.inbox("ann@alpha.test").await;
            assert_eq!(inbox.len(), case.reports.len(), "{named}: {inbox:?}");
            let loose = |text: &str| text.replace("; ", ";").to_lowercase();
            for (report, fields) in inbox.iter().zip(case.reports) {
                for field in *fields {
                    assert!(loose(report).contains(&loose(field)), "{named}: {field} in {report}");
                }
                for field in case.never {
                    assert!(!report.contains(field), "{named}: no {field} in {report}");
                }
            }
        });
    }
}

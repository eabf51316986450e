//! Every refusal: its code, its enhanced code, that nothing was stored, and that the journey tells it.

use std::time::Duration;

use crate::office::{Client, Office, Plan, message};
use crate::taking::run;

/// Says the lines one after the other (`\0` is the fixed message and its end) and gives the last reply.
async fn last_reply(client: &mut Client, lines: &[&str]) -> String {
    let mut reply = String::new();
    for line in lines {
        reply = client.say(line).await;
    }
    reply
}

const USERS: &[&str] = &["ann@alpha.test", "abe@alpha.test"];

#[test]
fn strangers_are_refused_with_reasons() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |settings| settings.recipients = 2).await;
        for (lines, expected) in [
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<nobody@alpha.test>"][..], "550 5.1.1"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<x@else.test>"], "550 5.7.1"),
            // The ways of relaying that once worked somewhere (attack A22).
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<x%else.test@alpha.test>"], "550 5.1.1"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<else.test!x@alpha.test>"], "550 5.1.1"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<\"x@else.test\"@alpha.test>"], "550 5.1.1"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<@alpha.test:x@else.test>"], "550 5.7.1"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<x@[127.0.0.1]>"], "550 5.1.2"),
            (&["MAIL FROM:<a@b.test>", "RCPT TO:<x@[192.0.2.1]>"], "550 5.1.2"),
            (&["MAIL FROM:<ann@alpha.test>", "RCPT TO:<x@else.test>"], "550 5.7.1"),
            (&["MAIL FROM:<>", "RCPT TO:<x@else.test>"], "550 5.7.1"),
            (&["MAIL FROM:<a@b.test> SIZE=60000000"], "552 5.3.4"),
            (
                &[
                    "MAIL FROM:<a@b.test>",
                    "RCPT TO:<ann@alpha.test>",
                    "RCPT TO:<abe@alpha.test>",
                    "RCPT TO:<both@alpha.test>",
                ],
                "452 4.5.3",
            ),
            (&["AUTH PLAIN AGFubgBh"], "50"),
            (&["RCPT TO:<ann@alpha.test>"], "503 5.5.1"),
            (&["DATA"], "503 5.5.1"),
        ] {
            let mut client = office.client(25).await;
            client.say("EHLO there.test").await;
            let reply = last_reply(&mut client, lines).await;
            assert!(reply.starts_with(expected), "{lines:?}: {reply}");
        }
        assert!(office.holds_no_mail(USERS).await);
        office.world.clock.sleep(Duration::from_secs(2)).await;
        let told = office.told().await.join("\n");
        for trace in ["nobody@alpha.test", "x@else.test", "5.7.1", "5.1.2"] {
            assert!(told.contains(trace), "{trace} in {told}");
        }
    });
}

/// RFC 2920 §3.1: DATA comes before the client could read that nobody is there to receive.
#[test]
fn one_mistake_is_told_once() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO there.test").await;
        for (burst, codes) in [
            ("MAIL FROM:<a@b.test>\r\nRCPT TO:<nobody@alpha.test>\r\nDATA\r\n", "250 550 503"),
            (
                "RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<no@alpha.test>\r\nBDAT 1 LAST\r\nx",
                "250 250 550 503",
            ),
            (
                "RSET\r\nMAIL FROM:<a@b.test> SIZE=60000000\r\nRCPT TO:<ann@alpha.test>\r\nDATA\r\n",
                "250 552 503 503",
            ),
            // A mistake of its own.
            ("MAIL FROM:<a@b.test>\r\nDATA\r\n", "250 503"),
        ] {
            let before = office.told().await.len();
            client.send(burst).await;
            for code in codes.split(' ') {
                let reply = client.reply().await;
                assert!(reply.starts_with(code), "{burst:?}: {reply}");
            }
            office.mta.flush().await;
            let lines = office.told().await.split_off(before);
            assert_eq!(lines.len(), 1, "{burst:?}: {lines:?}");
        }
    });
}

#[test]
fn messages_are_refused_with_reasons() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |settings| settings.message_size = 100_000).await;
        let loops = "Received: from a by b; date\r\n".repeat(100) + "From: <a@b.test>\r\n\r\n";
        let been_here = "Delivered-To: Ann@alpha.test\r\nFrom: <a@b.test>\r\n\r\n".to_owned();
        let two_authors = "From: <a@b.test>\r\nFrom: <c@d.test>\r\n\r\n".to_owned();
        let big =
            format!("From: <a@b.test>\r\n\r\n{}", "x".repeat(98).as_str().to_owned() + "\r\n").repeat(1000);
        let bare = "From: <a@b.test>\r\n\r\nbare \n line\r\n".to_owned();
        for (what, text, expected) in [
            ("hops", loops, "554 5.4.6"),
            ("delivered before", been_here, "554 5.4.6"),
            ("two From", two_authors, "550 5.6.0"),
            ("too big", big, "552 5.3.4"),
            ("bare LF", bare, "550 5.5.2"),
        ] {
            let mut client = office.client(25).await;
            client.say("EHLO there.test").await;
            let reply = client.mail("a@b.test", &["ann@alpha.test"], &text).await;
            assert!(reply.starts_with(expected), "{what}: {reply}");
        }
        assert!(office.holds_no_mail(USERS).await);
    });
}

#[test]
fn submitters_may_only_be_themselves() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut stranger = office.client_from("127.0.0.1", 587).await;
        stranger.say("EHLO laptop.test").await;
        let reply = stranger.say("MAIL FROM:<ann@alpha.test>").await;
        assert!(reply.starts_with("530 5.7.0"), "{reply}");
        let reply = stranger.say("AUTH PLAIN AGFubkBhbHBoYS50ZXN0AHdyb25n").await;
        assert!(reply.starts_with("535 5.7.8"), "{reply}");
        let mut far = office.client(587).await;
        far.say("EHLO laptop.test").await;
        let reply = far.say("AUTH PLAIN AGFubkBhbHBoYS50ZXN0AHdyb25n").await;
        assert!(reply.starts_with("538 5.7.11") || reply.starts_with("530 5.7.0"), "{reply}");
        let forged = message("abe@alpha.test", "x", "forged");
        let two = "From: <ann@alpha.test>\r\nFrom: <ann@alpha.test>\r\n\r\n".to_owned();
        for (from, text, expected) in [
            ("abe@alpha.test", message("ann@alpha.test", "x", "s"), "553 5.7.1"),
            ("x@else.test", message("ann@alpha.test", "x", "s"), "553 5.7.1"),
            ("ann@alpha.test", forged, "550 5.7.1"),
            ("ann@alpha.test", "Subject: no author\r\n\r\n".to_owned(), "550 5.6.0"),
            ("ann@alpha.test", two, "550 5.6.0"),
        ] {
            let mut user = office.user("ann@alpha.test").await;
            let reply = user.mail(from, &["abe@alpha.test"], &text).await;
            assert!(reply.starts_with(expected), "{from} {text:?}: {reply}");
        }
        assert!(office.holds_no_mail(USERS).await);
        for good in ["ann@alpha.test", "ANN@alpha.test", "ann+tag@alpha.test", "both@alpha.test", ""] {
            let mut user = office.user("ann@alpha.test").await;
            let reply = user.mail(good, &["abe@alpha.test"], &message("ann@alpha.test", "x", "s")).await;
            assert!(reply.starts_with("250"), "{good}: {reply}");
        }
    });
}

#[test]
fn a_closed_store_refuses_for_now() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO there.test").await;
        client.say("MAIL FROM:<a@b.test>").await;
        client.say("RCPT TO:<ann@alpha.test>").await;
        office.store.close().await;
        let reply = client.data(&message("a@b.test", "ann", "s")).await;
        assert!(reply.starts_with("451 4.3.0"), "{reply}");
    });
}

/// A22: the relay matrix.
#[test]
fn no_way_of_writing_an_address_opens_the_relay() {
    run(|outside| async move {
        let office = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let locals = [
            "x%else.test",
            "x%else.test%alpha.test",
            "else.test!x",
            "alpha.test!else.test!x",
            "\"x@else.test\"",
            "\"x%else.test\"",
            "\"else.test!x\"",
            "x:else.test",
            "\"<x@else.test>\"",
            "\"x\\@else.test\"",
            "=?utf-8?q?x=40else.test?=",
            "x%else.test@",
            "\"\"",
            "x/else.test",
            "@else.test:x",
            "x;else.test",
            "x=40else.test",
            "\\\"x@else.test\\\"",
            "postmaster%else.test",
        ];
        let hosts = [
            "alpha.test",
            "ALPHA.test",
            "mx.alpha.test",
            "[192.0.2.1]",
            "[127.0.0.1]",
            "[IPv6:::1]",
            "else.test",
            "alpha.test.else.test",
        ];
        let mut tried = 0;
        for host in hosts {
            let mut client = office.client(25).await;
            client.say("EHLO there.test").await;
            client.say("MAIL FROM:<ann@alpha.test>").await;
            for local in locals {
                let reply = client.say(&format!("RCPT TO:<{local}@{host}>")).await;
                assert!(reply.starts_with('5') || reply.starts_with("421"), "{local}@{host}: {reply}");
                tried += 1;
                if reply.starts_with("421") {
                    client = office.client(25).await;
                    client.say("EHLO there.test").await;
                    client.say("MAIL FROM:<ann@alpha.test>").await;
                }
            }
            assert!(client.say("DATA").await.starts_with('5'));
        }
        assert!(tried >= 60 && office.holds_no_mail(USERS).await, "{tried}");
    });
}

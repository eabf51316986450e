//! Binary and 8-bit messages: as they are to who takes them, in another form to who does not (promise F38).

use crate::office::{Client, Office, Plan};
use crate::outgoing::{office_and_remote, state, wait};
use crate::taking::run;
use crate::world::Outside;

const HEAD: &str = "From: <ann@alpha.test>\r\nTo: <x@r.test>\r\nSubject: forms\r\nMIME-Version: 1.0\r\n";

/// Hands over a message by BDAT in two chunks.
async fn send_chunks(user: &mut Client, to: &[&str], text: &str) {
    let reply = user.say("MAIL FROM:<ann@alpha.test> BODY=BINARYMIME").await;
    assert!(reply.starts_with("250"), "{reply}");
    for to in to {
        assert!(user.say(&format!("RCPT TO:<{to}>")).await.starts_with("250"));
    }
    let (first, second) = text.split_at(HEAD.len());
    user.send(&format!("BDAT {}\r\n{first}", first.len())).await;
    assert!(user.reply().await.starts_with("250"));
    user.send(&format!("BDAT {} LAST\r\n{second}", second.len())).await;
    let reply = user.reply().await;
    assert!(reply.starts_with("250"), "{reply}");
}

fn binary() -> String {
    format!("{HEAD}Content-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n\r.\r\n.\r\n\u{e9}")
}

/// What mailboxes get of [`binary`].
const ENCODED: &str =
    "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAoNLg0KLg0Kw6k=\r\n";

async fn two(outside: &Outside) -> (Office, Office) {
    outside.zones.add("beta.test MX 10 mx.beta.test");
    outside.zones.add("mx.beta.test A 192.0.2.2");
    let alpha = Office::open(outside, &Plan::alpha(), |_| {}).await;
    let beta = Office::open(outside, &Plan::beta(), |_| {}).await;
    alpha.start_queue();
    (alpha, beta)
}

#[test]
fn binary_mail_goes_as_it_is_to_who_takes_it_and_in_lines_into_mailboxes() {
    run(|outside| async move {
        let (alpha, beta) = two(&outside).await;
        let mut user = alpha.user("ann@alpha.test").await;
        send_chunks(&mut user, &["abe@alpha.test", "bob@beta.test"], &binary()).await;
        wait(&alpha, 60).await;
        assert!(alpha.queued().await.is_empty());
        let inbox = alpha.inbox("abe@alpha.test").await;
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].ends_with(ENCODED), "{}", inbox[0]);
        assert!(inbox[0].starts_with("Return-Path: <ann@alpha.test>\r\nDelivered-To: abe@alpha.test\r\n"));
        // Beta got it as it was: it still waits there to be brought into lines.
        let queued = beta.queued().await;
        assert_eq!((queued.len(), queued[0].body), (1, mail::BodyType::BinaryMime));
        beta.start_queue();
        wait(&beta, 60).await;
        let inbox = beta.inbox("bob@beta.test").await;
        assert!(inbox.len() == 1 && inbox[0].ends_with(ENCODED), "{inbox:?}");
        assert!(beta.queued().await.is_empty());
        let told = beta.told().await.join("\n");
        assert!(told.contains("brought into lines"), "{told}");
    });
}

#[test]
fn what_is_declared_binary_and_is_none_goes_the_usual_way() {
    run(|outside| async move {
        let alpha = Office::open(&outside, &Plan::alpha(), |_| {}).await;
        let mut user = alpha.user("ann@alpha.test").await;
        send_chunks(&mut user, &["abe@alpha.test"], &format!("{HEAD}\r\nlines\r\n")).await;
        assert_eq!(alpha.inbox("abe@alpha.test").await.len(), 1);
        assert!(alpha.queued().await.is_empty());
    });
}

#[test]
fn each_host_gets_the_form_that_it_takes() {
    let eight = format!("{HEAD}Content-Type: text/plain; charset=utf-8\r\n\r\ngr\u{fc}n\r\n");
    let quoted = "Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=C3=BCn\r\n";
    for (offers, text, taken, body, note) in [
        ("250-r\r\n250 8BITMIME", eight.clone(), "\r\n\r\ngr\u{fc}n\r\n", "BODY=8BITMIME", ""),
        ("250 r", eight, quoted, "", "7-bit form"),
        ("250-r\r\n250 8BITMIME", binary(), ENCODED, "BODY=8BITMIME", "8-bit form"),
        ("250-r\r\n250 CHUNKING", binary(), ENCODED, "", "7-bit form"),
        ("250-r\r\n250 BINARYMIME", binary(), ENCODED, "", "7-bit form"),
    ] {
        run(move |outside| async move {
            let (office, remote) = office_and_remote(&outside, &[("EHLO", offers)]).await;
            let mut user = office.user("ann@alpha.test").await;
            send_chunks(&mut user, &["x@r.test"], &text).await;
            wait(&office, 60).await;
            let got = remote.taken();
            assert_eq!(got.len(), 1, "{offers}");
            assert!(got[0].data.ends_with(taken), "{offers}: {}", got[0].data);
            let commands = remote.ledger.lock().expect("no panics").commands.clone();
            let mail = commands.iter().find(|line| line.starts_with("MAIL")).expect("a MAIL");
            assert!(
                mail.ends_with(&format!("<ann@alpha.test>{}{body}", if body.is_empty() { "" } else { " " })),
                "{mail}"
            );
            let told = office.told().await.join("\n");
            assert_eq!(told.contains("no longer hold"), !note.is_empty(), "{told}");
            assert!(told.contains(note), "{told}");
        });
    }
}

#[test]
fn what_cannot_be_converted_is_returned_with_the_reason() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[("EHLO", "250 r")]).await;
        let mut user = office.user("ann@alpha.test").await;
        send_chunks(&mut user, &["x@r.test"], &format!("{HEAD}X: \u{fc}\r\n\r\nx\r\n")).await;
        wait(&office, 60).await;
        assert_eq!(state(&office, &remote).await, "taken 0 waiting 0 reports 1");
        let report = &office.inbox("ann@alpha.test").await[0];
        assert!(report.contains("Status: 5.6.3"), "{report}");
        assert!(report.contains("header has bytes beyond ASCII"), "{report}");
    });
}

//! Who mail is really from: what is found about strangers, what becomes of their mail, and what proves where ours comes
//! from (RFC 8601, RFC 9989, RFC 6376, RFC 8617).

use directory::{KeyState, SigningKey};
use mail::{Domain, MailboxName, Wall};
use mailauth::dkim::{self, Draft, Signer, Verifier};
use mta::{DmarcPolicy, Settings};
use store::Batch;

use crate::office::{Office, Plan, message};
use crate::outgoing::{office_and_remote, send, wait};
use crate::taking::run;
use crate::world::Outside;

/// Where strangers connect from in these tests.
const STRANGER: &str = "198.51.100.7";

fn key(number: u8) -> dkim::SigningKey {
    dkim::SigningKey::ed25519_from_seed(&[number; 32]).expect("a key")
}

/// `there.test` says who may send for it, signs with a key, and wants forgeries refused.
async fn strict_office(outside: &Outside, change: impl FnOnce(&mut Settings)) -> Office {
    outside.zones.add(&format!("there.test TXT v=spf1 ip4:{STRANGER} -all"));
    outside.zones.add("_dmarc.there.test TXT v=DMARC1; p=reject");
    outside.zones.add(&format!("s._domainkey.there.test TXT {}", key(1).record().expect("a record")));
    Office::open(outside, &Plan::alpha(), |settings| {
        settings.authentication.check = true;
        change(settings);
    })
    .await
}

/// A message from who@there.test, signed as its domain would.
fn signed(text: &str) -> String {
    let (header, body) = text.split_once("\r\n\r\n").expect("a body");
    let header = format!("{header}\r\n");
    let mut draft = Draft::new(header.as_bytes());
    draft.feed(body.as_bytes());
    let domain: Domain = "there.test".parse().expect("a domain");
    let signer = Signer { domain, selector: "s".parse().expect("a selector"), key: key(1) };
    let hashed = draft.finish().expect("a message with From");
    let field = hashed.sign(&signer, Wall::from_civil(2027, 1, 15, 8, 0, 0), None).expect("a signature");
    field + text
}

fn hello() -> String {
    message("who@there.test", "ann@alpha.test", "hello")
}

/// The field that says what was found, unfolded.
fn found(mail: &str) -> String {
    let at =
        mail.find("Authentication-Results: mx.alpha.test").unwrap_or_else(|| panic!("no results: {mail}"));
    let end =
        mail[at..].match_indices("\r\n").find(|(end, _)| !mail[at + end + 2..].starts_with(['\t', ' ']));
    mail[at..at + end.expect("an end").0].replace("\r\n\t", " ")
}

async fn junk(office: &Office, user: &str) -> usize {
    let account = office.directory.account_by_login(user).await.expect("an answer").expect("an account");
    let name = MailboxName::new("Junk").expect("a name");
    let id = office.mailboxes.named(account.id, &name).await.expect("an answer").expect("a mailbox");
    office.mailboxes.view(account.id, id).await.expect("a view").len()
}

#[test]
fn what_is_found_stands_in_front_of_the_message() {
    run(|outside| async move {
        outside.zones.add(&format!("{STRANGER} PTR out.there.test"));
        outside.zones.add(&format!("out.there.test A {STRANGER}"));
        let office = strict_office(&outside, |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        let reply = client.mail("who@there.test", &["ann@alpha.test"], &signed(&hello())).await;
        assert!(reply.starts_with("250"), "{reply}");
        let inbox = office.inbox("ann@alpha.test").await;
        let head = "Return-Path: <who@there.test>\r\nDelivered-To: ann@alpha.test\r\n\
                    Authentication-Results: mx.alpha.test;\r\n";
        assert!(inbox[0].starts_with(head), "{}", inbox[0]);
        let found = found(&inbox[0]);
        for part in [
            "iprev=pass",
            "spf=none",
            "smtp.helo=out.there.test",
            "spf=pass",
            "smtp.mailfrom=there.test",
            "dkim=pass",
            "header.d=there.test",
            "dmarc=pass",
            "header.from=there.test",
        ] {
            assert!(found.contains(part), "{part}: {found}");
        }
        let told = office.told().await.join("\n");
        assert!(told.contains("spf: pass there.test") && told.contains("dmarc: pass there.test"), "{told}");
    });
}

/// RFC 9989 §5.3 and §7.4: p=reject is obeyed, but not where a list has sent the message on.
#[test]
fn forgeries_are_refused_or_put_aside_as_their_victim_wants() {
    for (policy, forged, list, expected) in [
        (DmarcPolicy::Obey, false, false, "inbox 1 junk 0"),
        (DmarcPolicy::Obey, true, false, "refused"),
        (DmarcPolicy::Obey, true, true, "inbox 0 junk 1"),
        (DmarcPolicy::Junk, true, false, "inbox 0 junk 1"),
        (DmarcPolicy::Note, true, false, "inbox 1 junk 0"),
    ] {
        run(move |outside| async move {
            let office = strict_office(&outside, |settings| settings.authentication.dmarc = policy).await;
            let from = if forged { "203.0.113.66" } else { STRANGER };
            let mut client = office.client_from(from, 25).await;
            client.say("EHLO mx.evil.test").await;
            let list = if list { "List-Id: <l.list.test>\r\n" } else { "" };
            let reply =
                client.mail("who@there.test", &["ann@alpha.test"], &(list.to_owned() + &hello())).await;
            let state = if reply.starts_with("550") {
                assert!(reply.starts_with("550 5.7.1 ") && reply.contains("there.test"), "{reply}");
                office.mta.flush().await;
                assert!(office.told().await.join("\n").contains("5.7.1"), "refused mail can be traced");
                "refused".to_owned()
            } else {
                let inbox = office.inbox("ann@alpha.test").await.len();
                format!("inbox {inbox} junk {}", junk(&office, "ann@alpha.test").await)
            };
            assert_eq!(state, expected, "{policy:?} forged {forged}");
        });
    }
}

/// Name servers that fail or never answer delay nobody for long and stop nothing (F12, P5).
#[test]
fn mail_is_taken_when_names_cannot_be_asked() {
    run(|outside| async move {
        let office = strict_office(&outside, |_| {}).await;
        for name in ["there.test", "_dmarc.there.test", "s._domainkey.there.test"] {
            outside.zones.add(&format!("{name} SERVFAIL x"));
        }
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        let reply = client.mail("who@there.test", &["ann@alpha.test"], &signed(&hello())).await;
        assert!(reply.starts_with("250"), "{reply}");
        let found = found(&office.inbox("ann@alpha.test").await[0]);
        for part in ["spf=temperror", "dkim=temperror", "dmarc=temperror"] {
            assert!(found.contains(part), "{part}: {found}");
        }
    });
}

/// RFC 8601 §5: nobody else speaks in our name; what others found stays.
#[test]
fn forged_findings_are_taken_out() {
    run(|outside| async move {
        let office = strict_office(&outside, |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        let forged = "Authentication-Results: MX.alpha.test; dmarc=pass header.from=bank.test\r\n\
                      Authentication-Results: mx.other.test; spf=pass\r\n";
        let text = forged.to_owned() + &hello();
        let reply = client.mail("who@there.test", &["ann@alpha.test"], &text).await;
        assert!(reply.starts_with("250"), "{reply}");
        let mail = &office.inbox("ann@alpha.test").await[0];
        assert!(!mail.contains("bank.test") && mail.contains("mx.other.test; spf=pass"), "{mail}");
    });
}

/// Gives the office's domain two keys and publishes them.
async fn with_keys(office: &Office, outside: &Outside) {
    let rsa = dkim::SigningKey::from_pkcs8(&office.world.rng.rsa_key().expect("a key")).expect("a key");
    let domain: Domain = "alpha.test".parse().expect("a domain");
    let mut batch = Batch::new();
    for (selector, pair) in [("r", rsa), ("e", key(9))] {
        let record = pair.record().expect("a record");
        outside.zones.add(&format!("{selector}._domainkey.alpha.test TXT {record}"));
        let key = SigningKey {
            selector: selector.into(),
            algorithm: pair.algorithm().word().into(),
            pkcs8: pair.to_pkcs8().expect("DER"),
            record,
            state: KeyState::Active,
            since: office.world.clock.wall(),
            version: None,
        };
        office.directory.put_signing_key(&mut batch, &domain, &key);
    }
    office.store.commit(batch).await.expect("a commit");
}

/// What a receiver finds: `dkim pass alpha.test r; …; arc none`.
async fn checked(office: &Office, mail: &str) -> String {
    let (header, body) = mail.split_once("\r\n\r\n").expect("a body");
    let mut verifier = Verifier::new(format!("{header}\r\n").as_bytes());
    verifier.feed(body.as_bytes());
    let now = office.world.clock.wall();
    let findings = verifier.finish(&*office.world.dns, now, std::future::pending()).await;
    let mut said: Vec<String> = findings
        .dkim
        .iter()
        .map(|found| {
            let domain = found.domain.as_ref().map(Domain::as_str).unwrap_or_default();
            format!("dkim {} {domain} {}", found.verdict, found.selector.clone().unwrap_or_default())
        })
        .collect();
    said.sort();
    said.push(format!("arc {}", findings.arc.status));
    said.join("; ")
}

/// RFC 6376 §5: what our users send is signed with each key of their domain, also mail to several places.
#[test]
fn mail_of_our_users_is_signed() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        with_keys(&office, &outside).await;
        send(&office, &["a@r.test", "abe@alpha.test"]).await;
        wait(&office, 5).await;
        let taken = remote.taken();
        assert_eq!(
            checked(&office, &taken[0].data).await,
            "dkim pass alpha.test e; dkim pass alpha.test r; arc none"
        );
        assert!(
            !office.inbox("abe@alpha.test").await[0].contains("DKIM-Signature"),
            "at home it proves nothing"
        );
    });
}

/// A report of ours is signed too, or the next hop may take it for a forgery.
#[test]
fn reports_are_signed() {
    run(|outside| async move {
        outside.zones.add("there.test MX 10 mx.r.test");
        let (office, remote) = office_and_remote(&outside, &[("RCPT TO:<gone", "550 5.1.1 nobody")]).await;
        with_keys(&office, &outside).await;
        office.add_alias("away@alpha.test", &["gone@r.test"]).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        client.mail("who@there.test", &["away@alpha.test"], &hello()).await;
        wait(&office, 30).await;
        let taken = remote.taken();
        let [report] = &taken[..] else { panic!("one report, not {taken:?}") };
        assert_eq!((&*report.from, &*report.to[0]), ("", "who@there.test"));
        assert_eq!(
            checked(&office, &report.data).await,
            "dkim pass alpha.test e; dkim pass alpha.test r; arc none"
        );
    });
}

/// What an alias leads elsewhere is sealed (RFC 8617 §5.1), keeps its signature, and comes from an address of ours that leads
/// back (SRS), where the sender's domain says who may send for it.
#[test]
fn forwarded_mail_is_sealed_and_rewritten() {
    run(|outside| async move {
        outside.zones.add("r.test MX 10 mx.r.test");
        outside.zones.add("mx.r.test A 192.0.2.9");
        outside.zones.add("there.test MX 10 mx.r.test");
        let remote = crate::remote::Remote::bind(&outside, "192.0.2.9:25", &[]);
        let office = strict_office(&outside, |_| {}).await;
        with_keys(&office, &outside).await;
        office.start_queue();
        office.add_alias("away@alpha.test", &["far@r.test"]).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        let reply = client.mail("who@there.test", &["away@alpha.test"], &signed(&hello())).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&office, 5).await;
        let taken = remote.taken();
        let [forwarded] = &taken[..] else { panic!("one message, not {taken:?}") };
        assert_eq!(checked(&office, &forwarded.data).await, "dkim pass there.test s; arc pass");
        assert!(
            forwarded.data.contains("ARC-Authentication-Results: i=1; mx.alpha.test;"),
            "{}",
            forwarded.data
        );
        let rewritten = forwarded.from.clone();
        assert!(
            rewritten.starts_with("SRS0=") && rewritten.ends_with("=there.test=who@alpha.test"),
            "{rewritten}"
        );

        let report = message("mailer-daemon@r.test", &rewritten, "failed");
        let reply = client.mail("", &[&rewritten], &report).await;
        assert!(reply.starts_with("250"), "{reply}");
        wait(&office, 5).await;
        let back = remote.taken().pop().expect("a report");
        assert_eq!((&*back.from, &*back.to[0]), ("", "who@there.test"));
        let forged = rewritten.replace("there.test=who", "there.test=boss");
        let reply = client.mail("", &[&forged], &report).await;
        assert!(reply.starts_with("550 5.1.1"), "nobody else can send through us: {reply}");
    });
}

/// A sender whose domain says nothing by SPF loses nothing by being forwarded, and keeps its reverse-path.
#[test]
fn senders_without_spf_are_forwarded_as_they_are() {
    run(|outside| async move {
        let (office, remote) = office_and_remote(&outside, &[]).await;
        let mut settings = Settings::new("mx.alpha.test".parse().expect("a host"));
        settings.authentication.check = true;
        office.mta.reload(settings);
        office.add_alias("away@alpha.test", &["far@r.test"]).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.open.test").await;
        let text = message("who@open.test", "away@alpha.test", "hello");
        client.mail("who@open.test", &["away@alpha.test"], &text).await;
        wait(&office, 5).await;
        assert_eq!(remote.taken()[0].from, "who@open.test");
    });
}

/// F36, promise P7: an endless header section is refused within bounds.
#[test]
fn endless_header_sections_are_refused() {
    run(|outside| async move {
        let office = strict_office(&outside, |_| {}).await;
        let mut client = office.client(25).await;
        client.say("EHLO out.there.test").await;
        let endless = "X-Long: 0123456789012345678901234567890123456789012345678901234567\r\n".repeat(36_000);
        let reply = client.mail("who@there.test", &["ann@alpha.test"], &(endless + &hello())).await;
        assert!(reply.starts_with("552 5.3.4"), "{reply}");
    });
}

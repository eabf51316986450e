//! Logging in.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use store::Batch;

use super::House;
use crate::credential::{hmac_sha256, sha256};
use crate::sasl::{Channel, Failure, Mechanisms, Step};
use crate::{Password, Scope};

async fn steps(house: &House, mechanism: &str, messages: &[&[u8]]) -> Step {
    let mut exchange = house.directory.sasl(mechanism, Channel::default()).expect("a mechanism");
    let mut step = exchange.start(messages.first().copied()).await;
    for message in &messages[1..] {
        assert!(matches!(step, Step::Challenge(_)), "{step:?}");
        step = exchange.step(message).await;
    }
    step
}

#[tokio::test]
async fn passwords_are_checked() {
    let house = House::new().await;
    let ann = house.account("Ann@x.test", Some("correct horse")).await;
    house.account("mute@x.test", None).await;
    for (message, account) in [
        (&b"\0ann@x.test\0correct horse"[..], Ok(ann)),
        (b"\0ann@x.test\0correct horse", Ok(ann)),
        (b"\0ANN@X.TEST\0correct horse", Ok(ann)),
        (b"ann@x.test\0ann@x.test\0correct horse", Ok(ann)),
        (b"bob@x.test\0ann@x.test\0correct horse", Err(Failure::Refused)),
        (b"\0ann@x.test\0Correct horse", Err(Failure::Refused)),
        (b"\0nobody@x.test\0correct horse", Err(Failure::Refused)),
        (b"\0mute@x.test\0correct horse", Err(Failure::Refused)),
        (b"\0ann\0correct horse", Err(Failure::Refused)),
        (b"\0ann@x.test\0", Err(Failure::Malformed)),
        (b"ann@x.test\0correct horse", Err(Failure::Malformed)),
        (b"\0a\0b\0c", Err(Failure::Malformed)),
        (b"\0a\0\xff", Err(Failure::Malformed)),
    ] {
        let step = steps(&house, "plain", &[message]).await;
        let got = match step {
            Step::Done(login) => Ok(login.account),
            Step::Failed(failure) => Err(failure),
            Step::Challenge(_) => panic!("PLAIN has one step"),
        };
        assert_eq!(got, account, "{}", String::from_utf8_lossy(message));
    }
    let step = steps(&house, "LOGIN", &[b"ann@x.test", b"correct horse"]).await;
    assert!(matches!(step, Step::Done(_)), "{step:?}");
}

#[tokio::test]
async fn changes_take_effect_at_once() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", Some("correct horse")).await;
    let login = async |password| {
        house.directory.login(&Channel::default(), "ann@x.test", password).await.map(|l| l.account)
    };
    assert_eq!(login("correct horse").await, Ok(ann));
    let mut batch = Batch::new();
    let password = Password::new("battery staple").expect("a good password");
    house.directory.set_password(&mut batch, ann, &password).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(login("correct horse").await, Err(Failure::Refused));
    assert_eq!(login("battery staple").await, Ok(ann));
    let mut batch = Batch::new();
    house.directory.set_enabled(&mut batch, ann, false).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(login("battery staple").await, Err(Failure::Refused));
}

#[tokio::test]
async fn unknown_users_look_like_known_ones() {
    let house = House::new().await;
    house.account("ann@x.test", Some("correct horse")).await;
    let first = async |name: &str| {
        let message = format!("n,,n={name},r=abc");
        match steps(&house, "SCRAM-SHA-256", &[message.as_bytes()]).await {
            Step::Challenge(bytes) => String::from_utf8(bytes).expect("ASCII"),
            other => panic!("{other:?}"),
        }
    };
    let salt = |message: String| message.split(',').nth(1).expect("a salt").to_owned();
    let (known, unknown) = (first("ann@x.test").await, first("nobody@x.test").await);
    assert_eq!(known.len(), unknown.len());
    assert!(known.ends_with(",i=4096") && unknown.ends_with(",i=4096"));
    assert_eq!(salt(unknown), salt(first("NOBODY@x.test").await), "the same salt each time");
    assert_ne!(salt(first("nobody@x.test").await), salt(first("somebody@x.test").await));
}

#[tokio::test]
async fn mechanisms_follow_the_channel() {
    let house = House::new().await;
    assert!(house.directory.sasl("SCRAM-SHA-256-PLUS", Channel::default()).is_none());
    assert!(house.directory.sasl("CRAM-MD5", Channel::default()).is_none());
    let bound = Channel { tls: true, exporter: Some([1; 32]), ..Channel::default() };
    let all = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"];
    assert_eq!(house.directory.mechanisms(&bound), all);
    assert!(house.directory.sasl("scram-sha-256-plus", bound.clone()).is_some());
    // What the door does not offer there is not.
    let some = Mechanisms::NONE.with("PLAIN").with("scram-sha-256").with("OAUTHBEARER").with("X");
    let bound = bound.offering(some);
    assert_eq!(house.directory.mechanisms(&bound), ["SCRAM-SHA-256", "PLAIN"]);
    for not in ["SCRAM-SHA-256-PLUS", "LOGIN", "OAUTHBEARER", "X"] {
        assert!(house.directory.sasl(not, bound.clone()).is_none(), "{not}");
    }
}

/// RFC 5802 §6: where -PLUS is not offered, a client that could bind rightly says that we cannot.
#[tokio::test]
async fn without_plus_a_client_may_say_so() {
    let house = House::new().await;
    house.account("ann@x.test", Some("correct horse")).await;
    let bound = Channel { tls: true, exporter: Some([1; 32]), ..Channel::default() };
    let without = bound.clone().offering(Mechanisms::NONE.with("SCRAM-SHA-256"));
    for (channel, goes_on) in [(bound, false), (without, true)] {
        let mut exchange = house.directory.sasl("SCRAM-SHA-256", channel).expect("a mechanism");
        let step = exchange.start(Some(b"y,,n=ann@x.test,r=abc")).await;
        assert_eq!(matches!(step, Step::Challenge(_)), goes_on, "{step:?}");
    }
}

/// RFC 4013, RFC 6856 §2.2: names and passwords are compared as they are prepared, in whichever form they come.
#[tokio::test]
async fn names_and_passwords_in_other_forms() {
    let house = House::new().await;
    let ann = house.account("\u{fc}nn@x.test", Some("gr\u{fc}ner apfel")).await;
    let login = async |name: &str, password: &str| {
        house.directory.login(&Channel::default(), name, password).await.map(|login| login.account)
    };
    for (name, password) in [
        ("\u{fc}nn@x.test", "gr\u{fc}ner apfel"),
        ("u\u{308}nn@x.test", "gru\u{308}ner\u{a0}ap\u{ad}fel"),
        ("\u{dc}n\u{200d}n@x.test", "gr\u{fc}ner ap\u{200d}fel"),
    ] {
        assert_eq!(login(name, password).await, Ok(ann), "{name}");
    }
    for (name, password) in [
        ("\u{202e}\u{fc}nn@x.test", "gr\u{fc}ner apfel"),
        ("\u{fc}nn@x.test", "gr\u{fc}ner apfel\u{e000}"),
        ("unn@x.test", "gr\u{fc}ner apfel"),
        ("\u{fc}nn@x.test", "gruner apfel"),
    ] {
        assert_eq!(login(name, password).await, Err(Failure::Refused), "{name}");
    }
    // Kept before anything was normalised: still good as they were.
    let bob = house.account("bo\u{308}b@x.test", None).await;
    let older = Password("gru\u{308}ner apfel".into());
    let mut batch = Batch::new();
    house.directory.set_password(&mut batch, bob, &older).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(login("bo\u{308}b@x.test", "gru\u{308}ner apfel").await, Ok(bob));
    assert_eq!(login("bo\u{308}b@x.test", "gr\u{fc}ner apfel").await, Err(Failure::Refused));
}

#[test]
fn passwords_are_sane() {
    use crate::PasswordError::{Control, TooLong, TooShort};
    for (text, wanted) in [
        ("longenough", Ok("longenough")),
        ("  spaces kept  ", Ok("  spaces kept  ")),
        ("no\u{a0}break\u{ad}ing", Ok("no breaking")),
        ("äöüßäöüß", Ok("äöüßäöüß")),
        ("a\u{308}o\u{308}u\u{308}\u{2168}\u{fb01}xy", Ok("äöüIXfixy")),
        ("\u{202e}backwards", Err(Control)),
        ("short", Err(TooShort)),
        ("bell\u{7}bell", Err(Control)),
        (&"x".repeat(1025), Err(TooLong)),
    ] {
        let got = Password::new(text);
        assert_eq!(got.as_ref().map(Password::as_str), wanted.as_ref().map(|w| *w), "{text:?}");
    }
    assert_eq!(format!("{:?}", Password::new("longenough")), "Ok(Password(..))");
}

/// A SCRAM client: answers `server-first-message` for a password (RFC 5802 §3).
fn client_final(header: &[u8], bare: &str, server_first: &str, password: &str) -> (String, String) {
    let part = |key: &str| server_first.split(',').find_map(|p| p.strip_prefix(key)).expect("in the message");
    let salt = BASE64.decode(part("s=")).expect("base64");
    let iterations = part("i=").parse().expect("a number");
    let mut salted = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password.as_bytes(), &mut salted);
    let client_key = hmac_sha256(&salted, b"Client Key");
    let without_proof = format!("c={},r={}", BASE64.encode(header), part("r="));
    let message = format!("{bare},{server_first},{without_proof}");
    let signature = hmac_sha256(&sha256(&client_key), message.as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(k, s)| k ^ s).collect();
    let server = hmac_sha256(&hmac_sha256(&salted, b"Server Key"), message.as_bytes());
    let last = format!("{without_proof},p={}", BASE64.encode(proof));
    (last, format!("v={}", BASE64.encode(server)))
}

/// Logs in by SCRAM, bound to `channel` with `data`.
pub(super) async fn scram(
    house: &House,
    mechanism: &str,
    gs2: &str,
    data: &[u8],
    name: &str,
    password: &str,
) -> Step {
    let channel = Channel {
        service: Some(Scope::Imap),
        tls: true,
        exporter: Some([1; 32]),
        server_end_point: Some(vec![2; 32]),
        ..Channel::default()
    };
    let mut exchange = house.directory.sasl(mechanism, channel).expect("a mechanism");
    assert_eq!(exchange.start(None).await, Step::Challenge(Vec::new()));
    let bare = format!("n={name},r=fyko+d2lbbFgONRv9qkxdawL");
    let step = exchange.step(format!("{gs2}{bare}").as_bytes()).await;
    let Step::Challenge(first) = step else { return step };
    let first = String::from_utf8(first).expect("ASCII");
    let (last, proof) = client_final(&[gs2.as_bytes(), data].concat(), &bare, &first, password);
    let step = exchange.step(last.as_bytes()).await;
    let Step::Challenge(server_last) = step else { return step };
    assert_eq!(server_last, proof.as_bytes(), "the server knows the password too");
    assert_eq!(exchange.name(), Some(name));
    exchange.step(b"").await
}

#[tokio::test]
async fn scram_logs_in_and_binds() {
    let house = House::new().await;
    let ann = house.account("ann@x.test", Some("correct horse")).await;
    let (plain, plus) = ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS");
    let (ours, theirs, certificate) = (&[1; 32][..], &[3; 32][..], &[2; 32][..]);
    let good = "correct horse";
    for (mechanism, gs2, data, name, password, wanted) in [
        (plain, "n,,", &[][..], "ann@x.test", good, Ok(ann)),
        (plain, "n,,", &[], "ANN@x.test", good, Ok(ann)),
        (plain, "n,a=Ann@x.test,", &[], "ann@x.test", good, Ok(ann)),
        (plain, "n,a=bob@x.test,", &[], "ann@x.test", good, Err(Failure::Refused)),
        (plain, "y,,", &[], "ann@x.test", good, Err(Failure::Refused)),
        (plain, "n,,", &[], "ann@x.test", "wrong horse", Err(Failure::Refused)),
        (plain, "n,,", &[], "nobody@x.test", good, Err(Failure::Refused)),
        (plus, "p=tls-exporter,,", ours, "ann@x.test", good, Ok(ann)),
        (plus, "p=tls-server-end-point,,", certificate, "ann@x.test", good, Ok(ann)),
        // Someone in the middle has another channel to each side.
        (plus, "p=tls-exporter,,", theirs, "ann@x.test", good, Err(Failure::Refused)),
        (plus, "n,,", &[], "ann@x.test", good, Err(Failure::Refused)),
    ] {
        let got = match scram(&house, mechanism, gs2, data, name, password).await {
            Step::Done(login) => Ok(login.account),
            Step::Failed(failure) => Err(failure),
            Step::Challenge(_) => panic!("the exchange is over"),
        };
        assert_eq!(got, wanted, "{mechanism} {gs2} {name} {password}");
    }
}

/// A11: guessing takes time, whatever the mechanism and whether the user exists; good logins and broken ones do not.
#[tokio::test]
async fn a_wrong_password_takes_its_time() {
    let mut house = House::new().await;
    house.account("ann@x.test", Some("correct horse")).await;
    let delay = Duration::from_millis(300);
    let directory = Arc::into_inner(house.directory).expect("nobody else has it");
    house.directory = Arc::new(directory.with_refusal_delay(delay));
    let mono = || house.directory.world.clock.mono();
    for (mechanism, messages, slow) in [
        ("PLAIN", &[&b"\0ann@x.test\0wrong horse"[..]][..], true),
        ("PLAIN", &[b"\0nobody@x.test\0wrong horse"], true),
        ("LOGIN", &[b"ann@x.test", b"wrong horse"], true),
        ("SCRAM-SHA-256", &[b"n,a=bob@x.test,n=ann@x.test,r=abc"], true),
        ("PLAIN", &[b"nothing"], false),
        ("PLAIN", &[b"\0ann@x.test\0correct horse"], false),
    ] {
        let begin = mono();
        steps(&house, mechanism, messages).await;
        assert_eq!(mono().since(begin) >= delay, slow, "{mechanism} {messages:?}");
    }
    let begin = mono();
    house.directory.login(&Channel::default(), "ann@x.test", "wrong horse").await.expect_err("wrong");
    assert!((delay..2 * delay).contains(&mono().since(begin)), "once");
}

//! Logging in.

use store::Batch;

use super::House;
use crate::Password;
use crate::sasl::{Channel, Failure, Step};

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
    let login = async |password| house.directory.login("ann@x.test", password).await.map(|l| l.account);
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
    let bound = Channel { tls: true, exporter: Some([1; 32]), server_end_point: None };
    assert!(house.directory.sasl("scram-sha-256-plus", bound).is_some());
}

#[test]
fn passwords_are_sane() {
    use crate::PasswordError::{Control, TooLong, TooShort};
    for (text, wanted) in [
        ("longenough", Ok("longenough")),
        ("  spaces kept  ", Ok("  spaces kept  ")),
        ("no\u{a0}break\u{ad}ing", Ok("no breaking")),
        ("äöüßäöüß", Ok("äöüßäöüß")),
        ("short", Err(TooShort)),
        ("bell\u{7}bell", Err(Control)),
        (&"x".repeat(1025), Err(TooLong)),
    ] {
        let got = Password::new(text);
        assert_eq!(got.as_ref().map(Password::as_str), wanted.as_ref().map(|w| *w), "{text:?}");
    }
    assert_eq!(format!("{:?}", Password::new("longenough")), "Ok(Password(..))");
}

//! The vectors of RFC 7677 §3, and what an attacker may try.

use super::Channel;
use super::scram::{Fault, client_first};
use crate::credential::derive;
use crate::record::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const FIRST: &[u8] = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const FINAL: &[u8] = b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

fn pencil() -> Credential {
    let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
    derive("pencil", &salt, 4096.try_into().expect("not zero"))
}

fn bound() -> Channel {
    Channel { tls: true, exporter: Some([7; 32]), server_end_point: Some(vec![9; 32]), ..Channel::default() }
}

/// RFC 7677 §3.
#[test]
fn the_example_of_the_standard() {
    let first = client_first(FIRST, false, &Channel::default()).expect("a first message");
    assert_eq!((first.name.as_str(), &first.authorization), ("user", &None));
    let (message, server) = first.answer(NONCE, pencil(), std::iter::empty());
    let expected = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    assert_eq!(message, expected);
    assert_eq!(server.finish(FINAL), Ok(("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".into(), 0)));
}

#[test]
fn changed_messages_prove_nothing() {
    let server = || {
        let first = client_first(FIRST, false, &Channel::default()).expect("a first message");
        first.answer(NONCE, pencil(), std::iter::empty()).1
    };
    let text = std::str::from_utf8(FINAL).expect("ASCII");
    for (changed, fault) in [
        (text.replace("c=biws", "c=eSws"), Fault::Refused),
        (text.replace("r=rOpr", "r=xOpr"), Fault::Refused),
        (text.replace("p=dHzb", "p=dHzc"), Fault::Refused),
        (text.replace("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "p=dHzb"), Fault::Refused),
        (text.replace("p=dHzb", "p=!"), Fault::Malformed),
        (text.replace(",p=", ",q="), Fault::Malformed),
        (text.replace("c=biws,", ""), Fault::Malformed),
        (String::new(), Fault::Malformed),
    ] {
        assert_eq!(server().finish(changed.as_bytes()).err(), Some(fault), "{changed}");
    }
}

#[test]
fn first_messages_bind_as_the_mechanism_demands() {
    for (message, plus, channel, wanted) in [
        ("p=tls-exporter,,n=u,r=x", true, bound(), Ok(())),
        ("p=tls-server-end-point,,n=u,r=x", true, bound(), Ok(())),
        ("p=tls-unique,,n=u,r=x", true, bound(), Err(Fault::Refused)),
        ("p=tls-exporter,,n=u,r=x", false, bound(), Err(Fault::Refused)),
        ("n,,n=u,r=x", true, bound(), Err(Fault::Refused)),
        ("y,,n=u,r=x", true, bound(), Err(Fault::Refused)),
        // RFC 5802 §6: the client thinks we have no -PLUS, but we offered it.
        ("y,,n=u,r=x", false, bound(), Err(Fault::Refused)),
        ("y,,n=u,r=x", false, Channel::default(), Ok(())),
        ("n,,n=u,r=x", false, bound(), Ok(())),
        ("n,a=o=2Cr=3D,n=u,r=x", false, bound(), Ok(())),
        ("n,o,n=u,r=x", false, bound(), Err(Fault::Malformed)),
        ("n,,m=x,n=u,r=x", false, bound(), Err(Fault::Malformed)),
        ("n,,n=u=2x,r=x", false, bound(), Err(Fault::Malformed)),
        ("n,,n=u=é,r=x", false, bound(), Err(Fault::Malformed)),
        ("n,,n=,r=x", false, bound(), Err(Fault::Malformed)),
        ("n,,n=u,r=", false, bound(), Err(Fault::Malformed)),
        ("n,,n=u", false, bound(), Err(Fault::Malformed)),
        ("x,,n=u,r=x", false, bound(), Err(Fault::Malformed)),
        ("", false, bound(), Err(Fault::Malformed)),
    ] {
        let got = client_first(message.as_bytes(), plus, &channel).map(|_| ());
        assert_eq!(got, wanted, "{message} plus={plus}");
    }
}

proptest::proptest! {
    #[test]
    fn any_message_is_answered(message in "[npya=,rmtls\\-exporter0-9é]{0,40}") {
        drop(client_first(message.as_bytes(), true, &bound()));
        drop(client_first(message.as_bytes(), false, &Channel::default()));
    }
}

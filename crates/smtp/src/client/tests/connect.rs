//! From the greeting to Ready, and what can go wrong.

use super::*;

#[test]
fn opportunistic_tls_is_taken_and_all_is_asked_again() {
    check(
        config(),
        "
        S: 220-hello
        S: 220 there
        C: EHLO us.test
        S: 250-peer.test
        S: 250 STARTTLS
        C: STARTTLS
        S: 220 go
        E: StartTls
        tls
        C: EHLO us.test
        S: 250-peer.test
        S: 250 STARTTLS
        E: Ready
        quit
        C: QUIT
        S: 221 bye
        E: Closed
        .
        ",
    );
}

#[test]
fn tls_policies() {
    let clear = "\nS: 220 hi\nC: EHLO us.test\nS: 250 peer.test\n";
    let with = "\nS: 220 hi\nC: EHLO us.test\nS: 250-peer.test\nS: 250 STARTTLS\n";
    let said = "C: STARTTLS\nS: 454 4.7.0 no\n";
    let policy = |tls| Config { tls, ..config() };
    check(policy(TlsPolicy::Off), &format!("{with}E: Ready"));
    check(policy(TlsPolicy::Active), &format!("{with}E: Ready"));
    check(policy(TlsPolicy::Opportunistic), &format!("{clear}E: Ready"));
    check(policy(TlsPolicy::Opportunistic), &format!("{with}{said}E: Ready"));
    let failed = "E: Failed Tls 451 4.7.4 TLS is required, and the peer";
    check(policy(TlsPolicy::Required), &format!("{clear}{failed} does not offer it\n."));
    check(policy(TlsPolicy::Required), &format!("{with}{said}{failed} refuses it: 454 4.7.0 no\n."));
    // What anybody on the way could have said must not end in a report.
    let old = "\nS: 220 hi\nC: EHLO us.test\nS: 502 what\n";
    check(policy(TlsPolicy::Required), &format!("{old}{failed} refuses EHLO: 502 what\n."));
}

/// Attacks A3: what comes in clear behind the 220 is never taken for what came under TLS.
#[test]
fn injected_bytes_end_the_session() {
    let with = "S: 220 hi\nC: EHLO us.test\nS: 250-peer.test\nS: 250 STARTTLS\nC: STARTTLS\n";
    let failed = "E: Failed Tls 451 4.7.5 The peer sent something in clear before the TLS handshake\n.";
    check(config(), &format!("{with}S: 220 go\nS: 250 injected\n{failed}"));
    check(config(), &format!("{with}S: 220 go\nE: StartTls\nS: 250 injected\n{failed}"));
}

#[test]
fn injected_bytes_are_found_wherever_they_are_cut() {
    let answers = ["250-peer\r\n250 AUTH PLAIN\r\n", "250 ok\r\n", "235 in\r\n", "x", "\r\n", "421 bye\r\n"];
    let before = "220 hi\r\n250-peer\r\n250 STARTTLS\r\n".len();
    for injected in answers {
        let stream = format!("220 hi\r\n250-peer\r\n250 STARTTLS\r\n220 go\r\n{injected}");
        for cut in before + 1..stream.len() {
            let (mut session, now) = (Session::new(config(), Mono::default()), Mono::default());
            session.handle_input(b"220 hi\r\n", now);
            session.handle_input(b"250-peer\r\n250 STARTTLS\r\n", now);
            session.handle_input(&stream.as_bytes()[before..cut], now);
            session.handle_input(&stream.as_bytes()[cut..], now);
            let last = std::iter::from_fn(|| session.poll_event()).last();
            assert!(
                matches!(last, Some(Event::Failed(Failure { cause: Cause::Tls, .. }))),
                "{stream:?} {cut}"
            );
            session.tls_started(now);
            assert!(session.is_closed() && !session.is_tls());
        }
    }
}

#[test]
fn old_servers_get_helo() {
    check(
        config(),
        "
        S: 220 hi
        C: EHLO us.test
        S: 500 what
        C: HELO us.test
        S: 250 hi
        E: Ready
        ",
    );
    check(
        Config { service: Service::Lmtp, ..config() },
        "S: 220 hi\nC: LHLO us.test\nS: 500 what\nE: Failed Refused 500 what\n.",
    );
}

#[test]
fn refusals_junk_and_silence() {
    let odd = "E: Failed Protocol 451 4.5.0 The peer's reply does not fit the command\n.";
    let junk = "E: Failed Protocol 451 4.5.0 The peer's reply is not one\n.";
    let asked = "E: Failed Protocol 451 4.5.0 The peer sent a reply that nothing asked for\n.";
    let hello = "S: 220 hi\nC: EHLO us.test\n";
    for script in [
        "S: 554 5.7.1 no mail\nE: Failed Refused 554 5.7.1 no mail\n.".into(),
        "S: 421 busy\nE: Failed Refused 421 busy\n.".into(),
        format!("S: 250 hi\n{odd}"),
        format!("S: SSH-2.0\n{junk}"),
        format!("S: 220-hi\nS: 221 hi\n{junk}"),
        format!("S: 220 hi\nS: 250 early\n{asked}"),
        "wait 299\nwait 1\nE: Failed Timeout 451 4.4.2 No reply in time\n.".into(),
        "eof\nE: Failed Lost 451 4.4.2 The connection was lost\n.".into(),
        format!("{hello}S: 450 later\nE: Failed Refused 450 later\n."),
        format!("{hello}S: 354 what\n{odd}"),
        format!("{hello}S: 421 4.3.2 down\nE: Failed Refused 421 4.3.2 down\n."),
        format!("{hello}S: 500 what\nC: HELO us.test\nS: 550 no\nE: Failed Refused 550 no\n."),
        format!("{hello}S: 250 hi\nE: Ready\nS: 421 bored\nE: Failed Refused 421 bored\n."),
        format!("{hello}S: 250 hi\nE: Ready\nS: 250 stale\n{asked}"),
        format!("{hello}S: 250 hi\nE: Ready\nquit\nC: QUIT\neof\nE: Closed\n."),
        format!("{hello}S: 250 hi\nE: Ready\nquit\nC: QUIT\nwait 300\nE: Closed\n."),
    ] {
        check(config(), &script);
    }
    let mut session = Session::new(config(), Mono::default());
    session.handle_input(&b"220-x\r\n".repeat(10_000), Mono::default());
    assert!(matches!(session.poll_event(), Some(Event::Failed(Failure { cause: Cause::Protocol, .. }))));
    assert!(session.is_closed() && session.poll_timeout().is_none());
}

#[test]
fn logins() {
    let auth = Some(Credentials { username: "user".into(), password: "pass".into() });
    assert!(!format!("{auth:?}").contains("pass\""));
    let active = || Config { auth: auth.clone(), tls: TlsPolicy::Active, ..config() };
    let offers = |names: &str| format!("S: 220 hi\nC: EHLO us.test\nS: 250-peer\nS: 250 AUTH {names}\n");
    let plain = format!("{}C: AUTH PLAIN AHVzZXIAcGFzcw==\n", offers("LOGIN PLAIN"));
    let login = format!(
        "{}C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGFzcw==\n",
        offers("LOGIN")
    );
    check(active(), &format!("{plain}S: 235 in\nE: Ready"));
    check(active(), &format!("{login}S: 235 in\nE: Ready"));
    check(
        active(),
        &format!(
            "{plain}S: 535 5.7.8 no\nE: Failed Auth 451 4.7.8 The peer refuses our login: 535 5.7.8 no\n."
        ),
    );
    check(
        active(),
        &format!("{plain}S: 250 what\nE: Failed Protocol 451 4.5.0 The peer's reply to AUTH is not one\n."),
    );
    check(
        active(),
        &format!("{}E: Failed Auth 451 4.7.0 The peer offers no login that we know\n.", offers("CRAM-MD5")),
    );
    check(
        Config { tls: TlsPolicy::Off, ..active() },
        &format!("{}E: Failed Auth 451 4.7.0 No password is sent without TLS\n.", offers("PLAIN")),
    );
}

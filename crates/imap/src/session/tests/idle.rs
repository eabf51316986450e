//! Waiting, and silence.

use super::*;

#[test]
fn idling() {
    check_in(
        "C: a IDLE
         S: + idling
         S: * 1 EXISTS
         C: done
         S: a OK Idle no more
         C: b IDLE
         S: + idling
         S: * 1 EXISTS
         C: c NOOP
         S: b BAD Expected DONE
         C: d NOOP
         S: d OK Done",
    );
}

/// RFC 2177 §3, RFC 9051 §7.1: a client that idles hears something now and then, and no more than that.
#[test]
fn idling_keeps_the_connection_open() {
    let at = |minutes| now() + Duration::from_mins(minutes);
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    feed(&mut session, b"a IDLE\r\n");
    assert_eq!(session.poll_timeout(), Some(at(4)));
    session.handle_timeout(at(3));
    assert_eq!(feed(&mut session, b""), "");
    session.handle_timeout(at(4));
    assert_eq!(feed(&mut session, b""), "* OK Still here\r\n");
    session.out().untagged("OK", None, "news");
    session.spoke(at(6));
    feed(&mut session, b"");
    session.spoke(at(7));
    assert_eq!(session.poll_timeout(), Some(at(10)), "what was said counts, and nothing does not");
    for minutes in [10, 14, 18, 22, 26, 30] {
        session.handle_timeout(at(minutes));
        assert_eq!(feed(&mut session, b""), "* OK Still here\r\n");
    }
    session.handle_timeout(now() + limits::IMAP_IDLE_TIMEOUT);
    assert_eq!(
        feed(&mut session, b""),
        "* BYE Nothing was heard for too long\r\n",
        "what we say is no sign of life"
    );
    let mut session = Session::new(Config { keepalive: Duration::ZERO, ..config() }, now());
    session.set_state(State::Authenticated);
    feed(&mut session, b"a IDLE\r\n");
    assert_eq!(session.poll_timeout(), Some(now() + limits::IMAP_IDLE_TIMEOUT));
}

#[test]
fn silence_ends_the_session() {
    let mut session = Session::new(config(), now());
    feed(&mut session, b"");
    assert_eq!(session.poll_timeout(), Some(now() + limits::LOGIN_TIMEOUT));
    // Trickling bytes do not count before login.
    session.handle_input(b"a NO", now() + Duration::from_secs(50));
    session.handle_timeout(now() + Duration::from_secs(59));
    assert!(!session.is_closed());
    session.handle_timeout(now() + Duration::from_mins(1));
    assert_eq!(feed(&mut session, b""), "* BYE Nothing was heard for too long\r\n");
    let mut session = Session::new(config(), now());
    session.set_state(State::Authenticated);
    assert_eq!(session.poll_timeout(), Some(now() + limits::IMAP_IDLE_TIMEOUT));
    assert!(limits::IMAP_IDLE_TIMEOUT >= Duration::from_mins(30));
    session.handle_input(b"a NOOP\r\n", now());
    assert!(session.poll_event(now()).is_some());
    assert_eq!(session.poll_timeout(), None, "no timeout while the driver works");
}

//! Transactions: every reply in every place, and every way to break off.

use super::*;

/// After EHLO with these extensions.
fn ready(extensions: &str) -> String {
    let mut lines = vec!["S: 220 hi".to_owned(), "C: EHLO us.test".into(), "S: 250-peer".into()];
    lines.extend(extensions.split(',').map(|extension| format!("S: 250-{extension}")));
    lines.push("S: 250 X".into());
    lines.push("E: Ready\n".into());
    lines.join("\n")
}

const SENT: &str = "
    send a@x.test b@y.test c@y.test
    C: MAIL FROM:<a@x.test>
    C: RCPT TO:<b@y.test>
    C: RCPT TO:<c@y.test>
    C: DATA
";

#[test]
fn a_pipelined_message_and_the_next() {
    check(
        config(),
        &[
            &ready("PIPELINING,SIZE 1000,8BITMIME"),
            "
            send8 a@x.test b@y.test c@y.test
            C: MAIL FROM:<a@x.test> SIZE=100 BODY=8BITMIME
            C: RCPT TO:<b@y.test>
            C: RCPT TO:<c@y.test>
            C: DATA
            S: 250 2.1.0 ok
            S: 250 2.1.5 ok
            S: 550 5.1.1 who?
            S: 354 go
            E: Rcpt 0 250
            E: Rcpt 1 550
            E: DataWanted
            body .text
            C: ..text
            body last
            C: last
            end
            C: .
            S: 250 2.0.0 taken
            E: Result Peer 250 2.0.0, Peer 550 5.1.1
            E: Ready
            send <> d@y.test
            C: MAIL FROM:<> SIZE=100
            C: RCPT TO:<d@y.test>
            C: DATA
            ",
        ]
        .concat(),
    );
}

#[test]
fn without_pipelining_one_at_a_time() {
    let script = "
        send a@x.test b@y.test c@y.test
        C: MAIL FROM:<a@x.test>
        S: 250 ok
        C: RCPT TO:<b@y.test>
        S: 450 4.2.1 later
        C: RCPT TO:<c@y.test>
        E: Rcpt 0 450
        S: 251 forwarded
        C: DATA
        E: Rcpt 1 251
        S: 354 go
        E: DataWanted
        end
        C: .
        S: 451 4.3.0 no
        E: Result Peer 450 4.2.1, Peer 451 4.3.0
        E: Ready
        send a@x.test b@y.test
        C: MAIL FROM:<a@x.test>
        S: 250 ok
        C: RCPT TO:<b@y.test>
        S: 550 no
        C: RSET
        E: Rcpt 0 550
        E: Result Peer 550 5.0.0
        S: 250 ok
        E: Ready
        ";
    check(config(), &[&ready("X"), script].concat());
}

#[test]
fn each_refusal_reaches_the_right_recipients() {
    for (replies, events) in [
        // MAIL refused: for all, whatever the rest says.
        (
            "S: 550 5.7.1 no\nS: 503 x\nS: 503 x\nS: 503 x",
            "C: RSET\nE: Result Peer 550 5.7.1, Peer 550 5.7.1",
        ),
        // All recipients refused, DATA too.
        (
            "S: 250 ok\nS: 550 5.1.1 x\nS: 450 4.2.0 x\nS: 503 x",
            "C: RSET\nE: Rcpt 0 550\nE: Rcpt 1 450\nE: Result Peer 550 5.1.1, Peer 450 4.2.0",
        ),
        // DATA refused: for those who are left.
        (
            "S: 250 ok\nS: 550 5.1.1 x\nS: 250 x\nS: 452 4.3.1 full",
            "C: RSET\nE: Rcpt 0 550\nE: Rcpt 1 250\nE: Result Peer 550 5.1.1, Peer 452 4.3.1",
        ),
        // DATA accepted though no recipient was: an empty message (RFC 2920 §3.1).
        (
            "S: 250 ok\nS: 550 5.1.1 x\nS: 550 5.1.1 x\nS: 354 go",
            "C: .\nE: Rcpt 0 550\nE: Rcpt 1 550\nS: 554 no\nC: RSET\nE: Result Peer 550 5.1.1, Peer 550 5.1.1",
        ),
    ] {
        check(config(), &format!("{}{SENT}{replies}\n{events}\nS: 250 ok\nE: Ready", ready("PIPELINING")));
    }
}

#[test]
fn broken_connections_settle_everyone_once() {
    let rcpts =
        "S: 250 ok\nS: 550 5.1.1 x\nS: 250 x\nS: 354 go\nE: Rcpt 0 550\nE: Rcpt 1 250\nE: DataWanted\n";
    let lost = "E: Failed Lost 451 4.4.2 The connection was lost\n.";
    let late = "E: Failed Timeout 451 4.4.2 No reply in time\n.";
    let odd = "E: Failed Protocol 451 4.5.0 The peer's reply does not fit the command\n.";
    let stale = "E: Failed Protocol 451 4.5.0 The peer sent a reply that nothing asked for\n.";
    let early = "E: Failed Protocol 451 4.5.0 The peer answered before it was asked\n.";
    let both = "E: Result Local 451 4.4.2, Local 451 4.4.2\n";
    let one = "E: Result Peer 550 5.1.1, ";
    for tail in [
        format!("eof\n{both}{lost}"),
        format!("wait 300\n{both}{late}"),
        format!("S: 250 ok\nS: 550 5.1.1 x\nE: Rcpt 0 550\neof\n{one}Local 451 4.4.2\n{lost}"),
        "S: 250 ok\nS: 421 4.3.2 down\nE: Result Peer 421 4.3.2, Peer 421 4.3.2\nE: Failed Refused 421 4.3.2 down\n.".to_owned(),
        format!("S: 354 ok\nE: Result Local 451 4.5.0, Local 451 4.5.0\n{odd}"),
        format!("S: 250 ok\nS: 354 ok\nE: Result Local 451 4.5.0, Local 451 4.5.0\n{odd}"),
        format!(
            "S: 250 ok\nS: 250 ok\nS: 250 x\nS: 250 x\nE: Rcpt 0 250\nE: Rcpt 1 250\nE: Result Local 451 4.5.0, Local 451 4.5.0\n{odd}"
        ),
        format!("{rcpts}eof\n{one}Local 451 4.4.2\n{lost}"),
        format!("{rcpts}wait 180\n{one}Local 451 4.4.2\n{late}"),
        format!("{rcpts}S: 552 5.3.4 big\n{one}Peer 552 5.3.4\nE: Failed Refused 552 5.3.4 big\n."),
        format!("{rcpts}S: 250 early\n{one}Local 451 4.5.0\n{stale}"),
        format!("{rcpts}S: 250-early\nend\n{one}Local 451 4.5.0\n{early}"),
        format!("{rcpts}end\nC: .\neof\n{one}Uncertain 451 4.4.2\n{lost}"),
        format!("{rcpts}end\nC: .\nwait 599\nwait 1\n{one}Uncertain 451 4.4.2\n{late}"),
        format!(
            "{rcpts}end\nC: .\nS: junk\n{one}Uncertain 451 4.4.2\nE: Failed Protocol 451 4.5.0 The peer's reply is not one\n."
        ),
        format!("{rcpts}end\nC: .\nS: 354 what\n{one}Uncertain 451 4.4.2\n{odd}"),
        format!(
            "{rcpts}end\nC: .\nS: 421 4.3.2 down\n{one}Peer 421 4.3.2\nE: Failed Refused 421 4.3.2 down\n."
        ),
        format!(
            "{rcpts}end\nC: .\nS: 250 ok\n{one}Peer 250 2.0.0\nE: Ready\nS: 421 bye\nE: Failed Refused 421 bye\n."
        ),
    ] {
        check(config(), &format!("{}{SENT}{tail}", ready("PIPELINING")));
    }
}

#[test]
fn lmtp_answers_for_each_recipient() {
    let start = "
        S: 220 hi
        C: LHLO us.test
        S: 250-peer
        S: 250 PIPELINING
        E: Ready
        send a@x.test b@y.test c@y.test d@y.test
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@y.test>
        C: RCPT TO:<c@y.test>
        C: RCPT TO:<d@y.test>
        C: DATA
        S: 250 ok
        S: 250 ok
        S: 550 5.1.1 who
        S: 250 ok
        S: 354 go
        E: Rcpt 0 250
        E: Rcpt 1 550
        E: Rcpt 2 250
        E: DataWanted
        end
        C: .
        S: 250 2.0.0 ok
    ";
    let config = || Config { service: Service::Lmtp, ..config() };
    check(
        config(),
        &format!(
            "{start}S: 452 4.2.2 full\nE: Result Peer 250 2.0.0, Peer 550 5.1.1, Peer 452 4.2.2\nE: Ready"
        ),
    );
    check(
        config(),
        &format!(
            "{start}eof\nE: Result Peer 250 2.0.0, Peer 550 5.1.1, Uncertain 451 4.4.2
            E: Failed Lost 451 4.4.2 The connection was lost\n."
        ),
    );
}

#[test]
fn what_is_not_offered_is_not_tried() {
    for (extensions, deed, result) in [
        ("X", "send8 a@x.test b@y.test", "Local 554 5.6.3"),
        ("SIZE 99", "send a@x.test b@y.test", "Local 552 5.3.4"),
        ("8BITMIME", "send é@x.test b@y.test", "Local 553 5.6.7"),
        ("8BITMIME", "send a@x.test b@y.test é@y.test", "Local 553 5.6.7, Local 553 5.6.7"),
    ] {
        check(config(), &format!("{}{deed}\nE: Result {result}\nE: Ready", ready(extensions)));
    }
    check(
        config(),
        &format!("{}send é@x.test b@y.test\nC: MAIL FROM:<é@x.test> SMTPUTF8", ready("SMTPUTF8")),
    );
}

#[test]
fn many_recipients_go_out_in_windows() {
    let now = Mono::default();
    let mut session = Session::new(config(), now);
    session.handle_input(b"220 hi\r\n", now);
    session.handle_input(b"250-peer\r\n250 PIPELINING\r\n", now);
    let to: Vec<String> = (0..250).map(|i| format!("u{i}@y.test")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    session.poll_output();
    session.send(envelope("a@x.test", &to), 1, false, now);
    let mut said = 0;
    while let Some(output) = session.poll_output() {
        let count = output.split_inclusive(|b| *b == b'\n').count();
        assert!(count <= mail::limits::SMTP_PIPELINE);
        said += count;
        let replies = if said == 252 {
            "250 ok\r\n".repeat(count - 1) + "354 go\r\n"
        } else {
            "250 ok\r\n".repeat(count)
        };
        session.handle_input(replies.as_bytes(), now);
    }
    assert_eq!(said, 252);
    assert_eq!(std::iter::from_fn(|| session.poll_event()).last(), Some(Event::DataWanted));
}

#[test]
fn giving_up_sends_no_dot() {
    let now = Mono::default();
    let mut session = Session::new(config(), now);
    session.handle_input(b"220 hi\r\n", now);
    session.handle_input(b"250-peer\r\n250 PIPELINING\r\n", now);
    session.send(envelope("a@x.test", &["b@y.test"]), 1, false, now);
    session.handle_input(b"250 ok\r\n250 ok\r\n354 go\r\n", now);
    session.body(b"half", now);
    session.abort();
    session.body(b"more", now);
    session.body_end(now);
    assert_eq!((session.poll_output(), session.poll_event(), session.is_closed()), (None, None, true));
}

/// Event `Ready` waits, the peer says too much, the driver sends.
#[test]
fn a_message_for_a_connection_that_broke_has_its_result_before_the_failure() {
    let now = Mono::default();
    let mut session = Session::new(config(), now);
    session.handle_input(b"220 hi\r\n", now);
    session.handle_input(b"250 peer.test\r\n250 again\r\n", now);
    assert!(matches!(session.poll_event(), Some(Event::Ready(_))));
    session.send(envelope("a@us.test", &["b@peer.test", "c@peer.test"]), 9, false, now);
    let Some(Event::MessageResult(outcomes)) = session.poll_event() else { panic!("no result") };
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|o| o.source == Source::Local && o.reply.is_temporary()));
    assert!(matches!(session.poll_event(), Some(Event::Failed(_))));
}

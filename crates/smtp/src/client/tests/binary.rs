//! Binary messages: BDAT, many chunks under way, and every reply to them (RFC 3030).

use super::*;

const BEGUN: &str = "
    S: 220 hi
    C: EHLO us.test
    S: 250-peer
    S: 250-PIPELINING
    S: 250-CHUNKING
    S: 250 BINARYMIME
    E: Ready
    sendb a@x.test b@y.test c@y.test
    C: MAIL FROM:<a@x.test> BODY=BINARYMIME
    C: RCPT TO:<b@y.test>
    C: RCPT TO:<c@y.test>
    S: 250 ok
    S: 250 ok
    S: 550 5.1.1 who?
    E: Rcpt 0 250
    E: Rcpt 1 550
    E: DataWanted
    body one
    C: BDAT 5
    C: one
    body .
    C: BDAT 3
    C: .
";

fn play(rest: &str) {
    check(config(), &format!("{BEGUN}{rest}"));
}

#[test]
fn chunks_go_out_with_their_lengths() {
    play(
        "
        end
        C: BDAT 0 LAST
        S: 250 chunk
        S: 250 chunk
        S: 250 2.0.0 taken
        E: Result Peer 250 2.0.0, Peer 550 5.1.1
        E: Ready
        send a@x.test b@y.test
        C: MAIL FROM:<a@x.test>
        C: RCPT TO:<b@y.test>
        C: DATA
        ",
    );
    play(
        "
        S: 250 chunk
        S: 250 chunk
        end
        C: BDAT 0 LAST
        S: 554 5.6.0 no
        E: Result Peer 554 5.6.0, Peer 550 5.1.1
        E: Ready
        ",
    );
}

#[test]
fn a_refused_chunk_ends_the_connection() {
    play(
        "
        S: 250 chunk
        S: 552 5.3.4 too large
        E: Result Peer 552 5.3.4, Peer 550 5.1.1
        E: Failed Refused 552 5.3.4 too large
        .
        ",
    );
    play(
        "
        end
        C: BDAT 0 LAST
        S: 452 4.3.1 full
        E: Result Peer 452 4.3.1, Peer 550 5.1.1
        E: Failed Refused 452 4.3.1 full
        .
        ",
    );
    play(
        "
        S: 354 go on
        E: Result Local 451 4.5.0, Peer 550 5.1.1
        E: Failed Protocol 451 4.5.0 The peer's reply does not fit the command
        .
        ",
    );
}

#[test]
fn before_the_last_chunk_nothing_is_taken_and_behind_it_all_is_open() {
    play(
        "
        eof
        E: Result Local 451 4.4.2, Peer 550 5.1.1
        E: Failed Lost 451 4.4.2 The connection was lost
        .
        ",
    );
    play(
        "
        end
        C: BDAT 0 LAST
        S: 250 chunk
        S: 250 chunk
        eof
        E: Result Uncertain 451 4.4.2, Peer 550 5.1.1
        E: Failed Lost 451 4.4.2 The connection was lost
        .
        ",
    );
}

#[test]
fn nobody_to_send_it_to_is_no_chunk() {
    check(
        config(),
        "
        S: 220 hi
        C: EHLO us.test
        S: 250-peer
        S: 250-CHUNKING
        S: 250 BINARYMIME
        E: Ready
        sendb a@x.test b@y.test
        C: MAIL FROM:<a@x.test> BODY=BINARYMIME
        S: 250 ok
        C: RCPT TO:<b@y.test>
        S: 550 5.1.1 who?
        C: RSET
        E: Rcpt 0 550
        E: Result Peer 550 5.1.1
        ",
    );
}

#[test]
fn a_peer_without_it_gets_nothing() {
    for offers in ["BINARYMIME", "CHUNKING", "8BITMIME"] {
        check(
            config(),
            &format!(
                "
                S: 220 hi
                C: EHLO us.test
                S: 250-peer
                S: 250 {offers}
                E: Ready
                sendb a@x.test b@y.test
                E: Result Local 554 5.6.3
                E: Ready
                "
            ),
        );
    }
}

/// Neither side may fill the other's buffers while both only write (RFC 2920 §3.1).
#[test]
fn only_so_many_chunks_are_under_way() {
    let now = Mono::default();
    let mut session = Session::new(config(), now);
    session.handle_input(b"220 hi\r\n", now);
    session.handle_input(b"250-peer\r\n250-CHUNKING\r\n250-PIPELINING\r\n250 BINARYMIME\r\n", now);
    let binary = Envelope { body: BodyType::BinaryMime, ..envelope("a@x.test", &["b@y.test"]) };
    session.send(binary, 100, true, now);
    session.handle_input(b"250 ok\r\n250 ok\r\n", now);
    for _ in 0..mail::limits::SMTP_CHUNKS_UNDERWAY {
        assert!(session.wants_body() && !session.wants_input());
        session.body(b"x", now);
    }
    assert!(!session.wants_body() && session.wants_input());
    session.handle_input(b"250 chunk\r\n", now);
    assert!(session.wants_body());
}

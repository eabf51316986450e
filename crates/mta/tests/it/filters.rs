//! Milters and hooks, scripted: every change, every refusal, every way to fail.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mta::Settings;
use mta::filters::{Filter, Hook, Kind, OnFailure};
use world::Stream;

use crate::office::{Client, Office, Plan, message};
use crate::taking::run;
use crate::world::Outside;

const ANN: &str = "ann@alpha.test";
const AT: &str = "192.0.2.77:8891";

/// Answers to a command: packets as (code, data). `None` closes the connection, an empty list says nothing.
type Script = fn(char, &[u8]) -> Option<Vec<(char, Vec<u8>)>>;

/// What a milter was told, one line for each packet but macros.
type Heard = Arc<Mutex<Vec<String>>>;

#[expect(clippy::unnecessary_wraps, reason = "scripts may give none")]
fn yes() -> Option<Vec<(char, Vec<u8>)>> {
    Some(vec![('c', Vec::new())])
}

#[expect(clippy::unnecessary_wraps, reason = "scripts may give none")]
fn one(code: char, data: &[u8]) -> Option<Vec<(char, Vec<u8>)>> {
    Some(vec![(code, data.to_vec())])
}

/// Runs a milter at [`AT`] that wants to see everything.
fn start_milter(outside: &Outside, script: Script) -> Heard {
    let heard = Heard::default();
    let mut arrivals = outside.wires.bind(AT.parse().expect("an address"));
    let (tasks, all) = (outside.host("192.0.2.77".parse().expect("an address")).tasks, Arc::clone(&heard));
    let spawner = Arc::clone(&tasks);
    tasks.spawn(Box::pin(async move {
        while let Some(stream) = arrivals.recv().await {
            spawner.spawn(Box::pin(serve_milter(stream, script, Arc::clone(&all))));
        }
    }));
    heard
}

async fn serve_milter(mut stream: Stream, script: Script, heard: Heard) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let Some(length) = bytes.first_chunk().map(|four| u32::from_be_bytes(*four) as usize) else {
            match stream.read(&mut buffer).await {
                Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
                _ => return,
            }
            continue;
        };
        if bytes.len() < 4 + length {
            match stream.read(&mut buffer).await {
                Ok(n @ 1..) => bytes.extend_from_slice(&buffer[..n]),
                _ => return,
            }
            continue;
        }
        let packet: Vec<u8> = bytes.drain(..4 + length).skip(4).collect();
        let (command, data) = (char::from(packet[0]), &packet[1..]);
        let answers = match command {
            'O' => Some(vec![('O', [6u32, 0x1ff, 0].map(u32::to_be_bytes).concat())]),
            'D' | 'Q' => Some(Vec::new()),
            'A' => script('A', data).map(|_| Vec::new()),
            other => script(other, data),
        };
        if command != 'D' && command != 'O' {
            let text = String::from_utf8_lossy(data).replace('\0', "|");
            heard.lock().expect("no panics").push(format!("{command} {text}"));
        }
        let Some(answers) = answers else { return };
        for (code, data) in answers {
            let length = data.len() as u32 + 1;
            let packet = [&length.to_be_bytes()[..], &[code as u8], &data].concat();
            if stream.write_all(&packet).await.is_err() {
                return;
            }
        }
    }
}

fn with_filter(kind: Kind, on_failure: OnFailure) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.filters = vec![Filter { on_failure, timeout: Duration::from_secs(10), ..Filter::new(kind) }];
    }
}

fn milter() -> Kind {
    Kind::Milter("inet:8891@192.0.2.77".parse().expect("an address"))
}

async fn hello(office: &Office) -> Client {
    let mut client = office.client(25).await;
    client.say("EHLO there.test").await;
    client
}

async fn send(office: &Office) -> String {
    hello(office).await.mail("a@b.test", &[ANN], &message("a@b.test", "ann", "one")).await
}

#[test]
fn a_milter_sees_everything_and_changes_everything() {
    run(|outside| async move {
        let heard = start_milter(&outside, |command, _| {
            if command != 'E' {
                return yes();
            }
            Some(vec![
                ('h', b"X-Last\0yes\0".to_vec()),
                ('i', b"\0\0\0\0X-First\0a\n b\0".to_vec()),
                ('i', b"\0\0\0\x01X-Second\0c\0".to_vec()),
                ('m', b"\0\0\0\x01subject\0another\0".to_vec()),
                ('m', b"\0\0\0\x01Message-ID\0\0".to_vec()),
                ('p', Vec::new()),
                ('b', b"One\nTwo\r\n".to_vec()),
                ('b', b"Three\r".to_vec()),
                ('e', b"<new@b.test>\0".to_vec()),
                ('+', b"<abe@alpha.test>\0".to_vec()),
                ('-', b"<ANN@alpha.test>\0".to_vec()),
                ('c', Vec::new()),
            ])
        });
        let office = Office::open(&outside, &Plan::alpha(), with_filter(milter(), OnFailure::TempFail)).await;
        let reply = send(&office).await;
        assert!(reply.starts_with("250"), "{reply}");
        assert!(office.inbox(ANN).await.is_empty());
        let inbox = office.inbox("abe@alpha.test").await;
        let mail = inbox[0].replace("\r\n", "\n");
        assert!(
            mail.starts_with(
                "Return-Path: <new@b.test>\nDelivered-To: abe@alpha.test\nX-First: a\n b\nReceived:"
            ),
            "{mail}"
        );
        let (_, rest) = mail.split_once("\nX-Second: c\n").expect("below our trace field");
        assert_eq!(rest, "From: <a@b.test>\nTo: <ann>\nsubject: another\nX-Last: yes\n\nOne\nTwo\nThree\n");
        assert!(inbox[0].ends_with("\r\n\r\nOne\r\nTwo\r\nThree\r\n"));
        let told = office.told().await.join("\n");
        for note in [
            "sender <new@b.test> instead of <a@b.test>",
            "recipient <abe@alpha.test> added",
            "recipient <ANN@alpha.test> taken away",
        ] {
            assert!(told.contains(note), "{note}: {told}");
        }
        let heard = heard.lock().expect("no panics").clone();
        let expected = [
            "C [198.51.100.7]|4\u{fffd}P198.51.100.7|",
            "H there.test|",
            "M <a@b.test>|",
            "R <ann@alpha.test>|",
            "T ",
            "L From|<a@b.test>|",
            "L To|<ann>|",
            "L Subject|one|",
            "L Message-ID|<one@test>|",
            "N ",
            "B Hello.\r\n",
            "E ",
        ];
        assert_eq!(heard, expected);
    });
}

#[test]
fn what_a_milter_refuses_is_refused_to_the_client() {
    let scripts: [(Script, &str); 9] = [
        (|c, _| if c == 'C' { one('r', b"") } else { yes() }, "550 5.7.1"),
        (|c, _| if c == 'H' { one('y', b"554 5.7.9 not you\0") } else { yes() }, "554 5.7.9 not you"),
        (|c, _| if c == 'M' { one('t', b"") } else { yes() }, "451 4.7.1"),
        (|c, _| if c == 'R' { one('r', b"") } else { yes() }, "550 5.7.1"),
        (|c, _| if c == 'T' { one('r', b"") } else { yes() }, "550 5.7.1"),
        (|c, _| if c == 'L' { one('t', b"") } else { yes() }, "451 4.7.1"),
        (|c, _| if c == 'B' { one('y', b"550 5.6.0 odd\0") } else { yes() }, "550 5.6.0 odd"),
        (|c, _| if c == 'E' { one('r', b"") } else { yes() }, "550 5.7.1"),
        (|c, _| if c == 'M' { one('4', b"") } else { yes() }, "421 4.7.0"),
    ];
    for (script, expected) in scripts {
        run(move |outside| async move {
            start_milter(&outside, script);
            let office =
                Office::open(&outside, &Plan::alpha(), with_filter(milter(), OnFailure::TempFail)).await;
            let reply = send(&office).await;
            assert!(reply.starts_with(expected), "{expected}: {reply}");
            assert!(office.holds_no_mail(&[ANN]).await);
            office.mta.flush().await;
            assert!(office.told().await.join("\n").contains(&expected[4..9]));
        });
    }
}

#[test]
fn agreement_discarding_and_quarantine() {
    run(|outside| async move {
        let heard = start_milter(&outside, |c, data| match c {
            'M' if data.starts_with(b"<ok@") => one('a', b""),
            'R' if data.starts_with(b"<abe@") => one('d', b""),
            'E' => Some(vec![('q', b"odd\0".to_vec()), ('c', Vec::new())]),
            _ => yes(),
        });
        let office = Office::open(&outside, &Plan::alpha(), with_filter(milter(), OnFailure::TempFail)).await;
        let mut client = hello(&office).await;
        let text = message("a@b.test", "ann", "one");
        assert!(client.mail("ok@b.test", &[ANN], &text).await.starts_with("250"));
        assert_eq!(office.inbox(ANN).await.len(), 1);
        assert_eq!(heard.lock().expect("no panics").len(), 3, "nothing is told after Accept");
        assert!(
            client.mail("a@b.test", &["abe@alpha.test"], &text).await.starts_with("250 2.0.0 Ok: taken as")
        );
        assert!(office.inbox("abe@alpha.test").await.is_empty());
        assert!(client.mail("a@b.test", &[ANN], &text).await.starts_with("250"));
        assert_eq!(office.inbox(ANN).await.len(), 1, "it is in Junk");
        let told = office.told().await.join("\n");
        assert!(told.contains("thrown away by milter inet:8891@192.0.2.77"), "{told}");
        assert!(told.contains("quarantined: odd") && told.contains("Junk"), "{told}");
        // What would go on to others is not sent.
        let mut user = office.user(ANN).await;
        let reply = user.mail(ANN, &["x@far.test"], &message(ANN, "x@far.test", "out")).await;
        assert!(reply.starts_with("550 5.7.1 not sent on: milter inet:8891@192.0.2.77: odd"), "{reply}");
        assert!(office.queued().await.is_empty());
    });
}

/// F36: whatever a filter does not do, nothing half-done is kept, and the client tries again.
#[test]
fn a_milter_that_fails_has_changed_nothing() {
    let scripts: [Option<Script>; 8] = [
        None,
        Some(|c, _| if c == 'C' { None } else { yes() }),
        Some(|c, _| if c == 'R' { None } else { yes() }),
        Some(|c, _| if c == 'B' { Some(Vec::new()) } else { yes() }),
        // It dies in the middle of another body.
        Some(|c, _| if c == 'E' { one('b', b"half a bo") } else { yes() }),
        Some(|c, _| if c == 'E' { Some(vec![('h', b"X\0y\0".to_vec()), ('Z', Vec::new())]) } else { yes() }),
        Some(|c, _| if c == 'L' { one('h', b"X\0y\0") } else { yes() }),
        Some(
            |c, _| {
                if c == 'E' {
                    Some(vec![('+', b"<no address>\0".to_vec()), ('c', Vec::new())])
                } else {
                    yes()
                }
            },
        ),
    ];
    for (number, script) in scripts.into_iter().enumerate() {
        for on_failure in [OnFailure::TempFail, OnFailure::Accept] {
            run(move |outside| async move {
                if let Some(script) = script {
                    start_milter(&outside, script);
                }
                let office = Office::open(&outside, &Plan::alpha(), with_filter(milter(), on_failure)).await;
                let reply = send(&office).await;
                let inbox = office.inbox(ANN).await;
                if on_failure == OnFailure::TempFail {
                    assert_eq!(
                        reply, "451 4.7.1 a filter is not available, try again later",
                        "script {number}"
                    );
                    assert!(inbox.is_empty());
                } else {
                    assert!(reply.starts_with("250"), "script {number}: {reply}");
                    assert!(inbox[0].ends_with("Message-ID: <one@test>\r\n\r\nHello.\r\n"), "{}", inbox[0]);
                    let told = office.told().await.join("\n");
                    assert!(told.contains("let pass without it"), "{told}");
                }
            });
        }
    }
}

#[test]
fn one_connection_serves_many_messages_and_is_made_anew_when_it_breaks() {
    run(|outside| async move {
        let heard = start_milter(&outside, |_, _| yes());
        let office = Office::open(&outside, &Plan::alpha(), with_filter(milter(), OnFailure::TempFail)).await;
        let mut client = hello(&office).await;
        let text = message("a@b.test", "ann", "one");
        for _ in 0..3 {
            assert!(client.mail("a@b.test", &[ANN], &text).await.starts_with("250"));
        }
        client.say("MAIL FROM:<a@b.test>").await;
        client.say("RSET").await;
        assert!(client.mail("a@b.test", &[ANN], &text).await.starts_with("250"));
        client.say("QUIT").await;
        office.world.clock.sleep(Duration::from_secs(1)).await;
        let count = |what: char| {
            heard.lock().expect("no panics").iter().filter(|line| line.starts_with(what)).count()
        };
        assert_eq!(['C', 'M', 'A', 'E', 'Q'].map(count), [1, 5, 1, 4, 1]);
        // Another one, which closes the connection when a message is given up.
        let heard = start_milter(&outside, |c, _| if c == 'A' { None } else { yes() });
        let mut client = hello(&office).await;
        client.say("MAIL FROM:<a@b.test>").await;
        client.say("RSET").await;
        assert!(client.mail("a@b.test", &[ANN], &text).await.starts_with("250"));
        let count = |what: char| {
            heard.lock().expect("no panics").iter().filter(|line| line.starts_with(what)).count()
        };
        assert_eq!(['C', 'M', 'E'].map(count), [2, 2, 1], "it was told again");
    });
}

/// A hook at [`AT`] that answers each request with the next of these bodies; what it was asked.
fn start_hook(outside: &Outside, answers: &[&'static str]) -> Heard {
    let heard = Heard::default();
    let mut arrivals = outside.wires.bind(AT.parse::<SocketAddr>().expect("an address"));
    let tasks = outside.host("192.0.2.77".parse().expect("an address")).tasks;
    let (all, answers) = (Arc::clone(&heard), answers.to_vec());
    tasks.spawn(Box::pin(async move {
        for answer in answers {
            let Some(mut stream) = arrivals.recv().await else { return };
            let mut text = String::new();
            let mut buffer = [0; 4096];
            loop {
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                    if body.len() >= length.expect("a length").parse().expect("a number") {
                        break;
                    }
                }
                match stream.read(&mut buffer).await {
                    Ok(n @ 1..) => text.push_str(&String::from_utf8_lossy(&buffer[..n])),
                    _ => break,
                }
            }
            all.lock().expect("no panics").push(text);
            let length = answer.len();
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}");
            let response = if answer.is_empty() { "HTTP/1.1 500 No\r\n\r\n".to_owned() } else { response };
            drop(stream.write_all(response.as_bytes()).await);
        }
    }));
    heard
}

fn hook() -> Kind {
    use filter::hook::Stage;
    Kind::Hook(Hook {
        url: "http://192.0.2.77:8891/mail?key=1".parse().expect("a URL"),
        stages: [Stage::Connect, Stage::Mail, Stage::Rcpt, Stage::Data].into(),
        message_size: 1 << 20,
    })
}

const ACCEPT: &str = r#"{"action":"accept"}"#;

#[test]
fn a_hook_is_asked_at_each_stage() {
    run(|outside| async move {
        let last = r#"{"action":"quarantine","text":"odd","add_headers":[["X-One","1"],["X-Two","2"]]}"#;
        let heard = start_hook(&outside, &[ACCEPT, ACCEPT, ACCEPT, last]);
        let office = Office::open(&outside, &Plan::alpha(), with_filter(hook(), OnFailure::TempFail)).await;
        assert!(send(&office).await.starts_with("250"));
        let heard = heard.lock().expect("no panics").clone();
        for (text, stage) in heard.iter().zip(["connect", "mail", "rcpt", "data"]) {
            assert!(text.starts_with("POST /mail?key=1 HTTP/1.1\r\nHost: 192.0.2.77:8891\r\n"), "{text}");
            assert!(text.contains(&format!("\"stage\":\"{stage}\"")), "{text}");
        }
        for part in [
            "\"from\":\"a@b.test\"",
            "\"to\":[\"ann@alpha.test\"]",
            "[\"Subject\",\"one\"]",
            "\"truncated\":false",
            "\"message\":\"RnJvbTog",
        ] {
            assert!(heard[3].contains(part), "{part}: {}", heard[3]);
        }
        assert!(office.inbox(ANN).await.is_empty());
        assert!(office.told().await.join("\n").contains("hook http://192.0.2.77:8891: quarantined: odd"));
    });
}

#[test]
fn a_hook_refuses_and_fails() {
    const REFUSE: &str = r#"{"action":"reject","text":"go away"}"#;
    for (answers, expected) in [
        (&[REFUSE][..], "550 5.7.1 go away"),
        (&[ACCEPT, REFUSE], "550 5.7.1 go away"),
        (&[ACCEPT, ACCEPT, REFUSE], "550 5.7.1 go away"),
        (&[ACCEPT, ACCEPT, ACCEPT, REFUSE], "550 5.7.1 go away"),
        (&[ACCEPT, ACCEPT, ACCEPT, r#"{"action":"discard"}"#], "250 2.0.0 Ok: taken as"),
        (&[ACCEPT, ACCEPT, ACCEPT, ""], "451 4.7.1 a filter is not available"),
        (&[ACCEPT, ""], "451 4.7.1 a filter is not available"),
        (&[ACCEPT, ACCEPT, ACCEPT], "451 4.7.1 a filter is not available"),
        (&["nonsense"], "451 4.7.1 a filter is not available"),
    ] {
        run(move |outside| async move {
            start_hook(&outside, answers);
            let office =
                Office::open(&outside, &Plan::alpha(), with_filter(hook(), OnFailure::TempFail)).await;
            let mut client = office.client(25).await;
            let reply = if client.greeting.starts_with("220") {
                client.say("EHLO there.test").await;
                client.mail("a@b.test", &[ANN], &message("a@b.test", "ann", "one")).await
            } else {
                client.greeting.clone()
            };
            assert!(reply.starts_with(expected), "{answers:?}: {reply}");
            assert!(office.holds_no_mail(&[ANN]).await);
        });
    }
}

//! Tables of commands, and what every input has in common.

mod messages;
mod productions;
mod searches;

use mail::{Flag, Keyword, MailboxName, Wall};

use super::{Piece, Place, Segment, parse};
use crate::command::*;
use crate::sequence::Number::{Largest, Value};
use crate::{Command, SequenceSet, Text};

fn command(text: &str) -> Command {
    match parse(format!("a {text}\r\n").as_bytes()) {
        Ok(request) => request.command,
        Err(error) => panic!("{text}: {error}"),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as commands hold it")]
fn mailbox(name: &str) -> Mailbox {
    Ok(MailboxName::new(name).expect("a good name"))
}

fn select(name: &str, read_only: bool) -> Command {
    Command::Select(Select { mailbox: mailbox(name), read_only, condstore: false, resync: None })
}

fn create(mailbox: Mailbox, special_uses: &[&str]) -> Command {
    Command::Create {
        mailbox,
        special_uses: special_uses.iter().map(|&attribute| attribute.into()).collect(),
    }
}

fn metadata(name: Option<&str>, entries: &[&str], max_size: Option<u32>, depth: Depth) -> Command {
    let entries = entries.iter().map(ToString::to_string).collect();
    Command::GetMetadata(GetMetadata { mailbox: name.map(mailbox), entries, max_size, depth })
}

fn one(n: u32) -> SequenceSet {
    SequenceSet::Written(vec![(Value(n), Value(n))])
}

#[test]
fn mailbox_commands() {
    for (text, expected) in [
        ("SELECT inbox", select("INBOX", false)),
        ("examine \"a b\"", select("a b", true)),
        ("CREATE Entw&APw-rfe/", create(mailbox("Entwürfe"), &[])),
        ("CREATE &bad", create(Err(BadName::Encoding), &[])),
        ("CREATE x (use (\\Drafts \\sent))", create(mailbox("x"), &["\\Drafts", "\\sent"])),
        ("CREATE x (USE ())", create(mailbox("x"), &[])),
        ("DELETE {3}\r\na/b", Command::Delete(mailbox("a/b"))),
        ("RENAME a {1+}\r\nb", Command::Rename { from: mailbox("a"), to: mailbox("b") }),
        ("SUBSCRIBE ]x", Command::Subscribe(mailbox("]x"))),
        ("LSUB \"\" %", Command::Lsub { reference: String::new(), pattern: "%".into() }),
        (
            "STATUS x (mailboxid unseen)",
            Command::Status { mailbox: mailbox("x"), items: vec![StatusItem::MailboxId, StatusItem::Unseen] },
        ),
        ("UID EXPUNGE 3:*", Command::Expunge { uids: Some(SequenceSet::Written(vec![(Value(3), Largest)])) }),
        ("MOVE 1 x", Command::Copy { uid: false, set: one(1), mailbox: mailbox("x"), and_remove: true }),
        ("UID COPY 1 x", Command::Copy { uid: true, set: one(1), mailbox: mailbox("x"), and_remove: false }),
        ("ID NIL", Command::Id(Vec::new())),
        (
            "GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment \"/Private/Comment\")",
            metadata(Some("INBOX"), &["/shared/comment", "/private/comment"], Some(1024), Depth::Zero),
        ),
        ("getmetadata (depth infinity) \"\" /shared", metadata(None, &["/shared"], None, Depth::Infinity)),
        (
            "SETMETADATA {5}\r\nINBOX (/private/comment ~{2}\r\n\0a /shared/comment nil)",
            Command::SetMetadata {
                mailbox: Some(mailbox("INBOX")),
                values: vec![
                    ("/private/comment".into(), Some(vec![0, b'a'])),
                    ("/shared/comment".into(), None),
                ],
            },
        ),
        ("GETQUOTA {2}\r\n#u", Command::GetQuota(b"#u".to_vec())),
        ("getquotaroot inbox", Command::GetQuotaRoot(mailbox("INBOX"))),
        ("SETQUOTA \"\" (STORAGE 512 X-Y 0)", Command::SetQuota),
        ("GETACL INBOX", Command::GetAcl(mailbox("INBOX"))),
        (
            "SETACL INBOX {3}\r\nbob +cda",
            Command::SetAcl {
                mailbox: mailbox("INBOX"),
                identifier: "bob".into(),
                how: StoreHow::Add,
                rights: mail::Rights::parse("kxeta").expect("letters"),
            },
        ),
        (
            "setacl a -bob \"\"",
            Command::SetAcl {
                mailbox: mailbox("a"),
                identifier: "-bob".into(),
                how: StoreHow::Replace,
                rights: mail::Rights::NONE,
            },
        ),
        ("DELETEACL a \"B\"", Command::DeleteAcl { mailbox: mailbox("a"), identifier: "B".into() }),
        ("LISTRIGHTS a b", Command::ListRights { mailbox: mailbox("a"), identifier: "b".into() }),
        ("MYRIGHTS inbox", Command::MyRights(mailbox("INBOX"))),
        ("UIDBATCHES 2000", Command::UidBatches { size: 2000, batches: None }),
        ("uidbatches 1 10:20", Command::UidBatches { size: 1, batches: Some((10, 20)) }),
        ("UIDBATCHES 2000 4:1", Command::UidBatches { size: 2000, batches: Some((4, 1)) }),
        ("COMPRESS deflate", Command::Compress),
        ("ENABLE condstore X", Command::Enable(vec!["CONDSTORE".into(), "X".into()])),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
}

/// RFC 4314 §3.1: what is no right is BAD, capitals too; §7: the arguments.
#[test]
fn rights_that_there_are_not() {
    for command in [
        "SETACL a b lrQs",
        "SETACL a b lrqswicda",
        "SETACL a b l0",
        "SETACL a b ++l",
        "SETACL a b",
        "SETACL a {1}\r\n\u{fc} l",
        "DELETEACL a",
        "DELETEACL a b c",
        "LISTRIGHTS a",
        "GETACL",
        "MYRIGHTS a b",
    ] {
        assert!(parse(format!("a {command}\r\n").as_bytes()).is_err(), "{command}");
    }
}

/// RFC 5465 §8.
#[test]
fn notifies() {
    assert_eq!(command("NOTIFY none"), Command::Notify(Notify::None));
    let selected = Events {
        message_new: true,
        fetch: vec![FetchItem::Uid, FetchItem::Flags],
        message_expunge: true,
        ..Events::default()
    };
    let names = Events { mailbox_name: true, server_metadata: true, ..Events::default() };
    let groups = vec![
        EventGroup { filter: MailboxFilter::Selected { delayed: true }, events: selected },
        EventGroup { filter: MailboxFilter::Subtree(vec![mailbox("a"), mailbox("b")]), events: names },
        EventGroup { filter: MailboxFilter::Mailboxes(vec![mailbox("INBOX")]), events: Events::default() },
    ];
    assert_eq!(
        command(
            "notify set status (selected-delayed (messagenew (uid flags) messageexpunge)) \
             (subtree (a b) (MailboxName ServerMetadataChange)) (mailboxes inbox none)"
        ),
        Command::Notify(Notify::Set { status: true, groups, supported: true })
    );
    let Command::Notify(Notify::Set { supported, .. }) = command("NOTIFY SET (personal (X-Y))") else {
        panic!("a NOTIFY");
    };
    assert!(!supported);
    // RFC 9051 §5.1: names are compared in one normal form.
    let filter = |text: &str| match command(&format!("NOTIFY SET ({text} (MailboxName))")) {
        Command::Notify(Notify::Set { mut groups, .. }) => groups.remove(0).filter,
        other => panic!("{other:?}"),
    };
    for name in ["u\u{308}", "\u{fc}"].map(|name| MailboxName::new(name).expect("a good name")) {
        for text in ["mailboxes u&Awg-", "subtree (x &APw-)"] {
            assert!(filter(text).matches(&name, true, false), "{text} {name}");
        }
        assert!(!filter("mailboxes u").matches(&name, true, false), "{name}");
    }
}

/// RFC 5464 §3.2: BAD for names that are none.
#[test]
fn names_of_annotations() {
    for name in [
        "x",
        "/x/y",
        "/shared",
        "/shared/",
        "/shared//x",
        "/shared/a*",
        "/shared/%",
        "\"/shared/\u{fc}\"",
        "/private/vendor/x",
        "\"/shared/a\tb\"",
    ] {
        assert!(parse(format!("a GETMETADATA x {name}\r\n").as_bytes()).is_err(), "{name}");
    }
    let many = "/shared/x ".repeat(mail::limits::ANNOTATIONS);
    for command in ["GETMETADATA x (", "LIST \"\" * RETURN (METADATA ("] {
        let parsed = parse(format!("a {command}{many}/shared/x))\r\n").as_bytes());
        assert_eq!(parsed.map(|_| ()).map_err(|error| error.0), Err("Too many entries"), "{command}");
    }
    let long = "x".repeat(mail::limits::ANNOTATION_NAME);
    assert!(parse(format!("a GETMETADATA x /shared/{long}\r\n").as_bytes()).is_err());
}

#[test]
fn list_options() {
    let list = List {
        patterns: vec!["a*".into(), "ü".into()],
        extended: true,
        select_subscribed: true,
        select_recursive: true,
        return_status: vec![StatusItem::Messages],
        ..List::default()
    };
    let text = "LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) \"\" (a* &APw-) RETURN (CHILDREN STATUS (MESSAGES))";
    assert_eq!(command(text), Command::List(list));
    let plain = List { reference: "x/".into(), patterns: vec!["%".into()], ..List::default() };
    assert_eq!(command("LIST x/ %"), Command::List(plain));
}

#[test]
fn what_is_refused() {
    let deep = format!("SEARCH {}SEEN{}", "(".repeat(40), ")".repeat(40));
    let deep_not = format!("SEARCH {}SEEN", "NOT ".repeat(40));
    let long = format!("STORE 1 FLAGS {}", "x".repeat(200));
    let long_id = format!("SEARCH EMAILID {}", "M".repeat(256));
    let many = format!("FETCH 1 (UID{})", " UID".repeat(500));
    for text in [
        "",
        "X",
        "NOOP NOOP",
        "LOGIN u",
        "LOGIN u \"p",
        "LOGIN u \"\\a\"",
        "LOGIN {2}\r\n\0a b",
        "LOGIN {5}\r\nab",
        "SELECT",
        "SELECT (",
        "FETCH 0 FLAGS",
        "FETCH 1, FLAGS",
        "FETCH 1: FLAGS",
        "FETCH 4294967296 FLAGS",
        "FETCH 1 ()",
        "FETCH 1 (FLAGS",
        "FETCH 1 (FAST)",
        "FETCH 1 BODY[1.]",
        "FETCH 1 BODY[MIME]",
        "FETCH 1 BODY[0]",
        "FETCH 1 BODY[]<0>",
        "FETCH 1 BODY[]<0.0>",
        "FETCH 1 BODY[HEADER.FIELDS ()]",
        "STORE 1 FLAGS",
        "STORE 1 FLAGS \\Recent",
        "STORE 1 FLAGS (\\Unknown)",
        "SEARCH",
        "SEARCH WHAT",
        "SEARCH ON 32-Jan-2026",
        "SEARCH ON 1-Foo-2026",
        "SEARCH (",
        "SEARCH OR SEEN",
        "CREATE x ()",
        "CREATE x (USE)",
        "CREATE x (USE (Sent))",
        "CREATE x (WHAT (\\Sent))",
        "STATUS x ()",
        "SEARCH EMAILID \"M1\"",
        "SEARCH THREADID",
        "SEARCH FUZZY",
        "SEARCH RETURN (RELEVANCY) ALL",
        "SORT (RELEVANCY) UTF-8 ALL",
        "SORT RETURN (RELEVANCY) (DATE) UTF-8 ALL",
        "SEARCH UIDAFTER 0",
        "SEARCH UIDBEFORE 1:2",
        "SEARCH SAVEDON",
        "SEARCH SAVEDATESUPPORTED 1-Jan-2026",
        "STATUS x (WHAT)",
        "UID NOOP",
        "LIST \"\"",
        "LIST (RECURSIVEMATCH) \"\" *",
        "ENABLE",
        "ID (\"a\")",
        "AUTHENTICATE PLAIN !!",
        &deep,
        &deep_not,
        &long,
        &long_id,
        &many,
    ] {
        assert!(parse(format!("a {text}\r\n").as_bytes()).is_err(), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_panics(input in proptest::collection::vec(0u8.., 0..120)) {
        drop(parse(&input));
        drop(super::append_start(Text::Ascii, &input));
        drop(super::parse_in(Text::Utf8, &input));
        for place in [Place::Message, Place::Behind, Place::Parts(0), Place::Parts(1), Place::Utf8] {
            drop(super::append_more(Text::Ascii, &input, place, false));
        }
    }

    #[test]
    fn near_misses_do_not_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "FETCH", "UID", "STORE", "SEARCH", "LIST", "1:*", "4294967295", "(", ")", "BODY[", "]", "<0.1>", " ", " ", " ",
                "\"", "{3}\r\n", "{3+}\r\nabc", "\\Seen", "FLAGS", "NOT", "OR", "HEADER.FIELDS", "APPEND", "INBOX", "1-Jan-2026", "*",
            ]),
            0..20,
        )
    ) {
        drop(parse(format!("a {}", words.concat()).as_bytes()));
    }
}

/// RFC 7162 §3.1.8, §3.2.5, §7.
#[test]
fn selects_with_parameters() {
    let resync = |known| Resync { uid_validity: 67, modseq: 90, known, has_match_data: false };
    let with_data = |known| Resync { has_match_data: true, ..resync(known) };
    let selected = |condstore, resync| {
        Command::Select(Select { mailbox: mailbox("INBOX"), read_only: false, condstore, resync })
    };
    let span = |a, b| SequenceSet::Written(vec![(Value(a), Value(b))]);
    for (text, expected) in [
        ("SELECT INBOX (CONDSTORE)", selected(true, None)),
        ("SELECT INBOX (QRESYNC (67 90))", selected(false, Some(resync(None)))),
        ("SELECT INBOX (QRESYNC (67 90 41:211))", selected(false, Some(resync(Some(span(41, 211)))))),
        (
            "SELECT INBOX (QRESYNC (67 90 1:5 (1,3 2,4)) CONDSTORE)",
            selected(true, Some(with_data(Some(span(1, 5))))),
        ),
        ("SELECT INBOX (QRESYNC (67 90 (1,3 2,4)))", selected(false, Some(with_data(None)))),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
}

#[test]
fn extended_forms_that_are_wrong() {
    for text in [
        "SELECT INBOX (X)",
        "SELECT INBOX (QRESYNC (0 1))",
        "SELECT INBOX (QRESYNC (1 2 3 4))",
        "SEARCH RETURN (X) ALL",
        "SEARCH RETURN () ",
        "SEARCH MODSEQ \"x\" mine 5",
        "SEARCH OLDER 0",
        "FETCH 1 FLAGS (CHANGEDSINCE 5 VANISHED)",
        "UID FETCH 1 FLAGS (VANISHED)",
        "FETCH 1 FLAGS (CHANGEDSINCE x)",
        "FETCH 1 FLAGS (CHANGEDSINCE 99999999999999999999)",
        "STORE 1 (X 5) FLAGS ()",
        "FETCH 1 (PREVIEW (HASTY))",
        "FETCH 1 BINARY[1.MIME]",
        "FETCH 1 BINARY.SIZE[1]<0.5>",
        "FETCH $,1 FLAGS",
    ] {
        assert!(parse(format!("a {text}\r\n").as_bytes()).is_err(), "{text}");
    }
}

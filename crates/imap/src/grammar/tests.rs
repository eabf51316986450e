//! Tables of commands, and what every input has in common.

use mail::{Flag, Keyword, MailboxName, Wall};

mod productions;

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
fn stores() {
    let flags =
        |bits: u8, keyword: Option<&str>| mail::Flags::from_parts(bits, keyword.and_then(Keyword::new));
    for (text, how, silent, expected) in [
        ("STORE 1 FLAGS ()", StoreHow::Replace, false, flags(0, None)),
        ("STORE 1 +FLAGS.SILENT (\\deleted $Junk)", StoreHow::Add, true, flags(8, Some("$Junk"))),
        ("STORE 1 -flags \\Seen \\Draft", StoreHow::Remove, false, flags(17, None)),
    ] {
        let expected = Store { uid: false, set: one(1), how, silent, flags: expected, unchanged_since: None };
        assert_eq!(command(text), Command::Store(expected), "{text}");
    }
}

fn section(part: &[u32], what: SectionWhat, peek: bool, partial: Option<(u64, u64)>) -> FetchItem {
    let section = Section { part: part.to_vec(), what };
    FetchItem::Section(FetchSection { section, peek, partial, label: Label::Body })
}

#[test]
fn fetches() {
    use FetchItem::{Body, BodyStructure, Envelope, Flags, InternalDate, Rfc822Size, Uid};
    for (text, items) in [
        ("FETCH 1 FLAGS", vec![Flags]),
        ("FETCH 1 fast", vec![Flags, InternalDate, Rfc822Size]),
        ("FETCH 1 ALL", vec![Flags, InternalDate, Rfc822Size, Envelope]),
        ("FETCH 1 FULL", vec![Flags, InternalDate, Rfc822Size, Envelope, Body]),
        ("UID FETCH 1 (BODYSTRUCTURE UID)", vec![BodyStructure, Uid]),
        ("FETCH 1 (emailid THREADID)", vec![FetchItem::EmailId, FetchItem::ThreadId]),
        ("FETCH 1 savedate", vec![FetchItem::SaveDate]),
        ("FETCH 1 BODY[]", vec![section(&[], SectionWhat::All, false, None)]),
        ("FETCH 1 (BODY.PEEK[1.2.MIME]<0.5>)", vec![section(&[1, 2], SectionWhat::Mime, true, Some((0, 5)))]),
        (
            "FETCH 1 BINARY.PEEK[1.2]<5.9>",
            vec![FetchItem::Binary(FetchBinary { part: vec![1, 2], peek: true, partial: Some((5, 9)) })],
        ),
        (
            "FETCH 1 (BINARY[] BINARY.SIZE[3])",
            vec![
                FetchItem::Binary(FetchBinary { part: vec![], peek: false, partial: None }),
                FetchItem::BinarySize(vec![3]),
            ],
        ),
        ("FETCH 1 BODY[3.TEXT]", vec![section(&[3], SectionWhat::Text, false, None)]),
        (
            "FETCH 1 BODY[HEADER.FIELDS.NOT (To \"Cc\")]",
            vec![section(&[], SectionWhat::HeaderFieldsNot(vec!["To".into(), "Cc".into()]), false, None)],
        ),
    ] {
        let uid = text.starts_with("UID");
        assert_eq!(
            command(text),
            Command::Fetch(Fetch {
                uid,
                set: one(1),
                items,
                changed_since: None,
                vanished: false,
                partial: None
            }),
            "{text}"
        );
    }
}

#[test]
fn searches() {
    use SearchKey as K;
    let day = |y, m, d| super::Day::of(Wall::from_civil(y, m, d, 0, 0, 0));
    for (text, key) in [
        ("SEARCH ALL", K::All),
        (
            "SEARCH UNSEEN 1:*",
            K::And(vec![
                K::Flag(Flag::Seen, false),
                K::Sequence(SequenceSet::Written(vec![(Value(1), Largest)])),
            ]),
        ),
        ("SEARCH EMAILID M6d99_-", K::EmailId("M6d99_-".into())),
        ("SEARCH savedon 28-Dec-2014", K::Saved(DateRelation::On, day(2014, 12, 28))),
        ("SEARCH SAVEDBEFORE 28-Dec-2014", K::Saved(DateRelation::Before, day(2014, 12, 28))),
        ("SEARCH SAVEDSINCE \"28-Dec-2014\"", K::Saved(DateRelation::Since, day(2014, 12, 28))),
        ("SEARCH SAVEDATESUPPORTED", K::SaveDateSupported),
        ("SEARCH UIDAFTER 25000", K::Uid(SequenceSet::Written(vec![(Value(25001), Value(u32::MAX))]))),
        ("SEARCH UIDAFTER 4294967295", K::Uid(SequenceSet::Written(Vec::new()))),
        ("SEARCH uidbefore 9", K::Uid(SequenceSet::Written(vec![(Value(1), Value(8))]))),
        ("SEARCH UIDBEFORE 1", K::Uid(SequenceSet::Written(Vec::new()))),
        (
            "SEARCH FUZZY (SUBJECT IMAP) SEEN",
            K::And(vec![
                K::Fuzzy(Box::new(K::Header { field: "SUBJECT".into(), contains: b"IMAP".to_vec() })),
                K::Flag(Flag::Seen, true),
            ]),
        ),
        ("SEARCH THREADID t1", K::ThreadId("t1".into())),
        ("SEARCH NOT NEW", K::Not(Box::new(K::New))),
        (
            "SEARCH OR SEEN (OLD UID 5)",
            K::Or(
                Box::new(K::Flag(Flag::Seen, true)),
                Box::new(K::And(vec![K::Recent(false), K::Uid(one(5))])),
            ),
        ),
        ("SEARCH SENTSINCE \"1-feb-2026\"", K::Sent(DateRelation::Since, day(2026, 2, 1))),
        ("SEARCH BEFORE 31-Dec-1999", K::Internal(DateRelation::Before, day(1999, 12, 31))),
        ("SEARCH FROM {3}\r\na b", K::Header { field: "FROM".into(), contains: b"a b".to_vec() }),
        ("SEARCH HEADER X-A \"\"", K::Header { field: "X-A".into(), contains: Vec::new() }),
        (
            "SEARCH UNKEYWORD $x LARGER 5",
            K::And(vec![K::Keyword(Keyword::new("$x").expect("an atom"), false), K::Larger(5)]),
        ),
    ] {
        assert_eq!(
            command(text),
            Command::Search(Search { uid: false, charset: None, key, returns: None }),
            "{text}"
        );
    }
    let charset = Some("UTF-8".into());
    let key = K::Text("ü".into());
    assert_eq!(
        command("UID SEARCH CHARSET UTF-8 TEXT {2}\r\nü"),
        Command::Search(Search { uid: true, charset, key, returns: None })
    );
}

#[test]
fn append_dates_and_flags() {
    let start = |text: &str| super::append_start(Text::Ascii, format!("a {text}").as_bytes());
    let (append, segment) = start("append x (\\Seen) \" 1-Feb-2026 10:00:00 +0130\" {77}")
        .expect("an append")
        .expect("a good one");
    assert_eq!(append, Append { mailbox: mailbox("x"), replaces: None, supplied: None });
    let message = NewMessage {
        flags: [Flag::Seen].into_iter().collect(),
        date: Some(Wall::from_civil(2026, 2, 1, 8, 30, 0)),
    };
    assert_eq!(segment, Segment { pieces: vec![Piece::Message(message)], place: Place::Behind });
    assert!(start("APPEND {5}").is_none(), "the name is the literal");
    assert!(start("SELECT {5}").is_none());
    assert!(start("UID REPLACE 3 {5}").is_none(), "the name is the literal");
    assert!(start("APPEND x CATENATE (URL {5+}").is_none(), "a URL is the literal");
    assert!(start("UID FETCH 3 {5}").is_none());
    assert!(start("REPLACE 0 x {5}").expect("a replace").is_err());
    let (replace, _) = start("uid replace 3 x {5}").expect("a replace").expect("a good one");
    assert_eq!(replace.replaces, Some(Replaced { uid: true, set: one(3) }));
    let parts = format!("APPEND x CATENATE (URL a{}", " URL a".repeat(mail::limits::IMAP_CATENATE_PARTS));
    assert_eq!(start(&parts).expect("an append"), Err(super::Error("CATENATE has too many parts")));
    assert!(start("APPEND x (\\Seen {5}").expect("an append").is_err());
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

/// RFC 7377 §4.
#[test]
fn searches_of_several_mailboxes() {
    let esearch = |sources, key, returns| {
        let search = Search { uid: true, charset: None, key, returns: Some(returns) };
        Command::Esearch(Esearch { sources, search })
    };
    let all = Returns { all: true, ..Returns::default() };
    let selected = || MailboxFilter::Selected { delayed: false };
    let unseen = || SearchKey::Flag(Flag::Seen, false);
    for (text, expected) in [
        ("ESEARCH unseen", esearch(vec![selected()], unseen(), all)),
        ("UID ESEARCH unseen", esearch(vec![selected()], unseen(), all)),
        (
            "ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
            esearch(
                vec![
                    MailboxFilter::Mailboxes(vec![mailbox("folder1")]),
                    MailboxFilter::Subtree(vec![mailbox("folder2")]),
                ],
                unseen(),
                all,
            ),
        ),
        (
            "ESEARCH IN (subtree-one (a b) personal inboxes subscribed selected) RETURN (MIN) unseen",
            esearch(
                vec![
                    MailboxFilter::SubtreeOne(vec![mailbox("a"), mailbox("b")]),
                    MailboxFilter::Personal,
                    MailboxFilter::Inboxes,
                    MailboxFilter::Subscribed,
                    selected(),
                ],
                unseen(),
                Returns { min: true, ..Returns::default() },
            ),
        ),
        (
            "ESEARCH IN (selected) RETURN (SAVE) unseen",
            esearch(vec![selected()], unseen(), Returns { save: true, ..Returns::default() }),
        ),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
    for text in [
        "ESEARCH",
        "ESEARCH IN () ALL",
        "ESEARCH IN (selected-delayed) ALL",
        "ESEARCH IN (mailboxes) ALL",
        "ESEARCH IN (personal) RETURN (SAVE) ALL",
        "ESEARCH IN (selected personal) RETURN (SAVE) ALL",
        "ESEARCH IN (personal (scope)) ALL",
        "ESEARCH IN (personal)",
    ] {
        assert!(parse(format!("a {text}\r\n").as_bytes()).is_err(), "{text}");
    }
}

/// RFC 4466 §2.6.1, RFC 4731, RFC 5032 §3, RFC 5182 §5, RFC 7162 §7.
#[test]
fn searches_with_result_options() {
    let search =
        |returns, key| Command::Search(Search { uid: false, charset: None, key, returns: Some(returns) });
    for (text, expected) in [
        ("SEARCH RETURN () ALL", search(Returns { all: true, ..Returns::default() }, SearchKey::All)),
        (
            "SEARCH RETURN (MIN count SAVE) $",
            search(
                Returns { min: true, count: true, save: true, ..Returns::default() },
                SearchKey::Sequence(SequenceSet::Saved),
            ),
        ),
        (
            "SEARCH RETURN (MAX) MODSEQ 5",
            search(Returns { max: true, ..Returns::default() }, SearchKey::ModSeq(5)),
        ),
        (
            "SEARCH RETURN (MAX) MODSEQ \"/flags/\\\\draft\" all 620162338",
            search(Returns { max: true, ..Returns::default() }, SearchKey::ModSeq(620_162_338)),
        ),
        (
            "SEARCH RETURN (ALL) OLDER 60",
            search(Returns { all: true, ..Returns::default() }, SearchKey::Older(60)),
        ),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
}

/// RFC 4466 §2.4, §2.5, RFC 7162 §7, RFC 8970 §6.
#[test]
fn fetches_and_stores_with_modifiers() {
    let fetch = |items, changed_since, vanished| {
        Command::Fetch(Fetch { uid: true, set: one(1), items, changed_since, vanished, partial: None })
    };
    for (text, expected) in [
        (
            "UID FETCH 1 (FLAGS) (CHANGEDSINCE 5 VANISHED)",
            fetch(vec![FetchItem::Flags, FetchItem::ModSeq], Some(5), true),
        ),
        ("UID FETCH 1 (PREVIEW UID)", fetch(vec![FetchItem::Preview, FetchItem::Uid], None, false)),
        ("UID FETCH 1 (UID PREVIEW (LAZY))", fetch(vec![FetchItem::Uid, FetchItem::Preview], None, false)),
        (
            "UID FETCH 1 PREVIEW (CHANGEDSINCE 5)",
            fetch(vec![FetchItem::Preview, FetchItem::ModSeq], Some(5), false),
        ),
        ("UID FETCH 1 MODSEQ", fetch(vec![FetchItem::ModSeq], None, false)),
        (
            "STORE $ (UNCHANGEDSINCE 0) -FLAGS.SILENT ()",
            Command::Store(Store {
                uid: false,
                set: SequenceSet::Saved,
                how: StoreHow::Remove,
                silent: true,
                flags: mail::Flags::new(),
                unchanged_since: Some(0),
            }),
        ),
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

/// RFC 5256 §5, RFC 5267 §4, RFC 5957 §4.
#[test]
fn sorts_and_threads() {
    let by = |what, reverse| SortBy { what, reverse };
    let search = |uid, charset: &str, returns| Search {
        uid,
        charset: Some(charset.into()),
        key: SearchKey::All,
        returns,
    };
    let count = Some(Returns { count: true, ..Returns::default() });
    for (text, expected) in [
        (
            "SORT (SUBJECT REVERSE DATE) UTF-8 ALL",
            Command::Sort(Sort {
                search: search(false, "UTF-8", None),
                by: vec![by(SortWhat::Subject, false), by(SortWhat::Date, true)],
            }),
        ),
        (
            "UID SORT RETURN (COUNT) (displayfrom) us-ascii ALL",
            Command::Sort(Sort {
                search: search(true, "us-ascii", count),
                by: vec![by(SortWhat::DisplayFrom, false)],
            }),
        ),
        (
            "UID THREAD references UTF-8 ALL",
            Command::Thread(Thread { search: search(true, "UTF-8", None), by: ThreadBy::References }),
        ),
    ] {
        assert_eq!(command(text), expected, "{text}");
    }
    let many = format!("SORT ({}) UTF-8 ALL", ["DATE"; 51].join(" "));
    for text in ["SORT () UTF-8 ALL", "SORT (X) UTF-8 ALL", "SORT (DATE) UTF-8", "THREAD X UTF-8 ALL", &many]
    {
        assert!(parse(format!("a {text}\r\n").as_bytes()).is_err(), "{text}");
    }
}

/// RFC 9394 §4.
#[test]
fn partial_results() {
    let partial = |from, to, backwards| Some(Partial { from, to, backwards });
    for (text, expected) in [
        ("1:500", partial(1, 500, false)),
        ("500:400", partial(500, 400, false)),
        ("-1:-100", partial(1, 100, true)),
        ("0:5", None),
        ("-1:5", None),
        ("1:-5", None),
        ("1:*", None),
        ("1", None),
    ] {
        let found =
            |text: &str| parse(format!("a {text}\r\n").as_bytes()).ok().map(|request| request.command);
        let searched = match found(&format!("UID SEARCH RETURN (PARTIAL {text}) ALL")) {
            Some(Command::Search(search)) => search.returns.and_then(|returns| returns.partial),
            _ => None,
        };
        let fetched = match found(&format!("UID FETCH 1:9 FLAGS (PARTIAL {text} CHANGEDSINCE 4)")) {
            Some(Command::Fetch(fetch)) => fetch.partial,
            _ => None,
        };
        assert_eq!((searched, fetched), (expected, expected), "{text}");
    }
    for text in [
        "SEARCH RETURN (PARTIAL 1:2 ALL) ALL",
        "SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
        "FETCH 1 FLAGS (PARTIAL 1:2)",
    ] {
        assert!(parse(format!("a {text}\r\n").as_bytes()).is_err(), "{text}");
    }
    for (count, from, to, backwards, places) in [
        (9, 1, 3, false, 0..3),
        (9, 3, 1, false, 0..3),
        (9, 8, 20, false, 7..9),
        (9, 10, 20, false, 9..9),
        (0, 1, 1, false, 0..0),
        (9, 1, 3, true, 6..9),
        (9, 8, 20, true, 0..2),
        (9, 10, 20, true, 0..0),
        (0, 1, u32::MAX, true, 0..0),
    ] {
        assert_eq!(
            Partial { from, to, backwards }.places(count),
            places,
            "{from}:{to} {backwards} of {count}"
        );
    }
}

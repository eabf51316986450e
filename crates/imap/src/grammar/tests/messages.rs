//! STORE, FETCH and APPEND.

use super::*;
use crate::grammar::{Error, append_start};

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
fn append_dates_and_flags() {
    let start = |text: &str| append_start(Text::Ascii, format!("a {text}").as_bytes());
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
    assert_eq!(start(&parts).expect("an append"), Err(Error("CATENATE has too many parts")));
    assert!(start("APPEND x (\\Seen {5}").expect("an append").is_err());
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

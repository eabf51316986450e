//! SEARCH, ESEARCH, SORT and THREAD.

use super::*;
use crate::grammar::Day;

#[test]
fn searches() {
    use SearchKey as K;
    let day = |y, m, d| Day::of(Wall::from_civil(y, m, d, 0, 0, 0));
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

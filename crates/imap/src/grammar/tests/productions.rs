//! Every production of RFC 9051 §9 that a client sends, and that of RFC 10022, with forms that it has and forms that it has not.

use crate::{Text, grammar};

/// A production, what it allows and what it does not. Lines are commands without their tag, `|` stands for CRLF. An APPEND
/// ends where its message begins.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Commands, and what they are made of.
const COMMANDS: &[Row] = &[
    (
        "append",
        &[
            "APPEND x {3}",
            "append x (\\Seen) {3+}",
            "APPEND x \" 7-Feb-1994 21:52:25 -0800\" {3}",
            "APPEND x () \"17-Feb-1994 21:52:25 -0800\" {3}",
        ],
        &[
            "APPEND x {3",
            "APPEND x \\Seen {3}",
            "APPEND x \" 7-Feb-1994 21:52:25 -0800\" () {3}",
            "APPEND x(\\Seen) {3}",
        ],
    ),
    (
        "authenticate",
        &["AUTHENTICATE PLAIN", "authenticate plain AGEAYg=="],
        &["AUTHENTICATE", "AUTHENTICATE PLAIN AA== AA=="],
    ),
    ("auth-type", &["AUTHENTICATE SCRAM-SHA-256-PLUS"], &["AUTHENTICATE \"PLAIN\"", "AUTHENTICATE (PLAIN)"]),
    ("initial-resp", &["AUTHENTICATE PLAIN ="], &["AUTHENTICATE PLAIN ==", "AUTHENTICATE PLAIN {2}|AA"]),
    (
        "base64",
        &["AUTHENTICATE X YWJj", "AUTHENTICATE X YWJjYWI="],
        &["AUTHENTICATE X YWJ", "AUTHENTICATE X YW Jj"],
    ),
    ("base64-char", &["AUTHENTICATE X ab+/"], &["AUTHENTICATE X ab-_"]),
    (
        "base64-terminal",
        &["AUTHENTICATE X YQ==", "AUTHENTICATE X YWI="],
        &["AUTHENTICATE X YQ=", "AUTHENTICATE X Y==="],
    ),
    ("command-any", &["CAPABILITY", "logout", "NoOp"], &["NOOP x", "CAPABILITY ()"]),
    ("command-nonauth", &["STARTTLS"], &["STARTTLS now"]),
    ("command-select", &["CLOSE", "UNSELECT", "EXPUNGE"], &["CLOSE x", "UNSELECT 1", "EXPUNGE 1"]),
    ("copy", &["COPY 1:2 x", "COPY $ \"a b\""], &["COPY x 1:2", "COPY 1:2", "COPY (1) x"]),
    ("create", &["CREATE x", "CREATE x/"], &["CREATE", "CREATE x y"]),
    ("delete", &["DELETE x"], &["DELETE", "DELETE (x)"]),
    ("enable", &["ENABLE IMAP4rev2", "ENABLE a b c"], &["ENABLE", "ENABLE (a)"]),
    ("capability", &["ENABLE AUTH=X", "ENABLE x-y.z"], &["ENABLE \"a\"", "ENABLE a]"]),
    ("examine", &["EXAMINE x"], &["EXAMINE", "EXAMINE x y"]),
    (
        "fetch",
        &["FETCH 1 ALL", "FETCH 1 (UID FLAGS)", "FETCH 1:* UID"],
        &["FETCH 1", "FETCH UID", "FETCH 1 ()", "FETCH 1 UID FLAGS", "FETCH 1 (ALL)"],
    ),
    ("idle", &["IDLE"], &["IDLE x"]),
    (
        "list",
        &["LIST \"\" *", "LIST (SUBSCRIBED) x y RETURN (CHILDREN)"],
        &["LIST \"\"", "LIST *", "LIST \"\" * CHILDREN"],
    ),
    ("login", &["LOGIN u p", "LOGIN \"u v\" {1}|p"], &["LOGIN u", "LOGIN u p q"]),
    ("userid", &["LOGIN {2}|ab p", "LOGIN u]v p"], &["LOGIN (u) p", "LOGIN  "]),
    ("password", &["LOGIN u \"\"", "LOGIN u \"\\\"\\\\\""], &["LOGIN u p*", "LOGIN u \"p"]),
    ("move", &["MOVE 1,3 x"], &["MOVE 1", "MOVE x 1"]),
    ("namespace-command", &["NAMESPACE"], &["NAMESPACE \"\""]),
    ("rename", &["RENAME a b"], &["RENAME a", "RENAME a b c"]),
    (
        "search",
        &["SEARCH ALL", "SEARCH RETURN (MIN) ALL"],
        &["SEARCH", "SEARCH RETURN (MIN)", "SEARCH (RETURN (MIN)) ALL"],
    ),
    ("select", &["SELECT x", "select INBOX"], &["SELECT", "SELECT %"]),
    (
        "status",
        &["STATUS x (MESSAGES)", "STATUS x (UNSEEN UIDNEXT)"],
        &["STATUS x", "STATUS x ()", "STATUS x MESSAGES", "STATUS x (MESSAGES,UNSEEN)"],
    ),
    (
        "store",
        &["STORE 1 FLAGS ()", "STORE $ +FLAGS \\Seen"],
        &["STORE 1", "STORE FLAGS ()", "STORE 1 FLAGS"],
    ),
    ("subscribe", &["SUBSCRIBE x"], &["SUBSCRIBE", "SUBSCRIBE x*"]),
    (
        "uid",
        &["UID COPY 1 x", "UID MOVE 1 x", "UID FETCH 1 FLAGS", "UID SEARCH ALL", "UID STORE 1 FLAGS ()"],
        &["UID", "UID NOOP", "UID 1 FETCH FLAGS", "UID UID FETCH 1 FLAGS"],
    ),
    ("uid-expunge", &["UID EXPUNGE 1:3", "UID EXPUNGE $"], &["UID EXPUNGE", "UID EXPUNGE x"]),
    (
        "message-batches",
        &["UIDBATCHES 500", "uidbatches 4294967295 1:1"],
        &[
            "UIDBATCHES",
            "UIDBATCHES 0",
            "UIDBATCHES 4294967296",
            "UIDBATCHES 500 1",
            "UIDBATCHES 500 0:1",
            "UIDBATCHES 500 1:*",
            "UIDBATCHES 500 1:2,3:4",
            "UIDBATCHES 500 1:2 3",
            "UID BATCHES 500",
        ],
    ),
    ("unsubscribe", &["UNSUBSCRIBE x"], &["UNSUBSCRIBE", "UNSUBSCRIBE x y"]),
];

/// Strings, numbers and sets.
const TOKENS: &[Row] = &[
    ("astring", &["SELECT a", "SELECT \"a\"", "SELECT {1}|a"], &["SELECT (a)", "SELECT {1}|"]),
    ("ASTRING-CHAR", &["SELECT a]b"], &["SELECT a\"b", "SELECT a{1}|b"]),
    ("atom", &["ENABLE !#$&'+,-./:;<=>?@[^_`}~"], &["ENABLE ", "ENABLE {1}|a"]),
    ("ATOM-CHAR", &["SEARCH KEYWORD $a"], &["SEARCH KEYWORD ü", "SEARCH KEYWORD \u{7f}"]),
    (
        "atom-specials",
        &["SEARCH KEYWORD a}b"],
        &[
            "ENABLE a(",
            "ENABLE a)",
            "ENABLE a{",
            "ENABLE a%",
            "ENABLE a*",
            "ENABLE a\"",
            "ENABLE a\\",
            "ENABLE a]",
            "ENABLE a\tb",
        ],
    ),
    ("string", &["SEARCH TEXT \"a\"", "SEARCH TEXT {1}|a"], &["SEARCH TEXT 'a b'", "ID (a \"b\")"]),
    (
        "quoted",
        &["SELECT \"a (b) {3}\"", "SELECT \"\u{e4}\""],
        &["SELECT \"a", "SELECT \"a\"b", "SELECT \"a|b\""],
    ),
    (
        "QUOTED-CHAR",
        &["SELECT \"\\\"\\\\\"", "SELECT \"]\""],
        &["SELECT \"\\a\"", "SELECT \"\\\"", "SELECT \"\u{0}\""],
    ),
    ("quoted-specials", &["LOGIN u \"\\\\\\\"\""], &["LOGIN u \"\"\"", "LOGIN u \"\\"]),
    (
        "literal",
        &["SELECT {3}|a|", "SELECT {1+}|a", "SELECT {01}|a", "LOGIN {1}|u {1+}|p"],
        &[
            "SELECT {}|a",
            "SELECT {-1}|a",
            "SELECT {2}|a",
            "SELECT {1}a",
            "SELECT {1++}|a",
            "SELECT {9223372036854775808}|a",
        ],
    ),
    ("literal8", &["APPEND x ~{3}", "APPEND x ~{3+}"], &["SELECT ~{1}|a", "APPEND x ~~{3}"]),
    ("mailbox", &["SELECT iNbOx", "SELECT \"inbox\""], &["SELECT \"\" x", "SELECT NIL NIL"]),
    (
        "number",
        &["FETCH 1 BODY[]<0.1>", "STORE 1 (UNCHANGEDSINCE 0) FLAGS ()"],
        &["FETCH 1 BODY[]<-1.1>", "FETCH 1 BODY[]<.1>"],
    ),
    (
        "number64",
        &["SEARCH LARGER 9223372036854775807", "SEARCH SMALLER 0"],
        &["SEARCH LARGER 9223372036854775808", "SEARCH SMALLER x", "SEARCH SMALLER -1"],
    ),
    (
        "nz-number",
        &["FETCH 4294967295 UID", "SEARCH UID 10"],
        &["FETCH 0 UID", "FETCH 4294967296 UID", "FETCH 01 UID"],
    ),
    (
        "nz-number64",
        &["FETCH 1 BODY[]<0.9223372036854775807>"],
        &["FETCH 1 BODY[]<0.0>", "FETCH 1 BODY[]<0.9223372036854775808>", "FETCH 1 BODY[]<0.01>"],
    ),
    ("digit-nz", &["SEARCH 9"], &["SEARCH 09"]),
    (
        "sequence-set",
        &["FETCH 2,4:7,9,12:* UID", "FETCH *:4,5:7 UID", "FETCH 3,3 UID"],
        &["FETCH ,1 UID", "FETCH 1, UID", "FETCH 1;2 UID", "FETCH 1 2 UID", "FETCH x UID"],
    ),
    ("seq-number", &["FETCH 7 UID", "FETCH * UID"], &["FETCH -7 UID", "FETCH ** UID"]),
    ("seq-range", &["FETCH 4:2 UID", "FETCH *:* UID"], &["FETCH 2: UID", "FETCH :2 UID", "FETCH 1:2:3 UID"]),
    (
        "seq-last-command",
        &["FETCH $ UID", "UID COPY $ x", "SEARCH UID $ SEEN"],
        &["FETCH $$ UID", "FETCH $,1 UID", "FETCH 1:$ UID"],
    ),
    (
        "date",
        &["SEARCH ON 1-Feb-1994", "SEARCH ON \"1-Feb-1994\""],
        &["SEARCH ON", "SEARCH ON \"1-Feb-1994", "SEARCH ON {10}|1-Feb-1994"],
    ),
    ("date-text", &["SEARCH SINCE 28-feb-2024"], &["SEARCH SINCE Feb-1-1994", "SEARCH SINCE 1/Feb/1994"]),
    (
        "date-day",
        &["SEARCH BEFORE 01-Feb-1994", "SEARCH BEFORE 29-Feb-2024"],
        &["SEARCH BEFORE 001-Feb-1994", "SEARCH BEFORE 0-Feb-1994", "SEARCH BEFORE -Feb-1994"],
    ),
    (
        "date-month",
        &["SEARCH SENTON 1-Dec-1994", "SEARCH SENTON 1-JAN-1994"],
        &["SEARCH SENTON 1-December-1994", "SEARCH SENTON 1-12-1994"],
    ),
    (
        "date-year",
        &["SEARCH SENTSINCE 1-Dec-0001"],
        &["SEARCH SENTSINCE 1-Dec-94", "SEARCH SENTSINCE 1-Dec-19994"],
    ),
    (
        "date-time",
        &["APPEND x \"01-Feb-1994 00:00:00 +0000\" {3}"],
        &[
            "APPEND x 01-Feb-1994 {3}",
            "APPEND x \"01-Feb-1994 00:00:00\" {3}",
            "APPEND x \"01-Feb-1994T00:00:00 +0000\" {3}",
        ],
    ),
    (
        "date-day-fixed",
        &["APPEND x \" 1-Feb-1994 00:00:00 +0000\" {3}"],
        &["APPEND x \"1-Feb-1994 00:00:00 +0000\" {3}", "APPEND x \"  1-Feb-1994 00:00:00 +0000\" {3}"],
    ),
    (
        "time",
        &["APPEND x \"01-Feb-1994 23:59:59 +0000\" {3}"],
        &[
            "APPEND x \"01-Feb-1994 1:00:00 +0000\" {3}",
            "APPEND x \"01-Feb-1994 24:00:00 +0000\" {3}",
            "APPEND x \"01-Feb-1994 10:00 +0000\" {3}",
        ],
    ),
    (
        "zone",
        &["APPEND x \"01-Feb-1994 00:00:00 -0330\" {3}"],
        &[
            "APPEND x \"01-Feb-1994 00:00:00 0000\" {3}",
            "APPEND x \"01-Feb-1994 00:00:00 +000\" {3}",
            "APPEND x \"01-Feb-1994 00:00:00 GMT\" {3}",
        ],
    ),
    (
        "flag",
        &["STORE 1 FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)", "STORE 1 FLAGS \\sEEN"],
        &["STORE 1 FLAGS (\\Recent)", "STORE 1 FLAGS (\\)", "STORE 1 FLAGS (\"a\")"],
    ),
    // No server has any yet; who sets one is told that there is none.
    ("flag-extension", &[], &["STORE 1 FLAGS (\\Pinned)", "STORE 1 FLAGS (\\*)"]),
    (
        "flag-keyword",
        &[
            "STORE 1 FLAGS ($MDNSent $Forwarded $Junk $NotJunk $Phishing a)",
            "SEARCH KEYWORD $Junk UNKEYWORD a",
        ],
        &["STORE 1 FLAGS (a]b)", "SEARCH KEYWORD \\Seen"],
    ),
    (
        "flag-list",
        &["STORE 1 FLAGS ()", "STORE 1 FLAGS (\\Seen a)"],
        &["STORE 1 FLAGS (", "STORE 1 FLAGS (\\Seen,a)", "STORE 1 FLAGS ((\\Seen))", "STORE 1 FLAGS () a"],
    ),
    (
        "store-att-flags",
        &["STORE 1 FLAGS.SILENT ()", "STORE 1 +FLAGS a b", "STORE 1 -FLAGS.SILENT (a)"],
        &["STORE 1 FLAG ()", "STORE 1 *FLAGS ()", "STORE 1 FLAGS.LOUD ()", "STORE 1 + FLAGS ()"],
    ),
];

/// What LIST and STATUS are made of.
const LISTING: &[Row] = &[
    ("list-mailbox", &["LIST \"\" \"a b\"", "LIST \"\" {2}|a%"], &["LIST \"\" a b", "LIST \"\" ü"]),
    ("list-char", &["LIST \"\" a]b"], &["LIST \"\" a\\b", "LIST \"\" a{b"]),
    ("list-wildcards", &["LIST \"\" %", "LIST \"\" a*b%"], &["LIST % *"]),
    ("mbox-or-pat", &["LIST \"\" a", "LIST \"\" (a)"], &["LIST \"\" ((a))", "LIST \"\" ()"]),
    ("patterns", &["LIST \"\" (\"a\")", "LIST \"\" (a b %)"], &["LIST \"\" (a", "LIST \"\" (a\"b\")"]),
    (
        "list-select-opts",
        &[
            "LIST () \"\" *",
            "LIST (REMOTE) \"\" *",
            "LIST (SUBSCRIBED) \"\" *",
            "LIST (SUBSCRIBED REMOTE) \"\" *",
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" *",
            "LIST (SUBSCRIBED REMOTE RECURSIVEMATCH) \"\" *",
        ],
        &["LIST (RECURSIVEMATCH) \"\" *", "LIST (REMOTE RECURSIVEMATCH) \"\" *", "LIST SUBSCRIBED \"\" *"],
    ),
    (
        "list-select-opt",
        &["LIST (subscribed SUBSCRIBED) \"\" *"],
        &["LIST (\"SUBSCRIBED\") \"\" *", "LIST (CHILDREN) \"\" *"],
    ),
    ("list-select-base-opt", &["LIST (SUBSCRIBED) \"\" *"], &["LIST (UNSUBSCRIBED) \"\" *"]),
    ("list-select-independent-opt", &["LIST (REMOTE) \"\" *"], &["LIST (LOCAL) \"\" *"]),
    (
        "list-select-mod-opt",
        &["LIST (RECURSIVEMATCH SUBSCRIBED) \"\" *"],
        &["LIST (RECURSIVE SUBSCRIBED) \"\" *"],
    ),
    (
        "list-return-opts",
        &["LIST \"\" * RETURN ()", "LIST \"\" * return (CHILDREN SUBSCRIBED)"],
        &["LIST \"\" * RETURN", "LIST \"\" * RETURN CHILDREN", "LIST \"\" * (CHILDREN)"],
    ),
    ("list-return-opt", &["LIST \"\" * RETURN (CHILDREN CHILDREN)"], &["LIST \"\" * RETURN (REMOTE)"]),
    (
        "return-option",
        &["LIST \"\" * RETURN (SUBSCRIBED CHILDREN STATUS (UNSEEN))"],
        &["LIST \"\" * RETURN (UNSEEN)"],
    ),
    (
        "status-option",
        &["LIST \"\" * RETURN (STATUS (MESSAGES DELETED) CHILDREN)"],
        &[
            "LIST \"\" * RETURN (STATUS)",
            "LIST \"\" * RETURN (STATUS ())",
            "LIST \"\" * RETURN (STATUS MESSAGES)",
        ],
    ),
    // RFC 9051 §6.3.9: what is not known is BAD.
    ("option-extension", &[], &["LIST (ODD) \"\" *", "LIST \"\" * RETURN (ODD (a b))"]),
    (
        "option-standard-tag",
        &["LIST (SPECIAL-USE) \"\" *", "LIST \"\" * RETURN (SPECIAL-USE)"],
        &["LIST (SPECIAL) \"\" *"],
    ),
    ("option-vendor-tag", &[], &["LIST (vendor.example-odd) \"\" *"]),
    ("option-value", &[], &["LIST (SUBSCRIBED (a)) \"\" *"]),
    ("option-val-comp", &[], &["LIST \"\" * RETURN (CHILDREN (a (b)))"]),
    (
        "status-att",
        &["STATUS x (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)", "STATUS x (deleted)"],
        &["STATUS x (UNDELETED)", "STATUS x (\"SIZE\")"],
    ),
];

/// What FETCH and SEARCH are made of.
const READING: &[Row] = &[
    (
        "fetch-att",
        &[
            "FETCH 1 (ENVELOPE FLAGS INTERNALDATE RFC822.SIZE BODY BODYSTRUCTURE UID)",
            "FETCH 1 (BODY[] BODY.PEEK[] BINARY[1] BINARY.PEEK[1] BINARY.SIZE[1])",
        ],
        &[
            "FETCH 1 ENVELOPES",
            "FETCH 1 BODY.PEEK",
            "FETCH 1 BINARY",
            "FETCH 1 BODYSTRUCTURE[1]",
            "FETCH 1 BINARY.SIZE[1]<0.1>",
        ],
    ),
    (
        "partial",
        &["FETCH 1 BODY[]<0.1>", "FETCH 1 BINARY[1]<5000000000.1>"],
        &[
            "FETCH 1 BODY[]<0>",
            "FETCH 1 BODY[]<0.1",
            "FETCH 1 BODY[]<0,1>",
            "FETCH 1 BODY[] <0.1>",
            "FETCH 1 RFC822.SIZE<0.1>",
        ],
    ),
    (
        "section",
        &["FETCH 1 BODY[]", "FETCH 1 BODY[TEXT]"],
        &["FETCH 1 BODY[", "FETCH 1 BODY[]]", "FETCH 1 BODY[ ]"],
    ),
    (
        "section-binary",
        &["FETCH 1 BINARY[]", "FETCH 1 BINARY.SIZE[1.2]"],
        &["FETCH 1 BINARY[TEXT]", "FETCH 1 BINARY[1.HEADER]"],
    ),
    (
        "section-msgtext",
        &[
            "FETCH 1 BODY[HEADER]",
            "FETCH 1 BODY[HEADER.FIELDS (To)]",
            "FETCH 1 BODY[HEADER.FIELDS.NOT (To)]",
            "FETCH 1 BODY[text]",
        ],
        &[
            "FETCH 1 BODY[HEADER.FIELD (To)]",
            "FETCH 1 BODY[HEADER.NOT (To)]",
            "FETCH 1 BODY[HEADER (To)]",
            "FETCH 1 BODY[HEADER.FIELDS]",
        ],
    ),
    (
        "section-part",
        &["FETCH 1 BODY[1]", "FETCH 1 BODY[1.20.3]"],
        &[
            "FETCH 1 BODY[0]",
            "FETCH 1 BODY[1.]",
            "FETCH 1 BODY[.1]",
            "FETCH 1 BODY[1..2]",
            "FETCH 1 BODY[01]",
        ],
    ),
    ("section-spec", &["FETCH 1 BODY[1.2.TEXT]"], &["FETCH 1 BODY[TEXT.1]", "FETCH 1 BODY[1TEXT]"]),
    (
        "section-text",
        &["FETCH 1 BODY[1.MIME]", "FETCH 1 BODY[2.HEADER.FIELDS (a b)]"],
        &["FETCH 1 BODY[MIME]", "FETCH 1 BODY[1.MIMES]"],
    ),
    (
        "header-list",
        &["FETCH 1 BODY[HEADER.FIELDS (To Cc)]"],
        &[
            "FETCH 1 BODY[HEADER.FIELDS ()]",
            "FETCH 1 BODY[HEADER.FIELDS To]",
            "FETCH 1 BODY[HEADER.FIELDS (To\"Cc\")]",
        ],
    ),
    (
        "header-fld-name",
        &["FETCH 1 BODY[HEADER.FIELDS (\"To\" {2}|Cc)]", "SEARCH HEADER Message-ID x"],
        &["FETCH 1 BODY[HEADER.FIELDS (To Cc(]", "SEARCH HEADER (To) x"],
    ),
    (
        "search-program",
        &["SEARCH CHARSET UTF-8 ALL", "SEARCH SEEN DELETED"],
        &["SEARCH CHARSET UTF-8", "SEARCH ALL CHARSET UTF-8", "SEARCH CHARSET ALL"],
    ),
    (
        "charset",
        &["SEARCH CHARSET us-ascii ALL", "SEARCH CHARSET \"UTF-8\" ALL"],
        &["SEARCH CHARSET (UTF-8) ALL"],
    ),
    (
        "search-key",
        &[
            "SEARCH ALL ANSWERED BCC a BEFORE 1-Feb-1994 BODY a CC a DELETED FLAGGED FROM a KEYWORD a ON 1-Feb-1994 SEEN",
            "SEARCH SINCE 1-Feb-1994 SUBJECT a TEXT a TO a UNANSWERED UNDELETED UNFLAGGED UNKEYWORD a UNSEEN DRAFT HEADER a b LARGER 1",
            "SEARCH NOT SEEN OR SEEN DELETED SENTBEFORE 1-Feb-1994 SENTON 1-Feb-1994 SENTSINCE 1-Feb-1994 SMALLER 1 UID 1 UNDRAFT 1:2 (SEEN DRAFT)",
        ],
        &[
            "SEARCH SEENS",
            "SEARCH BCC",
            "SEARCH HEADER a",
            "SEARCH NOT",
            "SEARCH OR SEEN",
            "SEARCH ()",
            "SEARCH (SEEN",
            "SEARCH UID x",
            "SEARCH SEEN,DRAFT",
        ],
    ),
    (
        "search-return-opts",
        &["SEARCH RETURN () ALL", "SEARCH return (MIN MAX) ALL"],
        &["SEARCH RETURN MIN ALL", "SEARCH RETURN (MIN ALL", "SEARCH RETURN(MIN) ALL"],
    ),
    (
        "search-return-opt",
        &["SEARCH RETURN (MIN MAX ALL COUNT SAVE) ALL"],
        &["SEARCH RETURN (\"MIN\") ALL", "SEARCH RETURN (MIN,MAX) ALL"],
    ),
    // RFC 9051 §6.4.4: what is not known is BAD.
    ("search-ret-opt-ext", &["SEARCH RETURN (PARTIAL 1:2) ALL"], &["SEARCH RETURN (ODD) ALL"]),
    ("search-modifier-name", &[], &["SEARCH RETURN (1ODD) ALL"]),
    ("search-mod-params", &[], &["SEARCH RETURN (ODD (a b)) ALL", "SEARCH RETURN (MIN 1) ALL"]),
];

/// What other RFCs have in these commands, and is in the base now (RFC 9051 Appendix E), or was before.
const BESIDE: &[Row] = &[
    ("RFC 3501 §9 fetch-att", &["FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT)"], &["FETCH 1 RFC822.BODY"]),
    ("RFC 3501 §9 status-att", &["STATUS x (RECENT)"], &["STATUS x (OLD)"]),
    ("RFC 3501 §9 search-key", &["SEARCH NEW OLD RECENT"], &["SEARCH UNRECENT"]),
    ("RFC 3501 §9 lsub", &["LSUB \"\" *"], &["LSUB \"\"", "LSUB \"\" (a)"]),
    ("RFC 3501 §9 command-select", &["CHECK"], &["CHECK 1"]),
    (
        "RFC 6855 §4 utf8-literal",
        &["APPEND x UTF8 (~{3}", "APPEND x (a) UTF8 (~{3+}"],
        &["APPEND x UTF8 ({3}", "APPEND x UTF8 ~{3}", "APPEND x (UTF8 (~{3}"],
    ),
];

/// One line, as the reader would hand it over.
fn parses(line: &str) -> Result<(), grammar::Error> {
    let line = format!("a {}", line.replace('|', "\r\n"));
    match grammar::append_start(Text::Utf8, line.as_bytes()) {
        Some(append) => append.map(drop),
        None => grammar::parse_in(Text::Utf8, format!("{line}\r\n").as_bytes()).map(drop),
    }
}

#[test]
fn what_a_production_allows_is_taken_and_nothing_else() {
    let mut wrong = Vec::new();
    let rows = [COMMANDS, TOKENS, LISTING, READING, BESIDE].concat();
    for (production, taken, refused) in &rows {
        for line in *taken {
            wrong.extend(parses(line).err().map(|error| format!("{production}: {line}: {error}")));
        }
        for line in *refused {
            match parses(line) {
                Ok(()) => wrong.push(format!("{production}: {line}: taken")),
                // Then it is not about what it should be about.
                Err(grammar::Error("Unknown command")) => {
                    wrong.push(format!("{production}: {line}: unknown"));
                }
                Err(_) => {}
            }
        }
        assert!(!refused.is_empty(), "{production} refuses something");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut names: Vec<&str> = rows.iter().map(|(production, ..)| *production).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "each production once");
}

/// RFC 9051 §9 `command`, `tag`, `CRLF`: the line as a whole.
#[test]
fn lines_as_a_whole() {
    for (line, is_command) in [
        ("a NOOP\r\n", true),
        ("A-1.b]c NOOP\r\n", true),
        ("!#$&',./:;<=>?@[^_`|}~ NOOP\r\n", true),
        ("a+ NOOP\r\n", false),
        ("* NOOP\r\n", false),
        ("(a) NOOP\r\n", false),
        ("\"a\" NOOP\r\n", false),
        ("ä NOOP\r\n", false),
        (" NOOP\r\n", false),
        ("NOOP\r\n", false),
        ("a\r\n", false),
        ("a\tNOOP\r\n", false),
        ("a NOOP\r\r\n", false),
        ("a NO OP\r\n", false),
        ("a \"NOOP\"\r\n", false),
    ] {
        assert_eq!(grammar::parse(line.as_bytes()).is_ok(), is_command, "{line:?}");
    }
}

/// RFC 9051 §9 `CHAR8`, `UTF8-2`, `UTF8-3`, `UTF8-4`: bytes in literals and in quotes.
#[test]
fn bytes_above_ascii() {
    for (bytes, in_literal, in_quotes) in [
        (b"\x01\x7f".as_slice(), true, true),
        (b"\x00", false, false),
        (b"\xc2\x80", true, true),
        (b"\xc0\x80", true, false),
        (b"\xc2", true, false),
        (b"\xe0\xa0\x80", true, true),
        (b"\xe0\x80\x80", true, false),
        (b"\xed\xa0\x80", true, false),
        (b"\xf4\x8f\xbf\xbf", true, true),
        (b"\xf4\x90\x80\x80", true, false),
        (b"\xff", true, false),
    ] {
        let literal = format!("a SEARCH TEXT {{{}}}\r\n", bytes.len()).into_bytes();
        let literal = [&literal, bytes, b"\r\n"].concat();
        let quoted = [b"a SEARCH TEXT \"", bytes, b"\"\r\n"].concat();
        for text in [Text::Ascii, Text::Utf8] {
            assert_eq!(grammar::parse_in(text, &literal).is_ok(), in_literal, "{bytes:x?}");
            assert_eq!(grammar::parse_in(text, &quoted).is_ok(), in_quotes, "{bytes:x?}");
        }
    }
}

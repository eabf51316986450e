//! Response codes: the machine-readable word in brackets (RFC 3501 §7.1, RFC 5530, RFC 4315, RFC 7888).

use std::fmt;

use mail::{ModSeq, Uid, UidValidity};

use crate::Numbers;

/// One response code.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named by RFC 3501 §7.1 and RFC 5530 §3")]
pub enum Code {
    Alert,
    /// The charset of SEARCH is not known; the ones that are.
    BadCharset,
    /// The capabilities as they are now, so that the client need not ask.
    Capability(String),
    Parse,
    /// Flags that may be kept; `\*` says that new keywords are taken.
    PermanentFlags(String),
    ReadOnly,
    ReadWrite,
    TryCreate,
    UidNext(u32),
    UidValidity(UidValidity),
    Unseen(u32),
    /// RFC 4315 §3, RFC 3502: where APPEND put the messages, in their order.
    AppendUid(UidValidity, Numbers),
    /// RFC 4315 §3: UIDs in the source and, in the same order, in the target.
    CopyUid(UidValidity, Numbers, Numbers),
    /// RFC 8474 §4.1, §4.2: an object identifier.
    MailboxId(String),
    /// RFC 7162 §3.1.2.1.
    HighestModSeq(ModSeq),
    /// RFC 7162 §3.1.3: messages that a conditional STORE did not change.
    Modified(Numbers),
    /// RFC 3516 §4.3: a part's transfer encoding is not known.
    UnknownCte,
    /// RFC 4315 §3: the mailbox cannot keep UIDs.
    UidNotSticky,
    Unavailable,
    AuthenticationFailed,
    AuthorizationFailed,
    Expired,
    PrivacyRequired,
    ContactAdmin,
    NoPerm,
    InUse,
    ExpungeIssued,
    Corruption,
    ServerBug,
    ClientBug,
    Cannot,
    Limit,
    OverQuota,
    AlreadyExists,
    NonExistent,
    /// RFC 7888 §4, RFC 4469.
    TooBig,
    /// RFC 9585 §4: how many of how many messages a command has done.
    InProgress {
        tag: String,
        done: u64,
        goal: u64,
    },
    /// RFC 9586 §3: message numbers are no longer taken.
    UidRequired,
    /// RFC 6154 §3: the mailbox cannot have that special use.
    UseAttr,
    /// RFC 4469 §4.1: the first URL that means nothing.
    BadUrl(String),
    /// RFC 3501 §6.3.1: the mailbox selected before has been left (RFC 7162 §3.2.11).
    Closed,
    /// RFC 5464 §4.2.1: the longest value that was left out.
    MetadataLongEntries(u64),
    /// RFC 5464 §4.3: the longest value that is taken.
    MetadataMaxSize(u64),
    /// RFC 5464 §4.3: there are as many annotations as there may be.
    MetadataTooMany,
    /// RFC 5464 §4.3: the mailbox has no private annotations for this user.
    MetadataNoPrivate,
    /// RFC 5465 §5.8: more happens than is told.
    NotificationOverflow,
    /// RFC 5465 §3.1: the events that there are.
    BadEvent,
    /// RFC 9738 §3.1: how many messages a command works on, and the lowest UID that it has reached.
    MessageLimit(u32, Option<Uid>),
    /// RFC 10022 §3.1.3.2: batches of so few messages are not told.
    TooFew,
    /// RFC 10022 §3.1.5, §3.1.7: of so many messages no batches are told.
    TooMany,
    /// RFC 4978 §3: what is sent is compressed already.
    CompressionActive,
}

impl fmt::Display for Code {
    /// Without the brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCharset => f.write_str("BADCHARSET (UTF-8 US-ASCII)"),
            Self::Capability(list) => write!(f, "CAPABILITY {list}"),
            Self::PermanentFlags(flags) => write!(f, "PERMANENTFLAGS ({flags})"),
            Self::UidNext(uid) => write!(f, "UIDNEXT {uid}"),
            Self::UidValidity(validity) => write!(f, "UIDVALIDITY {validity}"),
            Self::Unseen(number) => write!(f, "UNSEEN {number}"),
            Self::AppendUid(validity, uids) => write!(f, "APPENDUID {validity} {uids}"),
            Self::CopyUid(validity, from, to) => write!(f, "COPYUID {validity} {from} {to}"),
            Self::BadUrl(url) => write!(f, "BADURL \"{}\"", url_text(url)),
            // RFC 9585 §4: a tag with "]" cannot be told.
            Self::InProgress { tag, done, goal } if tag.contains(']') => {
                write!(f, "INPROGRESS (NIL {done} {goal})")
            }
            Self::InProgress { tag, done, goal } => write!(f, "INPROGRESS (\"{tag}\" {done} {goal})"),
            Self::MailboxId(id) => write!(f, "MAILBOXID ({id})"),
            Self::HighestModSeq(modseq) => write!(f, "HIGHESTMODSEQ {}", modseq.0),
            Self::Modified(numbers) => write!(f, "MODIFIED {numbers}"),
            Self::MetadataLongEntries(size) => write!(f, "METADATA LONGENTRIES {size}"),
            Self::MetadataMaxSize(size) => write!(f, "METADATA MAXSIZE {size}"),
            Self::MessageLimit(limit, Some(uid)) => write!(f, "MESSAGELIMIT {limit} {uid}"),
            Self::MessageLimit(limit, None) => write!(f, "MESSAGELIMIT {limit}"),
            simple => f.write_str(simple.word()),
        }
    }
}

/// RFC 4469 §5 `url-resp-text`: a URL, as far as it can stand in a response code, and not all of a long one.
fn url_text(url: &str) -> String {
    url.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, ']' | '"' | '\\')).take(500).collect()
}

impl Code {
    /// The word of a code that has no arguments.
    fn word(&self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::Parse => "PARSE",
            Self::ReadOnly => "READ-ONLY",
            Self::MetadataNoPrivate => "METADATA NOPRIVATE",
            Self::ReadWrite => "READ-WRITE",
            Self::TryCreate => "TRYCREATE",
            Self::UnknownCte => "UNKNOWN-CTE",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::Unavailable => "UNAVAILABLE",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::Expired => "EXPIRED",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::NoPerm => "NOPERM",
            Self::InUse => "INUSE",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::Corruption => "CORRUPTION",
            Self::ClientBug => "CLIENTBUG",
            Self::Cannot => "CANNOT",
            Self::Limit => "LIMIT",
            Self::OverQuota => "OVERQUOTA",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::NonExistent => "NONEXISTENT",
            Self::TooBig => "TOOBIG",
            Self::UseAttr => "USEATTR",
            Self::UidRequired => "UIDREQUIRED",
            Self::Closed => "CLOSED",
            Self::MetadataTooMany => "METADATA TOOMANY",
            Self::NotificationOverflow => "NOTIFICATIONOVERFLOW",
            Self::BadEvent => {
                "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange \
                 MailboxMetadataChange ServerMetadataChange)"
            }
            Self::TooFew => "TOOFEW",
            Self::TooMany => "TOOMANY",
            Self::CompressionActive => "COMPRESSIONACTIVE",
            _ => "SERVERBUG",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn codes_as_on_the_wire() {
        let validity = UidValidity(NonZeroU32::new(7).expect("not zero"));
        for (code, text) in [
            (Code::ReadOnly, "READ-ONLY"),
            (Code::ServerBug, "SERVERBUG"),
            (Code::AppendUid(validity, [9].into_iter().collect()), "APPENDUID 7 9"),
            (Code::AppendUid(validity, [9, 10].into_iter().collect()), "APPENDUID 7 9:10"),
            (
                Code::CopyUid(validity, [1, 2, 5].into_iter().collect(), [9, 10, 11].into_iter().collect()),
                "COPYUID 7 1:2,5 9:11",
            ),
            (Code::MailboxId("F2212ea87".into()), "MAILBOXID (F2212ea87)"),
            (Code::BadUrl("/x;\"]\r\nä".into()), "BADURL \"/x;\""),
            (
                Code::InProgress { tag: "A001".into(), done: 454, goal: 1000 },
                "INPROGRESS (\"A001\" 454 1000)",
            ),
            (Code::InProgress { tag: "A]".into(), done: 0, goal: 9 }, "INPROGRESS (NIL 0 9)"),
            (Code::MessageLimit(1000, Uid::new(23221)), "MESSAGELIMIT 1000 23221"),
            (Code::MessageLimit(1000, None), "MESSAGELIMIT 1000"),
            (Code::BadCharset, "BADCHARSET (UTF-8 US-ASCII)"),
        ] {
            assert_eq!(code.to_string(), text);
        }
    }
}

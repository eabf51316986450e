//! Why a command stops, and how that is told (one function maps errors to answers).

use std::io;

use imap::{Code, Completion};

/// Why a command does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// With this answer.
    Answer(Completion),
    /// The connection is lost, or no longer usable.
    Gone(io::Error),
}

pub(crate) type Done = Result<Completion, Stop>;

impl Stop {
    /// NO.
    pub(crate) fn no(code: Code, text: &'static str) -> Self {
        Self::Answer(Completion::no(code, text))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<store::Error> for Stop {
    fn from(error: store::Error) -> Self {
        Self::Answer(store_answer(&error))
    }
}

impl From<mailbox::Error> for Stop {
    fn from(error: mailbox::Error) -> Self {
        Self::Answer(answer(&error))
    }
}

/// The answer to a command that failed so (RFC 5530 §3).
pub(crate) fn answer(error: &mailbox::Error) -> Completion {
    use mailbox::Error as E;
    let code = match error {
        E::NoSuchMailbox(_) => Code::NonExistent,
        E::AlreadyExists(_) => Code::AlreadyExists,
        E::SpecialUseTaken(..) => Code::UseAttr,
        E::NotPossible(_) | E::Name(_) => Code::Cannot,
        E::Limit(_) => Code::Limit,
        E::OverQuota(_) => Code::OverQuota,
        E::NoSuchMessage => Code::ExpungeIssued,
        E::Store(error) => return store_answer(error),
    };
    Completion::no(code, capitalised(&error.to_string()))
}

/// The answer when the store fails. The client hears what it can do; the log hears why.
fn store_answer(error: &store::Error) -> Completion {
    use store::Error as E;
    match error {
        E::Conflict => {}
        E::Full => tracing::warn!(%error, "refused an IMAP change"),
        _ => tracing::error!(%error, "failed an IMAP command"),
    }
    match error {
        E::Conflict => Completion::no(Code::InUse, "Others keep changing the same; try again"),
        // F14: a full disk is temporary; reading and deleting go on.
        E::Full => Completion::no(Code::Unavailable, "The disk is full; try again later"),
        E::Poisoned(_) | E::Closed | E::Io(_) | E::Locked(_) => {
            Completion::no(Code::Unavailable, "The store is not available; try again later")
        }
        // Promise P4: damaged bytes are never served.
        E::Damaged(_) => Completion::no(Code::Corruption, "The stored message is damaged"),
        E::TooLarge(_) => Completion::no(Code::Limit, "That is more than one change may hold"),
        E::Missing(_) | E::NewerFormat(_) | E::ReadOnly | E::Refused(_) => {
            Completion::no(Code::ServerBug, "Internal error")
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_code() {
        use mailbox::Error as M;
        use store::Error as S;
        for (error, code) in [
            (M::NoSuchMailbox("x".into()), Code::NonExistent),
            (M::AlreadyExists(mail::MailboxName::inbox()), Code::AlreadyExists),
            (M::SpecialUseTaken(mail::SpecialUse::Sent, mail::MailboxName::inbox()), Code::UseAttr),
            (M::NotPossible("no"), Code::Cannot),
            (M::Limit("mailboxes"), Code::Limit),
            (M::OverQuota(mailbox::Resource::Storage), Code::OverQuota),
            (M::NoSuchMessage, Code::ExpungeIssued),
            (M::Store(S::Conflict), Code::InUse),
            (M::Store(S::Full), Code::Unavailable),
            (M::Store(S::Poisoned("EIO".into())), Code::Unavailable),
            (M::Store(S::Damaged("blob 1".into())), Code::Corruption),
            (M::Store(S::Missing("blob 1".into())), Code::ServerBug),
        ] {
            let answer = answer(&error);
            assert_eq!((answer.status, answer.code), (imap::session::Status::No, Some(code)), "{error}");
        }
    }
}

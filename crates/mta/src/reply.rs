//! Errors of our own as the replies that clients get: always temporary, never a loss (promise P5).

use mail::{EnhancedCode, Reply};

/// A store that did not do what it was asked.
pub(crate) fn store(error: &store::Error) -> Reply {
    match error {
        store::Error::Full => Reply::new(452, EnhancedCode(4, 3, 1), "the disk is full, try again later"),
        store::Error::TooLarge(_) => {
            Reply::new(552, EnhancedCode(5, 3, 4), "too large for this server's store")
        }
        error => {
            if *error != store::Error::Conflict {
                tracing::error!(%error, "taking mail failed");
            }
            Reply::new(451, EnhancedCode(4, 3, 0), "a local problem, try again later")
        }
    }
}

/// A directory that could not answer.
pub(crate) fn directory(error: &directory::Error) -> Reply {
    tracing::error!(%error, "looking up an address failed");
    Reply::new(451, EnhancedCode(4, 3, 0), "a local problem, try again later")
}

/// A mailbox that could not be looked at.
pub(crate) fn mailbox(error: &mailbox::Error) -> Reply {
    tracing::error!(%error, "looking for a mailbox failed");
    Reply::new(451, EnhancedCode(4, 3, 0), "a local problem, try again later")
}

/// Asking whether a mailbox has room. That there is none is temporary (RFC 3463 §3.3, X.2.2): people tidy up.
pub(crate) fn room(error: &mailbox::Error) -> Reply {
    match error {
        mailbox::Error::OverQuota(_) => {
            Reply::new(452, EnhancedCode(4, 2, 2), "the mailbox is full, try again later")
        }
        error => mailbox(error),
    }
}

/// An event that cannot come here if the session keeps its word.
pub(crate) fn internal() -> Reply {
    Reply::new(451, EnhancedCode(4, 3, 0), "a local problem, try again later")
}

//! Object identifiers (RFC 8474). There are no THREADIDs: which messages belong together may change with what comes.
//!
//! One letter, which says what it is (§8.1), and the 13 lower-case characters of an [`Id`].

use mail::{AccountId, Id};

/// MAILBOXID: of that account's [`MailboxInfo::object`](mailbox::MailboxInfo::object). No other account has it.
pub(super) fn mailbox_id(account: AccountId, object: u32) -> String {
    format!("F{}", Id(u64::from(account.0) << 32 | u64::from(object)))
}

/// EMAILID: of [`Entry::content`](mailbox::Entry::content).
pub(super) fn email_id(content: Id) -> String {
    format!("M{content}")
}

/// What an EMAILID names, if it can be one of ours. Case matters.
pub(super) fn content(email_id: &str) -> Option<Id> {
    let content = email_id.strip_prefix('M')?.parse().ok()?;
    (self::email_id(content) == email_id).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8474 §7, §8.1: few characters, never `NIL`, no two that differ by case only.
    #[test]
    fn identifiers_go_both_ways() {
        let id = email_id(Id(77));
        assert_eq!((id.as_str(), content(&id)), ("M000000000002d", Some(Id(77))));
        for other in ["m000000000002d", "M000000000002D", "000000000002d", "M", "Mzzzzzzzzzzzzz", "NIL"] {
            assert_eq!(content(other), None, "{other}");
        }
        assert_eq!(mailbox_id(AccountId(1), 1_000_001), "F000000400ygj1");
    }
}

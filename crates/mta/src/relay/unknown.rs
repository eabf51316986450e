//! Whether a reply says for certain that an address does not exist. Pure.

use mail::Reply;

/// Words of hosts that give no enhanced code, or a vague one.
const NO_SUCH: [&str; 16] = [
    "user unknown",
    "unknown user",
    "no such user",
    "no such mailbox",
    "no such recipient",
    "no such address",
    "no mailbox here by that name",
    "user does not exist",
    "user doesn't exist",
    "mailbox does not exist",
    "account does not exist",
    "address does not exist",
    "doesn't have a yahoo",
    "recipient not found",
    "user not found",
    "recipient address rejected: undeliverable address",
];

/// Words of hosts that refuse us, whatever code they give.
const ABOUT_US: [&str; 10] =
    ["spam", "block", "policy", "reputation", "listed", "denied", "relay", "banned", "authenticat", "dmarc"];

/// Whether it does: RFC 3463 §3.2, X.1.1 (bad mailbox) and X.1.10 (RFC 7505: null MX) with 5xx, or 5xx with words that say
/// it; not if the words speak of us, because then every address would get it.
pub(super) fn says_unknown_user(reply: &Reply) -> bool {
    if !reply.is_permanent() {
        return false;
    }
    let text = reply.text.to_ascii_lowercase();
    if ABOUT_US.iter().any(|word| text.contains(word)) {
        return false;
    }
    let code = reply.enhanced.map(|enhanced| (enhanced.0, enhanced.1, enhanced.2));
    matches!(code, Some((5, 1, 1 | 10))) || NO_SUCH.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definite_words_and_others() {
        for (code, enhanced, text, unknown) in [
            (550, Some("5.1.1"), "The email account that you tried to reach does not exist.", true),
            (550, Some("5.1.1"), "<x@y.test>: Recipient address rejected: User unknown", true),
            (550, Some("5.1.10"), "RESOLVER.ADR.RecipientNotFound; Recipient not found by lookup", true),
            (554, None, "delivery error: dd This user doesn't have a yahoo.com account", true),
            (550, None, "No such user here", true),
            (550, Some("5.5.0"), "Requested action not taken: mailbox unavailable", false),
            (550, Some("5.1.1"), "Message blocked: looks like spam", false),
            (550, Some("5.7.1"), "Relaying denied", false),
            (550, Some("5.2.1"), "The account is disabled", false),
            (552, Some("5.2.2"), "Mailbox full", false),
            (450, Some("4.1.1"), "user unknown", false),
            (550, Some("5.1.8"), "Sender address rejected", false),
            (550, None, "rejected", false),
        ] {
            let enhanced = enhanced.map(|code| code.parse().expect("a code"));
            let reply = Reply { code, enhanced, text: text.into() };
            assert_eq!(says_unknown_user(&reply), unknown, "{reply}");
        }
    }
}

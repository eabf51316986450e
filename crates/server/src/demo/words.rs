//! Events in a few words: a verb and what belongs to it, short enough for one line of a terminal.

use journey::{Accepted, Attempted, Tls, What};
use mail::Wall;

/// Characters behind the verb.
const LENGTH: usize = 68;

/// What happened, as verb and detail. `at` is when.
pub(super) fn words(what: &What, at: Wall) -> (&'static str, String) {
    let (verb, detail) = match what {
        What::Accepted(accepted) => accepted_words(accepted),
        What::Refused(refused) => {
            let whom = refused.recipients.first().map_or_else(|| refused.stage.clone(), ToString::to_string);
            ("refused", format!("{whom}: {}", &refused.reply))
        }
        What::Delivered { account, mailbox, .. } => ("delivered", format!("into {mailbox} of {account}")),
        What::Queued { destination, .. } => match destination.as_str() {
            "(smarthost)" => ("queued", "for the smarthost".into()),
            domain => ("queued", format!("for {domain}")),
        },
        What::Attempted(attempted) => attempted_words(attempted),
        What::Deferred { until, .. } => {
            ("waits", format!("{:.1} s until the next try", until.since(at).as_secs_f32()))
        }
        What::Expired { .. } => ("expired", "tried for its whole lifetime".into()),
        What::Reported { recipients, .. } => {
            let whom = recipients.first().map(ToString::to_string).unwrap_or_default();
            ("reported", format!("to the sender: no mail to {whom}"))
        }
        other => (other.name(), other.to_string()),
    };
    (verb, cut(&detail))
}

fn accepted_words(accepted: &Accepted) -> (&'static str, String) {
    let how = how(accepted.tls.as_ref());
    let size = accepted.size;
    match (accepted.service.as_str(), &accepted.account) {
        ("dsn", _) => ("reports", format!("{:?}, {size} bytes", accepted.subject.as_deref().unwrap_or(""))),
        (_, Some(account)) => ("accepted", format!("from {account} by submission{how}, {size} bytes")),
        (_, None) => ("accepted", format!("from {}{how}, {size} bytes", accepted.helo)),
    }
}

fn attempted_words(attempted: &Attempted) -> (&'static str, String) {
    let reply = attempted.results.first().map(|(_, reply)| reply.to_string()).unwrap_or_default();
    // Where no connection came about, the host has been named already.
    let reply = reply.rsplit_once("failed: ").map_or(reply.as_str(), |(_, why)| why);
    let verb = match attempted.results.first() {
        Some((_, reply)) if reply.is_positive() => "sent",
        Some((_, reply)) if reply.is_permanent() => "failed",
        _ => "tried",
    };
    (verb, format!("{}{}: {reply}", attempted.host, how(attempted.tls.as_ref())))
}

fn how(tls: Option<&Tls>) -> String {
    tls.map_or(String::new(), |tls| format!(", {}", tls.version))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LENGTH {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LENGTH - 1).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mail::{Id, Reply};

    use super::*;

    fn attempted(reply: Reply) -> What {
        let address = "nobody@beta.test".parse().expect("an address");
        What::Attempted(Box::new(Attempted {
            item: Id(1),
            host: "mail.beta.test".into(),
            ip: None,
            tls: None,
            results: vec![(address, reply)],
            took: Duration::ZERO,
        }))
    }

    #[test]
    fn events_in_few_words() {
        let now = Wall::from_secs(100);
        for (what, said) in [
            (attempted(Reply::plain(250, "Ok")), ("sent", "mail.beta.test: 250 Ok")),
            (attempted(Reply::plain(550, "No")), ("failed", "mail.beta.test: 550 No")),
            (
                attempted(Reply::plain(451, "connecting to x failed: refused")),
                ("tried", "mail.beta.test: refused"),
            ),
            (
                What::Deferred { item: Id(1), until: Wall::from_millis(101_500) },
                ("waits", "1.5 s until the next try"),
            ),
            (What::Noted("anything".into()), ("noted", "anything")),
        ] {
            let (verb, detail) = words(&what, now);
            assert_eq!((verb, detail.as_str()), said);
        }
        let long = words(&attempted(Reply::plain(250, "x".repeat(200))), now).1;
        assert_eq!(long.chars().count(), LENGTH);
    }
}

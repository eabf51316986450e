//! MAIL and RCPT as they go out: parameters only where they are offered.

use mail::{BodyType, ByMode, DeliverBy, Envelope, Notify, Recipient, ReturnContent, TlsRequired};

use super::Capabilities;

/// `MAIL FROM:<...>`.
pub(super) fn mail(envelope: &Envelope, size: u64, eight_bit: bool, offered: &Capabilities) -> String {
    let mut words = vec![format!("MAIL FROM:<{}>", envelope.reverse_path)];
    if offered.size.is_some() {
        words.push(format!("SIZE={size}"));
    }
    if envelope.body == BodyType::BinaryMime && offered.binary_mime && offered.chunking {
        words.push("BODY=BINARYMIME".into());
    } else if offered.eight_bit_mime && (eight_bit || envelope.body != BodyType::SevenBit) {
        words.push("BODY=8BITMIME".into());
    }
    if offered.smtputf8 && needs_smtputf8(envelope) {
        words.push("SMTPUTF8".into());
    }
    if offered.require_tls && envelope.tls_required == TlsRequired::Yes {
        words.push("REQUIRETLS".into());
    }
    if let (Some(by), Some(_)) = (envelope.deliver_by, offered.deliver_by) {
        words.push(deliver_by(by));
    }
    if offered.priority && envelope.priority != 0 {
        words.push(format!("MT-PRIORITY={}", envelope.priority));
    }
    if offered.dsn {
        words.extend(envelope.ret.map(|ret| match ret {
            ReturnContent::Full => "RET=FULL".into(),
            ReturnContent::Headers => "RET=HDRS".into(),
        }));
        words.extend(envelope.envid.iter().map(|envid| format!("ENVID={envid}")));
    }
    words.join(" ")
}

/// `by-value` (RFC 2852 §4).
fn deliver_by(by: DeliverBy) -> String {
    let mode = if by.mode == ByMode::Return { "R" } else { "N" };
    format!("BY={};{mode}{}", by.seconds, if by.trace { "T" } else { "" })
}

/// `RCPT TO:<...>`, in a transaction with this BY.
pub(super) fn rcpt(recipient: &Recipient, by: Option<DeliverBy>, offered: &Capabilities) -> String {
    let mut words = vec![format!("RCPT TO:<{}>", recipient.address)];
    if offered.dsn {
        // RFC 2852 §4.1.4.2: where the time is not kept, the sender shall hear of delay at least.
        let unkept = by.is_some_and(|by| by.mode == ByMode::Notify) && offered.deliver_by.is_none();
        let unkept = unkept && !recipient.notify.never;
        let wanted = Notify { delay: recipient.notify.delay || unkept, ..recipient.notify };
        if unkept || wanted != Notify::default() {
            words.push(format!("NOTIFY={}", notify(wanted)));
        }
        // RFC 6533 §3: an original address beyond ASCII travels only where SMTPUTF8 is offered.
        let original = recipient.original.iter().filter(|o| o.is_ascii() || offered.smtputf8);
        words.extend(original.map(|original| format!("ORCPT={original}")));
    }
    words.join(" ")
}

fn notify(notify: Notify) -> String {
    let wanted = [(notify.success, "SUCCESS"), (notify.failure, "FAILURE"), (notify.delay, "DELAY")];
    let words: Vec<&str> = wanted.into_iter().filter(|(on, _)| *on).map(|(_, word)| word).collect();
    if notify.never || words.is_empty() { "NEVER".into() } else { words.join(",") }
}

/// The sender asked for it, or an address needs it (RFC 6531 §3.3).
pub(super) fn needs_smtputf8(envelope: &Envelope) -> bool {
    let sender = envelope.reverse_path.0.iter();
    let mut addresses = sender.chain(envelope.recipients.iter().map(|recipient| &recipient.address));
    envelope.smtputf8 || addresses.any(mail::Address::needs_smtputf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            reverse_path: "a@x.test".parse().expect("an address"),
            recipients: vec![Recipient {
                address: r#""b c"@bücher.test"#.parse().expect("an address"),
                notify: Notify { never: false, success: true, failure: true, delay: false },
                original: Some("rfc822;b@y.test".into()),
            }],
            body: BodyType::EightBitMime,
            smtputf8: true,
            ret: Some(ReturnContent::Headers),
            envid: Some("e+2B1".into()),
            tls_required: TlsRequired::Yes,
            ..Envelope::default()
        }
    }

    #[test]
    fn parameters_go_where_they_are_offered() {
        let all = Capabilities::parse("peer\nSIZE\n8BITMIME\nSMTPUTF8\nDSN\nREQUIRETLS");
        let envelope = envelope();
        assert_eq!(
            mail(&envelope, 7, false, &all),
            "MAIL FROM:<a@x.test> SIZE=7 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=e+2B1"
        );
        assert_eq!(
            rcpt(&envelope.recipients[0], None, &all),
            r#"RCPT TO:<"b c"@xn--bcher-kva.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@y.test"#
        );
        let none = Capabilities::default();
        assert_eq!(mail(&envelope, 7, true, &none), "MAIL FROM:<a@x.test>");
        assert_eq!(rcpt(&envelope.recipients[0], None, &none), r#"RCPT TO:<"b c"@xn--bcher-kva.test>"#);
        assert_eq!(mail(&Envelope::default(), 7, true, &none), "MAIL FROM:<>");
    }

    #[test]
    fn time_and_priority_are_passed_on() {
        let by = DeliverBy { seconds: 120, mode: ByMode::Notify, trace: true };
        let envelope = Envelope { deliver_by: Some(by), priority: -3, ..envelope() };
        let all = Capabilities::parse("peer\nDELIVERBY 60\nMT-PRIORITY\nDSN");
        let (none, dsn) = (Capabilities::default(), Capabilities::parse("peer\nDSN"));
        let line = mail(&envelope, 7, false, &all);
        assert!(line.starts_with("MAIL FROM:<a@x.test> BY=120;NT MT-PRIORITY=-3 RET="), "{line}");
        assert_eq!(mail(&envelope, 7, false, &none), "MAIL FROM:<a@x.test>");
        let late = DeliverBy { seconds: -5, mode: ByMode::Notify, trace: false };
        let line = mail(&Envelope { deliver_by: Some(late), ..Envelope::default() }, 7, false, &all);
        assert_eq!(line, "MAIL FROM:<> BY=-5;N");
        let to = |notify, by, offered: &Capabilities| {
            let line = rcpt(
                &Recipient { notify, ..Recipient::plain("b@y.test".parse().expect("good")) },
                by,
                offered,
            );
            line.split_once(' ').expect("two words").1.to_owned()
        };
        let (usual, never) =
            (Notify::default(), Notify { never: true, success: false, failure: false, delay: false });
        let success = Notify { success: true, delay: false, failure: false, ..usual };
        assert_eq!(to(usual, Some(by), &all), "TO:<b@y.test>");
        assert_eq!(to(usual, Some(by), &dsn), "TO:<b@y.test> NOTIFY=FAILURE,DELAY");
        assert_eq!(to(success, Some(by), &dsn), "TO:<b@y.test> NOTIFY=SUCCESS,DELAY");
        assert_eq!(to(never, Some(by), &dsn), "TO:<b@y.test> NOTIFY=NEVER");
        assert_eq!(to(usual, Some(DeliverBy { mode: ByMode::Return, ..by }), &dsn), "TO:<b@y.test>");
    }
}

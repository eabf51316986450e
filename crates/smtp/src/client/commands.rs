//! MAIL and RCPT as they go out: parameters only where they are offered.

use mail::{BodyType, Envelope, Notify, Recipient, ReturnContent, TlsRequired};

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
    if offered.dsn {
        words.extend(envelope.ret.map(|ret| match ret {
            ReturnContent::Full => "RET=FULL".into(),
            ReturnContent::Headers => "RET=HDRS".into(),
        }));
        words.extend(envelope.envid.iter().map(|envid| format!("ENVID={envid}")));
    }
    words.join(" ")
}

/// `RCPT TO:<...>`.
pub(super) fn rcpt(recipient: &Recipient, offered: &Capabilities) -> String {
    let mut words = vec![format!("RCPT TO:<{}>", recipient.address)];
    if offered.dsn {
        if recipient.notify != Notify::default() {
            words.push(format!("NOTIFY={}", notify(recipient.notify)));
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
            rcpt(&envelope.recipients[0], &all),
            r#"RCPT TO:<"b c"@xn--bcher-kva.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@y.test"#
        );
        let none = Capabilities::default();
        assert_eq!(mail(&envelope, 7, true, &none), "MAIL FROM:<a@x.test>");
        assert_eq!(rcpt(&envelope.recipients[0], &none), r#"RCPT TO:<"b c"@xn--bcher-kva.test>"#);
        assert_eq!(mail(&Envelope::default(), 7, true, &none), "MAIL FROM:<>");
    }
}

//! Parameters of MAIL and RCPT (RFC 5321 §4.1.2 `esmtp-param`).

use mail::{BodyType, Notify, ReturnContent, ReversePath, limits};

use super::{wishes, xtext};
use crate::server::{FutureRelease, MailParams};

/// Bytes of ENVID (RFC 3461 §4.4).
const ENVID_LENGTH: usize = 100;
/// Bytes of ORCPT (RFC 3461 §4.2).
const ORCPT_LENGTH: usize = 500;

/// Why parameters are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Error {
    /// The value is malformed, missing or given twice; the keyword says where (501 5.5.4).
    Value(&'static str),
    /// The parameter is not known or not offered (555 5.5.4).
    Unknown,
}

/// Which parameters of MAIL are known because their extension is offered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offered {
    pub(crate) require_tls: bool,
    pub(crate) future_release: Option<FutureRelease>,
    pub(crate) deliver_by: bool,
    pub(crate) priority: bool,
}

/// Parameters of RCPT (RFC 3461 §4).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RcptParams {
    pub(crate) notify: Option<Notify>,
    pub(crate) original: Option<String>,
}

/// `esmtp-param = esmtp-keyword ["=" esmtp-value]`, separated by spaces.
fn split(params: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    params.split(' ').filter(|p| !p.is_empty()).map(|p| match p.split_once('=') {
        Some((keyword, value)) => (keyword, Some(value)),
        None => (p, None),
    })
}

/// Puts a value that was not there before.
fn set<T>(slot: &mut Option<T>, value: Option<T>, keyword: &'static str) -> Result<(), Error> {
    match (&slot, value) {
        (None, Some(value)) => *slot = Some(value),
        _ => return Err(Error::Value(keyword)),
    }
    Ok(())
}

/// Parameters of MAIL.
pub(crate) fn mail(params: &str, offered: &Offered) -> Result<MailParams, Error> {
    let mut parsed = MailParams::default();
    let (mut body, mut utf8, mut require_tls) = (None, None, None);
    for (keyword, value) in split(params) {
        match keyword.to_ascii_uppercase().as_str() {
            "REQUIRETLS" if offered.require_tls => {
                set(&mut require_tls, value.is_none().then_some(()), "REQUIRETLS")?;
            }
            "BY" if offered.deliver_by => {
                set(&mut parsed.deliver_by, value.and_then(wishes::deliver_by), "BY")?;
            }
            "MT-PRIORITY" if offered.priority => {
                set(&mut parsed.priority, value.and_then(wishes::priority), "MT-PRIORITY")?;
            }
            // RFC 4865 §4.2: one of the two, once.
            "HOLDFOR" if let Some(future) = offered.future_release => {
                set(&mut parsed.hold, value.and_then(|value| wishes::hold_for(value, future)), "HOLDFOR")?;
            }
            "HOLDUNTIL" if let Some(future) = offered.future_release => {
                set(
                    &mut parsed.hold,
                    value.and_then(|value| wishes::hold_until(value, future)),
                    "HOLDUNTIL",
                )?;
            }
            "SIZE" => set(&mut parsed.size, value.and_then(size), "SIZE")?,
            "BODY" => set(&mut body, value.and_then(body_type), "BODY")?,
            "SMTPUTF8" => set(&mut utf8, value.is_none().then_some(()), "SMTPUTF8")?,
            "RET" => set(&mut parsed.ret, value.and_then(return_content), "RET")?,
            "ENVID" => set(&mut parsed.envid, value.and_then(envid), "ENVID")?,
            "AUTH" => set(&mut parsed.auth, value.and_then(auth), "AUTH")?,
            _ => return Err(Error::Unknown),
        }
    }
    parsed.body = body.unwrap_or_default();
    parsed.smtputf8 = utf8.is_some();
    parsed.require_tls = require_tls.is_some();
    Ok(parsed)
}

/// Parameters of RCPT.
pub(crate) fn rcpt(params: &str) -> Result<RcptParams, Error> {
    let mut parsed = RcptParams::default();
    for (keyword, value) in split(params) {
        match keyword.to_ascii_uppercase().as_str() {
            "NOTIFY" => set(&mut parsed.notify, value.and_then(notify), "NOTIFY")?,
            "ORCPT" => set(&mut parsed.original, value.and_then(original), "ORCPT")?,
            _ => return Err(Error::Unknown),
        }
    }
    Ok(parsed)
}

/// `size-value = 1*20DIGIT` (RFC 1870 §3). Twenty digits may be more than fits; then it is too big anyway.
fn size(value: &str) -> Option<u64> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

/// `7BIT / 8BITMIME / BINARYMIME` (RFC 6152 §2, RFC 3030 §3).
fn body_type(value: &str) -> Option<BodyType> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Some(BodyType::SevenBit),
        "8BITMIME" => Some(BodyType::EightBitMime),
        "BINARYMIME" => Some(BodyType::BinaryMime),
        _ => None,
    }
}

fn return_content(value: &str) -> Option<ReturnContent> {
    match value.to_ascii_uppercase().as_str() {
        "FULL" => Some(ReturnContent::Full),
        "HDRS" => Some(ReturnContent::Headers),
        _ => None,
    }
}

fn envid(value: &str) -> Option<String> {
    let good = (1..=ENVID_LENGTH).contains(&value.len()) && xtext::is_harmless(value);
    good.then(|| value.to_owned())
}

/// RFC 4954 §5: xtext of a mailbox, or `<>`. Quirk: the mailbox may come in brackets, as some relays send it.
fn auth(value: &str) -> Option<ReversePath> {
    let meant = String::from_utf8(xtext::decode(value)?).ok()?;
    let inner = meant.strip_prefix('<').and_then(|m| m.strip_suffix('>'));
    match inner.unwrap_or(&meant) {
        "" => inner.map(|_| ReversePath(None)),
        mailbox => mailbox.parse().ok(),
    }
}

/// `NEVER`, or a list of `SUCCESS`, `FAILURE`, `DELAY` (RFC 3461 §4.1).
fn notify(value: &str) -> Option<Notify> {
    let mut wanted = Notify { never: false, success: false, failure: false, delay: false };
    if value.eq_ignore_ascii_case("NEVER") {
        return Some(Notify { never: true, ..wanted });
    }
    for word in value.split(',') {
        match word.to_ascii_uppercase().as_str() {
            "SUCCESS" => wanted.success = true,
            "FAILURE" => wanted.failure = true,
            "DELAY" => wanted.delay = true,
            _ => return None,
        }
    }
    Some(wanted)
}

/// `original-recipient-address = addr-type ";" xtext` (RFC 3461 §4.2); `utf-8;` may hold characters as they are
/// (RFC 6533 §3).
fn original(value: &str) -> Option<String> {
    if value.len() > ORCPT_LENGTH {
        return None;
    }
    let (kind, address) = value.split_once(';')?;
    let atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if kind.is_empty() || !kind.bytes().all(atom) || address.is_empty() {
        return None;
    }
    let good = if kind.eq_ignore_ascii_case("utf-8") {
        is_harmless_utf8(address)
    } else {
        xtext::is_harmless(address)
    };
    good.then(|| value.to_owned())
}

/// Characters as they are, in xtext, or as `\x{HEXPOINT}` (RFC 6533 §3); no control character in any of these forms
/// (attacks A7).
fn is_harmless_utf8(address: &str) -> bool {
    let ascii: String = address.chars().filter(char::is_ascii).collect();
    let embedded = |rest: &str| {
        let point = rest.split_once('}').and_then(|(digits, _)| u32::from_str_radix(digits, 16).ok());
        point.and_then(char::from_u32).is_some_and(|c| !c.is_control())
    };
    !address.chars().any(char::is_control)
        && xtext::is_harmless(&ascii)
        && address.split("\\x{").skip(1).all(embedded)
}

/// Whether the longest path with all parameters fits a command line.
const _: () = assert!(limits::SMTP_LINE_LENGTH > 1024 + ENVID_LENGTH + ORCPT_LENGTH);

#[cfg(test)]
mod tests {
    use super::*;

    fn mail_of(params: &str) -> Result<MailParams, Error> {
        mail(params, &Offered::default())
    }

    #[test]
    fn parameters_are_known_where_they_are_offered() {
        let latest = mail::Wall::from_rfc3339("2026-12-01T00:00:00Z").expect("a date");
        let future_release = Some(FutureRelease { longest: std::time::Duration::from_hours(1), latest });
        let all = Offered { require_tls: true, future_release, deliver_by: true, priority: true };
        for (params, keyword) in [
            ("REQUIRETLS", "REQUIRETLS"),
            ("BY=120;R", "BY"),
            ("MT-PRIORITY=3", "MT-PRIORITY"),
            ("HOLDFOR=3600", "HOLDFOR"),
            ("HOLDUNTIL=2026-12-01T00:00:00Z", "HOLDUNTIL"),
        ] {
            assert_eq!(mail_of(params), Err(Error::Unknown), "{params}");
            assert!(mail(params, &all).is_ok(), "{params}");
            assert_eq!(
                mail(&format!("{params} {params}"), &all),
                Err(Error::Value(keyword)),
                "{params} twice"
            );
            assert_eq!(
                mail(&format!("{keyword}="), &all),
                Err(Error::Value(keyword)),
                "{keyword} of nothing"
            );
        }
        for both in ["HOLDFOR=1 HOLDUNTIL=2026-12-01T00:00:00Z", "HOLDUNTIL=2026-12-01T00:00:00Z HOLDFOR=1"] {
            assert!(mail(both, &all).is_err(), "{both}");
        }
        for beyond in ["HOLDFOR=3601", "HOLDUNTIL=2026-12-01T00:00:01Z"] {
            assert!(mail(beyond, &all).is_err(), "{beyond}");
        }
    }

    #[test]
    fn good_parameters_of_mail() {
        let parsed =
            mail_of("size=10 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=e+3Dmc2@x.test").expect("good");
        assert_eq!((parsed.size, parsed.body, parsed.smtputf8), (Some(10), BodyType::EightBitMime, true));
        assert_eq!((parsed.ret, parsed.envid.as_deref()), (Some(ReturnContent::Headers), Some("a+2Bb")));
        assert_eq!(parsed.auth.map(|a| a.to_string()).as_deref(), Some("e=mc2@x.test"));
        assert_eq!(mail_of("AUTH=<>").expect("good").auth, Some(ReversePath(None)));
        assert_eq!(mail_of("SIZE=99999999999999999999").expect("good").size, Some(u64::MAX));
    }

    #[test]
    fn bad_parameters_of_mail() {
        let long = format!("ENVID={}", "x".repeat(101));
        for (params, error) in [
            ("SIZE", Error::Value("SIZE")),
            ("SIZE=", Error::Value("SIZE")),
            ("SIZE=-1", Error::Value("SIZE")),
            ("SIZE=+1", Error::Value("SIZE")),
            ("SIZE=1 SIZE=1", Error::Value("SIZE")),
            ("SIZE=999999999999999999999", Error::Value("SIZE")),
            ("BODY=BINARY", Error::Value("BODY")),
            ("SMTPUTF8=1", Error::Value("SMTPUTF8")),
            ("RET=ALL", Error::Value("RET")),
            ("ENVID=a+0Db", Error::Value("ENVID")),
            ("ENVID=", Error::Value("ENVID")),
            (&long, Error::Value("ENVID")),
            ("AUTH=", Error::Value("AUTH")),
            ("AUTH=a", Error::Value("AUTH")),
            ("X", Error::Unknown),
            ("NOTIFY=NEVER", Error::Unknown),
        ] {
            assert_eq!(mail_of(params), Err(error), "{params}");
        }
    }

    #[test]
    fn parameters_of_rcpt() {
        let parsed = rcpt("NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bb@x.test").expect("good");
        let wanted = Notify { never: false, success: true, failure: false, delay: true };
        assert_eq!((parsed.notify, parsed.original.as_deref()), (Some(wanted), Some("rfc822;a+2Bb@x.test")));
        for good in ["ORCPT=utf-8;grå@x.test", r"ORCPT=utf-8;gr\x{E5}@x.test", "ORCPT=utf-8;grå+2Bx@x.test"]
        {
            assert!(rcpt(good).is_ok(), "{good}");
        }
        for (params, error) in [
            ("NOTIFY=", Error::Value("NOTIFY")),
            ("NOTIFY=NEVER,SUCCESS", Error::Value("NOTIFY")),
            ("ORCPT=a@b", Error::Value("ORCPT")),
            ("ORCPT=utf-8;a+0A@b", Error::Value("ORCPT")),
            (r"ORCPT=utf-8;a\x{0A}@b", Error::Value("ORCPT")),
            (r"ORCPT=utf-8;a\x{110000}@b", Error::Value("ORCPT")),
            (r"ORCPT=utf-8;a\x{e5", Error::Value("ORCPT")),
            ("ORCPT=rfc822;a+0A@b", Error::Value("ORCPT")),
            ("ORCPT=rfc822;", Error::Value("ORCPT")),
            ("ORCPT=;a", Error::Value("ORCPT")),
            ("ORCPT=rfc822;grå@x.test", Error::Value("ORCPT")),
            ("SIZE=1", Error::Unknown),
        ] {
            assert_eq!(rcpt(params), Err(error), "{params}");
        }
    }
}

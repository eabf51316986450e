//! What a report says, read by a few lines of its own (RFC 3464).

use mail::Id;

use crate::actors::letter;

/// A report about a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The report's own name.
    pub id: Option<Id>,
    /// The host that wrote it.
    pub host: String,
    /// The token of the message it is about, if what came back of it tells.
    pub token: Option<u64>,
    /// Each recipient with what became of it: `failed`, `delayed`, `delivered`, `relayed`, `expanded`.
    pub actions: Vec<(String, String)>,
}

/// Reads a report; nothing if the message is not one.
pub fn parse(message: &[u8]) -> Option<Report> {
    let head = letter::head(message);
    let kind = letter::field(head, "Content-Type:")?.to_lowercase();
    if !kind.starts_with("multipart/report") {
        return None;
    }
    let name = letter::field(head, "Message-ID:")?;
    let (id, host) = name.trim_matches(['<', '>']).split_once('@')?;
    let mut report = Report { id: id.parse().ok(), host: host.to_owned(), ..Report::default() };
    let mut recipient = None;
    for line in message[head.len()..].split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(line) = std::str::from_utf8(line) else { continue };
        if let Some(value) = value(line, "Final-Recipient") {
            recipient = value.split_once(';').map(|(_, address)| address.trim().to_owned());
        } else if let Some(action) = value(line, "Action") {
            report.actions.extend(recipient.take().map(|who| (who, action.to_owned())));
        } else if let Some(id) = value(line, "Message-ID") {
            let token = id.strip_prefix("<t").and_then(|id| id.split('@').next());
            report.token = report.token.or_else(|| token?.parse().ok());
        }
    }
    Some(report)
}

fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (found, value) = line.split_once(':')?;
    found.eq_ignore_ascii_case(name).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "Return-Path: <>\r\nMessage-ID: <0000000000022@mx.a.test>\r\nContent-Type: multipart/report;\r\n x=y\r\n\r\n\
                    --b\r\n\r\nFinal-Recipient: rfc822; x@y.test\r\nAction: failed\r\n\r\nMessage-ID: <t12@sim.test>\r\n";
        let report = parse(text.as_bytes()).expect("a report");
        assert_eq!((report.id, report.token), (Some(Id(66)), Some(12)));
        assert_eq!(report.actions, [("x@y.test".into(), "failed".into())]);
        assert_eq!(parse(b"From: x\r\n\r\nhi"), None);
    }
}

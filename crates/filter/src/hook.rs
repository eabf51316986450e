//! HTTP hooks: what is asked, in JSON, and what the answer means. Documented for their authors in `docs/hooks.md`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use mail::{EnhancedCode, Reply, limits};
use serde_json::{Map, Value, json};

use crate::milter::Verdict;

/// Bytes of a message that become text together: a multiple of three, so that pieces can stand side by side.
pub const PIECE: usize = 48 * 1024;

/// When a hook is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Before the greeting.
    Connect,
    /// At MAIL.
    Mail,
    /// At each RCPT.
    Rcpt,
    /// When the message is complete.
    Data,
}

impl Stage {
    /// As JSON and the configuration name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
        }
    }
}

/// What a hook is told of the client and the transaction.
#[derive(Clone, Debug, Default)]
pub struct Question {
    fields: Map<String, Value>,
}

impl Question {
    /// Begins a question.
    pub fn new(stage: Stage) -> Self {
        let mut question = Self::default();
        question.set("version", 1);
        question.set("stage", stage.name());
        question
    }

    /// Adds a field.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name.to_owned(), value.into());
    }

    /// Adds the message's fields in order, each as a list of its name and its value on one line.
    pub fn set_headers<'a>(&mut self, fields: impl Iterator<Item = (&'a [u8], String)>) {
        let field = |(name, value): (&[u8], String)| json!([String::from_utf8_lossy(name), value]);
        self.set("headers", fields.take(limits::HEADER_FIELDS).map(field).collect::<Vec<_>>());
    }

    /// The whole question without a message.
    pub fn text(self) -> Vec<u8> {
        Value::Object(self.fields).to_string().into_bytes()
    }

    /// What stands before and behind a message in base64, which is the last field.
    pub fn around_message(self) -> (Vec<u8>, &'static [u8]) {
        let mut text = self.text();
        text.pop();
        text.extend_from_slice(b",\"message\":\"");
        (text, b"\"}")
    }
}

/// Base64 of a piece of a message; all but the last one have [`PIECE`] bytes.
pub fn encode(piece: &[u8]) -> String {
    BASE64.encode(piece)
}

/// Bytes that a message of so many bytes has in base64.
pub fn encoded_length(bytes: u64) -> u64 {
    bytes.div_ceil(3) * 4
}

/// What a hook answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// Not for the inbox, for this reason.
    pub quarantine: Option<String>,
    /// Fields to put in front of the message.
    pub headers: Vec<(String, String)>,
}

/// Reads an answer; what is wrong with it otherwise.
pub fn answer(text: &[u8]) -> Result<Answer, String> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let action = value.get("action").and_then(Value::as_str).ok_or("its answer has no \"action\"")?;
    let text = value.get("text").and_then(Value::as_str);
    let (verdict, quarantine) = match action {
        "accept" => (Verdict::Continue, None),
        "reject" => (Verdict::Refuse(reply(&value, 550, text)?), None),
        "tempfail" => (Verdict::Refuse(reply(&value, 451, text)?), None),
        "discard" => (Verdict::Discard, None),
        "quarantine" => (Verdict::Continue, Some(text.unwrap_or("no reason given").to_owned())),
        other => return Err(format!("its answer has the unknown action {other:?}")),
    };
    Ok(Answer { verdict, quarantine, headers: headers(&value)? })
}

/// A reply of the class that the action asks for.
fn reply(value: &Value, usual: u16, text: Option<&str>) -> Result<Reply, String> {
    let code = match value.get("code") {
        None | Some(Value::Null) => usual,
        Some(code) => code
            .as_u64()
            .and_then(|code| u16::try_from(code).ok())
            .filter(|code| code / 100 == usual / 100)
            .ok_or(format!("its answer has the code {code}, which does not fit its action"))?,
    };
    let class = (code / 100) as u8;
    let enhanced = match value.get("enhanced").and_then(Value::as_str) {
        None => EnhancedCode(class, 7, 1),
        Some(text) => text
            .parse::<EnhancedCode>()
            .ok()
            .filter(|enhanced| enhanced.0 == class)
            .ok_or(format!("its answer has the enhanced code {text:?}, which does not fit its code"))?,
    };
    let usual = if class == 5 { "refused by a filter" } else { "put off by a filter, try again later" };
    Ok(Reply::new(code, enhanced, text.unwrap_or(usual)))
}

fn headers(value: &Value) -> Result<Vec<(String, String)>, String> {
    let wrong = || "\"add_headers\" of its answer is not a list of pairs".to_owned();
    let Some(list) = value.get("add_headers").filter(|list| !list.is_null()) else { return Ok(Vec::new()) };
    let list = list.as_array().filter(|list| list.len() <= limits::HOOK_HEADERS).ok_or_else(wrong)?;
    let pair = |pair: &Value| match pair.as_array()?.as_slice() {
        [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
        _ => None,
    };
    list.iter().map(|entry| pair(entry).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_json() {
        let mut question = Question::new(Stage::Data);
        question.set("client", json!({ "address": "192.0.2.1" }));
        question.set_headers([(&b"Subject"[..], "\"quoted\" \u{e9}".to_owned())].into_iter());
        let (before, after) = question.clone().around_message();
        let message = b"From: x\r\n\r\nHello.\r\n".repeat(10_000);
        let mut text = before;
        message.chunks(PIECE).for_each(|piece| text.extend(encode(piece).into_bytes()));
        text.extend_from_slice(after);
        let length = question.around_message().0.len() as u64 + encoded_length(message.len() as u64) + 2;
        assert_eq!(text.len() as u64, length);
        let value: Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!(value["stage"], "data");
        assert_eq!(value["headers"][0][1], "\"quoted\" \u{e9}");
        assert_eq!(BASE64.decode(value["message"].as_str().expect("text")).expect("base64"), message);
    }

    #[test]
    fn answers_mean_something() {
        let refused = |code, enhanced, text: &str| Verdict::Refuse(Reply::new(code, enhanced, text));
        for (text, verdict) in [
            (r#"{"action":"accept"}"#, Verdict::Continue),
            (r#"{"action":"discard","text":"x"}"#, Verdict::Discard),
            (r#"{"action":"reject"}"#, refused(550, EnhancedCode(5, 7, 1), "refused by a filter")),
            (
                r#"{"action":"reject","code":554,"enhanced":"5.7.9","text":"no\r\n250 ok"}"#,
                refused(554, EnhancedCode(5, 7, 9), "no\r\n250 ok"),
            ),
            (
                r#"{"action":"tempfail","code":null,"text":"later"}"#,
                refused(451, EnhancedCode(4, 7, 1), "later"),
            ),
        ] {
            let answer = super::answer(text.as_bytes()).expect(text);
            assert_eq!(
                (answer.verdict, answer.quarantine, answer.headers),
                (verdict, None, Vec::new()),
                "{text}"
            );
        }
        let text = r#"{"action":"quarantine","text":"odd","add_headers":[["X-A","1"],["X-B","2"]]}"#;
        let odd = super::answer(text.as_bytes()).expect("good");
        assert_eq!(
            (odd.verdict, odd.quarantine.as_deref(), odd.headers.len()),
            (Verdict::Continue, Some("odd"), 2)
        );
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"action":"maybe"}"#,
            r#"{"action":"reject","code":250}"#,
            r#"{"action":"reject","code":451}"#,
            r#"{"action":"tempfail","enhanced":"5.7.1"}"#,
            r#"{"action":"accept","add_headers":{"X":"1"}}"#,
            r#"{"action":"accept","add_headers":[["X"]]}"#,
        ] {
            assert!(super::answer(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = vec![json!(["X", "1"]); limits::HOOK_HEADERS + 1];
        assert!(
            super::answer(json!({ "action": "accept", "add_headers": many }).to_string().as_bytes()).is_err()
        );
    }
}

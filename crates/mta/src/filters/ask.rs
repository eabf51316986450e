//! What hooks are told, and what their answers do to a message.

use filter::hook::{Answer, Question, Stage};
use filter::milter::{Changes, Verdict};
use mail::{Address, Id, ReversePath};
use serde_json::json;

use super::letter::Letter;
use super::milter::in_front;
use crate::intake::Client;

/// About a client, and the message that it begins, if it does.
pub(super) fn question(stage: Stage, client: &Client, message: Option<(Id, &ReversePath)>) -> Question {
    let mut question = Question::new(stage);
    let tls = client.tls.as_ref().map(|tls| json!({ "version": tls.version, "cipher": tls.cipher }));
    let told = json!({
        "service": client.service_name(),
        "address": client.address.ip().to_string(),
        "port": client.address.port(),
        "helo": client.name,
        "tls": tls,
        "account": client.account.as_ref().map(|login| login.address.to_string()),
    });
    question.set("client", told);
    if let Some((id, from)) = message {
        question.set("id", id.to_string());
        question.set("from", from.0.as_ref().map(Address::to_string).unwrap_or_default());
    }
    question
}

/// Adds the recipients: at RCPT the one that it is about.
pub(super) fn set_recipients<'a>(question: &mut Question, to: impl Iterator<Item = &'a Address>) {
    question.set("to", to.map(Address::to_string).collect::<Vec<_>>());
}

/// Carries out an answer about a message.
pub(super) fn take(answer: Answer, letter: &mut Letter) -> (Verdict, Changes) {
    // The last one put in front stands first.
    for (name, value) in answer.headers.iter().rev() {
        letter.change_header(in_front(name, value), filter::milter::field);
    }
    (answer.verdict, Changes::quarantine(answer.quarantine))
}

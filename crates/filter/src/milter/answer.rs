//! What filters answer.

use mail::{EnhancedCode, Reply};

use super::changes::Change;
use super::options::{Options, action};
use super::packet::{Data, Error};

/// What a filter says to a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Continue,
    /// It has seen enough, and agrees: of the message, or, said to connect or helo, of all that come.
    Accept,
    /// It does not want more of this kind; go on with the next.
    Skip,
    /// No, with this reply (4xx or 5xx).
    Refuse(Reply),
    /// Say yes, and throw it away.
    Discard,
}

/// One packet of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The answer that ends a step.
    Verdict(Verdict),
    /// It needs more time.
    Progress,
    /// A change; only at the end of the message.
    Change(Change),
}

pub(super) fn read(command: u8, data: &[u8], options: &Options) -> Result<Answer, Error> {
    let mut data = Data::new(command, data);
    let verdict = match command {
        b'c' => Verdict::Continue,
        b'a' => Verdict::Accept,
        b's' => Verdict::Skip,
        b'd' => Verdict::Discard,
        b'r' => Verdict::Refuse(Reply::new(550, EnhancedCode(5, 7, 1), "refused by a filter")),
        b't' => {
            Verdict::Refuse(Reply::new(451, EnhancedCode(4, 7, 1), "put off by a filter, try again later"))
        }
        b'y' => Verdict::Refuse(reply(data.last_text()).ok_or_else(|| data.malformed())?),
        b'4' => Verdict::Refuse(Reply::new(421, EnhancedCode(4, 7, 0), "a filter ends this connection")),
        b'p' => return Ok(Answer::Progress),
        b'f' => return Err(Error::GaveUp),
        _ => return change(command, &mut data, options).map(Answer::Change),
    };
    Ok(Answer::Verdict(verdict))
}

/// `550 5.7.1 text`, perhaps of several lines each with the code.
fn reply(text: &[u8]) -> Option<Reply> {
    let text = String::from_utf8_lossy(text);
    let code: u16 = text.get(..3)?.parse().ok().filter(|code| (400..600).contains(code))?;
    let prefix = text.get(..3)?.to_owned();
    let mut enhanced = None;
    let mut lines = Vec::new();
    for line in text.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix(&*prefix).unwrap_or(line);
        let line = line.strip_prefix([' ', '-']).unwrap_or(line);
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word.parse::<EnhancedCode>() {
            // RFC 2034 §4: its class is that of the code.
            Ok(found) if u16::from(found.0) == code / 100 => {
                enhanced.get_or_insert(found);
                lines.push(rest.to_owned());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    let enhanced = enhanced.unwrap_or(EnhancedCode((code / 100) as u8, 7, 1));
    let text = lines.join("\n");
    Some(Reply::new(
        code,
        enhanced,
        if text.trim().is_empty() { "refused by a filter".to_owned() } else { text },
    ))
}

fn change(command: u8, data: &mut Data<'_>, options: &Options) -> Result<Change, Error> {
    let allowed = match command {
        b'h' | b'i' => action::ADD_HEADERS,
        b'm' => action::CHANGE_HEADERS,
        b'b' => action::CHANGE_BODY,
        b'+' => action::ADD_RECIPIENTS,
        b'2' => action::ADD_RECIPIENTS_WITH_PARAMETERS,
        b'-' => action::DELETE_RECIPIENTS,
        b'e' => action::CHANGE_FROM,
        b'q' => action::QUARANTINE,
        other => return Err(Error::Unexpected(other.into())),
    };
    if !options.may(allowed) {
        return Err(Error::NotOffered);
    }
    let field = |data: &mut Data<'_>| -> Result<(Vec<u8>, Vec<u8>), Error> {
        Ok((data.text()?.to_vec(), data.last_text().to_vec()))
    };
    Ok(match command {
        b'h' => {
            let (name, value) = field(data)?;
            Change::AddHeader { name, value }
        }
        b'i' => {
            let index = data.number()?;
            let (name, value) = field(data)?;
            Change::InsertHeader { index, name, value }
        }
        b'm' => {
            let index = data.number()?;
            let (name, value) = field(data)?;
            Change::ChangeHeader { index, name, value }
        }
        b'+' | b'2' => Change::AddRecipient(address(data.last_text())),
        b'-' => Change::DeleteRecipient(address(data.last_text())),
        b'e' => Change::Sender(address(data.last_text())),
        b'q' => Change::Quarantine(address(data.last_text())),
        _ => Change::Body(data.all().to_vec()),
    })
}

fn address(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

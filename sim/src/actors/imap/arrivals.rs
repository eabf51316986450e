//! Commands that bring messages: APPEND of one or several (RFC 3502), whole or in parts (RFC 4469), and REPLACE (RFC 8508).

use super::APPENDED;
use super::commands::prefix;
use super::session::{Command, Done, Session, hash};
use super::talk::numbers;
use crate::actors::letter::Shape;
use crate::actors::lines::Gone;
use crate::oracle::reading::{DELETED, Deed, Effect, Marks, Op, Told, mark_names};

/// Bytes of a literal that need not wait for the server (RFC 7888, LITERAL-).
const WITHOUT_ASKING: usize = 4096;

/// How messages go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manner {
    /// Bytes of each body, roughly.
    pub size: u16,
    /// Whether the client waits for the continuation.
    pub ask: bool,
    /// Whether each comes in two parts (CATENATE).
    pub parts: bool,
}

/// A message that a client has made.
pub(super) struct Letter {
    pub(super) token: u64,
    marks: Marks,
    bytes: Vec<u8>,
}

impl Session {
    /// APPEND of messages with these flags, one each (P1: its OK means that all are kept).
    pub(super) async fn append(&mut self, to: &str, marks: &[Marks], manner: Manner) -> Result<Done, Gone> {
        let letters = self.letters(marks, manner.size.into());
        let tokens: Vec<u64> = letters.iter().map(|letter| letter.token).collect();
        self.reading().together(&self.plan().account, &tokens, None);
        let began = self.reading().tick();
        let done = self.bring(&format!("APPEND \"{to}\""), &letters, manner, None).await?;
        self.appended(to, &letters, &done, began);
        if done.code == "OVERQUOTA" {
            self.shared.ledger.saw("imap.over quota");
            self.reading().refused_for_good(&tokens);
        }
        Ok(done)
    }

    /// REPLACE: the new message comes in the step in which the old one goes. Where there is none, one comes before.
    pub(super) async fn replace(
        &mut self,
        (place, uid): (u16, bool),
        to: &str,
        marks: Marks,
        manner: Manner,
    ) -> Result<(), Gone> {
        if self.picture()?.messages.is_empty() {
            let name = self.picture()?.name.clone();
            self.append(&name, &[marks], manner).await?;
            self.run(Command::new("NOOP")).await?;
            self.learn().await?;
        }
        let (_, set, uids) = self.chosen(&self.places((place, 1)), uid)?;
        let (id, read_only) = (self.picture()?.id, self.picture()?.read_only);
        let (Some(&old), false) = (uids.first(), read_only) else { return Ok(()) };
        self.note(&uids, Deed::Removed)?;
        let letters = self.letters(&[marks], manner.size.into());
        let tokens: Vec<u64> = letters.iter().map(|letter| letter.token).collect();
        self.reading().together(&self.plan().account, &tokens, self.reading().token(id, old));
        let op = self.reading().begin(vec![Effect::Gone { mailbox: id, uid: old }]);
        let began = self.reading().tick();
        let head = format!("{}REPLACE {set} \"{to}\"", prefix(uid));
        let done = self.bring(&head, &letters, manner, Some(op)).await?;
        self.appended(to, &letters, &done, began);
        if done.ok() {
            self.shared.ledger.saw("imap.replaced");
        }
        self.learn().await
    }

    fn letters(&self, marks: &[Marks], size: u32) -> Vec<Letter> {
        let account = &self.plan().account;
        let shape = Shape { size, ..Shape::default() };
        let letter = |&marks: &Marks| {
            let token = APPENDED + self.reading().tick();
            let bytes = shape.letter(token, account, account, false).kept;
            self.reading().appending(account, token, &bytes);
            if marks & DELETED != 0 {
                self.shared.ledger.removed(account, token);
            }
            Letter { token, marks, bytes }
        };
        marks.iter().map(letter).collect()
    }

    async fn bring(
        &mut self,
        head: &str,
        letters: &[Letter],
        manner: Manner,
        op: Option<Op>,
    ) -> Result<Done, Gone> {
        let (pieces, end) = pieces(head, letters, manner.parts);
        if manner.ask || pieces.iter().any(|(_, literal)| literal.len() > WITHOUT_ASKING) {
            let done = self.ask_and_send(&pieces, end).await;
            self.conclude(op.map(|op| (op, false)), done.as_ref().ok());
            return done.or_else(|gone| self.lose(gone));
        }
        let whole = |(text, literal): (String, &[u8])| {
            format!("{text}{{{}+}}\r\n{}", literal.len(), String::from_utf8_lossy(literal))
        };
        let line: String = pieces.into_iter().map(whole).chain([end.to_owned()]).collect();
        let command = Command::new(line);
        self.run(match op {
            Some(op) => command.changing(op),
            None => command,
        })
        .await
    }

    async fn ask_and_send(&mut self, pieces: &[(String, &[u8])], end: &str) -> Result<Done, Gone> {
        let announced = |(text, literal): &(String, &[u8])| format!("{text}{{{}}}", literal.len());
        let mut coming = pieces.iter().skip(1).map(announced);
        let first = pieces.first().map(announced).unwrap_or_default();
        let (tag, command, began) = self.begin(&first).await?;
        for (_, literal) in pieces {
            let mut done = Done::new(began);
            if !self.until_continue(&tag, &command, &mut done).await? {
                return Ok(done);
            }
            let next = coming.next().unwrap_or_else(|| end.to_owned());
            self.say(&[literal, next.as_bytes(), b"\r\n"].concat()).await?;
        }
        self.hear_out(&tag, &command, began).await
    }

    /// APPENDUID (RFC 4315 §3, RFC 3502 §6.3.11): under which UIDs they are there.
    fn appended(&self, to: &str, letters: &[Letter], done: &Done, began: u64) {
        let mut codes = done.said.iter().chain([&done.code]).filter(|_| done.ok());
        let Some(code) = codes.find_map(|code| code.strip_prefix("APPENDUID ")) else { return };
        let mut words = code.split(' ');
        let validity = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let uids = numbers(words.next().unwrap_or_default());
        let Some(last) = uids.iter().max().filter(|_| uids.len() == letters.len()) else {
            return self.complain("I9", &format!("APPENDUID {code} for {} messages", letters.len()));
        };
        let account = &self.plan().account;
        let id = self.reading().opened(account, to, validity, Some(last + 1), began);
        if letters.len() > 1 {
            self.shared.ledger.saw("imap.appended several");
        }
        for (letter, uid) in letters.iter().zip(&uids) {
            let told = Told {
                marks: Some(letter.marks),
                size: Some(letter.bytes.len() as u64),
                body: Some(hash(&letter.bytes)),
                token: Some(letter.token),
            };
            self.reading().born(id, *uid, told, began);
        }
    }
}

/// A command as texts, each with a literal behind it, and how it ends.
fn pieces<'a>(head: &str, letters: &'a [Letter], parts: bool) -> (Vec<(String, &'a [u8])>, &'static str) {
    let mut pieces = Vec::new();
    let mut before = head.to_owned();
    let end = if parts { ")" } else { "" };
    for letter in letters {
        let flags = mark_names(letter.marks);
        if parts {
            let (first, second) = letter.bytes.split_at(letter.bytes.len() / 2);
            pieces.push((format!("{before} ({flags}) CATENATE (TEXT "), first));
            pieces.push((" TEXT ".to_owned(), second));
        } else {
            pieces.push((format!("{before} ({flags}) "), letter.bytes.as_slice()));
        }
        end.clone_into(&mut before);
    }
    (pieces, end)
}

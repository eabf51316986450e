//! IMAP on the wire, as a client reads it (RFC 3501 §7): lines with literals in them become [`Heard`].

use std::collections::BTreeMap;

use crate::actors::letter;
use crate::actors::lines::{Gone, Wire};
use crate::oracle::reading::{Marks, marks};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Ok,
    No,
    Bad,
}

/// What FETCH told of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) uid: Option<u32>,
    pub(super) marks: Option<Marks>,
    pub(super) size: Option<u64>,
    /// The message's token; 0 if it has none.
    pub(super) token: Option<u64>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) modseq: Option<u64>,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// `+`
    Continue,
    /// The end of a command; the code is what stands in brackets.
    Tagged {
        tag: String,
        verdict: Verdict,
        code: String,
    },
    /// An untagged OK, NO or BAD, with its code.
    Said(String),
    Bye,
    Exists(u32),
    Expunge(u32),
    Fetch(u32, Fetched),
    /// Ranges of UIDs that are gone, now or since the last visit.
    Vanished(Vec<(u32, u32)>),
    Search(Vec<u32>),
    Status(String, BTreeMap<String, u64>),
    /// A name of LIST.
    List(String),
    /// Anything that needs no attention.
    Other,
    /// What no server should say.
    Nonsense(String),
}

/// A part of a response.
enum Piece {
    Text(Vec<u8>),
    Literal(Vec<u8>),
}

/// A connection.
pub(super) struct Talk {
    wire: Wire,
    /// The response that is coming in. Kept here, so that waiting for it can be given up.
    pieces: Vec<Piece>,
    /// Bytes of the literal that comes next.
    literal: Option<usize>,
}

impl Talk {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, pieces: Vec::new(), literal: None }
    }

    pub(super) async fn say(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.wire.say(bytes).await
    }

    pub(super) async fn close(self) {
        self.wire.close().await;
    }

    /// The next response. May be given up and called again.
    pub(super) async fn hear(&mut self) -> Result<Heard, Gone> {
        loop {
            if let Some(length) = self.literal {
                let bytes = self.wire.exactly(length).await?;
                self.pieces.push(Piece::Literal(bytes));
                self.literal = None;
            }
            let line = self.wire.line().await?;
            self.literal = literal_at_end(&line);
            let text = match self.literal {
                Some(_) => line[..line.iter().rposition(|&b| b == b'{').unwrap_or(0)].to_vec(),
                None => line,
            };
            self.pieces.push(Piece::Text(text));
            if self.literal.is_none() {
                return Ok(understand(&std::mem::take(&mut self.pieces)));
            }
        }
    }
}

/// `{12}` at the end of a line.
fn literal_at_end(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let digits = &inner[inner.iter().rposition(|&b| b == b'{')? + 1..];
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A value in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Word(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
}

impl Value {
    fn word(&self) -> &str {
        match self {
            Self::Word(word) => word,
            _ => "",
        }
    }

    fn number(&self) -> Option<u64> {
        self.word().parse().ok()
    }

    /// A string in any of its forms.
    fn text(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::List(_) => String::new(),
        }
    }
}

fn understand(pieces: &[Piece]) -> Heard {
    let Some(Piece::Text(first)) = pieces.first() else { return Heard::Other };
    if first.starts_with(b"+") {
        return Heard::Continue;
    }
    let line = String::from_utf8_lossy(first).into_owned();
    let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
    let (word, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let verdict = match word {
        "OK" => Some(Verdict::Ok),
        "NO" => Some(Verdict::No),
        "BAD" => Some(Verdict::Bad),
        _ => None,
    };
    let code =
        || text.strip_prefix('[').and_then(|t| t.split_once(']')).map_or("", |(code, _)| code).to_owned();
    match (tag, verdict) {
        ("*", Some(_)) => Heard::Said(code()),
        ("*", None) if word == "BYE" => Heard::Bye,
        ("*", None) => untagged(pieces).unwrap_or_else(|| Heard::Nonsense(line.clone())),
        (_, Some(verdict)) => Heard::Tagged { tag: tag.to_owned(), verdict, code: code() },
        (_, None) => Heard::Nonsense(line.clone()),
    }
}

fn untagged(pieces: &[Piece]) -> Option<Heard> {
    let values = values(pieces)?;
    let [_, first, rest @ ..] = &values[..] else { return None };
    if let Some(number) = first.number() {
        let number = u32::try_from(number).ok()?;
        return Some(match rest.first()?.word() {
            "EXISTS" => Heard::Exists(number),
            "EXPUNGE" => Heard::Expunge(number),
            "FETCH" => Heard::Fetch(number, fetched(rest.get(1)?)?),
            "RECENT" => Heard::Other,
            _ => return None,
        });
    }
    Some(match first.word() {
        "SEARCH" => {
            Heard::Search(rest.iter().map(|v| u32::try_from(v.number()?).ok()).collect::<Option<_>>()?)
        }
        "VANISHED" => Heard::Vanished(ranges(rest.last()?.word())),
        "ESEARCH" => Heard::Search(esearch(rest)?),
        "STATUS" => Heard::Status(rest.first()?.text(), pairs(rest.get(1)?)?),
        "LIST" => Heard::List(rest.get(2)?.text()),
        "FLAGS" | "CAPABILITY" | "ID" | "ENABLED" | "NAMESPACE" | "LSUB" => Heard::Other,
        _ => return None,
    })
}

/// What RFC 9051 §7.3.4 has behind ALL; nothing was found where there is none.
fn esearch(values: &[Value]) -> Option<Vec<u32>> {
    let [Value::List(correlator), data @ ..] = values else { return None };
    let all = data.iter().position(|value| value.word() == "ALL");
    let found = all.map_or(Some(Vec::new()), |at| Some(numbers(data.get(at + 1)?.word())));
    found.filter(|_| correlator.first().is_some_and(|first| first.word() == "TAG"))
}

fn pairs(value: &Value) -> Option<BTreeMap<String, u64>> {
    let Value::List(items) = value else { return None };
    items.chunks(2).map(|pair| Some((pair[0].word().to_owned(), pair.get(1)?.number()?))).collect()
}

fn fetched(value: &Value) -> Option<Fetched> {
    let Value::List(items) = value else { return None };
    let mut told = Fetched::default();
    for pair in items.chunks(2) {
        let [name, value] = pair else { return None };
        match (name.word(), value) {
            ("UID", value) => told.uid = Some(u32::try_from(value.number()?).ok()?),
            ("RFC822.SIZE", value) => told.size = Some(value.number()?),
            ("FLAGS", Value::List(flags)) => told.marks = Some(marks(flags.iter().map(Value::word))),
            ("MODSEQ", Value::List(one)) => told.modseq = Some(one.first()?.number()?),
            ("BODY[]", value) => told.body = Some(bytes(value)?),
            (label, value) if label.starts_with("BODY[HEADER.FIELDS") => {
                told.token = Some(letter::token(&bytes(value)?).unwrap_or(0));
            }
            _ => return None,
        }
    }
    Some(told)
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

/// All values of a response.
fn values(pieces: &[Piece]) -> Option<Vec<Value>> {
    let mut open: Vec<Vec<Value>> = vec![Vec::new()];
    for piece in pieces {
        match piece {
            Piece::Literal(bytes) => open.last_mut()?.push(Value::Bytes(bytes.clone())),
            Piece::Text(text) => read_text(text, &mut open)?,
        }
    }
    if open.len() == 1 { open.pop() } else { None }
}

fn read_text(mut rest: &[u8], open: &mut Vec<Vec<Value>>) -> Option<()> {
    while let Some((&first, behind)) = rest.split_first() {
        match first {
            b' ' => rest = behind,
            b'(' => {
                open.push(Vec::new());
                rest = behind;
            }
            b')' => {
                let list = open.pop()?;
                open.last_mut()?.push(Value::List(list));
                rest = behind;
            }
            b'"' => {
                let (text, behind) = quoted(behind)?;
                open.last_mut()?.push(Value::Bytes(text));
                rest = behind;
            }
            _ => {
                let (word, behind) = rest.split_at(word_length(rest));
                open.last_mut()?.push(Value::Word(String::from_utf8_lossy(word).into_owned()));
                rest = behind;
            }
        }
    }
    Some(())
}

/// An atom, with what stands in brackets in it.
fn word_length(text: &[u8]) -> usize {
    let mut within = false;
    let end = text.iter().position(|&b| {
        within = (within || b == b'[') && b != b']';
        !within && matches!(b, b' ' | b'(' | b')' | b'"')
    });
    end.unwrap_or(text.len())
}

fn quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut bytes = text.iter().enumerate();
    loop {
        match bytes.next()? {
            (at, b'"') => return Some((out, &text[at + 1..])),
            (_, b'\\') => out.push(*bytes.next()?.1),
            (_, other) => out.push(*other),
        }
    }
}

/// The ranges of a set such as `3:5,9`.
fn ranges(set: &str) -> Vec<(u32, u32)> {
    let range = |part: &str| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some((first.min(last), first.max(last)))
    };
    set.split(',').filter_map(range).collect()
}

/// The numbers of a set.
pub(super) fn numbers(set: &str) -> Vec<u32> {
    ranges(set).into_iter().flat_map(|(first, last)| first..=last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &str) -> Heard {
        understand(&[Piece::Text(line.as_bytes().to_vec())])
    }

    #[test]
    fn responses_are_understood() {
        assert_eq!(heard("* 12 EXISTS"), Heard::Exists(12));
        assert_eq!(heard("* SEARCH 1 3"), Heard::Search(vec![1, 3]));
        assert_eq!(heard("* ESEARCH (TAG \"b1\") UID ALL 1,3:4"), Heard::Search(vec![1, 3, 4]));
        assert_eq!(heard("* ESEARCH (TAG \"b1\")"), Heard::Search(Vec::new()));
        assert_eq!(heard("* OK [UIDNEXT 7] Next UID"), Heard::Said("UIDNEXT 7".into()));
        let tagged = Heard::Tagged { tag: "a1".into(), verdict: Verdict::No, code: String::new() };
        assert_eq!(heard("a1 NO there is nothing"), tagged);
        let Heard::Fetch(2, told) = heard("* 2 FETCH (UID 5 FLAGS (\\Seen \\Recent $Forwarded))") else {
            panic!("no FETCH")
        };
        assert_eq!((told.uid, told.marks), (Some(5), Some(1 | 32)));
        let label = "* 1 FETCH (BODY[HEADER.FIELDS (X-Token)] ";
        let pieces = [label.into(), b"X-Token: t9\r\n\r\n".to_vec(), b" RFC822.SIZE 80)".to_vec()];
        let [a, b, c] = pieces;
        let told = understand(&[Piece::Text(a), Piece::Literal(b), Piece::Text(c)]);
        assert_eq!(told, Heard::Fetch(1, Fetched { token: Some(9), size: Some(80), ..Fetched::default() }));
        assert_eq!(heard("* LIST () \"/\" \"a b\""), Heard::List("a b".into()));
        assert_eq!(numbers("1:3,7,5:4"), [1, 2, 3, 7, 4, 5]);
        assert!(matches!(heard("* 1 FETCH (UID"), Heard::Nonsense(_)));
    }
}

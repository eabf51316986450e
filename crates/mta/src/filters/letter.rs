//! A staged message as filters see it and change it: our own trace fields, which they do not see, its fields, its body.
//! The body is never in memory as a whole.

use bytes::Bytes;
use filter::milter::Change;
use mail::{BodyType, EnhancedCode, Reply, limits};
use mailauth::dkim::Draft;
use message::convert::Shape;
use message::{Parser, header};
use store::{BlobWriter, Staged};

use crate::incoming::Message;
use crate::{Mta, reply};

/// Bytes of a body read at once.
pub(super) const READ: usize = 64 * 1024;

/// A message that filters work on.
pub(super) struct Letter {
    message: Message,
    /// Everything up to our Received, which stands first of all that came.
    ours: Vec<u8>,
    /// Fields above ours, and those of the message.
    above: Vec<Vec<u8>>,
    fields: Vec<Vec<u8>>,
    /// What stands between the fields and the body.
    gap: Vec<u8>,
    body_start: u64,
    /// Another body, where a filter has made one.
    body: Option<Staged>,
    changed: bool,
}

impl Letter {
    pub(super) async fn open(message: Message) -> Result<Self, Reply> {
        let body_start = message.summary.root.body.start;
        if body_start > limits::HEADER_SECTION_LENGTH as u64 || message.summary.truncated {
            let text = "the message is too complex to be filtered";
            return Err(Reply::new(552, EnhancedCode(5, 3, 4), text));
        }
        let head = message.staged.read(0, body_start as usize).await.map_err(|error| reply::store(&error))?;
        let mut fields: Vec<Vec<u8>> = header::fields(&head).map(|field| field.raw.to_vec()).collect();
        let gap = head.get(fields.iter().map(Vec::len).sum()..).unwrap_or_default().to_vec();
        let trace = |raw: &Vec<u8>| header::fields(raw).next().is_some_and(|field| field.is("Received"));
        let ours = fields.iter().position(trace).map_or(0, |place| place + 1);
        let rest = fields.split_off(ours);
        let ours = fields.concat();
        Ok(Self {
            message,
            ours,
            above: Vec::new(),
            fields: rest,
            gap,
            body_start,
            body: None,
            changed: false,
        })
    }

    /// The fields that came: names, and what follows the colon.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let parts =
            |raw: &'_ Vec<u8>| header::fields(raw).next().map(|field| (field.name.len(), field.value.len()));
        self.fields.iter().filter_map(move |raw| {
            let (name, value) = parts(raw).filter(|(name, _)| *name > 0)?;
            let colon = raw.iter().position(|byte| *byte == b':')?;
            Some((raw.get(..name)?, raw.get(colon + 1..colon + 1 + value)?))
        })
    }

    /// A piece of the body; empty behind its end.
    pub(super) async fn body(&self, offset: u64) -> Result<Bytes, Reply> {
        let read = match &self.body {
            Some(body) => body.read(offset, READ).await,
            None => self.message.staged.read(self.body_start + offset, READ).await,
        };
        read.map_err(|error| reply::store(&error))
    }

    /// Bytes of the whole message, as filters see it.
    pub(super) fn size(&self) -> u64 {
        let head = self.fields.iter().map(Vec::len).sum::<usize>() + self.gap.len();
        let body = self.body.as_ref().map_or(self.message.staged.len() - self.body_start, Staged::len);
        head as u64 + body
    }

    /// Fields and the empty line behind them, as filters see them.
    pub(super) fn head(&self) -> Vec<u8> {
        [self.fields.concat(), self.gap.clone()].concat()
    }

    /// Another body from now on.
    pub(super) fn replace_body(&mut self, body: Staged) {
        self.body = Some(body);
        self.changed = true;
    }

    /// Changes the header section; `write` makes a field of a name and a value.
    pub(super) fn change_header(&mut self, change: Change, write: impl Fn(&[u8], &[u8]) -> Vec<u8>) {
        self.changed = true;
        match change {
            Change::AddHeader { name, value } => self.fields.push(write(&name, &value)),
            Change::InsertHeader { index: 0, name, value } => self.above.insert(0, write(&name, &value)),
            Change::InsertHeader { index, name, value } => {
                let place = (index as usize - 1).min(self.fields.len());
                self.fields.insert(place, write(&name, &value));
            }
            Change::ChangeHeader { index, name, value } => {
                let new = (!value.is_empty()).then(|| write(&name, &value));
                self.change_field(&name, (index as usize).max(1), new);
            }
            _ => {}
        }
    }

    fn change_field(&mut self, name: &[u8], number: usize, new: Option<Vec<u8>>) {
        let named = |raw: &&mut Vec<u8>| {
            header::fields(raw).next().is_some_and(|field| field.name.eq_ignore_ascii_case(name))
        };
        match (self.fields.iter_mut().filter(named).nth(number - 1), new) {
            (Some(field), new) => *field = new.unwrap_or_default(),
            (None, Some(new)) => self.fields.push(new),
            (None, None) => {}
        }
        self.fields.retain(|field| !field.is_empty());
    }

    /// The message as it is to be delivered: staged anew if anything has changed.
    pub(super) async fn close(self, mta: &Mta) -> Result<Message, Reply> {
        if !self.changed {
            return Ok(self.message);
        }
        let binary = self.message.needs == BodyType::BinaryMime;
        let mut copy = Copy {
            writer: mta.store.stage(),
            parser: Parser::new(),
            eight_bit: false,
            shape: binary.then(Shape::default),
        };
        // What we sign is what we deliver (RFC 6376 §5.3).
        let signed = [self.above.concat(), self.fields.concat()].concat();
        let mut draft = self.message.draft.as_ref().map(|_| Draft::new(&signed));
        let gap = if self.gap.is_empty() { b"\r\n".to_vec() } else { self.gap.clone() };
        let head = [self.above.concat(), self.ours.clone(), self.fields.concat(), gap].concat();
        copy.write(&head).await?;
        let mut offset = 0;
        loop {
            let piece = self.body(offset).await?;
            if piece.is_empty() {
                break;
            }
            copy.write(&piece).await?;
            if let Some(draft) = &mut draft {
                draft.feed(&piece);
            }
            offset += piece.len() as u64;
        }
        let staged = copy.writer.finish().await.map_err(|error| reply::store(&error))?;
        let Self { mut message, .. } = self;
        message.staged = staged;
        message.summary = copy.parser.finish();
        let lines = if copy.eight_bit { BodyType::EightBitMime } else { BodyType::SevenBit };
        message.needs = copy.shape.as_ref().map_or(lines, Shape::needs);
        message.draft = draft;
        Ok(message)
    }
}

struct Copy {
    writer: BlobWriter,
    parser: Parser,
    eight_bit: bool,
    /// Of a message that was binary.
    shape: Option<Shape>,
}

impl Copy {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), Reply> {
        self.writer.write(bytes).await.map_err(|error| reply::store(&error))?;
        self.parser.feed(bytes);
        self.eight_bit |= !bytes.is_ascii();
        if let Some(shape) = &mut self.shape {
            shape.look(bytes);
        }
        Ok(())
    }
}

/// Another body as it comes from a filter, with line ends as mail has them (attacks A1).
pub(super) struct NewBody {
    writer: BlobWriter,
    after_cr: bool,
}

impl NewBody {
    pub(super) fn new(mta: &Mta) -> Self {
        Self { writer: mta.store.stage(), after_cr: false }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Reply> {
        let mut mended = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes {
            match (self.after_cr, byte) {
                (true, b'\n') => mended.push(b'\n'),
                (true, _) => mended.extend([b'\n', *byte]),
                (false, b'\n') => mended.extend(*b"\r\n"),
                (false, _) => mended.push(*byte),
            }
            self.after_cr = *byte == b'\r';
        }
        self.writer.write(&mended).await.map_err(|error| reply::store(&error))
    }

    pub(super) async fn finish(mut self) -> Result<Staged, Reply> {
        if self.after_cr {
            self.writer.write(b"\n").await.map_err(|error| reply::store(&error))?;
        }
        self.writer.finish().await.map_err(|error| reply::store(&error))
    }
}

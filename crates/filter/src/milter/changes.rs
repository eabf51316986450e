//! What a filter changes at the end of a message.

use mail::limits;

use super::packet::Error;

/// One change, as the filter says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field behind all others.
    AddHeader {
        /// Its name.
        name: Vec<u8>,
        /// Its value; further lines begin behind `\n`.
        value: Vec<u8>,
    },
    /// A field before the one at `index`, counted from 0 with our own trace field as the first.
    InsertHeader {
        /// Where.
        index: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Another value for the `index`th field (from 1) of that name; an empty one takes the field away.
    ChangeHeader {
        /// Which.
        index: u32,
        /// Its name.
        name: Vec<u8>,
        /// The new value.
        value: Vec<u8>,
    },
    /// The next bytes of another body.
    Body(Vec<u8>),
    /// One more recipient.
    AddRecipient(String),
    /// A recipient less.
    DeleteRecipient(String),
    /// Another reverse-path.
    Sender(String),
    /// Not for the inbox, for this reason.
    Quarantine(String),
}

/// All changes to one message. Bodies are not in here: they are handed on as they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// To the header section, in the filter's order.
    pub headers: Vec<Change>,
    /// The new reverse-path.
    pub sender: Option<String>,
    /// Recipients added (`true`) and deleted, in the filter's order.
    pub recipients: Vec<(bool, String)>,
    /// Why it is not for the inbox.
    pub quarantine: Option<String>,
    bytes: usize,
}

impl Changes {
    /// None but perhaps a quarantine.
    pub fn quarantine(reason: Option<String>) -> Self {
        Self { quarantine: reason, ..Self::default() }
    }

    /// Keeps a change. Gives the bytes of a body back.
    pub fn add(&mut self, change: Change) -> Result<Option<Vec<u8>>, Error> {
        match change {
            Change::Body(bytes) => return Ok(Some(bytes)),
            Change::AddRecipient(to) => self.recipients.push((true, to)),
            Change::DeleteRecipient(to) => self.recipients.push((false, to)),
            Change::Sender(from) => self.sender = Some(from),
            Change::Quarantine(reason) => self.quarantine = Some(reason),
            header => {
                if let Change::AddHeader { name, value }
                | Change::InsertHeader { name, value, .. }
                | Change::ChangeHeader { name, value, .. } = &header
                {
                    self.bytes += name.len() + value.len();
                }
                self.headers.push(header);
            }
        }
        let many =
            self.headers.len() > limits::HEADER_FIELDS || self.recipients.len() > limits::MILTER_RECIPIENTS;
        if many || self.bytes > limits::HEADER_SECTION_LENGTH { Err(Error::TooMuch) } else { Ok(None) }
    }

    /// Whether nothing changes but perhaps the body.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

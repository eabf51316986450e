//! What both sides agree on before anything else: version, actions, steps that are left out, macros.

use std::collections::BTreeMap;

use super::packet::{Data, Error, packet, push_text};

/// The newest version, and what we offer.
pub(super) const VERSION: u32 = 6;
/// The oldest one that is spoken still.
const OLDEST: u32 = 2;

/// What a filter may do to a message.
pub(super) mod action {
    pub(crate) const ADD_HEADERS: u32 = 0x01;
    pub(crate) const CHANGE_BODY: u32 = 0x02;
    pub(crate) const ADD_RECIPIENTS: u32 = 0x04;
    pub(crate) const DELETE_RECIPIENTS: u32 = 0x08;
    pub(crate) const CHANGE_HEADERS: u32 = 0x10;
    pub(crate) const QUARANTINE: u32 = 0x20;
    pub(crate) const CHANGE_FROM: u32 = 0x40;
    pub(crate) const ADD_RECIPIENTS_WITH_PARAMETERS: u32 = 0x80;
    /// All of them, with the right to choose macros (0x100), which is no change.
    pub(crate) const ALL: u32 = 0x1ff;
    /// Those of version 2.
    pub(crate) const OLD: u32 = 0x3f;
}

/// Steps a filter does not want to see, or does not answer.
pub(super) mod protocol {
    pub(crate) const NO_CONNECT: u32 = 0x01;
    pub(crate) const NO_HELO: u32 = 0x02;
    pub(crate) const NO_MAIL: u32 = 0x04;
    pub(crate) const NO_RCPT: u32 = 0x08;
    pub(crate) const NO_BODY: u32 = 0x10;
    pub(crate) const NO_HEADERS: u32 = 0x20;
    pub(crate) const NO_END_OF_HEADERS: u32 = 0x40;
    pub(crate) const SILENT_HEADER: u32 = 0x80;
    pub(crate) const NO_DATA: u32 = 0x200;
    pub(crate) const SKIP: u32 = 0x400;
    pub(crate) const SILENT_CONNECT: u32 = 0x1000;
    pub(crate) const SILENT_HELO: u32 = 0x2000;
    pub(crate) const SILENT_MAIL: u32 = 0x4000;
    pub(crate) const SILENT_RCPT: u32 = 0x8000;
    pub(crate) const SILENT_DATA: u32 = 0x1_0000;
    pub(crate) const SILENT_END_OF_HEADERS: u32 = 0x4_0000;
    pub(crate) const SILENT_BODY: u32 = 0x8_0000;
    /// Header values with the space that stands before them.
    pub(crate) const LEADING_SPACE: u32 = 0x10_0000;
    /// Those of version 2.
    pub(crate) const OLD: u32 = 0x7f;
    /// All that there are, with those about commands that nobody knows (0x100, 0x20000), which we never tell of; but for
    /// refused recipients (0x800), which we tell nobody.
    pub(crate) const ALL: u32 = 0x1f_f7ff;
}

/// What was agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) version: u32,
    pub(super) actions: u32,
    pub(super) protocol: u32,
    /// Macros it asks for, by the number of their stage; where it asks for none, it gets all.
    pub(super) macros: BTreeMap<u32, Vec<String>>,
}

/// Our offer.
pub(super) fn offer() -> Vec<u8> {
    let numbers = [VERSION, action::ALL, protocol::ALL].map(u32::to_be_bytes);
    packet(b'O', numbers.as_flattened())
}

impl Options {
    /// The filter's choice.
    pub(super) fn chosen(data: &[u8]) -> Result<Self, Error> {
        let mut data = Data::new(b'O', data);
        let (version, actions, protocol) = (data.number()?, data.number()?, data.number()?);
        if !(OLDEST..=VERSION).contains(&version) {
            return Err(Error::Version(version));
        }
        let offered =
            if version == OLDEST { (action::OLD, protocol::OLD) } else { (action::ALL, protocol::ALL) };
        if actions & !offered.0 != 0 || protocol & !offered.1 != 0 {
            return Err(Error::NotOffered);
        }
        let mut macros = BTreeMap::new();
        while !data.is_empty() {
            let stage = data.number()?;
            let names = String::from_utf8_lossy(data.last_text()).into_owned();
            macros.insert(stage, names.split_whitespace().map(str::to_owned).collect());
        }
        Ok(Self { version, actions, protocol, macros })
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.protocol & flag != 0
    }

    pub(super) fn may(&self, action: u32) -> bool {
        self.actions & action != 0
    }

    /// A packet with the macros of a step that the filter wants.
    pub(super) fn macros(&self, command: u8, stage: u32, known: &[(&str, String)]) -> Vec<u8> {
        let wanted = self.macros.get(&stage);
        let mut data = vec![command];
        for (name, value) in known {
            // Both spellings are in use: `{auth_type}` and `auth_type`.
            let bare = name.trim_matches(['{', '}']);
            if wanted.is_none_or(|wanted| wanted.iter().any(|w| w.trim_matches(['{', '}']) == bare)) {
                push_text(&mut data, name.as_bytes());
                push_text(&mut data, value.as_bytes());
            }
        }
        packet(b'D', &data)
    }
}

//! One connection to a filter: what to send, and what was answered.

use std::net::{IpAddr, SocketAddr};

use super::answer::{self, Answer, Verdict};
use super::options::{self, Options, protocol};
use super::packet::{Error, Input, packet, push_text};

/// Bytes of a body in one packet: what every filter takes.
const BODY_PIECE: usize = 65_535;

/// Who brings a message, as filters see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its name in DNS; its address in brackets where it has none.
    pub name: String,
    /// Where it connects from.
    pub address: SocketAddr,
}

/// What a filter is told of a step beside it: names such as `i` and `{auth_type}` with their values.
pub type Macros<'a> = &'a [(&'a str, String)];

/// A step of an SMTP conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A client has connected.
    Connect(&'a Client),
    /// It said its name.
    Helo(&'a str),
    /// A sender with brackets, and its parameters.
    Mail(&'a str, &'a [String]),
    /// A recipient with brackets, and its parameters.
    Rcpt(&'a str, &'a [String]),
    /// The message follows.
    Data,
    /// A field: its name, and what follows the colon up to the line's end.
    Header(&'a [u8], &'a [u8]),
    /// All fields were told.
    EndOfHeaders,
    /// A piece of the body; longer ones become several packets.
    Body(&'a [u8]),
    /// The message is complete: the filter now may change it, and decides.
    EndOfMessage,
}

/// What a step is, apart from its data.
struct Kind {
    command: u8,
    /// It is left out if the filter says so.
    omit: u32,
    /// It is not answered if the filter says so.
    silent: u32,
    /// Its macros' stage; none for steps without macros.
    stage: Option<u32>,
    /// The first version that has it.
    since: u32,
}

impl Step<'_> {
    fn kind(&self) -> Kind {
        use protocol as p;
        let kind = |command, omit, silent, stage, since| Kind { command, omit, silent, stage, since };
        match self {
            Self::Connect(_) => kind(b'C', p::NO_CONNECT, p::SILENT_CONNECT, Some(0), 2),
            Self::Helo(_) => kind(b'H', p::NO_HELO, p::SILENT_HELO, Some(1), 2),
            Self::Mail(..) => kind(b'M', p::NO_MAIL, p::SILENT_MAIL, Some(2), 2),
            Self::Rcpt(..) => kind(b'R', p::NO_RCPT, p::SILENT_RCPT, Some(3), 2),
            Self::Data => kind(b'T', p::NO_DATA, p::SILENT_DATA, Some(4), 4),
            Self::Header(..) => kind(b'L', p::NO_HEADERS, p::SILENT_HEADER, None, 2),
            Self::EndOfHeaders => kind(b'N', p::NO_END_OF_HEADERS, p::SILENT_END_OF_HEADERS, Some(6), 2),
            Self::Body(_) => kind(b'B', p::NO_BODY, p::SILENT_BODY, None, 2),
            Self::EndOfMessage => kind(b'E', 0, 0, Some(5), 2),
        }
    }
}

/// One connection to a filter, from the first packet to the last.
#[derive(Debug, Default)]
pub struct Session {
    input: Input,
    options: Option<Options>,
}

impl Session {
    /// The first packet. Read [`Session::negotiated`] until it says yes before anything else is sent.
    pub fn offer() -> Vec<u8> {
        options::offer()
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.input.push(bytes);
    }

    /// Whether the filter has answered the offer.
    pub fn negotiated(&mut self) -> Result<bool, Error> {
        match self.input.take()? {
            None => Ok(self.options.is_some()),
            Some((b'O', data)) if self.options.is_none() => {
                self.options = Some(Options::chosen(&data)?);
                Ok(true)
            }
            Some((other, _)) => Err(Error::Unexpected(other.into())),
        }
    }

    /// The packets of a step; `None` if the filter does not want it, or nothing was agreed on. Whether an answer follows
    /// is [`Session::answers`].
    pub fn step(&self, step: Step<'_>, macros: Macros<'_>) -> Option<Vec<u8>> {
        let options = self.options.as_ref()?;
        let kind = step.kind();
        if options.has(kind.omit) || options.version < kind.since {
            return None;
        }
        let mut packets = match kind.stage {
            Some(stage) => options.macros(kind.command, stage, macros),
            None => Vec::new(),
        };
        packets.extend(packet(kind.command, &data(step, options)));
        Some(packets)
    }

    /// The body in pieces that fit into a packet, each a step of its own.
    pub fn pieces(body: &[u8]) -> impl Iterator<Item = Step<'_>> {
        body.chunks(BODY_PIECE).map(Step::Body)
    }

    /// Whether the filter answers a step that was sent.
    pub fn answers(&self, step: Step<'_>) -> bool {
        self.options.as_ref().is_some_and(|options| !options.has(step.kind().silent))
    }

    /// The next answer, if it is there. Changes only come at the end of the message.
    pub fn answer(&mut self, at_end: bool) -> Result<Option<Answer>, Error> {
        let Some(options) = &self.options else { return Ok(None) };
        let Some((command, data)) = self.input.take()? else { return Ok(None) };
        match answer::read(command, &data, options)? {
            Answer::Change(_) if !at_end => Err(Error::Unexpected(command.into())),
            Answer::Verdict(Verdict::Skip) if !options.has(protocol::SKIP) => {
                Err(Error::Unexpected(command.into()))
            }
            answer => Ok(Some(answer)),
        }
    }

    /// The message is given up; the connection goes on. Not answered.
    pub fn abort() -> Vec<u8> {
        packet(b'A', &[])
    }

    /// The last packet. Not answered.
    pub fn quit() -> Vec<u8> {
        packet(b'Q', &[])
    }

    /// A field's value as this filter wants to see it: with or without the space behind the colon, lines ended by LF.
    fn value(value: &[u8], options: &Options) -> Vec<u8> {
        let value = match value {
            [b' ', rest @ ..] if !options.has(protocol::LEADING_SPACE) => rest,
            whole => whole,
        };
        value.iter().copied().filter(|byte| *byte != b'\r').collect()
    }

    /// A field that this filter made, as it goes into a message; see [`field`].
    pub fn field(&self, name: &[u8], value: &[u8]) -> Vec<u8> {
        let leading = self.options.as_ref().is_some_and(|options| options.has(protocol::LEADING_SPACE));
        write_field(name, if leading { b"" } else { b" " }, value)
    }
}

/// A field that a filter made, as it goes into a message: name, colon, space, value, lines ended by CRLF. What would end
/// the header section, or begin a field of its own, is folded instead.
pub fn field(name: &[u8], value: &[u8]) -> Vec<u8> {
    write_field(name, b" ", value)
}

fn write_field(name: &[u8], space: &[u8], value: &[u8]) -> Vec<u8> {
    let mut field: Vec<u8> =
        name.iter().copied().filter(|b| (0x21..0x7f).contains(b) && *b != b':').collect();
    field.push(b':');
    field.extend_from_slice(space);
    let lines = value.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    for (number, line) in lines.filter(|line| !line.trim_ascii().is_empty()).enumerate() {
        if number > 0 {
            field.extend_from_slice(b"\r\n");
            if !matches!(line.first(), Some(b' ' | b'\t')) {
                field.push(b'\t');
            }
        }
        field.extend(line.iter().copied().filter(|byte| !matches!(byte, 0 | b'\r')));
    }
    field.extend_from_slice(b"\r\n");
    field
}

fn data(step: Step<'_>, options: &Options) -> Vec<u8> {
    let mut data = Vec::new();
    match step {
        Step::Connect(client) => connect(&mut data, client),
        Step::Helo(name) => push_text(&mut data, name.as_bytes()),
        Step::Mail(path, parameters) | Step::Rcpt(path, parameters) => {
            push_text(&mut data, path.as_bytes());
            for parameter in parameters {
                push_text(&mut data, parameter.as_bytes());
            }
        }
        Step::Header(name, value) => {
            push_text(&mut data, name);
            push_text(&mut data, &Session::value(value, options));
        }
        Step::Body(piece) => data.extend_from_slice(piece),
        Step::Data | Step::EndOfHeaders | Step::EndOfMessage => {}
    }
    data
}

fn connect(data: &mut Vec<u8>, client: &Client) {
    push_text(data, client.name.as_bytes());
    let ip = client.address.ip().to_canonical();
    data.push(if ip.is_ipv4() { b'4' } else { b'6' });
    data.extend_from_slice(&client.address.port().to_be_bytes());
    // As libmilter's own MTA writes them.
    let text = match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("IPv6:{ip}"),
    };
    push_text(data, text.as_bytes());
}

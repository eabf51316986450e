//! The table of commands.

use base64::Engine as _;

use super::cursor::{is_tag_char, utf8};
use super::{Cursor, Error, acl, fetch, list, metadata, notify, quota, search, sort, store};
use crate::command::{Command, Request, Resync, Select};

/// `command = tag SP (command-any / command-auth / command-nonauth / command-select) CRLF`
pub fn request(cursor: &mut Cursor<'_>) -> Result<Request, Error> {
    let tag = cursor.tag()?.to_owned();
    cursor.space()?;
    let command = command(cursor)?;
    cursor.end()?;
    Ok(Request { tag, command, supplied: cursor.supplied() })
}

/// The tag that a command begins with, if it has one, for answers to what could not be parsed.
pub fn tag_of(bytes: &[u8]) -> Option<&str> {
    let mut cursor = Cursor::new(bytes);
    let tag = cursor.tag().ok()?;
    // A tag ends at a space or with the line.
    matches!(cursor.peek(), None | Some(b' ' | b'\r' | b'\n')).then_some(tag)
}

impl<'a> Cursor<'a> {
    /// `tag = 1*<any ASTRING-CHAR except "+">`
    pub(crate) fn tag(&mut self) -> Result<&'a str, Error> {
        let tag = self.take_while(is_tag_char);
        std::str::from_utf8(tag).ok().filter(|t| !t.is_empty()).ok_or(Error("Missing tag"))
    }
}

fn command(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let name = cursor.atom()?.to_ascii_uppercase();
    Ok(match name.as_str() {
        "CAPABILITY" => Command::Capability,
        "NOOP" => Command::Noop,
        "LOGOUT" => Command::Logout,
        "ID" => id(cursor)?,
        "STARTTLS" => Command::StartTls,
        "AUTHENTICATE" => authenticate(cursor)?,
        "LOGIN" => login(cursor)?,
        "UNAUTHENTICATE" => Command::Unauthenticate,
        "COMPRESS" => compress(cursor)?,
        "ENABLE" => enable(cursor)?,
        "SELECT" => select(cursor, false)?,
        "EXAMINE" => select(cursor, true)?,
        "CREATE" => create(cursor)?,
        "DELETE" => Command::Delete(mailbox(cursor)?),
        "RENAME" => Command::Rename { from: mailbox(cursor)?, to: mailbox(cursor)? },
        "SUBSCRIBE" => Command::Subscribe(mailbox(cursor)?),
        "UNSUBSCRIBE" => Command::Unsubscribe(mailbox(cursor)?),
        "LIST" => list::list(cursor)?,
        "LSUB" => list::lsub(cursor)?,
        "NAMESPACE" => Command::Namespace,
        "STATUS" => list::status(cursor)?,
        // The session knows these by their literals.
        "APPEND" => return Err(Error("The message of APPEND comes as a literal")),
        "IDLE" => Command::Idle,
        "NOTIFY" => notify::notify(cursor)?,
        "GETMETADATA" => metadata::get(cursor)?,
        "SETMETADATA" => metadata::set(cursor)?,
        "GETQUOTA" => Command::GetQuota(quota::root(cursor)?),
        "GETQUOTAROOT" => Command::GetQuotaRoot(mailbox(cursor)?),
        "SETQUOTA" => quota::set(cursor)?,
        "GETACL" => Command::GetAcl(mailbox(cursor)?),
        "SETACL" => acl::set(cursor)?,
        "DELETEACL" => acl::delete(cursor)?,
        "LISTRIGHTS" => acl::list(cursor)?,
        "MYRIGHTS" => Command::MyRights(mailbox(cursor)?),
        "CHECK" => Command::Check,
        "CLOSE" => Command::Close,
        "UNSELECT" => Command::Unselect,
        "EXPUNGE" => Command::Expunge { uids: None },
        "SEARCH" => search::search(cursor, false)?,
        "ESEARCH" => search::esearch(cursor)?,
        "SORT" => sort::sort(cursor, false)?,
        "THREAD" => sort::thread(cursor, false)?,
        "UIDBATCHES" => uid_batches(cursor)?,
        "FETCH" => fetch::fetch(cursor, false)?,
        "STORE" => store::store(cursor, false)?,
        "COPY" => copy(cursor, false, false)?,
        "MOVE" => copy(cursor, false, true)?,
        "UID" => uid_command(cursor)?,
        _ => return Err(Error("Unknown command")),
    })
}

/// `uid = "UID" SP (copy / fetch / search / store)`, RFC 6851 §3.3 adds `move`, RFC 4315 §2.1 `expunge`.
fn uid_command(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "COPY" => copy(cursor, true, false),
        "MOVE" => copy(cursor, true, true),
        "FETCH" => fetch::fetch(cursor, true),
        "SEARCH" => search::search(cursor, true),
        // RFC 7377 §2 writes it so, too.
        "ESEARCH" => search::esearch(cursor),
        "SORT" => sort::sort(cursor, true),
        "THREAD" => sort::thread(cursor, true),
        "STORE" => store::store(cursor, true),
        "EXPUNGE" => {
            cursor.space()?;
            Ok(Command::Expunge { uids: Some(cursor.sequence_set()?) })
        }
        _ => Err(Error("Unknown UID command")),
    }
}

/// `select = "SELECT" SP mailbox [SP "(" select-param *(SP select-param) ")"]` (RFC 4466 §2.1)
fn select(cursor: &mut Cursor<'_>, read_only: bool) -> Result<Command, Error> {
    let mut select = Select { mailbox: mailbox(cursor)?, read_only, condstore: false, resync: None };
    cursor.take_while(|b| b == b' ');
    if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| {
            match c.atom()?.to_ascii_uppercase().as_str() {
                "CONDSTORE" => select.condstore = true,
                "QRESYNC" => {
                    c.space()?;
                    select.resync = Some(resync(c)?);
                }
                _ => return Err(Error("Unknown SELECT parameter")),
            }
            Ok(())
        })?;
    }
    Ok(Command::Select(select))
}

/// RFC 7162 §7: `"(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"`,
/// `seq-match-data = "(" known-sequence-set SP known-uid-set ")"`
fn resync(cursor: &mut Cursor<'_>) -> Result<Resync, Error> {
    cursor.expect(b'(', "QRESYNC looks like (QRESYNC (1 2))")?;
    let uid_validity = cursor.nz_number()?;
    cursor.space()?;
    let mut resync = Resync { uid_validity, modseq: cursor.number64()?, known: None, has_match_data: false };
    while cursor.peek() == Some(b' ') {
        cursor.space()?;
        if cursor.eat(b'(') {
            cursor.sequence_set()?;
            cursor.space()?;
            cursor.sequence_set()?;
            cursor.expect(b')', "Missing ')'")?;
            resync.has_match_data = true;
            break;
        }
        if resync.known.is_some() {
            return Err(Error("Unexpected argument of QRESYNC"));
        }
        resync.known = Some(cursor.sequence_set()?);
    }
    cursor.expect(b')', "Missing ')'")?;
    Ok(resync)
}

/// `create = "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]` (RFC 4466 §2.2),
/// `create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")"` (RFC 6154 §6)
fn create(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let mailbox = mailbox(cursor)?;
    let mut special_uses = Vec::new();
    cursor.take_while(|b| b == b' ');
    if cursor.peek() == Some(b'(') {
        cursor.list(false, |c| {
            if !c.eat_word("USE ") {
                return Err(Error("Unknown CREATE parameter"));
            }
            special_uses.extend(c.list(true, use_attribute)?);
            Ok(())
        })?;
    }
    Ok(Command::Create { mailbox, special_uses })
}

/// `use-attr = "\All" / ... / use-attr-ext`, `use-attr-ext = "\" atom`
fn use_attribute(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    cursor.expect(b'\\', "A special use looks like \\Sent")?;
    cursor.atom().map(|atom| format!("\\{atom}"))
}

fn mailbox(cursor: &mut Cursor<'_>) -> Result<crate::command::Mailbox, Error> {
    cursor.space()?;
    cursor.mailbox()
}

/// `copy = "COPY" SP sequence-set SP mailbox`, RFC 6851 §4 `move` alike.
fn copy(cursor: &mut Cursor<'_>, uid: bool, and_remove: bool) -> Result<Command, Error> {
    cursor.space()?;
    let set = cursor.sequence_set()?;
    Ok(Command::Copy { uid, set, mailbox: mailbox(cursor)?, and_remove })
}

/// RFC 10022 §4: `message-batches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number]`
fn uid_batches(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let size = cursor.nz_number()?;
    cursor.take_while(|b| b == b' ');
    if cursor.rest().is_empty() {
        return Ok(Command::UidBatches { size, batches: None });
    }
    let first = cursor.nz_number()?;
    cursor.expect(b':', "A range of batches looks like 1:4")?;
    Ok(Command::UidBatches { size, batches: Some((first, cursor.nz_number()?)) })
}

/// `login = "LOGIN" SP userid SP password`
fn login(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let user = cursor.text()?;
    cursor.space()?;
    Ok(Command::Login { user, password: cursor.text()? })
}

/// RFC 4959 §7: `authenticate = "AUTHENTICATE" SP auth-type [SP (base64 / "=")]`
fn authenticate(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let mechanism = cursor.atom()?.to_ascii_uppercase();
    if cursor.rest().is_empty() {
        return Ok(Command::Authenticate { mechanism, initial: None });
    }
    cursor.space()?;
    let initial = cursor.take_while(|b| b != b' ');
    let initial = if initial == b"=" { Vec::new() } else { base64_line(initial)? };
    Ok(Command::Authenticate { mechanism, initial: Some(initial) })
}

/// `base64 = *(4base64-char) [base64-terminal]`
pub(crate) fn base64_line(line: &[u8]) -> Result<Vec<u8>, Error> {
    base64::engine::general_purpose::STANDARD
        .decode(line)
        .map_err(|_| Error("The response is not valid BASE64"))
}

/// RFC 4978 §5: `compress = "COMPRESS" SP algorithm`, `algorithm = "DEFLATE"`
fn compress(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    if cursor.atom()?.eq_ignore_ascii_case("DEFLATE") {
        Ok(Command::Compress)
    } else {
        Err(Error("Unknown compression algorithm"))
    }
}

/// RFC 5161 §4: `enable = "ENABLE" 1*(SP capability)`
fn enable(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    let mut names = Vec::new();
    while names.is_empty() || cursor.peek() == Some(b' ') {
        cursor.space()?;
        if names.is_empty() || !cursor.rest().is_empty() {
            names.push(cursor.atom()?.to_ascii_uppercase());
        }
    }
    Ok(Command::Enable(names))
}

/// RFC 2971 §4: `id = "ID" SP id_params_list`, `id_params_list = "(" *(string SP nstring) ")" / nil`
fn id(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    if cursor.eat_word("NIL") {
        return Ok(Command::Id(Vec::new()));
    }
    let fields = cursor.list(true, |c| {
        let name = utf8(c.string()?)?;
        c.space()?;
        let value = if c.eat_word("NIL") { String::new() } else { utf8(c.string()?)? };
        // RFC 2971 §3.3: names of at most 30 octets, values of at most 1024.
        if name.len() > 30 || value.len() > 1024 {
            Err(Error("An ID field is too long"))
        } else {
            Ok((name, value))
        }
    })?;
    // RFC 2971 §3.3: not more than 30 fields.
    if fields.len() > 30 { Err(Error("Too many ID fields")) } else { Ok(Command::Id(fields)) }
}

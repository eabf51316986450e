//! SEARCH.

use mail::{Flag, Keyword};

use super::{Cursor, Error, notify};
use crate::SequenceSet;
use crate::command::{Command, DateRelation, Esearch, MailboxFilter, Partial, Returns, Search, SearchKey};
use crate::sequence::Number;

/// `search = "SEARCH" [SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"] [SP "CHARSET" SP astring]
/// 1*(SP search-key)` (RFC 4466 §2.6.1)
pub(crate) fn search(cursor: &mut Cursor<'_>, uid: bool) -> Result<Command, Error> {
    cursor.space()?;
    let returns = returns(cursor)?;
    program(cursor, uid, returns).map(Command::Search)
}

/// `esearch = "ESEARCH" [SP "IN" SP "(" filter-mailboxes *(SP filter-mailboxes) ")"] [SP search-return-opts] SP
/// search-program` (RFC 7377 §4; there are no scope options)
pub(crate) fn esearch(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    let mut sources = vec![MailboxFilter::Selected { delayed: false }];
    if cursor.eat_word("IN ") {
        sources = cursor.list(false, notify::filter)?;
        cursor.space()?;
    }
    // RFC 7377 §2.2.
    if sources.contains(&MailboxFilter::Selected { delayed: true }) {
        return Err(Error("SELECTED-DELAYED is for NOTIFY"));
    }
    // RFC 7377 §2.1: ALL where nothing else is asked for.
    let returns = returns(cursor)?.unwrap_or(Returns { all: true, ..Returns::default() });
    let only_selected = sources.iter().all(|source| matches!(source, MailboxFilter::Selected { .. }));
    if returns.save && !only_selected {
        return Err(Error("SAVE is for the selected mailbox alone"));
    }
    let search = program(cursor, true, Some(returns))?;
    Ok(Command::Esearch(Esearch { sources, search }))
}

/// `search-program = ["CHARSET" SP astring SP] search-key *(SP search-key)`
fn program(cursor: &mut Cursor<'_>, uid: bool, returns: Option<Returns>) -> Result<Search, Error> {
    let charset = if cursor.eat_word("CHARSET ") {
        let charset = cursor.text()?;
        cursor.space()?;
        Some(charset)
    } else {
        None
    };
    let key = search_keys(cursor)?;
    check_relevancy(returns.is_some_and(|returns| returns.relevancy), &key)?;
    Ok(Search { uid, charset, key, returns })
}

/// RFC 6203 §4, §6: there is no relevancy without a key that is matched fuzzily.
pub(super) fn check_relevancy(asked: bool, key: &SearchKey) -> Result<(), Error> {
    if asked && !key.is_fuzzy() { Err(Error("RELEVANCY needs a FUZZY search key")) } else { Ok(()) }
}

/// `1*(SP search-key)`, all of which must hold.
pub(super) fn search_keys(cursor: &mut Cursor<'_>) -> Result<SearchKey, Error> {
    let mut keys = vec![search_key(cursor)?];
    while cursor.peek() == Some(b' ') {
        cursor.space()?;
        if !cursor.rest().is_empty() {
            keys.push(search_key(cursor)?);
        }
    }
    Ok(all_of(keys))
}

/// `["RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP]`. Without any option, all messages are told (RFC 4731
/// §3.1).
pub(super) fn returns(cursor: &mut Cursor<'_>) -> Result<Option<Returns>, Error> {
    if !cursor.eat_word("RETURN ") {
        return Ok(None);
    }
    let mut returns = Returns::default();
    cursor.take_while(|b| b == b' ');
    cursor.list(true, |c| {
        match c.atom()?.to_ascii_uppercase().as_str() {
            "MIN" => returns.min = true,
            "MAX" => returns.max = true,
            "ALL" => returns.all = true,
            "COUNT" => returns.count = true,
            "SAVE" => returns.save = true,
            "RELEVANCY" => returns.relevancy = true,
            "PARTIAL" if returns.partial.is_none() => returns.partial = Some(partial_range(c)?),
            _ => return Err(Error("Unknown SEARCH return option")),
        }
        Ok(())
    })?;
    if returns.all && returns.partial.is_some() {
        return Err(Error("PARTIAL and ALL exclude each other"));
    }
    returns.all |= returns == Returns::default();
    cursor.space()?;
    Ok(Some(returns))
}

/// RFC 9394 §4: `SP (nz-number ":" nz-number / "-" nz-number ":" "-" nz-number)`
pub(super) fn partial_range(cursor: &mut Cursor<'_>) -> Result<Partial, Error> {
    cursor.space()?;
    let backwards = cursor.eat(b'-');
    let from = cursor.nz_number()?;
    cursor.expect(b':', "PARTIAL has a range")?;
    if backwards {
        cursor.expect(b'-', "Both ends of PARTIAL count from the same end")?;
    }
    Ok(Partial { from, to: cursor.nz_number()?, backwards })
}

fn all_of(mut keys: Vec<SearchKey>) -> SearchKey {
    if keys.len() == 1 { keys.remove(0) } else { SearchKey::And(keys) }
}

/// `search-key = "ALL" / ... / sequence-set / "(" search-key *(SP search-key) ")"`
fn search_key(cursor: &mut Cursor<'_>) -> Result<SearchKey, Error> {
    match cursor.peek() {
        Some(b'(') => cursor.list(false, search_key).map(all_of),
        Some(b'0'..=b'9' | b'*' | b'$') => cursor.sequence_set().map(SearchKey::Sequence),
        _ => named_key(cursor),
    }
}

fn named_key(cursor: &mut Cursor<'_>) -> Result<SearchKey, Error> {
    let name = cursor.atom()?.to_ascii_uppercase();
    if let Some(key) = key_without_argument(&name) {
        return Ok(key);
    }
    if !takes_argument(&name) {
        return Err(Error("Unknown SEARCH key"));
    }
    cursor.space()?;
    key_with_argument(&name, cursor)
}

fn key_without_argument(name: &str) -> Option<SearchKey> {
    Some(match name {
        "ALL" => SearchKey::All,
        "ANSWERED" => SearchKey::Flag(Flag::Answered, true),
        "DELETED" => SearchKey::Flag(Flag::Deleted, true),
        "DRAFT" => SearchKey::Flag(Flag::Draft, true),
        "FLAGGED" => SearchKey::Flag(Flag::Flagged, true),
        "SEEN" => SearchKey::Flag(Flag::Seen, true),
        "UNANSWERED" => SearchKey::Flag(Flag::Answered, false),
        "UNDELETED" => SearchKey::Flag(Flag::Deleted, false),
        "UNDRAFT" => SearchKey::Flag(Flag::Draft, false),
        "UNFLAGGED" => SearchKey::Flag(Flag::Flagged, false),
        "UNSEEN" => SearchKey::Flag(Flag::Seen, false),
        "SAVEDATESUPPORTED" => SearchKey::SaveDateSupported,
        "NEW" => SearchKey::New,
        "OLD" => SearchKey::Recent(false),
        "RECENT" => SearchKey::Recent(true),
        _ => return None,
    })
}

fn takes_argument(name: &str) -> bool {
    matches!(
        name,
        "BCC"
            | "BEFORE"
            | "BODY"
            | "CC"
            | "EMAILID"
            | "FROM"
            | "FUZZY"
            | "HEADER"
            | "KEYWORD"
            | "LARGER"
            | "MODSEQ"
            | "NOT"
            | "OLDER"
            | "ON"
            | "OR"
            | "SAVEDBEFORE"
            | "SAVEDON"
            | "SAVEDSINCE"
            | "SENTBEFORE"
            | "SENTON"
            | "SENTSINCE"
            | "SINCE"
            | "SMALLER"
            | "SUBJECT"
            | "TEXT"
            | "THREADID"
            | "TO"
            | "UID"
            | "UIDAFTER"
            | "UIDBEFORE"
            | "UNKEYWORD"
            | "YOUNGER"
    )
}

fn key_with_argument(name: &str, cursor: &mut Cursor<'_>) -> Result<SearchKey, Error> {
    use DateRelation::{Before, On, Since};
    Ok(match name {
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => {
            SearchKey::Header { field: name.into(), contains: cursor.astring()? }
        }
        "HEADER" => {
            let field = cursor.text()?;
            cursor.space()?;
            SearchKey::Header { field, contains: cursor.astring()? }
        }
        "BODY" => SearchKey::Body(cursor.astring()?),
        "TEXT" => SearchKey::Text(cursor.astring()?),
        "KEYWORD" => SearchKey::Keyword(keyword(cursor)?, true),
        "UNKEYWORD" => SearchKey::Keyword(keyword(cursor)?, false),
        "BEFORE" => SearchKey::Internal(Before, cursor.date()?),
        "ON" => SearchKey::Internal(On, cursor.date()?),
        "SINCE" => SearchKey::Internal(Since, cursor.date()?),
        "SAVEDBEFORE" => SearchKey::Saved(Before, cursor.date()?),
        "SAVEDON" => SearchKey::Saved(On, cursor.date()?),
        "SAVEDSINCE" => SearchKey::Saved(Since, cursor.date()?),
        "SENTBEFORE" => SearchKey::Sent(Before, cursor.date()?),
        "SENTON" => SearchKey::Sent(On, cursor.date()?),
        "SENTSINCE" => SearchKey::Sent(Since, cursor.date()?),
        "LARGER" => SearchKey::Larger(cursor.number64()?),
        "SMALLER" => SearchKey::Smaller(cursor.number64()?),
        "MODSEQ" => mod_sequence(cursor)?,
        "EMAILID" => SearchKey::EmailId(object_id(cursor)?),
        "THREADID" => SearchKey::ThreadId(object_id(cursor)?),
        "OLDER" => SearchKey::Older(cursor.nz_number()?),
        "YOUNGER" => SearchKey::Younger(cursor.nz_number()?),
        "UID" => SearchKey::Uid(cursor.sequence_set()?),
        "UIDAFTER" => uids(cursor.nz_number()?.checked_add(1), Some(u32::MAX)),
        "UIDBEFORE" => uids(Some(1), cursor.nz_number()?.checked_sub(1)),
        "FUZZY" => SearchKey::Fuzzy(Box::new(cursor.nested(search_key)?)),
        "NOT" => SearchKey::Not(Box::new(cursor.nested(search_key)?)),
        _ => {
            let first = cursor.nested(search_key)?;
            cursor.space()?;
            SearchKey::Or(Box::new(first), Box::new(cursor.nested(search_key)?))
        }
    })
}

/// RFC 9738 §3.2: the UIDs from the one to the other, if there are any.
fn uids(first: Option<u32>, last: Option<u32>) -> SearchKey {
    let range = first.zip(last).filter(|(first, last)| first <= last);
    let range = range.map(|(first, last)| (Number::Value(first), Number::Value(last)));
    SearchKey::Uid(SequenceSet::Written(range.into_iter().collect()))
}

/// RFC 7162 §7: `"MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer`. There is one MODSEQ for all of a
/// message's flags, so the entry says nothing more.
fn mod_sequence(cursor: &mut Cursor<'_>) -> Result<SearchKey, Error> {
    if cursor.peek() == Some(b'"') {
        cursor.string()?;
        cursor.space()?;
        let kind = cursor.atom()?.to_ascii_lowercase();
        if !matches!(kind.as_str(), "all" | "priv" | "shared") {
            return Err(Error("The type of a MODSEQ entry is all, priv or shared"));
        }
        cursor.space()?;
    }
    cursor.number64().map(SearchKey::ModSeq)
}

/// RFC 8474 §7: `objectid = 1*255(ALPHA / DIGIT / "_" / "-")`
fn object_id(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let id = cursor.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if id.is_empty() || id.len() > 255 {
        return Err(Error("An object identifier has 1 to 255 letters and digits"));
    }
    Ok(String::from_utf8_lossy(id).into_owned())
}

fn keyword(cursor: &mut Cursor<'_>) -> Result<Keyword, Error> {
    Keyword::new(cursor.atom()?).ok_or(Error("The keyword is too long"))
}

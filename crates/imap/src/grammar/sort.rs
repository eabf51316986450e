//! SORT and THREAD (RFC 5256 §5).

use super::search::{check_relevancy, returns, search_keys};
use super::{Cursor, Error};
use crate::command::{Command, Search, Sort, SortBy, SortWhat, Thread, ThreadBy};

/// Criteria of one SORT.
const CRITERIA_MAX: usize = 50;

/// `sort = "SORT" [SP "RETURN" SP "(" ... ")"] SP sort-criteria SP search-criteria` (RFC 5267 §4)
pub(crate) fn sort(cursor: &mut Cursor<'_>, uid: bool) -> Result<Command, Error> {
    cursor.space()?;
    let returns = returns(cursor)?;
    let by = cursor.list(false, criterion)?;
    if by.len() > CRITERIA_MAX {
        return Err(Error("Too many SORT criteria"));
    }
    cursor.space()?;
    let charset = Some(cursor.text()?);
    cursor.space()?;
    let key = search_keys(cursor)?;
    let by_relevancy = by.iter().any(|by| by.what == SortWhat::Relevancy);
    check_relevancy(by_relevancy || returns.is_some_and(|returns| returns.relevancy), &key)?;
    Ok(Command::Sort(Sort { search: Search { uid, charset, key, returns }, by }))
}

/// `sort-criterion = ["REVERSE" SP] sort-key`
fn criterion(cursor: &mut Cursor<'_>) -> Result<SortBy, Error> {
    let reverse = cursor.eat_word("REVERSE ");
    let what = match cursor.atom()?.to_ascii_uppercase().as_str() {
        "ARRIVAL" => SortWhat::Arrival,
        "CC" => SortWhat::Cc,
        "DATE" => SortWhat::Date,
        "FROM" => SortWhat::From,
        "SIZE" => SortWhat::Size,
        "SUBJECT" => SortWhat::Subject,
        "TO" => SortWhat::To,
        "DISPLAYFROM" => SortWhat::DisplayFrom,
        "RELEVANCY" => SortWhat::Relevancy,
        "DISPLAYTO" => SortWhat::DisplayTo,
        _ => return Err(Error("Unknown SORT criterion")),
    };
    Ok(SortBy { what, reverse })
}

/// `thread = "THREAD" SP thread-alg SP search-criteria`, `search-criteria = charset 1*(SP search-key)`
pub(crate) fn thread(cursor: &mut Cursor<'_>, uid: bool) -> Result<Command, Error> {
    cursor.space()?;
    let by = match cursor.atom()?.to_ascii_uppercase().as_str() {
        "ORDEREDSUBJECT" => ThreadBy::OrderedSubject,
        "REFERENCES" => ThreadBy::References,
        _ => return Err(Error("Unknown THREAD algorithm")),
    };
    cursor.space()?;
    let charset = Some(cursor.text()?);
    cursor.space()?;
    let key = search_keys(cursor)?;
    Ok(Command::Thread(Thread { search: Search { uid, charset, key, returns: None }, by }))
}

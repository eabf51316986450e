//! GETQUOTA and SETQUOTA (RFC 9208 §7).

use super::{Cursor, Error};
use crate::command::Command;

/// `quota-root-name = astring`
pub(crate) fn root(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, Error> {
    cursor.space()?;
    cursor.astring()
}

/// `setquota = "SETQUOTA" SP quota-root-name SP setquota-list`, `setquota-resource = resource-name SP resource-limit`
pub(crate) fn set(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    root(cursor)?;
    cursor.space()?;
    cursor.list(true, |c| {
        c.atom()?;
        c.space()?;
        c.number64()
    })?;
    Ok(Command::SetQuota)
}

//! Address lists (RFC 5322 §3.4, obsolete forms of §4.4).

use crate::Address;

/// The entries of an address list field's value, as far as they can be understood; groups are marked as in
/// [`Address`]. At most [`mail::limits::HEADER_ADDRESSES`]; the second value says whether there were more.
pub fn parse_addresses(value: &[u8]) -> (Vec<Address>, bool) {
    let _ = value;
    todo!()
}

//! Parameters of MIME header fields (RFC 2045 §5.1, RFC 2231).

use crate::Parameter;

/// The decoded value of a parameter: the extended form (`name*`) before the plain one (RFC 2231 §4).
pub(crate) fn find(parameters: &[Parameter], name: &str) -> Option<String> {
    let _ = (parameters, name);
    todo!()
}

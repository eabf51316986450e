//! Reports about mail that claimed to come from a domain: aggregate reports of DMARC (RFC 9990), reports about TLS
//! (RFC 8460), complaints (RFC 5965). Built from what was collected, and read from whoever sends them.

pub mod aggregate;
pub mod destination;
pub mod external;
pub mod feedback;
pub mod incoming;
pub mod letter;
pub mod tls;
pub mod unpack;

use mail::{Domain, Wall, limits};

/// A foreign or own text as it may stand in a report: no control characters, at most [`limits::REPORT_TEXT`] bytes.
fn clean(text: &str) -> String {
    let shown: String = text.chars().filter(|&c| is_shown(c)).collect();
    shown[..shown.floor_char_boundary(limits::REPORT_TEXT)].to_owned()
}

/// Neither a control character nor one that XML does not know.
fn is_shown(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// RFC 9990 §3.5.2, RFC 8460 §5.1: `receiver!policy-domain!begin!end.extension`.
fn file_name(reporter: &Domain, about: &str, begin: Wall, end: Wall, extension: &str) -> String {
    format!("{reporter}!{about}!{}!{}.{extension}", begin.secs(), end.secs())
}

/// RFC 9990 §3.5.2, RFC 8460 §5.3.
fn subject(about: &str, reporter: &Domain, id: &str) -> String {
    format!("Report Domain: {about} Submitter: {reporter} Report-ID: <{id}>")
}

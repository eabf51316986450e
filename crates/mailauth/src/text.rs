//! Foreign words made fit to be shown.

/// Printable ASCII only, on one line: for logs, headers and replies. Everything else becomes `?`.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}

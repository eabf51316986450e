//! PREVIEW (RFC 8970): the beginning of what people read.

use mailbox::Entry;
use message::text::{Encoding, decode_body, html_to_text, to_utf8};
use message::{Part, Summary};

use super::super::connection::Connection;
use super::super::stop::Stop;

/// Characters of a preview (RFC 8970 §3.3 recommends them).
const LENGTH: usize = 200;
/// Bytes of a part that a preview is made of.
const READ: usize = 16 * 1024;

impl Connection<'_> {
    pub(super) async fn write_preview(&mut self, entry: &Entry, summary: &Summary) -> Result<(), Stop> {
        let text = match readable(&summary.root) {
            Some(part) => self.preview(entry, part).await?,
            // RFC 8970 §3.2: where nothing can be shown.
            None => String::new(),
        };
        self.session.out().text("PREVIEW ").string(text.as_bytes());
        Ok(())
    }

    async fn preview(&self, entry: &Entry, part: &Part) -> Result<String, Stop> {
        let bytes = self.read_range(entry, part.body.clone(), READ).await?;
        let decoded = decode_body(Encoding::from_name(&part.encoding), &bytes);
        let charset = part.parameter("charset").unwrap_or_else(|| "us-ascii".into());
        let text = to_utf8(&charset, &decoded);
        let text = if part.subtype == "html" { html_to_text(&text) } else { without_quotes(&text) };
        Ok(shortened(&text))
    }
}

/// The first text that is there to be read, plain before HTML.
fn readable(root: &Part) -> Option<&Part> {
    let (mut html, mut rest) = (None, vec![root]);
    while let Some(part) = rest.pop() {
        if part.is_multipart() {
            rest.extend(part.children.iter().rev());
        } else if part.kind == "text" && !is_attached(part) {
            match part.subtype.as_str() {
                "plain" => return Some(part),
                "html" => html = html.or(Some(part)),
                _ => {}
            }
        }
    }
    html
}

fn is_attached(part: &Part) -> bool {
    part.disposition.as_ref().is_some_and(|disposition| disposition.kind.eq_ignore_ascii_case("attachment"))
}

/// What others wrote before says nothing of this message, unless that is all there is.
fn without_quotes(text: &str) -> String {
    let own: Vec<&str> = text.lines().filter(|line| !line.starts_with('>')).collect();
    if own.iter().all(|line| line.trim().is_empty()) { text.to_owned() } else { own.join("\n") }
}

fn shortened(text: &str) -> String {
    let visible = |c: char| !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{feff}');
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut short: Vec<char> = Vec::new();
    for word in words {
        let start = short.len();
        short.extend(word.chars().filter(|c| visible(*c)));
        if short.len() >= LENGTH {
            break;
        }
        if short.len() > start {
            short.push(' ');
        }
    }
    short.truncate(LENGTH);
    short.into_iter().collect::<String>().trim_end().to_owned()
}

//! What filters change in an envelope.

use mail::{Address, Envelope, Recipient, ReversePath, limits};

/// Carries out the changes, in their order; says what has changed, or what cannot be done.
pub(super) fn change(
    envelope: &mut Envelope,
    sender: Option<String>,
    recipients: Vec<(bool, String)>,
) -> Result<Vec<String>, String> {
    let mut told = Vec::new();
    if let Some(sender) = sender {
        let path: ReversePath =
            bare(&sender).parse().map_err(|_| format!("it wants the sender {sender:?}"))?;
        told.push(format!("sender <{path}> instead of <{}>", envelope.reverse_path));
        envelope.reverse_path = path;
    }
    for (added, text) in recipients {
        let address =
            bare(&text).parse::<Address>().map_err(|_| format!("it wants the recipient {text:?}"))?;
        let same = |other: &Recipient| is_same(&other.address, &address);
        let known = envelope.recipients.iter().any(same);
        if added && !known {
            if envelope.recipients.len() >= limits::RECIPIENTS {
                return Err("it wants too many recipients".into());
            }
            told.push(format!("recipient <{address}> added"));
            envelope.recipients.push(Recipient::plain(address));
        } else if !added && known {
            told.push(format!("recipient <{address}> taken away"));
            envelope.recipients.retain(|other| !is_same(&other.address, &address));
        }
    }
    Ok(told)
}

/// Filters often write addresses in lower case.
fn is_same(one: &Address, other: &Address) -> bool {
    one.to_string().eq_ignore_ascii_case(&other.to_string())
}

fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text)
}

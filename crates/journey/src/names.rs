//! The names by which a message is found.

use std::collections::BTreeSet;

use mail::{Address, ReversePath};

use crate::keys::Role;
use crate::{Event, What};

/// A name as it is compared.
pub(crate) fn fold(name: &str) -> String {
    name.trim_matches(|c: char| c == '<' || c == '>' || c.is_whitespace()).to_lowercase()
}

/// All names in some events, each once.
pub(crate) fn names(events: &[Event]) -> BTreeSet<(Role, String)> {
    let mut names = BTreeSet::new();
    for event in events {
        collect(&event.what, &mut names);
    }
    names
}

fn collect(what: &What, names: &mut BTreeSet<(Role, String)>) {
    let mut recipients: &[Address] = &[];
    match what {
        What::Accepted(a) => {
            sender(Some(&a.reverse_path), names);
            recipients = &a.recipients;
            if let Some(id) = &a.message_id {
                names.insert((Role::MessageId, fold(id)));
            }
        }
        What::Refused(r) => {
            sender(r.reverse_path.as_ref(), names);
            recipients = &r.recipients;
        }
        What::Delivered { recipient, .. } => recipients = std::slice::from_ref(recipient),
        What::Queued { recipients: queued, .. } => recipients = queued,
        _ => {}
    }
    names.extend(recipients.iter().map(|r| (Role::Recipient, fold(&r.to_string()))));
}

fn sender(path: Option<&ReversePath>, names: &mut BTreeSet<(Role, String)>) {
    if let Some(path) = path.filter(|path| !path.is_null()) {
        names.insert((Role::Sender, fold(&path.to_string())));
    }
}

//! ENVELOPE (RFC 3501 §7.4.2).

use imap::response::Writer;
use message::{Address, Envelope};

/// `envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP env-bcc
/// SP env-in-reply-to SP env-message-id ")"`
pub(super) fn write(out: &mut Writer<'_>, envelope: &Envelope) {
    out.text("(");
    text(out, envelope.date.as_deref());
    out.text(" ");
    text(out, envelope.subject.as_deref());
    let lists =
        [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc];
    for list in lists {
        out.text(" ");
        addresses(out, list);
    }
    out.text(" ");
    text(out, envelope.in_reply_to.as_deref());
    out.text(" ");
    text(out, envelope.message_id.as_deref());
    out.text(")");
}

/// `nstring`
pub(super) fn text(out: &mut Writer<'_>, text: Option<&str>) {
    out.nstring(text.map(str::as_bytes));
}

/// `"(" 1*address ")" / nil`
fn addresses(out: &mut Writer<'_>, list: &[Address]) {
    if list.is_empty() {
        out.text("NIL");
        return;
    }
    out.text("(");
    for address in list {
        out.text("(");
        text(out, address.name.as_deref());
        out.text(" ");
        text(out, address.route.as_deref());
        out.text(" ");
        text(out, address.mailbox.as_deref());
        out.text(" ");
        text(out, address.host.as_deref());
        out.text(")");
    }
    out.text(")");
}

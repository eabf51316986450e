//! NOTIFY (RFC 5465 §8).

use super::{Cursor, Error, fetch};
use crate::command::{Command, EventGroup, Events, Mailbox, MailboxFilter, Notify};

/// `notify = "NOTIFY" SP (notify-set / notify-none)`,
/// `notify-set = "SET" [SP "STATUS"] SP event-group *(SP event-group)`
pub(crate) fn notify(cursor: &mut Cursor<'_>) -> Result<Command, Error> {
    cursor.space()?;
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "NONE" => return Ok(Command::Notify(Notify::None)),
        "SET" => {}
        _ => return Err(Error("NOTIFY is SET or NONE")),
    }
    cursor.space()?;
    let status = cursor.eat_word("STATUS");
    if status {
        cursor.space()?;
    }
    let (mut groups, mut supported) = (Vec::new(), true);
    loop {
        groups.push(group(cursor, &mut supported)?);
        if cursor.peek() != Some(b' ') {
            break;
        }
        cursor.space()?;
    }
    let selected = groups.iter().filter(|group| matches!(group.filter, MailboxFilter::Selected { .. }));
    // §6.1: only one of the two, and once.
    if selected.count() > 1 {
        return Err(Error("SELECTED or SELECTED-DELAYED comes once"));
    }
    Ok(Command::Notify(Notify::Set { status, groups, supported }))
}

/// `event-group = "(" filter-mailboxes SP events ")"`
fn group(cursor: &mut Cursor<'_>, supported: &mut bool) -> Result<EventGroup, Error> {
    cursor.expect(b'(', "Expected a group of events")?;
    let filter = filter(cursor)?;
    cursor.space()?;
    let mut events = Events::default();
    if !cursor.eat_word("NONE") {
        cursor.list(false, |c| event(c, &mut events, supported))?;
    }
    cursor.expect(b')', "Missing ')'")?;
    check(&filter, &events)?;
    Ok(EventGroup { filter, events })
}

/// `filter-mailboxes` (RFC 5465 §8, RFC 7377 §4)
pub(super) fn filter(cursor: &mut Cursor<'_>) -> Result<MailboxFilter, Error> {
    Ok(match cursor.atom()?.to_ascii_uppercase().as_str() {
        "SELECTED" => MailboxFilter::Selected { delayed: false },
        "SELECTED-DELAYED" => MailboxFilter::Selected { delayed: true },
        "INBOXES" => MailboxFilter::Inboxes,
        "PERSONAL" => MailboxFilter::Personal,
        "SUBSCRIBED" => MailboxFilter::Subscribed,
        "SUBTREE" => MailboxFilter::Subtree(mailboxes(cursor)?),
        "SUBTREE-ONE" => MailboxFilter::SubtreeOne(mailboxes(cursor)?),
        "MAILBOXES" => MailboxFilter::Mailboxes(mailboxes(cursor)?),
        _ => return Err(Error("Unknown mailbox specifier")),
    })
}

/// `one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"`
fn mailboxes(cursor: &mut Cursor<'_>) -> Result<Vec<Mailbox>, Error> {
    cursor.space()?;
    if cursor.peek() == Some(b'(') { cursor.list(false, mailbox) } else { Ok(vec![mailbox(cursor)?]) }
}

/// In the form in which names are compared.
fn mailbox(cursor: &mut Cursor<'_>) -> Result<Mailbox, Error> {
    Ok(cursor.mailbox()?.map(|name| name.nfc().unwrap_or(name)))
}

fn event(cursor: &mut Cursor<'_>, events: &mut Events, supported: &mut bool) -> Result<(), Error> {
    match cursor.atom()?.to_ascii_uppercase().as_str() {
        "MESSAGENEW" => {
            events.message_new = true;
            let mut ahead = cursor.clone();
            if ahead.eat(b' ') && ahead.peek() == Some(b'(') {
                *cursor = ahead;
                events.fetch = fetch::items(cursor)?;
            }
        }
        "MESSAGEEXPUNGE" => events.message_expunge = true,
        "FLAGCHANGE" => events.flag_change = true,
        "MAILBOXNAME" => events.mailbox_name = true,
        "SUBSCRIPTIONCHANGE" => events.subscription_change = true,
        "MAILBOXMETADATACHANGE" => events.mailbox_metadata = true,
        "SERVERMETADATACHANGE" => events.server_metadata = true,
        // §3.1: refused with NO, not BAD. AnnotationChange is among them.
        _ => *supported = false,
    }
    Ok(())
}

/// §5: which events come together, and which are for the selected mailbox.
fn check(filter: &MailboxFilter, events: &Events) -> Result<(), Error> {
    if events.message_new != events.message_expunge || events.flag_change && !events.message_new {
        return Err(Error("MessageNew and MessageExpunge come together, and with FlagChange"));
    }
    let others = events.mailbox_name
        || events.subscription_change
        || events.mailbox_metadata
        || events.server_metadata;
    match filter {
        MailboxFilter::Selected { .. } if others => {
            Err(Error("The selected mailbox has message events only"))
        }
        MailboxFilter::Selected { .. } => Ok(()),
        _ if events.fetch.is_empty() => Ok(()),
        _ => Err(Error("FETCH items are for the selected mailbox")),
    }
}

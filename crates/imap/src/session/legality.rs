//! What may be asked when (RFC 3501 §3, §6), and what is offered (§6.1.1).

use super::{Completion, Config, State, TlsOffer};
use crate::Code;
use crate::command::{Append, Command};

/// Whether names and passwords may be sent now.
fn login_allowed(config: &Config) -> bool {
    config.tls == TlsOffer::Active || !config.login_needs_tls
}

/// Whether LOGIN is taken: it sends what PLAIN does.
fn takes_passwords(config: &Config) -> bool {
    config.mechanisms.contains(&"PLAIN")
}

/// The list for CAPABILITY.
pub(super) fn capabilities(state: State, config: &Config) -> String {
    // RFC 7888 §5: one of LITERAL+ and LITERAL-.
    let literals = if state == State::NotAuthenticated { "LITERAL-" } else { "LITERAL+" };
    let mut list = format!("IMAP4rev1 IMAP4rev2 {literals} ID ENABLE");
    if state != State::NotAuthenticated {
        list.push_str(
            " IDLE NAMESPACE UIDPLUS MULTIAPPEND CATENATE REPLACE MOVE UNSELECT CHILDREN SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS STATUS=SIZE \
             ESEARCH SEARCHRES WITHIN CONDSTORE QRESYNC UIDONLY UIDBATCHES SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT THREAD=REFERENCES \
             BINARY PREVIEW PARTIAL OBJECTID SAVEDATE INPROGRESS MULTISEARCH SEARCH=FUZZY COMPRESS=DEFLATE NOTIFY METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE \
             QUOTA=RES-MESSAGE ACL RIGHTS=texk LIST-MYRIGHTS UNAUTHENTICATE UTF8=ACCEPT APPENDLIMIT=",
        );
        list.push_str(&config.message_size.to_string());
        // RFC 9738 §3.
        let limits = format!(" MESSAGELIMIT={} SAVELIMIT={}", config.message_limit, config.save_limit);
        list.push_str(&limits);
        return list;
    }
    list.push_str(" SASL-IR");
    if config.tls == TlsOffer::Offered {
        list.push_str(" STARTTLS");
    }
    if login_allowed(config) {
        for mechanism in &config.mechanisms {
            list.push_str(" AUTH=");
            list.push_str(mechanism);
        }
    }
    if !login_allowed(config) || !takes_passwords(config) {
        list.push_str(" LOGINDISABLED");
    }
    list
}

/// In which states a command is allowed.
#[derive(PartialEq, Eq)]
enum When {
    Always,
    BeforeLogin,
    AfterLogin,
    Selected,
}

fn when(command: &Command) -> When {
    match command {
        Command::Capability | Command::Noop | Command::Logout | Command::Id(_) => When::Always,
        Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => When::BeforeLogin,
        Command::Check
        | Command::Close
        | Command::Unselect
        | Command::Expunge { .. }
        | Command::Search(_)
        | Command::Sort(_)
        | Command::Thread(_)
        | Command::UidBatches { .. }
        | Command::Fetch(_)
        | Command::Store(_)
        | Command::Copy { .. } => When::Selected,
        Command::Esearch(esearch) if esearch.needs_selected() => When::Selected,
        _ => When::AfterLogin,
    }
}

/// Why a command is refused before anyone looks at its arguments.
pub(super) fn refusal(command: &Command, state: State, config: &Config) -> Option<Completion> {
    let logged_in = state != State::NotAuthenticated;
    let read_only = state == State::Selected { read_only: true };
    match (when(command), logged_in) {
        (When::Always, _) | (When::AfterLogin, true) => None,
        (When::BeforeLogin, true) => Some(Completion::bad("You are logged in already")),
        (When::BeforeLogin, false) => refusal_before_login(command, config),
        (_, false) => Some(Completion::bad("Log in first")),
        (When::Selected, true) if state == State::Authenticated => {
            Some(Completion::bad("Select a mailbox first"))
        }
        (When::Selected, true) if read_only && changes_mailbox(command) => {
            Some(Completion::no(Code::ReadOnly, "The mailbox was opened read-only"))
        }
        (When::Selected, true) => None,
    }
}

/// As [`refusal`], for APPEND and REPLACE.
pub(super) fn append_refusal(append: &Append, state: State) -> Option<Completion> {
    append.replaces.as_ref()?;
    match state {
        // RFC 8508 §3.5.
        State::NotAuthenticated | State::Authenticated => Some(Completion::bad("Select a mailbox first")),
        State::Selected { read_only: true } => {
            Some(Completion::no(Code::ReadOnly, "The mailbox was opened read-only"))
        }
        State::Selected { .. } => None,
    }
}

/// RFC 3501 §6.3.2: no change to the mailbox's permanent state after EXAMINE.
fn changes_mailbox(command: &Command) -> bool {
    matches!(command, Command::Expunge { .. } | Command::Store(_) | Command::Copy { and_remove: true, .. })
}

fn refusal_before_login(command: &Command, config: &Config) -> Option<Completion> {
    match command {
        Command::StartTls => match config.tls {
            TlsOffer::Offered => None,
            TlsOffer::Active => Some(Completion::bad("TLS is active already")),
            TlsOffer::None => Some(Completion::bad("TLS is not available")),
        },
        // RFC 3501 §6.2.3 LOGINDISABLED, RFC 5530 §3 PRIVACYREQUIRED.
        _ if !login_allowed(config) => {
            Some(Completion::no(Code::PrivacyRequired, "Logging in needs TLS; use STARTTLS first"))
        }
        Command::Login { .. } if !takes_passwords(config) => {
            Some(Completion::no(Code::Cannot, "LOGIN is not offered; use AUTHENTICATE"))
        }
        Command::Authenticate { mechanism, .. } if !config.mechanisms.contains(&mechanism.as_str()) => {
            Some(Completion::no(Code::Cannot, "That authentication mechanism is not offered"))
        }
        _ => None,
    }
}

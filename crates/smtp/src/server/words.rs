//! The server's own replies, in one place: code, enhanced code (RFC 3463, RFC 5248) and words.

use mail::{EnhancedCode, Reply};

use crate::body::Fault;
use crate::grammar::{parameters, path};

macro_rules! replies {
    ($($name:ident = $code:literal $class:literal $subject:literal $detail:literal $text:literal;)*) => {
        $(pub(super) fn $name() -> Reply {
            Reply::new($code, EnhancedCode($class, $subject, $detail), $text)
        })*
    };
}

replies! {
    goodbye = 221 2 0 0 "Goodbye";
    ok = 250 2 0 0 "Ok";
    sender_ok = 250 2 1 0 "Sender ok";
    recipient_ok = 250 2 1 5 "Recipient ok";
    accepted = 250 2 0 0 "Accepted";
    chunk_ok = 250 2 0 0 "Chunk received";
    authenticated = 235 2 7 0 "Authentication succeeded";
    start_tls = 220 2 0 0 "Ready to start TLS";
    cannot_verify = 252 2 0 0 "Send some mail, I will try my best";
    help = 214 2 0 0 "EHLO HELO LHLO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY HELP STARTTLS AUTH";
    too_many_errors = 421 4 7 0 "Too many errors, closing";
    too_many_refusals = 421 4 7 0 "Too many refused addresses, closing";
    too_many_commands = 421 4 7 0 "Too many commands without mail, closing";
    too_many_logins = 421 4 7 0 "Too many failed logins, closing";
    no_mail_protocol = 421 4 7 0 "This is no mail client, closing";
    behind_start_tls = 421 4 7 0 "Nothing may follow STARTTLS before the handshake, closing";
    endless_line = 421 4 7 0 "The line does not end, closing";
    endless_message = 421 4 7 0 "The message does not end, closing";
    idle = 421 4 4 2 "Timeout, closing";
    message_too_slow = 421 4 4 2 "The message took too long to arrive, closing";
    local_error = 451 4 3 0 "Local error, try again later";
    too_many_recipients = 452 4 5 3 "Too many recipients in one message, send the rest in another";
    line_too_long = 500 5 5 2 "Line too long";
    auth_line_too_long = 500 5 5 6 "Authentication exchange line too long";
    bare_newline = 500 5 5 2 "A line must end in CRLF and hold no other CR or LF";
    not_text = 500 5 5 2 "The line is not UTF-8 text";
    unknown_command = 500 5 5 1 "Command not recognised";
    not_lmtp = 500 5 5 1 "This is LMTP, say LHLO";
    no_parameters = 501 5 5 4 "The command takes no parameters";
    hello_name = 501 5 5 4 "Say HELO or EHLO with your host name";
    needs_argument = 501 5 5 4 "The command needs an argument";
    chunk_syntax = 501 5 5 4 "Say BDAT with a length, and LAST for the last chunk";
    bad_base64 = 501 5 5 2 "That is not base64";
    auth_aborted = 501 5 7 0 "Authentication aborted";
    auth_extra = 501 5 5 2 "Nothing more was expected";
    not_served = 502 5 5 1 "Command not implemented";
    hello_first = 503 5 5 1 "Say HELO or EHLO first";
    ehlo_first = 503 5 5 1 "Say EHLO first";
    nested_mail = 503 5 5 1 "A sender was given already";
    mail_first = 503 5 5 1 "Say MAIL first";
    rcpt_first = 503 5 5 1 "Say RCPT first, no recipient was accepted";
    bdat_begun = 503 5 5 1 "BDAT has begun, only BDAT may follow";
    binary_needs_bdat = 503 5 5 1 "BODY=BINARYMIME needs BDAT";
    tls_already = 503 5 5 1 "TLS is active already";
    tls_not_now = 503 5 5 1 "STARTTLS may not come within a transaction";
    auth_already = 503 5 5 1 "You are authenticated already";
    auth_not_now = 503 5 5 1 "AUTH may not come within a transaction";
    xclient_not_now = 503 5 5 1 "XCLIENT may not come within a transaction";
    mechanism = 504 5 5 4 "Mechanism not offered";
    start_tls_first = 530 5 7 0 "Say STARTTLS first";
    auth_first = 530 5 7 0 "Authentication required";
    auth_needs_tls = 538 5 7 11 "Encryption required for authentication, say STARTTLS first";
    too_large = 552 5 3 4 "The message is larger than this server takes";
    line_of_message_too_long = 554 5 6 0 "A line of the message is too long";
    bare_newline_in_message = 550 5 5 2 "The message has a CR or LF that is not part of a CRLF";
    null_recipient = 501 5 1 3 "A recipient cannot be empty";
    unknown_parameter = 555 5 5 4 "Parameter not recognised or not offered";
    needs_ehlo = 555 5 5 4 "Parameters need EHLO";
    utf8_sender = 553 5 6 7 "An address beyond ASCII needs SMTPUTF8";
}

/// 220, the greeting.
pub(super) fn greeting(hostname: &str, protocol: &str) -> Reply {
    Reply::plain(220, format!("{hostname} {protocol} Posthouse"))
}

/// 354, with no enhanced code (RFC 2034 §4).
pub(super) fn send_message() -> Reply {
    Reply::plain(354, "Send the message, end it with <CRLF>.<CRLF>")
}

/// A malformed MAIL or RCPT; `detail` is 7 for a sender and 3 for a recipient (RFC 3463 §3.2).
pub(super) fn bad_path(error: path::Error, detail: u16) -> Reply {
    match error {
        path::Error::Keyword => {
            Reply::new(501, EnhancedCode(5, 5, 4), "Say MAIL FROM:<address> or RCPT TO:<address>")
        }
        path::Error::Brackets => {
            Reply::new(501, EnhancedCode(5, 1, detail), "The address must stand in angle brackets")
        }
        path::Error::Mailbox(why) => {
            Reply::new(501, EnhancedCode(5, 1, detail), format!("Bad address: {why}"))
        }
    }
}

/// Malformed or unknown parameters.
pub(super) fn bad_parameter(error: &parameters::Error) -> Reply {
    match error {
        parameters::Error::Value(keyword) => {
            Reply::new(501, EnhancedCode(5, 5, 4), format!("Bad or repeated value for {keyword}"))
        }
        parameters::Error::Unknown => unknown_parameter(),
    }
}

/// An attribute of XCLIENT that cannot be taken.
pub(super) fn bad_attribute(name: &str) -> Reply {
    Reply::new(501, EnhancedCode(5, 5, 4), format!("Bad or repeated attribute {name}"))
}

/// Why a message was refused while it arrived.
pub(super) fn fault(fault: Fault) -> Reply {
    match fault {
        Fault::BareNewline => bare_newline_in_message(),
        Fault::TooLarge => too_large(),
        Fault::LineTooLong => line_of_message_too_long(),
    }
}

//! Every fixed bound in one file. What an operator may change has its default here too, and is
//! passed in by configuration; the rest protects the code itself.

use std::ops::RangeInclusive;
use std::time::Duration;

// Addresses (RFC 5321 §4.5.3.1).

/// Bytes of a local-part. The standard's 64 octets; longer ones exist in the wild (VERP).
pub const LOCAL_PART_LENGTH: usize = 256;
/// Bytes of a domain in A-label form.
pub const DOMAIN_LENGTH: usize = 255;

// SMTP.

/// Bytes of a command line with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512 and the extensions add to it.
pub const SMTP_LINE_LENGTH: usize = 4096;
/// Bytes of an AUTH response line (RFC 4954 §4 asks for 12,288).
pub const SMTP_AUTH_LINE_LENGTH: usize = 12_288;
/// Bytes of one line of a message; longer ones are kept as they are up to this (promise P7).
pub const MESSAGE_LINE_LENGTH: usize = 1 << 20;
/// Recipients of one transaction, by default.
pub const RECIPIENTS: usize = 1000;
/// How long a submitted message may be held for its sender, by default (RFC 4865).
pub const FUTURE_RELEASE: Duration = Duration::from_hours(7 * 24);
/// Bytes of one message, by default.
pub const MESSAGE_SIZE: u64 = 50_000_000;
/// Protocol errors before a session is closed.
pub const SMTP_ERRORS: u32 = 20;
/// Commands without a delivered message before a session is closed.
pub const SMTP_IDLE_COMMANDS: u32 = 1000;
/// Received headers beyond which a message is in a loop (RFC 5321 §6.3 asks for at least 100).
pub const RECEIVED_HOPS: usize = 100;
/// A server waits this long for a command (RFC 5321 §4.5.3.2.7).
pub const SMTP_COMMAND_TIMEOUT: Duration = Duration::from_mins(5);
/// Senders and recipients that one session may have refused before it is closed (attacks A11).
pub const SMTP_REJECTIONS: u32 = 100;
/// A message may take this long to arrive, from DATA to its end.
pub const SMTP_MESSAGE_TIMEOUT: Duration = Duration::from_hours(1);
/// Bytes of an over-long command line that are swallowed before the session is closed.
pub const SMTP_LINE_SWALLOWED: usize = 1 << 20;
/// Bytes of a BDAT chunk below which it counts as a command without a message (attacks A5).
pub const SMTP_SMALL_CHUNK: u64 = 1024;
/// A client waits this long for the greeting (RFC 5321 §4.5.3.2.1).
pub const SMTP_GREETING_WAIT: Duration = Duration::from_mins(5);
/// For the reply to EHLO, STARTTLS, AUTH, RSET and QUIT.
pub const SMTP_HELLO_WAIT: Duration = Duration::from_mins(5);
/// For the reply to MAIL (RFC 5321 §4.5.3.2.2).
pub const SMTP_MAIL_WAIT: Duration = Duration::from_mins(5);
/// For the reply to RCPT (RFC 5321 §4.5.3.2.3).
pub const SMTP_RCPT_WAIT: Duration = Duration::from_mins(5);
/// For the reply to DATA (RFC 5321 §4.5.3.2.4).
pub const SMTP_DATA_START_WAIT: Duration = Duration::from_mins(2);
/// For the peer to take a block of the message (RFC 5321 §4.5.3.2.5).
pub const SMTP_DATA_BLOCK_WAIT: Duration = Duration::from_mins(3);
/// For the reply to the final dot (RFC 5321 §4.5.3.2.6).
pub const SMTP_DATA_END_WAIT: Duration = Duration::from_mins(10);
/// RCPT commands a client has on the way before it waits for replies (RFC 2920 §3.1 warns of deadlock).
pub const SMTP_PIPELINE: usize = 100;
/// BDAT chunks a client has on the way before it waits for replies, for the same reason.
pub const SMTP_CHUNKS_UNDERWAY: usize = 16;
/// Bytes of one reply from a remote server, all lines.
pub const SMTP_REPLY_LENGTH: usize = 16_384;
/// Lines of one reply from a remote server.
pub const SMTP_REPLY_LINES: usize = 128;

// Sending.

/// Recipients of what one account sends in an hour, by default.
pub const SENDING_PER_HOUR: u64 = 500;
/// In a day, by default; Gmail and others bound their users about there.
pub const SENDING_PER_DAY: u64 = 2000;
/// Messages that an account had refused within an hour because it sent too much, before it is suspended.
pub const SENDING_OVER: u32 = 20;
/// Recipients within an hour that turned out not to exist, before the account that wrote to them is suspended.
pub const SENDING_UNKNOWN: u32 = 100;
/// The first pause for a destination that asks to slow down; each further one is twice as long.
pub const SLOW_PAUSE: Duration = Duration::from_secs(15);
/// The longest such pause.
pub const SLOW_PAUSE_LONGEST: Duration = Duration::from_mins(5);

// PROXY protocol.

/// Bytes of a PROXY header of version 2, all of its TLVs included.
pub const PROXY_HEADER_LENGTH: usize = 4096;
/// A proxy may take this long for its header, which it sends at once.
pub const PROXY_HEADER_WAIT: Duration = Duration::from_secs(10);

// The gate in front of mail that comes in.

/// Clients, or networks of clients, whose doings are counted at the same time (attacks A11).
pub const COUNTED_CLIENTS: usize = 100_000;
/// New connections from one address within a minute, by default.
pub const CONNECTIONS_PER_MINUTE: u32 = 300;
/// New connections from one IPv4 /24 or IPv6 /48 within a minute, by default.
pub const CONNECTIONS_PER_MINUTE_NETWORK: u32 = 1500;
/// Messages from one address within a minute, by default.
pub const MESSAGES_PER_MINUTE: u32 = 1000;
/// Unknown recipients that one address may name within ten minutes, by default (attacks A11).
pub const UNKNOWN_RECIPIENTS: u32 = 100;
/// All DNS lists together may take this long to answer.
pub const LISTS_WAIT: Duration = Duration::from_secs(5);
/// DNS lists in one configuration.
pub const LISTS: usize = 50;
/// How long a greeting may be held back; clients wait five minutes (RFC 5321 §4.5.3.2.1), but not all of them.
pub const GREETING_DELAY: Duration = Duration::from_secs(30);
/// Triplets and clients that greylisting remembers; while there are more, mail of unknown ones passes.
pub const GREYLIST_ENTRIES: usize = 1_000_000;
/// Triplets that wait to be written.
pub const GREYLIST_WAITING: usize = 20_000;

// Filters outside of this process.

/// Filters (milters and hooks) in one configuration.
pub const FILTERS: usize = 20;
/// Bytes of one packet of a milter. Most send at most 64 KiB; a header field may be longer.
pub const MILTER_PACKET: usize = 1 << 20;
/// Recipients that a milter may add to or take from one message.
pub const MILTER_RECIPIENTS: usize = 1000;
/// Fields that a hook may add to one message.
pub const HOOK_HEADERS: usize = 100;
/// Bytes of a hook's answer, and of its HTTP headers.
pub const HOOK_ANSWER: usize = 64 * 1024;
/// All filters together may take this long for one message: clients wait ten minutes (RFC 5321 §4.5.3.2.6).
pub const FILTERS_WAIT: Duration = Duration::from_mins(5);
/// How long the name of a client may take, for filters.
pub const CLIENT_NAME_WAIT: Duration = Duration::from_secs(5);
/// How long a filter may take for one answer, by default.
pub const FILTER_WAIT: Duration = Duration::from_secs(30);

// Message parsing (attacks A13).

/// Bytes of the header section that are looked at.
pub const HEADER_SECTION_LENGTH: usize = 1 << 20;
/// Bytes of a header section that is taken; it is held in memory until it is whole. 552 beyond.
pub const HEADER_SECTION_HELD: usize = 2 << 20;
/// Header fields that are looked at.
pub const HEADER_FIELDS: usize = 2000;
/// MIME nesting; deeper parts are leaves.
pub const MIME_DEPTH: usize = 100;
/// MIME parts of one message; what follows belongs to the last.
pub const MIME_PARTS: usize = 10_000;
/// Bytes of a boundary (RFC 2046 §5.1.1 allows 70); a multipart with a longer one is a leaf.
pub const MIME_BOUNDARY_LENGTH: usize = 256;
/// Bytes of all text in one message's summary.
pub const SUMMARY_TEXT: usize = 512 * 1024;
/// Message ids of References that a summary keeps: the first and the last ones.
pub const REFERENCES: usize = 100;
/// Parameters of one MIME header field.
pub const MIME_PARAMETERS: usize = 128;
/// Addresses of one header field.
pub const HEADER_ADDRESSES: usize = 10_000;

// Judging senders.

/// Tags of one DKIM or ARC signature, key record or DMARC record.
pub const TAGS: usize = 64;
/// DKIM-Signature fields of one message that are looked at, from the top (attack A17).
pub const SIGNATURES: usize = 10;
/// ARC sets of one message (RFC 8617 §4.2.1).
pub const ARC_SETS: usize = 50;
/// Records at the name of one key that are tried; there should be one (RFC 6376 §3.6.2.2).
pub const KEY_RECORDS: usize = 3;
/// Bits of an RSA key. RFC 8301 §3.2 forbids less and asks for up to 4096.
pub const RSA_BITS: RangeInclusive<usize> = 1024..=8192;
/// How far a signer's clock may differ from ours (RFC 6376 §3.5).
pub const SIGNATURE_CLOCK_SKEW: Duration = Duration::from_hours(1);
/// All keys of one message must have come within this time.
pub const KEYS_WAIT: Duration = Duration::from_secs(20);

// Mailboxes.

/// Bytes of a mailbox's full name.
pub const MAILBOX_NAME_LENGTH: usize = 1000;
/// Levels of a mailbox's name.
pub const MAILBOX_DEPTH: usize = 32;
/// Mailboxes of one account.
pub const MAILBOXES: usize = 10_000;
/// Bytes of a keyword.
pub const KEYWORD_LENGTH: usize = 128;
/// Keywords on one message.
pub const KEYWORDS: usize = 256;

// IMAP and POP3.
/// Mailboxes that one NOTIFY names, and that an account has for which NOTIFY is taken, with those of others that are meant: all are
/// looked at when any changes.
pub const NOTIFY_MAILBOXES: usize = 500;
/// Other accounts whose mailboxes one NOTIFY has watched.
pub const NOTIFY_OWNERS: usize = 100;
/// Mailboxes shared with an account for which NOTIFY of mailboxes of others is taken: their rights are looked at when any changes.
pub const NOTIFY_SHARED: usize = 1000;
/// Events of one moment that NOTIFY tells of; with more it ends (RFC 5465 §5.8).
pub const NOTIFY_EVENTS: usize = 500;
/// Annotations of one mailbox, or of an account as a whole (RFC 5464 §4.1 asks for at least 10).
pub const ANNOTATIONS: usize = 100;
/// Bytes of one annotation's value (RFC 5464 §4.1 asks for at least 1024).
pub const ANNOTATION_VALUE: usize = 16 << 10;
/// Bytes of one annotation's name: what keys of the store hold beside a mailbox.
pub const ANNOTATION_NAME: usize = 255;
/// Bytes of all annotations of an account: they are read together when one of them changes.
pub const ANNOTATION_BYTES: usize = 4 << 20;
/// Identifiers in the access control list of one mailbox (RFC 4314 §2).
pub const ACL_IDENTIFIERS: usize = 100;
/// Mailboxes of others that are shared with one account; and with all of them.
pub const SHARED_MAILBOXES: usize = 10_000;

/// Bytes of a command line before login (attacks A12).
pub const IMAP_LINE_BEFORE_LOGIN: usize = 8192;
/// Bytes of a command line after login, literals not counted (RFC 7162 §4 asks for 8192).
pub const IMAP_LINE: usize = 65_536;
/// Bytes of all literals of one command other than APPEND.
pub const IMAP_LITERALS: usize = 1 << 20;
/// Bytes of one command's literals that come without asking, do not fit, and are read past (RFC 7888 §4). The session of who
/// announces more is closed.
pub const IMAP_SKIPPED: u64 = 100_000_000;
/// Messages of one APPEND (RFC 3502), the least that RFC 9738 §3 asks for. Small ones are in memory until the last has come,
/// within the budget of [`BODY_MEMORY`].
pub const IMAP_APPEND_MESSAGES: usize = 1000;
/// Bytes of the summaries of all messages of one APPEND, which are in memory until the last has come; usual ones take 2,000.
pub const IMAP_APPEND_SUMMARIES: usize = 16 << 20;
/// Bytes of all messages of one APPEND, as a multiple of the largest message that is taken.
pub const IMAP_APPEND_TOTAL: u64 = 4;
/// Messages that one IMAP command works on, where the operator says nothing else (RFC 9738). More than people have in a
/// mailbox; what a command keeps of each, about 200 bytes, stays below what a large view takes.
pub const IMAP_MESSAGES: u32 = 1_000_000;
/// The least that may be said instead (RFC 9738 §3).
pub const IMAP_MESSAGES_LEAST: u32 = 1000;
/// Messages that one COPY or MOVE takes, so that one commit stays bounded (RFC 9738 §3, SAVELIMIT).
pub const IMAP_COPY_MESSAGES: u32 = 20_000;
/// The least size of a batch that UIDBATCHES tells (RFC 10022 §3.1.3.2).
pub const IMAP_BATCH_LEAST: u32 = 500;
/// Messages whose batches one UIDBATCHES tells at least, also where commands work on fewer (RFC 10022 §3.1.7).
pub const IMAP_BATCHED_LEAST: u32 = 100_000;
/// Different UIDBATCHES commands that are remembered for a selected mailbox, to know those that come again for nothing.
pub const IMAP_BATCHES_KNOWN: usize = 64;
/// Mailboxes that one ESEARCH looks into (RFC 7377 §2.4).
pub const ESEARCH_MAILBOXES: usize = 1000;
/// Bytes of texts that one SORT or THREAD compares.
pub const IMAP_SORT_BYTES: usize = 256 << 20;
/// Parts that one message of APPEND may be put together from (RFC 4469).
pub const IMAP_CATENATE_PARTS: usize = 1000;
/// Nesting of parentheses in one command.
pub const IMAP_DEPTH: usize = 32;
/// Idle time after login before logout (RFC 3501 §5.4 asks for at least 30 minutes).
pub const IMAP_IDLE_TIMEOUT: Duration = Duration::from_mins(31);
/// A client that idles hears something so often, by default: translators of addresses forget connections within minutes.
pub const IMAP_KEEPALIVE: Duration = Duration::from_mins(4);
/// Rules about what IMAP clients are not told.
pub const IMAP_CLIENT_RULES: usize = 100;
/// Idle time before login.
pub const LOGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// Bad commands before a session is closed.
pub const IMAP_ERRORS: u32 = 20;
/// Bytes of a POP3 command line (RFC 2449 §4: 255; AUTH responses may be longer).
pub const POP3_LINE: usize = 2048;
/// Idle time of a POP3 session (RFC 1939 §3 asks for at least 10 minutes).
pub const POP3_IDLE_TIMEOUT: Duration = Duration::from_mins(10);

// Store.

/// A body up to this size goes into the commit record itself; a larger one is staged on disk.
pub const INLINE_BODY: usize = 256 * 1024;
/// Memory that all waiting bodies may take together.
pub const BODY_MEMORY: usize = 64 << 20;
/// Bytes of a key in the store.
pub const STORE_KEY_LENGTH: usize = 2048;

// Directory.

/// Aliases may point at aliases this deep.
pub const ALIAS_DEPTH: usize = 10;
/// Targets of all aliases of one address together.
pub const ALIAS_TARGETS: usize = 1000;
/// Failed logins of one address within an hour before it is refused for a while, by default (attacks A11).
pub const FAILED_LOGINS: u32 = 50;
/// The same for a network of addresses, and for one name from wherever it is tried: so many times as many.
pub const FAILED_LOGINS_NETWORK: u32 = 4;
/// The answer to a failed login takes twice as long each time, up to this.
pub const LOGIN_DELAY: Duration = Duration::from_secs(16);
/// Bytes of a bearer token (RFC 7628); a line of the protocol may leave less room for it.
pub const BEARER_TOKEN: usize = 8192;
/// Bearer tokens that are remembered as good.
pub const TOKENS_REMEMBERED: usize = 10_000;
/// Bytes of what an authorization server answers about a token (RFC 7662).
pub const INTROSPECTION_ANSWER: usize = 64 * 1024;
/// Questions to it at once; further logins wait.
pub const INTROSPECTIONS: usize = 32;
/// How long it may take to answer, waiting included, by default.
pub const INTROSPECTION_WAIT: Duration = Duration::from_secs(10);
/// App passwords of one account.
pub const APP_PASSWORDS: usize = 50;
/// Characters of an app password's name.
pub const APP_PASSWORD_NAME: usize = 64;
/// Failed logins of one session before it is closed.
pub const LOGIN_FAILURES: u32 = 3;

// SPF (RFC 7208 §4.6.4, attacks A18).

/// Terms of all records of one check that ask names.
pub const SPF_LOOKUPS: usize = 10;
/// Such terms that find nothing.
pub const SPF_VOID_LOOKUPS: usize = 2;
/// Hosts of one MX set (more: permerror) and names an address points back to (more are not looked at).
pub const SPF_NAMES: usize = 10;
/// All that is asked about who a message is from may take this long, twice: while it comes in, and when it is whole.
pub const AUTHENTICATION_TIME: Duration = Duration::from_secs(20);
/// A check may take this long; the standard asks for at least 20 seconds.
pub const SPF_TIME: Duration = Duration::from_secs(20);
/// Bytes of one record; DNS would carry 65,535 (RFC 7208 §3.4 asks for less than 450).
pub const SPF_RECORD_LENGTH: usize = 16_384;
/// Characters of a name that a macro makes (RFC 7208 §7.3).
pub const SPF_NAME_LENGTH: usize = 253;
/// Bytes of an explanation that are shown.
pub const SPF_EXPLANATION_LENGTH: usize = 500;

// DMARC and reports (attacks A19).

/// Questions of one walk up the tree of names (RFC 9989 §4.10).
pub const DMARC_WALK: usize = 8;
/// Domains with a valid signature that are compared with the author's.
pub const DMARC_IDENTIFIERS: usize = 20;
/// Places that one record sends reports to; further ones are ignored.
pub const REPORT_DESTINATIONS: usize = 10;
/// Bytes of an unpacked report.
pub const REPORT_LENGTH: u64 = 25 << 20;
/// An unpacked report may be so many times as large as the packed one ...
pub const REPORT_RATIO: u64 = 200;
/// ... beyond so many bytes.
pub const REPORT_RATIO_FREE: u64 = 1 << 20;
/// Rows of one report that are kept.
pub const REPORT_ROWS: usize = 20_000;
/// Bytes of one text in a report that are kept.
pub const REPORT_TEXT: usize = 1000;
/// Signatures of one row (RFC 9990 §3.1.3).
pub const REPORT_SIGNATURES: usize = 100;
/// Nesting of a report's elements.
pub const REPORT_DEPTH: usize = 32;
/// Destinations of mail that was just taken over that are looked at before the others.
pub const FRESH_DESTINATIONS: usize = 10_000;
/// Kinds of messages and sessions that wait in memory to be counted for reports.
pub const REPORT_WAITING: usize = 20_000;
/// Bytes of a received report, unpacked, that are kept.
pub const REPORT_KEPT: usize = 512 << 10;
/// Bytes of a report's destination on the web.
pub const REPORT_URI_LENGTH: usize = 2000;

// Authentication-Results (RFC 8601).

/// Results of one field.
pub const AUTHENTICATION_RESULTS: usize = 50;
/// Properties of one result.
pub const AUTHENTICATION_PROPERTIES: usize = 10;
/// Bytes of one value, reason or comment that are written, before quoting; less than half of a line's 998.
pub const AUTHENTICATION_TEXT: usize = 400;

// The Sender Rewriting Scheme.

/// Days after which a rewritten sender is nobody's address any more: a report comes back sooner.
pub const SRS_AGE_DAYS: i64 = 21;
/// Bytes of a secret, at least.
pub const SRS_SECRET_LENGTH: usize = 16;

// TLS of outgoing mail (RFC 7672, RFC 8461, attacks A20).

/// TLSA records of one host that are looked at.
pub const TLSA_RECORDS: usize = 64;
/// Issuers named by TLSA records that a chain is tried with.
pub const TLSA_ANCHORS: usize = 8;
/// Bytes of an MTA-STS policy (RFC 8461 §3.3).
pub const STS_POLICY_LENGTH: usize = 65_536;
/// Getting a policy may take this long (RFC 8461 §3.3).
pub const STS_FETCH_TIME: Duration = Duration::from_mins(1);
/// A policy is kept for so long at most (RFC 8461 §3.2).
pub const STS_MAX_AGE: Duration = Duration::from_hours(8766);
/// How long after a policy could not be had it is asked for again at the soonest (RFC 8461 §3.3).
pub const STS_FETCH_AGAIN: Duration = Duration::from_mins(5);
/// Domains whose policies could not be had that are remembered.
pub const STS_FAILURES: usize = 1000;

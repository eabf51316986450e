//! Events as named fields, for JSON. Names are stable.

use std::fmt::Display;

use mail::{Address, Reply};

use crate::{Accepted, Attempted, Event, Refused, Tls, TlsFailure, Verified, What};

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    Map(Fields),
}

/// Named values in a fixed order; those that are not known are left out.
pub type Fields = Vec<(&'static str, Value)>;

fn text(shown: &dyn Display) -> Value {
    Value::Text(shown.to_string())
}

fn addresses(addresses: &[Address]) -> Value {
    Value::List(addresses.iter().map(|address| text(address)).collect())
}

fn reply(reply: &Reply) -> Value {
    Value::Map(vec![
        ("code", Value::Number(reply.code.into())),
        ("status", text(&reply.status())),
        ("text", text(&reply.text)),
    ])
}

fn put(fields: &mut Fields, name: &'static str, value: Option<&dyn Display>) {
    fields.extend(value.map(|value| (name, text(value))));
}

fn put_tls(fields: &mut Fields, tls: Option<&Tls>) {
    fields.extend(tls.map(|tls| {
        let parts = vec![
            ("version", text(&tls.version)),
            ("cipher", text(&tls.cipher)),
            ("verified", Value::Flag(tls.verified != Verified::No)),
            ("verified_by", text(&tls.verified.name())),
        ];
        ("tls", Value::Map(parts))
    }));
}

fn accepted(a: &Accepted) -> Fields {
    let mut fields = vec![("service", text(&a.service))];
    put(&mut fields, "client", a.client.as_ref().map(|ip| ip as _));
    put(&mut fields, "helo", Some(&a.helo));
    put_tls(&mut fields, a.tls.as_ref());
    put(&mut fields, "account", a.account.as_ref().map(|account| account as _));
    put(&mut fields, "from", Some(&a.reverse_path));
    fields.push(("to", addresses(&a.recipients)));
    fields.push(("size", Value::Number(i64::try_from(a.size).unwrap_or(i64::MAX))));
    put(&mut fields, "subject", a.subject.as_ref().map(|subject| subject as _));
    put(&mut fields, "message_id", a.message_id.as_ref().map(|id| id as _));
    fields
}

fn refused(r: &Refused) -> Fields {
    let mut fields = vec![("service", text(&r.service)), ("stage", text(&r.stage))];
    put(&mut fields, "client", r.client.as_ref().map(|ip| ip as _));
    put(&mut fields, "helo", Some(&r.helo));
    put(&mut fields, "from", r.reverse_path.as_ref().map(|path| path as _));
    fields.push(("to", addresses(&r.recipients)));
    fields.push(("reply", reply(&r.reply)));
    fields
}

fn attempted(a: &Attempted) -> Fields {
    let mut fields = vec![("item", text(&a.item)), ("host", text(&a.host))];
    put(&mut fields, "ip", a.ip.as_ref().map(|ip| ip as _));
    put_tls(&mut fields, a.tls.as_ref());
    let result = |(address, said): &(Address, Reply)| {
        Value::Map(vec![("recipient", text(address)), ("reply", reply(said))])
    };
    fields.push(("results", Value::List(a.results.iter().map(result).collect())));
    fields.push(("took_ms", Value::Number(a.took.as_millis() as i64)));
    fields
}

fn tls_failure(f: &TlsFailure) -> Fields {
    let mut fields = vec![
        ("item", text(&f.item)),
        ("policy", text(&f.policy.name())),
        ("domain", text(&f.domain)),
        ("host", text(&f.host)),
    ];
    put(&mut fields, "ip", f.ip.as_ref().map(|ip| ip as _));
    put(&mut fields, "source", f.source.as_ref().map(|ip| ip as _));
    fields.push(("result", text(&f.result.name())));
    fields.push(("detail", text(&f.detail)));
    fields.push(("enforced", Value::Flag(f.enforced)));
    fields
}

impl What {
    /// The name of this kind of event, stable: `accepted`, `refused`, ...
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Refused(_) => "refused",
            Self::Delivered { .. } => "delivered",
            Self::Queued { .. } => "queued",
            Self::Attempted(_) => "attempted",
            Self::Deferred { .. } => "deferred",
            Self::Expired { .. } => "expired",
            Self::Reported { .. } => "reported",
            Self::NotReported { .. } => "not_reported",
            Self::Operator { .. } => "operator",
            Self::Moved { copied: true, .. } => "copied",
            Self::Moved { copied: false, .. } => "moved",
            Self::Expunged { .. } => "expunged",
            Self::TlsFailed(_) => "tls_failed",
            Self::Noted(_) => "noted",
        }
    }

    fn fields(&self) -> Fields {
        match self {
            Self::Accepted(a) => accepted(a),
            Self::Refused(r) => refused(r),
            Self::Attempted(a) => attempted(a),
            Self::Delivered { recipient, account, mailbox, uid } => {
                let mut fields = vec![
                    ("recipient", text(recipient)),
                    ("account", text(account)),
                    ("mailbox", text(mailbox)),
                ];
                fields.extend(uid.map(|uid| ("uid", Value::Number(uid.get().into()))));
                fields
            }
            Self::Queued { item, destination, recipients } => {
                vec![("item", text(item)), ("destination", text(destination)), ("to", addresses(recipients))]
            }
            Self::Deferred { item, until } => {
                vec![("item", text(item)), ("until", Value::Number(until.millis()))]
            }
            Self::Expired { item, recipients } => vec![("item", text(item)), ("to", addresses(recipients))],
            Self::Reported { kind, recipients, dsn } => {
                vec![("kind", text(kind)), ("to", addresses(recipients)), ("dsn", text(dsn))]
            }
            Self::NotReported { recipients, reason } => {
                vec![("to", addresses(recipients)), ("reason", text(reason))]
            }
            Self::Operator { action, item } => {
                let mut fields = vec![("action", text(action))];
                put(&mut fields, "item", item.as_ref().map(|item| item as _));
                fields
            }
            Self::Moved { account, from, to, by, .. } => vec![
                ("account_id", Value::Number(account.0.into())),
                ("from_mailbox", text(from)),
                ("to_mailbox", text(to)),
                ("by", text(by)),
            ],
            Self::Expunged { account, mailbox, by } => {
                vec![
                    ("account_id", Value::Number(account.0.into())),
                    ("mailbox", text(mailbox)),
                    ("by", text(by)),
                ]
            }
            Self::TlsFailed(failure) => tls_failure(failure),
            Self::Noted(note) => vec![("note", text(note))],
        }
    }
}

impl Event {
    /// `at` (milliseconds since 1970), `event`, and what belongs to it.
    pub fn fields(&self) -> Fields {
        let mut fields = vec![("at", Value::Number(self.at.millis())), ("event", text(&self.what.name()))];
        fields.extend(self.what.fields());
        fields
    }
}

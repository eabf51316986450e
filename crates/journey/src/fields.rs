//! Events as named fields, for JSON.

use crate::{Event, What};

/// A field's value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Value {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Value>),
    Map(Vec<(&'static str, Value)>),
}

impl What {
    /// The name of this kind of event, stable: `accepted`, `refused`, ...
    pub fn name(&self) -> &'static str {
        todo!()
    }
}

impl Event {
    /// `at` (milliseconds), `event`, and what belongs to it; names are stable.
    pub fn fields(&self) -> Vec<(&'static str, Value)> {
        todo!()
    }
}

//! "Sometimes" counters (I20): what must happen now and then in a batch of seeds, or the tests are blind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whether a counter must be hit by a batch of seeds; one that never is, is marked.
pub fn is_expected(name: &str) -> bool {
    !name.starts_with("rare.")
}

/// How often each thing happened. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Coverage(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Coverage {
    /// It happened once more. Names are lower case words with dots: `fault.power-cut`, `dsn.failed`.
    pub fn hit(&self, what: &'static str) {
        self.add(what, 1);
    }

    /// It happened `times` more. With 0 the thing is known, and a table shows that it never happened.
    pub fn add(&self, what: &'static str, times: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += times;
    }

    /// All counters.
    pub fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

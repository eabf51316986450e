//! Views kept in memory, up to a budget.

pub(crate) struct Cache {
    _budget: usize,
}

impl Cache {
    pub(crate) fn new(budget: usize) -> Self {
        Self { _budget: budget }
    }
}

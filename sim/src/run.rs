//! Runs seeds.

use std::cell::RefCell;

thread_local! {
    static PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Where the last panic of this thread was, file and line.
pub(crate) fn last_panic_place() -> Option<String> {
    PANIC_PLACE.with_borrow_mut(Option::take)
}

/// Keeps the place of panics for reports instead of printing them.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        PANIC_PLACE.set(place);
    }));
}

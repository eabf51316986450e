//! How records look in the store.

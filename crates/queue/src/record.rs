//! How an item looks in the store.

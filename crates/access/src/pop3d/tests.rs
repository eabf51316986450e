//! Sessions against a store in memory.

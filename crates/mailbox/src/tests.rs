//! Tests over the store in memory.

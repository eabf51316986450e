//! Connections and what they suffer.

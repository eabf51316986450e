//! Order, time, death.

//! mta

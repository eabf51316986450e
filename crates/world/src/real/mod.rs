//! The real doors: tokio, hickory, rustls, the file system.

pub(crate) mod tls;

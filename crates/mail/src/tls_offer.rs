//! What a server may say of TLS.

/// What a connection has to do with TLS, as a server session is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsOffer {
    /// There is none: no certificate.
    None,
    /// By STARTTLS or STLS (RFC 3207, RFC 2595).
    Offered,
    /// It protects the connection (RFC 8314 §3).
    Active,
}

impl TlsOffer {
    /// Of a connection that is under TLS or not, to a server that has a certificate or not.
    pub fn of(is_active: bool, has_certificate: bool) -> Self {
        match (is_active, has_certificate) {
            (true, _) => Self::Active,
            (false, true) => Self::Offered,
            (false, false) => Self::None,
        }
    }
}

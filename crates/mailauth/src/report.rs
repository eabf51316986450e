//! Reports about mail that claimed to come from a domain: aggregate reports of DMARC (RFC 9990), reports about TLS
//! (RFC 8460), complaints (RFC 5965). Built from what was collected, and read from whoever sends them.

pub mod destination;
pub mod external;

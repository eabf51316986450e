//! The words of mail, shared by every room of the house.
//!
//! Types here are parsed once, at the edge, and are valid by construction afterwards: an [`Address`]
//! that exists has been checked. Nothing here does I/O, knows a protocol's session, or keeps state.

mod address;
mod code;
mod envelope;
mod flag;
mod id;
pub mod limits;
mod mailbox_name;
mod network;
mod normal;
mod rights;
mod time;
mod tls_offer;

pub use address::{Address, Domain, Error as AddressError, Host, ReversePath};
pub use code::{EnhancedCode, Reply};
pub use envelope::{
    BodyType, ByMode, DeliverBy, Envelope, Hold, Notify, Recipient, ReturnContent, TlsRequired,
};
pub use flag::{Flag, Flags, Keyword};
pub use id::{AccountId, Id, MailboxId, ModSeq, Uid, UidValidity};
pub use mailbox_name::{MailboxName, NameError, SpecialUse};
pub use network::Network;
pub use normal::{nfc, nfkc};
pub use rights::{Right, Rights};
pub use time::{Civil, Mono, Wall};
pub use tls_offer::TlsOffer;

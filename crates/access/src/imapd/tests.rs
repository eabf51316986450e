//! Whole sessions over a connection in memory, on a store in memory and a clock that tests move.

mod acl;
mod append;
mod compress;
mod faults;
mod fetch;
mod fuzzy;
mod house;
mod journeys;
mod limited;
mod login;
mod mailboxes;
mod many;
mod metadata;
mod model;
mod namespaces;
mod notify;
mod notify_others;
mod object;
mod quota;
mod resync;
mod rev2;
mod search;
mod searches;
mod several;
mod shared;
mod store;
mod uid_batches;

pub(crate) use house::{Client, House, PASSWORD};

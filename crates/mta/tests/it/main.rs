//! Whole mail servers on a small world: virtual time, connections in memory, a store in memory.

mod authentic;
mod faults;
mod faulty;
mod filters;
mod forms;
mod gate;
mod linear;
mod lines;
mod office;
mod outage;
mod outgoing;
mod policy;
mod quota;
mod refusals;
mod remote;
mod reporting;
mod reports;
mod requiretls;
mod routes;
mod sending;
mod taking;
mod time;
mod wishes;
mod world;
mod xclient;

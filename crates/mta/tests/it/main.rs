//! Whole mail servers on a small world: virtual time, connections in memory, a store in memory.

mod authentic;
mod faults;
mod faulty;
mod forms;
mod lines;
mod office;
mod outage;
mod outgoing;
mod refusals;
mod remote;
mod reports;
mod requiretls;
mod routes;
mod sending;
mod taking;
mod time;
mod wishes;
mod world;

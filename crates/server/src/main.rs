//! The binary `posthouse`.
mod config;

fn main() {}

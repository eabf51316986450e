//! The binary `posthouse`.
mod config;
mod connections;
mod demo {
    mod dns;
}
mod logging;

fn main() {}

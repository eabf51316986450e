//! The people and servers around an office: each is an async function over the doors of a host of its own.

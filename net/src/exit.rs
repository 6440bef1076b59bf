//! How a program ends badly: one line on stderr and an exit code that says which kind.

/// It ran, and then something failed.
pub const RUNTIME: u8 = 1;
/// It never ran: a bad flag, configuration, certificate or port.
pub const USAGE: u8 = 2;
/// A second SIGINT or SIGTERM.
pub const INTERRUPTED: i32 = 130;

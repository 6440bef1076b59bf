//! The rows, one file a group. Each file is a macro that hands its rows to the next one (the first
//! argument), so that all of them reach `table!` in one list.

#[macro_use]
mod generic;
#[macro_use]
mod string;
#[macro_use]
mod list;
#[macro_use]
mod hash;
#[macro_use]
mod connection;
#[macro_use]
mod server;

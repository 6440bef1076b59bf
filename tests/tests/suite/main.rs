//! Ringtail's programs from outside, beside the real ones.

mod acl;
mod bad_input;
mod cli;
mod clients;
mod copies;
mod differential;
mod docs;
mod failure;
mod front;
mod garbage;
mod hostile;
mod linearizable;
mod memory;
mod model;
mod pubsub;
mod scan;
mod scripting;
mod secured;
mod session;
mod software;
mod start;
mod stop;
mod table;
mod topology;
mod traffic;
mod waiting;

//! Every bound of the HTTP door, in one place: what a client can make us hold, and how long we wait.

use std::time::Duration;

/// Longest body of a request and of an answer, in bytes, unless told otherwise.
pub const BODY: usize = 8 << 20;

/// Longest head of a request, in bytes: beyond it the client hears 431.
pub const HEAD: usize = 64 << 10;

/// Most header fields of a request.
pub const FIELDS: usize = 64;

/// Longest path with its query, in bytes: beyond it the client hears 414.
pub const URI: usize = 16 << 10;

/// How long a client may take to send the head of a request.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to send the body of a request.
pub const BODY_TIME: Duration = Duration::from_secs(30);

/// How long a connection may lie idle, and how long a client may take nothing of an answer.
pub const IDLE_TIME: Duration = Duration::from_secs(75);

/// How often each connection's time is looked at.
pub const LOOK: Duration = Duration::from_secs(5);

/// Longest time that a command may wait (BLPOP and its like).
pub const WAIT: Duration = Duration::from_secs(30);

/// Most commands of one request.
pub const COMMANDS: usize = 10_000;

/// Most arguments of one request's commands together.
pub const ARGUMENTS: usize = 1 << 20;

/// Most values of a list, or fields of a hash, in one request: while they are read they take a hundred bytes each, and a worker's time.
pub const VALUES: usize = 128 << 10;

/// How many bytes are held for each of a body: it is there as it came, as a command, and as what the command is made of.
pub const BODY_TAKES: usize = 3;

/// What an answer may have beside its values: lengths, and the times to live of keys.
pub const FRAMES: usize = 16 << 10;

/// How often a conditional write is tried again when its key is changed in between.
pub const TRIES: usize = 8;

/// One read of a client's socket.
pub const READ: usize = 64 << 10;

const _: () = assert!(URI < HEAD);

//! Every bound of the proxy, in one place: what a client or a member can make us hold, and what happens there.

use std::time::Duration;

/// One read of a client's or a member's socket, into a buffer that the worker's connections share.
pub const READ: usize = 64 << 10;

/// What a client may send while it waits in a blocking command; more stays in its socket.
pub const READ_AHEAD: usize = 64 << 10;

/// A blocking command over keys of several members looks again after this long; it doubles up to [`POLL_MOST`].
pub const POLL_FIRST: Duration = Duration::from_millis(2);

/// The longest pause of such a command.
pub const POLL_MOST: Duration = Duration::from_millis(50);

/// Bytes of the commands that one client has queued in a transaction. Above it, the transaction is refused.
pub const QUEUED: usize = 64 << 20;

/// Most commands in one transaction.
pub const QUEUED_COMMANDS: usize = 256 << 10;

/// Scripts that the proxy keeps to bring them to members that miss them. Above it, those that nobody asked for go first.
pub const SCRIPTS: usize = 10_000;

/// Bytes of these scripts; one that is longer than a quarter of it is not kept.
pub const SCRIPT_BYTES: usize = 32 << 20;

/// How long nobody looks for a function that no member had.
pub const FRUITLESS: Duration = Duration::from_millis(100);

/// How many `--timeout`s a transaction over several members may hold its slots: all locks are had within one of them, the rest is for the commit.
pub const LEASE_TIMEOUTS: u32 = 2;

/// Most requests of one session that are on their way. At it, the rest wait in the client's socket.
pub const SESSION_IN_FLIGHT: usize = 1024;

/// Bytes of answers that a client has not taken. Above it, no more of its requests are begun.
pub const SESSION_OUTPUT: usize = 1 << 20;

/// What the answers of one session's requests on their way may come to, if they are as long as its longest
/// recent one; fewer are begun at once when answers are long. One answer alone may always be longer.
pub const SESSION_EXPECTED: usize = 4 << 20;

/// Requests of a session that may be on their way before any was answered; each answer adds one.
pub const SESSION_FIRST: usize = 16;

/// A client that holds no more than this finds room until `--max-in-flight` is reached; others leave an eighth of it free.
pub const HELD_SMALL: usize = 64 << 10;

/// What a worker's bytes in flight may change by before the others are told.
pub const HELD_TOLD: usize = 64 << 10;

/// How often those who wait for `--max-in-flight` look again.
pub const HELD_LOOK: Duration = Duration::from_millis(5);

/// How long all wait for room before the client of which most is held makes way.
pub const HELD_WAIT: Duration = Duration::from_secs(1);

/// And how long after that the next one does, if that was not enough.
pub const HELD_AGAIN: Duration = Duration::from_millis(50);

/// Steps that handshakes take in one turn of the event loop.
pub const HANDSHAKE_STEPS: usize = 2;

/// How long a connection may wait for its handshake to begin.
pub const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);

/// Users with a rate whose tokens are kept; above it, those of users who have no client are forgotten.
pub const RATE_BUCKETS: usize = 1024;

/// Users of `--acl-pass-through` that have connections of their own in each thread. At it, those of users without a client are closed.
pub const PASSED_USERS: usize = 128;

/// How often the event loop looks for more requests before those that it has are sent on, while there are more.
pub const TURN_ROUNDS: usize = 4;

/// Unsent bytes on one lane above which requests wait in their clients' sockets.
pub const LANE_BACKLOG: usize = 4 << 20;

/// Unanswered requests on one lane above which requests wait likewise.
pub const LANE_PENDING: usize = 64 << 10;

/// Unanswered requests on a lane from which on a session that is free to choose takes another lane.
pub const LANE_BUSY: usize = 1024;

/// An answer that came before its turn and is longer than this gets an allocation of its own.
pub const SPILL_ANSWER: usize = 16 << 10;

/// Answers that came before their turn are moved together once they take this much with half of it dead.
pub const SPILL_COMPACT: usize = 64 << 10;

/// Bytes of a large answer that are kept for a client that does not take them, while others wait behind it on the same lane.
pub const FLOW_AHEAD: usize = 4 << 20;

/// Requests that a worker remembers for their large answers.
pub const LARGE_KEYS: usize = 4096;

/// Longest wait for a connection for a large request or answer; its client's bytes wait in the sockets meanwhile.
pub const LARGE_WAIT: Duration = Duration::from_secs(60);

/// A buffer that grew above this is given back to the allocator when it is empty.
pub const KEEP_BUFFER: usize = 64 << 10;

/// Empty buffers that a worker keeps for its connections to take.
pub const SPARE_BUFFERS: usize = 256;

/// Longest wait before a lane is opened again; the first retry is at once.
pub const RECONNECT_MOST: Duration = Duration::from_millis(500);

/// The second retry's wait; it doubles up to [`RECONNECT_MOST`].
pub const RECONNECT_FIRST: Duration = Duration::from_millis(50);

/// A lane that owes answers and sends no byte for this many `--timeout`s is closed and opened anew.
pub const HUNG_TIMEOUTS: u32 = 2;

/// Failures of a member in a row, with no answer in time between them, after which it is no longer asked.
pub const BREAKER_FAILURES: u32 = 5;

/// Failures that are closer together are taken for one: a server that is restarted breaks all its connections at once.
pub const BREAKER_APART: Duration = Duration::from_millis(20);

/// Pause before the second probe of a member that is not asked; it doubles up to [`PROBE_MOST`].
pub const PROBE_FIRST: Duration = Duration::from_millis(50);

/// Longest pause between two probes: with [`ringtail_net::limits::DIAL`], what keeps a recovery below a second.
pub const PROBE_MOST: Duration = Duration::from_millis(250);

/// Channels and patterns that one session may be subscribed to; more are refused.
pub const SUBSCRIPTIONS: usize = 100_000;

/// Subscriptions that are asked of a member and not confirmed yet; more are asked for as these are.
pub const SUBSCRIBING: usize = 512;

/// Bytes of messages that are moved to a session's output at once.
pub const MESSAGES: usize = 64 << 10;

/// How long a channel whose slot has moved is still listened to at its old owner, for those who learn of the move later.
pub const LINGER: Duration = Duration::from_secs(2);

/// Connections of one worker that track keys; each has a lane of its own to each member that it asks.
pub const TRACKERS: usize = 1000;

/// Invalidations of one session that wait for answers; more become one that is about all keys.
pub const BEHIND: usize = 4096;

/// One request of so many, on average, is looked at for its key.
pub const SAMPLE_ONE_OF: u32 = 64;

/// Slow requests that each worker tells of in a second, in the slow log and to the latency monitor.
pub const SLOW_A_SECOND: u32 = 1000;

/// Hot keys that each worker knows by name.
pub const HOT_KEYS: usize = 64;

/// Big keys that each worker knows by name.
pub const BIG_KEYS: usize = 32;

/// Values up to this size are never those of a big key.
pub const BIG_FROM: usize = 4 << 10;

/// Bytes that are kept of a key's name.
pub const KEY_SHOWN: usize = 512;

/// Users that are counted one by one.
pub const USERS_COUNTED: usize = 255;

/// Bytes that were written to a lane and are kept until they are answered, so that a slow request can be told with its arguments.
pub const SENT_KEPT: usize = 1 << 20;

/// Databases that a session can select, as Redis has them by default.
pub const DATABASES: u8 = 16;

/// How often replicas are asked whether they still are, and how soon they answer.
pub const REPLICA_LOOK: Duration = Duration::from_secs(1);

/// How often a read that is to be sent again looks whether its lane is up.
pub const RETRY_LOOK: Duration = Duration::from_millis(10);

/// How often a server is asked whether it still leads, of which nothing but messages is wanted.
pub const LEADER_LOOK: Duration = Duration::from_secs(1);

/// How often it is looked for who leads, while a request waits for that.
pub const TURN_LOOK: Duration = Duration::from_millis(5);

/// A client that has begun a request and sends nothing more for this long is closed.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Highest cursor that a server may answer to SCAN: the bits above hold which member it is of.
pub const MEMBER_CURSOR: u64 = (1 << 48) - 1;

/// Spans that wait to be exported; beyond that they are dropped.
#[cfg(feature = "otel")]
pub const OTLP_QUEUE: usize = 8 << 10;

/// Spans that go to the collector at once.
#[cfg(feature = "otel")]
pub const OTLP_BATCH: usize = 1 << 10;

/// How long a span waits for others to go with.
#[cfg(feature = "otel")]
pub const OTLP_DELAY: Duration = Duration::from_millis(500);

/// How long the collector may take for one batch.
#[cfg(feature = "otel")]
pub const OTLP_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a batch is sent that the collector can't take for the moment, ...
#[cfg(feature = "otel")]
pub const OTLP_ATTEMPTS: u32 = 3;

/// ... and how long it is left alone after the first time.
#[cfg(feature = "otel")]
pub const OTLP_PAUSE: Duration = Duration::from_secs(1);

/// What spans that are left at the end have at least, even if connections took all the time that there was.
#[cfg(feature = "otel")]
pub const OTLP_LAST: Duration = Duration::from_secs(1);

/// Longest head of the collector's answers.
#[cfg(feature = "otel")]
pub const OTLP_ANSWER: usize = 16 << 10;

const _: () = assert!(SESSION_OUTPUT <= SESSION_EXPECTED && SESSION_FIRST <= SESSION_IN_FLIGHT);
// Offsets of answers that came before their turn are u32.
const _: () = assert!(SESSION_IN_FLIGHT * SPILL_ANSWER * 2 + SPILL_COMPACT < u32::MAX as usize);
const _: () = assert!(SESSION_OUTPUT <= FLOW_AHEAD);
const _: () = assert!(SPILL_ANSWER < KEEP_BUFFER && LANE_BUSY < LANE_PENDING);

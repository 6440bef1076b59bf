//! What is told of a request that was drawn. In a build without the feature nobody asks for it.
#![cfg_attr(not(feature = "otel"), expect(dead_code))]

use std::sync::Arc;

use ringtail_protocol::command::Command;

use crate::clients::Client;
use crate::member::Sight;
use crate::see::Mark;
use crate::session::State;
use crate::worker::Worker;

/// A request that went to a lane.
pub(crate) struct Sent {
    /// Its number among the lane's answers.
    pub(crate) number: u64,
    pub(crate) mark: Mark,
    pub(crate) db: u8,
    /// Its bytes.
    pub(crate) size: usize,
}

/// The answer to it, or what was given instead.
pub(crate) struct Answered<'a> {
    pub(crate) sight: &'a Arc<Sight>,
    /// When, and when the request was written, if it was, in microseconds of the proxy.
    pub(crate) now: u32,
    pub(crate) written: Option<u32>,
    /// The answer's bytes, where they are known yet.
    pub(crate) size: Option<usize>,
    pub(crate) error: Option<&'a [u8]>,
}

/// A request that was answered in another way.
pub(crate) struct Request<'a> {
    /// `None`: there is no such command.
    pub(crate) command: Option<&'static Command>,
    pub(crate) client: &'a Client,
    pub(crate) db: u8,
    /// How many microseconds ago it came.
    pub(crate) micros: u32,
    /// How many ago it went to its member, if it was one that answered, ...
    pub(crate) away: Option<u32>,
    /// ... and which.
    pub(crate) member: Option<String>,
    /// Bytes of the request and of its answer, where they are known.
    pub(crate) sizes: (Option<usize>, Option<usize>),
    pub(crate) error: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// One that was answered here, at once.
    pub(crate) fn here(
        worker: &Worker,
        state: &'a State,
        command: Option<&'static Command>,
        error: Option<&'a [u8]>,
    ) -> Self {
        Self {
            command,
            client: &state.client,
            db: state.db,
            micros: worker.turn.micros().wrapping_sub(state.since),
            away: None,
            member: None,
            sizes: (None, None),
            error,
        }
    }
}

/// An error reply without its `-`; `None` for any other.
pub(crate) fn error_of(answer: &[u8]) -> Option<&[u8]> {
    answer.strip_prefix(b"-")
}

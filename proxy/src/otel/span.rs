//! A request that is told of: what the exporter makes OpenTelemetry's spans of.

use std::net::SocketAddr;
use std::time::Duration;

use ringtail_protocol::command::Command;

use super::error::kind_of;
use super::facts::{Answered, Request};
use crate::shared::unix_time;

/// One request of a client.
#[derive(Debug)]
pub(super) struct Span {
    /// `None`: there is no such command.
    pub(super) command: Option<&'static Command>,
    pub(super) peer: SocketAddr,
    pub(super) db: u8,
    /// The one member that answered, if one did.
    pub(super) member: Option<String>,
    pub(super) times: Times,
    pub(super) request: Option<usize>,
    pub(super) reply: Option<usize>,
    pub(super) error: Option<&'static str>,
    /// What was asked of members.
    pub(super) asked: Vec<Asked>,
}

/// What one member was asked for it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) member: String,
    /// From when it was written to when it was answered; `None` if it was not written.
    pub(super) times: Option<Times>,
    pub(super) request: Option<usize>,
    pub(super) reply: Option<usize>,
    pub(super) error: Option<&'static str>,
}

/// Since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) begun: Duration,
    pub(super) ended: Duration,
}

impl Times {
    /// From so many microseconds ago until now.
    pub(super) fn last(micros: u32) -> Self {
        let ended = unix_time();
        Self { begun: ended.saturating_sub(Duration::from_micros(u64::from(micros))), ended }
    }
}

impl Asked {
    /// What became of a request of so many bytes that came `age` microseconds ago.
    pub(super) fn of(answered: &Answered<'_>, age: u32, request: usize) -> Self {
        let away = |written: u32| Times::last(answered.now.wrapping_sub(written).min(age));
        Self {
            member: answered.sight.name.clone(),
            times: answered.written.map(away),
            request: Some(request),
            reply: answered.size,
            error: answered.error.map(kind_of),
        }
    }
}

impl Span {
    /// Of a request that no lane was asked.
    pub(super) fn of(request: Request<'_>) -> Self {
        let error = request.error.map(kind_of);
        let (sent, reply) = request.sizes;
        let asked = request.member.clone().zip(request.away).map(|(member, away)| Asked {
            member,
            times: Some(Times::last(away)),
            request: sent,
            reply,
            error,
        });
        Self {
            command: request.command,
            peer: request.client.peer,
            db: request.db,
            member: request.member,
            times: Times::last(request.micros),
            request: sent,
            reply,
            error,
            asked: asked.into_iter().collect(),
        }
    }
}

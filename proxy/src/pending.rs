//! What a lane's next answers are for.

use std::rc::Rc;
use std::sync::Arc;

use crate::clients::Client;
use crate::gather::Gather;
use crate::pubsub::Publication;
use crate::retry::Retry;
use crate::sequence::Ticket;
use crate::session::Session;
use crate::worker::Worker;

/// Who waits for one answer of a lane. Lanes answer in the order of their requests.
pub(crate) enum Target {
    /// A session: the answer is passed on as it is.
    /// With what its request is known by to [`crate::large::Sizes`]; 0 if that is not wanted.
    Session(Rc<Session>, Ticket, u32),
    /// One part of a request that was split by member.
    Part(Rc<Gather>, u32),
    /// Nobody: `+QUEUED`, and what MULTI answers. A failure shows in the answer to EXEC.
    Skip,
    /// A session whose message was published: the answer is corrected.
    Published(Box<Publication>),
    /// One of those, whose request is sent again if the lane is lost.
    Retry(Box<Retry>),
    /// The lane itself: its own `SELECT`, of this database, must be `+OK`.
    Select(u8),
    /// So must the `CLIENT CACHING` (YES?) of the request that follows.
    Caching(bool),
    /// Nobody any more: its deadline has passed, and it has been answered so.
    Expired,
}

impl Target {
    /// Whose request it was.
    pub(crate) fn client(&self) -> Option<Arc<Client>> {
        match self {
            Self::Session(session, ..) => Some(session.client()),
            Self::Retry(retry) => retry.target.client(),
            Self::Part(gather, _) => Some(gather.session().client()),
            Self::Published(publication) => Some(publication.session().client()),
            Self::Skip | Self::Select(_) | Self::Caching(_) | Self::Expired => None,
        }
    }

    /// Gives the answer, or an error instead of one, to who waits.
    #[inline]
    pub(crate) fn answer(&self, worker: &Worker, answer: &[u8]) {
        match self {
            Self::Session(session, ticket, _) => session.answer(worker, *ticket, answer),
            Self::Part(gather, part) => gather.answer(worker, *part as usize, answer),
            Self::Published(publication) => publication.answer(worker, answer),
            Self::Retry(retry) => retry.target.answer(worker, answer),
            Self::Skip | Self::Select(_) | Self::Caching(_) | Self::Expired => {}
        }
    }

    /// The one session that gets the answer as it is, and what its request is known by.
    pub(crate) fn session(&self) -> Option<(&Rc<Session>, Ticket, u32)> {
        match self {
            Self::Session(session, ticket, trace) => Some((session, *ticket, *trace)),
            Self::Retry(retry) => retry.target.session(),
            _ => None,
        }
    }

    /// Whether nobody waits for it.
    pub(crate) fn is_nobody(&self) -> bool {
        matches!(self, Self::Skip | Self::Select(_) | Self::Caching(_) | Self::Expired)
    }
}

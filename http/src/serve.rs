//! One HTTP connection, from its first byte to its end.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use ringtail_net::{Ends, Stream};
use tokio::sync::{Mutex, mpsc};
use tokio::task::{JoinError, JoinSet};
use tower_service::Service;

use crate::account::{self, Account};
use crate::call::Asks;
use crate::caller::Caller;
use crate::door::Door;
use crate::exchange::NO_ROOM;
use crate::io::{Activity, Io};
use crate::limits;
use crate::origin;
use crate::problem::Problem;

/// A connection's sessions: mostly one, and another one after each change of user.
struct Sessions {
    running: JoinSet<usize>,
    begun: usize,
}

impl Sessions {
    fn begin(&mut self, session: impl Future<Output = ()> + 'static) {
        self.begun += 1;
        let number = self.begun;
        self.running.spawn_local(async move {
            session.await;
            number
        });
    }

    /// Waits until the one that requests go to has ended.
    async fn last_ended(&mut self) {
        loop {
            let Some(ended) = self.running.join_next().await else { return std::future::pending().await };
            if said(ended) == Some(self.begun) {
                return;
            }
        }
    }

    async fn all_ended(mut self) {
        while let Some(ended) = self.running.join_next().await {
            said(ended);
        }
    }
}

/// Which one has ended. A panic goes on in the connection's task, where it is counted.
fn said(ended: Result<usize, JoinError>) -> Option<usize> {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(number) => Some(number),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}

impl Door {
    /// Serves an HTTP connection until its client leaves, or between two requests once `stopping` is over. `open` runs a session on
    /// a stream, which the client's requests go to; `count` is told how many bytes the client has sent, and taken.
    pub async fn serve<S: Future<Output = ()> + 'static>(
        &self,
        stream: Stream,
        ends: Ends,
        stopping: impl Future<Output = ()>,
        mut open: impl FnMut(Stream) -> S,
        count: impl Fn(usize, usize) + 'static,
    ) {
        let (opened, mut to_open) = mpsc::channel(1);
        let account = Account::new(&self.inner.host);
        let caller = Caller::new(ends, opened, self.inner.max_body, Arc::clone(&account));
        let asks: Asks = Arc::new(Mutex::new(caller));
        let stream = Rc::new(RefCell::new(stream));
        let activity = Activity::new();
        let io = Io {
            stream: Rc::clone(&stream),
            activity: Rc::clone(&activity),
            account: Arc::clone(&account),
            count: Rc::new(count),
        };
        let last = Rc::new(Cell::new(false));
        let mut sessions = Sessions { running: JoinSet::new(), begun: 0 };
        {
            let service = service_fn(|request| {
                let answer = self.answer(request, (&asks, &account), &activity);
                let last = Rc::clone(&last);
                async move { answer.await.map(|answer| if last.get() { closing(answer) } else { answer }) }
            });
            let mut http = pin!(settings().serve_connection(io, service));
            let mut stopping = pin!(stopping);
            let mut overdue = pin!(activity.overdue());
            let mut ending = false;
            loop {
                tokio::select! {
                    biased;
                    // Errors are the client's: it left, or did not speak HTTP, which it has been told.
                    _ = http.as_mut() => break,
                    Some(served) = to_open.recv() => sessions.begin(open(served)),
                    // One that requests would go on in was ended by others; else the door let it go.
                    () = sessions.last_ended() => if asks.try_lock().is_ok_and(|caller| caller.has_session()) {
                        http.as_mut().graceful_shutdown();
                    },
                    () = &mut stopping, if !ending => {
                        ending = true;
                        match activity.is_in_head() {
                            // hyper would take it for an idle one, and close it.
                            true => last.set(true),
                            false => http.as_mut().graceful_shutdown(),
                        }
                    }
                    () = &mut overdue => break,
                }
            }
        }
        // Its session ends with it.
        drop((asks, account, to_open));
        if let Some(stream) = Rc::into_inner(stream) {
            Box::pin(async move { stream.into_inner().shutdown().await }).await;
        }
        sessions.all_ended().await;
    }

    fn answer(
        &self,
        request: Request<Incoming>,
        (asks, account): (&Asks, &Arc<Account>),
        activity: &Rc<Activity>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + use<> {
        activity.begin();
        account.clear();
        let (mut parts, body) = request.into_parts();
        let is_good = self.check(&parts);
        parts.extensions.insert(Arc::clone(asks));
        parts.extensions.insert(Arc::clone(account));
        let answer = is_good.map(|()| self.router.clone().call(Request::from_parts(parts, Body::new(body))));
        let (activity, account) = (Rc::clone(activity), Arc::clone(account));
        async move {
            let answer = match answer {
                Ok(answer) => answer.await,
                Err(problem) => Ok(problem.into_response()),
            };
            // The request is over; its answer is held until the client has taken it. It was made of what had found room.
            account.clear();
            let has_room = |answer: &Response<Body>| account.hold(answer.body().size_hint().lower() as usize);
            let answer = answer.map(|answer| if has_room(&answer) { answer } else { no_room(&answer) });
            activity.end();
            answer
        }
    }

    fn check(&self, parts: &Parts) -> Result<(), Problem> {
        let path = parts.uri.path_and_query().map_or(0, |path| path.as_str().len());
        if path > limits::URI {
            let status = StatusCode::URI_TOO_LONG;
            return Err(Problem::new(status, "TOOLARGE", "the address is longer than 16 KiB"));
        }
        // hyper's own bound is on what it reads at once, and so half as strict.
        let fields: usize =
            parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        if fields > limits::HEAD {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return Err(Problem::new(status, "TOOLARGE", "the head is longer than 64 KiB"));
        }
        origin::check(&parts.uri, &parts.headers, || self.inner.host.is_open(), &self.inner.names)
    }
}

/// In the place of an answer that is longer than what it was made of, and has no room.
fn no_room(answer: &Response<Body>) -> Response<Body> {
    match answer.status().is_success() {
        true => Problem::of_error(NO_ROOM).and_close().into_response(),
        false => account::full().into_response(),
    }
}

/// As the last on its connection.
fn closing(mut answer: Response<Body>) -> Response<Body> {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn settings() -> http1::Builder {
    let mut settings = http1::Builder::new();
    // Longer heads than that hear 431.
    settings.max_buf_size(limits::HEAD).max_headers(limits::FIELDS).auto_date_header(true);
    settings
}

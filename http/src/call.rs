//! A request with all that belongs to it.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::account::{self, Account};
use crate::caller::{Caller, Step};
use crate::door::Inner;
use crate::escape::{self, Query};
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// A connection's part in its requests. HTTP/1.1 has one at a time, so the lock is free.
pub(crate) type Asks = Arc<Mutex<Caller>>;

/// A request that is being done.
pub(crate) struct Call {
    pub(crate) parts: Parts,
    pub(crate) door: Arc<Inner>,
    /// Behind a lock that is never taken: so that references to all of this may go with a task.
    body: std::sync::Mutex<Body>,
    /// Who asks, if that was told otherwise than by the `Authorization` field.
    token: Option<HeaderValue>,
}

impl FromRequest<Arc<Inner>> for Call {
    type Rejection = Infallible;

    async fn from_request(request: Request, door: &Arc<Inner>) -> Result<Self, Infallible> {
        let (parts, body) = request.into_parts();
        Ok(Self { parts, door: Arc::clone(door), body: body.into(), token: None })
    }
}

impl Call {
    /// The segments of the path behind the first `skip`, decoded.
    pub(crate) fn segments(&self, skip: usize) -> Result<Vec<Vec<u8>>, Problem> {
        self.parts.uri.path().split('/').skip(skip + 1).map(escape::segment).collect()
    }

    /// The segment behind the first `skip`, decoded.
    pub(crate) fn segment(&self, skip: usize) -> Result<Vec<u8>, Problem> {
        self.parts.uri.path().split('/').nth(skip + 1).map(escape::segment).unwrap_or_else(|| Ok(Vec::new()))
    }

    pub(crate) fn query(&self) -> Result<Query, Problem> {
        Query::parse(self.parts.uri.query().unwrap_or_default())
    }

    /// Refuses any parameter.
    pub(crate) fn no_query(&self) -> Result<(), Problem> {
        match self.parts.uri.query() {
            None => Ok(()),
            Some(_) => self.query()?.end(),
        }
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The user is whom this token is of.
    pub(crate) fn set_token(&mut self, token: &[u8]) -> Result<(), Problem> {
        let header = HeaderValue::from_bytes(&[b"Bearer ", token].concat());
        self.token = Some(header.map_err(|_| Problem::bad("_token has bytes that no token has"))?);
        Ok(())
    }

    /// The body, once all of it is there: not before it is known that who asks is let in.
    ///
    /// # Errors
    /// It is too long, there is no room for it, it takes too long to come, or breaks off; or who asks is not let in.
    pub(crate) async fn body(&mut self) -> Result<Bytes, Problem> {
        let most = self.door.max_body;
        let body = std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        if body.size_hint().lower() > most as u64 {
            return Err(too_long());
        }
        self.prepare(Resp::V2).await.map_err(Problem::and_close)?;
        let account = self.parts.extensions.get::<Arc<Account>>().ok_or_else(Problem::cut_off)?;
        match timeout(limits::BODY_TIME, collect(body, most, account)).await {
            Ok(collected) => collected,
            Err(_) => {
                let detail = "the body did not come in time";
                let slow = Problem::new(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", detail);
                // The rest of it would be taken for the next request.
                Err(slow.and_close())
            }
        }
    }

    /// A body that says that it is JSON.
    pub(crate) async fn json_body(&mut self) -> Result<Bytes, Problem> {
        let kind = self.parts.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = kind.unwrap_or_default().split(|&byte| byte == b';').next().unwrap_or_default();
        if !kind.trim_ascii().eq_ignore_ascii_case(b"application/json") {
            let detail = "the body must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "MEDIATYPE", detail));
        }
        self.body().await
    }

    /// What a JSON body says.
    ///
    /// # Errors
    /// As [`Self::json_body`], or it says something else.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        let body = self.json_body().await?;
        serde_json::from_slice(&body)
            .map_err(|error| Problem::bad(format!("the body is not what it should be: {error}")))
    }

    fn authorization(&self) -> Option<&HeaderValue> {
        self.token.as_ref().or_else(|| self.parts.headers.get(header::AUTHORIZATION))
    }

    fn asks(&self) -> Result<&Asks, Problem> {
        self.parts.extensions.get::<Asks>().ok_or_else(Problem::cut_off)
    }

    /// Learns whether who asks is let in. Nothing that is long is read or kept before.
    ///
    /// # Errors
    /// As [`Caller::prepare`].
    pub(crate) async fn prepare(&self, resp: Resp) -> Result<(), Problem> {
        self.asks()?.lock().await.prepare(&*self.door.host, self.authorization(), resp).await
    }

    /// The answers to `requests`, errors among them.
    ///
    /// # Errors
    /// As [`Caller::ask`].
    pub(crate) async fn ask(&self, resp: Resp, requests: &Requests) -> Result<Vec<Value>, Problem> {
        self.step(resp, (Step::First, requests)).await
    }

    async fn step(&self, resp: Resp, asked: (Step, &Requests)) -> Result<Vec<Value>, Problem> {
        self.asks()?.lock().await.ask(&*self.door.host, self.authorization(), resp, asked).await
    }

    /// What the commands of a transaction were answered, `None` if a key was changed that is watched. It is the first thing that is
    /// asked, or rests on what was watched before.
    ///
    /// # Errors
    /// As [`Caller::ask`], or nothing was run, for the first reason that there was.
    pub(crate) async fn transaction(
        &self,
        step: Step,
        requests: &Requests,
    ) -> Result<Option<Vec<Value>>, Problem> {
        let done = self.try_transaction(step, requests).await;
        if done.is_err() {
            self.leave().await?;
        }
        done
    }

    /// What the answers so far have taken is not needed any more. For requests without a body.
    pub(crate) fn let_go(&self) -> Result<(), Problem> {
        self.parts.extensions.get::<Arc<Account>>().ok_or_else(Problem::cut_off)?.clear();
        Ok(())
    }

    /// Has nothing go on that was begun: whoever comes next is not to find it.
    pub(crate) async fn leave(&self) -> Result<(), Problem> {
        self.asks()?.lock().await.leave();
        Ok(())
    }

    async fn try_transaction(&self, step: Step, requests: &Requests) -> Result<Option<Vec<Value>>, Problem> {
        // By itself: without it the commands would be run one by one.
        let begun = self.step(Resp::V2, (step, &Requests::one(&[b"MULTI"]))).await?;
        if let Some(error) = begun.first().and_then(Value::error) {
            return Err(Problem::of_step(error));
        }
        let queued = self.step(Resp::V2, (Step::Next, requests)).await?;
        if let Some(error) = queued.iter().find_map(Value::error) {
            return Err(Problem::of_step(error));
        }
        match first(self.step(Resp::V2, (Step::Next, &Requests::one(&[b"EXEC"]))).await?)? {
            Value::Array(done) => Ok(Some(done)),
            _ => Ok(None),
        }
    }

    /// The answer to one command.
    ///
    /// # Errors
    /// As [`Caller::ask`], or the answer is an error.
    pub(crate) async fn ask_one(&self, args: &[&[u8]]) -> Result<Value, Problem> {
        first(self.ask(Resp::V2, &Requests::one(args)).await?)
    }
}

/// The first answer, unless it is an error.
pub(crate) fn first(answers: Vec<Value>) -> Result<Value, Problem> {
    let answer = answers.into_iter().next().ok_or_else(Problem::cut_off)?;
    match answer.error() {
        Some(error) => Err(Problem::of_error(error)),
        None => Ok(answer),
    }
}

async fn collect(mut body: Body, most: usize, account: &Account) -> Result<Bytes, Problem> {
    let mut first: Option<Bytes> = None;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::bad("the body broke off"))?;
        let Ok(data) = frame.into_data() else { continue };
        if all.len() + data.len() + first.as_ref().map_or(0, Bytes::len) > most {
            return Err(too_long());
        }
        if !account.hold(limits::BODY_TAKES * data.len()) {
            return Err(account::full());
        }
        // Mostly it comes in one piece, which need not be copied.
        match first.take() {
            None if all.is_empty() => first = Some(data),
            before => {
                before.into_iter().for_each(|before| all.extend_from_slice(&before));
                all.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}

fn too_long() -> Problem {
    let detail = "the body is longer than --http-max-body";
    // The rest of it would be taken for the next request.
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", detail).and_close()
}

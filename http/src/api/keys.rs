//! `/v1/keys/{key}`: values as they are, byte for byte.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::change::{change_if, not_met};
use super::etag::{self, Conditions, Tags};
use super::schema::{IfMatch, IfNoneMatch, KeyPath, PutQuery, Raw, Refusals};
use super::time;
use crate::call::{Call, first};
use crate::door::empty;
use crate::escape::Query;
use crate::problem::Problem;
use crate::request::Requests;

/// The field that says for how many milliseconds more a key lives.
pub(crate) const TTL: &str = "ringtail-ttl";

/// A key's value.
#[utoipa::path(
    get,
    path = "/v1/keys/{key}",
    operation_id = "getKey",
    tag = "keys",
    params(
        KeyPath,
        IfNoneMatch,
        IfMatch,
    ),
    responses(
        (status = 200, description = "The value", content_type = "application/octet-stream", body = Raw,
            headers(("ETag" = String, description = "A strong tag of the value"),
                    ("Ringtail-Ttl" = Option<i64>, description = "Milliseconds that it has to live, if it does not live for ever"))),
        (status = 304, description = "The value is one of those that are known"),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    read(&call).await
}

/// What GET would answer, without the value.
#[utoipa::path(
    head,
    path = "/v1/keys/{key}",
    operation_id = "headKey",
    tag = "keys",
    params(
        KeyPath,
        IfNoneMatch,
        IfMatch,
    ),
    responses(
        (status = 200, description = "There is such a key"),
        (status = 304, description = "The value is one of those that are known"),
        (status = 400, description = "The request is no good"),
        (status = 401, description = "Who asks is not known"),
        (status = 403, description = "Who asks may not"),
        (status = 404, description = "There is no such key"),
        (status = 409, description = "The key holds no string"),
        (status = 412, description = "The value is none of those that are wanted"),
        (status = 503, description = "The key's member is down"),
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn head(call: Call) -> Result<Response<Body>, Problem> {
    // hyper leaves the body out, and keeps its length.
    read(&call).await
}

async fn read(call: &Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let key = call.segment(2)?;
    let conditions = Conditions::of(call.headers())?;
    let asked = Requests::one(&[b"GET", &key]).and(&[b"PTTL", &key]);
    let mut answers = call.ask(Resp::V2, &asked).await?;
    let ttl = answers.pop();
    let Value::Bulk(value) = first(answers)? else { return Err(no_such_key()) };
    let mut answer = etag::answer(value, &conditions)?;
    if let Some(ttl @ 0..) = ttl.as_ref().and_then(Value::as_int) {
        answer.headers_mut().insert(TTL, HeaderValue::from(ttl));
    }
    Ok(answer)
}

/// Sets a key's value, on a condition or without.
#[utoipa::path(
    put,
    path = "/v1/keys/{key}",
    operation_id = "putKey",
    tag = "keys",
    params(
        KeyPath,
        PutQuery,
        IfMatch,
        IfNoneMatch,
    ),
    request_body(content = Option<Raw>, content_type = "application/octet-stream", description = "The value, as it is"),
    responses(
        (status = 201, description = "It is set, and was not there a moment before", headers(("ETag" = String, description = "The value's tag"))),
        (status = 204, description = "It is set", headers(("ETag" = String, description = "The value's tag"))),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn put(mut call: Call) -> Result<Response<Body>, Problem> {
    let key = call.segment(2)?;
    let mut query = call.query()?;
    let ttl = query.take("ttl").map(|ttl| time::millis(&ttl)).transpose()?;
    let word = only_if(&mut query, call.headers())?;
    query.end()?;
    let conditions = Conditions::of(call.headers())?;
    let value = call.body().await?;
    let tag = etag::of(&value);
    let ttl = ttl.map(|ttl| ttl.to_string());
    let mut set: Vec<&[u8]> = vec![b"SET", &key, &value];
    if let Some(ttl) = &ttl {
        set.extend([b"PX", ttl.as_bytes()]);
    }
    set.extend(word);
    let created = match conditions.need_value() {
        true => change_if(&call, &conditions, &[b"GET", &key], &set).await?,
        false => set_now(&call, &key, word, &set).await?,
    };
    let mut answer = empty(if created { StatusCode::CREATED } else { StatusCode::NO_CONTENT });
    answer.headers_mut().insert(header::ETAG, etag::field(&tag));
    Ok(answer)
}

/// `NX` or `XX`, by parameter or by a condition that is about any value.
fn only_if(query: &mut Query, headers: &axum::http::HeaderMap) -> Result<Option<&'static [u8]>, Problem> {
    let conditions = Conditions::of(headers)?;
    let nx = query.flag("nx")? | (conditions.none_match == Some(Tags::Any));
    let xx = query.flag("xx")? | (conditions.match_ == Some(Tags::Any));
    match (nx, xx) {
        (true, true) => Err(Problem::bad("it can't be there and not be there")),
        (true, false) => Ok(Some(b"NX")),
        (false, true) => Ok(Some(b"XX")),
        (false, false) => Ok(None),
    }
}

/// Sets it: whether it was not there before.
async fn set_now(
    call: &Call,
    key: &[u8],
    word: Option<&'static [u8]>,
    set: &[&[u8]],
) -> Result<bool, Problem> {
    if let Some(word) = word {
        return match first(call.ask(Resp::V2, &Requests::one(set)).await?)? {
            Value::Null => Err(not_met()),
            _ => Ok(word == b"NX"),
        };
    }
    let mut answers = call.ask(Resp::V2, &Requests::one(&[b"EXISTS", key]).and(set)).await?;
    let done = answers.pop();
    first(done.into_iter().collect())?;
    // Who may set it but not ask for it is not told.
    Ok(answers.first().and_then(Value::as_int) == Some(0))
}

/// Removes a key, whatever it holds, on a condition or without.
#[utoipa::path(
    delete,
    path = "/v1/keys/{key}",
    operation_id = "deleteKey",
    tag = "keys",
    params(
        KeyPath,
        IfMatch,
    ),
    responses(
        (status = 204, description = "It is gone"),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn delete(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let key = call.segment(2)?;
    let mut conditions = Conditions::of(call.headers())?;
    if conditions.none_match.take().is_some() {
        return Err(Problem::bad("DELETE takes If-Match alone"));
    }
    let delete: [&[u8]; 2] = [b"DEL", &key];
    let was_there = match conditions.need_value() {
        true => !change_if(&call, &conditions, &[b"GET", &key], &delete).await?,
        false => call.ask_one(&delete).await?.as_int() == Some(1),
    };
    match (was_there, conditions.match_) {
        (true, _) => Ok(empty(StatusCode::NO_CONTENT)),
        (false, Some(_)) => Err(not_met()),
        (false, None) => Err(no_such_key()),
    }
}

fn no_such_key() -> Problem {
    Problem::not_found("there is no such key")
}

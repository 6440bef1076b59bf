//! `/v1/hashes/{key}` and `/v1/hashes/{key}/{field}`

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::change::change_if;
use super::etag::Conditions;
use super::schema::{
    EncodingQuery, FieldPath, Fields, IfMatch, IfNoneMatch, KeyPath, PatchFields, Patched, Raw, Refusals,
};
use super::{encoding_of, etag, json, result_field, too_many};
use crate::call::{Call, first};
use crate::caller::Step;
use crate::door::empty;
use crate::json::{Word, bounded};
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// All fields of a hash.
#[utoipa::path(
    get,
    path = "/v1/hashes/{key}",
    operation_id = "getHash",
    tag = "hashes",
    params(KeyPath, EncodingQuery),
    responses((status = 200, description = "The fields", body = Fields, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get_all(call: Call) -> Result<Response<Body>, Problem> {
    let key = call.segment(2)?;
    let mut query = call.query()?;
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    let fields = first(call.ask(Resp::V3, &Requests::one(&[b"HGETALL", &key])).await?)?;
    match &fields {
        Value::Map(pairs) if pairs.is_empty() => Err(no_such("hash")),
        fields => Ok(result_field("fields", fields, encoding)),
    }
}

/// Sets some fields of a hash, and removes those that are null.
#[utoipa::path(
    patch,
    path = "/v1/hashes/{key}",
    operation_id = "patchHash",
    tag = "hashes",
    params(KeyPath),
    request_body(content = PatchFields, content_type = "application/json"),
    responses((status = 200, description = "What was done, all at once", body = Patched, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn patch(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    Conditions::none(call.headers())?;
    let key = call.segment(2)?;
    let Patch { fields } = call.json().await?;
    if fields.len() > limits::VALUES {
        return Err(too_many());
    }
    let mut set: Vec<&[u8]> = vec![b"HSET", &key];
    let mut del: Vec<&[u8]> = vec![b"HDEL", &key];
    for (field, value) in &fields {
        match value {
            Some(value) => set.extend([field.as_bytes(), &value.0]),
            None => del.push(field.as_bytes()),
        }
    }
    let (created, removed) = match (set.len() > 2, del.len() > 2) {
        (false, false) => (Value::Int(0), Value::Int(0)),
        (true, false) => (call.ask_one(&set).await?, Value::Int(0)),
        (false, true) => (Value::Int(0), call.ask_one(&del).await?),
        (true, true) => {
            let asked = Requests::one(&set).and(&del);
            // What was parsed takes many times its bytes.
            drop(fields);
            both(&call, &asked).await?
        }
    };
    let said = serde_json::json!({ "created": created.as_int(), "removed": removed.as_int() });
    Ok(json(StatusCode::OK, said.to_string().into_bytes()))
}

async fn both(call: &Call, asked: &Requests) -> Result<(Value, Value), Problem> {
    let done = call.transaction(Step::First, asked).await?.unwrap_or_default();
    let mut done = done.into_iter().map(|answer| first(vec![answer]));
    match (done.next(), done.next()) {
        (Some(created), Some(removed)) => Ok((created?, removed?)),
        _ => Err(Problem::cut_off()),
    }
}

/// A field's value.
#[utoipa::path(
    get,
    path = "/v1/hashes/{key}/{field}",
    operation_id = "getField",
    tag = "hashes",
    params(FieldPath, IfNoneMatch, IfMatch),
    responses(
        (status = 200, description = "The value", content_type = "application/octet-stream", body = Raw,
            headers(("ETag" = String, description = "A strong tag of the value"))),
        (status = 304, description = "The value is one of those that are known"),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    let conditions = Conditions::of(call.headers())?;
    let Value::Bulk(value) = call.ask_one(&[b"HGET", &key, &field]).await? else {
        return Err(no_such("field"));
    };
    etag::answer(value, &conditions)
}

/// Sets a field.
#[utoipa::path(
    put,
    path = "/v1/hashes/{key}/{field}",
    operation_id = "putField",
    tag = "hashes",
    params(FieldPath, IfMatch, IfNoneMatch),
    request_body(content = Option<Raw>, content_type = "application/octet-stream", description = "The value, as it is"),
    responses(
        (status = 201, description = "It is set, and was not there before", headers(("ETag" = String, description = "The value's tag"))),
        (status = 204, description = "It is set", headers(("ETag" = String, description = "The value's tag"))),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn put(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    let conditions = Conditions::of(call.headers())?;
    let value = call.body().await?;
    let tag = etag::of(&value);
    let set: [&[u8]; 4] = [b"HSET", &key, &field, &value];
    let created = match conditions.are_some() {
        true => change_if(&call, &conditions, &[b"HGET", &key, &field], &set).await?,
        false => call.ask_one(&set).await?.as_int() == Some(1),
    };
    let mut answer = empty(if created { StatusCode::CREATED } else { StatusCode::NO_CONTENT });
    answer.headers_mut().insert(header::ETAG, etag::field(&tag));
    Ok(answer)
}

/// Removes a field.
#[utoipa::path(
    delete,
    path = "/v1/hashes/{key}/{field}",
    operation_id = "deleteField",
    tag = "hashes",
    params(FieldPath, IfMatch, IfNoneMatch),
    responses((status = 204, description = "It is gone"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn delete(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    let conditions = Conditions::of(call.headers())?;
    let delete: [&[u8]; 3] = [b"HDEL", &key, &field];
    let was_there = match conditions.are_some() {
        true => !change_if(&call, &conditions, &[b"HGET", &key, &field], &delete).await?,
        false => call.ask_one(&delete).await?.as_int() == Some(1),
    };
    if was_there { Ok(empty(StatusCode::NO_CONTENT)) } else { Err(no_such("field")) }
}

fn no_such(what: &str) -> Problem {
    Problem::not_found(format!("there is no such {what}"))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    #[serde(deserialize_with = "bounded::object")]
    fields: BTreeMap<String, Option<Word>>,
}

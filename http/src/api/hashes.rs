//! `/v1/hashes/{key}` and `/v1/hashes/{key}/{field}`

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::schema::{EncodingQuery, FieldPath, Fields, KeyPath, PatchFields, Patched, Refusals};
use super::{encoding_of, etag, json, result_field};
use crate::call::{Call, first};
use crate::door::empty;
use crate::json::Word;
use crate::problem::Problem;
use crate::request::Requests;

/// All fields of a hash.
#[utoipa::path(
    get,
    path = "/v1/hashes/{key}",
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
        fields => result_field("fields", fields, encoding),
    }
}

/// Sets some fields of a hash, and removes those that are null.
#[utoipa::path(
    patch,
    path = "/v1/hashes/{key}",
    tag = "hashes",
    params(KeyPath),
    request_body(content = PatchFields, content_type = "application/json"),
    responses((status = 200, description = "What was done, all at once", body = Patched, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn patch(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let key = call.segment(2)?;
    let Patch { fields } = call.json().await?;
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
        (true, true) => both(&call, &set, &del).await?,
    };
    let said = serde_json::json!({ "created": created.as_int(), "removed": removed.as_int() });
    Ok(json(StatusCode::OK, said.to_string().into_bytes()))
}

async fn both(call: &Call, set: &[&[u8]], del: &[&[u8]]) -> Result<(Value, Value), Problem> {
    let asked = Requests::one(&[b"MULTI"]).and(set).and(del).and(&[b"EXEC"]);
    let answers = call.ask(Resp::V2, &asked).await?;
    if let Some(error) = answers.iter().find_map(Value::error) {
        return Err(Problem::of_error(error));
    }
    let done = answers.last().and_then(Value::as_array).unwrap_or_default();
    match done {
        [created, removed] => {
            for answer in done {
                first(vec![answer.clone()])?;
            }
            Ok((created.clone(), removed.clone()))
        }
        _ => Err(Problem::cut_off()),
    }
}

/// A field's value.
#[utoipa::path(
    get,
    path = "/v1/hashes/{key}/{field}",
    tag = "hashes",
    params(FieldPath),
    responses((status = 200, description = "The value", content_type = "application/octet-stream", body = Vec<u8>), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    let Value::Bulk(value) = call.ask_one(&[b"HGET", &key, &field]).await? else {
        return Err(no_such("field"));
    };
    let tag = etag::of(&value);
    let mut answer = Response::new(Body::from(Bytes::from(value)));
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    fields.insert(header::ETAG, etag::field(&tag));
    Ok(answer)
}

/// Sets a field.
#[utoipa::path(
    put,
    path = "/v1/hashes/{key}/{field}",
    tag = "hashes",
    params(FieldPath),
    request_body(content = Option<Vec<u8>>, content_type = "application/octet-stream", description = "The value, as it is"),
    responses(
        (status = 201, description = "It is set, and was not there before"),
        (status = 204, description = "It is set"),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn put(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    let value = call.body().await?;
    let created = call.ask_one(&[b"HSET", &key, &field, &value]).await?.as_int();
    Ok(empty(if created == Some(1) { StatusCode::CREATED } else { StatusCode::NO_CONTENT }))
}

/// Removes a field.
#[utoipa::path(
    delete,
    path = "/v1/hashes/{key}/{field}",
    tag = "hashes",
    params(FieldPath),
    responses((status = 204, description = "It is gone"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn delete(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let (key, field) = (call.segment(2)?, call.segment(3)?);
    match call.ask_one(&[b"HDEL", &key, &field]).await?.as_int() {
        Some(1) => Ok(empty(StatusCode::NO_CONTENT)),
        _ => Err(no_such("field")),
    }
}

fn no_such(what: &str) -> Problem {
    Problem::not_found(format!("there is no such {what}"))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    fields: BTreeMap<String, Option<Word>>,
}

//! `/v1/lists/{key}`

use axum::body::Body;
use axum::http::{Response, StatusCode};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::schema::{EncodingQuery, KeyPath, Length, PopQuery, Push, RangeQuery, Refusals, Values};
use super::{encoding_of, json, result_field};
use crate::call::{Call, first};
use crate::json::Word;
use crate::problem::Problem;
use crate::request::Requests;

/// Elements of a list, from one index to another; negative ones count from the end.
#[utoipa::path(
    get,
    path = "/v1/lists/{key}",
    tag = "lists",
    params(KeyPath, RangeQuery, EncodingQuery),
    responses((status = 200, description = "The elements", body = Values, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get(call: Call) -> Result<Response<Body>, Problem> {
    let key = call.segment(2)?;
    let mut query = call.query()?;
    let start = query.int("start")?.unwrap_or(0).to_string();
    let stop = query.int("stop")?.unwrap_or(-1).to_string();
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    let asked = Requests::one(&[b"LLEN", &key]).and(&[b"LRANGE", &key, start.as_bytes(), stop.as_bytes()]);
    let mut answers = call.ask(Resp::V2, &asked).await?;
    let values = first(answers.split_off(1))?;
    // Who may not ask for the length learns of no list by its having no elements.
    if answers[0].as_int() == Some(0) {
        return Err(no_such_list());
    }
    result_field("values", &values, encoding)
}

/// Adds elements at one end of a list, one after the other.
#[utoipa::path(
    post,
    path = "/v1/lists/{key}",
    tag = "lists",
    params(KeyPath),
    request_body(content = Push, content_type = "application/json"),
    responses((status = 200, description = "How long it is now", body = Length, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn push(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let key = call.segment(2)?;
    let Pushed { values, side } = call.json().await?;
    if values.is_empty() {
        return Err(Problem::bad("values is empty"));
    }
    let command: &[u8] = if side == Side::Left { b"LPUSH" } else { b"RPUSH" };
    let args: Vec<&[u8]> = [command, &*key].into_iter().chain(values.iter().map(|value| &*value.0)).collect();
    let length = call.ask_one(&args).await?.as_int().unwrap_or_default();
    Ok(json(StatusCode::OK, format!("{{\"length\":{length}}}").into_bytes()))
}

/// Takes elements out of a list at one end, and answers them.
#[utoipa::path(
    delete,
    path = "/v1/lists/{key}",
    tag = "lists",
    params(KeyPath, PopQuery, EncodingQuery),
    responses((status = 200, description = "What was taken out", body = Values, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn pop(call: Call) -> Result<Response<Body>, Problem> {
    let key = call.segment(2)?;
    let mut query = call.query()?;
    let count = query.take("count").unwrap_or_else(|| b"1".to_vec());
    if parse_i64(&count).is_none_or(|count| count < 1) {
        return Err(Problem::bad("the parameter count is a number from 1 on"));
    }
    let command: &[u8] = match query.text("side")?.as_deref() {
        None | Some("left") => b"LPOP",
        Some("right") => b"RPOP",
        Some(_) => return Err(Problem::bad("side is left or right")),
    };
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    match call.ask_one(&[command, &key, &count]).await? {
        Value::Null => Err(no_such_list()),
        values => result_field("values", &values, encoding),
    }
}

fn no_such_list() -> Problem {
    Problem::not_found("there is no such list")
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushed {
    values: Vec<Word>,
    #[serde(default)]
    side: Side,
}

#[derive(serde::Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Side {
    Left,
    #[default]
    Right,
}

//! `/v1/lists/{key}`

use axum::body::Body;
use axum::http::{Response, StatusCode};
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::etag::Conditions;
use super::schema::{EncodingQuery, KeyPath, Length, PopQuery, Push, RangeQuery, Refusals, Values};
use super::{encoding_of, json, result_field, too_many};
use crate::account;
use crate::call::{Call, first};
use crate::json::{Word, bounded};
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// Elements of a list, from one index to another; negative ones count from the end.
#[utoipa::path(
    get,
    path = "/v1/lists/{key}",
    operation_id = "getList",
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
    Ok(result_field("values", &values, encoding))
}

/// Adds elements at one end of a list, one after the other.
#[utoipa::path(
    post,
    path = "/v1/lists/{key}",
    operation_id = "pushToList",
    tag = "lists",
    params(KeyPath),
    request_body(content = Push, content_type = "application/json"),
    responses((status = 200, description = "How long it is now", body = Length, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn push(mut call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    Conditions::none(call.headers())?;
    let key = call.segment(2)?;
    let Pushed { values, side } = call.json().await?;
    if values.is_empty() {
        return Err(Problem::bad("values is empty"));
    }
    if values.len() > limits::VALUES {
        return Err(too_many());
    }
    let command: &[u8] = if side == Side::Left { b"LPUSH" } else { b"RPUSH" };
    let args: Vec<&[u8]> = [command, &*key].into_iter().chain(values.iter().map(|value| &*value.0)).collect();
    let asked = Requests::one(&args);
    // What was parsed takes many times its bytes.
    drop(values);
    let length = first(call.ask(Resp::V2, &asked).await?)?.as_int().unwrap_or_default();
    Ok(json(StatusCode::OK, format!("{{\"length\":{length}}}").into_bytes()))
}

/// Takes elements out of a list at one end, and answers them.
#[utoipa::path(
    delete,
    path = "/v1/lists/{key}",
    operation_id = "popFromList",
    tag = "lists",
    params(KeyPath, PopQuery, EncodingQuery),
    responses((status = 200, description = "What was taken out", body = Values, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn pop(call: Call) -> Result<Response<Body>, Problem> {
    Conditions::none(call.headers())?;
    let key = call.segment(2)?;
    let mut query = call.query()?;
    let count = match query.take("count") {
        None => 1,
        Some(count) => parse_i64(&count)
            .filter(|count| *count >= 1)
            .ok_or_else(|| Problem::bad("the parameter count is a number from 1 on"))?,
    };
    let (command, range): (&[u8], _) = match query.text("side")?.as_deref() {
        None | Some("left") => (b"LPOP", (0, count - 1)),
        Some("right") => (b"RPOP", (-count, -1)),
        Some(_) => return Err(Problem::bad("side is left or right")),
    };
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    fits(&call, &key, range).await?;
    match call.ask_one(&[command, &key, count.to_string().as_bytes()]).await? {
        Value::Null => Err(no_such_list()),
        values => Ok(result_field("values", &values, encoding)),
    }
}

/// Whether elements can be answered, before they are taken out: what was taken out and is not answered is lost.
async fn fits(call: &Call, key: &[u8], (start, stop): (i64, i64)) -> Result<(), Problem> {
    let asked = Requests::one(&[b"LRANGE", key, start.to_string().as_bytes(), stop.to_string().as_bytes()]);
    let found = first(call.ask(Resp::V2, &asked).await?);
    match found {
        Err(problem) if problem.status == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = "the elements are longer than --http-max-body: none was taken out, ask for fewer";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", detail))
        }
        Err(problem) if problem.is_no_room() => Err(account::full()),
        // What else is wrong is said of the command itself; and who may take out need not be one who may look.
        _ => {
            // The command's answer takes the place of this one.
            call.let_go()
        }
    }
}

fn no_such_list() -> Problem {
    Problem::not_found("there is no such list")
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Pushed {
    #[serde(deserialize_with = "bounded::list")]
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

//! `/v1/commands`: any commands, one or many in one request.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::schema::{Commands, CommandsAnswer, EncodingQuery, Refusals};
use super::{encoding_of, json};
use crate::call::{Call, first};
use crate::json::{Encoding, parse, text_of, write};
use crate::problem::Problem;

/// Runs one command, or several as a pipeline.
///
/// One command is answered by `{"result": …}`, or by a problem. Several are answered by an array, in order, in which each has its
/// `result` or its `error`.
#[utoipa::path(
    post,
    path = "/v1/commands",
    operation_id = "runCommands",
    tag = "commands",
    params(EncodingQuery),
    request_body(content = Commands, content_type = "application/json"),
    responses(
        (status = 200, description = "What was answered", body = CommandsAnswer, content_type = "application/json"),
        Refusals,
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn run(mut call: Call) -> Result<Response<Body>, Problem> {
    let mut query = call.query()?;
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    call.prepare(Resp::V3).await.map_err(Problem::and_close)?;
    let text = call.json_body().await?;
    let body = parse(&text)?;
    let mut out = Vec::new();
    if body.requests.count == 0 {
        out.extend_from_slice(b"[]");
        return Ok(json(StatusCode::OK, out));
    }
    let answers = call.ask(Resp::V3, &body.requests).await?;
    if body.is_list {
        list(&mut out, &answers, encoding);
    } else {
        let answer = first(answers)?;
        write_result(&mut out, &answer, encoding);
    }
    Ok(json(StatusCode::OK, out))
}

fn write_result(out: &mut Vec<u8>, answer: &Value, encoding: Encoding) {
    out.extend_from_slice(b"{\"result\":");
    write(out, answer, encoding);
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, answers: &[Value], encoding: Encoding) {
    out.push(b'[');
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        match answer.error() {
            Some(error) => {
                out.extend_from_slice(b"{\"error\":");
                text_of(out, &Problem::of_error(error).line());
                out.push(b'}');
            }
            None => write_result(out, answer, encoding),
        }
    }
    out.push(b']');
}

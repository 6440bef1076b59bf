//! The REST protocol of the Upstash SDKs, so that they work as they are: a command as JSON or as a path, `{"result"}` or `{"error"}`.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use bytes::Bytes;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::schema::{Answered, Command, Failed, Pipeline};
use super::{json, refuse};
use crate::call::{Call, first};
use crate::caller::Step;
use crate::json::{Encoding, parse, text_of, write};
use crate::problem::Problem;
use crate::request::Requests;

/// Runs one command (Upstash's protocol).
#[utoipa::path(
    post,
    path = "/",
    operation_id = "upstashCommand",
    tag = "upstash",
    request_body(content = Command, content_type = "application/json"),
    responses(
        (status = 200, description = "What was answered", body = Answered, content_type = "application/json"),
        (status = 400, description = "The command, or what it is about, is no good", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 408, description = "The command did not come in time", body = Failed, content_type = "application/json"),
        (status = 413, description = "The command or its answer is too long", body = Failed, content_type = "application/json"),
        (status = 429, description = "The user's rate is reached", body = Failed, content_type = "application/json"),
        (status = 503, description = "A member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("bearer" = [])),
)]
pub(super) async fn command(call: Call) -> Response<Body> {
    answered(one(call).await)
}

async fn one(mut call: Call) -> Result<Vec<u8>, Problem> {
    take_token(&mut call)?;
    let text = call.body().await?;
    let body = parse(&text)?;
    if body.is_list {
        return Err(Problem::bad("this is for one command, [\"GET\",\"key\"]; send several to /pipeline"));
    }
    let encoding = encoding(&call);
    let answer = first(call.ask(Resp::V2, &body.requests).await?)?;
    Ok(result(&answer, encoding))
}

/// Runs several commands, each for itself (Upstash's protocol).
#[utoipa::path(
    post,
    path = "/pipeline",
    operation_id = "upstashPipeline",
    tag = "upstash",
    request_body(content = Pipeline, content_type = "application/json"),
    responses(
        (status = 200, description = "What each was answered", body = Vec<Answered>, content_type = "application/json"),
        (status = 400, description = "The commands are no good", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 408, description = "The commands did not come in time", body = Failed, content_type = "application/json"),
        (status = 413, description = "The commands or their answers are too long", body = Failed, content_type = "application/json"),
        (status = 429, description = "The user's rate is reached", body = Failed, content_type = "application/json"),
        (status = 503, description = "A member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("bearer" = [])),
)]
pub(super) async fn pipeline(call: Call) -> Response<Body> {
    answered(several(call, false).await)
}

/// Runs several commands as a transaction (Upstash's protocol).
#[utoipa::path(
    post,
    path = "/multi-exec",
    operation_id = "upstashTransaction",
    tag = "upstash",
    request_body(content = Pipeline, content_type = "application/json"),
    responses(
        (status = 200, description = "What each was answered", body = Vec<Answered>, content_type = "application/json"),
        (status = 400, description = "The commands are no good, and none was run", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 408, description = "The commands did not come in time", body = Failed, content_type = "application/json"),
        (status = 413, description = "The commands or their answers are too long", body = Failed, content_type = "application/json"),
        (status = 429, description = "The user's rate is reached", body = Failed, content_type = "application/json"),
        (status = 503, description = "A member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("bearer" = [])),
)]
pub(super) async fn multi_exec(call: Call) -> Response<Body> {
    answered(several(call, true).await)
}

async fn several(mut call: Call, as_one: bool) -> Result<Vec<u8>, Problem> {
    take_token(&mut call)?;
    let text = call.body().await?;
    let body = parse(&text)?;
    if !body.is_list {
        return Err(Problem::bad("this is for several commands, [[\"GET\",\"key\"],…]"));
    }
    if body.requests.count == 0 {
        return Ok(b"[]".to_vec());
    }
    let encoding = encoding(&call);
    let answers = match as_one {
        false => call.ask(Resp::V2, &body.requests).await?,
        true => call.transaction(Step::First, &body.requests).await?.unwrap_or_default(),
    };
    Ok(results(&answers, encoding))
}

/// A command as a path, `/set/key/value?EX=100`, with a body as the argument behind it.
pub(super) async fn path(call: Call) -> Response<Body> {
    answered(of_path(call).await)
}

async fn of_path(mut call: Call) -> Result<Vec<u8>, Problem> {
    let mut args = call.segments(0)?;
    let options = take_token(&mut call)?;
    let body = match call.parts.method == Method::POST {
        true => call.body().await?,
        false => Bytes::new(),
    };
    if !body.is_empty() {
        args.push(body.into());
    }
    for (name, value) in options {
        args.push(name.into_bytes());
        if !value.is_empty() {
            args.push(value);
        }
    }
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    refuse::check(&args)?;
    let encoding = encoding(&call);
    let answer = first(call.ask(Resp::V2, &Requests::one(&args)).await?)?;
    Ok(result(&answer, encoding))
}

/// Takes the token out of the query: what else is there.
fn take_token(call: &mut Call) -> Result<Vec<(String, Vec<u8>)>, Problem> {
    let mut query = call.query()?;
    if let Some(token) = query.take("_token") {
        call.set_token(&token)?;
    }
    Ok(query.rest())
}

/// As the SDKs ask for it, so that any bytes come through.
fn encoding(call: &Call) -> Encoding {
    let asked = call.headers().get("upstash-encoding");
    match asked.is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"base64")) {
        true => Encoding::Base64,
        false => Encoding::Lossy,
    }
}

fn result(answer: &Value, encoding: Encoding) -> Vec<u8> {
    let mut out = Vec::new();
    write_result(&mut out, answer, encoding);
    out
}

fn write_result(out: &mut Vec<u8>, answer: &Value, encoding: Encoding) {
    match answer.error() {
        Some(error) => write_error(out, &String::from_utf8_lossy(error)),
        None => {
            out.extend_from_slice(b"{\"result\":");
            write(out, answer, encoding);
            out.push(b'}');
        }
    }
}

fn results(answers: &[Value], encoding: Encoding) -> Vec<u8> {
    let mut out = vec![b'['];
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_result(&mut out, answer, encoding);
    }
    out.push(b']');
    out
}

fn write_error(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(b"{\"error\":");
    text_of(out, text);
    out.push(b'}');
}

/// Errors as the SDKs know them.
fn answered(done: Result<Vec<u8>, Problem>) -> Response<Body> {
    match done {
        Ok(body) => json(StatusCode::OK, body),
        Err(mut problem) => {
            let mut body = Vec::new();
            write_error(&mut body, &problem.line());
            let kept = problem.status.is_server_error()
                || matches!(
                    problem.status,
                    StatusCode::UNAUTHORIZED
                        | StatusCode::REQUEST_TIMEOUT
                        | StatusCode::PAYLOAD_TOO_LARGE
                        | StatusCode::TOO_MANY_REQUESTS
                );
            if !kept {
                problem.status = StatusCode::BAD_REQUEST;
            }
            problem.answer("application/json", body)
        }
    }
}

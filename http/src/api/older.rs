//! An older API, as it was documented: parameters in the query, answers in JSON that name the member.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use ringtail_protocol::value::Value;

use super::schema::{DelQuery, Failed, GetQuery, Got, Root, Said, SetQuery};
use super::{json, time};
use crate::call::Call;
use crate::problem::Problem;

/// That it is there.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "olderAbout",
    tag = "older",
    responses(
        (status = 200, description = "It is there", body = Root, content_type = "application/json"),
        (status = 400, description = "The request is no good", body = Failed, content_type = "application/json"),
    ),
)]
pub(super) async fn root(call: Call) -> Response<Body> {
    let said = call.no_query().map(|()| {
        let message = "Ringtail is here; see /docs";
        (StatusCode::OK, serde_json::json!({ "message": message, "version": env!("CARGO_PKG_VERSION") }))
    });
    answered(said)
}

/// Sets a key.
#[utoipa::path(
    post,
    path = "/set",
    operation_id = "olderSet",
    tag = "older",
    params(SetQuery),
    responses(
        (status = 201, description = "It is set", body = Said, content_type = "application/json"),
        (status = 400, description = "A parameter is missing or no good", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 403, description = "Who asks may not", body = Failed, content_type = "application/json"),
        (status = 503, description = "The key's member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn set(call: Call) -> Response<Body> {
    answered(do_set(&call).await)
}

async fn do_set(call: &Call) -> Done {
    let mut query = call.query()?;
    let (key, value) = (query.need("key")?, query.need("value")?);
    let ttl = query.take("ttl").map(|ttl| time::millis(&ttl)).transpose()?.map(|ttl| ttl.to_string());
    query.end()?;
    match &ttl {
        None => call.ask_one(&[b"SET", &key, &value]).await?,
        Some(ttl) => call.ask_one(&[b"SET", &key, &value, b"PX", ttl.as_bytes()]).await?,
    };
    said(call, &key, StatusCode::CREATED, "Value set successfully")
}

/// A key's value.
#[utoipa::path(
    get,
    path = "/get",
    operation_id = "olderGet",
    tag = "older",
    params(GetQuery),
    responses(
        (status = 200, description = "The value, and who has it", body = Got, content_type = "application/json"),
        (status = 400, description = "A parameter is missing or no good", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 403, description = "Who asks may not", body = Failed, content_type = "application/json"),
        (status = 404, description = "There is no such key", body = Failed, content_type = "application/json"),
        (status = 409, description = "The key holds no text", body = Failed, content_type = "application/json"),
        (status = 503, description = "The key's member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn get(call: Call) -> Response<Body> {
    answered(do_get(&call).await)
}

async fn do_get(call: &Call) -> Done {
    let key = only_key(call)?;
    let Value::Bulk(value) = call.ask_one(&[b"GET", &key]).await? else { return Err(not_found()) };
    let value = text(value).map_err(|detail| Problem::new(StatusCode::CONFLICT, "WRONGTYPE", detail))?;
    let node = call.door.host.owner(&key);
    let key = text(key).map_err(Problem::bad)?;
    Ok((StatusCode::OK, serde_json::json!({ "key": key, "value": value, "node": node })))
}

/// Removes a key.
#[utoipa::path(
    delete,
    path = "/del",
    operation_id = "olderDelete",
    tag = "older",
    params(DelQuery),
    responses(
        (status = 200, description = "It is gone", body = Said, content_type = "application/json"),
        (status = 400, description = "A parameter is missing or no good", body = Failed, content_type = "application/json"),
        (status = 401, description = "Who asks is not known", body = Failed, content_type = "application/json"),
        (status = 403, description = "Who asks may not", body = Failed, content_type = "application/json"),
        (status = 404, description = "There is no such key", body = Failed, content_type = "application/json"),
        (status = 503, description = "The key's member is down", body = Failed, content_type = "application/json"),
    ),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn del(call: Call) -> Response<Body> {
    answered(do_del(&call).await)
}

async fn do_del(call: &Call) -> Done {
    let key = only_key(call)?;
    match call.ask_one(&[b"DEL", &key]).await?.as_int() {
        Some(0) => Err(not_found()),
        _ => said(call, &key, StatusCode::OK, "Value deleted successfully"),
    }
}

/// A status and what is said.
type Done = Result<(StatusCode, serde_json::Value), Problem>;

fn only_key(call: &Call) -> Result<Vec<u8>, Problem> {
    let mut query = call.query()?;
    let key = query.need("key")?;
    query.end()?;
    Ok(key)
}

fn said(call: &Call, key: &[u8], status: StatusCode, message: &str) -> Done {
    let node = call.door.host.owner(key);
    let key = String::from_utf8_lossy(key);
    Ok((status, serde_json::json!({ "message": message, "key": key, "node": node })))
}

fn not_found() -> Problem {
    Problem::not_found("Key not found")
}

/// As JSON can say it.
fn text(bytes: Vec<u8>) -> Result<String, &'static str> {
    String::from_utf8(bytes).map_err(|_| "not UTF-8: GET /v1/keys/… has it byte for byte")
}

fn answered(done: Done) -> Response<Body> {
    match done {
        Ok((status, said)) => json(status, said.to_string().into_bytes()),
        Err(problem) => {
            let body = serde_json::json!({ "error": problem.detail }).to_string().into_bytes();
            problem.answer("application/json", body)
        }
    }
}

//! What can be asked, one file for each kind of address.

mod change;
mod commands;
mod etag;
mod hashes;
mod keys;
mod lists;
mod older;
mod open;
pub(crate) mod refuse;
mod scan;
mod schema;
mod time;
mod upstash;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::{any, get};
use ringtail_protocol::value::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::door::{self, Inner};
use crate::escape::Query;
use crate::json::{Encoding, write};
use crate::limits;
use crate::problem::Problem;

/// Who does what, and its description.
fn routes() -> OpenApiRouter<Arc<Inner>> {
    OpenApiRouter::with_openapi(open::description())
        .routes(routes!(keys::get, keys::head, keys::put, keys::delete))
        .routes(routes!(scan::scan))
        .routes(routes!(lists::get, lists::push, lists::pop))
        .routes(routes!(hashes::get_all, hashes::patch))
        .routes(routes!(hashes::get, hashes::put, hashes::delete))
        .routes(routes!(commands::run))
        .routes(routes!(older::root, upstash::command))
        .routes(routes!(older::set))
        .routes(routes!(older::get))
        .routes(routes!(older::del))
        .routes(routes!(upstash::pipeline))
        .routes(routes!(upstash::multi_exec))
}

/// Who does what at the door.
pub(crate) fn router(door: &Arc<Inner>) -> Router {
    let (router, description) = routes().split_for_parts();
    open::routes(router, &description)
        .route("/v1/{*rest}", any(door::nowhere))
        .route("/{*command}", get(upstash::path).post(upstash::path))
        .fallback(door::nowhere)
        .method_not_allowed_fallback(door::wrong_method)
        .with_state(Arc::clone(door))
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// `{"NAME": value}`
fn result_field(name: &str, value: &Value, encoding: Encoding) -> Response<Body> {
    let mut out = format!("{{\"{name}\":").into_bytes();
    write(&mut out, value, encoding);
    out.push(b'}');
    json(StatusCode::OK, out)
}

/// How strings are to be answered.
fn encoding_of(query: &mut Query) -> Result<Encoding, Problem> {
    match query.text("encoding")?.as_deref() {
        None | Some("text") => Ok(Encoding::Text),
        Some("base64") => Ok(Encoding::Base64),
        Some(_) => Err(Problem::bad("encoding is text or base64")),
    }
}

/// More values or fields than one request may have.
fn too_many() -> Problem {
    let detail = format!("more than {} values in one request", limits::VALUES);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", detail)
}

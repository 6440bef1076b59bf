//! The door: what all connections share.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Response, StatusCode};

use crate::api;
use crate::call::Call;
use crate::host::Host;
use crate::problem::Problem;

/// What all HTTP connections of a program share. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub(crate) inner: Arc<Inner>,
    pub(crate) router: Router,
}

pub(crate) struct Inner {
    pub(crate) host: Arc<dyn Host>,
    /// Longest body of a request or an answer, in bytes.
    pub(crate) max_body: usize,
    /// By which names it is asked where no password is wanted.
    pub(crate) names: Vec<String>,
}

impl Door {
    /// A door to `host`, where bodies may be this long, and that is asked by these names beside addresses and localhost.
    pub fn new(host: Arc<dyn Host>, max_body: usize, names: Vec<String>) -> Self {
        let inner = Arc::new(Inner { host, max_body, names });
        Self { router: api::router(&inner), inner }
    }
}

/// What no address is known for.
pub(crate) async fn nowhere(call: Call) -> Problem {
    Problem::not_found(format!("there is nothing at {}", call.parts.uri.path()))
}

/// What another method is known for.
pub(crate) async fn wrong_method(call: Call) -> Problem {
    let method = &call.parts.method;
    let detail = format!("{method} does not go here; see the Allow field");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD", detail)
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

/// What a connection hears that is not served, because there are too many.
pub fn refusal(error: &str) -> Vec<u8> {
    let document = Problem::of_error(error.as_bytes()).document();
    let length = document.len();
    let mut answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    )
    .into_bytes();
    answer.extend(document);
    answer
}

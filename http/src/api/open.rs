//! The description of all this (OpenAPI 3.1), and a page that lets one try it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use bytes::Bytes;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{json, schema};
use crate::call::Call;
use crate::door::Inner;
use crate::problem::Problem;

/// The page: no part of it comes from elsewhere.
const PAGE: &str = include_str!("../page/docs.html");

/// What the page may do: run its own script, and ask this server.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Ringtail",
        description = "A distributed in-memory cache, by HTTP. What is here is what Redis's protocol has; see /docs to try it."
    ),
    // What is named by others alone is not found by itself.
    components(schemas(
        schema::Problem,
        schema::Encoding,
        schema::KeyType,
        schema::Side,
        schema::NewValue,
        schema::Word,
        schema::Number,
        schema::Found,
        schema::FieldsFound,
        schema::Bytes,
        schema::Argument,
        schema::Base64,
        schema::Command,
        schema::Pipeline
    ))
)]
struct Description;

/// The description, before the routes add theirs.
pub(super) fn description() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    let components = description.components.get_or_insert_default();
    let basic = Http::builder().scheme(HttpAuthScheme::Basic).description(Some("User and password")).build();
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("`user:password`, or the default user's password")).build();
    components.add_security_scheme("basic", SecurityScheme::Http(basic));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    description
}

/// Both, for the router.
pub(super) fn routes(
    router: Router<Arc<Inner>>,
    description: &utoipa::openapi::OpenApi,
) -> Router<Arc<Inner>> {
    let text = Bytes::from(description.to_json().unwrap_or_default());
    let described = move |call: Call| {
        let text = text.clone();
        async move { call.no_query().map(|()| json(StatusCode::OK, text.to_vec())) }
    };
    router.route("/openapi.json", get(described)).route("/docs", get(page))
}

async fn page(call: Call) -> Result<Response<Body>, Problem> {
    call.no_query()?;
    let mut answer = Response::new(Body::from(PAGE));
    let fields = answer.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Generators of clients make a function of each, by its name.
    #[test]
    fn operations_have_names_of_their_own() {
        let described = serde_json::to_value(super::super::routes().split_for_parts().1).unwrap();
        let methods =
            described["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap());
        let names: Vec<&str> =
            methods.filter_map(|(_, operation)| operation["operationId"].as_str()).collect();
        assert!(names.len() > 20, "{names:?}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    }

    #[test]
    fn values_are_bytes() {
        let described = serde_json::to_value(super::super::routes().split_for_parts().1).unwrap();
        let raw = &described["components"]["schemas"]["Raw"];
        assert_eq!((raw["type"].as_str(), raw["format"].as_str()), (Some("string"), Some("binary")), "{raw}");
    }
}

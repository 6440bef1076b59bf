//! `/v1/keys`: which keys there are, a part at a time.

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::schema::{EncodingQuery, KeysFound, Refusals, ScanQuery};
use super::{encoding_of, json};
use crate::call::Call;
use crate::json::write;
use crate::problem::Problem;

/// What a key may hold.
const TYPES: [&[u8]; 6] = [b"string", b"list", b"set", b"zset", b"hash", b"stream"];

/// Some keys, and where to go on.
///
/// A key that is there throughout is found at least once. It is over when the cursor is "0".
#[utoipa::path(
    get,
    path = "/v1/keys",
    operation_id = "scanKeys",
    tag = "keys",
    params(ScanQuery, EncodingQuery),
    responses((status = 200, description = "Some keys", body = KeysFound, content_type = "application/json"), Refusals),
    security((), ("basic" = []), ("bearer" = [])),
)]
pub(super) async fn scan(call: Call) -> Result<Response<Body>, Problem> {
    let mut query = call.query()?;
    let cursor = query.take("cursor").unwrap_or_else(|| b"0".to_vec());
    let (pattern, kind) = (query.take("match"), query.take("type"));
    if kind.as_ref().is_some_and(|kind| !TYPES.contains(&&**kind)) {
        return Err(Problem::bad("type is string, list, set, zset, hash or stream"));
    }
    let count = query.int("count")?;
    if count.is_some_and(|count| !(1..=10_000).contains(&count)) {
        return Err(Problem::bad("count is from 1 to 10000"));
    }
    let count = count.map(|count| count.to_string().into_bytes());
    let encoding = encoding_of(&mut query)?;
    query.end()?;
    let mut args: Vec<&[u8]> = vec![b"SCAN", &cursor];
    for (word, value) in [("MATCH", &pattern), ("COUNT", &count), ("TYPE", &kind)] {
        args.extend(value.iter().flat_map(|value| [word.as_bytes(), value]));
    }
    let found = call.ask_one(&args).await?;
    let [cursor, keys] = found.as_array().unwrap_or_default() else { return Err(Problem::cut_off()) };
    let mut out = format!("{{\"cursor\":\"{}\",\"keys\":", cursor.as_str().unwrap_or("0")).into_bytes();
    write(&mut out, keys, encoding);
    out.push(b'}');
    Ok(json(StatusCode::OK, out))
}

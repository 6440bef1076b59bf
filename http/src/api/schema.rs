//! What the description of the API says of parameters and bodies. Nothing is parsed by it: the code says what it takes, and the tests
//! with schemathesis say that both agree.
#![expect(dead_code, reason = "described, never made")]

use std::collections::HashMap;

use serde::Serialize;
use utoipa::{IntoParams, IntoResponses, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct KeyPath {
    /// The key, percent-encoded; any bytes
    #[param(min_length = 1, example = "greeting")]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IfMatch {
    /// Only if the value has one of these tags; * is any value
    #[param(
        rename = "If-Match",
        required = false,
        pattern = r#"^(\*|"[a-zA-Z0-9_-]{1,40}"(, "[a-zA-Z0-9_-]{1,40}")*)$"#
    )]
    if_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IfNoneMatch {
    /// Only if the value has none of these tags; * is any value
    #[param(
        rename = "If-None-Match",
        required = false,
        pattern = r#"^(\*|"[a-zA-Z0-9_-]{1,40}"(, "[a-zA-Z0-9_-]{1,40}")*)$"#
    )]
    if_none_match: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PutQuery {
    /// How long it is to live: seconds, or with a unit, 500ms, 10s, 5m, 1h, 30d
    #[param(required = false, pattern = "^[1-9][0-9]{0,7}(ms|s|m|h|d)?$", example = "10s")]
    ttl: String,
    /// Only if it is not there
    #[param(required = false)]
    nx: bool,
    /// Only if it is there
    #[param(required = false)]
    xx: bool,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EncodingQuery {
    /// How strings are answered: as text, or as base64, which any bytes can be
    #[param(required = false)]
    encoding: Encoding,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Encoding {
    Text,
    Base64,
}

/// A problem document (RFC 9457)
#[derive(ToSchema)]
pub(super) struct Problem {
    /// about:blank: the status says it
    r#type: String,
    title: String,
    status: u16,
    /// The word that the error begins with in Redis's protocol
    code: String,
    detail: String,
}

/// A number; a larger one is to be sent as a string, so that no digit of it is lost
#[derive(Serialize, ToSchema)]
#[schema(minimum = -9223372036854775808i64, maximum = 18446744073709551615u64)]
pub(super) struct Number(f64);

/// One argument of a command
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Argument {
    Text(String),
    Number(Number),
    Flag(bool),
    Base64(Base64),
}

/// Bytes
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Base64 {
    #[schema(content_encoding = "base64", pattern = "^([A-Za-z0-9+/]{4})*$")]
    base64: String,
}

/// One command: its name and its arguments
#[derive(Serialize, ToSchema)]
#[schema(min_items = 1, example = json!(["GET", "greeting"]))]
pub(super) struct Command(Vec<Argument>);

/// Several commands
#[derive(Serialize, ToSchema)]
#[schema(example = json!([["SET", "greeting", "hello"], ["GET", "greeting"]]))]
pub(super) struct Pipeline(Vec<Command>);

/// One command, or several
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(example = json!([["SET", "greeting", "hello"], ["GET", "greeting"]]))]
pub(super) enum Commands {
    One(Command),
    Many(Pipeline),
}

/// What one command, or each of several, was answered
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum CommandsAnswer {
    One(Answered),
    Many(Vec<Answered>),
}

/// The result or the error
#[derive(Serialize, ToSchema)]
pub(super) struct Answered {
    result: Option<serde_json::Value>,
    error: Option<String>,
}

/// How any request may be refused
#[derive(IntoResponses)]
pub(super) enum Refusals {
    /// The request is no good
    #[response(status = 400, content_type = "application/problem+json")]
    Bad(Problem),
    /// Who asks is not known
    #[response(status = 401, content_type = "application/problem+json")]
    Unknown(Problem),
    /// Who asks may not
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// It is not there
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The body did not come in time
    #[response(status = 408, content_type = "application/problem+json")]
    Slow(Problem),
    /// The key holds a value of another type
    #[response(status = 409, content_type = "application/problem+json")]
    WrongType(Problem),
    /// The condition is not met
    #[response(status = 412, content_type = "application/problem+json")]
    NotMet(Problem),
    /// The body, or the answer, is longer than --http-max-body
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is of another kind
    #[response(status = 415, content_type = "application/problem+json")]
    WrongKind(Problem),
    /// This is not asked by such a name where no password is wanted
    #[response(status = 421, content_type = "application/problem+json")]
    WrongName(Problem),
    /// The user's rate is reached
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Problem),
    /// The member was lost while it was asked: whether a retry is safe is in the detail
    #[response(status = 502, content_type = "application/problem+json")]
    Lost(Problem),
    /// The member is down, or has no memory left, or the proxy holds as much as it may
    #[response(status = 503, content_type = "application/problem+json")]
    Down(Problem),
    /// The member did not answer in time
    #[response(status = 504, content_type = "application/problem+json")]
    Late(Problem),
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct FieldPath {
    /// The key, percent-encoded; any bytes
    #[param(min_length = 1, example = "user:1")]
    key: String,
    /// The field, percent-encoded; any bytes
    #[param(min_length = 1, example = "name")]
    field: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ScanQuery {
    /// A pattern as in Redis: user:*
    #[param(required = false)]
    r#match: String,
    /// Where to go on: what the answer before said
    #[param(required = false, pattern = "^(0|[1-9][0-9]{0,17})$", example = "0")]
    cursor: String,
    /// About how many keys are looked at
    #[param(required = false, minimum = 1, maximum = 10_000)]
    count: u32,
    /// Only keys that hold this: string, list, set, zset, hash, stream
    #[param(required = false)]
    r#type: KeyType,
}

#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum KeyType {
    String,
    List,
    Set,
    Zset,
    Hash,
    Stream,
}

/// Some keys
#[derive(ToSchema)]
pub(super) struct KeysFound {
    /// Where to go on; "0" when it is over
    cursor: String,
    keys: Vec<Found>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RangeQuery {
    /// The first index
    #[param(required = false)]
    start: i64,
    /// The last index
    #[param(required = false)]
    stop: i64,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PopQuery {
    /// How many
    #[param(required = false, minimum = 1)]
    count: i64,
    #[param(required = false)]
    side: Side,
}

/// An end of a list
#[derive(Serialize, ToSchema)]
#[schema(rename_all = "lowercase")]
pub(super) enum Side {
    Left,
    Right,
}

/// Elements to be added
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    #[schema(min_items = 1)]
    values: Vec<Word>,
    /// Where; right if nothing is said
    #[schema(required = false)]
    side: Side,
}

/// A string, a number, or bytes
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Word {
    Text(String),
    Number(Number),
    Base64(Base64),
}

/// A string, a number, bytes, or null
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum NewValue {
    Text(String),
    Number(Number),
    Base64(Base64),
    Removed,
}

/// How long a list is
#[derive(ToSchema)]
pub(super) struct Length {
    length: u64,
}

/// Elements
#[derive(ToSchema)]
pub(super) struct Values {
    values: Vec<Found>,
}

/// A string as text, or in base64 if it is no UTF-8
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Found {
    Text(String),
    Bytes(Bytes),
}

/// Bytes that are no text
#[derive(Serialize, ToSchema)]
pub(super) struct Bytes {
    #[schema(content_encoding = "base64")]
    base64: String,
}

/// Fields and their values
#[derive(ToSchema)]
pub(super) struct Fields {
    fields: FieldsFound,
}

/// By their names, or pairs of name and value if a name is no UTF-8
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum FieldsFound {
    Named(HashMap<String, Found>),
    Pairs(Vec<Vec<Found>>),
}

/// Fields and their new values; null removes the field
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PatchFields {
    fields: HashMap<String, NewValue>,
}

/// How many fields came and went
#[derive(ToSchema)]
pub(super) struct Patched {
    created: u64,
    removed: u64,
}

/// What went wrong
#[derive(ToSchema)]
pub(super) struct Failed {
    error: String,
}

/// That it is there
#[derive(ToSchema)]
pub(super) struct Root {
    message: String,
    version: String,
}

/// What was done, and by which member
#[derive(ToSchema)]
pub(super) struct Said {
    message: String,
    key: String,
    /// The member's name
    node: String,
}

/// A key's value, and which member has it
#[derive(ToSchema)]
pub(super) struct Got {
    key: String,
    value: String,
    /// The member's name
    node: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SetQuery {
    key: String,
    value: String,
    /// How long it is to live: seconds, or with a unit, 500ms, 10s, 5m, 1h, 30d
    #[param(required = false, pattern = "^[1-9][0-9]{0,7}(ms|s|m|h|d)?$")]
    ttl: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct GetQuery {
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DelQuery {
    key: String,
}

/// Any bytes, as they are
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Raw(Vec<u8>);

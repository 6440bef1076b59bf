//! What kind of error it was. A script may answer with an error of any text, its first word included, so only codes that are known here
//! are told of.

/// Any other error, in OpenTelemetry's words.
const OTHER: &str = "_OTHER";

/// The codes of Redis, and the proxy's own.
const KNOWN: [&str; 37] = [
    "ASK",
    "BUSY",
    "BUSYGROUP",
    "BUSYKEY",
    "CLUSTERDOWN",
    "CROSSSLOT",
    "DENIED",
    "ERR",
    "EXECABORT",
    "EXECPARTIAL",
    "INPROG",
    "INVALIDOBJ",
    "IOERR",
    "LOADING",
    "MASTERDOWN",
    "MEMBERBUSY",
    "MEMBERDOWN",
    "MEMBERLOST",
    "MISCONF",
    "MOVED",
    "NOAUTH",
    "NOGOODSLAVE",
    "NOGROUP",
    "NOPERM",
    "NOPROTO",
    "NOREPLICAS",
    "NOSCRIPT",
    "NOTBUSY",
    "NOTPRIMARY",
    "OOM",
    "READONLY",
    "TIMEOUT",
    "TRYAGAIN",
    "UNBLOCKED",
    "UNKILLABLE",
    "WRONGPASS",
    "WRONGTYPE",
];

/// The code that the text of an error reply begins with.
pub(super) fn kind_of(text: &[u8]) -> &'static str {
    let code = text.split(|byte| !byte.is_ascii_uppercase()).next().unwrap_or_default();
    KNOWN.into_iter().find(|known| known.as_bytes() == code).unwrap_or(OTHER)
}

//! Error replies: their texts, in Redis's words where Redis has the error, since clients parse them.

use std::borrow::Cow;

/// An error reply, without the leading `-`: `CODE text`. The connection goes on after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub Cow<'static, str>);

impl Error {
    /// An error with a fixed text.
    pub const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An error with a text made for the occasion.
    pub fn new(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// The text, with its code.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $text, "`")] pub const $name: Error = Error::fixed($text);)*
    };
}

errors! {
    SYNTAX = "ERR syntax error";
    NOT_AN_INTEGER = "ERR value is not an integer or out of range";
    NOT_A_FLOAT = "ERR value is not a valid float";
    NAN_OR_INFINITY = "ERR increment would produce NaN or Infinity";
    OVERFLOW = "ERR increment or decrement would overflow";
    DECR_OVERFLOW = "ERR decrement would overflow";
    WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value";
    NO_SUCH_KEY = "ERR no such key";
    NO_CLUSTER = "ERR This instance has cluster support disabled";
    INDEX_OUT_OF_RANGE = "ERR index out of range";
    OUT_OF_RANGE_POSITIVE = "ERR value is out of range, must be positive";
    OFFSET_OUT_OF_RANGE = "ERR offset is out of range";
    STRING_TOO_LONG = "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    HASH_VALUE_NOT_AN_INTEGER = "ERR hash value is not an integer";
    HASH_VALUE_NOT_A_FLOAT = "ERR hash value is not a float";
    DB_OUT_OF_RANGE = "ERR DB index is out of range";
    INVALID_DB = "ERR invalid DB index";
    INVALID_FIRST_DB = "ERR invalid first DB index";
    INVALID_SECOND_DB = "ERR invalid second DB index";
    SAME_OBJECT = "ERR source and destination objects are the same";
    INVALID_CURSOR = "ERR invalid cursor";
    OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
    NO_AUTH = "NOAUTH Authentication required.";
    WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";
    NO_PASSWORD_SET = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?";
    NO_PROTO = "NOPROTO unsupported protocol version";
    BAD_PROTO = "ERR Protocol version is not an integer or out of range";
    HELLO_NO_AUTH = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";
    MAX_CLIENTS = "ERR max number of clients reached";
    EXEC_ABORT = "EXECABORT Transaction discarded because of previous errors.";
    EXEC_WITHOUT_MULTI = "ERR EXEC without MULTI";
    DISCARD_WITHOUT_MULTI = "ERR DISCARD without MULTI";
    NESTED_MULTI = "ERR MULTI calls can not be nested";
    WATCH_IN_MULTI = "ERR WATCH inside MULTI is not allowed";
    NOT_IN_MULTI = "ERR Command not allowed inside a transaction";
    TRANSACTION_TOO_LARGE = "ERR the transaction holds more than 1 GiB of commands";
    TIMEOUT_NOT_A_FLOAT = "ERR timeout is not a float or out of range";
    TIMEOUT_NEGATIVE = "ERR timeout is negative";
    TIMEOUT_OUT_OF_RANGE = "ERR timeout is out of range";
    UNBLOCKED = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
    INVALID_SLOT = "ERR Invalid or out of range slot";
    LEASE_HELD = "ERR this connection holds slots already: RINGTAIL EXEC or RELEASE first";
    LEASE_OVER = "LEASEOVER the lease ran out before this, and other clients may have used the slots: nothing was run";
    LOCKED = "LOCKED one of the slots is held by another client: nothing is held by this one";
    NO_LEASE = "ERR this connection holds no slots: RINGTAIL LOCK first";
    CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot";
    REPLY_TOO_LONG = "ERR the reply is longer than 576 MB: ask for less at once";
    NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL.";
    NOT_BUSY = "NOTBUSY No scripts in execution right now.";
    BUSY_SCRIPT = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
    BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";
    UNKILLABLE = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";
    INTERNAL = "ERR internal error: this command failed and was given up; please report it";
}

/// How much of an unknown command's name, and of its arguments, is said back.
const ECHOED: usize = 128;

/// `ERR wrong number of arguments for 'get' command`. `name` is lower case, with `parent|` for a subcommand.
pub fn wrong_arity(name: &str) -> Error {
    Error::new(format!("ERR wrong number of arguments for '{name}' command"))
}

/// `ERR unknown command 'foo', with args beginning with: 'a' 'b' `, cut as Redis cuts it.
pub fn unknown_command<'a>(name: &[u8], args: impl Iterator<Item = &'a [u8]>) -> Error {
    let mut shown = String::new();
    for arg in args {
        if shown.len() >= ECHOED {
            break;
        }
        let left = ECHOED - shown.len();
        shown.push('\'');
        shown.push_str(&printable(arg, left));
        shown.push_str("' ");
    }
    Error::new(format!(
        "ERR unknown command '{}', with args beginning with: {shown}",
        printable(name, ECHOED)
    ))
}

/// `ERR unknown subcommand 'foo'. Try CLIENT HELP.` `parent` is upper case.
pub fn unknown_subcommand(parent: &str, name: &[u8]) -> Error {
    Error::new(format!("ERR unknown subcommand '{}'. Try {parent} HELP.", printable(name, ECHOED)))
}

/// The error while a script, or a function, runs for too long.
pub const fn busy(is_function: bool) -> Error {
    if is_function { BUSY_FUNCTION } else { BUSY_SCRIPT }
}

/// What a client with subscriptions hears in RESP2, where replies and messages look alike. `name` as in [`wrong_arity`].
pub fn subscribers_only(name: &str) -> Error {
    Error::new(format!(
        "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
    ))
}

/// Redis's answer to arguments that no form of the subcommand takes. `parent` is upper case.
pub fn unknown_form(parent: &str, name: &[u8]) -> Error {
    let name = printable(name, ECHOED);
    Error::new(format!(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {parent} HELP."
    ))
}

/// `ERR invalid expire time in 'set' command`.
pub fn invalid_expire(command: &str) -> Error {
    Error::new(format!("ERR invalid expire time in '{command}' command"))
}

/// The first bytes of what a client sent, safe to put on one reply line.
pub fn printable(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(most)]).replace(['\r', '\n'], " ")
}

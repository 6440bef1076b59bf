//! Parameters that are set at start: `--set NAME=VALUE`, and the list `set` of the configuration file.

use super::{PARAMETERS, Parameter};
use crate::server::Server;

/// `name=value` in its parts.
pub(crate) fn split(entry: &str) -> Option<(&str, &str)> {
    entry.split_once('=').map(|(name, value)| (name.trim(), value.trim()))
}

/// Sets one parameter as the server starts.
///
/// # Errors
/// There is no such parameter, it is a secret, or it can't have this value.
pub(crate) fn set_at_start(server: &Server, entry: &str) -> Result<(), String> {
    let (name, value) = split(entry).ok_or_else(|| format!("'{entry}' is no NAME=VALUE"))?;
    let known = |parameter: &&Parameter| parameter.name.eq_ignore_ascii_case(name);
    let parameter = PARAMETERS.iter().find(known).ok_or_else(|| format!("there is no parameter '{name}'"))?;
    if super::is_secret(name.as_bytes()) {
        return Err(format!("'{name}' is a secret: give it in a file of its own"));
    }
    let setter = parameter.set.ok_or_else(|| format!("'{name}' can't be set"))?;
    setter(server, value).map_err(|why| format!("'{entry}': {why}"))
}

/// Notes what everything is before anything is set, for CONFIG REWRITE.
pub(crate) fn note_defaults(server: &Server) {
    server.set_defaults(PARAMETERS.iter().map(|p| (p.name, (p.get)(server))).collect());
}

//! How the settings that the program was started with change while it runs.

use super::PARAMETERS;
use crate::options::Options;
use ringtail_net::config::{Changes, Live};

/// Flags of which the parameter has Redis's name.
const RENAMED: [(&str, &str); 2] = [("log", "appendfsync"), ("log-growth", "auto-aof-rewrite-percentage")];

/// Flags whose files are read again when they change.
const WATCHED: [&str; 11] = [
    "servers",
    "cert",
    "key",
    "client-ca",
    "tls-ticket-keys",
    "requirepass-file",
    "acl-file",
    "primary-ca",
    "primary-cert",
    "primary-key",
    "primary-password-file",
];

impl Changes for Options {
    fn live(flag: &str) -> Live {
        let renamed = RENAMED.iter().find(|(known, _)| *known == flag);
        let wanted = renamed.map_or(flag, |(_, name)| name);
        let parameter = PARAMETERS.iter().find(|p| p.name == wanted && p.live);
        match parameter {
            Some(parameter) => Live::Set(parameter.name),
            None if WATCHED.contains(&flag) => Live::File,
            None => Live::No,
        }
    }
}

//! CONFIG REWRITE: what was set is written to the file that the server was started with. What else is in it stays, comments too.

use super::{PARAMETERS, Parameter, is_secret, settings};
use crate::command::{Call, Done};
use crate::server::Server;
use ringtail_protocol::errors::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use toml_edit::{Array, DocumentMut, Value};

/// Parameters that have a key of their own in the file; the others are in the list `set`.
const OWN_KEYS: [&str; 4] = ["default-ttl", "maxclients", "maxmemory", "maxmemory-policy"];
/// The list of `name=value` for what has no key of its own.
const LIST: &str = "set";

/// CONFIG REWRITE
pub(in crate::command) fn rewrite(c: &mut Call<'_, '_>) -> Done {
    let path =
        c.server.config_file().ok_or(Error::fixed("ERR The server is running without a config file"))?;
    let failed = |why: &dyn std::fmt::Display| {
        tracing::warn!(file = %path.display(), "CONFIG REWRITE failed: {why}");
        Error::new(format!("ERR Rewriting config file: {}", why.to_string().replace(['\r', '\n'], " ")))
    };
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let text = rewritten(c.server, &text).map_err(|error| failed(&error))?;
    replace(path, text.as_bytes()).map_err(|error| failed(&error))?;
    tracing::info!(file = %path.display(), "CONFIG REWRITE: written");
    c.reply.ok();
    Ok(())
}

/// The file's text with the parameters that are in it already, or that are not what they are by default.
fn rewritten(server: &Server, text: &str) -> Result<String, toml_edit::TomlError> {
    let mut file: DocumentMut = text.parse()?;
    let listed = listed(&file);
    let mut list = Array::new();
    for parameter in PARAMETERS.iter().filter(|parameter| is_kept(parameter)) {
        let (name, value) = (parameter.name, (parameter.get)(server));
        let changed = server.default_of(name).is_none_or(|default| default != value);
        if OWN_KEYS.contains(&name) {
            if changed || file.contains_key(name) {
                put(&mut file, name, value.parse::<i64>().map_or_else(|_| value.into(), Value::from));
            }
        } else if changed || listed.iter().any(|known| known == name) {
            list.push(format!("{name}={value}"));
        }
    }
    if !list.is_empty() {
        put(&mut file, LIST, list.into());
    }
    Ok(file.to_string())
}

/// Whether a parameter has a place in the file: secrets and second names have none.
fn is_kept(parameter: &Parameter) -> bool {
    parameter.set.is_some() && !is_secret(parameter.name.as_bytes()) && !parameter.name.contains("ziplist")
}

/// The names in the file's list.
fn listed(file: &DocumentMut) -> Vec<String> {
    let list = file.get(LIST).and_then(|item| item.as_array());
    let entries = list.into_iter().flatten().filter_map(|entry| entry.as_str());
    entries.filter_map(|entry| settings::split(entry).map(|(name, _)| name.to_ascii_lowercase())).collect()
}

/// Puts a value under a key; what stands around an old one, such as a comment, stays.
fn put(file: &mut DocumentMut, key: &str, mut value: Value) {
    match file.get_mut(key).and_then(|item| item.as_value_mut()) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            file.insert(key, value.into());
        }
    }
}

/// Puts a new file in the place of the old one at once: whoever reads sees either.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = write_like(path, &new, text).and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written
}

fn write_like(old: &Path, new: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create(new)?;
    file.set_permissions(fs::metadata(old)?.permissions())?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::testing::Harness;

    #[test]
    fn a_rewritten_file_keeps_what_else_is_in_it() {
        let mut t = Harness::new();
        settings::note_defaults(&t.server);
        for line in ["maxmemory 1mb", "maxclients 77", "slowlog-max-len 5", "timeout 3", "requirepass secret"]
        {
            assert_eq!(t.run(&format!("CONFIG SET {line}")), "OK", "{line}");
        }
        let text = "# ours\naddr = \"127.0.0.1:3000\" # here\nmaxmemory = \"2mb\" # much\nset = [\"timeout=9\", \"hash-max-listpack-value=64\"]\n";
        let new = rewritten(&t.server, text).unwrap();
        for kept in [
            "# ours\naddr = \"127.0.0.1:3000\" # here\n",
            "maxmemory = 1048576 # much\n",
            "maxclients = 77\n",
            "\"slowlog-max-len=5\"",
            "\"timeout=3\"",
            "\"hash-max-listpack-value=64\"",
        ] {
            assert!(new.contains(kept), "{kept}:\n{new}");
        }
        for absent in ["secret", "maxmemory-policy", "ziplist", "zset"] {
            assert!(!new.contains(absent), "{absent}:\n{new}");
        }
        assert_eq!(rewritten(&t.server, &new).unwrap(), new);
    }

    #[test]
    fn a_file_is_replaced_whole() {
        let mut t = Harness::new();
        assert_eq!(t.run("CONFIG REWRITE"), "-ERR The server is running without a config file");
        let path = std::env::temp_dir().join(format!("rewrite-{}.toml", std::process::id()));
        fs::write(&path, "# empty\n").unwrap();
        t.server.set_config_file(path.clone());
        settings::note_defaults(&t.server);
        t.run("CONFIG SET maxclients 9");
        assert_eq!(t.run("CONFIG REWRITE"), "OK");
        assert_eq!(fs::read_to_string(&path).unwrap(), "maxclients = 9\n# empty\n");
        fs::remove_file(&path).unwrap();
        assert!(t.run("CONFIG REWRITE").starts_with("-ERR Rewriting config file: No such file"));
    }
}

//! The first line of a script or library that begins with `#!`.

use super::functions::{Flags, is_name};
use ringtail_protocol::errors::Error;

fn error(text: String) -> Error {
    Error::new(format!("ERR {text}"))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a script's text says of it: its flags (`None` without such a line), and where Lua's text begins: at the end of
/// the line, so that line numbers are right.
///
/// # Errors
/// The line names another language, or what is no flag.
pub(super) fn of_script(text: &[u8]) -> Result<(Option<Flags>, usize), Error> {
    if !text.starts_with(b"#!") {
        return Ok((None, 0));
    }
    let Some(end) = memchr::memchr(b'\n', text) else {
        return Err(error("Invalid script shebang".to_owned()));
    };
    let mut parts = text[..end].split(|&b| b == b' ');
    let engine = parts.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(error(format!("Unexpected engine in script shebang: {}", lossy(engine))));
    }
    let mut flags = Flags::empty();
    for part in parts {
        let Some(names) = part.strip_prefix(b"flags=") else {
            return Err(error(format!("Unknown lua shebang option: {}", lossy(part))));
        };
        for name in names.split(|&b| b == b',').filter(|_| !names.is_empty()) {
            flags |= Flags::named(name)
                .ok_or_else(|| error(format!("Unexpected flag in script shebang: {}", lossy(name))))?;
        }
    }
    Ok((Some(flags), end))
}

/// A library's name, and where Lua's text begins.
///
/// # Errors
/// It has no such line, or it names another language.
pub(super) fn of_library(code: &[u8]) -> Result<(String, usize), Error> {
    if !code.starts_with(b"#!") {
        return Err(error("Missing library metadata".to_owned()));
    }
    let Some(end) = memchr::memchr(b'\n', code) else {
        return Err(error("Invalid library metadata".to_owned()));
    };
    let mut parts = code[2..end].split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    let engine = parts.next().unwrap_or_default();
    let mut name = None;
    for part in parts {
        match part.split_at_checked(5) {
            Some((key, value)) if key.eq_ignore_ascii_case(b"name=") => {
                if name.replace(value).is_some() {
                    let text = "Invalid metadata value, name argument was given multiple times";
                    return Err(error(text.to_owned()));
                }
            }
            _ => return Err(error(format!("Invalid metadata value given: {}", lossy(part)))),
        }
    }
    let name = name.ok_or_else(|| error("Library name was not given".to_owned()))?;
    if !is_name(name) {
        let text = "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
        return Err(error(text.to_owned()));
    }
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(error(format!("Engine '{}' not found", lossy(engine))));
    }
    Ok((lossy(name), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_names_itself() {
        assert_eq!(of_library(b"#!lua name=a_1\nx").unwrap(), ("a_1".to_owned(), 14));
        for (code, why) in [
            ("return 1", "ERR Missing library metadata"),
            ("#!lua name=a", "ERR Invalid library metadata"),
            ("#!lua\n", "ERR Library name was not given"),
            (
                "#!lua name=a-b\n",
                "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long",
            ),
            ("#!js name=a\n", "ERR Engine 'js' not found"),
            ("#!lua name=a name=b\n", "ERR Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=a\n", "ERR Invalid metadata value given: foo=a"),
        ] {
            assert_eq!(of_library(code.as_bytes()).unwrap_err().text(), why);
        }
    }

    #[test]
    fn a_script_has_flags() {
        assert_eq!(of_script(b"return 1").unwrap(), (None, 0));
        assert_eq!(of_script(b"#!lua\nx").unwrap(), (Some(Flags::empty()), 5));
        let both = Flags::NO_WRITES | Flags::ALLOW_OOM;
        assert_eq!(of_script(b"#!lua flags=no-writes,allow-oom\n").unwrap(), (Some(both), 31));
        for (text, why) in [
            ("#!not-lua\n", "ERR Unexpected engine in script shebang: #!not-lua"),
            ("#!lua badger=1\n", "ERR Unknown lua shebang option: badger=1"),
            ("#!lua flags=a,no-writes\n", "ERR Unexpected flag in script shebang: a"),
        ] {
            assert_eq!(of_script(text.as_bytes()).unwrap_err().text(), why);
        }
    }
}

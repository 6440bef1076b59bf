//! The users that a program begins with: those of a file or of a list, and the default user's password. The file's bytes are handed in.

use super::access::Access;
use super::users::{DEFAULT_USER, Users};
use crate::errors::Error;
use std::io;
use std::path::Path;

/// What errors in the configuration's list of users begin with.
const LIST: &str = "users";

/// ACL LOAD or SAVE without a file.
pub const NO_FILE: Error = Error::fixed(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command \
     and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis \
     configuration.",
);
/// ACL SAVE could not write its file.
pub const NOT_SAVED: Error = Error::fixed(
    "ERR There was an error trying to save the ACLs. Please check the server logs for more information",
);

/// Where the first users come from.
#[derive(Debug, Default)]
pub struct Origin<'a> {
    /// `--acl-file`, and what reading it gave.
    pub file: Option<(&'a Path, io::Result<Vec<u8>>)>,
    /// `users` of the configuration file: `user NAME RULE …`.
    pub lines: Option<&'a [String]>,
    /// The default user's password.
    pub password: Option<&'a [u8]>,
}

/// Why there are no users.
#[derive(Debug)]
pub struct Refused {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: &'static str,
}

impl Refused {
    fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Self { what: what.into(), hint }
    }
}

/// The users of a file, with the settings of `like`.
///
/// # Errors
/// The file could not be read, or has lines that are wrong: one text each.
fn parsed(path: &Path, content: io::Result<Vec<u8>>, like: &Users) -> Result<Users, Vec<String>> {
    let name = path.display().to_string();
    let unreadable = |error: io::Error| vec![format!("Error loading ACLs, opening file '{name}': {error}")];
    like.load(&name, &content.map_err(unreadable)?)
}

impl Users {
    /// The users that a program begins with.
    ///
    /// # Errors
    /// The sources contradict each other, can't be read, or a rule is wrong.
    pub fn begin(from: Origin<'_>) -> Result<Self, Refused> {
        let like = Self::default();
        let mut users = match (from.file, from.lines) {
            (Some(_), Some(_)) => {
                return Err(Refused::new("--acl-file and users", "give users in one place only"));
            }
            (Some(_), None) if from.password.is_some() => {
                return Err(Refused::new(
                    "--acl-file and --requirepass-file",
                    "give the default user its password in the ACL file: user default on >PASSWORD ~* &* +@all",
                ));
            }
            (Some((path, content)), None) => parsed(path, content, &like)
                .map_err(|errors| Refused::new(errors.join("; "), "correct the ACL file"))?,
            (None, Some(lines)) => from_list(&like, lines, from.password.is_some())?,
            (None, None) => like,
        };
        if let Some(password) = from.password {
            users.set_default_password(Some(password));
        }
        Ok(users)
    }
}

fn from_list(like: &Users, lines: &[String], with_password: bool) -> Result<Users, Refused> {
    let users = like.load(LIST, lines.join("\n").as_bytes()).map_err(|errors| {
        Refused::new(errors.join("; "), "correct that line of users in the configuration file")
    })?;
    let is_default = |line: &String| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some() && words.next().is_some_and(|name| name.as_bytes() == DEFAULT_USER)
    };
    if with_password && lines.iter().any(is_default) {
        return Err(Refused::new(
            "--requirepass-file and a default user in users",
            "give the default user its password in one place only",
        ));
    }
    Ok(users)
}

impl Access {
    /// ACL LOAD: takes the users of the file, of which `content` was read, in the place of all that there were. Every client
    /// but the default user's is then one of a user who is gone.
    ///
    /// # Errors
    /// In Redis's words; nothing was changed then.
    pub fn load(&self, path: &Path, content: io::Result<Vec<u8>>) -> Result<(), Error> {
        let loaded = parsed(path, content, &self.users()).map_err(|errors| {
            Error::new(format!(
                "ERR {}. WARNING: ACL errors detected, no change to the previously active ACL rules was performed",
                errors.join(". ")
            ))
        })?;
        self.change(|users| *users = loaded);
        Ok(())
    }

    /// Takes the users of the file after it has changed, unless it is what was [saved](Self::saves) from here: those who are still in it
    /// stay the same to their connections, with the rules of now. Whether anything was taken.
    ///
    /// # Errors
    /// One line of what is wrong; nothing was changed then.
    pub fn reload(&self, path: &Path, content: io::Result<Vec<u8>>) -> Result<bool, String> {
        if content.as_ref().is_ok_and(|content| self.is_saved(content)) {
            return Ok(false);
        }
        let mut loaded = parsed(path, content, &self.users()).map_err(|errors| errors.join("; "))?;
        self.change(|users| {
            loaded.go_on_from(users);
            *users = loaded;
        });
        Ok(true)
    }
}

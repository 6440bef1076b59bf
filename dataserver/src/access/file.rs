//! The ACL file, and the users that the options name.

use super::Access;
use ringtail_net::{Problem, Secret, limits, replace_file};
use ringtail_protocol::acl::{DEFAULT_USER, Users};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What errors in the configuration's list of users begin with.
const LIST: &str = "users";

/// The users of an ACL file, with the settings of `like`.
///
/// # Errors
/// The file can't be read, or has lines that are wrong: one text each.
pub fn read(path: &Path, like: &Users) -> Result<Users, Vec<String>> {
    let name = path.display().to_string();
    let text =
        content(path).map_err(|error| vec![format!("Error loading ACLs, opening file '{name}': {error}")])?;
    like.load(&name, &text)
}

fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(limits::ACL_FILE + 1).read_to_end(&mut text)?;
    match text.len() as u64 > limits::ACL_FILE {
        true => Err(std::io::Error::other(format!("longer than {} bytes", limits::ACL_FILE))),
        false => Ok(text),
    }
}

/// The users that the options describe: those of a file or of a list, and the default user's password.
///
/// # Errors
/// They contradict each other, or a rule is wrong.
pub fn users_of(
    file: Option<&Path>,
    list: Option<&[String]>,
    password: Option<&Secret>,
) -> Result<Users, Problem> {
    let like = Users::default();
    let mut users = match (file, list) {
        (Some(_), Some(_)) => {
            return Err(Problem::new("--acl-file and users", "give users in one place only"));
        }
        (Some(_), None) if password.is_some() => {
            return Err(Problem::new(
                "--acl-file and --requirepass-file",
                "give the default user its password in the ACL file: user default on >PASSWORD ~* &* +@all",
            ));
        }
        (Some(file), None) => read(file, &like).map_err(|errors| wrong(&errors, "correct the ACL file"))?,
        (None, Some(lines)) => from_list(&like, lines, password)?,
        (None, None) => like,
    };
    if let Some(password) = password {
        users.set_default_password(Some(password.expose()));
    }
    Ok(users)
}

fn from_list(like: &Users, lines: &[String], password: Option<&Secret>) -> Result<Users, Problem> {
    let users = like
        .load(LIST, lines.join("\n").as_bytes())
        .map_err(|errors| wrong(&errors, "correct that line of users in the configuration file"))?;
    let is_default = |line: &String| {
        let mut words = line.split_ascii_whitespace();
        words.next().is_some() && words.next().is_some_and(|name| name.as_bytes() == DEFAULT_USER)
    };
    if password.is_some() && lines.iter().any(is_default) {
        return Err(Problem::new(
            "--requirepass-file and a default user in users",
            "give the default user its password in one place only",
        ));
    }
    Ok(users)
}

fn wrong(errors: &[String], hint: &str) -> Problem {
    Problem::new(errors.join("; "), hint)
}

impl Access {
    /// Takes the users of the ACL file in the place of all that there were. Every client but the default user's is then one of a user
    /// who is gone.
    ///
    /// # Errors
    /// As [`read`]; nothing was changed then.
    pub fn load(&self, path: &Path) -> Result<(), Vec<String>> {
        let loaded = read(path, &self.users())?;
        self.change(|users| *users = loaded);
        Ok(())
    }

    /// Writes all users to the ACL file.
    ///
    /// # Errors
    /// The system's; the file is then as it was.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let text = self.users().save();
        replace_file(path, &text)
    }
}

//! All users, by name.

use super::password::Hash;
use super::rule::{RuleError, has_spaces, joined};
use super::user::User;
use crate::errors::{Error, printable};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The user that every connection begins as.
pub const DEFAULT_USER: &[u8] = b"default";

/// How much of a rule or name an error says back.
const ECHOED: usize = 256;

/// All users. There is always the default one.
#[derive(Clone, Debug)]
pub struct Users {
    all: BTreeMap<Box<[u8]>, Arc<User>>,
    default: Arc<User>,
    serials: u64,
    /// `acl-pubsub-default`: whether new users may use all channels.
    pub all_channels: bool,
}

impl Default for Users {
    fn default() -> Self {
        let default = Arc::new(open_default(false));
        let all = BTreeMap::from([(DEFAULT_USER.into(), Arc::clone(&default))]);
        Self { all, default, serials: 0, all_channels: false }
    }
}

/// The default user as it is without any rules: everybody, with every permission.
fn open_default(all_channels: bool) -> User {
    let mut user = User::new(DEFAULT_USER, 0, all_channels);
    for rule in ["allcommands", "allkeys", "allchannels", "on", "nopass"] {
        let applied = user.apply(rule.as_bytes(), all_channels);
        debug_assert!(applied.is_ok());
    }
    user
}

impl Users {
    /// The user that every connection begins as.
    pub fn default_user(&self) -> &Arc<User> {
        &self.default
    }

    /// The user of this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.all.get(name)
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.all.values()
    }

    /// The user that this name and password let in.
    pub fn authenticate(&self, name: &[u8], password: &[u8]) -> Option<&Arc<User>> {
        let user = self.get(name);
        let let_in = match user {
            Some(user) => user.lets_in(password),
            None => {
                // Takes as long as for a name that there is.
                std::hint::black_box(Hash::of(password));
                false
            }
        };
        user.filter(|_| let_in)
    }

    /// Makes a user, or changes it: all rules are applied, or none.
    ///
    /// # Errors
    /// The name has spaces, or a rule is none; in Redis's words.
    pub fn set<'a>(&mut self, name: &[u8], rules: impl Iterator<Item = &'a [u8]>) -> Result<(), Error> {
        if has_spaces(name) {
            return Err(Error::fixed("ERR Usernames can't contain spaces or null characters"));
        }
        let rules = joined(rules).map_err(|word| {
            let word = printable(&word, ECHOED);
            Error::new(format!("ERR Unmatched parenthesis in acl selector starting at '{word}'."))
        })?;
        let known = self.get(name).map(|user| User::clone(user));
        let mut user = known.unwrap_or_else(|| self.made(name));
        for rule in rules {
            user.apply(&rule, self.all_channels).map_err(|error| {
                let rule = printable(&rule, ECHOED);
                Error::new(format!("ERR Error in ACL SETUSER modifier '{rule}': {error}"))
            })?;
        }
        self.put(user);
        Ok(())
    }

    /// Makes `password` the default user's only one, or lets everybody in as that user.
    pub fn set_default_password(&mut self, password: Option<&[u8]>) {
        let mut user = User::clone(&self.default);
        let rule = password.map_or(b"nopass".to_vec(), |password| [b">", password].concat());
        for rule in [&b"resetpass"[..], &rule] {
            let applied = user.apply(rule, self.all_channels);
            debug_assert!(applied.is_ok());
        }
        self.put(user);
    }

    /// Takes a user away; the default one stays. Whether there was one.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        name != DEFAULT_USER && self.all.remove(name).is_some()
    }

    fn made(&mut self, name: &[u8]) -> User {
        self.serials += 1;
        User::new(name, self.serials, self.all_channels)
    }

    fn put(&mut self, user: User) {
        let user = Arc::new(user);
        if user.name() == DEFAULT_USER {
            self.default = Arc::clone(&user);
        }
        self.all.insert(user.name().into(), user);
    }

    /// Has users stay the same to their connections that were in `before` too, however their rules changed.
    pub(super) fn go_on_from(&mut self, before: &Self) {
        for known in before.all.values() {
            if let Some(user) = self.all.get_mut(known.name()) {
                Arc::make_mut(user).serial = known.serial;
            }
        }
        self.default = Arc::clone(&self.all[DEFAULT_USER]);
    }

    /// The users as a file has them, one on a line.
    pub fn save(&self) -> Vec<u8> {
        self.iter().flat_map(|user| [user.show(), b"\n".to_vec()].concat()).collect()
    }

    /// What [`save`](Self::save) or an editor wrote, in the place of all users that there were. Every user but the default one is a
    /// new one then, of whatever name; a file without a default user has one that may do everything.
    ///
    /// # Errors
    /// One for each line that is wrong, with `file` and the line's number and in Redis's words; the table must not be used
    /// then. What may be a password is never in them.
    pub fn load(&self, file: &str, text: &[u8]) -> Result<Self, Vec<String>> {
        let mut loaded =
            Self { all: BTreeMap::new(), default: Arc::clone(&self.default), serials: self.serials, ..*self };
        let mut errors = Vec::new();
        for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if let Err(error) = loaded.load_line(line.trim_ascii()) {
                errors.push(format!("{file}:{}: {error}", at + 1));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        if !loaded.all.contains_key(DEFAULT_USER) {
            loaded.put(open_default(self.all_channels));
        }
        Ok(loaded)
    }

    /// `user NAME RULE …`, or nothing.
    fn load_line(&mut self, line: &[u8]) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let mut words = line.split(|&byte| byte == b' ');
        let (Some(b"user"), Some(name)) = (words.next(), words.next()) else {
            return Err("should start with user keyword followed by the username".into());
        };
        if has_spaces(name) {
            return Err(format!("username '{}' contains invalid characters", printable(name, ECHOED)));
        }
        if self.all.contains_key(name) {
            return Err(format!("Duplicate user '{}' found", printable(name, ECHOED)));
        }
        let rules = joined(words).map_err(|_| "Unmatched parenthesis in selector definition".to_owned())?;
        let mut user = self.made(name);
        if name == DEFAULT_USER {
            user.serial = self.default.serial;
        }
        for rule in rules {
            let rule = rule.trim_ascii();
            user.apply(rule, self.all_channels).map_err(|error| match error {
                RuleError::Unknown => {
                    format!("Error in applying operation '{}': {error}", printable(rule, ECHOED))
                }
                _ => error.to_string(),
            })?;
        }
        self.put(user);
        Ok(())
    }
}

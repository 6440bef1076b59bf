//! What is to be loaded.

use ringtail::ConnectOptions;
use ringtail_net::Problem;

use crate::args::{Args, Settings};

/// The port of a URL without one.
const PORT: &str = "6379";

/// A server, and how to connect to it.
pub(super) struct Target {
    pub(super) settings: Settings,
}

impl Target {
    /// The server of the flags before `bench`.
    pub(super) fn of_flags(settings: &Settings) -> Self {
        Self { settings: settings.clone() }
    }

    /// The target that the text names; what it doesn't say, the flags before `bench` do.
    pub(super) fn new(text: &str, settings: &Settings, args: &Args) -> Result<Self, Problem> {
        let unusable = |why: String| {
            let hint = "give HOST:PORT, redis://USER@HOST:PORT or rediss://USER@HOST:PORT, and the password by --password-file or \
                        RINGTAIL_PASSWORD";
            Problem::new(why, hint)
        };
        let place = Place::of(text).map_err(unusable)?;
        let mut settings = settings.clone();
        if let Some(tls) = place.tls {
            settings = args.with_tls(settings, tls);
        }
        settings.options = place.apply(settings.options)?;
        Ok(Self { settings })
    }

    pub(super) fn options(&self) -> &ConnectOptions {
        &self.settings.options
    }

    /// What it is called in reports.
    pub(super) fn name(&self) -> &str {
        self.options().addr()
    }
}

/// What a target's text says.
#[derive(Debug, PartialEq)]
struct Place {
    addr: String,
    tls: Option<bool>,
    user: Option<Vec<u8>>,
    database: Option<u32>,
}

impl Place {
    fn of(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.split_once("://") {
            None if text.contains(':') => return Ok(Self::plain(text)),
            None => return Err(format!("'{text}' has no port")),
            Some(("redis", rest)) => (false, rest),
            Some(("rediss", rest)) => (true, rest),
            Some((scheme, _)) => return Err(format!("'{scheme}://' is no scheme that is known")),
        };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, host) = place.rsplit_once('@').map_or((None, place), |(login, host)| (Some(login), host));
        if host.is_empty() {
            return Err("a target has no host".into());
        }
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let addr = if has_port { host.to_owned() } else { format!("{host}:{PORT}") };
        let mut this = Self { tls: Some(tls), ..Self::plain(&addr) };
        if let Some((user, password)) = login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            if !password.is_empty() {
                return Err("a password in a URL is for all to see".into());
            }
            this.user = Some(decoded(user)?).filter(|user| !user.is_empty());
        }
        if !path.is_empty() {
            this.database = Some(path.parse().map_err(|_| format!("'{path}' is no database"))?);
        }
        Ok(this)
    }

    fn plain(addr: &str) -> Self {
        Self { addr: addr.to_owned(), tls: None, user: None, database: None }
    }

    fn apply(self, mut options: ConnectOptions) -> Result<ConnectOptions, Problem> {
        options = options.at(self.addr);
        if let Some(user) = self.user {
            let missing = |error: ringtail::Error| {
                Problem::new(
                    error.to_string(),
                    "give it by --password-file, --ask-password or RINGTAIL_PASSWORD",
                )
            };
            options = options.user(user).map_err(missing)?;
        }
        Ok(match self.database {
            Some(database) => options.database(database),
            None => options,
        })
    }
}

/// The bytes of a part of a URL. The error does not quote it: it may be a password.
fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|&byte| (byte as char).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'%', ..) => return Err("a % in a URL is followed by no two digits".into()),
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_addresses_and_urls() {
        let addr = |text: &str| {
            let place = Place::of(text).unwrap();
            (place.addr, place.tls, place.database)
        };
        assert_eq!(addr("a:1"), ("a:1".into(), None, None));
        assert_eq!(addr("redis://a"), ("a:6379".into(), Some(false), None));
        assert_eq!(addr("rediss://[::1]:9443/3"), ("[::1]:9443".into(), Some(true), Some(3)));
        assert_eq!(addr("redis://[::1]"), ("[::1]:6379".into(), Some(false), None));
        for text in ["host", "http://a:1", "redis://", "redis://a/x", "redis://u:%zz@a"] {
            assert!(Place::of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_may_have_a_user_and_no_password() {
        let user = |text: &str| Place::of(text).unwrap().user;
        assert_eq!(user("redis://ap%40p@a:1"), Some(b"ap@p".into()));
        assert_eq!((user("redis://app:@a"), user("redis://a")), (Some(b"app".into()), None));
        for text in ["redis://app:secret@a:1", "redis://:secret@a"] {
            assert!(!Place::of(text).unwrap_err().contains("secret"));
        }
        let options = || ConnectOptions::new("h:1");
        let place = || Place::of("redis://app@a").unwrap();
        assert!(place().apply(options()).is_err());
        let shown = format!("{:?}", place().apply(options().password("secret")).unwrap());
        assert!(shown.contains(&format!("{:?}", b"app")), "{shown}");
        assert!(!decoded("sec%ret").unwrap_err().contains("sec"));
    }
}

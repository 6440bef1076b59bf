//! CLIENT TRACKING's words, for a server and for a proxy before servers: what they ask for, what goes together, and how what is in
//! force is told.

use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};

use crate::errors::{self, Error, printable};
use crate::number::parse_i64;
use crate::reply::Reply;

/// Where RESP2 connections get invalidations, when other connections redirect theirs to them.
pub const CHANNEL: &[u8] = b"__redis__:invalidate";

/// What CLIENT GETREDIR answers while tracking is off.
pub const NO_TRACKING: i64 = -1;

bitflags::bitflags! {
    /// What CLIENT TRACKING ON was given, and what came of it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Mode: u8 {
        /// Tracking is on.
        const ON = 1;
        /// All keys, or those with some prefixes, whether they were read or not.
        const BCAST = 1 << 1;
        /// Only what is read right after CLIENT CACHING YES.
        const OPTIN = 1 << 2;
        /// All but what is read right after CLIENT CACHING NO.
        const OPTOUT = 1 << 3;
        /// Not what the client itself changes.
        const NOLOOP = 1 << 4;
        /// The client that is to be told in its place has gone.
        const BROKEN = 1 << 5;
    }
}

/// The prefixes of a client in BCAST mode.
pub type Prefixes = BTreeSet<Box<[u8]>>;

/// What a CLIENT TRACKING asks for.
#[derive(Debug, Default)]
pub struct Wishes<'a> {
    /// ON, or OFF.
    pub on: bool,
    /// BCAST, OPTIN, OPTOUT, NOLOOP.
    pub mode: Mode,
    /// The number of the client that is to be told instead.
    pub redirect: Option<u64>,
    /// In the order in which they were given.
    pub prefixes: Vec<&'a [u8]>,
}

impl<'a> Wishes<'a> {
    /// Reads `ON | OFF [REDIRECT client-id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`. `exists` says whether there is a
    /// client of that number.
    ///
    /// # Errors
    /// Redis's, in Redis's order.
    pub fn parse(words: &[&'a [u8]], exists: impl Fn(u64) -> bool) -> Result<Self, Error> {
        let (mut wishes, mut i) = (Self::default(), 1);
        while let Some(option) = words.get(i) {
            let value = words.get(i + 1);
            i += 1;
            match (&option.to_ascii_lowercase()[..], value) {
                (b"redirect", Some(id)) => {
                    wishes.redirect(id, &exists)?;
                    i += 1;
                }
                (b"prefix", Some(prefix)) => {
                    wishes.prefixes.push(prefix);
                    i += 1;
                }
                (b"bcast", _) => wishes.mode |= Mode::BCAST,
                (b"optin", _) => wishes.mode |= Mode::OPTIN,
                (b"optout", _) => wishes.mode |= Mode::OPTOUT,
                (b"noloop", _) => wishes.mode |= Mode::NOLOOP,
                _ => return Err(errors::SYNTAX),
            }
        }
        match &words.first().copied().unwrap_or_default().to_ascii_lowercase()[..] {
            b"on" => wishes.on = true,
            b"off" => {}
            _ => return Err(errors::SYNTAX),
        }
        Ok(wishes)
    }

    fn redirect(&mut self, id: &[u8], exists: impl Fn(u64) -> bool) -> Result<(), Error> {
        if self.redirect.is_some() {
            return Err(Error::fixed("ERR A client can only redirect to a single other client"));
        }
        let id = parse_i64(id).ok_or(errors::NOT_AN_INTEGER)?;
        let none = Error::fixed("ERR The client ID you want redirect to does not exist");
        self.redirect = Some(u64::try_from(id).ok().filter(|id| exists(*id)).ok_or(none)?);
        Ok(())
    }

    /// Whether the options of an ON go with each other, and with those that are in force.
    ///
    /// # Errors
    /// Redis's, in Redis's order.
    pub fn check(&self, now: Option<(Mode, &Prefixes)>) -> Result<(), Error> {
        let (mode, both) = (self.mode, Mode::OPTIN | Mode::OPTOUT);
        let before = now.map(|(mode, _)| mode);
        let refused = |text| Err(Error::fixed(text));
        if !mode.contains(Mode::BCAST) && !self.prefixes.is_empty() {
            return refused("ERR PREFIX option requires BCAST mode to be enabled");
        }
        if before.is_some_and(|before| (before ^ mode).contains(Mode::BCAST)) {
            return refused(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            );
        }
        if mode.contains(Mode::BCAST) && mode.intersects(both) {
            return refused("ERR OPTIN and OPTOUT are not compatible with BCAST");
        }
        if mode.contains(both) {
            return refused("ERR You can't specify both OPTIN mode and OPTOUT mode");
        }
        if before.is_some_and(|before| (before | mode).contains(both)) {
            return refused(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
                 with a different mode.",
            );
        }
        self.check_prefixes(now.map(|(_, prefixes)| prefixes))
    }

    /// No two prefixes of a client may mean the same key.
    fn check_prefixes(&self, own: Option<&Prefixes>) -> Result<(), Error> {
        let prefixes = &self.prefixes;
        for prefix in prefixes {
            if let Some(other) = own.and_then(|own| overlapping(own, prefix)) {
                return overlaps(prefix, "an existing", other);
            }
        }
        // In order, what begins with a prefix stands right behind it.
        let mut sorted: Vec<(&[u8], usize)> = prefixes.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[1].0.starts_with(pair[0].0)) {
            Some([a, b]) => {
                let (first, second) = (a.1.min(b.1), a.1.max(b.1));
                overlaps(prefixes[first], "another provided", prefixes[second])
            }
            _ => Ok(()),
        }
    }

    /// The prefixes that an ON adds: all keys if it names none in BCAST mode.
    pub fn prefixes(&self) -> Vec<&'a [u8]> {
        match self.mode.contains(Mode::BCAST) && self.prefixes.is_empty() {
            true => vec![b""],
            false => self.prefixes.clone(),
        }
    }
}

fn overlaps(prefix: &[u8], with: &str, other: &[u8]) -> Result<(), Error> {
    let [prefix, other] = [prefix, other].map(|text| printable(text, 128));
    Err(Error::new(format!(
        "ERR Prefix '{prefix}' overlaps with {with} prefix '{other}'. Prefixes for a single client must not overlap."
    )))
}

/// One of the prefixes that a key can have together with this one.
fn overlapping<'a>(own: &'a Prefixes, prefix: &[u8]) -> Option<&'a [u8]> {
    let longer = own.range::<[u8], _>((Included(prefix), Unbounded)).next();
    let shorter = own.range::<[u8], _>((Unbounded, Included(prefix))).next_back();
    let all = own.first().filter(|first| first.is_empty());
    longer
        .filter(|other| other.starts_with(prefix))
        .or(shorter.filter(|other| prefix.starts_with(other)))
        .or(all)
        .map(|other| &**other)
}

/// Whether CLIENT CACHING may be given this word now; `mode` is `None` while tracking is off.
///
/// # Errors
/// Redis's.
pub fn check_caching(mode: Option<Mode>, word: &[u8]) -> Result<(), Error> {
    let Some(mode) = mode else {
        return Err(Error::fixed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (wanted, refused) = match &word.to_ascii_lowercase()[..] {
        b"yes" => {
            (Mode::OPTIN, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
        }
        b"no" => {
            (Mode::OPTOUT, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
        }
        _ => return Err(errors::SYNTAX),
    };
    if mode.contains(wanted) { Ok(()) } else { Err(Error::fixed(refused)) }
}

/// What CLIENT TRACKINGINFO tells of a client that tracks.
pub struct Info<'a> {
    /// How.
    pub mode: Mode,
    /// CLIENT CACHING was given for the next command.
    pub caching: bool,
    /// As CLIENT GETREDIR answers.
    pub redirect: i64,
    /// Of BCAST mode.
    pub prefixes: &'a Prefixes,
}

/// CLIENT TRACKINGINFO's answer; `None` while tracking is off.
pub fn write_info(reply: &mut Reply<'_>, info: Option<&Info<'_>>) {
    let mode = info.map_or(Mode::empty(), |info| info.mode);
    let caching = info.is_some_and(|info| info.caching);
    let has = |flag, name: &'static str| mode.contains(flag).then_some(name);
    let flags: Vec<&str> = [
        Some(if info.is_some() { "on" } else { "off" }),
        has(Mode::BCAST, "bcast"),
        has(Mode::OPTIN, "optin"),
        has(Mode::OPTIN, "caching-yes").filter(|_| caching),
        has(Mode::OPTOUT, "optout"),
        has(Mode::OPTOUT, "caching-no").filter(|_| caching),
        has(Mode::NOLOOP, "noloop"),
        has(Mode::BROKEN, "broken_redirect"),
    ]
    .into_iter()
    .flatten()
    .collect();
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.int(info.map_or(NO_TRACKING, |info| info.redirect));
    reply.bulk(b"prefixes");
    reply.array(info.map_or(0, |info| info.prefixes.len()));
    info.into_iter().flat_map(|info| info.prefixes).for_each(|prefix| reply.bulk(prefix));
}

//! CLIENT TRACKING and what belongs to it: the server's part of client-side caching.

use super::{Call, Done};
use crate::session::{Client, Mode, NO_TRACKING, Tracking};
use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;
use std::collections::BTreeSet;
use std::ops::Bound::{Included, Unbounded};
use std::sync::Arc;

/// CLIENT TRACKING's options.
#[derive(Default)]
struct Options<'a> {
    mode: Mode,
    redirect: Option<Arc<Client>>,
    prefixes: Vec<&'a [u8]>,
}

/// CLIENT TRACKING ON | OFF [REDIRECT client-id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]
pub(super) fn tracking(c: &mut Call<'_, '_>) -> Done {
    let options = options(c)?;
    match &c.args[2].to_ascii_lowercase()[..] {
        b"on" => {
            check(c, &options)?;
            turn_on(c, options);
        }
        b"off" => c.session.stop_tracking(),
        _ => return Err(errors::SYNTAX),
    }
    c.reply.ok();
    Ok(())
}

fn options<'a>(c: &Call<'a, '_>) -> Result<Options<'a>, Error> {
    let (mut options, mut i) = (Options::default(), 3);
    while let Some(option) = c.args.get(i) {
        let value = c.args.get(i + 1);
        i += 1;
        match (&option.to_ascii_lowercase()[..], value) {
            (b"redirect", Some(id)) => {
                redirect(c, &mut options, id)?;
                i += 1;
            }
            (b"prefix", Some(prefix)) => {
                options.prefixes.push(prefix);
                i += 1;
            }
            (b"bcast", _) => options.mode |= Mode::BCAST,
            (b"optin", _) => options.mode |= Mode::OPTIN,
            (b"optout", _) => options.mode |= Mode::OPTOUT,
            (b"noloop", _) => options.mode |= Mode::NOLOOP,
            _ => return Err(errors::SYNTAX),
        }
    }
    Ok(options)
}

fn redirect(c: &Call<'_, '_>, options: &mut Options<'_>, id: &[u8]) -> Done {
    if options.redirect.is_some() {
        return Err(Error::fixed("ERR A client can only redirect to a single other client"));
    }
    let id = parse_i64(id).ok_or(errors::NOT_AN_INTEGER)?;
    let found = u64::try_from(id).ok().and_then(|id| c.server.clients.get(id));
    let none = Error::fixed("ERR The client ID you want redirect to does not exist");
    options.redirect = Some(found.ok_or(none)?);
    Ok(())
}

/// Whether the options go with each other, and with those that are in force.
fn check(c: &Call<'_, '_>, options: &Options<'_>) -> Done {
    let (mode, both) = (options.mode, Mode::OPTIN | Mode::OPTOUT);
    let now = c.session.tracking.as_ref().map(|tracking| tracking.mode());
    let refused = |text| Err(Error::fixed(text));
    if !mode.contains(Mode::BCAST) && !options.prefixes.is_empty() {
        return refused("ERR PREFIX option requires BCAST mode to be enabled");
    }
    if now.is_some_and(|now| (now ^ mode).contains(Mode::BCAST)) {
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
    if now.is_some_and(|now| (now | mode).contains(both)) {
        return refused(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
             with a different mode.",
        );
    }
    check_prefixes(c, &options.prefixes)
}

/// No two prefixes of a client may mean the same key.
fn check_prefixes(c: &Call<'_, '_>, prefixes: &[&[u8]]) -> Done {
    let refuse = |prefix: &[u8], with: &str, other: &[u8]| {
        let [prefix, other] = [prefix, other].map(|text| printable(text, 128));
        Err(Error::new(format!(
            "ERR Prefix '{prefix}' overlaps with {with} prefix '{other}'. Prefixes for a single client must not overlap."
        )))
    };
    let own = c.session.tracking.as_ref().map(|tracking| tracking.prefixes());
    for prefix in prefixes {
        if let Some(other) = own.and_then(|own| overlapping(own, prefix)) {
            return refuse(prefix, "an existing", other);
        }
    }
    // In order, what begins with a prefix stands right behind it.
    let mut sorted: Vec<(&[u8], usize)> = prefixes.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[1].0.starts_with(pair[0].0)) {
        Some([a, b]) => {
            let (first, second) = (a.1.min(b.1), a.1.max(b.1));
            refuse(prefixes[first], "another provided", prefixes[second])
        }
        _ => Ok(()),
    }
}

/// One of the prefixes that a key can have together with this one.
fn overlapping<'a>(own: &'a BTreeSet<Box<[u8]>>, prefix: &[u8]) -> Option<&'a [u8]> {
    let longer = own.range::<[u8], _>((Included(prefix), Unbounded)).next();
    let shorter = own.range::<[u8], _>((Unbounded, Included(prefix))).next_back();
    let all = own.first().filter(|first| first.is_empty());
    longer
        .filter(|other| other.starts_with(prefix))
        .or(shorter.filter(|other| prefix.starts_with(other)))
        .or(all)
        .map(|other| &**other)
}

fn turn_on(c: &mut Call<'_, '_>, options: Options<'_>) {
    let mut prefixes = options.prefixes;
    if options.mode.contains(Mode::BCAST) && prefixes.is_empty() {
        prefixes.push(b"");
    }
    let new = || Box::new(Tracking::new(&c.server.listeners, &c.server.store, &c.session.client));
    let mut tracking = c.session.tracking.take().unwrap_or_else(new);
    tracking.set(options.mode, options.redirect, &prefixes);
    c.session.start_tracking(tracking);
}

/// CLIENT CACHING YES | NO
pub(super) fn caching(c: &mut Call<'_, '_>) -> Done {
    let Some(tracking) = &mut c.session.tracking else {
        return Err(Error::fixed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ));
    };
    let (wanted, refused) = match &c.args[2].to_ascii_lowercase()[..] {
        b"yes" => {
            (Mode::OPTIN, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
        }
        b"no" => {
            (Mode::OPTOUT, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
        }
        _ => return Err(errors::SYNTAX),
    };
    if !tracking.mode().contains(wanted) {
        return Err(Error::fixed(refused));
    }
    tracking.caching = true;
    c.reply.ok();
    Ok(())
}

/// CLIENT GETREDIR
pub(super) fn get_redirection(c: &mut Call<'_, '_>) -> Done {
    c.reply.int(c.session.client.redirection());
    Ok(())
}

/// CLIENT TRACKINGINFO
pub(super) fn info(c: &mut Call<'_, '_>) -> Done {
    let tracking = c.session.tracking.as_deref();
    let mode = tracking.map_or(Mode::empty(), Tracking::mode);
    let caching = tracking.is_some_and(|tracking| tracking.caching);
    let has = |flag, name: &'static str| mode.contains(flag).then_some(name);
    let flags: Vec<&str> = [
        Some(if tracking.is_some() { "on" } else { "off" }),
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
    c.reply.map(3);
    c.reply.bulk(b"flags");
    c.reply.set(flags.len());
    flags.iter().for_each(|flag| c.reply.bulk(flag.as_bytes()));
    c.reply.bulk(b"redirect");
    c.reply.int(tracking.map_or(NO_TRACKING, |_| c.session.client.redirection()));
    c.reply.bulk(b"prefixes");
    let prefixes = tracking.map(Tracking::prefixes);
    c.reply.array(prefixes.map_or(0, |all| all.len()));
    prefixes.into_iter().flatten().for_each(|prefix| c.reply.bulk(prefix));
    Ok(())
}

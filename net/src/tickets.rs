//! Session tickets that every process of a fleet can take: all have the same file of keys.
//!
//! A line of the file is a key, 32 bytes as 64 hexadecimal digits. The first one makes tickets, all take them: so a new
//! key is first put second, everywhere, then first, and the old ones go after a ticket's lifetime.
//!
//! A ticket is `name (16) seed (16) nonce (12) AES-256-GCM(issued at (8), state) tag (16)`. The key of a line only derives: the name, and each ticket's
//! own key from its seed (HMAC-SHA256). So no number of tickets wears a key out, as random nonces under one key would after
//! 2^32 of them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::{hmac, rand};
use rustls::server::ProducesTickets;

use crate::limits;
use crate::problem::Problem;
use crate::secret::warn_if_open;

const NAME_LEN: usize = 16;
const SEED_LEN: usize = 16;
const HEAD_LEN: usize = NAME_LEN + SEED_LEN + NONCE_LEN;
const KEY_LEN: usize = 32;

/// A day of difference between two machines' clocks is their operator's to mend, a minute is not.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The key of a line.
#[derive(Debug)]
struct Key {
    /// In the clear in every ticket: tells of the key nothing but which one it is.
    name: [u8; NAME_LEN],
    derive: hmac::Key,
}

impl Key {
    fn new(bytes: &[u8]) -> Self {
        let derive = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let mut name = [0; NAME_LEN];
        name.copy_from_slice(&hmac::sign(&derive, b"ringtail ticket name").as_ref()[..NAME_LEN]);
        Self { name, derive }
    }

    /// The key of one ticket.
    fn of_ticket(&self, seed: &[u8]) -> Option<LessSafeKey> {
        let mut context = hmac::Context::with_key(&self.derive);
        context.update(b"ringtail ticket key");
        context.update(seed);
        Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, context.sign().as_ref()).ok()?))
    }
}

/// The keys of a file; they can be replaced while tickets are made and taken.
#[derive(Debug)]
pub(crate) struct TicketKeys {
    /// At least one.
    keys: ArcSwap<Vec<Key>>,
}

impl TicketKeys {
    pub(crate) fn read(path: &Path) -> Result<Arc<Self>, Problem> {
        Ok(Arc::new(Self { keys: ArcSwap::from_pointee(read_keys(path)?) }))
    }

    pub(crate) fn reload(&self, path: &Path) -> Result<(), Problem> {
        self.keys.store(Arc::new(read_keys(path)?));
        Ok(())
    }

    fn seal(&self, plain: &[u8], now: u64) -> Option<Vec<u8>> {
        let keys = self.keys.load();
        let key = keys.first()?;
        let mut ticket = vec![0; HEAD_LEN];
        ticket[..NAME_LEN].copy_from_slice(&key.name);
        rand::fill(&mut ticket[NAME_LEN..]).ok()?;
        let (seed, nonce) = ticket[NAME_LEN..].split_at(SEED_LEN);
        let (sealing, nonce) = (key.of_ticket(seed)?, Nonce::try_assume_unique_for_key(nonce).ok()?);
        let mut state = [&now.to_be_bytes()[..], plain].concat();
        sealing.seal_in_place_append_tag(nonce, Aad::from(key.name), &mut state).ok()?;
        ticket.extend_from_slice(&state);
        Some(ticket)
    }

    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let (head, sealed) = ticket.split_at_checked(HEAD_LEN)?;
        let (name, rest) = head.split_at(NAME_LEN);
        let (seed, nonce) = rest.split_at(SEED_LEN);
        let keys = self.keys.load();
        let key = keys.iter().find(|key| key.name == name)?;
        let mut state = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = key.of_ticket(seed)?.open_in_place(nonce, Aad::from(key.name), &mut state).ok()?;
        let (issued, plain) = plain.split_first_chunk()?;
        is_fresh(u64::from_be_bytes(*issued), now).then(|| plain.to_vec())
    }
}

/// The file of keys may stay for longer than a ticket is to be good for.
fn is_fresh(issued: u64, now: u64) -> bool {
    let (oldest, newest) = (limits::TICKET_LIFETIME + CLOCK_SKEW, CLOCK_SKEW);
    issued <= now.saturating_add(newest.as_secs()) && now <= issued.saturating_add(oldest.as_secs())
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        limits::TICKET_LIFETIME.as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, unix_seconds())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, unix_seconds())
    }
}

fn read_keys(path: &Path) -> Result<Vec<Key>, Problem> {
    let name = path.display();
    let unreadable = |error| {
        Problem::new(format!("cannot read the ticket keys in {name} ({error})"), "check its path and mode")
    };
    let file = File::open(path).map_err(unreadable)?;
    warn_if_open(&file, path);
    let mut text = String::new();
    file.take(limits::SECRET).read_to_string(&mut text).map_err(unreadable)?;
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| is_key(line)) {
        let bytes = from_hex(line.trim()).ok_or_else(|| {
            let place = format!("{name}:{}: is no key", index + 1);
            Problem::new(place, "write 64 hexadecimal digits a line, as 'openssl rand -hex 32' makes them")
        })?;
        keys.push(Key::new(&bytes));
    }
    match keys.len() {
        0 => Err(Problem::new(format!("there is no key in {name}"), "make one with 'openssl rand -hex 32'")),
        1..=limits::TICKET_KEYS => Ok(keys),
        _ => Err(Problem::new(
            format!("there are more than {} keys in {name}", limits::TICKET_KEYS),
            "remove the oldest",
        )),
    }
}

/// Not empty, and no comment.
fn is_key(line: &str) -> bool {
    !line.trim().is_empty() && !line.trim_start().starts_with('#')
}

fn from_hex(text: &str) -> Option<[u8; KEY_LEN]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_LEN {
        return None;
    }
    let mut bytes = [0; KEY_LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? * 16 + digit(1)?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;

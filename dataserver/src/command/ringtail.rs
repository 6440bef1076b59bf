//! RINGTAIL: what Redis has no word for. Transactions over several servers: each holds the slots that it has a part of,
//! then each runs its part or lets go.

use super::arguments::at_least;
use super::{Call, Done, Mode};
use crate::log::history::is_later;
use crate::log::waiting::{Ack, stamp};
use crate::replication::bound::Bound;
use crate::replication::feed::Handover;
use crate::replication::follow::PATIENCE;
use crate::replication::peer::Peer;
use crate::replication::status::{Followed, Following, Link};
use crate::replication::{self, bound, takeover};
use crate::session::Wait;
use crate::store::SLOTS_PER_GROUP;
use crate::store::hold::{Obstacle, bit};
use crate::transaction::Lease;
use ringtail_cluster::SLOTS;
use ringtail_protocol::errors::{self, Error};
use ringtail_protocol::number::parse_i64;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// What a proxy answers of its pool.
pub(super) const OF_A_PROXY: Error = Error::fixed("ERR this is a server: ask a proxy");

const ANOTHER: Error =
    Error::fixed("ERR this makes something else of the connection: not in a transaction or script");

/// The longest lease, in milliseconds.
const LONGEST_LEASE: usize = 60_000;

/// RINGTAIL LOCK lease-ms slot [slot ...]: 1 when the keys that this connection watches are unchanged, 0 when one was
/// changed.
pub(super) fn lock(c: &mut Call<'_, '_>) -> Done {
    hold(c, true)
}

/// RINGTAIL TRYLOCK lease-ms slot [slot ...]: the same, but for an error where that waits.
pub(super) fn try_lock(c: &mut Call<'_, '_>) -> Done {
    hold(c, false)
}

fn hold(c: &mut Call<'_, '_>, waits: bool) -> Done {
    let millis = at_least(1, &c.args[2], errors::NOT_AN_INTEGER)?.min(LONGEST_LEASE);
    let masks = masks(c)?;
    if c.session.lease.is_some() {
        return Err(errors::LEASE_HELD);
    }
    let (owner, now) = (c.session.client.id, Instant::now());
    let until = now + Duration::from_millis(millis as u64);
    let groups: Vec<usize> = masks.keys().copied().collect();
    c.view.lock_groups(&groups);
    let client = Arc::clone(&c.session.client);
    client.take_unparked();
    let obstacle = masks.iter().find_map(|(&group, &slots)| {
        c.view.with_group(group, |group| {
            if !group.has_holds() {
                return None;
            }
            group.holds(|holds| {
                let obstacle = holds.obstacle(owner, slots, now)?;
                if waits {
                    holds.park(owner, slots, &client);
                }
                Some(obstacle)
            })
        })
    });
    match obstacle {
        Some(Obstacle::Busy { is_function }) => return Err(errors::busy(is_function)),
        Some(Obstacle::Until(until)) if waits => {
            c.server.blocked.fetch_add(1, Relaxed);
            c.session.wait = Wait::Parked(Some(until));
            return Ok(());
        }
        Some(Obstacle::Until(_)) => return Err(errors::LOCKED),
        None => {}
    }
    for (&group, &slots) in &masks {
        c.view.with_group(group, |group| group.holds(|holds| holds.add(owner, slots, until, None)));
    }
    c.session.lease = Some(Lease { owner, groups: masks.into_keys().collect(), until });
    let clean = !c.session.watches.is_dirty();
    c.reply.flag(clean);
    Ok(())
}

/// The slots of each group.
fn masks(c: &Call<'_, '_>) -> Result<BTreeMap<usize, u16>, Error> {
    let mut masks = BTreeMap::new();
    for text in c.args.from(3).iter() {
        let slot = at_least(0, text, errors::INVALID_SLOT)?;
        if slot >= SLOTS {
            return Err(errors::INVALID_SLOT);
        }
        *masks.entry(slot / SLOTS_PER_GROUP).or_default() |= bit(slot as u16);
    }
    Ok(masks)
}

/// RINGTAIL RELEASE: lets the slots go without running anything; what was queued and what is watched is given up.
pub(super) fn release(c: &mut Call<'_, '_>) -> Done {
    c.session.take_transaction();
    c.session.watches.clear(c.view);
    unlock(c)
}

/// RINGTAIL UNLOCK: lets the slots go, and keeps what was queued and what is watched.
pub(super) fn unlock(c: &mut Call<'_, '_>) -> Done {
    match c.session.lease.take() {
        Some(lease) => {
            let over = lease.until <= Instant::now();
            lease.release(c.view.store());
            if over {
                Err(errors::LEASE_OVER)
            } else {
                c.reply.ok();
                Ok(())
            }
        }
        None => Err(errors::NO_LEASE),
    }
}

/// RINGTAIL SNAPSHOT
pub(super) fn snapshot(c: &mut Call<'_, '_>) -> Done {
    hand_over(c, Handover::Snapshot)
}

/// RINGTAIL SYNC history offset address
pub(super) fn sync(c: &mut Call<'_, '_>) -> Done {
    let text = |at: usize| String::from_utf8_lossy(&c.args[at]).into_owned();
    let offset = parse_i64(&c.args[3]).and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.ok_or(errors::NOT_AN_INTEGER)?;
    let (history, address) = (text(2), text(4));
    let is_of_member = c.server.replication.replicas.is_of_member(&address);
    // One that has lost its memory gets the keys of others, not the other way round.
    if is_of_member && offset > 0 && Peer::of(c.server).is_new {
        return Err(Error::fixed("EARLIER this server has no keys, and the one that asks has"));
    }
    // It would take the keys of one that was replaced in the place of what the later one's replicas have acknowledged. By hand, between servers
    // of no member, that is what was asked for.
    if is_of_member && is_later(&history, &c.server.log.position().0) {
        replication::hear_of(c.server, &history);
        return Err(Error::fixed("EARLIER this server's log is of an earlier epoch than the one that asks"));
    }
    // One that has had no word of a primary of late may follow the asking one by way of others.
    let is_forsaken = |state: &Following| state.age_of_word(stamp()) > PATIENCE.as_millis() as u64;
    let has_no_log = |followed: &Followed| {
        followed.state.link() != Link::Up || followed.address == address || is_forsaken(&followed.state)
    };
    // One that takes over with this server's vote gets what it lacks.
    let takes_over = c.server.replication.voted_for().as_ref() == Some(&address);
    // Between two that it follows it has nobody's log either.
    let has_none = c.server.replication.followed().as_ref().map_or(!replication::leads(c.server), has_no_log);
    if !takes_over && has_none {
        // Else two that follow each other would both call that a primary's log.
        return Err(Error::fixed("NOMASTERLINK Can't SYNC while not connected with my master"));
    }
    let handover = Handover::Sync { history, offset, address };
    hand_over(c, handover)
}

/// RINGTAIL PRIMARY
pub(super) fn primary(c: &mut Call<'_, '_>) -> Done {
    if c.mode != Mode::Direct {
        return Err(ANOTHER);
    }
    if !replication::leads(c.server) {
        return Err(bound::not_primary(c.server));
    }
    c.session.bound.get_or_insert_with(Bound::new);
    c.session.client.bind();
    c.reply.ok();
    Ok(())
}

/// RINGTAIL PEER history
pub(super) fn peer(c: &mut Call<'_, '_>) -> Done {
    let history = String::from_utf8_lossy(&c.args[2]);
    replication::hear_of(c.server, &history);
    c.reply.simple(&Peer::of(c.server).to_string());
    Ok(())
}

/// RINGTAIL VOTE epoch address history
pub(super) fn vote(c: &mut Call<'_, '_>) -> Done {
    if c.mode != Mode::Direct {
        return Err(ANOTHER);
    }
    let epoch =
        parse_i64(&c.args[2]).and_then(|epoch| u32::try_from(epoch).ok()).ok_or(errors::NOT_AN_INTEGER)?;
    let address = std::str::from_utf8(&c.args[3]).map_err(|_| errors::SYNTAX)?;
    let server = c.server.itself()?;
    // Who leads an earlier log than the asking one was replaced, and votes.
    replication::hear_of(&server, &String::from_utf8_lossy(&c.args[4]));
    takeover::vote(&server, epoch, address)?;
    c.reply.simple(&Peer::of(&server).to_string());
    Ok(())
}

fn hand_over(c: &mut Call<'_, '_>, handover: Handover) -> Done {
    if c.mode != Mode::Direct {
        return Err(ANOTHER);
    }
    c.session.handover = Some(Box::new(handover));
    Ok(())
}

/// RINGTAIL ACK local|replica|quorum|default: how many copies this connection's writes must have before they are acknowledged.
pub(super) fn ack(c: &mut Call<'_, '_>) -> Done {
    let word = String::from_utf8_lossy(&c.args[2]).to_ascii_lowercase();
    let ack = match &word[..] {
        "default" => None,
        word => Some(Ack::named(word).ok_or(errors::SYNTAX)?),
    };
    c.session.set_ack(ack, c.server);
    c.reply.ok();
    Ok(())
}

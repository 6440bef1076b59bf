//! SLOWLOG and LATENCY, and what RINGTAIL tells of the pool: TOPOLOGY, MEMBERS, ROUTE, HOTKEYS, BIGKEYS.

use ringtail_cluster::{SLOTS, slot_of};
use ringtail_protocol::command::{CommandId, Found, find};
use ringtail_protocol::errors::{self, Error, SYNTAX};
use ringtail_protocol::number::parse_u64;
use ringtail_protocol::reply::Reply;
use ringtail_protocol::stats::{self, Observed};

use super::{Call, Done};
use crate::route::Request;
use crate::session::State;
use crate::shared::unix_time;
use crate::whole::servers;

/// Keys that HOTKEYS and BIGKEYS answer unless told otherwise.
const KEYS: usize = 10;

/// SLOWLOG and LATENCY.
pub(super) fn observed(call: &mut Call<'_>) -> Done {
    let (id, args, shared) = (call.request.command.executes(), call.request.args, &call.worker.shared);
    let seen = &shared.seen;
    let observed = Observed { stats: &seen.stats, slowlog: &seen.slowlog, latency: &seen.latency };
    let (now, mut answer) = (unix_time().as_millis() as u64, Vec::new());
    if !stats::answer(id, observed, &args, now, &mut Reply::new(&mut answer, call.state.resp))? {
        return Err(errors::INTERNAL);
    }
    call.state.reply(call.worker, |reply| reply.raw(&answer));
    Ok(())
}

/// A field of a map, and its value.
fn field(reply: &mut Reply<'_>, name: &str, value: impl AsRef<[u8]>) {
    reply.bulk(name.as_bytes());
    reply.bulk(value.as_ref());
}

/// A field of a map that is a number.
fn number(reply: &mut Reply<'_>, name: &str, value: u64) {
    reply.bulk(name.as_bytes());
    reply.int(value as i64);
}

/// RINGTAIL TOPOLOGY
pub(super) fn topology(call: &mut Call<'_>) -> Done {
    let topology = call.worker.topology();
    let counts = topology.slot_counts();
    call.state.reply(call.worker, |reply| {
        reply.map(3);
        number(reply, "epoch", topology.epoch());
        number(reply, "slots", SLOTS as u64);
        reply.bulk(b"members");
        reply.array(topology.members().len());
        for (member, slots) in topology.members().iter().zip(counts) {
            reply.map(5);
            field(reply, "name", &member.name);
            field(reply, "addr", member.addr.to_string());
            number(reply, "weight", u64::from(member.weight));
            number(reply, "slots", slots as u64);
            reply.bulk(b"replicas");
            reply.array(member.replicas.len());
            member.replicas.iter().for_each(|replica| reply.bulk(replica.to_string().as_bytes()));
        }
    });
    Ok(())
}

/// RINGTAIL ROUTE key [key …]
pub(super) fn route(call: &mut Call<'_>) -> Done {
    let (topology, keys) = (call.worker.topology(), call.request.args.from(2));
    call.state.reply(call.worker, |reply| {
        reply.array(keys.len());
        for key in keys.iter() {
            let slot = slot_of(key);
            let member = topology.owner(slot);
            reply.map(5);
            field(reply, "key", key);
            number(reply, "slot", u64::from(slot));
            field(reply, "member", &member.name);
            // Which of its servers leads is not the file's to say.
            let leads = call.worker.owner(slot).map(|member| member.leader.now());
            field(reply, "addr", leads.as_deref().unwrap_or_default());
            number(reply, "epoch", topology.epoch());
        }
    });
    Ok(())
}

/// RINGTAIL MEMBERS
pub(super) fn members(call: &mut Call<'_>) -> Done {
    let members = servers::standings(&call.worker.shared);
    call.state.reply(call.worker, |reply| {
        reply.array(members.len());
        for (name, member) in &members {
            let at = |percent| member.durations.percentile(percent);
            let texts = [
                ("name", &**name),
                ("addr", &*member.addr),
                ("state", member.state()),
                ("breaker", member.breaker()),
                ("last-error", &*member.last_error),
            ];
            let numbers = [
                ("lanes", member.lanes as u64),
                ("lanes-up", member.lanes_up as u64),
                ("in-flight", member.in_flight),
                ("requests", member.durations.total()),
                ("faults", member.faults),
                ("breaks", member.breaks),
                ("timeouts", member.timeouts),
                ("refused", member.refused),
                ("p50-usec", at(50.0)),
                ("p99-usec", at(99.0)),
                ("p99.9-usec", at(99.9)),
            ];
            reply.map(texts.len() + numbers.len());
            texts.iter().for_each(|(name, text)| field(reply, name, text));
            numbers.iter().for_each(|(name, value)| number(reply, name, *value));
        }
    });
    Ok(())
}

/// RINGTAIL HOTKEYS [COUNT count]
pub(super) fn hot_keys(call: &mut Call<'_>) -> Done {
    let count = count(call)?;
    let hot = call.worker.shared.seen.hot(count, call.worker.shared.micros());
    call.state.reply(call.worker, |reply| {
        reply.array(hot.len());
        for key in &hot {
            reply.map(3);
            field(reply, "key", &key.key);
            number(reply, "requests-per-second", key.rate.round() as u64);
            number(reply, "writes-percent", u64::from(key.writes));
        }
    });
    Ok(())
}

/// RINGTAIL BIGKEYS [COUNT count]
pub(super) fn big_keys(call: &mut Call<'_>) -> Done {
    let count = count(call)?;
    let big = call.worker.shared.seen.big(count);
    call.state.reply(call.worker, |reply| {
        reply.array(big.len());
        for key in &big {
            reply.map(4);
            field(reply, "key", &key.key);
            number(reply, "bytes", key.size as u64);
            field(reply, "seen-in", if key.is_write { "request" } else { "answer" });
            number(reply, "time", key.at);
        }
    });
    Ok(())
}

/// `[COUNT count]`
fn count(call: &Call<'_>) -> Result<usize, Error> {
    let args = call.request.args;
    match (args.len(), args.get(2), args.get(3)) {
        (2, ..) => Ok(KEYS),
        (4, Some(word), Some(count)) if word.eq_ignore_ascii_case(b"COUNT") => {
            parse_u64(count).map(|count| count as usize).ok_or(errors::NOT_AN_INTEGER)
        }
        _ => Err(SYNTAX),
    }
}

/// Whether the command is one of SLOWLOG's or LATENCY's.
pub(super) fn is_observed(id: CommandId) -> bool {
    let parent = id.command().parent;
    parent == Some(CommandId::Slowlog) || parent == Some(CommandId::Latency)
}

/// Whether the session's user may run the command that is to be explained; `Ok` for all other requests.
pub(super) fn may_explain(state: &State, request: &Request<'_>) -> Done {
    let inner = request.args.from(2);
    match (request.command.id, find(&inner)) {
        (CommandId::RingtailExplain, Found::Command(command)) => {
            state.may(command, &inner).map_err(|denied| denied.error(state.identity.user(), command))
        }
        _ => Ok(()),
    }
}

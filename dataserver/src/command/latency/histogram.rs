//! LATENCY HISTOGRAM: how many calls of a command took how long.

use crate::command::{Call, Done};
use crate::stats::Sum;
use crate::ticks;
use ringtail_protocol::command::{COMMANDS, Command, lookup};
use ringtail_protocol::reply::Reply;

/// LATENCY HISTOGRAM [command …]; a container stands for its subcommands too.
pub(in crate::command) fn histogram(c: &mut Call<'_, '_>) -> Done {
    let wanted: Vec<&'static Command> = match c.args.len() {
        2 => COMMANDS.iter().collect(),
        _ => c.args.from(2).iter().flat_map(named).collect(),
    };
    let sums: Vec<_> = wanted
        .into_iter()
        .map(|command| (command, c.server.stats.told(command).durations))
        .filter(|(_, durations)| durations.total() > 0)
        .collect();
    c.reply.map(sums.len());
    for (command, durations) in sums {
        c.reply.bulk(command.full_name.as_bytes());
        write(&durations, &mut c.reply);
    }
    Ok(())
}

/// The commands of a name: itself, and its subcommands.
fn named(name: &[u8]) -> Vec<&'static Command> {
    let command = match name.iter().position(|&byte| byte == b'|') {
        Some(bar) => lookup(&name[..bar]).and_then(|parent| parent.subcommand(&name[bar + 1..])),
        None => lookup(name),
    };
    command.map(|command| std::iter::once(command).chain(command.subcommands()).collect()).unwrap_or_default()
}

/// The number of calls, and for doubling bounds in microseconds how many took no longer. Bounds that add nothing are left out.
fn write(durations: &Sum, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(durations.total() as i64);
    reply.bulk(b"histogram_usec");
    let (mut points, mut before) = (Vec::new(), 0);
    for (micros, nanos) in bounds() {
        let within = durations.within((nanos as f64 / ticks::scale()) as u64);
        if within > before {
            points.push((micros, within));
        }
        before = within;
        if within == durations.total() {
            break;
        }
    }
    reply.map(points.len());
    for (micros, within) in points {
        reply.int(micros as i64);
        reply.int(within as i64);
    }
}

/// The bounds that Redis's histogram has: powers of two in nanoseconds, each a 128th more, told in microseconds.
fn bounds() -> impl Iterator<Item = (u64, u64)> {
    (10_u32..63).map(|power| (1_u64 << power) + (1 << (power - 7)) - 1).map(|nanos| (nanos / 1000, nanos))
}

#[cfg(test)]
mod tests {
    #[test]
    fn bounds_are_those_that_redis_has() {
        let micros: Vec<u64> = super::bounds().map(|(micros, _)| micros).take(12).collect();
        assert_eq!(micros, [1, 2, 4, 8, 16, 33, 66, 132, 264, 528, 1056, 2113]);
    }
}

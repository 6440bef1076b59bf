//! LATENCY HISTOGRAM: how many calls of a command took how long.

use crate::command::{Arguments, COMMANDS, Command, named};
use crate::reply::Reply;
use crate::stats::{Stats, Sum};

/// LATENCY HISTOGRAM [command …]; a container stands for its subcommands too.
pub(super) fn histogram<A: Arguments + ?Sized>(stats: &Stats, request: &A, reply: &mut Reply<'_>) {
    let wanted: Vec<&'static Command> = match request.count() {
        2 => COMMANDS.iter().collect(),
        count => (2..count).filter_map(|at| request.argument(at)).flat_map(with_subcommands).collect(),
    };
    let sums: Vec<_> = wanted
        .into_iter()
        .map(|command| (command, stats.told(command).durations))
        .filter(|(_, durations)| durations.total() > 0)
        .collect();
    reply.map(sums.len());
    for (command, durations) in sums {
        reply.bulk(command.full_name.as_bytes());
        write(stats, &durations, reply);
    }
}

/// The commands of a name: itself, and its subcommands.
fn with_subcommands(name: &[u8]) -> Vec<&'static Command> {
    named(name)
        .into_iter()
        .flat_map(|command| std::iter::once(command).chain(command.subcommands()))
        .collect()
}

/// The number of calls, and for doubling bounds in microseconds how many took no longer. Bounds that add nothing are left out.
fn write(stats: &Stats, durations: &Sum, reply: &mut Reply<'_>) {
    reply.map(2);
    reply.bulk(b"calls");
    reply.int(durations.total() as i64);
    reply.bulk(b"histogram_usec");
    let (mut points, mut before) = (Vec::new(), 0);
    for (micros, nanos) in bounds() {
        let within = durations.within(stats.ticks(nanos));
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

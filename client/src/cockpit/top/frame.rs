//! One picture: lines of text that fit a screen.

use anstyle::{AnsiColor, Style};

use crate::cockpit::members::Member;
use crate::cockpit::sample::{Calls, Counts, Sample, grown, hit_percent, rate};
use crate::cockpit::table::Table;
use crate::files::text::{count, key, printable, size};

const HEAD: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default();
const DIM: Style = AnsiColor::BrightBlack.on_default();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: usize,
    pub(super) height: usize,
}

/// By what members are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Name,
    Commands,
    Latency,
    Memory,
    Evictions,
}

/// A key that is asked for often.
#[derive(Debug, Clone)]
pub(super) struct HotKey {
    pub(super) key: Vec<u8>,
    /// Requests a second.
    pub(super) rate: u64,
    /// Of which in percent write.
    pub(super) writes: u64,
}

/// What is shown.
pub(super) struct View<'v> {
    pub(super) addr: &'v str,
    pub(super) before: &'v Sample,
    pub(super) now: &'v Sample,
    pub(super) hot: &'v [HotKey],
    pub(super) order: Order,
    pub(super) held: bool,
    /// Why the picture is old.
    pub(super) silent: Option<&'v str>,
    pub(super) colour: bool,
}

/// A line before it is cut and coloured.
struct Line(String, Style);

impl View<'_> {
    /// As many lines as there is room for, each no wider than the screen.
    pub(super) fn lines(&self, size: Size) -> Vec<String> {
        let mut lines = self.summary();
        let footer = Line(self.footer(), DIM);
        let room = size.height.saturating_sub(lines.len() + 1);
        let (members, commands, hot) = (self.members(), self.commands(), self.hot_keys());
        let rooms = share(room, [members.len(), commands.len(), hot.len()]);
        for (block, room) in [members, commands, hot].into_iter().zip(rooms) {
            if room >= 3 {
                lines.push(Line(String::new(), Style::new()));
                lines.extend(block.into_iter().take(room - 1));
            }
        }
        lines.truncate(size.height.saturating_sub(1));
        lines.push(footer);
        lines.into_iter().map(|line| self.cut(&line, size.width)).collect()
    }

    fn seconds(&self) -> f64 {
        (self.now.at - self.before.at).as_secs_f64()
    }

    fn rate(&self, pick: impl Fn(&Counts) -> u64) -> f64 {
        rate(0, pick(&grown(self.before, self.now)), self.seconds())
    }

    fn summary(&self) -> Vec<Line> {
        let now = self.now.whole();
        let kind = match &self.now.pool {
            Some(pool) => {
                let up = pool.members.iter().filter(|member| member.is_up()).count();
                format!("pool of {}, {up} up, epoch {}", pool.members.len(), pool.epoch)
            }
            None => "server".into(),
        };
        let limit = if now.maxmemory > 0 { format!(" of {}", size(now.maxmemory)) } else { String::new() };
        let sum = |text| self.now.known().mark(text);
        let hits =
            hit_percent(&grown(self.before, self.now)).map_or("-".into(), |hits| format!("{hits:.1} %"));
        vec![
            Line(format!("{}  {kind}  up {}", self.addr, uptime(self.now.uptime)), HEAD),
            Line(
                format!(
                    "commands {}/s  errors {}/s  hits {hits}  in {}/s  out {}/s",
                    whole(self.rate(|counts| counts.commands)),
                    whole(self.rate(|counts| counts.errors)),
                    size(self.rate(|counts| counts.received) as u64),
                    size(self.rate(|counts| counts.sent) as u64),
                ),
                Style::new(),
            ),
            Line(
                format!(
                    "clients {}  keys {}  memory {}  evicted {}/s  expired {}/s",
                    count(now.clients),
                    self.now.known_keys().mark(count(now.keys)),
                    sum(size(now.memory) + &limit),
                    sum(whole(self.rate(|counts| counts.evicted))),
                    sum(whole(self.rate(|counts| counts.expired))),
                ),
                Style::new(),
            ),
        ]
    }

    fn footer(&self) -> String {
        let old = self.silent.map_or(String::new(), |why| format!("OLD: {}  ", printable(why)));
        let silent = self.silent_members();
        let held = if self.held { "HELD  " } else { "" };
        let orders = "n name c commands l latency m memory e evictions";
        format!("{old}{silent}{held}q quits, space holds  sort: {orders}")
    }

    /// The first that can't be asked, and how many others.
    fn silent_members(&self) -> String {
        let Some((name, why)) = self.now.silent.first_key_value() else { return String::new() };
        let others = match self.now.silent.len() {
            1 => String::new(),
            n => format!(", nor {} others", n - 1),
        };
        format!("{name} can't be asked{others}: {}  ", printable(why))
    }

    fn members(&self) -> Vec<Line> {
        let Some(pool) = &self.now.pool else { return Vec::new() };
        let mut rows: Vec<MemberRow> = pool.members.iter().map(|member| self.member(member)).collect();
        rows.sort_by(|a, b| a.member.name.cmp(&b.member.name));
        match self.order {
            Order::Name => {}
            Order::Commands => rows.sort_by(|a, b| b.commands.total_cmp(&a.commands)),
            Order::Latency => {
                rows.sort_by(|a, b| b.member.p99.unwrap_or(0.0).total_cmp(&a.member.p99.unwrap_or(0.0)))
            }
            Order::Memory => {
                rows.sort_by_key(|row| std::cmp::Reverse(row.counts.map_or(0, |counts| counts.memory)))
            }
            Order::Evictions => {
                rows.sort_by(|a, b| b.evicted.unwrap_or(0.0).total_cmp(&a.evicted.unwrap_or(0.0)))
            }
        }
        let mut table = Table::new(&[
            "<member", "<state", "cmds/s", "hits", "p50", "p99", "memory", "used", "evict/s", "keys", "<addr",
        ]);
        rows.iter().for_each(|row| table.row(row.cells()));
        let bad = std::iter::once(false).chain(rows.iter().map(|row| !row.member.is_up()));
        styled(&table, bad)
    }

    fn member<'m>(&self, member: &'m Member) -> MemberRow<'m> {
        let counts = self.now.members.get(&member.name).copied();
        let was = self.before.members.get(&member.name);
        let known = self
            .before
            .pool
            .as_ref()
            .and_then(|pool| pool.members.iter().find(|was| was.name == member.name));
        MemberRow {
            member,
            commands: rate(
                known.map_or(member.requests, |known| known.requests),
                member.requests,
                self.seconds(),
            ),
            hits: was.zip(counts.as_ref()).and_then(|(was, now)| hit_percent(&was.grown(now))),
            evicted: was
                .zip(counts.as_ref())
                .map(|(was, now)| rate(was.evicted, now.evicted, self.seconds())),
            counts,
        }
    }

    fn commands(&self) -> Vec<Line> {
        let mut rows: Vec<(&str, f64, Calls, Calls)> = Vec::new();
        for (name, now) in &self.now.commands {
            let was = self.before.commands.get(name).copied().unwrap_or_default();
            let calls = rate(was.calls, now.calls, self.seconds());
            if calls > 0.0 {
                rows.push((name, calls, was, *now));
            }
        }
        rows.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
        let all: f64 = rows.iter().map(|row| row.1).sum();
        let mut table = Table::new(&["<command", "calls/s", "share", "average", "p50", "p99", "errors/s"]);
        let known = self.before.latencies.is_some() && self.now.latencies.is_some();
        for (name, calls, was, now) in &rows {
            let spent = rate(was.usec, now.usec, 1.0) / rate(was.calls, now.calls, 1.0).max(1.0);
            table.row(vec![
                (*name).to_owned(),
                whole(*calls),
                format!("{:.1} %", calls * 100.0 / all),
                usec(Some(spent)),
                usec(self.quantile(name, 0.5).or(now.p50.filter(|_| !known))),
                usec(self.quantile(name, 0.99).or(now.p99.filter(|_| !known))),
                whole(rate(was.failed, now.failed, self.seconds())),
            ]);
        }
        styled(&table, std::iter::repeat(false))
    }

    /// In microseconds, of the calls since the last look.
    fn quantile(&self, command: &str, share: f64) -> Option<f64> {
        self.now.latencies.as_ref()?.quantile(self.before.latencies.as_ref()?, command, share)
    }

    fn hot_keys(&self) -> Vec<Line> {
        if self.hot.is_empty() {
            return Vec::new();
        }
        let mut table = Table::new(&["requests/s", "writes", "<hot key"]);
        for hot in self.hot {
            table.row(vec![count(hot.rate), format!("{} %", hot.writes), key(&hot.key)]);
        }
        styled(&table, std::iter::repeat(false))
    }

    /// The line as it is shown: no wider than the screen, in its colour.
    fn cut(&self, line: &Line, width: usize) -> String {
        let Line(text, style) = line;
        let text: String = text.chars().take(width).collect();
        if self.colour && !text.is_empty() { format!("{style}{text}{style:#}") } else { text }
    }
}

struct MemberRow<'m> {
    member: &'m Member,
    commands: f64,
    hits: Option<f64>,
    evicted: Option<f64>,
    counts: Option<Counts>,
}

impl MemberRow<'_> {
    fn cells(&self) -> Vec<String> {
        let said = |show: fn(&Counts) -> String| self.counts.as_ref().map_or("?".into(), show);
        vec![
            self.member.name.clone(),
            self.member.state.clone(),
            whole(self.commands),
            self.hits.map_or("-".into(), |hits| format!("{hits:.1} %")),
            usec(self.member.p50),
            usec(self.member.p99),
            said(|counts| size(counts.memory)),
            said(|counts| match counts.maxmemory {
                0 => "-".into(),
                most => format!("{:.0} %", counts.memory as f64 * 100.0 / most as f64),
            }),
            self.evicted.map_or("?".into(), whole),
            said(|counts| count(counts.keys)),
            self.member.addr.clone(),
        ]
    }
}

fn styled(table: &Table, bad: impl Iterator<Item = bool>) -> Vec<Line> {
    let lines = table.lines().into_iter().enumerate().zip(bad);
    lines
        .map(|((number, text), bad)| {
            Line(
                text,
                if number == 0 {
                    HEAD
                } else if bad {
                    BAD
                } else {
                    Style::new()
                },
            )
        })
        .collect()
}

/// Lines for each block, the blank one before it included: each gets a part of its own, and what others leave.
fn share(room: usize, wanted: [usize; 3]) -> [usize; 3] {
    let wanted = wanted.map(|lines| if lines == 0 { 0 } else { lines + 1 });
    let mut given = [0; 3];
    let mut left = room;
    let mut open: Vec<usize> = (0..3).filter(|&block| wanted[block] > 0).collect();
    // Who wants less than its part leaves the rest to the others.
    while !open.is_empty() {
        let part = left / open.len();
        let content: Vec<usize> = open.iter().copied().filter(|&block| wanted[block] <= part).collect();
        if content.is_empty() {
            for (turn, &block) in open.iter().enumerate() {
                given[block] = part + usize::from(turn < left % open.len());
            }
            break;
        }
        for block in content {
            given[block] = wanted[block];
            left -= wanted[block];
            open.retain(|&other| other != block);
        }
    }
    given
}

fn whole(n: f64) -> String {
    count(n.round() as u64)
}

/// Microseconds, in the unit that fits.
fn usec(time: Option<f64>) -> String {
    match time {
        None => "-".into(),
        Some(time) if time < 1000.0 => format!("{time:.0} us"),
        Some(time) if time < 1_000_000.0 => format!("{:.1} ms", time / 1000.0),
        Some(time) => format!("{:.1} s", time / 1_000_000.0),
    }
}

fn uptime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;

//! `ringtail top`: a live screen.

mod frame;
mod terminal;

use std::io::{IsTerminal, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ringtail::{Client, Value};
use ringtail_net::Problem;
use ringtail_net::units::Time;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::members::MemberFlags;
use super::sample::{Sample, Watcher};
use super::value::{field, number};
use super::{Context, print};
use frame::{HotKey, Order, Size, View};
use terminal::Terminal;

pub(super) const EXAMPLES: &str = "\
Examples:
  ringtail top                       q or Ctrl-C ends it
  ringtail top --interval 5s
  ringtail top > now.txt             one picture, when stdout is no terminal

Keys: c members by commands, l by latency, m by memory, e by evictions, n by name; space holds the picture; q quits. Memory, hits and \
evictions of a pool are what its members say, so they must be reachable from here; with --member-tls and its like if they are spoken \
to in another way than the proxy. p50 and p99 are since the start, or CONFIG RESETSTAT.

Exit codes: 0 all is well, 1 an error, 2 wrong usage.";

/// Hot keys that are asked for.
const HOT: &str = "40";
/// The size of the picture where there is no terminal.
const PLAIN: Size = Size { width: 120, height: 60 };

#[derive(Debug, Args)]
pub(crate) struct TopTool {
    /// How long to wait between two pictures: 1s, 500ms
    #[arg(long, value_name = "TIME", default_value = "1s")]
    interval: Time,
    #[command(flatten)]
    members: MemberFlags,
}

pub(super) async fn run(tool: &TopTool, context: &Context<'_>) -> Result<ExitCode, Problem> {
    let client = context.client().await?;
    let watcher = Watcher::new(client.clone(), tool.members.options(context)?);
    let mut top = Top { context, client, watcher, order: Order::Name, held: false, shown: None };
    let wait = tool.interval.0.max(Duration::from_millis(100));
    if stdout().is_terminal() {
        top.live(wait).await?
    } else {
        top.once(wait).await?
    }
    Ok(ExitCode::SUCCESS)
}

struct Top<'c> {
    context: &'c Context<'c>,
    client: Client,
    watcher: Watcher,
    order: Order,
    held: bool,
    /// The last two looks, and the hot keys.
    shown: Option<(Sample, Sample, Vec<HotKey>)>,
}

#[derive(PartialEq, Eq)]
enum Next {
    Draw,
    Wait,
    Leave,
}

impl Top<'_> {
    async fn once(&mut self, wait: Duration) -> Result<(), Problem> {
        let before = self.look().await?;
        sleep(wait).await;
        let now = self.look().await?;
        let hot = self.hot_keys().await;
        self.shown = Some((before, now, hot));
        print(self.lines(PLAIN, false).join("\n") + "\n")
    }

    async fn live(&mut self, wait: Duration) -> Result<(), Problem> {
        let before = self.look().await?;
        let mut terminal = Terminal::enter()?;
        let unavailable = |error: std::io::Error| Problem::new(error.to_string(), "free some descriptors");
        let mut ended = signal(SignalKind::terminate()).map_err(unavailable)?;
        let mut resized = signal(SignalKind::window_change()).map_err(unavailable)?;
        // The first picture comes soon, with what little has happened until then.
        sleep(Duration::from_millis(100).min(wait)).await;
        self.next(before).await?;
        let mut ticks = interval(wait);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            terminal.draw(&self.lines(terminal.size(), self.context.settings.style.colour))?;
            tokio::select! {
                _ = ticks.tick() => if let Some((_, now, _)) = self.shown.clone().filter(|_| !self.held) {
                    self.next(now).await?;
                },
                key = terminal.key() => match key.map(|key| self.key(key)) {
                    Some(Next::Draw | Next::Wait) => {}
                    Some(Next::Leave) | None => return Ok(()),
                },
                _ = resized.recv() => {}
                _ = ended.recv() => return Ok(()),
                _ = tokio::signal::ctrl_c() => return Ok(()),
            }
        }
    }

    async fn next(&mut self, before: Sample) -> Result<(), Problem> {
        let now = self.look().await?;
        let hot = self.hot_keys().await;
        self.shown = Some((before, now, hot));
        Ok(())
    }

    async fn look(&mut self) -> Result<Sample, Problem> {
        self.watcher.look().await.map_err(|error| self.context.problem(&error))
    }

    /// What the proxy knows; nothing of other servers.
    async fn hot_keys(&self) -> Vec<HotKey> {
        let Ok(value) = self.client.cmd(["RINGTAIL", "HOTKEYS", "COUNT", HOT]).await else {
            return Vec::new();
        };
        let key = |found: &Value| HotKey {
            key: field(found, "key").and_then(Value::as_bytes).unwrap_or_default().to_vec(),
            rate: number(found, "requests-per-second"),
            writes: number(found, "writes-percent"),
        };
        value.as_array().unwrap_or_default().iter().map(key).collect()
    }

    fn key(&mut self, key: u8) -> Next {
        let order = match key {
            b'q' | b'Q' | 3 => return Next::Leave,
            b' ' => {
                self.held = !self.held;
                return Next::Draw;
            }
            b'n' => Order::Name,
            b'c' => Order::Commands,
            b'l' => Order::Latency,
            b'm' => Order::Memory,
            b'e' => Order::Evictions,
            _ => return Next::Wait,
        };
        self.order = order;
        Next::Draw
    }

    fn lines(&self, size: Size, colour: bool) -> Vec<String> {
        let Some((before, now, hot)) = &self.shown else { return Vec::new() };
        let addr = self.context.addr();
        View { addr, before, now, hot, order: self.order, held: self.held, colour }.lines(size)
    }
}

//! INFO: Redis's sections and fields, each with what is true here; exporters read them by name.

mod commands;
mod keyspace;
mod memory;
mod persistence;
mod server;
mod stats;

use super::{Call, Done};
use crate::server::Server;
use crate::store::view::View;
use std::fmt::{Display, Write};

/// What a section is written from.
struct About<'a, 's> {
    server: &'s Server,
    view: &'a mut View<'s>,
}

/// How a section is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// By its name, by `default` and by what asks for all.
    Always,
    /// By its name and by what asks for all.
    WhenAsked,
}

struct Section {
    title: &'static str,
    shown: Shown,
    write: fn(&mut Text, &mut About<'_, '_>),
}

const fn section(title: &'static str, write: fn(&mut Text, &mut About<'_, '_>)) -> Section {
    Section { title, shown: Shown::Always, write }
}

/// The sections, in the order in which they are shown.
const SECTIONS: [Section; 13] = [
    section("Server", server::server),
    section("Clients", server::clients),
    section("Memory", memory::memory),
    section("Persistence", persistence::persistence),
    section("Stats", stats::stats),
    section("Replication", server::replication),
    section("CPU", server::cpu),
    section("Modules", |_, _| {}),
    Section { shown: Shown::WhenAsked, ..section("Commandstats", commands::command_stats) },
    section("Errorstats", commands::error_stats),
    Section { shown: Shown::WhenAsked, ..section("Latencystats", commands::latency_stats) },
    section("Cluster", |text, _| text.put("cluster_enabled", 0)),
    section("Keyspace", keyspace::keyspace),
];

/// INFO [section …]
pub(super) fn info(c: &mut Call<'_, '_>) -> Done {
    let mut asked: Vec<String> =
        c.args.from(1).iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()).collect();
    if asked.is_empty() {
        asked.push("default".to_owned());
    }
    let (mut text, mut about) = (Text::default(), About { server: c.server, view: c.view });
    for section in SECTIONS.iter().filter(|section| section.is_asked(&asked)) {
        text.begin(section.title);
        (section.write)(&mut text, &mut about);
    }
    c.reply.verbatim(&text.0);
    Ok(())
}

impl Section {
    fn is_asked(&self, asked: &[String]) -> bool {
        asked.iter().any(|name| match &**name {
            "all" | "everything" => true,
            "default" => self.shown == Shown::Always,
            name => name.eq_ignore_ascii_case(self.title),
        })
    }
}

/// The lines of the answer.
#[derive(Default)]
struct Text(String);

impl Text {
    fn begin(&mut self, title: &str) {
        if !self.0.is_empty() {
            self.0.push_str("\r\n");
        }
        let _ = write!(self.0, "# {title}\r\n");
    }

    fn put(&mut self, field: &str, value: impl Display) {
        let _ = write!(self.0, "{field}:{value}\r\n");
    }

    /// A number of bytes, and the same as people read it.
    fn put_bytes(&mut self, field: &str, bytes: u64) {
        self.put(field, bytes);
        self.put(&format!("{field}_human"), human(bytes));
    }

    fn put_percent(&mut self, field: &str, part: u64, whole: u64) {
        self.put(field, format_args!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64));
    }
}

fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    let (mut n, mut unit) = (bytes as f64, "B");
    for next in UNITS {
        if n < 1024.0 {
            break;
        }
        (n, unit) = (n / 1024.0, next);
    }
    if unit == "B" { format!("{bytes}B") } else { format!("{n:.2}{unit}") }
}

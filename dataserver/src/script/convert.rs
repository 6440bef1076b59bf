//! Replies of commands as Lua's values, and Lua's values as replies, by Redis's tables.

use super::host::Host;
use super::library::text::whole;
use super::lua::{Kept, Kind, Lua, Raise};
use memchr::memchr;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};

/// Deepest nesting of a value that becomes a reply; a reader of replies stops there, too.
const MAX_DEPTH: usize = 1000;

/// The fields by which a table stands for something else than an array, kept so that looking for them is cheap.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    ok: Kept,
    err: Kept,
    double: Kept,
    big_number: Kept,
    verbatim: Kept,
    map: Kept,
    set: Kept,
}

impl Fields {
    pub(super) fn new(lua: &Lua) -> Self {
        let keep = |name: &str| {
            lua.push_bytes(name.as_bytes());
            lua.keep()
        };
        Self {
            ok: keep("ok"),
            err: keep("err"),
            double: keep("double"),
            big_number: keep("big_number"),
            verbatim: keep("verbatim_string"),
            map: keep("map"),
            set: keep("set"),
        }
    }
}

/// Pushes the value of one whole reply.
pub(super) fn push_reply(l: &Lua, reply: &[u8]) -> Result<(), Raise> {
    let mut reader = Reader { lua: l, rest: reply };
    reader.value()
}

struct Reader<'r> {
    lua: &'r Lua,
    rest: &'r [u8],
}

impl<'r> Reader<'r> {
    /// The next line without its end.
    fn line(&mut self) -> &'r [u8] {
        let end = memchr(b'\r', self.rest).unwrap_or(self.rest.len());
        let line = &self.rest[..end];
        self.rest = self.rest.get(end + 2..).unwrap_or_default();
        line
    }

    /// So many bytes, and the end of their line.
    fn bytes(&mut self, count: usize) -> &'r [u8] {
        let (bytes, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest.get(2..).unwrap_or_default();
        bytes
    }

    /// Pushes the next value. Replies are of our own making: what is no reply is nil.
    fn value(&mut self) -> Result<(), Raise> {
        let l = self.lua;
        if !l.check_stack(6) {
            return Err(l.error("reached lua stack limit"));
        }
        l.room(0)?;
        Host::of(l).tick(l)?;
        let Some((&kind, rest)) = self.rest.split_first() else {
            l.push_nil();
            return Ok(());
        };
        self.rest = rest;
        let line = self.line();
        let number = || parse_i64(line).unwrap_or(0);
        match (kind, usize::try_from(number())) {
            (b':', _) => l.push_number(number() as f64),
            (b'$', Ok(len)) => {
                l.room(len)?;
                l.push_bytes(self.bytes(len));
            }
            (b'*' | b'>', Ok(len)) => return self.array(len),
            (b'$' | b'*', Err(_)) => l.push_boolean(false),
            (b'+', _) => self.single("ok", |l| l.push_bytes(line)),
            (b'-', _) => super::api::push_command_error(l, line),
            (b'%', Ok(len)) => return self.pairs(len),
            (b'~', Ok(len)) => return self.set(len),
            (b'#', _) => l.push_boolean(line == b"t"),
            (b',', _) => {
                let n = super::library::text::read_number(line).map_or(0.0, |(n, _)| n);
                self.single("double", |l| l.push_number(n));
            }
            (b'(', _) => self.single("big_number", |l| l.push_bytes(line)),
            (b'=', Ok(len)) => {
                let text = self.bytes(len);
                self.single("verbatim_string", |l| push_verbatim(l, text));
            }
            (b'|', Ok(len)) => {
                (0..2 * len).try_for_each(|_| self.value().map(|()| l.pop(1)))?;
                return self.value();
            }
            _ => l.push_nil(),
        }
        Ok(())
    }

    /// A table with one field.
    fn single(&self, field: &str, push: impl Fn(&Lua)) {
        self.lua.push_table(0, 1);
        push(self.lua);
        self.lua.raw_set_field(-2, field);
    }

    fn array(&mut self, len: usize) -> Result<(), Raise> {
        self.lua.room(len.saturating_mul(16))?;
        self.lua.push_table(i32::try_from(len).unwrap_or(0), 0);
        for i in 1..=len {
            self.value()?;
            self.lua.raw_set_element(-2, i as i32);
        }
        Ok(())
    }

    fn pairs(&mut self, len: usize) -> Result<(), Raise> {
        let l = self.lua;
        l.push_table(0, 1);
        l.push_table(0, 0);
        for _ in 0..len {
            self.value()?;
            self.value()?;
            if l.kind(-2) == Kind::Nil { l.pop(2) } else { l.raw_set(-3) }
        }
        l.raw_set_field(-2, "map");
        Ok(())
    }

    fn set(&mut self, len: usize) -> Result<(), Raise> {
        let l = self.lua;
        l.push_table(0, 1);
        l.push_table(0, 0);
        for _ in 0..len {
            self.value()?;
            l.push_boolean(true);
            if l.kind(-2) == Kind::Nil { l.pop(2) } else { l.raw_set(-3) }
        }
        l.raw_set_field(-2, "set");
        Ok(())
    }
}

fn push_verbatim(l: &Lua, text: &[u8]) {
    l.push_table(0, 2);
    l.push_bytes(text.get(4..).unwrap_or_default());
    l.raw_set_field(-2, "string");
    l.push_bytes(text.get(..3).unwrap_or_default());
    l.raw_set_field(-2, "format");
}

/// Replies the value on top, and leaves it there. `script` is the version of the protocol that the script asked for.
pub(super) fn reply(l: &Lua, fields: &Fields, script: Resp, out: &mut Reply<'_>) {
    Writer { lua: l, fields, script, out, depth: 0 }.value();
}

struct Writer<'w, 'o> {
    lua: &'w Lua,
    fields: &'w Fields,
    script: Resp,
    out: &'w mut Reply<'o>,
    depth: usize,
}

impl Writer<'_, '_> {
    fn value(&mut self) {
        let l = self.lua;
        match l.kind(-1) {
            Kind::String => self.out.bulk(l.bytes(-1).unwrap_or_default()),
            Kind::Number => self.out.int(whole(l.number(-1))),
            Kind::Boolean => match (self.script, l.boolean(-1)) {
                (Resp::V2, true) => self.out.int(1),
                (Resp::V2, false) => self.out.null(),
                (Resp::V3, yes) => self.out.boolean(yes),
            },
            Kind::Table if self.depth < MAX_DEPTH && l.check_stack(4) => {
                self.depth += 1;
                self.table();
                self.depth -= 1;
            }
            Kind::Table => self.line(b'-', b"ERR reached lua stack limit"),
            _ => self.out.null(),
        }
    }

    /// Pushes a field of the table on top; false, and nothing is pushed, when it is of another type.
    #[inline]
    fn field(&self, field: Kept, kind: Kind) -> bool {
        self.lua.push_kept(field);
        self.lua.raw_get(-2);
        let found = self.lua.kind(-1) == kind;
        if !found {
            self.lua.pop(1);
        }
        found
    }

    fn table(&mut self) {
        let (l, fields) = (self.lua, *self.fields);
        if self.field(fields.err, Kind::String) {
            self.line(b'-', l.bytes(-1).unwrap_or_default());
        } else if self.field(fields.ok, Kind::String) {
            self.line(b'+', l.bytes(-1).unwrap_or_default());
        } else if self.field(fields.double, Kind::Number) {
            self.out.double(l.number(-1));
        } else if self.field(fields.big_number, Kind::String) {
            match self.out.resp() {
                Resp::V3 => self.line(b'(', l.bytes(-1).unwrap_or_default()),
                Resp::V2 => self.out.bulk(l.bytes(-1).unwrap_or_default()),
            }
        } else if self.field(fields.verbatim, Kind::Table) {
            if self.verbatim() {
                return;
            }
            l.pop(1);
            return self.collection();
        } else {
            return self.collection();
        }
        l.pop(1);
    }

    /// Line breaks become spaces.
    fn line(&mut self, kind: u8, text: &[u8]) {
        let clean: Vec<u8> =
            text.iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b }).collect();
        self.out.raw(&[kind]);
        self.out.raw(&clean);
        self.out.raw(b"\r\n");
    }

    /// Replies the table on top as a verbatim string and pops it, if it is one.
    fn verbatim(&mut self) -> bool {
        let l = self.lua;
        l.raw_get_field(-1, "format");
        l.raw_get_field(-2, "string");
        let is_one = l.kind(-1) == Kind::String && l.kind(-2) == Kind::String;
        if is_one {
            let (text, format) = (l.bytes(-1).unwrap_or_default(), l.bytes(-2).unwrap_or_default());
            match self.out.resp() {
                Resp::V2 => self.out.bulk(text),
                Resp::V3 => {
                    let mut three = *b"   ";
                    three.iter_mut().zip(format).for_each(|(to, from)| *to = *from);
                    self.out.raw(format!("={}\r\n", text.len() + 4).as_bytes());
                    [&three[..], b":", text, b"\r\n"].iter().for_each(|part| self.out.raw(part));
                }
            }
        }
        l.pop(if is_one { 3 } else { 2 });
        is_one
    }

    fn collection(&mut self) {
        let (l, fields) = (self.lua, *self.fields);
        if self.field(fields.map, Kind::Table) {
            self.out.map(self.count());
            l.push_nil();
            while l.next(-2) {
                l.push_value(-2);
                self.value();
                l.pop(1);
                self.value();
                l.pop(1);
            }
            l.pop(1);
        } else if self.field(fields.set, Kind::Table) {
            self.out.set(self.count());
            l.push_nil();
            while l.next(-2) {
                l.pop(1);
                l.push_value(-1);
                self.value();
                l.pop(1);
            }
            l.pop(1);
        } else {
            self.array();
        }
    }

    /// How many fields the table on top has.
    fn count(&self) -> usize {
        let mut count = 0;
        self.lua.push_nil();
        while self.lua.next(-2) {
            self.lua.pop(1);
            count += 1;
        }
        count
    }

    /// The elements from 1 to the first nil.
    fn array(&mut self) {
        let l = self.lua;
        let is_there = |i: i32| {
            l.raw_get_element(-1, i);
            let there = l.kind(-1) != Kind::Nil;
            l.pop(1);
            there
        };
        let count = (1..i32::MAX).take_while(|&i| is_there(i)).count();
        self.out.array(count);
        for i in 1..=count {
            l.raw_get_element(-1, i as i32);
            self.value();
            l.pop(1);
        }
    }
}

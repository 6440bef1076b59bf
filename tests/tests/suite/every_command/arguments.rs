//! Arguments that no client would send, and some that it would.

use super::catalogue::{Arg, Command};
use fastrand::Rng;

/// Numbers and what looks like them, at every edge that some command has.
const EDGES: &str = "0 -1 1 2 -2 3 10 -10 100 9223372036854775807 -9223372036854775808 9223372036854775808 \
    -9223372036854775809 18446744073709551615 18446744073709551616 4294967295 4294967296 4294967297 2147483647 \
    -2147483648 536870911 536870912 1048576 1000000000000 1e308 -1e308 1e309 1e-320 nan -nan inf +inf -inf -0 -0.0 \
    +5 007 5.0 1.5 0x1p3 (1 (inf [a ( [ - + * $ > 0-0 0-1 1-1 5-* \
    18446744073709551615-18446744073709551615 1-18446744073709551616";

/// Options of some command or other.
const OPTIONS: &str = "GET SET INCRBY OVERFLOW WRAP SAT FAIL u8 i64 u63 u64 #1 #9223372036854775807 BYTE BIT EX PX \
    EXAT PXAT KEEPTTL PERSIST NX XX GT LT CH INCR LIMIT BYSCORE BYLEX REV WITHSCORES WEIGHTS AGGREGATE SUM MIN MAX \
    COUNT MATCH TYPE NOVALUES STREAMS GROUP NOACK MAXLEN MINID ~ = NOMKSTREAM CREATE MKSTREAM ENTRIESREAD IDLE TIME \
    RETRYCOUNT FORCE JUSTID LASTID FROMMEMBER FROMLONLAT BYRADIUS BYBOX WITHCOORD STORE STOREDIST ANY ASC DESC BY \
    ALPHA FIELDS FNX FXX LEFT RIGHT BEFORE AFTER RANK LEN IDX MINMATCHLEN WITHMATCHLEN REPLACE ABSTTL FREQ IDLETIME \
    DB KEYS FULL AND OR XOR NOT WITHVALUES ASYNC SYNC HELP m km";

/// What keys are called by: one prefix for each type, so that commands meet their own type as well as others'.
const KEYS: [&str; 10] = ["s", "b", "l", "h", "S", "z", "g", "x", "p", "none"];

/// Scripts, each with what may go wrong in it.
const SCRIPTS: [&str; 9] = [
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "return {1, 2.5, {3, 'a', false, nil, 5}, {double = 3.5}}",
    "return cjson.decode(ARGV[1])",
    "return cmsgpack.unpack(ARGV[1])",
    "return struct.unpack(ARGV[1], ARGV[2])",
    "return bit.tohex(tonumber(ARGV[1]))",
    "redis.setresp(3) return redis.call(unpack(ARGV))",
    "error(ARGV[1])",
];

/// Makes requests. What is dumped may be handed back to it, for RESTORE.
pub(super) struct Maker {
    pub(super) random: Rng,
    edges: Vec<&'static str>,
    options: Vec<&'static str>,
    pub(super) dumped: Vec<Vec<u8>>,
    /// What keys of the command's own type begin with.
    home: &'static str,
}

/// What keys of a command's own type begin with, by its name.
fn home(command: &str) -> &'static str {
    let starts = |of: &[&str]| of.iter().any(|start| command.starts_with(start));
    match () {
        () if starts(&["geo"]) => "g",
        () if starts(&["pf"]) => "p",
        () if starts(&["bit", "setbit", "getbit"]) => "b",
        () if starts(&["sa", "sc", "sd", "si", "sm", "sp", "sr", "su"]) => "S",
        () if starts(&["h"]) => "h",
        () if starts(&["z", "bz"]) => "z",
        () if starts(&["x"]) => "x",
        () if starts(&["l", "r", "bl", "br"]) => "l",
        () => "s",
    }
}

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        let (edges, options) = (EDGES.split_whitespace().collect(), OPTIONS.split_whitespace().collect());
        Self { random: Rng::with_seed(seed), edges, options, dumped: Vec::new(), home: "s" }
    }

    /// Whether something happens that happens so often out of a hundred times.
    pub(super) fn percent(&mut self, often: u32) -> bool {
        self.random.u32(..100) < often
    }

    /// A request, most often as documented, or nearly.
    pub(super) fn request(&mut self, command: &Command) -> Vec<Vec<u8>> {
        let mut args = Vec::new();
        self.home = home(&command.name());
        if !command.args.is_empty() && self.percent(70) {
            self.documented(&command.args, &mut args);
            self.spoil(&mut args);
        } else {
            self.any(command, &mut args);
        }
        if self.percent(3) {
            args.extend_from_within(..);
        }
        self.tame(&command.name(), &mut args);
        [command.words.clone(), args].concat()
    }

    fn documented(&mut self, args: &[Arg], into: &mut Vec<Vec<u8>>) {
        for arg in args {
            if arg.optional && self.percent(60) {
                continue;
            }
            let times = if arg.multiple { [1, 1, 1, 2, 3, 8][self.random.usize(..6)] } else { 1 };
            for time in 0..times {
                if time == 0 || arg.multiple_token {
                    into.extend(arg.token.clone());
                }
                self.value(arg, into);
            }
        }
    }

    fn value(&mut self, arg: &Arg, into: &mut Vec<Vec<u8>>) {
        match &*arg.kind {
            "oneof" => {
                let chosen = self.random.usize(..arg.of.len());
                self.documented(&arg.of[chosen..=chosen], into);
            }
            "block" => self.documented(&arg.of, into),
            "pure-token" => {}
            "key" => into.push(self.key()),
            "integer" | "double" | "unix-time" => into.push(self.number()),
            _ => into.push(self.anything()),
        }
    }

    /// One argument lost, put in or changed, now and then.
    fn spoil(&mut self, args: &mut Vec<Vec<u8>>) {
        let what = self.random.u32(..100);
        if args.is_empty() || what >= 25 {
            return;
        }
        let at = self.random.usize(..args.len());
        match what {
            0..8 => drop(args.remove(at)),
            8..16 => args.insert(at, self.anything()),
            _ => args[at] = self.anything(),
        }
    }

    fn any(&mut self, command: &Command, args: &mut Vec<Vec<u8>>) {
        let more = if command.more { self.random.usize(..6) } else { 0 };
        let count = if self.percent(20) { self.random.usize(..5) } else { command.least + more };
        for i in 0..count {
            args.push(if i == 0 { self.key() } else { self.anything() });
        }
    }

    /// What must not wait for long is given a short time-out; scripts and payloads are such that get somewhere.
    fn tame(&mut self, name: &str, args: &mut Vec<Vec<u8>>) {
        let time = [&b"0.01"[..], b"0.001", b"-1", b"nan", b"1e-300"][self.random.usize(..5)].to_vec();
        match name {
            "blpop" | "brpop" | "brpoplpush" | "blmove" | "bzpopmin" | "bzpopmax" => args.extend([time]),
            "blmpop" | "bzmpop" => args.insert(0, time),
            "xread" | "xreadgroup" => {
                for at in 1..args.len() {
                    if args[at - 1].eq_ignore_ascii_case(b"BLOCK") {
                        args[at] = b"5".to_vec();
                    }
                }
            }
            "eval" | "eval_ro" if self.percent(80) => {
                args.splice(..2.min(args.len()), [self.script(), b"0".to_vec()]);
            }
            "restore" if !self.dumped.is_empty() && self.percent(80) => {
                *args = vec![self.key(), b"0".to_vec(), self.payload(), b"REPLACE".to_vec()];
            }
            _ => {}
        }
    }

    fn script(&mut self) -> Vec<u8> {
        SCRIPTS[self.random.usize(..SCRIPTS.len())].into()
    }

    fn payload(&mut self) -> Vec<u8> {
        let mut payload = self.dumped[self.random.usize(..self.dumped.len())].clone();
        if self.percent(50) && !payload.is_empty() {
            let at = self.random.usize(..payload.len());
            payload[at] = self.random.u8(..);
        }
        payload
    }

    pub(super) fn key(&mut self) -> Vec<u8> {
        let prefix = if self.percent(50) { self.home } else { KEYS[self.random.usize(..KEYS.len())] };
        format!("{prefix}{}", self.random.u8(..3)).into_bytes()
    }

    fn number(&mut self) -> Vec<u8> {
        if self.percent(50) { self.edge() } else { self.random.i32(-2..6).to_string().into_bytes() }
    }

    fn edge(&mut self) -> Vec<u8> {
        self.edges[self.random.usize(..self.edges.len())].into()
    }

    fn anything(&mut self) -> Vec<u8> {
        match self.random.u32(..100) {
            0..30 => self.key(),
            30..55 => self.edge(),
            55..75 => self.options[self.random.usize(..self.options.len())].into(),
            75..85 => format!("m{}", self.random.u8(..20)).into_bytes(),
            85..88 => [&b""[..], b" 5", b"5 ", b"\0", b"1\x002"][self.random.usize(..5)].to_vec(),
            88..91 => [&b"*"[..], b"[a-", b"\\", b"m[^", b"?*"][self.random.usize(..5)].to_vec(),
            91..96 => (0..self.random.usize(..20)).map(|_| self.random.u8(..)).collect(),
            _ => vec![b'x'; [63, 64, 65, 512, 70_000][self.random.usize(..5)]],
        }
    }

    /// A request that fills a key with what its name promises.
    pub(super) fn fill(&mut self) -> Vec<Vec<u8>> {
        let at = self.random.u8(..3);
        let many = [1, 5, 300][usize::from(at)];
        let each = |f: &dyn Fn(usize) -> String| (0..many).map(f).collect::<Vec<_>>().join(" ");
        let line = match self.random.u32(..11) {
            0 => format!("SET s{at} {}", [7, -1, 300][usize::from(at)]),
            1 => format!("SETBIT b{at} {} 1", many * 10),
            2 => format!("RPUSH l{at} {}", each(&|i| format!("{i}"))),
            3 => format!("HSET h{at} {}", each(&|i| format!("m{i} {i}"))),
            4 => format!("HPEXPIRE h{at} 20 FIELDS 2 m0 m1"),
            5 => format!("SADD S{at} {}", each(&|i| if at == 1 { format!("m{i}") } else { format!("{i}") })),
            6 => format!("ZADD z{at} {}", each(&|i| format!("{i} m{i}"))),
            7 => {
                format!("GEOADD g{at} {}", each(&|i| format!("{i}.5 {} m{i}", i % 80)).replace("300.5", "1"))
            }
            8 => format!("XADD x{at} * m1 v"),
            9 => format!("XGROUP CREATE x{at} m1 0 MKSTREAM"),
            _ => format!("PFADD p{at} {}", each(&|i| format!("m{i}"))),
        };
        line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
    }
}

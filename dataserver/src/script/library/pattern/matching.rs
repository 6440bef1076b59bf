//! Matching one pattern at one place.

use crate::script::host::Host;
use crate::script::lua::{Lua, Raise, Results};

/// Most captures of a pattern.
const MAX_CAPTURES: usize = 32;
/// Most items of a pattern that wait for the rest of it to match, so that the stack is bounded.
const MAX_DEPTH: usize = 200;

/// A part of the text that a pattern has in parentheses.
#[derive(Clone, Copy)]
enum Capture {
    /// Its end is still to come.
    Open(usize),
    /// From and to.
    Text(usize, usize),
    /// `()`: only where it is.
    Position(usize),
}

/// Where a match ends, if there is one.
type End = Result<Option<usize>, Raise>;

pub(super) struct Matcher<'l> {
    pub(super) lua: &'l Lua,
    pub(super) text: &'l [u8],
    pattern: &'l [u8],
    captures: [Capture; MAX_CAPTURES],
    count: usize,
    depth: usize,
}

impl<'l> Matcher<'l> {
    pub(super) fn new(lua: &'l Lua, text: &'l [u8], pattern: &'l [u8]) -> Self {
        Self { lua, text, pattern, captures: [Capture::Position(0); MAX_CAPTURES], count: 0, depth: 0 }
    }

    /// Where the match that starts at `start` ends.
    pub(super) fn at(&mut self, start: usize) -> End {
        (self.count, self.depth) = (0, 0);
        self.rest(start, 0)
    }

    #[cold]
    fn malformed(&self, why: &str) -> Raise {
        self.lua.error(why)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.pattern.get(at).copied()
    }

    /// Matches the pattern from `p` on with the text from `s` on.
    fn rest(&mut self, s: usize, p: usize) -> End {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.malformed("pattern too complex"));
        }
        let end = self.items(s, p);
        self.depth -= 1;
        end
    }

    fn items(&mut self, mut s: usize, mut p: usize) -> End {
        loop {
            Host::of(self.lua).tick(self.lua)?;
            let Some(item) = self.byte(p) else { return Ok(Some(s)) };
            match (item, self.byte(p + 1)) {
                (b'(', Some(b')')) => return self.open(s, p + 2, Capture::Position(s)),
                (b'(', _) => return self.open(s, p + 1, Capture::Open(s)),
                (b')', _) => return self.close(s, p + 1),
                (b'$', None) => return Ok((s == self.text.len()).then_some(s)),
                (b'%', Some(b'b')) => match self.balanced(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(after) => p = after,
                    None => return Ok(None),
                },
                (b'%', Some(digit @ b'0'..=b'9')) => match self.again(s, digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let after = self.class_end(p)?;
                    match self.byte(after) {
                        Some(b'?') => {
                            if self.single(s, p, after)
                                && let Some(end) = self.rest(s + 1, after + 1)?
                            {
                                return Ok(Some(end));
                            }
                            p = after + 1;
                        }
                        Some(b'*') => return self.most(s, p, after, 0),
                        Some(b'+') => return self.most(s, p, after, 1),
                        Some(b'-') => return self.least(s, p, after),
                        _ if self.single(s, p, after) => (s, p) = (s + 1, after),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    /// One past the end of the class that begins at `p`.
    fn class_end(&self, p: usize) -> Result<usize, Raise> {
        match self.byte(p) {
            Some(b'%') if self.byte(p + 1).is_none() => {
                Err(self.malformed("malformed pattern (ends with '%')"))
            }
            Some(b'%') => Ok(p + 2),
            Some(b'[') => {
                let mut at = p + 1 + usize::from(self.byte(p + 1) == Some(b'^'));
                loop {
                    // A bracket right at the start is one of the set.
                    at += match self.byte(at) {
                        None => return Err(self.malformed("malformed pattern (missing ']')")),
                        Some(b'%') if at + 1 < self.pattern.len() => 2,
                        Some(_) => 1,
                    };
                    if self.byte(at) == Some(b']') {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the class from `p` to `after` has the byte at `s`.
    fn single(&self, s: usize, p: usize, after: usize) -> bool {
        let Some(&c) = self.text.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(c, self.pattern[p + 1]),
            b'[' => self.in_set(c, p, after - 1),
            literal => literal == c,
        }
    }

    /// Whether the set from the bracket at `p` to the one at `end` has a byte.
    fn in_set(&self, c: u8, p: usize, end: usize) -> bool {
        let negated = self.byte(p + 1) == Some(b'^');
        let mut at = p + 1 + usize::from(negated);
        while at < end {
            let first = self.pattern[at];
            if first == b'%' {
                at += 1;
                if at < self.pattern.len() && in_class(c, self.pattern[at]) {
                    return !negated;
                }
                at += 1;
            } else if self.byte(at + 1) == Some(b'-') && at + 2 < end {
                if (first..=self.pattern[at + 2]).contains(&c) {
                    return !negated;
                }
                at += 3;
            } else {
                if first == c {
                    return !negated;
                }
                at += 1;
            }
        }
        negated
    }

    /// As many of a class as there are, and fewer as long as the rest does not match.
    fn most(&mut self, s: usize, p: usize, after: usize, least: usize) -> End {
        let mut count = 0;
        while self.single(s + count, p, after) {
            count += 1;
            Host::of(self.lua).tick(self.lua)?;
        }
        loop {
            if count < least {
                return Ok(None);
            }
            if let Some(end) = self.rest(s + count, after + 1)? {
                return Ok(Some(end));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// As few of a class as let the rest match.
    fn least(&mut self, mut s: usize, p: usize, after: usize) -> End {
        loop {
            if let Some(end) = self.rest(s, after + 1)? {
                return Ok(Some(end));
            }
            if !self.single(s, p, after) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, capture: Capture) -> End {
        if self.count >= MAX_CAPTURES {
            return Err(self.malformed("too many captures"));
        }
        self.captures[self.count] = capture;
        self.count += 1;
        let end = self.rest(s, p)?;
        if end.is_none() {
            self.count -= 1;
        }
        Ok(end)
    }

    fn close(&mut self, s: usize, p: usize) -> End {
        let is_open = |capture: &Capture| matches!(capture, Capture::Open(_));
        let Some(which) = self.captures[..self.count].iter().rposition(is_open) else {
            return Err(self.malformed("invalid pattern capture"));
        };
        let Capture::Open(start) = self.captures[which] else { return Ok(None) };
        self.captures[which] = Capture::Text(start, s);
        let end = self.rest(s, p)?;
        if end.is_none() {
            self.captures[which] = Capture::Open(start);
        }
        Ok(end)
    }

    /// `%bxy`: from an x to the y that closes it.
    fn balanced(&self, s: usize, p: usize) -> End {
        let (Some(opening), Some(closing)) = (self.byte(p), self.byte(p + 1)) else {
            return Err(self.malformed("unbalanced pattern"));
        };
        if self.text.get(s) != Some(&opening) {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for (i, &c) in self.text.iter().enumerate().skip(s + 1) {
            Host::of(self.lua).tick(self.lua)?;
            if c == closing {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(i + 1));
                }
            } else if c == opening {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: between a byte that is not in the set and one that is. Where the pattern goes on.
    fn frontier(&self, s: usize, p: usize) -> End {
        if self.byte(p) != Some(b'[') {
            return Err(self.malformed("missing '[' after '%f' in pattern"));
        }
        let after = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.text[s - 1] };
        let now = self.text.get(s).copied().unwrap_or(0);
        let at_edge = !self.in_set(before, p, after - 1) && self.in_set(now, p, after - 1);
        Ok(at_edge.then_some(after))
    }

    /// `%1`: what was captured before, again.
    fn again(&self, s: usize, digit: u8) -> End {
        let which = usize::from(digit).wrapping_sub(usize::from(b'1'));
        match self.captures[..self.count].get(which) {
            Some(&Capture::Text(from, to)) => {
                let wanted = &self.text[from..to];
                Ok(self.text[s..].starts_with(wanted).then_some(s + wanted.len()))
            }
            Some(Capture::Position(_)) => Ok(None),
            _ => Err(self.malformed("invalid capture index")),
        }
    }

    /// Pushes all captures, or the whole match when there are none and it is given.
    pub(super) fn push_captures(&self, whole: Option<(usize, usize)>) -> Results {
        let count = if self.count == 0 && whole.is_some() { 1 } else { self.count };
        if !self.lua.check_stack(count as i32 + 2) {
            return Err(self.malformed("stack overflow (too many captures)"));
        }
        for i in 0..count {
            self.push_capture(i, whole.unwrap_or((0, 0)))?;
        }
        Ok(count as i32)
    }

    /// Pushes one capture; the first is the whole match when there are none.
    pub(super) fn push_capture(&self, i: usize, whole: (usize, usize)) -> Result<(), Raise> {
        match self.captures[..self.count].get(i) {
            None if i == 0 => self.lua.push_bytes(&self.text[whole.0..whole.1]),
            None => return Err(self.malformed("invalid capture index")),
            Some(&Capture::Text(from, to)) => self.lua.push_bytes(&self.text[from..to]),
            Some(&Capture::Position(at)) => self.lua.push_number((at + 1) as f64),
            Some(Capture::Open(_)) => return Err(self.malformed("unfinished capture")),
        }
        self.lua.room(0)
    }
}

/// Whether a byte is of the class of this letter; a capital is its contrary.
fn in_class(c: u8, class: u8) -> bool {
    let is = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        b'z' => c == 0,
        _ => return class == c,
    };
    is != class.is_ascii_uppercase()
}

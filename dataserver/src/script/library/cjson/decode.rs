//! JSON as Lua's values. Like the original it takes more than JSON: hexadecimal numbers, `nan`, `inf`.

use super::{Settings, settings};
use crate::script::host::Host;
use crate::script::library::text::read_number;
use crate::script::lua::{Lua, Raise, Results};

/// `cjson.decode(text)`
pub(super) fn decode(l: &Lua) -> Results {
    if l.top() != 1 {
        return Err(l.bad_argument(1, "expected 1 argument"));
    }
    let text = l.check_bytes(1)?;
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(l.error("JSON parser does not support UTF-16 or UTF-32"));
    }
    let string = Host::of(l).take_buffer();
    let mut decoder =
        Decoder { lua: l, settings: settings(l).get(), text, at: 0, start: 0, depth: 0, string };
    let done = decoder.whole();
    Host::of(l).give_buffer(decoder.string);
    done.map(|()| 1)
}

/// What the text is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its bytes are in `Decoder::string`.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    /// The word for it in errors.
    fn name(self) -> &'static str {
        match self {
            Self::ObjectBegin => "T_OBJ_BEGIN",
            Self::ObjectEnd => "T_OBJ_END",
            Self::ArrayBegin => "T_ARR_BEGIN",
            Self::ArrayEnd => "T_ARR_END",
            Self::String => "T_STRING",
            Self::Number(_) => "T_NUMBER",
            Self::Boolean(_) => "T_BOOLEAN",
            Self::Null => "T_NULL",
            Self::Colon => "T_COLON",
            Self::Comma => "T_COMMA",
            Self::End => "T_END",
            Self::Wrong(what) => what,
        }
    }
}

struct Decoder<'l> {
    lua: &'l Lua,
    settings: Settings,
    text: &'l [u8],
    at: usize,
    /// Where the last token was, for errors.
    start: usize,
    depth: i32,
    string: Vec<u8>,
}

impl Decoder<'_> {
    fn whole(&mut self) -> Result<(), Raise> {
        let token = self.token();
        self.value(token)?;
        match self.token() {
            Token::End => Ok(()),
            other => Err(self.expected("the end", other)),
        }
    }

    #[cold]
    fn expected(&self, what: &str, found: Token) -> Raise {
        let at = self.start + 1;
        self.lua.error(&format!("Expected {what} but found {} at character {at}", found.name()))
    }

    /// Pushes the value that begins with this token.
    fn value(&mut self, token: Token) -> Result<(), Raise> {
        let l = self.lua;
        match token {
            Token::String => l.push_bytes(&self.string),
            Token::Number(n) => l.push_number(n),
            Token::Boolean(yes) => l.push_boolean(yes),
            Token::Null => l.push_userdata(std::ptr::null_mut()),
            Token::ObjectBegin => return self.object(),
            Token::ArrayBegin => return self.array(),
            other => return Err(self.expected("value", other)),
        }
        l.room(0)?;
        Host::of(l).tick(l)
    }

    fn descend(&mut self) -> Result<(), Raise> {
        self.depth += 1;
        if self.depth <= self.settings.decode_depth && self.lua.check_stack(3) {
            return Ok(());
        }
        let (depth, at) = (self.depth, self.at);
        Err(self.lua.error(&format!("Found too many nested data structures ({depth}) at character {at}")))
    }

    fn object(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.token();
        if token != Token::ObjectEnd {
            loop {
                if token != Token::String {
                    return Err(self.expected("object key string", token));
                }
                self.lua.push_bytes(&self.string);
                match self.token() {
                    Token::Colon => {}
                    other => return Err(self.expected("colon", other)),
                }
                let value = self.token();
                self.value(value)?;
                self.lua.raw_set(-3);
                match self.token() {
                    Token::ObjectEnd => break,
                    Token::Comma => {}
                    other => return Err(self.expected("comma or object end", other)),
                }
                token = self.token();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.lua.push_table(0, 0);
        let mut token = self.token();
        if token != Token::ArrayEnd {
            for i in 1.. {
                self.value(token)?;
                self.lua.raw_set_element(-2, i);
                match self.token() {
                    Token::ArrayEnd => break,
                    Token::Comma => {}
                    other => return Err(self.expected("comma or array end", other)),
                }
                token = self.token();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The byte `ahead` of where we are; 0 at the end, as in a C string.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.start = self.at;
        let single = match self.peek(0) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => return self.number(),
            b'f' | b'i' | b'I' | b'n' | b'N' | b't' | b'+' => return self.word(),
            _ => return self.wrong("invalid token"),
        };
        self.at += 1;
        single
    }

    fn wrong(&mut self, what: &'static str) -> Token {
        self.start = self.at;
        Token::Wrong(what)
    }

    fn word(&mut self) -> Token {
        for (word, token) in
            [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)]
        {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        if self.settings.decode_invalid && self.is_invalid_number() {
            return self.any_number();
        }
        self.wrong("invalid token")
    }

    fn number(&mut self) -> Token {
        if !self.settings.decode_invalid && self.is_invalid_number() {
            return self.wrong("invalid number");
        }
        self.any_number()
    }

    fn any_number(&mut self) -> Token {
        match read_number(&self.text[self.at..]) {
            Some((n, length)) => {
                self.at += length;
                Token::Number(n)
            }
            None => self.wrong("invalid number"),
        }
    }

    /// Whether a number is in a form that strict JSON has not.
    fn is_invalid_number(&self) -> bool {
        let rest = &self.text[self.at..];
        let digits = rest.strip_prefix(b"-").unwrap_or(rest);
        let begins = |word: &[u8]| digits.get(..3).is_some_and(|three| three.eq_ignore_ascii_case(word));
        match digits {
            _ if rest.starts_with(b"+") => true,
            [b'0', next, ..] => next.eq_ignore_ascii_case(&b'x') || next.is_ascii_digit(),
            [first, ..] if *first <= b'9' => false,
            _ => begins(b"inf") || begins(b"nan"),
        }
    }

    fn string(&mut self) -> Token {
        self.at += 1;
        self.string.clear();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0)).unwrap_or(rest.len());
            self.string.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.peek(0) {
                b'"' => {
                    self.at += 1;
                    return Token::String;
                }
                b'\\' => {
                    if let Err(what) = self.escape() {
                        return self.wrong(what);
                    }
                }
                _ => return self.wrong("unexpected end of string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), &'static str> {
        let byte = match self.peek(1) {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => return self.unicode().ok_or("invalid unicode escape code"),
            _ => return Err("invalid escape code"),
        };
        self.string.push(byte);
        self.at += 2;
        Ok(())
    }

    /// `\uXXXX`, or two of them for what is beyond 16 bits.
    fn unicode(&mut self) -> Option<()> {
        let (mut code, mut length) = (self.hex4(2)?, 6);
        if code & 0xf800 == 0xd800 {
            if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
                return None;
            }
            let low = self.hex4(8)?;
            if low & 0xfc00 != 0xdc00 {
                return None;
            }
            code = ((code & 0x3ff) << 10 | low & 0x3ff) + 0x1_0000;
            length = 12;
        }
        let mut utf8 = [0; 4];
        self.string.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut utf8).as_bytes());
        self.at += length;
        Some(())
    }

    fn hex4(&self, ahead: usize) -> Option<u32> {
        (ahead..ahead + 4).try_fold(0, |code, i| Some(code << 4 | (self.peek(i) as char).to_digit(16)?))
    }
}

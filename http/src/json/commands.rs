//! Commands as JSON arrays, turned into requests as they are read: nothing is kept of them but the bytes that go out.

use std::fmt;
use std::ops::Range;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ringtail_protocol::number::write_f64;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use crate::api::refuse;
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// What a body has: one command, `["GET","k"]`, or several, `[["GET","k"],…]`.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) requests: Requests,
    /// Whether they came as a list, and are to be answered as one.
    pub(crate) is_list: bool,
    /// Why it is no good although it is JSON of the right form.
    refused: Option<Problem>,
}

/// The commands of a JSON text.
///
/// # Errors
/// It is no JSON, or not of this form, or has commands that can't be run by HTTP.
pub(crate) fn parse(text: &[u8]) -> Result<Body, Problem> {
    let mut maker = Maker::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = Outer(&mut maker).deserialize(&mut json).and_then(|()| json.end());
    if let Some(problem) = maker.body.refused {
        return Err(problem);
    }
    read.map_err(|error| Problem::bad(format!("the body is not what it should be: {error}")))?;
    Ok(maker.body)
}

/// Makes requests of what comes.
#[derive(Default)]
struct Maker {
    body: Body,
    /// The arguments of the present command, one behind the other.
    bytes: Vec<u8>,
    args: Vec<Range<usize>>,
    /// Of all commands.
    all_args: usize,
}

impl Maker {
    fn end_arg(&mut self, from: usize) -> Result<(), String> {
        self.args.push(from..self.bytes.len());
        self.all_args += 1;
        match self.all_args > limits::ARGUMENTS {
            true => Err(format!("more than {} arguments", limits::ARGUMENTS)),
            false => Ok(()),
        }
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.end_arg(from)
    }

    fn end_command(&mut self) -> Result<(), String> {
        let args: Vec<&[u8]> = self.args.iter().map(|range| &self.bytes[range.clone()]).collect();
        if self.body.requests.count >= limits::COMMANDS {
            let detail = format!("more than {} commands in one request", limits::COMMANDS);
            self.body.refused = Some(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "TOOLARGE", detail));
        } else if let Err(problem) = refuse::check(&args) {
            self.body.refused = Some(problem);
        } else {
            self.body.requests.push(&args);
        }
        self.bytes.clear();
        self.args.clear();
        match self.body.refused {
            Some(_) => Err(String::new()),
            None => Ok(()),
        }
    }
}

/// The whole.
struct Outer<'m>(&'m mut Maker);
/// A command, or an argument of the only one.
struct Either<'m>(&'m mut Maker);
/// An argument.
struct Argument<'m>(&'m mut Maker);

impl<'de> DeserializeSeed<'de> for Outer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Outer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command such as [\"GET\",\"key\"], or a list of commands")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let maker = self.0;
        maker.body.is_list = true;
        let mut count = 0;
        while items.next_element_seed(Either(&mut *maker))?.is_some() {
            count += 1;
            // Once it is known to be a command, lists are no more arguments of it.
            if !maker.body.is_list && maker.args.len() != count {
                return Err(A::Error::custom(
                    "a command has no lists in it, and a list of commands nothing else",
                ));
            }
        }
        match maker.body.is_list {
            true => Ok(()),
            false => maker.end_command().map_err(A::Error::custom),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Either<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

/// What stands for an argument that begins, or goes on with, the only command.
macro_rules! scalars {
    ($($visit:ident: $type:ty => |$value:ident| $text:expr;)*) => {
        $(fn $visit<E: Error>(self, $value: $type) -> Result<(), E> {
            self.take($text)
        })*
    };
}

impl<'de> Visitor<'de> for Either<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command, or an argument: a string, a number, true, false, or {\"base64\":\"…\"}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if !self.0.body.is_list {
            return Err(A::Error::custom("a command has no lists in it"));
        }
        while items.next_element_seed(Argument(&mut *self.0))?.is_some() {}
        self.0.end_command().map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.begin()?;
        Argument(self.0).visit_map(map)
    }

    scalars! {
        visit_str: &str => |value| value.as_bytes();
        visit_u64: u64 => |value| itoa::Buffer::new().format(value).as_bytes();
        visit_i64: i64 => |value| itoa::Buffer::new().format(value).as_bytes();
        visit_bool: bool => |value| if value { b"true" } else { b"false" };
        visit_f64: f64 => |value| &float(value).map_err(E::custom)?;
    }
}

/// A number that is no whole one of 64 bits, as its digits.
///
/// # Errors
/// It may have more digits than a double holds, and they would be lost.
pub(super) fn float(value: f64) -> Result<Vec<u8>, &'static str> {
    // Whole numbers of 64 bits come as such; a longer one has been rounded.
    if value <= i64::MIN as f64 || value >= u64::MAX as f64 {
        return Err("a number is too large to be told exactly: send it as a string");
    }
    let mut text = Vec::new();
    write_f64(&mut text, value);
    Ok(text)
}

impl Either<'_> {
    /// There is one command alone, and this is of it.
    fn begin<E: Error>(&mut self) -> Result<(), E> {
        if self.0.body.requests.count > 0 {
            return Err(E::custom("a list of commands has nothing else in it"));
        }
        self.0.body.is_list = false;
        Ok(())
    }

    fn take<E: Error>(mut self, bytes: &[u8]) -> Result<(), E> {
        self.begin()?;
        self.0.add(bytes).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Argument<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Argument<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an argument: a string, a number, true, false, or {\"base64\":\"…\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let wrong = || A::Error::custom("an object that stands for an argument is {\"base64\":\"…\"}");
        let (name, text): (String, String) = map.next_entry()?.ok_or_else(wrong)?;
        if name != "base64" || map.next_key::<String>()?.is_some() {
            return Err(wrong());
        }
        let bytes = STANDARD.decode(text).map_err(|_| A::Error::custom("an argument is no base64"))?;
        self.take(&bytes)
    }

    scalars! {
        visit_str: &str => |value| value.as_bytes();
        visit_u64: u64 => |value| itoa::Buffer::new().format(value).as_bytes();
        visit_i64: i64 => |value| itoa::Buffer::new().format(value).as_bytes();
        visit_bool: bool => |value| if value { b"true" } else { b"false" };
        visit_f64: f64 => |value| &float(value).map_err(E::custom)?;
    }
}

impl Argument<'_> {
    fn take<E: Error>(self, bytes: &[u8]) -> Result<(), E> {
        self.0.add(bytes).map_err(E::custom)
    }
}

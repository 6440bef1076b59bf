//! A request made once, of which only the keys' digits and the values change.

use fastrand::Rng;

use super::keys::Keys;
use super::sizes::{Sizes, Stock};

/// What is put in place of `{key}` and `{value}`.
pub(super) struct Fill {
    pub(super) keys: Keys,
    pub(super) sizes: Sizes,
    pub(super) stock: Stock,
}

/// How keys look: a prefix, a letter for their type, and a number with zeros before it.
#[derive(Clone, Debug)]
pub(super) struct KeyLook {
    pub(super) prefix: String,
    pub(super) size: usize,
}

impl KeyLook {
    /// Whether so many keys can be told apart.
    pub(super) fn check(&self, keys: u64) -> Result<(), String> {
        let digits = keys.saturating_sub(1).max(1).ilog10() as usize + 1;
        let least = self.prefix.len() + 1 + digits;
        match self.size {
            size if size < least => Err(format!("{keys} keys need --key-size {least} at least")),
            size if size > 1 << 20 => Err("--key-size is more than a megabyte".into()),
            _ => Ok(()),
        }
    }

    /// The key number 0 of this type.
    fn zero(&self, letter: u8) -> Vec<u8> {
        let mut key = self.prefix.clone().into_bytes();
        key.push(letter);
        key.resize(self.size, b'0');
        key
    }
}

/// A part of a word of a command.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(Vec<u8>),
    Key,
    Value,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    Key,
    /// The length of a word: so many bytes, and so many values of a size that is drawn here.
    Length(usize, usize),
    Value,
}

/// A command, ready to be written.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    zero: Vec<u8>,
    /// Whether its reply has an element for each key, which may be a hit or a miss.
    pub(super) wide: bool,
    pub(super) letter: u8,
}

impl Template {
    /// A template of a command's words.
    pub(super) fn new(words: &[Vec<Part>], letter: u8, look: &KeyLook, wide: bool) -> Self {
        let mut template = Self { pieces: Vec::new(), zero: look.zero(letter), wide, letter };
        template.text(format!("*{}\r\n", words.len()).as_bytes());
        for word in words {
            template.word(word);
        }
        template
    }

    fn word(&mut self, word: &[Part]) {
        let values = word.iter().filter(|part| **part == Part::Value).count();
        let bytes = word.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Key => self.zero.len(),
            Part::Value => 0,
        });
        match (bytes.sum(), values) {
            (bytes, 0) => self.text(format!("${bytes}\r\n").as_bytes()),
            (bytes, values) => self.pieces.push(Piece::Length(bytes, values)),
        }
        for part in word {
            match part {
                Part::Text(text) => self.text(text),
                Part::Key => self.pieces.push(Piece::Key),
                Part::Value => self.pieces.push(Piece::Value),
            }
        }
        self.text(b"\r\n");
    }

    /// Appends to the last piece if that is text.
    fn text(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Text(bytes.to_vec())),
        }
    }

    /// Whether it has a key.
    pub(super) fn has_key(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Key))
    }

    /// Appends the request, with each key drawn.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, fill: &Fill, random: &mut Rng) {
        self.write_with(out, fill, random, |random| fill.keys.draw(random));
    }

    /// Appends the request, with each key the next one that `key` gives.
    pub(super) fn write_with(
        &self,
        out: &mut Vec<u8>,
        fill: &Fill,
        random: &mut Rng,
        mut key: impl FnMut(&mut Rng) -> u64,
    ) {
        let mut size = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Key => {
                    out.extend_from_slice(&self.zero);
                    let end = out.len();
                    write_digits(&mut out[end - self.zero.len()..], key(random));
                }
                Piece::Length(bytes, values) => {
                    size = fill.sizes.draw(random);
                    write_length(out, bytes + values * size);
                }
                Piece::Value => fill.stock.write(out, size, random),
            }
        }
    }
}

/// Appends the header of a word of so many bytes.
pub(super) fn write_length(out: &mut Vec<u8>, bytes: usize) {
    out.push(b'$');
    out.extend_from_slice(itoa::Buffer::new().format(bytes).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Puts the number's digits at the end of `place`, which has zeros there.
fn write_digits(place: &mut [u8], mut number: u64) {
    for byte in place.iter_mut().rev() {
        if number == 0 {
            return;
        }
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::keys::Spread;

    fn look() -> KeyLook {
        KeyLook { prefix: "k:".into(), size: 6 }
    }

    fn written(words: &[Vec<Part>], size: &str, key: u64) -> String {
        let keys = Keys::new(Spread::Uniform, 1000);
        let fill = Fill { keys, sizes: size.parse().unwrap(), stock: Stock::new(1) };
        let mut out = Vec::new();
        let template = Template::new(words, b's', &look(), false);
        template.write_with(&mut out, &fill, &mut Rng::with_seed(1), |_| key);
        String::from_utf8(out).unwrap()
    }

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn keys_and_values_are_put_in_their_places() {
        assert_eq!(
            written(&[vec![text("GET")], vec![Part::Key]], "1", 42),
            "*2\r\n$3\r\nGET\r\n$6\r\nk:s042\r\n"
        );
        let within = written(&[vec![text("GET")], vec![text("a{"), Part::Key, text("}")]], "1", 7);
        assert_eq!(within, "*2\r\n$3\r\nGET\r\n$9\r\na{k:s007}\r\n");
        let set = written(&[vec![text("SET")], vec![Part::Key], vec![Part::Value]], "10", 999);
        assert!(
            set.starts_with("*3\r\n$3\r\nSET\r\n$6\r\nk:s999\r\n$10\r\n") && set.ends_with("\r\n"),
            "{set}"
        );
        assert_eq!(set.len(), "*3\r\n$3\r\nSET\r\n$6\r\nk:s999\r\n$10\r\n..........\r\n".len());
    }

    #[test]
    fn lengths_are_right_whatever_size_is_drawn() {
        for _ in 0..50 {
            let request = written(&[vec![text("x="), Part::Value, text(":"), Part::Value]], "0-300", 0);
            let (length, rest) = request["*1\r\n$".len()..].split_once("\r\n").unwrap();
            assert_eq!(rest.len() - 2, length.parse::<usize>().unwrap());
        }
    }

    #[test]
    fn keys_that_don_t_fit_are_refused() {
        assert!(look().check(1000).is_ok());
        assert!(look().check(1001).is_err());
        assert!(KeyLook { prefix: "x".into(), size: 2 << 20 }.check(1).is_err());
    }
}

//! Requests on their way through a pipe, and their answers.

use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use ringtail_net::Pipe;
use ringtail_protocol::frame::{NotAReply, Passage, Scanner};
use ringtail_protocol::value::Value;

use crate::account::Account;
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// An answer that is longer than it may be. What was asked behind it is run and answered all the same.
const TOO_LONG: &[u8] = b"TOOLARGE the answer is longer than --http-max-body; the command was run: ask for less at once, or by Redis's protocol";

/// An answer that there is no room for.
pub(crate) const NO_ROOM: &[u8] =
    b"ERR the proxy holds as much as it may (--max-in-flight); the command was run, and its answer is not kept";

/// What has come of answers, and is not decoded before all of them are there: they take more room then.
pub(crate) struct Exchange<'r> {
    unsent: &'r [u8],
    /// Answers, and what has come behind them.
    got: Vec<u8>,
    /// Where the first one in `got` begins that is not complete.
    at: usize,
    scanner: Scanner,
    /// One that is not kept: how far it is, what stands for it; none for what is no answer.
    passing: Option<(Passage, Option<&'static [u8]>)>,
    answers: Vec<Answer>,
    count: usize,
    /// The longest that all of them may be.
    most: usize,
}

/// Whether an answer stands for one that was not kept.
pub(crate) fn is_gone(error: &[u8]) -> bool {
    error == TOO_LONG || error == NO_ROOM
}

enum Answer {
    /// Where it is in `got`.
    Whole(Range<usize>),
    /// It is not kept, for this reason.
    Gone(&'static [u8]),
}

impl<'r> Exchange<'r> {
    /// Behind `unread`, which came with earlier answers: a message that was not complete.
    pub(crate) fn new(requests: &'r Requests, unread: Vec<u8>, most: usize) -> Self {
        Self {
            unsent: &requests.bytes,
            got: unread,
            at: 0,
            scanner: Scanner::default(),
            passing: None,
            answers: Vec::with_capacity(requests.count),
            count: requests.count,
            most: most + limits::FRAMES,
        }
    }

    pub(crate) fn poll(
        &mut self,
        pipe: &Pipe,
        account: &Account,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Problem>> {
        loop {
            // Whether it goes on by itself is told by the reading: it is only over when all is answered.
            let _ = self.send(pipe, cx);
            if self.answers.len() == self.count {
                return Poll::Ready(Ok(()));
            }
            ready!(pipe.poll_read_ready(cx)).map_err(|_| Problem::cut_off())?;
            self.receive(pipe, account)?;
        }
    }

    fn send(&mut self, pipe: &Pipe, cx: &mut Context<'_>) -> Poll<()> {
        while !self.unsent.is_empty() {
            match pipe.try_write(self.unsent) {
                Ok(sent) => self.unsent = &self.unsent[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(pipe.poll_write_ready(cx)).unwrap_or_default();
                }
                // It is over; what it said last is read.
                Err(_) => self.unsent = &[],
            }
        }
        Poll::Ready(())
    }

    fn receive(&mut self, pipe: &Pipe, account: &Account) -> Result<(), Problem> {
        let read = match pipe.try_read(&mut self.got) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            read => read.map_err(|_| Problem::cut_off())?,
        };
        if read == 0 {
            return Err(Problem::cut_off());
        }
        let has_room = account.hold(read);
        let broken = |_| {
            Problem::new(StatusCode::BAD_GATEWAY, "ERR", "a member answered what is no reply").and_close()
        };
        let before = self.got.len();
        let taken = self.take_answers(has_room);
        let gone = before - self.got.len();
        account.give_back(if has_room { gone } else { gone.saturating_sub(read) });
        taken.map_err(broken)
    }

    fn take_answers(&mut self, has_room: bool) -> Result<(), NotAReply> {
        while self.answers.len() < self.count {
            if let Some((passage, stands)) = &mut self.passing {
                let gone = passage.take(&self.got[self.at..])?;
                self.got.drain(self.at..self.at + gone);
                if !passage.is_over() {
                    break;
                }
                self.answers.extend(stands.map(Answer::Gone));
                self.passing = None;
                continue;
            }
            let rest = &self.got[self.at..];
            let is_message = rest.first() == Some(&b'>');
            let length = self.scanner.scan(rest)?;
            let fits = self.at + length.unwrap_or(rest.len()) <= self.most && has_room;
            match length {
                Some(length) if fits && !is_message => {
                    self.answers.push(Answer::Whole(self.at..self.at + length));
                    self.at += length;
                }
                None if fits || rest.is_empty() => break,
                _ => {
                    self.scanner = Scanner::default();
                    let why = if has_room { TOO_LONG } else { NO_ROOM };
                    self.passing = Some((Passage::default(), (!is_message).then_some(why)));
                }
            }
        }
        Ok(())
    }

    /// All answers, and what has come behind them.
    pub(crate) fn finish(mut self) -> Result<(Vec<Value>, Vec<u8>), Problem> {
        let unread = self.got.split_off(self.at);
        let decode = |answer: &Answer| match answer {
            Answer::Gone(why) => Some(Value::Error(why.to_vec())),
            Answer::Whole(range) => Value::decode(&self.got[range.clone()]).ok()?.map(|(value, _)| value),
        };
        let answers: Option<Vec<Value>> = self.answers.iter().map(decode).collect();
        Ok((answers.ok_or_else(Problem::cut_off)?, unread))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of these bytes, in pieces of every size.
    fn answers(bytes: &[u8], count: usize, most: usize) -> (Vec<String>, Vec<u8>) {
        let asked = Requests { bytes: Vec::new(), count };
        let mut all = (1..=bytes.len()).map(|piece| {
            let mut exchange = Exchange::new(&asked, Vec::new(), 0);
            exchange.most = most;
            for piece in bytes.chunks(piece) {
                exchange.got.extend_from_slice(piece);
                exchange.take_answers(true).unwrap();
            }
            assert_eq!(exchange.answers.len(), count, "in pieces of {piece}");
            let (answers, unread) = exchange.finish().unwrap();
            (answers.iter().map(|answer| format!("{answer:?}")).collect::<Vec<_>>(), unread)
        });
        let first = all.next().unwrap();
        assert!(all.all(|other| other == first));
        first
    }

    #[test]
    fn messages_are_no_answers_even_in_parts() {
        let (got, unread) = answers(b">2\r\n$3\r\nkey\r\n:1\r\n+OK\r\n>1\r\n$9\r\n+evil\r\n", 1, 100);
        assert_eq!(got, [r"Simple([79, 75])"]);
        assert_eq!(unread, b">1\r\n$9\r\n+evil\r\n");
        let asked = Requests { bytes: Vec::new(), count: 1 };
        let mut next = Exchange::new(&asked, unread, 100);
        next.got.extend_from_slice(b"xy\r\n:7\r\n");
        next.take_answers(true).unwrap();
        assert_eq!(next.finish().unwrap().0[0].as_int(), Some(7));
    }

    #[test]
    fn what_is_too_long_is_let_go_and_the_rest_is_not() {
        let (got, unread) = answers(
            b":1\r\n$20\r\n01234567890123456789\r\n:2\r\n*2\r\n$9\r\n123456789\r\n:3\r\n:4\r\n",
            5,
            16,
        );
        assert_eq!(unread, b"");
        assert_eq!((&*got[0], &*got[2], &*got[4]), ("Int(1)", "Int(2)", "Int(4)"));
        assert!(got[1].starts_with("Error") && got[1] == got[3], "{got:?}");
    }
}

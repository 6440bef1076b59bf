//! How the answers of the parts become one. If a part failed, the whole answer is that failure, and says what became of
//! the other parts: a wrong count or a value that only seems to be missing would be worse than an error.

use ringtail_protocol::command::Join;
use ringtail_protocol::frame::Scanner;
use ringtail_protocol::number::parse_i64;
use ringtail_protocol::reply::{Reply, Resp};

use super::{Answer, Answers};
use crate::fault;

pub(crate) fn join(answers: &Answers, join: Join) -> Vec<u8> {
    let joined = match first_failure(answers) {
        Some(failed) => {
            Err(String::from_utf8_lossy(error_text(&failed.bytes).unwrap_or_default()).into_owned())
        }
        None => joined(answers, join)
            .map_err(|odd| format!("ERR member {} answered something else", odd.member.label())),
    };
    joined.unwrap_or_else(|error| fault::line(&format!("{error}; {}", done(answers, join))))
}

fn first_failure(answers: &Answers) -> Option<&Answer> {
    answers.parts.iter().find(|part| error_text(&part.bytes).is_some())
}

/// The text of an error reply.
fn error_text(answer: &[u8]) -> Option<&[u8]> {
    answer.strip_prefix(b"-")?.strip_suffix(b"\r\n")
}

fn joined(answers: &Answers, join: Join) -> Result<Vec<u8>, &Answer> {
    let mut out = Vec::new();
    let mut reply = Reply::new(&mut out, Resp::V2);
    match join {
        Join::Sum => reply.int(sum(answers)?),
        Join::AllOk => {
            all_ok(answers)?;
            reply.ok();
        }
        Join::InOrder | Join::Concat => {
            reply.array(answers.order.len());
            in_order(answers, &mut reply)?;
        }
    }
    Ok(out)
}

fn sum(answers: &Answers) -> Result<i64, &Answer> {
    answers.parts.iter().try_fold(0i64, |sum, part| Ok(sum.saturating_add(count(&part.bytes).ok_or(part)?)))
}

/// `:n`
fn count(answer: &[u8]) -> Option<i64> {
    parse_i64(answer.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}

fn all_ok(answers: &Answers) -> Result<(), &Answer> {
    answers.parts.iter().find(|part| part.bytes.first() != Some(&b'+')).map_or(Ok(()), Err)
}

/// Each key's element is the next one of its part.
fn in_order<'a>(answers: &'a Answers, reply: &mut Reply<'_>) -> Result<(), &'a Answer> {
    let mut rests: Vec<&[u8]> = Vec::with_capacity(answers.parts.len());
    for (index, part) in answers.parts.iter().enumerate() {
        let keys = answers.order.iter().filter(|owner| usize::from(**owner) == index).count();
        rests.push(elements(&part.bytes, keys).ok_or(part)?);
    }
    for owner in &answers.order {
        let rest = &mut rests[usize::from(*owner)];
        let end = Scanner::default().scan(rest).ok().flatten().ok_or(&answers.parts[usize::from(*owner)])?;
        reply.raw(&rest[..end]);
        *rest = &rest[end..];
    }
    Ok(())
}

/// What follows the header of an array of `count`.
fn elements(answer: &[u8], count: usize) -> Option<&[u8]> {
    let line = answer.iter().position(|byte| *byte == b'\n')?;
    let told = parse_i64(answer.strip_prefix(b"*")?.get(..line.checked_sub(2)?)?)?;
    (usize::try_from(told) == Ok(count)).then(|| &answer[line + 1..])
}

/// What became of the parts that did not fail.
fn done(answers: &Answers, join: Join) -> String {
    let well: Vec<&Answer> = answers.parts.iter().filter(|part| error_text(&part.bytes).is_none()).collect();
    let (done, all) = (well.len(), answers.parts.len());
    match join {
        Join::Sum => {
            let sum: i64 = well.iter().filter_map(|part| count(&part.bytes)).sum();
            format!("{done} of {all} members did their part, counting {sum}")
        }
        Join::AllOk => format!("{done} of {all} members did their part"),
        Join::InOrder | Join::Concat => format!("{done} of {all} members answered"),
    }
}

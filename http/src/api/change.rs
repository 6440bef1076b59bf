//! Changes on a condition: made if the value that they are about has one of these tags, and then at once.

use axum::http::StatusCode;
use ringtail_protocol::reply::Resp;
use ringtail_protocol::value::Value;

use super::etag::{self, Conditions};
use crate::call::{Call, first};
use crate::caller::Step;
use crate::limits;
use crate::problem::Problem;
use crate::request::Requests;

/// Does `change` if the conditions are met by what `read` finds, a command whose first argument is the key, and not otherwise: whether
/// there was nothing before.
pub(super) async fn change_if(
    call: &Call,
    conditions: &Conditions,
    read: &[&[u8]],
    change: &[&[u8]],
) -> Result<bool, Problem> {
    for _ in 0..limits::TRIES {
        let (was_there, done) = compare_and_do(call, conditions, read, change).await?;
        match done {
            Some(Value::Null) => return Err(not_met()),
            Some(Value::Error(error)) => return Err(Problem::of_error(&error)),
            Some(_) => return Ok(!was_there),
            // It was changed in between: its new value may do.
            None => {}
        }
    }
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TRYAGAIN", "the key is changed all the time"))
}

/// One try: whether there was a value, and what the change was answered; none if the key was changed meanwhile.
async fn compare_and_do(
    call: &Call,
    conditions: &Conditions,
    read: &[&[u8]],
    change: &[&[u8]],
) -> Result<(bool, Option<Value>), Problem> {
    let mut answers = call.ask(Resp::V2, &Requests::one(&[b"WATCH", read[1]]).and(read)).await?;
    let value = answers.pop().unwrap_or(Value::Null);
    let judged = first(answers).and_then(|_| judge(&value, conditions));
    let was_there = match judged {
        Ok(was_there) => was_there,
        Err(problem) => {
            unwatch(call).await?;
            return Err(problem);
        }
    };
    let done = call.transaction(Step::Next, &Requests::one(change)).await?;
    Ok((was_there, done.and_then(|done| done.into_iter().next())))
}

/// Nothing is to be watched when the next request comes.
async fn unwatch(call: &Call) -> Result<(), Problem> {
    match call.ask_one(&[b"UNWATCH"]).await {
        Ok(_) => Ok(()),
        Err(_) => call.leave().await,
    }
}

/// Whether there is a value, if the conditions are met.
fn judge(value: &Value, conditions: &Conditions) -> Result<bool, Problem> {
    if let Some(error) = value.error() {
        return Err(Problem::of_step(error));
    }
    let tag = value.as_bytes().map(etag::of);
    let wanted = conditions.match_.as_ref().is_none_or(|tags| tags.match_value(tag.as_deref(), false));
    let unwanted = conditions.none_match.as_ref().is_some_and(|tags| tags.match_value(tag.as_deref(), true));
    if wanted && !unwanted { Ok(tag.is_some()) } else { Err(not_met()) }
}

pub(super) fn not_met() -> Problem {
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "PRECONDITION",
        "the condition is not met: nothing was changed",
    )
}

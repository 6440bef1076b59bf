//! TIME, ROLE, LOLWUT.

use super::{Call, Done};
use crate::shared::unix_time;
use crate::whole::REDIS_VERSION;

pub(super) fn time(call: &mut Call<'_>) -> Done {
    let now = unix_time();
    call.state.reply(call.worker, |reply| {
        reply.array(2);
        reply.bulk_int(now.as_secs() as i64);
        reply.bulk_int(i64::from(now.subsec_micros()));
    });
    Ok(())
}

pub(super) fn role(call: &mut Call<'_>) -> Done {
    call.state.reply(call.worker, |reply| {
        reply.array(3);
        reply.bulk(b"master");
        reply.int(0);
        reply.array(0);
    });
    Ok(())
}

pub(super) fn lolwut(call: &mut Call<'_>) -> Done {
    let text = format!("Redis ver. {REDIS_VERSION}, by Ringtail {}\n", env!("CARGO_PKG_VERSION"));
    call.state.reply(call.worker, |reply| reply.verbatim(&text));
    Ok(())
}

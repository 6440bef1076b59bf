//! CLIENT KILL.

use ringtail_protocol::errors::{self, Error, printable};
use ringtail_protocol::number::parse_i64;

use super::super::{Call, Done};
use super::list::Class;
use crate::clients::Client;

/// Which clients are meant.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    peer: Option<String>,
    local: Option<String>,
    user: Option<Box<[u8]>>,
    class: Option<Class>,
    with_self: bool,
}

impl Filter {
    fn matches(&self, client: &Client, own: u64) -> bool {
        self.class.is_none_or(|class| class.includes(client))
            && (self.with_self || client.id != own)
            && self.id.is_none_or(|id| id == client.id)
            && self.peer.as_ref().is_none_or(|peer| *peer == client.peer.to_string())
            && self.user.as_ref().is_none_or(|user| *user == client.user_name())
            && self.local.as_ref().is_none_or(|local| *local == client.local.to_string())
    }
}

/// CLIENT KILL ip:port | [ID id] [ADDR ip:port] [LADDR ip:port] [TYPE type] [USER name] [SKIPME yes|no]
pub(super) fn kill(call: &mut Call<'_>) -> Done {
    let one = call.request.args.len() == 3;
    let filter = if one { by_address(call) } else { by_options(call)? };
    let own = call.state.client.id;
    let clients = call.worker.shared.clients.list();
    let mut killed = 0;
    for client in clients.iter().filter(|client| filter.matches(client, own)) {
        killed += 1;
        if client.id == own {
            // It still gets its answer.
            call.state.closing = true;
        } else {
            client.kill();
        }
    }
    if one && killed == 0 {
        return Err(Error::fixed("ERR No such client"));
    }
    call.state.reply(call.worker, |reply| if one { reply.ok() } else { reply.int(killed) });
    Ok(())
}

fn by_address(call: &Call<'_>) -> Filter {
    let peer = String::from_utf8_lossy(&call.request.args[2]).into_owned();
    Filter { peer: Some(peer), with_self: true, ..Filter::default() }
}

fn by_options(call: &Call<'_>) -> Result<Filter, Error> {
    let words: Vec<&[u8]> = call.request.args.iter().skip(2).collect();
    let mut filter = Filter::default();
    for pair in words.chunks(2) {
        let [option, value] = pair else { return Err(errors::SYNTAX) };
        let text = || Some(String::from_utf8_lossy(value).into_owned());
        match &option.to_ascii_uppercase()[..] {
            b"ID" => filter.id = Some(id(value)?),
            b"ADDR" => filter.peer = text(),
            b"LADDR" => filter.local = text(),
            b"TYPE" => filter.class = Some(Class::parse(value)?),
            b"USER" if call.worker.shared.access.users().get(value).is_some() => {
                filter.user = Some((*value).into());
            }
            b"USER" => return Err(Error::new(format!("ERR No such user '{}'", printable(value, 128)))),
            b"SKIPME" if value.eq_ignore_ascii_case(b"yes") => filter.with_self = false,
            b"SKIPME" if value.eq_ignore_ascii_case(b"no") => filter.with_self = true,
            _ => return Err(errors::SYNTAX),
        }
    }
    Ok(filter)
}

fn id(text: &[u8]) -> Result<u64, Error> {
    let id = parse_i64(text).and_then(|id| u64::try_from(id).ok()).filter(|id| *id > 0);
    id.ok_or(Error::fixed("ERR client-id should be greater than 0"))
}

//! The subcommands of ACL that need neither a file nor a connection, so that data server and proxy share them.

use super::access::Access;
use super::selector::Selector;
use super::user::User;
use super::users::{DEFAULT_USER, Users};
use crate::command::{Acl, Arguments, COMMANDS, CommandId, Found, find};
use crate::errors::{Error, printable, wrong_arity};
use crate::number::parse_i64;
use crate::reply::Reply;

/// The most random bytes that ACL GENPASS needs.
pub const GENPASS_BYTES: usize = 512;
const GENPASS_BITS: i64 = 8 * GENPASS_BYTES as i64;
const GENPASS_BITS_DEFAULT: i64 = 256;

const NOT_AN_INTEGER: Error = crate::errors::NOT_AN_INTEGER;

/// Entries that ACL LOG answers unless told otherwise.
const LOG_ENTRIES: i64 = 10;

const DEFAULT_STAYS: Error = Error::fixed("ERR The 'default' user cannot be removed");

/// Runs ACL CAT, DELUSER, DRYRUN, GETUSER, LIST, LOG, SETUSER and USERS, at `now` in milliseconds since 1970. Whether it was one of
/// these; if not, nothing was done. Who is connected as a user that was changed or deleted is left to the caller.
///
/// # Errors
/// Those of the subcommands, in Redis's words; nothing was written then.
pub fn run<A: Arguments + ?Sized>(
    id: CommandId,
    access: &Access,
    request: &A,
    now: u64,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    match id {
        CommandId::AclDeluser => del_user(access, request, reply)?,
        CommandId::AclLog => log(access, request.argument(2), now, reply)?,
        CommandId::AclSetuser => set_user(access, request, reply)?,
        _ => return answer(id, &access.users(), request, reply),
    }
    Ok(true)
}

/// The arguments from `from` on.
fn rest<A: Arguments + ?Sized>(request: &A, from: usize) -> impl Iterator<Item = &[u8]> {
    (from..request.count()).filter_map(|at| request.argument(at))
}

/// ACL SETUSER username [rule …]
fn set_user<A: Arguments + ?Sized>(access: &Access, request: &A, reply: &mut Reply<'_>) -> Result<(), Error> {
    let name = request.argument(2).unwrap_or_default();
    access.change(|users| users.set(name, rest(request, 3)))?;
    reply.ok();
    Ok(())
}

/// ACL DELUSER username [username …]
fn del_user<A: Arguments + ?Sized>(access: &Access, request: &A, reply: &mut Reply<'_>) -> Result<(), Error> {
    if rest(request, 2).any(|name| name == DEFAULT_USER) {
        return Err(DEFAULT_STAYS);
    }
    reply.count(access.change(|users| rest(request, 2).filter(|name| users.remove(name)).count()));
    Ok(())
}

/// ACL LOG [count | RESET]
fn log(access: &Access, word: Option<&[u8]>, now: u64, reply: &mut Reply<'_>) -> Result<(), Error> {
    let mut log = access.log();
    let count = match word {
        Some(word) if word.eq_ignore_ascii_case(b"RESET") => {
            log.clear();
            reply.ok();
            return Ok(());
        }
        Some(count) => parse_i64(count).ok_or(NOT_AN_INTEGER)?,
        None => LOG_ENTRIES,
    };
    log.write(count.max(0) as usize, now, reply);
    Ok(())
}

fn answer<A: Arguments + ?Sized>(
    id: CommandId,
    users: &Users,
    request: &A,
    reply: &mut Reply<'_>,
) -> Result<bool, Error> {
    match id {
        CommandId::AclCat => cat(request.argument(2), reply)?,
        CommandId::AclDryrun => dry_run(users, request, reply)?,
        CommandId::AclGetuser => get_user(users.get(request.argument(2).unwrap_or_default()), reply),
        CommandId::AclList => {
            reply.array(users.iter().len());
            users.iter().for_each(|user| reply.bulk(&user.show()));
        }
        CommandId::AclUsers => {
            reply.array(users.iter().len());
            users.iter().for_each(|user| reply.bulk(user.name()));
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// ACL CAT [category]
fn cat(category: Option<&[u8]>, reply: &mut Reply<'_>) -> Result<(), Error> {
    let Some(name) = category else {
        let categories = Acl::all();
        reply.array(categories.iter().count());
        categories.iter_names().for_each(|(name, _)| reply.bulk(name.to_ascii_lowercase().as_bytes()));
        return Ok(());
    };
    let category = Acl::named(name)
        .ok_or_else(|| Error::new(format!("ERR Unknown category '{}'", printable(name, 128))))?;
    let listed = || COMMANDS.iter().filter(|row| row.acl.intersects(category) && row.alias_of.is_none());
    reply.array(listed().count());
    listed().for_each(|command| reply.bulk(command.full_name.as_bytes()));
    Ok(())
}

/// ACL GETUSER username
fn get_user(user: Option<&std::sync::Arc<User>>, reply: &mut Reply<'_>) {
    let Some(user) = user else { return reply.null() };
    reply.map(6);
    reply.bulk(b"flags");
    reply.set(user.flags().count());
    user.flags().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"passwords");
    reply.array(user.password_hashes().len());
    user.password_hashes().for_each(|digits| reply.bulk(digits.as_bytes()));
    write_selector(user.root(), reply);
    reply.bulk(b"selectors");
    reply.array(user.selectors().len());
    for selector in user.selectors() {
        reply.map(3);
        write_selector(selector, reply);
    }
}

/// Three fields of a map.
fn write_selector(selector: &Selector, reply: &mut Reply<'_>) {
    let fields = [
        ("commands", selector.show_commands()),
        ("keys", selector.show_keys()),
        ("channels", selector.show_channels()),
    ];
    for (name, value) in fields {
        reply.bulk(name.as_bytes());
        reply.bulk(&value);
    }
}

/// A request's arguments from `from` on.
struct Rest<'r, A: ?Sized>(&'r A, usize);

impl<A: Arguments + ?Sized> Arguments for Rest<'_, A> {
    fn count(&self) -> usize {
        self.0.count().saturating_sub(self.1)
    }

    fn argument(&self, index: usize) -> Option<&[u8]> {
        self.0.argument(index.checked_add(self.1)?)
    }
}

/// ACL DRYRUN username command [arg …]
fn dry_run<A: Arguments + ?Sized>(users: &Users, request: &A, reply: &mut Reply<'_>) -> Result<(), Error> {
    let (name, inner) = (request.argument(2).unwrap_or_default(), Rest(request, 3));
    let user = users
        .get(name)
        .ok_or_else(|| Error::new(format!("ERR User '{}' not found", printable(name, 128))))?;
    let Found::Command(command) = find(&inner) else {
        let name = printable(inner.argument(0).unwrap_or_default(), 128);
        return Err(Error::new(format!("ERR Command '{name}' not found")));
    };
    if !command.arity_ok(inner.count()) {
        return Err(wrong_arity(command.full_name));
    }
    match user.may(command, &inner) {
        Ok(()) => reply.ok(),
        Err(denied) => {
            let argument = inner.argument(denied.argument).unwrap_or_default();
            reply.bulk(denied.verbose(user, command, argument).as_bytes());
        }
    }
    Ok(())
}

/// The answer to ACL GENPASS [bits], out of random bytes: four bits a digit, rounded up.
///
/// # Errors
/// The number of bits is none, or is out of range.
pub fn generated_password(bits: Option<&[u8]>, random: &[u8; GENPASS_BYTES]) -> Result<String, Error> {
    let bits = bits.map_or(Ok(GENPASS_BITS_DEFAULT), |text| parse_i64(text).ok_or(NOT_AN_INTEGER))?;
    if !(1..=GENPASS_BITS).contains(&bits) {
        return Err(Error::new(format!(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to {GENPASS_BITS}"
        )));
    }
    let digits = random.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let shown = digits.take((bits as usize).div_ceil(4));
    Ok(shown.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

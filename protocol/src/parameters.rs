//! CONFIG GET and SET over a table of parameters, for any program's.

#[cfg(test)]
mod tests;

use crate::errors::{Error, printable};
use crate::glob;
use crate::reply::Reply;

/// Makes a text the parameter's value, or says why it can't be.
pub type Setter<S> = fn(&S, &str) -> Result<(), String>;

/// One parameter of a program whose state is `S`.
#[derive(Debug)]
pub struct Parameter<S: 'static> {
    /// In lower case.
    pub name: &'static str,
    /// Its value, as text.
    pub get: fn(&S) -> String,
    /// `None`: it is what it is while the program runs.
    pub set: Option<Setter<S>>,
}

impl<S> Parameter<S> {
    /// One that can't be changed.
    pub const fn fixed(name: &'static str, get: fn(&S) -> String) -> Self {
        Self { name, get, set: None }
    }

    /// One that can be changed while the program runs.
    pub const fn live(name: &'static str, get: fn(&S) -> String, set: Setter<S>) -> Self {
        Self { name, get, set: Some(set) }
    }
}

/// Answers CONFIG GET: the parameters of `table`, and then those of `others` (name and value) that it has not, of which the names match
/// one of the patterns.
pub fn get<S>(
    table: &[Parameter<S>],
    others: &[(String, String)],
    state: &S,
    patterns: &[&[u8]],
    reply: &mut Reply<'_>,
) {
    let own = table.iter().map(|parameter| (parameter.name, Some(parameter), ""));
    let others = others.iter().filter(|(name, _)| table.iter().all(|known| known.name != name));
    let all = own.chain(others.map(|(name, value)| (name.as_str(), None, value.as_str())));
    let found: Vec<_> =
        all.filter_map(|(name, p, value)| Some((asked_as(patterns, name)?, p, value))).collect();
    reply.map(found.len());
    for (name, parameter, value) in found {
        reply.bulk(&name);
        match parameter {
            Some(parameter) => reply.bulk((parameter.get)(state).as_bytes()),
            None => reply.bulk(value.as_bytes()),
        }
    }
}

/// What a parameter is answered as, if it is asked for: a name as it was written, as in Redis.
fn asked_as(patterns: &[&[u8]], name: &str) -> Option<Vec<u8>> {
    let written = patterns.iter().find(|text| text.eq_ignore_ascii_case(name.as_bytes()));
    let matches = |text: &&[u8]| glob::matches(&text.to_ascii_lowercase(), name.as_bytes());
    written.map(|text| text.to_vec()).or_else(|| patterns.iter().any(matches).then(|| name.into()))
}

/// Runs CONFIG SET: all are set, or none. `others` are names of which the values can't be changed.
///
/// # Errors
/// In Redis's words: a name is unknown, twice there, or can't be changed; a value is none.
pub fn set<S>(
    table: &'static [Parameter<S>],
    others: &[(String, String)],
    state: &S,
    pairs: &[(&[u8], &[u8])],
) -> Result<(), Error> {
    let mut before: Vec<(&Parameter<S>, Setter<S>, String)> = Vec::new();
    for (name, value) in pairs {
        let (parameter, setter) =
            settable(table, others, name).map_err(|error| put_back(state, &before, error))?;
        if before.iter().any(|(other, ..)| other.name == parameter.name) {
            return Err(put_back(state, &before, failed(parameter.name, "duplicate parameter")));
        }
        before.push((parameter, setter, (parameter.get)(state)));
        if let Err(why) = setter(state, &String::from_utf8_lossy(value)) {
            return Err(put_back(state, &before, failed(parameter.name, &why)));
        }
    }
    Ok(())
}

fn put_back<S>(state: &S, before: &[(&Parameter<S>, Setter<S>, String)], error: Error) -> Error {
    before.iter().for_each(|(_, setter, old)| drop(setter(state, old)));
    error
}

fn settable<S>(
    table: &'static [Parameter<S>],
    others: &[(String, String)],
    name: &[u8],
) -> Result<(&'static Parameter<S>, Setter<S>), Error> {
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let immutable = || failed(&lower, "can't set immutable config");
    let Some(parameter) = table.iter().find(|parameter| parameter.name == lower) else {
        return Err(match others.iter().any(|(other, _)| *other == lower) {
            true => immutable(),
            false => Error::new(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                printable(name, 128)
            )),
        });
    };
    Ok((parameter, parameter.set.ok_or_else(immutable)?))
}

fn failed(name: &str, why: &str) -> Error {
    Error::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
}

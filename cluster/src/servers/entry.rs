//! One entry of `servers.json`, field by field, each fault at its own place.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Member, Source};
use crate::address::Address;
use crate::limits::{DEFAULT_WEIGHT, MAX_NAME, MAX_REPLICAS, MAX_WEIGHT};
use crate::refusal::Fault;

/// The fields as they stand in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    addr: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    weight: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    replicas: Option<&'a RawValue>,
}

/// A field that is there, be it `null`: that is a wrong value, not a missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// A member, and where in the file it says so.
pub(super) struct Entry<'a> {
    pub(super) member: Member,
    /// The name, or the address that it defaults to, in the file.
    pub(super) name_text: &'a str,
    addr_text: &'a str,
    replica_texts: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    pub(super) fn parse(source: &Source<'a>, raw: &'a RawValue) -> Result<Self, Fault> {
        if !raw.get().starts_with('{') {
            return Err(source.fault_at(raw.get(), "a member must be an object: { \"addr\": \"host:port\" }"));
        }
        let fields: Fields<'a> = source.parse(raw)?;
        let addr_raw = fields.addr.ok_or_else(|| source.fault_at(raw.get(), "a member must have an addr"))?;
        if let (Some(replicas), None) = (fields.replicas, fields.name) {
            return Err(source.fault_at(replicas.get(), "a member with replicas must have a name"));
        }
        let addr = address(source, addr_raw)?;
        let name = fields.name.map_or_else(|| Ok(addr.to_string()), |raw| name(source, raw))?;
        let weight = fields.weight.map_or(Ok(DEFAULT_WEIGHT), |raw| weight(source, raw))?;
        let (replicas, replica_texts) =
            fields.replicas.map_or(Ok(Default::default()), |raw| replicas(source, raw))?;
        Ok(Self {
            member: Member { name, addr, weight, replicas },
            name_text: fields.name.unwrap_or(addr_raw).get(),
            addr_text: addr_raw.get(),
            replica_texts,
        })
    }

    /// Every address of the entry with its place.
    pub(super) fn addresses(&self) -> impl Iterator<Item = (&Address, &'a str)> {
        let replicas = self.member.replicas.iter().zip(self.replica_texts.iter().copied());
        std::iter::once((&self.member.addr, self.addr_text)).chain(replicas)
    }
}

fn text<'a>(source: &Source<'a>, raw: &'a RawValue, what: &str) -> Result<String, Fault> {
    match raw.get().starts_with('"') {
        true => source.parse(raw),
        false => Err(source.fault_at(raw.get(), format!("{what} must be a string"))),
    }
}

fn address<'a>(source: &Source<'a>, raw: &'a RawValue) -> Result<Address, Fault> {
    let text = text(source, raw, "an address")?;
    Address::parse(&text)
        .map_err(|reason| source.fault_at(raw.get(), format!("address {} {reason}", shown(&text))))
}

/// Names stand in logs, metrics and replies of lines and fields, so that they have no spaces and nothing else
/// that would end a field.
fn name<'a>(source: &Source<'a>, raw: &'a RawValue) -> Result<String, Fault> {
    let text = text(source, raw, "a name")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/-[]".contains(&byte);
    match (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed) {
        true => Ok(text),
        false => Err(source.fault_at(
            raw.get(),
            format!("name {} must be 1 to {MAX_NAME} letters, digits, or . _ : / - [ ]", shown(&text)),
        )),
    }
}

/// Any way to write a whole number that JSON has: `500`, `500.0`, `5e2`.
fn weight<'a>(source: &Source<'a>, raw: &'a RawValue) -> Result<u32, Fault> {
    let number: Option<f64> = raw.get().parse().ok();
    let allowed = |number: &f64| number.fract() == 0.0 && (0.0..=f64::from(MAX_WEIGHT)).contains(number);
    match number.filter(allowed) {
        Some(number) => Ok(number as u32),
        None => Err(source.fault_at(
            raw.get(),
            format!("weight {} must be a whole number from 0 to {MAX_WEIGHT}", shown(raw.get())),
        )),
    }
}

type Replicas<'a> = (Vec<Address>, Vec<&'a str>);

fn replicas<'a>(source: &Source<'a>, raw: &'a RawValue) -> Result<Replicas<'a>, Fault> {
    if !raw.get().starts_with('[') {
        return Err(source.fault_at(raw.get(), "replicas must be an array of addresses"));
    }
    let raws: Vec<&'a RawValue> = source.parse(raw)?;
    if let Some(one_more) = raws.get(MAX_REPLICAS) {
        return Err(source.fault_at(one_more.get(), format!("a member has at most {MAX_REPLICAS} replicas")));
    }
    let addresses = raws.iter().map(|raw| address(source, raw)).collect::<Result<_, _>>()?;
    Ok((addresses, raws.iter().map(|raw| raw.get()).collect()))
}

/// A value as a message shows it: quoted, control characters escaped, and no longer than makes sense in a
/// line.
fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

//! INFO's text as numbers.

use std::collections::HashMap;

use ringtail::{Client, Error, Value};

/// The lines of INFO by their names.
#[derive(Debug, Default, Clone)]
pub(super) struct Info(HashMap<String, String>);

impl Info {
    /// Asks for these sections, one by one: Redis before 7.0 knows no other way.
    pub(super) async fn ask(client: &Client, sections: &[&str]) -> Result<Self, Error> {
        let mut pipeline = client.pipeline();
        for section in sections {
            pipeline.try_cmd(["INFO", section])?;
        }
        let mut all = Self::default();
        for reply in pipeline.run().await? {
            if let Some(text) = reply.error() {
                return Err(Error::Reply(String::from_utf8_lossy(text).into_owned()));
            }
            all.0.extend(Self::of(&reply).0);
        }
        Ok(all)
    }

    fn of(reply: &Value) -> Self {
        Self::parse(&String::from_utf8_lossy(reply.as_bytes().unwrap_or_default()))
    }

    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Self(lines.map(|(name, value)| (name.to_owned(), value.trim_end().to_owned())).collect())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// Lines whose names begin with `prefix`: the rest of the name, and what `name=value,...` says.
    pub(super) fn records(&self, prefix: &str) -> impl Iterator<Item = (&str, Record<'_>)> {
        self.0.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, Record(value))))
    }

    /// Keys of all databases.
    pub(super) fn keys(&self) -> u64 {
        let databases = self.records("db").filter(|(number, _)| number.bytes().all(|b| b.is_ascii_digit()));
        databases.filter_map(|(_, record)| record.number("keys")).sum()
    }
}

/// A line of the form `calls=1,usec=2`.
#[derive(Clone, Copy)]
pub(super) struct Record<'i>(&'i str);

impl Record<'_> {
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.decimal(name).map(|n| n as u64)
    }

    pub(super) fn decimal(&self, name: &str) -> Option<f64> {
        let fields = self.0.split(',').filter_map(|field| field.split_once('='));
        fields.filter(|(field, _)| *field == name).find_map(|(_, value)| value.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::Info;

    #[test]
    fn lines_records_and_keys_are_found() {
        let info = Info::parse(
            "# Stats\r\nused_memory:12\r\ndb0:keys=3,expires=0\r\ndb12:keys=4,expires=1\r\ndbx:keys=9\r\n",
        );
        assert_eq!(info.number("used_memory"), Some(12));
        assert_eq!(info.number("nosuch"), None);
        assert_eq!(info.keys(), 7);
        let info = Info::parse("cmdstat_get:calls=5,usec=7,usec_per_call=1.40\r\n");
        let (name, record) = info.records("cmdstat_").next().unwrap();
        assert_eq!(
            (name, record.number("calls"), record.decimal("usec_per_call")),
            ("get", Some(5), Some(1.4))
        );
    }
}

//! All that a server has.

use ringtail_tests::resp::{Conn, Endpoint, Value, escape};
use std::collections::BTreeMap;

/// Keys by database and name, with their values as DUMP has them and when they go.
#[derive(PartialEq)]
pub(super) struct Contents {
    keys: BTreeMap<(u8, Vec<u8>), (Value, i64)>,
    libraries: String,
}

pub(super) fn contents(endpoint: &Endpoint) -> Contents {
    let mut conn = endpoint.open();
    let mut keys = BTreeMap::new();
    for db in 0..16 {
        assert!(conn.call(&["SELECT", &db.to_string()]).is_ok());
        database(&mut conn, db, &mut keys);
    }
    let libraries = conn.run("FUNCTION LIST WITHCODE").to_string();
    Contents { keys, libraries }
}

fn database(conn: &mut Conn, db: u8, keys: &mut BTreeMap<(u8, Vec<u8>), (Value, i64)>) {
    let mut cursor = "0".to_owned();
    loop {
        let page = conn.call(&["SCAN", &cursor, "COUNT", "500"]);
        let (next, names) = (page.items()[0].text(), page.items()[1].items().to_vec());
        let names: Vec<Vec<u8>> = names.iter().filter_map(|name| name.bytes().map(<[u8]>::to_vec)).collect();
        let asked = |word: &'static str| names.iter().map(move |name| vec![word.as_bytes().to_vec(), name.clone()]);
        let requests: Vec<_> = asked("DUMP").chain(asked("PEXPIRETIME")).collect();
        let mut values = conn.try_pipeline(&requests).expect("DUMP and PEXPIRETIME");
        let times = values.split_off(names.len());
        for ((name, value), time) in names.into_iter().zip(values).zip(times) {
            // One that has expired between the page and the look.
            if value != Value::Nil {
                keys.insert((db, name), (value, time.int()));
            }
        }
        cursor = next;
        if cursor == "0" {
            return;
        }
    }
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Fails with what differs.
    pub(super) fn compare(&self, other: &Self) {
        let all = self.keys.keys().chain(other.keys.keys());
        let differs = all.filter(|key| self.keys.get(*key) != other.keys.get(*key));
        let shown = |at: Option<&(Value, i64)>| match at {
            Some((value, time)) => format!("{value:.120}, until {time}"),
            None => "nothing".to_owned(),
        };
        let lines: Vec<String> = differs
            .take(10)
            .map(|key| {
                let (own, there) = (shown(self.keys.get(key)), shown(other.keys.get(key)));
                format!("{} {}: {own} and there {there}", key.0, escape(&key.1))
            })
            .collect();
        assert!(lines.is_empty(), "{} keys and {}:\n{}", self.len(), other.len(), lines.join("\n"));
        assert_eq!(self.libraries, other.libraries);
    }
}

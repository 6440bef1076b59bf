//! All that a server has.

use ringtail_tests::resp::{Conn, Endpoint, Value, escape};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A value in parts, each with when it goes (-1 for never), in an order that does not depend on the server.
type Parts = Vec<(String, i64)>;

/// Keys by database and name, with their values and when they go.
pub(super) struct Contents {
    keys: BTreeMap<(u8, String), (Parts, i64)>,
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

fn database(conn: &mut Conn, db: u8, keys: &mut BTreeMap<(u8, String), (Parts, i64)>) {
    let mut cursor = "0".to_owned();
    loop {
        let page = conn.call(&["SCAN", &cursor, "COUNT", "500"]);
        let (next, names) = (page.items()[0].text(), page.items()[1].items().to_vec());
        let names: Vec<String> = names.iter().map(Value::text).collect();
        let requests: Vec<Vec<&str>> = names
            .iter()
            .flat_map(|name| ["TYPE", "PEXPIRETIME", "DUMP"].map(|word| vec![word, name.as_str()]))
            .collect();
        let answers = conn.try_pipeline(&requests).expect("what keys there are");
        for (name, answer) in names.iter().zip(answers.chunks(3)) {
            let parts = match answer[0].text().as_str() {
                "hash" => fields(conn, name),
                "set" => members(conn, name),
                _ => vec![(answer[2].to_string(), -1)],
            };
            keys.insert((db, name.clone()), (parts, answer[1].int()));
        }
        cursor = next;
        if cursor == "0" {
            return;
        }
    }
}

fn fields(conn: &mut Conn, key: &str) -> Parts {
    let all = conn.call(&["HGETALL", key]);
    let mut parts: Parts = all
        .items()
        .chunks(2)
        .map(|pair| {
            let time = conn.call(&["HPEXPIRETIME", key, "FIELDS", "1", &pair[0].text()]);
            (format!("{}: {}", pair[0], pair[1]), time.items().first().map_or(-2, Value::int))
        })
        .collect();
    parts.sort();
    parts
}

fn members(conn: &mut Conn, key: &str) -> Parts {
    let mut parts: Parts =
        conn.call(&["SMEMBERS", key]).items().iter().map(|member| (member.to_string(), -1)).collect();
    parts.sort();
    parts
}

impl Contents {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// What is there after a time; of what goes before nobody knows who has looked when.
    fn at(&self, key: &(u8, String), time: i64) -> Option<(Parts, i64)> {
        let (parts, expiry) = self.keys.get(key)?;
        let stays = |at: i64| at == -1 || at > time;
        let parts: Parts = parts.iter().filter(|(_, at)| stays(*at)).cloned().collect();
        (stays(*expiry) && !parts.is_empty()).then_some((parts, *expiry))
    }

    /// Fails with what differs.
    pub(super) fn compare(&self, other: &Self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        let all = self.keys.keys().chain(other.keys.keys());
        let lines: Vec<String> = all
            .filter_map(|key| {
                let (own, there) = (self.at(key, now), other.at(key, now));
                let told =
                    || format!("{} {}: {own:?}\n and there {there:?}", key.0, escape(key.1.as_bytes()));
                (own != there).then(told)
            })
            .collect();
        let some = lines.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
        assert!(
            lines.is_empty(),
            "{} differ of {} keys and {}:\n{some}",
            lines.len(),
            self.len(),
            other.len()
        );
        assert_eq!(self.libraries, other.libraries);
    }
}

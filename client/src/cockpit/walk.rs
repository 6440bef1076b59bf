//! All keys, page by page, by SCAN.

use ringtail::{Client, Error, Value};

/// Keys that a page has, about.
const COUNT: u32 = 500;

/// Where a walk through the keys is.
pub(super) struct Walk {
    client: Client,
    pattern: Option<String>,
    kind: Option<String>,
    count: u32,
    /// Where the next page begins; empty before the first.
    pub(super) cursor: String,
    /// Where the page began that was given last, until the next is asked for: who ends within a page goes on there.
    pub(super) begun: String,
    /// Keys that the server has looked at, about.
    pub(super) visited: u64,
}

/// What one SCAN answered.
pub(super) struct Page {
    pub(super) keys: Vec<Vec<u8>>,
}

impl Walk {
    pub(super) fn new(client: Client, pattern: Option<&str>, kind: Option<&str>) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            client,
            pattern: owned(pattern),
            kind: owned(kind),
            count: COUNT,
            cursor: String::new(),
            begun: String::new(),
            visited: 0,
        }
    }

    /// So many keys a page.
    pub(super) fn by(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    /// Begins at a cursor that an earlier walk came to; 0 is the beginning, as it is for SCAN.
    pub(super) fn from(mut self, cursor: Option<&str>) -> Self {
        self.cursor = cursor.filter(|cursor| *cursor != "0").unwrap_or_default().to_owned();
        self.begun.clone_from(&self.cursor);
        self
    }

    /// The `--cursor` that goes on from here; `None` if that is the end, or the beginning. Who has not taken all of the last page
    /// goes on with that one.
    pub(super) fn resume(&self, whole: bool) -> Option<&str> {
        let cursor = if whole { &self.cursor } else { &self.begun };
        Some(cursor.as_str()).filter(|cursor| !matches!(*cursor, "" | "0"))
    }

    /// The next page; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, Error> {
        if self.cursor == "0" {
            return Ok(None);
        }
        self.begun.clone_from(&self.cursor);
        let cursor = if self.cursor.is_empty() { "0" } else { &self.cursor };
        let count = self.count.to_string();
        let mut words = vec!["SCAN", cursor, "COUNT", &count];
        words.extend(self.pattern.iter().flat_map(|pattern| ["MATCH", pattern]));
        words.extend(self.kind.iter().flat_map(|kind| ["TYPE", kind]));
        let reply = self.client.cmd(&words).await?;
        let (cursor, keys) =
            taken(&reply).ok_or(Error::Unsupported("the server's answer to SCAN is none"))?;
        self.cursor = cursor;
        self.visited += u64::from(self.count).max(keys.len() as u64);
        Ok(Some(Page { keys }))
    }
}

fn taken(reply: &Value) -> Option<(String, Vec<Vec<u8>>)> {
    let [cursor, keys] = reply.as_array()? else { return None };
    let keys = keys.as_array()?.iter().map(|key| key.as_bytes().map(<[u8]>::to_vec));
    Some((cursor.as_str()?.to_owned(), keys.collect::<Option<_>>()?))
}

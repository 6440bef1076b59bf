//! As little of HTTP as the tests need, so that what is sent is what they say.

use std::time::Duration;

use ringtail_tests::resp::{Conn, Endpoint};

/// A connection.
pub(super) struct Http {
    pub(super) conn: Conn,
    got: Vec<u8>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A field's value.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        fields
            .map(|(known, value)| (known, value.trim()))
            .find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// What a problem document says, which it must be.
    pub(super) fn problem(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let said = self.json();
        assert_eq!(said["status"], self.status, "{said}");
        format!("{} {}", said["code"].as_str().expect("a code"), said["detail"].as_str().expect("a detail"))
    }
}

impl Http {
    pub(super) fn connect(endpoint: &Endpoint) -> Http {
        let mut conn = endpoint.connect_raw().expect("a connection to the HTTP door");
        conn.set_patience(Duration::from_secs(20));
        Http::of(conn)
    }

    pub(super) fn of(conn: Conn) -> Http {
        Http { conn, got: Vec::new() }
    }

    /// Sends `GET /path` with these fields and this body, and reads the answer.
    pub(super) fn ask(&mut self, line: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(line, fields, body);
        self.read(line.starts_with("HEAD "))
    }

    pub(super) fn send(&mut self, line: &str, fields: &[(&str, &str)], body: &[u8]) {
        self.try_send(line, fields, body).expect("sent");
    }

    pub(super) fn try_send(
        &mut self,
        line: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<()> {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{fields}\r\n");
        self.conn.send(&[head.as_bytes(), body].concat())
    }

    /// The next answer; that to HEAD has no body.
    pub(super) fn read(&mut self, is_head: bool) -> Answer {
        self.try_read(is_head).expect("an answer")
    }

    /// The same, `None` when the connection ends before it.
    pub(super) fn try_read(&mut self, is_head: bool) -> Option<Answer> {
        let end = loop {
            match self.got.windows(4).position(|four| four == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.more()?,
            }
        };
        let head = String::from_utf8(self.got.drain(..end).collect()).expect("a head is text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut answer = Answer { status, head, body: Vec::new() };
        let length = answer.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if !is_head && status != 304 {
            while self.got.len() < length {
                self.more()?;
            }
            answer.body = self.got.drain(..length).collect();
        }
        Some(answer)
    }

    /// Whether the other side has closed the connection by now.
    pub(super) fn try_ended(&mut self) -> bool {
        self.conn.set_patience(Duration::from_millis(50));
        self.conn.closes()
    }

    /// Whether something has come, which is kept, or the end.
    pub(super) fn peek(&mut self) -> Option<()> {
        self.conn.set_patience(Duration::from_millis(1));
        let found = self.more();
        self.conn.set_patience(Duration::from_secs(20));
        found
    }

    fn more(&mut self) -> Option<()> {
        let mut piece = vec![0; 64 << 10];
        match self.conn.receive(&mut piece) {
            Ok(0) | Err(_) => None,
            Ok(read) => {
                self.got.extend_from_slice(&piece[..read]);
                Some(())
            }
        }
    }

    /// Some commands as JSON: their answers.
    pub(super) fn commands(&mut self, json: &str) -> serde_json::Value {
        let answer = self.ask("POST /v1/commands", &[("content-type", "application/json")], json.as_bytes());
        assert_eq!(answer.status, 200, "{json}: {answer:?}");
        answer.json()
    }
}

//! Connections to other servers of the member, and what is said on them before one is followed.

use crate::server::Server;
use ringtail_net::Stream;
use ringtail_protocol::reply::write_request;
use std::io;
use std::time::Duration;
use tokio::time::timeout;

/// How long a connection, and each answer, may take.
pub(super) const DIAL: Duration = Duration::from_secs(5);
/// Bytes read at once.
const READ: usize = 256 << 10;
/// Longest first line of an answer.
const LINE: usize = 1024;

/// It says what no server of ours does.
pub(super) fn odd() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the primary says what it should not")
}

/// A connection to another server of the member, which knows who this is.
///
/// # Errors
/// It is not there, or refuses.
pub(super) async fn connect(
    server: &Server,
    address: &str,
    within: Duration,
    unread: &mut Vec<u8>,
) -> io::Result<Stream> {
    let access = server.primary_access();
    let mut stream = Stream::connect(address, access.tls.as_ref(), within).await?;
    if let Some(password) = &access.password {
        let secret = password.current();
        let user = access.user.as_deref().unwrap_or("default");
        let auth: [&[u8]; 3] = [b"AUTH", user.as_bytes(), secret.expose()];
        ask(&mut stream, &auth, unread).await?;
    }
    Ok(stream)
}

/// Asks in Redis's protocol, and takes the answer's line.
pub(super) async fn ask(stream: &mut Stream, words: &[&[u8]], unread: &mut Vec<u8>) -> io::Result<String> {
    let mut request = Vec::new();
    write_request(&mut request, words.iter().copied());
    let answered = timeout(DIAL, async {
        stream.write_all(&request).await?;
        loop {
            if let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = unread.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                return match line.strip_prefix('+') {
                    Some(answer) => Ok(answer.to_owned()),
                    None => Err(io::Error::other(format!("it answered {line}"))),
                };
            }
            if unread.len() > LINE {
                return Err(odd());
            }
            stream.readable().await?;
            read(stream, unread)?;
        }
    });
    answered.await.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it does not answer")))
}

/// Reads what has come, if anything has.
pub(super) fn read(stream: &mut Stream, unread: &mut Vec<u8>) -> io::Result<()> {
    unread.reserve(READ);
    match stream.try_read(unread, READ) {
        Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the primary closed the connection")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
        Err(error) => Err(error),
    }
}
